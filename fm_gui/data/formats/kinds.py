"""Which kind of file it is: by its first bytes, then by its ending, then by what its text looks like."""

import json
import re
import zipfile

from fm_gui.data.encodings import wide
from fm_gui.data.formats.prose import is_conll
from fm_gui.data.formats.source import Source
from fm_gui.data.shape import Shape, find_delimiter
from fm_gui.errors import UserError

HEAD = 2**16  # bytes that are looked at
ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text", ".text": "text",
    ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".xhtml": "html", ".conll": "conll", ".conllu": "conll",
    ".iob": "conll", ".iob2": "conll", ".bio": "conll", ".tmx": "tmx",
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
    ".xlsx": "sheet", ".xlsm": "sheet", ".xlsb": "sheet", ".xls": "sheet", ".ods": "sheet",
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
    ".gz": "packed", ".bz2": "packed", ".xz": "packed", ".zst": "packed", ".zip": "zip", ".tar": "tar", ".tgz": "packed",
}  # fmt: skip
BINARY = ("parquet", "arrow", "sheet", "sqlite", "packed", "zip", "tar")
MAGIC = (
    (b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"FEA1", "arrow"), (b"SQLite format 3\0", "sqlite"), (b"\x1f\x8b", "packed"), (b"BZh", "packed"),
    (b"\xfd7zXZ\0", "packed"), (b"\x28\xb5\x2f\xfd", "packed"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\xd0\xcf\x11\xe0", "sheet"),
    (b"%PDF-", "other"), (b"\x89PNG", "other"), (b"\xff\xd8\xff", "other"), (b"GIF8", "other"), (b"Rar!\x1a", "other"), (b"7z\xbc\xaf", "other"),
    (b"\x7fELF", "other"), (b"\x89HDF", "other"), (b"RIFF", "other"), (b"ID3", "other"), (b"\x93NUMPY", "other"),
)  # fmt: skip
OFFICE = {"xl/workbook.xml": "sheet", "xl/workbook.bin": "sheet", "word/document.xml": "other", "ppt/presentation.xml": "other"}


def kind_of(source: Source) -> str:
    """The name of a format in FORMATS. Raises UserError if the file is not there, empty, or of a kind that cannot be read."""
    if source.path.is_dir():
        return "folder"
    try:
        with open(source.path, "rb") as file:
            head = file.read(HEAD)
            if not head.removeprefix(b"\xef\xbb\xbf").strip() and not _has_more(file):
                raise UserError("file-empty", file=source.name)
    except FileNotFoundError:
        raise UserError("file-missing", file=source.name) from None
    except OSError as problem:
        raise UserError("file-unreadable", file=source.name, reason=problem.strerror or str(problem)) from None
    named = ENDINGS.get(source.ending, "")
    kind = _by_magic(source, head, named)
    if kind == "other":
        raise UserError("file-binary" if named else "file-ending", file=source.name, **({} if named else {"known": " ".join(ENDINGS)}))
    if kind:
        return kind
    if source.options.format != "auto":
        return source.options.format
    if named in BINARY:
        text = _as_text(head)
        looks = looks_like(text) if text else ""
        if looks in ("", "text", "html"):
            raise UserError("file-content", file=source.name, ending=source.ending)
        return looks
    return _by_text(_as_text(head), named)


def _has_more(file) -> bool:
    while block := file.read(2**20):
        if block.strip():
            return True
    return False


def _by_magic(source: Source, head: bytes, named: str) -> str:
    magic, kind = next(((magic, kind) for magic, kind in MAGIC if head.startswith(magic)), (b"", ""))
    if kind == "zip":
        return _zip_kind(source)
    if magic.isalnum() and magic not in (b"PAR1", b"ARROW1", b"FEA1") and _as_text(head):
        return ""  # a text that begins with "RIFF" or "BZh"
    if head[257:262] == b"ustar":
        return "tar"
    if not kind and named == "arrow" and head.startswith(b"\xff\xff\xff\xff"):
        return "arrow"  # the stream form has no magic of its own
    if not kind and named == "sheet" and head[:2] in (b"\x09\x08", b"\x09\x04", b"\x09\x02"):
        return "sheet"  # Excel before 1997
    return kind


def _zip_kind(source: Source) -> str:
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = set(archive.namelist())
            kind = next((kind for name, kind in OFFICE.items() if name in names), "")
            if not kind and "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                mime = archive.read("mimetype")
                kind = "sheet" if b"opendocument.spreadsheet" in mime else "other" if b"opendocument" in mime or b"epub" in mime else ""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, OverflowError):
        raise UserError("archive-broken", file=source.name) from None
    if kind == "other":
        raise UserError("file-ending", file=source.name, known=" ".join(ENDINGS))
    return kind or "zip"


def _as_text(head: bytes) -> str:
    """The beginning of a file as text, roughly; "" if it is none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 4 * 4].decode("utf-16", "replace")
    controls = sum(head.count(bytes([byte])) for byte in (*range(2, 9), *range(14, 27)))
    if b"\0" in head or controls > len(head) / 100:
        name = wide(head)
        return head[: len(head) // 2 * 2].decode(name, "replace") if name else ""
    return head.decode("utf-8", "replace").removeprefix("\ufeff")


def _by_text(text: str, named: str) -> str:
    if not text:
        return named or "text"  # decoding says what is wrong
    if named == "text":
        return "conll" if is_conll(text) else "text"
    if named in ("csv", "json"):  # JSON under the wrong ending is common, and JSON lines under JSON's
        looks = looks_like(text)
        return looks if looks in ("json", "jsonl") or looks == "conll" and _in_sentences(text) else named
    return named or looks_like(text)


def _in_sentences(text: str) -> bool:
    """True if blank lines stand between some of a CoNLL file's lines: a table of words with tags has none."""
    return re.search(r"\n\s*\n\s*\S", text) is not None and not re.match(r"\ufeff?\s*(?i:token|word|text|form|sentence)\b", text)


def looks_like(text: str) -> str:
    """The kind of a text without a telling name."""
    start = text.lstrip()
    if start[:1] in ("[", "{"):
        objects = [_object(line) for line in start.split("\n", 2)[:2] if line.strip()]
        lists_inside = bool(objects) and bool(objects[0]) and any(isinstance(value, (list, dict)) for value in objects[0].values())
        texts_as_names = len(objects) == 1 and bool(objects[0]) and sum(" " in key for key in objects[0]) > len(objects[0]) / 2
        if all(objects) and (len(objects) == 2 or not lists_inside and not texts_as_names):
            return "jsonl"
        if re.match(r"\{\s*[\"}]|\[\s*[\[{\"\]]", start):
            return "json"
    if "<tmx" in start.lower() and start.startswith("<"):
        return "tmx"
    if re.match(r"(?i)(<\?xml[^>]*>\s*)?(<!doctype html|<html)", start):
        return "html"
    if is_conll(text):
        return "conll"
    delimiter = find_delimiter(text)
    widths = [len(row) for row in Shape(delimiter).records(text.split("\n")[:-1][:100]) if row] if delimiter else []
    return "csv" if len(widths) > 2 and widths.count(widths[0]) > 0.95 * len(widths) else "text"


def _object(line: str) -> dict | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
