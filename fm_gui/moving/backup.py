"""Back-ups of a workspace: its data sets, runs and settings, with the hash of every file; and bringing them back.

PATH/ or PATH.zip   the pieces, and backup.json: {"version", "made", "pieces": {piece: {file: {"bytes", "blake2b"}}}}

Runs may be at work meanwhile: one that was training comes back as interrupted, and resumes from its checkpoint. The cache
and the bin are not in it. A folder whose back-up was cut off says so in workspace.json and goes on when it is asked for again; a zip appears when it is whole.
"""

import json
import os
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fm_gui import layout
from fm_gui.errors import UserError
from fm_gui.files import damaged, disk_guard, measured, read_json, sync_to_disk, write_json
from fm_gui.moving.copying import STAGE, Progress, begin, copy, listed, pieces, told

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

LIST = "backup.json"
BACKED_UP = ("datasets", "runs")
PACKED = (".safetensors", ".zip", ".gz", ".parquet", ".xlsx")  # endings of files that do not get smaller
Known = dict[str, dict[str, dict[str, Any]]]  # piece -> file -> its size and hash


# -- making one


def back_up(workspace: "Workspace", to: Path, progress: Progress | None = None) -> Path:
    """Back the workspace up to ``to``: a new or empty folder, or a new file that ends in .zip. Raises UserError."""
    to, tell = to.expanduser().resolve(), progress or (lambda share, piece: None)
    with told(to):
        parts = pieces(workspace.root, *BACKED_UP)
        sizes = {piece: sum(size for size, _, _ in listed(workspace.root / piece).values()) for piece in parts}
        (_to_zip if to.suffix.lower() == ".zip" else _to_folder)(workspace, to, sizes, tell)
    return to


def _to_folder(workspace: "Workspace", to: Path, sizes: dict[str, int], progress: Progress) -> None:
    begin(workspace, to, 0)
    for gone in set(pieces(to, *BACKED_UP)) - set(sizes):  # deleted since the back-up was cut off
        shutil.rmtree(to / gone) if (to / gone).is_dir() else (to / gone).unlink()
    known = {piece: _measured(to / piece) for piece in _each(sizes, progress) if copy(workspace, piece, to / piece, to / STAGE)}
    write_json(to / LIST, _list(workspace, known))
    layout.note(to, arriving=None)


def _to_zip(workspace: "Workspace", to: Path, sizes: dict[str, int], progress: Progress) -> None:
    if to.exists():
        raise UserError("copy-not-empty", path=str(to))
    if workspace.root in to.parents:
        raise UserError("copy-inside", path=str(to))
    to.parent.mkdir(parents=True, exist_ok=True)
    beside, stage, known = to.with_name(f".{to.name}.new"), to.with_name(f".{to.name}{STAGE}"), {}
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
            for piece in _each(sizes, progress):
                place = stage / piece
                if copy(workspace, piece, place, stage / STAGE):
                    known[piece] = _measured(place)
                    for name in known[piece]:
                        file = place / name if name else place
                        packing = zipfile.ZIP_STORED if file.suffix in PACKED else None
                        archive.write(file, str(PurePosixPath(piece, name)), compress_type=packing)
                shutil.rmtree(stage, ignore_errors=True)
            archive.writestr(LIST, json.dumps(_list(workspace, known), ensure_ascii=False))
        sync_to_disk(beside)
        os.replace(beside, to)
    finally:
        beside.unlink(missing_ok=True)
        shutil.rmtree(stage, ignore_errors=True)


def _each(sizes: dict[str, int], progress: Progress) -> Iterator[str]:
    done, total = 0, sum(sizes.values()) or 1
    for piece, size in sizes.items():
        progress(done / total, piece)
        yield piece
        done += size


def _measured(place: Path) -> dict[str, dict[str, Any]]:
    return {name: measured(place / name if name else place) for name in listed(place)}


def _list(workspace: "Workspace", known: Known) -> dict[str, Any]:
    return {"version": layout.version_of(workspace.root), "made": time.time(), "pieces": known}


# -- bringing it back


@dataclass
class Restored:
    """What became of the pieces of a back-up: "datasets/NAME", "runs/NAME", or a file such as "settings.json"."""

    brought: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # there is something of this name, which was left alone
    damaged: list[str] = field(default_factory=list)  # not what was backed up, so not brought back


def restore(workspace: "Workspace", source: Path, progress: Progress | None = None) -> Restored:
    """Bring back from a back-up whatever is not in the workspace; nothing that is there is changed.

    Raises UserError if it is not a back-up or one of a newer fm_gui.
    """
    source, result = source.expanduser().resolve(), Restored()
    stage = workspace.root / "cache" / f"restoring-{uuid.uuid4().hex}"
    try:
        with _opened(source) as (listing, fetch), disk_guard(workspace.root):
            stage.mkdir()
            write_json(stage / layout.MARK, {"version": listing["version"]})
            sizes = {piece: sum(one["bytes"] for one in files.values()) for piece, files in listing["pieces"].items()}
            for piece in _each(sizes, progress or (lambda share, piece: None)):
                if (workspace.root / piece).exists():
                    result.kept.append(piece)
                elif not _fetched(stage / piece, piece, listing["pieces"][piece], fetch):
                    result.damaged.append(piece)
            layout.migrate(stage)
            with workspace.changing():
                for piece in sizes:
                    if piece in result.kept or piece in result.damaged:
                        continue
                    if (workspace.root / piece).exists():  # made in this moment
                        result.kept.append(piece)
                        continue
                    os.rename(stage / piece, workspace.root / piece)
                    result.brought.append(piece)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return result


def _fetched(place: Path, piece: str, files: dict[str, dict[str, Any]], fetch: Callable[[str, Path], None]) -> bool:
    """Bring a piece to ``place``; False, and nothing stays, if a file is missing or not what was backed up."""
    place.parent.mkdir(exist_ok=True)
    try:
        for name in files:
            file = place / name if name else place
            file.parent.mkdir(parents=True, exist_ok=True)
            fetch(str(PurePosixPath(piece, name)), file)
            sync_to_disk(file)
        whole = not damaged(place, files) if "" not in files else measured(place) == files[""]
    except (FileNotFoundError, KeyError, zipfile.BadZipFile):  # not in it, or its check sum is wrong
        whole = False
    if not whole:
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    return whole


@contextmanager
def _opened(source: Path) -> Iterator[tuple[dict[str, Any], Callable[[str, Path], None]]]:
    """(its list, what copies a file of it to a place). Raises UserError if it cannot be a back-up, or names files outside itself."""
    if source.is_dir():
        if layout.noted(source, "arriving"):
            raise UserError("backup-unknown", path=str(source))
        yield _checked(source, lambda: read_json(source / LIST)), lambda name, place: shutil.copyfile(source / name, place)
        return
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile):
        raise UserError("backup-unknown", path=str(source)) from None
    with archive:
        yield _checked(source, lambda: json.loads(archive.read(LIST))), lambda name, place: _extract(archive, name, place)


def _extract(archive: zipfile.ZipFile, name: str, place: Path) -> None:
    with archive.open(name) as packed, open(place, "wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)


def _checked(source: Path, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        listing = read()
        fine = all(_is_inside(piece, files) for piece, files in listing["pieces"].items()) and isinstance(listing["version"], int)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        fine = False
    if not fine:
        raise UserError("backup-unknown", path=str(source))
    if listing["version"] > len(layout.STEPS):
        raise UserError("backup-newer", path=str(source), version=listing["version"], known=len(layout.STEPS))
    return listing


def _is_inside(piece: str, files: dict[str, dict[str, Any]]) -> bool:
    """True if a piece is what this program backs up, and its files lie in it: whoever made the list may want them elsewhere."""
    folder, _, name = piece.rpartition("/")
    if not _stays_below(piece) or folder not in ("", *BACKED_UP) or name.startswith(".") or name == layout.MARK:
        return False
    named = [file for file, one in files.items() if isinstance(one["bytes"], int)]
    return len(named) == len(files) and (named == [""] or bool(folder) and all(map(_stays_below, named)))


def _stays_below(name: str) -> bool:
    path = Path(name)
    return bool(path.parts) and not path.is_absolute() and not path.drive and ".." not in path.parts
