"""Translations: Moses pairs (two files whose lines answer each other) and TMX."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from fm_gui.data.decoding import utf8_file
from fm_gui.data.formats.kinds import ENDINGS
from fm_gui.data.formats.lines import read_lines
from fm_gui.data.formats.source import DAMAGED, Reading, Rows, Source
from fm_gui.errors import UserError

LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
CODES = ("bpt", "ept", "ph", "it", "ut")
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def split_language(name: str) -> tuple[str, str] | None:
    """("corpus", "en") of "corpus.en" and "corpus.en.txt"; None if no language stands there."""
    name = re.sub(r"\.(txt|gz|bz2|xz|zst)$", "", name)
    stem, _, ending = name.rpartition(".")
    return (stem, ending) if stem and LANGUAGE.fullmatch(ending) and f".{ending}" not in ENDINGS else None


def pair_up(paths: list[Path]) -> list[tuple[Path, ...]]:
    """Paths in their order, with those that are a Moses pair together: same folder and stem, different languages."""
    told = [split_language(path.name) for path in paths]
    groups: dict[tuple, list[Path]] = {}
    for path, language in zip(paths, told):
        groups.setdefault((path.parent, language[0]) if language else (path,), []).append(path)
    return [group for paths in groups.values() for group in ([tuple(paths)] if len(paths) == 2 else [(path,) for path in paths])]


def read_pair(first: Source, second: Source) -> Reading:
    """Two text files, line by line, as columns source and target. Raises UserError if one is longer."""
    languages = [(split_language(source.name) or ("", ""))[1] for source in (first, second)]
    (one, encoding), (two, _) = utf8_file(first), utf8_file(second)
    with Rows(first, format="moses", languages=languages, encoding=encoding) as rows:
        for number, (a, b) in enumerate(zip_longest(read_lines(one, first), read_lines(two, second)), 1):
            if a is None or b is None:
                if first.cut or second.cut:
                    break
                raise UserError("pair-lengths", file=first.name, other=second.name, line=number, last=number - 1, shorter=(first if a is None else second).name)
            if (first.damaged or second.damaged) and DAMAGED in a + b:
                rows.skip(number, "skipped.damaged")
            elif a.strip() and b.strip():
                rows.add({"source": a.strip(), "target": b.strip()}, len(a) + len(b))
            elif a.strip() or b.strip():
                rows.skip(number, "skipped.pair")
    return rows.reading()


def read_tmx(source: Source) -> Reading:
    """A translation memory: columns source and target, and one named by its language for each further one."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    languages: list[str] = []
    with Rows(source, format="tmx") as rows, open(source.path, "rb") as file:
        number, depth = 0, 0
        try:
            for event, element in iterparse(file, events=("start", "end")):
                depth += 1 if event == "start" else -1
                if depth > 1_000:
                    raise UserError("tmx-broken", file=source.name)
                tag = element.tag.rpartition("}")[2]
                if event == "start" or tag != "tu":
                    if event == "end" and tag in ("header", "body"):
                        element.clear()
                    continue
                number += 1
                texts = _variants(element)
                element.clear()
                languages = languages or (list(texts) if len(texts) > 1 else [])
                if number % 4_096 == 0:
                    source.tell(file.tell() / source.size)
                if len(texts) < 2 or not all(texts.get(language) for language in languages[:2]):
                    rows.skip(number, "skipped.tmx")
                    continue
                named = {{0: "source", 1: "target"}.get(languages.index(name), name) if name in languages else name: text for name, text in texts.items()}
                rows.add({key: named[key] for key in ("source", "target")} | named, sum(map(len, texts.values())))
        except (ParseError, DefusedXmlException, LookupError, ValueError) as problem:
            if isinstance(problem, UserError):
                raise
            raise UserError("tmx-broken", file=source.name) from None
        rows.detected["languages"] = languages
    if not rows.count or rows.too_many_bad:
        raise UserError("tmx-empty", file=source.name)
    return rows.reading()


def _variants(unit) -> dict[str, str]:
    """Language -> text of one translation unit, without marks inside the text."""
    texts = {}
    for variant in unit:
        language = (variant.get(LANG) or variant.get("lang") or "").lower()
        segment = next((child for child in variant if child.tag.rpartition("}")[2] == "seg"), None)
        if language and segment is not None and language not in texts:
            texts[language] = " ".join("".join(_spoken(segment)).split())
    return texts


def _spoken(element) -> Iterator[str]:
    """The text of a segment without the codes (bpt, ept, ph, it, ut) of the program that it came from; what hi and sub mark is text."""
    if element.tag.rpartition("}")[2] not in CODES:
        yield element.text or ""
    for child in element:
        yield from _spoken(child)
        yield child.tail or ""
