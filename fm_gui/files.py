"""Writing files so that a reader, or a power cut, never meets half of one."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fm_gui.errors import UserError

# letters and digits of any script, then also - and _ : safe as a folder name and in an address
_NAME = re.compile(r"[^\W_][\w-]{0,63}")


def write_json(path: Path, value) -> None:
    """Replace ``path`` with ``value`` as JSON, whole or not at all (written beside, then renamed)."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def read_json(path: Path):
    """The JSON in ``path``."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def check_name(name: str) -> str:
    """``name`` if it can name a run or a data set. Raises UserError otherwise."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
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
    return UserError("disk-full", path=str(path), free=free, needed=max(needed // 2**20, free + 1))


@contextmanager
def disk_guard(path: Path, needed: int = 0) -> Iterator[None]:
    """Turn a full disk, met while writing below ``path``, into a UserError; ``needed`` is about how many bytes were to be written."""
    try:
        yield
    except OSError as problem:
        if not is_disk_full(problem):
            raise
        raise disk_full(path, needed) from None
