"""Bytes to text: which encoding a file is in, and what to tell a person when it is in none.

Readers work on UTF-8; ``utf8_file`` gives them such a file, written anew (in pieces) where the original is in another encoding.
"""

import codecs
import contextlib
import mmap
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.data.encodings import ASIAN, guess, wide
from fm_gui.data.formats.source import DAMAGED, LONGEST
from fm_gui.errors import UserError
from fm_gui.files import disk_guard

if TYPE_CHECKING:
    from fm_gui.data.formats.source import Source

BOMS = (  # utf-32 first: its little-endian mark begins with utf-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x1f\x01"))  # \x01 separates columns in some exports
SAMPLE = 100_000  # bytes of lines with non-ASCII characters that the detector looks at
LINE_ENDS = 2_000  # bytes of such a line around its first such character
BLOCK = 2**20
PREVIEW = 2**20  # bytes of a large file that a preview reads
FEW = 20  # one character in so many may be damaged in a text that is all the same taken for what it is


@dataclass(frozen=True)
class Encoding:
    """What a text is in: ``name``, but for lines in ``other`` ("" for none) and, if ``damaged``, characters that cannot be read."""

    name: str
    other: str = ""
    damaged: bool = False


def utf8_file(source: "Source", trust: bool = False) -> tuple[Path, str]:
    """(file with the text as UTF-8, perhaps after a byte order mark; encoding of the original).

    With ``trust``, a file whose beginning is UTF-8 is given back unchecked: the caller meets what is wrong further down.
    Of a large file, a preview (``source.limit``) gets the first whole lines; then ``source.cut`` is set. Where characters
    cannot be read, DAMAGED stands for them and ``source.damaged`` is set; ``source.mixed`` tells of lines in another encoding.
    Raises UserError for binary files, and for text that the encoding (given or found) does not fit.
    """
    asked = "" if source.options.encoding == "auto" else source.options.encoding
    with open(source.path, "rb") as file:
        head = file.read(PREVIEW)
        more = bool(file.read(1))
    if source.limit and (more or source.cut):
        source.cut = True
        cut = max(head.rfind(b"\n"), head.rfind(b"\r"))
        text, encoding = _preview(head, source, asked)
        path = source.new_path(".txt")
        whole_lines = text[: text.rfind("\n") + 1] if cut > 0 else text
        path.write_text(whole_lines or text, encoding="utf-8", newline="")
        return path, encoding
    if trust and not asked and _is_utf8(head) and not head.startswith(tuple(mark for mark, _ in BOMS[1:])) and b"\0" not in head[:SAMPLE]:
        return source.path, "utf-8"
    with open(source.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        encoding = find_encoding(raw, source.name, asked)
    if encoding in (Encoding("utf-8"), Encoding("utf-8-sig")):
        return source.path, "utf-8"
    return _rewrite(source, encoding), encoding.name.removesuffix("-sig")


def common_encoding(raws: Iterable[bytes]) -> str:
    """What those of several files that are not UTF-8 are in, judged together, as a short one alone says too little; "" if there is none.

    Of a long file, its beginning will do, even if it ends within a character.
    """
    held, size = [], 0
    for raw in raws:
        end = max(map(raw.rfind, (b"\n", b" ", b",", b".")))  # the last place that is not within a character
        raw = raw if len(raw) < LINE_ENDS else raw[: end + 1]
        if raw and not _is_utf8(raw, final=True) and b"\0" not in raw:
            held.append(raw)
            size += len(raw)
        if size > SAMPLE:
            break
    return _guess(b"\n".join(held)) if held else ""


def decode(raw: bytes, file: str, encoding: str = "", likely: str = "") -> tuple[str, str]:
    """(text, encoding) of a small file's bytes, without byte order mark; ``likely`` is tried before any other but UTF-8.

    Raises UserError as ``utf8_file``, and for a text with damaged characters.
    """
    if likely and not encoding and not raw.startswith(tuple(mark for mark, _ in BOMS)) and not _is_utf8(raw, final=True):
        try:
            return raw.decode(likely), likely
        except UnicodeError:
            pass
    found = find_encoding(raw, file, encoding)
    if found.damaged:
        raise UserError("encoding-damaged", file=file, line=_line(raw, _misfit(raw, found.name) or 0), bad=1)
    return _text(raw, found), found.name.removesuffix("-sig")


def find_encoding(raw: "bytes | mmap.mmap", file: str, asked: str = "") -> Encoding:
    """What all of ``raw`` is in: the encoding ``asked`` for, or the one found. Raises UserError."""
    if asked:
        try:
            "".encode(asked)  # a LookupError too for a codec of something else than text
            name = codecs.lookup(asked).name
        except (LookupError, UnicodeError, ValueError):
            raise UserError("encoding-unknown", encoding=asked[:40]) from None
        if name in ("utf-16", "utf-32") and not raw[:4].startswith(tuple(mark for mark, of in BOMS if of == name)):
            name = wide(raw[:SAMPLE]) if name == "utf-16" else ""
            if not name:  # their decoders need the mark
                raise UserError("encoding-wrong", file=file, encoding=asked, line=1)
        return _fitting(raw, file, name, asked)
    for mark, name in BOMS:
        if raw[: len(mark)] == mark:
            return _fitting(raw, file, name)
    bad_at = _misfit(raw, "utf-8")
    if bad_at is not None:
        return _find_legacy(raw, file, bad_at)
    # ASCII characters in UTF-16 are valid UTF-8 with a NUL each
    return _find_wide(raw, file) if b"\0" in raw[:SAMPLE] else Encoding("utf-8")


def _preview(head: bytes, source: "Source", asked: str) -> tuple[str, str]:
    """The text of a file's beginning, which may end within a character."""
    tail = 0
    while tail < 4 and asked in ("", "utf-8") and not _is_utf8(head[: len(head) - tail], final=True):
        tail += 1
    if tail < 4 and asked in ("", "utf-8"):
        head = head[: len(head) - tail]
    else:
        head = head[: len(head) // 4 * 4]  # UTF-16 and UTF-32 are in step again
        if b"\0" not in head:
            head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head  # the cut may have gone through a character
    found = find_encoding(head, source.name, asked)
    text = _text(head, found)
    source.damaged = found.damaged
    if found.other:
        source.mixed = {"encoding": found.other, "lines": sum(not _is_utf8(line, final=True) for line in head.split(b"\n"))}
    return text, found.name.removesuffix("-sig")


def _is_utf8(raw: bytes, final: bool = False) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw, final)
    except UnicodeDecodeError:
        return False
    return True


def _misfit(raw: "bytes | mmap.mmap", name: str) -> int | None:
    """Where (to some bytes) ``raw`` is not in encoding ``name``; None if it is all through."""
    decoder = codecs.getincrementaldecoder(name)()
    for start in range(0, len(raw) or 1, BLOCK):
        try:
            decoder.decode(raw[start : start + BLOCK], start + BLOCK >= len(raw))
        except UnicodeError as problem:
            return start + max(0, getattr(problem, "start", 0))
    return None


def _fitting(raw: "bytes | mmap.mmap", file: str, name: str, asked: str = "") -> Encoding:
    """Encoding ``name``, with damage if a little of ``raw`` does not fit it. Raises UserError if much does not."""
    bad_at = _misfit(raw, name)
    if bad_at is None:
        return Encoding(name)
    damaged = Encoding(name, damaged=True)
    with contextlib.suppress(UnicodeError):  # some codecs, such as punycode, cannot pass over what does not fit
        piece = raw[max(0, bad_at - SAMPLE) // 4 * 4 : bad_at + SAMPLE].decode(name, _errors(damaged))
        if _slightly_damaged(_marked(piece, damaged).replace(DAMAGED, "\ufffd")):
            return damaged
    raise UserError("encoding-wrong", file=file, encoding=asked or name, line=_line(raw, bad_at))


def _slightly_damaged(text: str) -> bool:
    return text.count("\ufffd") * FEW < sum(character > "\x7f" for character in text)


# -- the text itself


def _text(raw: bytes, encoding: Encoding) -> str:
    if encoding.other:
        return "".join(text for text, _ in _mixed_lines(iter(raw.splitlines(keepends=True)), encoding.other))
    decoder = codecs.getincrementaldecoder(encoding.name)(_errors(encoding))
    return _marked(decoder.decode(raw, True), encoding).removeprefix("\ufeff")


def _errors(encoding: Encoding) -> str:
    wide_one = encoding.name.startswith(("utf-16", "utf-32"))
    return ("replace" if wide_one else "surrogateescape") if encoding.damaged else "strict"


def _marked(text: str, encoding: Encoding) -> str:
    """Decoded text with DAMAGED for whatever the decoder could not read."""
    return re.sub("[\ud800-\udfff\ufffd]+" if _errors(encoding) == "replace" else "[\ud800-\udfff]+", DAMAGED, text) if encoding.damaged else text


def _mixed_lines(lines: Iterator[bytes], other: str) -> Iterator[tuple[str, bool]]:
    """(line, whether it was in the other encoding) of a text in UTF-8 and another."""
    for line in lines:
        try:
            yield line.decode("utf-8"), False
        except UnicodeDecodeError:
            yield _marked(line.decode(other, "surrogateescape"), Encoding(other, damaged=True)), True


def _rewrite(source: "Source", encoding: Encoding) -> Path:
    """The file written anew in UTF-8; what was odd on the way is told to ``source``."""
    path = source.new_path(".txt")
    with disk_guard(source.folder, source.size), open(source.path, "rb") as file, open(path, "wb") as out:
        if encoding.other:
            others = 0
            for text, is_other in _mixed_lines(iter(lambda: file.readline(LONGEST), b""), encoding.other):
                others += is_other
                source.damaged = source.damaged or is_other and DAMAGED in text
                out.write(text.encode("utf-8", "replace"))
            source.mixed = {"encoding": encoding.other, "lines": others}
            return path
        source.damaged = encoding.damaged
        decoder = codecs.getincrementaldecoder(encoding.name)(_errors(encoding))
        while True:
            block = file.read(BLOCK)
            out.write(_marked(decoder.decode(block, not block), encoding).encode("utf-8", "replace"))
            source.progress(file.tell() / source.size, "reading.decode")
            if not block:
                return path


# -- what is neither UTF-8 nor marked


def _find_wide(raw: "bytes | mmap.mmap", file: str) -> Encoding:
    """UTF-16 without a mark; NULs in anything else are no text."""
    name = wide(raw[:SAMPLE])
    if not name:
        raise UserError("file-binary", file=file)
    return _fitting(raw, file, name)


def _find_legacy(raw: "bytes | mmap.mmap", file: str, bad_at: int) -> Encoding:
    """Text that is not UTF-8: the encoding that fits its non-ASCII lines best; or two, if many lines are UTF-8 all the same."""
    head = raw[:SAMPLE]
    if head.count(0) or len(head.translate(None, CONTROLS)) < 0.98 * len(head):
        return _find_wide(raw, file)
    lines = list(_lines_beyond_ascii(raw))
    if _slightly_damaged(b"\n".join(lines).decode("utf-8", "replace")):  # another encoding would garble all the rest
        return Encoding("utf-8", damaged=True)
    wrong = [line for line in lines if not _is_utf8(line, final=len(line) < SAMPLE)]
    right = len(lines) - len(wrong)
    name = _guess(b"\n".join(wrong))
    # two or three bytes of Chinese, Japanese or Korean may be valid UTF-8 by chance
    if right and (name not in ASIAN if name else True) or right > max(2, 0.2 * len(lines)):
        return Encoding("utf-8", other=name) if name else Encoding("utf-8", damaged=True)
    if not name:
        raise UserError("encoding-undetected", file=file, line=_line(raw, bad_at))
    return _fitting(raw, file, codecs.lookup(name).name)


def _lines_beyond_ascii(raw: "bytes | mmap.mmap") -> Iterator[bytes]:
    """The lines with a non-ASCII character, SAMPLE bytes of them; of a long line a part."""
    size, end, high = 0, 0, re.compile(rb"[\x80-\xff]")
    while size < SAMPLE and (found := high.search(raw, end)):
        at = found.start()
        start = max(raw.rfind(b"\n", max(end, at - LINE_ENDS), at) + 1, end, at - LINE_ENDS)
        while start > end and raw[start] >= 0x80:  # not within a character of several bytes
            start -= 1
        line_end = raw.find(b"\n", at, at + SAMPLE)
        end = line_end if line_end >= 0 else min(len(raw), at + SAMPLE)
        size += end - start
        yield raw[start:end]


def _guess(sample: bytes) -> str:
    """Our own choice, by what languages look like; charset-normalizer's for those that it does not know; "" if nothing fits."""
    if name := guess(sample):
        return name
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return "" if best is None or best.encoding in ("ascii", "utf_8") else best.encoding


def _line(raw: "bytes | mmap.mmap", position: int) -> int:
    return 1 + sum(raw[start : min(start + BLOCK, position)].count(b"\n") for start in range(0, position, BLOCK))
