"""Bytes to text: which encoding a file is in, and what to tell a person when it is in none."""

import codecs
import re

from fm_gui.errors import UserError

BOMS = (  # utf-32 first: its little-endian mark begins with utf-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAGIC = (
    b"PK\x03\x04",
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PAR1",
    b"\xd0\xcf\x11\xe0",
    b"\x1f\x8b",
    b"Rar!",
    b"7z\xbc\xaf",
    b"SQLite",
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x1f"))
LATIN = {"cp1250", "cp1252", "cp1254", "cp1256", "cp1257", "cp1258", "cp775", "cp850", "cp852", "mac_latin2", "mac_roman", "latin_1"}
WITHIN_WORD = re.compile(r"[^\W\d_][¹²³¼½¾¿£¥¦¨ª¯±¶·¸º×÷\ufffd][^\W\d_]")  # Polish, Czech ... read as western European
CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")  # commonest first
SAMPLE = 100_000  # bytes of lines with non-ASCII characters that the detector looks at


def decode(raw: bytes, file: str, encoding: str | None = None) -> tuple[str, str]:
    """(text, encoding) of a file's bytes, without byte order mark; ``encoding`` given is taken at its word.

    Raises UserError for binary files, and for text that the encoding (given or found) does not fit.
    """
    if raw.startswith(MAGIC):
        raise UserError("file-binary", file=file)
    if encoding:
        return _decode_as(raw, file, encoding)
    for mark, name in BOMS:
        if raw.startswith(mark):
            return _decode_as(raw, file, name)[0], name.removesuffix("-sig")
    try:
        text, name = raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as problem:
        text, name = _decode_legacy(raw, file, problem.start)
    if "\0" in text[:SAMPLE]:  # ASCII characters in UTF-16 are valid UTF-8 with a NUL each
        return _decode_wide(raw, file)
    return text, name


def _decode_as(raw: bytes, file: str, encoding: str) -> tuple[str, str]:
    try:
        name = codecs.lookup(encoding).name
        return raw.decode("utf-8-sig" if name == "utf-8" else name), name
    except LookupError:
        raise UserError("encoding-unknown", encoding=encoding[:40]) from None
    except UnicodeDecodeError as problem:
        raise UserError("encoding-wrong", file=file, encoding=encoding, line=_line(raw, problem.start)) from None


def _decode_wide(raw: bytes, file: str) -> tuple[str, str]:
    """UTF-16 without a mark shows as a NUL in every other byte; NULs elsewhere are no text."""
    head = raw[:SAMPLE]
    low, high = head[1::2].count(0), head[0::2].count(0)
    for name, zeros, others in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        if zeros > len(head) / 8 and others * 20 < zeros:
            return _decode_as(raw, file, name)
    raise UserError("file-binary", file=file)


def _decode_legacy(raw: bytes, file: str, bad_at: int) -> tuple[str, str]:
    """Text that is not UTF-8: the encoding that fits its non-ASCII lines best."""
    head = raw[:SAMPLE]
    if head.count(0) or len(head.translate(None, CONTROLS)) < 0.98 * len(head):
        return _decode_wide(raw, file)
    sample = b"\n".join(_lines_beyond_ascii(raw))
    # a stray damaged character in a file that is otherwise UTF-8: another encoding would garble all the rest
    as_utf8 = sample.decode("utf-8", "replace")
    beyond = sum(character > "\x7f" for character in as_utf8)
    if as_utf8.count("\ufffd") * 20 < beyond:
        raise UserError("encoding-damaged", file=file, line=_line(raw, bad_at))
    name = _guess(sample)
    if not name:
        raise UserError("encoding-undetected", file=file, line=_line(raw, bad_at))
    return _decode_as(raw, file, name)


def _lines_beyond_ascii(raw: bytes):
    size = 0
    for match in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*", raw):
        size += len(match[0])
        if size > SAMPLE and size > len(match[0]):
            return
        yield match[0]


def _guess(sample: bytes) -> str:
    """charset-normalizer's choice, corrected where short texts mislead it: "" if nothing fits."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample)
    best = found.best()
    if best is None:
        return ""
    names = {name: match for match in found for name in match.could_be_from_charset}
    if best.encoding in LATIN and not WITHIN_WORD.search(sample.decode("cp1252", "replace")):
        return "cp1252"  # western European is far commoner than its neighbours, which differ in a few letters
    if best.encoding == "cp949" and "cp932" in names and names["cp932"].chaos < 0.1 and re.search("[ぁ-ん]", str(names["cp932"])):
        return "cp932"  # Japanese in Shift-JIS is also valid, if senseless, Korean
    if best.encoding in CYRILLIC:
        # read in the wrong one, Russian is still Cyrillic letters, but rare ones or capitals
        return max(CYRILLIC, key=lambda name: sum(character in "оеаинтсрвлкмдпуі" for character in sample.decode(name, "replace")))
    return {"gb2312": "gb18030", "gbk": "gb18030", "ascii": "utf-8"}.get(best.encoding, best.encoding)


def _line(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1
