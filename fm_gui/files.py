"""Writing files so that a reader, or a power cut, never meets half of one."""

import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from fm_gui.errors import UserError

# letters and digits of any script, then also - and _ : safe as a folder name and in an address
_NAME = re.compile(r"[^\W_][\w-]{0,63}")
# write_text's, write_table's, and what a checkpoint is written to
_HALF = re.compile(r"\.(.+\.[0-9a-f]{8}|[0-9a-f]{32}(\.npz)?|(checkpoint|best|model)\.new)")
WORKSPACE_MARK = "workspace.json"  # the file that makes a folder a workspace (see layout.py)
LONGEST_NAME = 200  # bytes: file systems take 255, and the bin and the locks put something before it


def write_json(path: Path, value, *, sync: bool = True) -> None:
    """Replace ``path`` with ``value`` as JSON, whole or not at all; see ``write_text``."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1), sync=sync)


def write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Replace ``path`` with ``text``, whole or not at all: written beside, synced, then renamed.

    Without ``sync`` a power cut may bring the old text back. On a full disk nothing is left beside.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")  # its own, since two threads may write the same file
    try:
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def is_half_written(name: str) -> bool:
    """True for what stands beside a file or folder until it is whole: a killed program leaves it behind, and nobody reads it."""
    return bool(_HALF.fullmatch(name))


def append_line(path: Path, line: str) -> None:
    """Add ``line`` and a line end to ``path``, whole or not at all: no reader, crash or full disk leaves half of it.

    Raises OSError; a line that did not fit is taken back first. There must be one writer.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    data, size = f"{line}\n".encode(), os.fstat(handle).st_size
    try:
        if os.write(handle, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    except OSError:
        os.ftruncate(handle, size)
        raise
    finally:
        os.close(handle)


def sync_to_disk(path: Path) -> None:
    """Have the system put what was written to a file or folder where a power cut cannot reach it."""
    if os.name == "nt" and path.is_dir():  # Windows cannot, and need not
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.EBADF):  # some file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


def measured(path: Path) -> dict[str, Any]:
    """The size and hash of a file, by which it is known again: {"bytes", "blake2b"}."""
    with open(path, "rb") as file:
        return {"bytes": path.stat().st_size, "blake2b": hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()}


def damaged(folder: Path, known: dict[str, dict[str, Any]]) -> list[str]:
    """Those of the files below ``folder`` in ``known`` (name -> ``measured``) that are missing or not what they were."""
    return [name for name, was in known.items() if not _is(folder / name, was)]


def _is(path: Path, was: dict[str, Any]) -> bool:
    try:
        return path.stat().st_size == was["bytes"] and measured(path) == was
    except OSError:  # missing, or a disk that cannot read it any more
        return False


def put_in_place(new: Path, place: Path, aside: Path) -> None:
    """Make the whole folder ``new`` be ``place``; what stood there becomes ``aside``. Undone half-way by ``bring_back``."""
    shutil.rmtree(aside, ignore_errors=True)
    if place.exists():
        os.rename(place, aside)
    os.rename(new, place)
    sync_to_disk(place.parent)


def bring_back(place: Path, aside: Path) -> None:
    """After a kill between the two renames of ``put_in_place``: what stood there before is back."""
    if not place.exists() and aside.exists():
        os.rename(aside, place)


def read_json(path: Path):
    """The JSON in ``path``."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def kept_json(path: Path | str) -> Any:
    """The JSON in ``path``, parsed again only when the file was replaced; not to be changed. Raises FileNotFoundError."""
    if not (stamp := stamp_of(path)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return _kept(str(path), stamp)


def stamp_of(path: Path | str) -> tuple[int, ...]:
    """What changes whenever a file is replaced; empty if there is none."""
    try:
        at = os.stat(path)
    except FileNotFoundError:
        return ()
    return at.st_ino, at.st_mtime_ns, at.st_size


@lru_cache(maxsize=4096)
def _kept(path: str, stamp: tuple[int, ...]) -> Any:
    return read_json(Path(path))


def read_lines(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """The JSON lines of ``path`` from byte ``offset`` to the last line end, and that end's offset."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                offset = 0
            file.seek(offset)
            text = file.read()
    except FileNotFoundError:
        return [], 0
    whole = text[: text.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def check_name(name: str) -> str:
    """``name`` if it can name a run or a data set. Raises UserError otherwise."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name.encode("utf-8")) > LONGEST_NAME:
        raise UserError("name", name=str(name)[:80])
    return name


def as_name(text: str, default: str) -> str:
    """A usable name made from ``text`` (a file name, a title): "My Reviews.csv" -> "my-reviews"."""
    name = re.sub(r"[^\w]+", "-", text.rsplit(".", 1)[0].lower()).strip("-_")[:48].strip("-_")
    return name if _NAME.fullmatch(name) else default


def is_disk_full(problem: BaseException) -> bool:
    """True for an error that means a full disk; safetensors and zip files wrap the system's own in theirs."""
    return getattr(problem, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in str(problem) or "No space left" in str(problem)


def disk_full(path: Path, needed: int = 0) -> UserError:
    """The sentence for a full disk below ``path``, where about ``needed`` bytes were to be written."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(there).free // 2**20
    return UserError("disk-full", path=str(_workspace_of(path)), free=free, needed=max(needed // 2**20, free + 1))


def _workspace_of(path: Path) -> Path:
    """The workspace that ``path`` lies in, which a person knows by name; outside of one, ``path`` itself."""
    return next((folder for folder in (path, *path.parents) if (folder / WORKSPACE_MARK).exists()), path)


def is_read_only(problem: OSError, path: Path) -> bool:
    """True for an error that means that nothing may be written in the folder ``path``."""
    if problem.errno == errno.EROFS:
        return True
    named = [Path(os.fsdecode(name)) for name in (problem.filename, problem.filename2) if isinstance(name, (str, bytes, os.PathLike))]
    return problem.errno in (errno.EACCES, errno.EPERM) and any(path in (name, *name.parents) for name in named)


@contextmanager
def disk_guard(path: Path, needed: int = 0) -> Iterator[None]:
    """Turn a full or read-only disk, met while writing below ``path``, into a UserError; ``needed`` is about how many bytes were to be written."""
    try:
        yield
    except OSError as problem:
        if is_read_only(problem, path):
            raise UserError("workspace-read-only", path=str(_workspace_of(path))) from None
        if not is_disk_full(problem):
            raise
        raise disk_full(path, needed) from None
