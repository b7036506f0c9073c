"""Prose that installed packages carry: docstrings (read, never imported), CLDR names, message catalogues."""

import ast
import json
import re
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

NOT_OURS = re.compile(
    r"(^|/)(tests?|_?testing|externals|_lib|_?vendored|benchmarks?)/|(^|/)(conftest|setup)[.]py$"
)  # tests and other people's code
SECTION = re.compile(r"^[ \t]*([A-Z][A-Za-z ]+)\n[ \t]*-{3,}[ \t]*$", re.MULTILINE)
PROSE_SECTIONS = ("Notes", "Description", "Details")
ROLE = re.compile(r":[a-zA-Z:]+:`~?([^`<]*?)(?: ?<[^`]*>)?`")
CODE = re.compile(r"``?([^`]+)``?_{0,2}")
CITED = re.compile(
    r"\b(in|by|from|see|of|and|to|also|on|e\.g\.),?\s+\[\d+\]_", re.IGNORECASE
)  # would leave a hole when the number is cut out
HAN = re.compile("[\u4e00-\u9fff]")


def docstrings(package: str, *places: str, public: bool = False) -> Iterator[tuple[str, str]]:
    """(file, docstring) of a package's source files (below ``places`` in it, if given), tests left out, in a fixed order.

    ``public`` leaves out those of names that begin with an underscore.
    """
    root = Path(find_spec(package).origin).parent
    files = sorted(file for place in places or (".",) for file in (root / place).rglob("*.py"))
    for file in files:
        inside = file.relative_to(root).as_posix()
        if not NOT_OURS.search(inside):
            yield from ((f"{package}/{inside}", text) for text in _docstrings_in(ast.parse(file.read_text(encoding="utf-8")), public))


def _docstrings_in(node: ast.AST, public: bool) -> Iterator[str]:
    if text := ast.get_docstring(node):
        yield text
    for child in node.body:  # not ast.walk: what stands inside expressions and statements has no docstring
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not (public and child.name.startswith("_")):
            yield from _docstrings_in(child, public)


def prose(docstring: str) -> list[str]:
    """The paragraphs of a docstring that are plain sentences: no parameter tables, examples, lists, formulas or markup."""
    pieces = SECTION.split(docstring)
    bodies = [pieces[0], *(body for title, body in zip(pieces[1::2], pieces[2::2]) if title.strip() in PROSE_SECTIONS)]
    kept = []
    for paragraph in re.split(r"\n\s*\n", "\n\n".join(bodies)):
        if re.match(r"\s*(\.\.|>>>|[-*+|=#] |\d+[.)] |\[\d+\]|:[a-z]+:|@)", paragraph) or re.search(
            r">>>|::\s*$|\n\s+(\.\.|[-*] )", paragraph
        ):
            continue
        indents = {len(line) - len(line.lstrip()) for line in paragraph.splitlines()[1:] if line.strip()}
        if len(indents) > 1 or ":math:" in paragraph or CITED.search(paragraph):
            continue
        text = CODE.sub(r"\1", ROLE.sub(r"\1", re.sub(r"\s*\[\d+\]_", "", paragraph))).replace("*", "")
        text = re.sub(r"\s+", " ", text).strip()
        if is_prose(text):
            kept.append(text)
    return kept


def is_prose(text: str) -> bool:
    """True for whole sentences made mostly of words."""
    letters = sum(character.isalpha() or character == " " for character in text)
    return (
        text[:1].isupper() and text.endswith((".", "!", "?")) and letters >= 0.85 * len(text) and text.count(" ") >= 4 and "\\" not in text
    )


def passages(paragraph: str, longest: int) -> list[str]:
    """A paragraph cut between sentences into passages of at most ``longest`` characters; longer sentences are dropped."""
    found, current = [], ""
    for sentence in re.split(r"(?<=[a-z)][.!?]) (?=[A-Z])", paragraph):
        if current and len(current) + len(sentence) + 1 > longest:
            found.append(current)
            current = ""
        current = f"{current} {sentence}".strip()
    return [text for text in (*found, current) if len(text) <= longest]


def help_topics() -> list[str]:
    """The topics of Python's ``help()``."""
    from pydoc_data.topics import topics

    return [topics[name] for name in sorted(topics)]


def plain_paragraphs(topic: str) -> list[str]:
    """The paragraphs of a help topic that are sentences, without its code, grammar and headings."""
    blocks = (block for block in re.split(r"\n\s*\n", topic) if not re.search(r"::=|^\s*>>>|^[*=~^\"-]{3,}$", block, re.MULTILINE))
    return [text for text in (re.sub(r"\s+", " ", block.replace("*", "")).strip() for block in blocks) if is_prose(text)]


def cldr_names(locale: str) -> list[str]:
    """Display names in one language: territories, languages, scripts, currencies, months, days, units."""
    of = _locale(locale)
    units = [names["long"] for names in of._data["unit_display_names"].values() if "long" in names]  # babel offers them one by one only
    names = [*of.territories.values(), *of.languages.values(), *of.scripts.values(), *of.currencies.values(), *units]
    names += [*of.months["stand-alone"]["wide"].values(), *of.days["stand-alone"]["wide"].values()]
    return list(dict.fromkeys(name for name in names if len(name) > 1 and not any(character.isdigit() for character in name)))


def cldr_everything(locale: str) -> list[str]:
    """:func:`cldr_names`, then variants, time zones and their cities, and some dates in full."""
    import datetime

    from babel.dates import format_date

    of = _locale(locale)
    zones = [
        name
        for zone in (*of.time_zones.values(), *of.meta_zones.values())
        for name in (zone.get("city"), *zone.get("long", {}).values())
        if name
    ]
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=day) for day in range(0, 366, 5)]
    return [*cldr_names(locale), *of.variants.values(), *dict.fromkeys(zones), *(format_date(day, "full", locale=of) for day in days)]


def _locale(name: str):
    from babel import Locale

    return Locale.parse(name)


def language_pack(distribution: str) -> dict[str, dict[str, str]]:
    """A JupyterLab language pack's catalogues: file name -> message -> translation."""
    files = sorted((file for file in metadata.files(distribution) or [] if file.suffix == ".json"), key=str)
    catalogues = {}
    for file in files:
        entries = json.loads(Path(file.locate()).read_text(encoding="utf-8"))
        catalogues[file.stem] = {
            message: translations[0]
            for message, translations in entries.items()
            if message and isinstance(translations, list) and translations and translations[0]
        }
    return catalogues
