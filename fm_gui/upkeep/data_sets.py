"""Data sets: is dataset.json there, and is every table what it was when it was written?

A table is named by a hash of its file, so damage is seen, and a table that is made again is known to be the very same.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.data import adding, history
from fm_gui.data.dataset import Dataset
from fm_gui.data.formats.source import Reading
from fm_gui.data.moved import ANSWERS
from fm_gui.data.tables import is_whole, open_table
from fm_gui.errors import UserError
from fm_gui.files import as_name
from fm_gui.runs import Run
from fm_gui.upkeep.finding import Finding, shut
from fm_gui.workspace import read_spec

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

KEPT = (ANSWERS, "files.json", "files")  # what of a data set counts without its dataset.json


def check(workspace: "Workspace") -> Iterator[Finding]:
    for folder in sorted((workspace.root / "datasets").glob("*")):
        if folder.is_dir():
            yield from list(shut(folder, f"datasets/{folder.name}")) or _check(workspace, folder)


def _check(workspace: "Workspace", folder: Path) -> Iterator[Finding]:
    name, where = folder.name, f"datasets/{folder.name}"
    spec = read_spec(folder)
    if spec is None:
        if _newest(folder):
            yield Finding("data-unknown", "serious", where, {"name": name}, partial(_make_anew, workspace, folder))
        elif folder.exists():  # else renamed or deleted in this moment
            yield Finding("data-lost", "serious", where, {"name": name}, partial(_give_up, workspace, folder))
        return
    broken = {file.stem for file in (folder / "tables").glob("*.arrow") if not is_whole(file)}
    users: dict[str, list[Run]] = {}
    for run in workspace.runs():
        if run.config.data.name == name and run.config.data.table:
            users.setdefault(run.config.data.table, []).append(run)
    missing = {table for table in (spec.table, spec.original, *users) if not _file(folder, table).exists()}
    for table in sorted(broken | missing, key=lambda table: (table != spec.original, table)):  # the others are made from the original
        at, values = f"{where}/tables/{table}.arrow", {"name": name}
        if table == spec.table:
            yield Finding("data-rows", "serious", at, values, partial(_rows_again, workspace, name))
        elif table in users:
            values["runs"] = ", ".join(run.id for run in users[table][:6])
            yield Finding("data-run-rows", "attention", at, values, partial(_again, workspace, name, table, users[table][0]))
        elif table == spec.original:
            yield Finding("data-original", "attention", at, values, partial(_again, workspace, name, table))
        else:
            yield Finding("data-version", "note", at, values, partial(_again_or_aside, workspace, name, table))


def _file(folder: Path, table: str) -> Path:
    return folder / "tables" / f"{table}.arrow"


def _newest(folder: Path) -> Path | None:
    """The whole table that was written last."""
    whole = [file for file in (folder / "tables").glob("*.arrow") if is_whole(file)]
    return max(whole, key=lambda file: file.stat().st_mtime, default=None)


# -- repairs


def _again(workspace: "Workspace", name: str, table: str, run: Run | None = None) -> bool:
    """Make a version again: from the kept files, or by the steps that it or ``run`` knows. False if that does not give the very same rows."""
    with workspace.editing(name):
        dataset = Dataset(workspace, name)
        if run and run.config.data.original == dataset.spec.original:
            dataset.spec = run.config.data
        return _made_again(dataset, table)


def _made_again(dataset: Dataset, table: str) -> bool:
    place = _file(dataset.path, table)
    if place.exists() and is_whole(place):
        return True
    make = adding.original_again if table == dataset.spec.original else partial(history.version_again, table=table)
    with _scratch(dataset.workspace) as scratch:
        try:
            file = make(dataset, scratch)
        except UserError:  # the kept files are damaged too, a step cannot be taken any more
            return False
        if file is None or file.stem != table:
            return False
        os.replace(file, place)
    return True


def _again_or_aside(workspace: "Workspace", name: str, table: str) -> bool:
    """A version that nobody uses now: if it cannot be made again it is put aside, and made anew when it is asked for."""
    with workspace.editing(name):
        dataset = Dataset(workspace, name)
        return _made_again(dataset, table) or _put_aside(dataset, table)


def _rows_again(workspace: "Workspace", name: str) -> bool:
    """The rows in use: made again, else the nearest earlier version that is whole is used, else the data set goes to the bin."""
    with workspace.editing(name):
        dataset = Dataset(workspace, name)
        spec = dataset.spec
        if _made_again(dataset, spec.table):
            return True
        versions = [spec.original, *(step.table for step in spec.recipe)]
        whole = [number for number, table in enumerate(versions) if _file(dataset.path, table).exists() and is_whole(_file(dataset.path, table))]
        if not whole:
            with workspace.changing():
                workspace.to_bin(dataset.path)
            return True
        for number, table in enumerate(versions):
            if number not in whole:
                _put_aside(dataset, table)
        history.go_to(dataset, whole[-1])
        return True


def _put_aside(dataset: Dataset, table: str) -> bool:
    file = _file(dataset.path, table)
    if file.exists():
        os.replace(file, file.with_name(f"{file.name}.damaged"))
    return True


def _give_up(workspace: "Workspace", folder: Path) -> bool:
    with workspace.changing():
        if folder.exists() and read_spec(folder) is None:
            workspace.to_bin(folder)
    return True


def _make_anew(workspace: "Workspace", folder: Path) -> bool:
    """A data set without dataset.json: its folder goes to the bin, and its newest rows become a data set of the same name."""
    if not (file := _newest(folder)):
        return False
    table = open_table(file)  # mapped, so it stays readable when the folder moves
    with _scratch(workspace) as fresh:
        for name in KEPT:
            if (folder / name).is_dir():
                shutil.copytree(folder / name, fresh / name)
            elif (folder / name).exists():
                shutil.copyfile(folder / name, fresh / name)
        with workspace.changing():
            if not folder.exists() or read_spec(folder):
                return True
            workspace.to_bin(folder)
            reading = Reading(table, {"format": "derived", "skipped": 0})
            adding.store(workspace, reading, "", as_name(folder.name, "data"), folder.name, folder=fresh)
    return True


@contextmanager
def _scratch(workspace: "Workspace") -> Iterator[Path]:
    folder = workspace.root / "cache" / f"repairing-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
