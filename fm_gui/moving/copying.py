"""Copies a workspace piece by piece, while others may go on working in it.

A data set is copied again if somebody changed it meanwhile, at last while nobody can. Of a run that is training its
checkpoints are whole (they are replaced by renames, which is noticed), and its curve, copied after them, reaches at least as
far as they do: exactly what a resume needs.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui import layout
from fm_gui.errors import UserError
from fm_gui.files import disk_full, is_disk_full, is_half_written, sync_to_disk

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

STAGE = ".arriving"  # below the new place: where a piece is until it is whole
TRIES = 4  # to copy a piece that others change
Progress = Callable[[float, str], None]  # share done, the piece that is copied
Seen = dict[str, tuple[int, int, int]]  # file below a piece -> size, when written, which file


def pieces(root: Path, *folders: str) -> list[str]:
    """What lies below ``root``: plain files at its top (not its mark), and what is in ``folders``."""
    top = [path.name for path in root.iterdir() if path.is_file() and path.name != layout.MARK]
    inside = [f"{folder}/{path.name}" for folder in folders if (root / folder).is_dir() for path in (root / folder).iterdir()]
    return [piece for piece in (*sorted(top), *sorted(inside)) if not piece.rpartition("/")[2].startswith(".")]


def begin(workspace: "Workspace", to: Path, needed: int) -> None:
    """Make ``to`` a place that is being copied to: empty, or one where the same copy was cut off before. Raises UserError."""
    root = workspace.root
    if to == root or root in to.parents or to in root.parents:
        raise UserError("copy-inside", path=str(to))
    to.mkdir(parents=True, exist_ok=True)
    _remove(to / STAGE)
    there = {path.name for path in to.iterdir()}
    left = there == {layout.MARK} and layout.noted(to, "moved") == str(root)  # the workspace was here once
    if there and not left and layout.noted(to, "arriving") != str(root):
        raise UserError("copy-not-empty", path=str(to))
    layout.note(to, version=layout.version_of(root), arriving=str(root), moved=None)
    if shutil.disk_usage(to).free < needed:
        raise disk_full(to, needed)


def copy(workspace: "Workspace", piece: str, target: Path, stage: Path) -> bool:
    """Copy a piece to ``target`` by way of ``stage``; False if it was deleted meanwhile. One that is already there is left."""
    source, kind, name = workspace.root / piece, *piece.rpartition("/")[::2]
    growing = kind == "runs"  # files at its top grow while it trains; a resume cuts them
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        with workspace.editing(name) if last and kind == "datasets" and (source / "dataset.json").exists() else nullcontext():
            before = listed(source)
            if not before:
                return False
            if target.exists() and _stamps(before) == _stamps(listed(target)):
                return True
            if _copied(source, stage, before) and _same(before, listed(source), growing):
                break
    else:
        raise UserError("copy-restless", name=name)
    for path in stage.rglob("*") if stage.is_dir() else (stage,):
        sync_to_disk(path)
    _remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(stage, target)
    sync_to_disk(target.parent)
    return True


def listed(source: Path) -> Seen:
    """The files of a piece (itself, under the name "", if it is one), those in folders first; without what is half-written. Links are left out."""
    found = [source] if source.is_file() else source.rglob("*") if source.is_dir() else []
    seen = {}
    for path in found:
        inside = path.relative_to(source)
        try:
            if path.is_file() and not path.is_symlink() and not any(map(is_half_written, inside.parts)):
                at = path.stat()
                seen["" if path == source else inside.as_posix()] = (at.st_size, at.st_mtime_ns, at.st_ino)
        except FileNotFoundError:
            continue
    return dict(sorted(seen.items(), key=lambda item: ("/" not in item[0], item[0])))


def _stamps(seen: Seen) -> dict[str, tuple[int, int]]:
    return {name: (size, written) for name, (size, written, _) in seen.items()}


def _same(before: Seen, after: Seen, growing: bool) -> bool:
    if growing:
        before, after = ({name: at for name, at in seen.items() if "/" in name} for seen in (before, after))
    return before == after


def _copied(source: Path, stage: Path, files: Seen) -> bool:
    """Copy ``files``; False if one of them is gone."""
    _remove(stage)
    try:
        for name in files:
            place = stage / name if name else stage
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name if name else source, place)
            shutil.copystat(source / name if name else source, place)
    except OSError as problem:
        _remove(stage)  # on a full disk it would be in the way of whatever is tried next
        if isinstance(problem, FileNotFoundError):
            return False
        raise
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def told(to: Path) -> Iterator[None]:
    """Turn what the disk says while copying to ``to`` into a UserError."""
    try:
        yield
    except OSError as problem:
        if is_disk_full(problem):
            raise disk_full(to) from None
        raise UserError("copy-failed", path=str(to), file=str(problem.filename or "-"), reason=problem.strerror or str(problem)) from None
