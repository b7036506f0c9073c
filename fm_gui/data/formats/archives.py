"""Folders and archives (.zip, .tar): the tables in them, or their text files, where a file is a row and its folder the label.

Nothing is ever written under a name from an archive; names that point outside, and links, are refused all the same.
"""

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fm_gui.data.decoding import common_encoding, decode
from fm_gui.data.formats.combine import combine, part_in_name
from fm_gui.data.formats.kinds import ENDINGS
from fm_gui.data.formats.prose import file_text
from fm_gui.data.formats.source import LONGEST, Reading, Rows, Source
from fm_gui.data.formats.unpack import BROKEN, charge, copy, enter
from fm_gui.data.split import part_of
from fm_gui.errors import UserError

MOST_MEMBERS = 2_000_000
PROSE = ("text", "markdown", "html")
IGNORED_SHOWN = 100
SAMPLED, BEGINNING = 1_000, 4_096  # files in which the encoding that they share is looked for, and bytes of each
TOO_BAD = (*BROKEN, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError, OverflowError)


@dataclass
class Member:
    """A file in a folder or an archive; ``name`` has "/" between folders."""

    name: str
    size: int
    open: Callable[[], BinaryIO]
    path: Path | None = None  # where it lies, if it is not packed

    @property
    def kind(self) -> str:
        ending = PurePosixPath(self.name).suffix.lower()
        return ENDINGS.get(ending, "" if ending else "text")


def read_folder(source: Source) -> Reading:
    """All files below a folder. Raises UserError if there are none that can be read, or links that lead outside."""
    members, root = [], source.path.resolve()
    for path in sorted(source.path.rglob("*")):
        if not path.resolve().is_relative_to(root):
            raise UserError("archive-path", file=source.name, member=str(path.relative_to(source.path))[:200])
        if path.is_file():
            members.append(Member(path.relative_to(source.path).as_posix(), path.stat().st_size, lambda path=path: path.open("rb"), path))
    inner = enter(source)
    inner.budget.packed = max(1, sum(member.size for member in members))
    return _read_members(members, inner, "folder")


def read_zip(source: Source) -> Reading:
    """The files of a zip archive. Raises UserError if it is broken, locked, a bomb, or its names point outside."""
    with _sound(source), zipfile.ZipFile(source.path) as archive:
        members = []
        for info in archive.infolist():
            name = _zip_name(info)
            _check_name(name, source, link=stat.S_ISLNK(info.external_attr >> 16))
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise UserError("archive-locked", file=source.name)
            members.append(Member(name, info.file_size, lambda info=info: archive.open(info)))
        return _read_members(members, enter(source), "zip")


def read_tar(source: Source) -> Reading:
    """The files of a tar archive. Raises UserError as ``read_zip``."""
    with _sound(source), tarfile.open(source.path, "r:") as archive:
        members = []
        for info in archive:
            _check_name(info.name, source, link=info.issym() or info.islnk())
            if info.isfile():
                members.append(Member(info.name.removeprefix("./"), info.size, lambda info=info: archive.extractfile(info)))
        return _read_members(members, enter(source), "tar")


@contextmanager
def _sound(source: Source):
    try:
        yield
    except UserError:
        raise
    except TOO_BAD:
        raise UserError("archive-broken", file=source.name) from None


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as its maker wrote it: without the UTF-8 mark, Chinese Windows writes GBK, and Python reads cp437."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return info.filename.encode("cp437").decode(encoding)
        except UnicodeError:
            continue
    return info.filename


def _check_name(name: str, source: Source, link: bool) -> None:
    parts = name.replace("\\", "/").split("/")
    if link or ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        raise UserError("archive-path", file=source.name, member=name[:200])


def _read_members(members: list[Member], source: Source, kind: str) -> Reading:
    members = [m for m in members if not any(part.startswith((".", "__MACOSX", "~$")) for part in PurePosixPath(m.name).parts)]
    if not members:
        raise UserError("archive-empty", file=source.name)
    if len(members) > MOST_MEMBERS:
        raise UserError("archive-many", file=source.name, limit=MOST_MEMBERS)
    tables = [member for member in members if member.kind not in ("", *PROSE)]
    prose = [member for member in members if member.kind in PROSE]
    if not tables and len(prose) == 1 and source.options.unit == "auto":
        tables = prose  # one file, just packed
    if not tables and not prose:
        raise UserError("archive-no-data", file=source.name, found=", ".join(member.name for member in members[:5])[:200])
    reading = _read_tables(tables, source) if tables else _read_prose(prose, source, kind)
    used = {member.name for member in tables or prose} - set(reading.detected.get("ignored", []))
    ignored = [member.name for member in members if member.name not in used]
    if ignored:
        reading.detected |= {"ignored": ignored[:IGNORED_SHOWN], "ignored_count": len(ignored)}
    reading.detected["archive"] = kind
    return reading


def _read_tables(members: list[Member], source: Source) -> Reading:
    from fm_gui.data.formats.table import read_source

    members = sorted(members, key=lambda member: member.name)
    readings, names = [], []
    for number, member in enumerate(members[:1] if source.limit else members):
        source.tell(number / len(members))
        path = member.path or source.new_path(PurePosixPath(member.name).suffix.lower())
        if not member.path:
            with member.open() as stream:
                copy(stream, path, source)
        readings.append(read_source(source.other(path, f"{source.name}/{member.name}")))
        names.append(member.name)
        if not member.path:
            path.unlink(missing_ok=True)
    parts = [part_in_name(name) for name in names]
    told = all(parts) and "train" in parts and len(set(parts)) > 1
    return combine(readings, [f"{source.name}/{name}" for name in names], parts if told else [None] * len(names))


def _beginnings(members: list[Member]) -> Iterator[bytes]:
    """Of some members, evenly spread, the beginning."""
    for member in members[:: max(1, len(members) // SAMPLED)]:
        with member.open() as stream:
            yield stream.read(BEGINNING)


def _read_prose(members: list[Member], source: Source, kind: str) -> Reading:
    """A row for each file (or line, or paragraph): text, label (its folders), file, and split if the top folders are parts."""
    folders = {member.name: list(PurePosixPath(member.name).parts[:-1]) for member in members}
    while len({tuple(parts[:1]) for parts in folders.values()}) == 1 and all(folders.values()):
        folders = {name: parts[1:] for name, parts in folders.items()}
    tops = {parts[0] for parts in folders.values() if parts}
    split = bool(tops) and all(map(part_of, tops)) and "train" in map(part_of, tops)
    parts = {name: part_of(folders[name][0]) if split and folders[name] else None for name in folders}
    labels = {name: "/".join(inner[1:] if split else inner) for name, inner in folders.items()}
    # where files mostly lie in folders of a label, one beside those folders is a list or a licence
    labelled = sum(map(bool, labels.values())) > len(labels) / 2 and len(set(labels.values()) - {""}) > 1
    taken = [m for m in members if (not labelled or labels[m.name]) and (not split or parts[m.name])]
    unit = "file" if source.options.unit == "auto" else source.options.unit
    asked = "" if source.options.encoding == "auto" else source.options.encoding
    likely = "" if asked else common_encoding(_beginnings(taken))
    with Rows(source, format=kind, unit=unit) as rows:
        if split:
            rows.detected["part"] = "split"
        rows.detected["ignored"] = [m.name for m in members if m not in taken] if len(taken) < len(members) else []
        for number, member in enumerate(taken, 1):
            if number % 100 == 1:
                source.tell(number / len(taken))
            with member.open() as stream:
                raw = stream.read(LONGEST + 1)
            if not member.path:
                charge(source, len(raw))
            try:
                if len(raw) > LONGEST:
                    raise UserError("file-large", file=member.name, limit=LONGEST // 2**20)
                text, encoding = decode(raw, member.name, asked, likely) if raw else ("", "utf-8")
                text = file_text(text.replace("\r\n", "\n").replace("\r", "\n"), PurePosixPath(member.name).suffix.lower())
            except UserError:
                rows.skip(number, "skipped.file", member=member.name)
                continue
            rows.detected.setdefault("encoding", encoding)
            pieces = [text] if unit == "file" else text.split("\n\n" if unit == "paragraph" else "\n")
            more = ({"label": labels[member.name]} if labelled else {}) | {"file": member.name} | ({"split": parts[member.name]} if split else {})
            for piece in pieces:
                if piece.strip() or unit == "file":
                    rows.add({"text": piece.strip(), **more}, len(piece))
    if not rows.detected["ignored"]:
        del rows.detected["ignored"]
    if not rows.count or rows.too_many_bad:
        raise UserError("archive-unreadable", file=source.name, member=rows.skipped[0]["values"]["member"] if rows.skipped else "", bad=rows.bad)
    return rows.reading()
