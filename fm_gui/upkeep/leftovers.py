"""What programs that were killed left behind: folders of the cache where something was being built, and half-written files.

Nothing of it is ever read. It is deleted if nobody else has the workspace open, or if it was not touched for a day.
"""

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui import layout
from fm_gui.files import is_half_written
from fm_gui.machine import size
from fm_gui.upkeep.finding import Finding
from fm_gui.upkeep.runs import ASIDE

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

BUILT = ("adding-*", "emptying-*", "preflight-*/", "repairing-*", "restoring-*", "tokenizer-*.new")  # below cache
BESIDE = ("", "cache/", "cache/*/", "datasets/*/", "datasets/*/tables/", "runs/*/", "locks/open/")  # where files are written beside what they replace
DAY = 86_400.0


def check(workspace: "Workspace") -> Iterator[Finding]:
    if found := list(_leftovers(workspace.root)):
        values = {"count": len(found), "size": size(sum(map(size_of, found)))}
        yield Finding("leftovers", "note", str(found[0].relative_to(workspace.root)), values, partial(_delete, workspace.root))
    if old := layout.moved_from(workspace.root):
        yield Finding("old-place", "note", str(old), {"path": str(old), "size": size(size_of(old))})


def _leftovers(root: Path) -> Iterator[Path]:
    """Those that nobody can be working on."""
    alone, now = not layout.opened(root), time.time()
    built = (path for name in BUILT for path in sorted(root.glob(f"cache/{name}")))
    half = (path for place in BESIDE for path in sorted(root.glob(f"{place}.*")) if is_half_written(path.name) or path.name in ASIDE.values())
    for path in (*built, *half):
        if not _is_needed(path) and (alone or now - _touched(path) > DAY):
            yield path


def _is_needed(path: Path) -> bool:
    """The weights that a save had just put aside when it was cut off are all there is of them."""
    return any(path.name == aside and not (path.parent / name).exists() for name, aside in ASIDE.items())


def _touched(path: Path) -> float:
    """When something in it was last written."""
    times = []
    for file in (path, *(path.rglob("*") if path.is_dir() else ())):
        try:
            times.append(file.stat().st_mtime)
        except FileNotFoundError:
            times.append(time.time())  # somebody is at work there
    return max(times)


def size_of(path: Path) -> int:
    """Bytes of a file or of all files below a folder, some of which others may delete meanwhile."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else (path,):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def _delete(root: Path) -> bool:
    with layout.alone(root, "workspace"):  # nobody else opens it meanwhile
        for path in _leftovers(root):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            if os.path.lexists(path):
                return False
    return True
