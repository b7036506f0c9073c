"""Bytes to text: which encoding a file is in, and what to tell a person when it is in none.

Readers work on UTF-8; ``utf8_file`` gives them such a file, written anew (in pieces) where the original is in another encoding.
"""

import codecs
import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

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
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x1f"))
LATIN = {"cp1250", "cp1252", "cp1254", "cp1256", "cp1257", "cp1258", "cp775", "cp850", "cp852", "mac_latin2", "mac_roman", "latin_1"}
WITHIN_WORD = re.compile(r"[^\W\d_][¹²³¼½¾¿£¥¦¨ª¯±¶·¸º×÷\ufffd][^\W\d_]")  # Polish, Czech ... read as western European
ASIAN = {"gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp950", "cp932", "shift_jis", "euc_jp", "iso2022_jp", "cp949", "euc_kr"}
OTHERS = {"cp1253", "iso8859_7", "cp1255", "iso8859_8", "iso8859_2", "iso8859_9", "iso8859_15", "cp874", "tis_620", "ascii", "utf_8"}
KOREAN = "이다는을를가고에의하지한은도로으니습어음요기라"  # endings and particles; their bytes are rare characters in Chinese
CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")  # commonest first
SAMPLE = 100_000  # bytes of lines with non-ASCII characters that the detector looks at
LINE_ENDS = 2_000  # bytes of such a line around its first such character
BLOCK = 2**20
PREVIEW = 2**20  # bytes of a large file that a preview reads


def utf8_file(source: "Source", trust: bool = False) -> tuple[Path, str]:
    """(file with the text as UTF-8, perhaps after a byte order mark; encoding of the original).

    With ``trust``, a file whose beginning is UTF-8 is given back unchecked: the caller meets what is wrong further down.
    Of a large file, a preview (``source.limit``) gets the first whole lines; then ``source.cut`` is set.
    Raises UserError for binary files, and for text that the encoding (given or found) does not fit.
    """
    asked = "" if source.options.encoding == "auto" else source.options.encoding
    with open(source.path, "rb") as file:
        head = file.read(PREVIEW)
        more = bool(file.read(1))
    if source.limit and (more or source.cut):
        source.cut = True
        cut = max(head.rfind(b"\n"), head.rfind(b"\r"))
        text, encoding = _preview(head, source.name, asked)
        path = source.new_path(".txt")
        whole_lines = text[: text.rfind("\n") + 1] if cut > 0 else text
        path.write_text(whole_lines or text, encoding="utf-8", newline="")
        return path, encoding
    if trust and not asked and _is_utf8(head) and not head.startswith(tuple(mark for mark, _ in BOMS[1:])) and b"\0" not in head[:SAMPLE]:
        return source.path, "utf-8"
    with open(source.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        encoding = find_encoding(raw, source.name, asked)
    if encoding in ("utf-8", "utf-8-sig"):
        return source.path, "utf-8"
    return _rewrite(source, encoding), encoding


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
    """(text, encoding) of a small file's bytes, without byte order mark; ``likely`` is tried before any other but UTF-8. Raises UserError as ``utf8_file``."""
    if likely and not encoding and not raw.startswith(tuple(mark for mark, _ in BOMS)) and not _is_utf8(raw, final=True):
        try:
            return raw.decode(likely), likely
        except UnicodeError:
            pass
    name = find_encoding(raw, file, encoding)
    return raw.decode("utf-8-sig" if name == "utf-8" else name), name.removesuffix("-sig")


def find_encoding(raw: "bytes | mmap.mmap", file: str, asked: str = "") -> str:
    """The name of the encoding that all of ``raw`` is in: the one ``asked`` for, or found. Raises UserError."""
    if asked:
        try:
            "".encode(asked)  # a LookupError too for a codec of something else than text
            name = codecs.lookup(asked).name
        except (LookupError, UnicodeError, ValueError):
            raise UserError("encoding-unknown", encoding=asked[:40]) from None
        return _fitting(raw, file, name, asked)
    for mark, name in BOMS:
        if raw[: len(mark)] == mark:
            return _fitting(raw, file, name)
    bad_at = _misfit(raw, "utf-8")
    name = "utf-8" if bad_at is None else _find_legacy(raw, file, bad_at)
    if name == "utf-8" and b"\0" in raw[:SAMPLE]:  # ASCII characters in UTF-16 are valid UTF-8 with a NUL each
        return _find_wide(raw, file)
    return name


def _preview(head: bytes, file: str, asked: str) -> tuple[str, str]:
    """The text of a file's beginning, which may end within a character."""
    tail = 0
    while tail < 4 and asked in ("", "utf-8") and not _is_utf8(head[: len(head) - tail], final=True):
        tail += 1
    if tail < 4 and asked in ("", "utf-8"):
        head = head[: len(head) - tail]
    else:
        head = head[: len(head) // 4 * 4]  # UTF-16 and UTF-32 are in step again
    try:
        name = find_encoding(head, file, asked)
    except UserError as problem:
        line_end = max(head.rfind(b"\n"), head.rfind(b"\r")) + 1
        if problem.code not in ("encoding-wrong", "encoding-damaged", "encoding-undetected") or not line_end:
            raise
        head = head[:line_end]  # the cut went through a character
        name = find_encoding(head, file, asked)
    return head.decode("utf-8-sig" if name == "utf-8" else name, "ignore"), name.removesuffix("-sig")


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


def _fitting(raw: "bytes | mmap.mmap", file: str, name: str, asked: str = "") -> str:
    if (bad_at := _misfit(raw, name)) is not None:
        raise UserError("encoding-wrong", file=file, encoding=asked or name, line=_line(raw, bad_at))
    return name


def _rewrite(source: "Source", encoding: str) -> Path:
    path = source.new_path(".txt")
    decoder = codecs.getincrementaldecoder(encoding)()
    with disk_guard(source.folder, source.size), open(source.path, "rb") as file, open(path, "wb") as out:
        while block := file.read(BLOCK):
            out.write(decoder.decode(block).encode("utf-8", "replace"))
            source.progress(file.tell() / source.size, "reading.decode")
        out.write(decoder.decode(b"", True).encode("utf-8", "replace"))
    return path


def _find_wide(raw: "bytes | mmap.mmap", file: str) -> str:
    """UTF-16 without a mark shows as a NUL in every other byte; NULs elsewhere are no text."""
    head = raw[:SAMPLE]
    low, high = head[1::2].count(0), head[0::2].count(0)
    for name, zeros, others in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        if others * 20 < zeros and (zeros > len(head) / 8 or _is_wide_text(head, name)):
            return _fitting(raw, file, name)
    raise UserError("file-binary", file=file)


def _is_wide_text(head: bytes, name: str) -> bool:
    """True if bytes with few NULs are whole lines of Chinese, Japanese or Korean in UTF-16: hardly a character of any other script."""
    text = head[: len(head) // 2 * 2].decode(name, "replace")
    strange = sum(not (c.isascii() or "\u2010" <= c <= "\u206f" or "\u3000" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" or "\uff00" <= c <= "\uffef") for c in text)
    return bool(re.search(r"[\r\n]", text)) and "\0" not in text and strange <= 0.02 * len(text)


def _find_legacy(raw: "bytes | mmap.mmap", file: str, bad_at: int) -> str:
    """Text that is not UTF-8: the encoding that fits its non-ASCII lines best."""
    head = raw[:SAMPLE]
    if head.count(0) or len(head.translate(None, CONTROLS)) < 0.98 * len(head):
        return _find_wide(raw, file)
    sample = b"\n".join(_lines_beyond_ascii(raw))
    # a stray damaged character in a file that is otherwise UTF-8: another encoding would garble all the rest
    as_utf8 = sample.decode("utf-8", "replace")
    beyond = sum(character > "\x7f" for character in as_utf8)
    if as_utf8.count("\ufffd") * 20 < beyond:
        raise UserError("encoding-damaged", file=file, line=_line(raw, bad_at))
    name = _guess(sample)
    if not name:
        raise UserError("encoding-undetected", file=file, line=_line(raw, bad_at))
    return _fitting(raw, file, codecs.lookup(name).name)


def _lines_beyond_ascii(raw: "bytes | mmap.mmap"):
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
    """charset-normalizer's choice, corrected where short texts mislead it: "" if nothing fits."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample)
    # the commonest first among those that fit: of a short text, many exotic ones do
    best = next((match for match in found if match.encoding in LATIN | ASIAN | OTHERS | set(CYRILLIC)), found.best())
    if best is None:
        return ""
    names = {name: match for match in found for name in match.could_be_from_charset}
    if best.encoding in LATIN and not WITHIN_WORD.search(sample.decode("cp1252", "replace")):
        return "cp1252"  # western European is far commoner than its neighbours, which differ in a few letters
    if best.encoding == "cp949" and "cp932" in names and names["cp932"].chaos < 0.1 and re.search("[ぁ-ん]", str(names["cp932"])):
        return "cp932"  # Japanese in Shift-JIS is also valid, if senseless, Korean
    if best.encoding in ("cp949", "euc_kr"):  # what few lines of Chinese and Japanese are valid, if senseless, in
        if _share(sample, "cp932", "[ぁ-んァ-ヶ]") > 0.2:
            return "cp932"
        chinese = _share(sample, best.encoding, "[一-鿿]")  # today's Korean has hardly such a character
        senseless = chinese > 0.1 or chinese > 0 and _share(sample, best.encoding, f"[{KOREAN}]") < 0.05
        if senseless and _share(sample, "gb18030", ".") > 0:
            return "gb18030"
    if best.encoding in CYRILLIC:
        # read in the wrong one, Russian is still Cyrillic letters, but rare ones or capitals
        return max(CYRILLIC, key=lambda name: sum(character in "оеаинтсрвлкмдпуі" for character in sample.decode(name, "replace")))
    return {"gb2312": "gb18030", "gbk": "gb18030", "ascii": "utf-8"}.get(best.encoding, best.encoding)


def _share(sample: bytes, encoding: str, characters: str) -> float:
    """The share of ``characters`` (a regular expression for one) in what is beyond ASCII; 0 where the encoding does not fit."""
    try:
        beyond = [c for c in sample.decode(encoding) if c > "\x7f"]
    except UnicodeError:
        return 0
    return sum(bool(re.match(characters, c)) for c in beyond) / max(1, len(beyond))


def _line(raw: "bytes | mmap.mmap", position: int) -> int:
    return 1 + sum(raw[start : min(start + BLOCK, position)].count(b"\n") for start in range(0, position, BLOCK))
