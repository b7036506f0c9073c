"""Moves a workspace to another folder or disk: copied, compared file by file, and only then switched.

Both folders say in workspace.json where things stand, so that a move cut off at any point goes on when it is asked for again:

    new: arriving FROM   not whole yet, and refused by Workspace, unless the old one says that it is
    old: moved TO        written once every file was compared: this is the switch; who opens the old place gets the new one
    new: from FROM       where it came from, for ``remove_old``
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui import layout
from fm_gui.errors import UserError
from fm_gui.files import measured
from fm_gui.moving.copying import STAGE, Progress, begin, copy, listed, pieces, told
from fm_gui.runs import Run

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

MADE_ANEW = ("cache", "locks")  # not taken along


def move(workspace: "Workspace", to: Path, progress: Progress | None = None) -> Path:
    """Move the workspace to ``to``, a new or empty folder; the files at the old place stay until ``remove_old``.

    Raises UserError while other programs have it open or runs are at work, if the copy cannot be made, and if a file
    reads differently there; then everything goes on where it is, and the same again goes on with the copy.
    """
    root, to = workspace.root, to.expanduser().resolve()
    if root == to and layout.noted(to, "from"):  # done before, perhaps cut off in the last moment: opening the old place led here
        layout.note(to, arriving=None)
        return to
    with layout.alone(root, "workspace"), told(to):  # nobody opens it meanwhile
        if others := layout.opened(root):
            raise UserError("workspace-open", path=str(root), processes=layout.told(others))
        if active := [run.id for run in workspace.runs() if run.status().state in Run.ACTIVE]:
            raise UserError("move-runs", runs=", ".join(active[:6]))
        parts = _all(root)
        sizes = {piece: sum(size for size, _, _ in listed(root / piece).values()) for piece in parts}
        there = {piece: sum(size for size, _, _ in listed(to / piece).values()) for piece in parts} if to.is_dir() else {}
        begin(workspace, to, sum(max(0, sizes[piece] - there.get(piece, 0)) for piece in parts))
        _copy_all(workspace, to, parts, sizes, progress or (lambda share, piece: None))
        layout.note(to, **{"from": str(root)})
        layout.note(root, moved=str(to))
        layout.note(to, arriving=None)
    return to


def _all(root: Path) -> list[str]:
    """Everything in a workspace but what is made anew, and a person's own hidden things."""
    folders = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name not in MADE_ANEW and not path.name.startswith("."))
    return pieces(root, *folders)


def _copy_all(workspace: "Workspace", to: Path, parts: list[str], sizes: dict[str, int], progress: Progress) -> None:
    done, total = 0, 2 * sum(sizes.values()) or 1  # all is copied, then all is compared
    for piece in set(_all(to)) - set(parts):  # deleted since the copy was cut off
        shutil.rmtree(to / piece) if (to / piece).is_dir() else (to / piece).unlink()
    for compare in (False, True):
        for piece in parts:
            progress(done / total, piece)
            if compare:
                _compare(workspace.root / piece, to / piece, piece)
            elif not copy(workspace, piece, to / piece, to / STAGE):
                (to / piece).mkdir(parents=True, exist_ok=True)  # an empty folder, which counts too
            done += sizes[piece]


def _compare(source: Path, target: Path, piece: str) -> None:
    if listed(source).keys() != listed(target).keys():
        raise UserError("copy-differs", name=piece)
    for name in listed(source):
        if measured(source / name if name else source) != measured(target / name if name else target):
            if target.is_dir():
                shutil.rmtree(target)  # so that it is copied again
            else:
                target.unlink()
            raise UserError("copy-differs", name=f"{piece}/{name}" if name else piece)


def remove_old(workspace: "Workspace") -> Path:
    """Delete what the workspace left at its old place, but for the note of where it went. Raises UserError if there is nothing."""
    old = layout.moved_from(workspace.root)
    if old is None:
        raise UserError("move-nothing-old")
    with told(old):
        for piece in _all(old):
            shutil.rmtree(old / piece) if (old / piece).is_dir() else (old / piece).unlink()
        for part in [path for path in old.iterdir() if path.is_dir() and not path.name.startswith(".")]:
            shutil.rmtree(part)  # what is made anew, and folders that are empty now
    return old
