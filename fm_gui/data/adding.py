"""New data sets: from files, from the hub, from a table; and reading the files of one again in another way."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.config import DatasetSpec, RoleGuess, SplitSpec, parse
from fm_gui.data.columns import describe, guess_roles
from fm_gui.data.dataset import Dataset
from fm_gui.data.history import carry_back, forget_old
from fm_gui.data.readers import Reading, ReadOptions, read, read_hub, read_parts
from fm_gui.data.roles import check_roles, check_split, usual_split
from fm_gui.data.tables import adopt, fingerprint, open_table, write_table
from fm_gui.errors import UserError
from fm_gui.files import as_name, check_name, disk_guard, read_json, sync_to_disk, write_json

if TYPE_CHECKING:
    from fm_gui.data.split import Part
    from fm_gui.workspace import Workspace

KEPT_SIZE = 500_000_000  # bytes of the files as they came, up to which they are kept so that they can be read again
Progress = Callable[[float, str], None]  # share done, words key of what is going on; may raise to stop


def add_dataset(
    workspace: "Workspace", paths: Sequence[str | Path], name: str = "",
    roles: dict[str, str] | None = None, split: SplitSpec | None = None,
    provenance: dict[str, str] | None = None, options: ReadOptions | None = None,
    validation_file: str | Path | None = None, test_file: str | Path | None = None, progress: Progress | None = None,
) -> DatasetSpec:  # fmt: skip
    """Read files into a new data set, guess its roles, and return what is known of it.

    ``roles`` (role -> column, "" for none) override the guesses. ``validation_file`` and ``test_file`` are stacked
    below, with a column that says which rows are whose. All or nothing: on a UserError, or if ``progress`` raises to
    stop, nothing is left behind.
    """
    if name:
        check_free(workspace, name)
    files: dict[Part, list[Path]] = {"train": [Path(path) for path in paths]}
    files |= {part: [Path(file)] for part, file in (("validation", validation_file), ("test", test_file)) if file}
    source = ", ".join(path.name for path in files["train"])
    with _building(workspace) as folder:
        reading = _read(files, options, folder, progress)
        _keep(folder, files)
        return store(workspace, reading, name, as_name(files["train"][0].name if paths else "", "data"), source, roles, split, provenance, folder=folder)


def add_hub(
    workspace: "Workspace", dataset_id: str, config: str = "", part: str = "", progress: Progress | None = None, name: str = "",
) -> DatasetSpec:  # fmt: skip
    """Bring a data set of the Hugging Face hub in (or a local folder laid out like one). Raises UserError."""
    if name:
        check_free(workspace, name)
    with _building(workspace) as folder:
        reading = read_hub(dataset_id, config, part, scratch=folder, progress=progress)
        return store(workspace, reading, name, as_name(Path(dataset_id).name, "data"), dataset_id, folder=folder)


def store(
    workspace: "Workspace", reading: Reading, name: str, default_name: str, source: str,
    roles: dict[str, str] | None = None, split: SplitSpec | None = None, provenance: dict[str, str] | None = None, folder: Path | None = None,
) -> DatasetSpec:  # fmt: skip
    """Write a new data set; without ``name`` it is called ``default_name``, with -2, -3 ... if that is taken.

    ``folder`` is where it is being built, with what is to be kept beside its rows already in it.
    """
    if folder is None:
        with _building(workspace) as fresh:
            return store(workspace, reading, name, default_name, source, roles, split, provenance, fresh)
    spec = _spec(reading, name or default_name, source, roles or {}, split, provenance or {})
    with disk_guard(workspace.root, needed=reading.table.nbytes):
        spec.original = spec.table = _place(folder, reading)
        spec.fingerprint = fingerprint(spec)
        return publish(workspace, folder, spec, explicit=bool(name))


def _spec(reading: Reading, name: str, source: str, roles: dict[str, str], split: SplitSpec | None, provenance: dict[str, str]) -> DatasetSpec:
    """What is known of new rows: columns, roles, split. Raises UserError if they are all empty or ``roles`` cannot be."""
    table = reading.table
    columns = describe(table)
    if not any(column.filled for column in columns):
        raise UserError("cells-empty", file=source)
    guessed = guess_roles(table, columns)
    if "part" in reading.detected:  # the column that says which file a row came from; nobody needs to guess it
        column = reading.detected["part"]
        guessed = {role: guess for role, guess in guessed.items() if role != "split" and guess.column != column}
        guessed["split"] = RoleGuess(column=column, reason="reason.split-files", values={"column": column})
    spec = DatasetSpec(
        name=name, source=source, detected=reading.detected, rows=table.num_rows, columns=columns,
        split=check_split(split or usual_split(table.num_rows)), skipped=reading.skipped, provenance=provenance,
    )  # fmt: skip
    spec.roles = check_roles(spec, table, guessed, roles)
    return spec


def _place(folder: Path, reading: Reading) -> str:
    """The rows' file below ``folder``: the one that the reader wrote if there is one, else a new one; returns its name."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    if reading.file is not None and reading.keeper is None:
        return adopt(folder / "tables", reading.file)
    return write_table(folder / "tables", reading.table)


@contextmanager
def _building(workspace: "Workspace") -> Iterator[Path]:
    """A folder in the cache, where half a data set is never listed and safe to delete; gone afterwards unless it was published."""
    folder = workspace.root / "cache" / f"adding-{uuid.uuid4().hex}"
    try:
        with disk_guard(workspace.root):
            folder.mkdir(parents=True)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(files: "dict[Part, list[Path]]", options: ReadOptions | None, folder: Path, progress: Progress | None) -> Reading:
    if len(files) == 1:
        reading = read(files["train"], options, scratch=folder, progress=progress)
    else:
        reading = read_parts(files, options, scratch=folder, progress=progress)
    reading.detected["options"] = (options or ReadOptions()).model_dump(exclude_defaults=True)  # what the person said
    return reading


def check_free(workspace: "Workspace", name: str) -> None:
    """Raises UserError if ``name`` cannot name a new data set."""
    if (workspace.root / "datasets" / check_name(name)).exists():
        raise UserError("dataset-exists", name=name)


def publish(workspace: "Workspace", folder: Path, spec: DatasetSpec, explicit: bool) -> DatasetSpec:
    """Write dataset.json and rename the folder to its place, under the first name that is free."""
    for left in folder.glob("reading-*"):  # what the reader wrote on its way
        shutil.rmtree(left, ignore_errors=True)
    for path in folder.rglob("*"):
        sync_to_disk(path)
    stem, number = spec.name, 1
    while True:
        target = workspace.root / "datasets" / spec.name
        if not target.exists():
            write_json(folder / "dataset.json", spec.model_dump(mode="json"))
            try:
                os.rename(folder, target)
                sync_to_disk(target.parent)
                return spec
            except OSError:
                if not target.exists():
                    raise
        if explicit:
            raise UserError("dataset-exists", name=spec.name)
        number += 1
        spec.name = f"{stem[:44]}-{number}"


# -- the files as they came


def _link_or_copy(path: Path, place: Path, uploads: Path) -> None:
    """Have ``path`` at ``place`` too. An upload, which nobody changes, is not there twice, and its links say who needs it (access.clear)."""
    if path.resolve().is_relative_to(uploads):
        with suppress(OSError):  # a file system without links
            return os.link(path.resolve(), place)
    shutil.copyfile(path, place)


def _keep(folder: Path, files: "dict[Part, list[Path]]") -> None:
    """Copy the files beside the rows, unless they are folders or too large, each part in a folder of its own."""
    every = [path for paths in files.values() for path in paths]
    if any(path.is_dir() for path in every) or sum(path.stat().st_size for path in every) > KEPT_SIZE:
        return
    kept: dict[Part, list[str]] = {}
    for part, paths in files.items():
        folders = list(dict.fromkeys(path.resolve().parent for path in paths))
        for path in paths:  # files of one folder stay together (a Moses pair), those of several do not hide each other
            own = f"{folders.index(path.resolve().parent):04}/{path.resolve().parent.name}/" if len(folders) > 1 else ""
            kept.setdefault(part, []).append(f"{part}/{own}{path.name}")
            place = folder / "files" / kept[part][-1]
            place.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(path, place, folder.parent / "uploads")
    write_json(folder / "files.json", kept)  # their order says which language is the source


def kept_files(dataset: Dataset) -> "dict[Part, list[Path]]":
    """The files that a data set was read from, by part; empty where they were not kept."""
    if (dataset.path / "files.json").exists():
        return {part: [dataset.path / "files" / name for name in names] for part, names in read_json(dataset.path / "files.json").items()}
    folders = sorted(path for path in (dataset.path / "files").glob("*") if path.is_dir())
    return {folder.name: sorted(folder.iterdir()) for folder in folders}


def reread(workspace: "Workspace", name: str, options: ReadOptions, progress: Progress | None = None) -> DatasetSpec:
    """Read the kept files of a data set again with ``options``, in place of its rows; its recipe is gone with them.

    Roles and a split that a person chose stay, as far as their columns are still there; so do labels that wait. Raises
    UserError if the files were not kept or runs know the rows, and as reading does; then all is as it was.
    """
    dataset = Dataset(workspace, name)
    files = kept_files(dataset)
    if not files:
        raise UserError("files-not-kept", name=name)
    _check_no_run(workspace, name)
    with _building(workspace) as folder:
        reading = _read({"train": files.pop("train")} | files, options, folder, progress)
        spec = _spec(reading, name, dataset.spec.source, *_chosen(dataset, reading.table.column_names), dataset.spec.provenance)
        if {"group": "group", "time": "date"}.get(spec.split.method, "text") not in {"text", *spec.roles}:  # its column is gone
            spec.split = spec.split.model_copy(update={"method": SplitSpec().method})
        spec.created = dataset.spec.created
        with disk_guard(workspace.root, needed=reading.table.nbytes):
            spec.original = spec.table = _place(folder, reading)
        with workspace.editing(name):
            dataset.check_current()
            carry_back(dataset)
            with workspace.changing():
                _check_no_run(workspace, name)
                os.replace(folder / "tables" / f"{spec.table}.arrow", dataset.path / "tables" / f"{spec.table}.arrow")
                dataset.spec = spec
                dataset.save()
                forget_old(dataset)
    return spec


def original_again(dataset: Dataset, folder: Path) -> Path | None:
    """The rows as they were read, read again from the kept files below ``folder``; None if those were not kept. Raises UserError as reading does."""
    files = kept_files(dataset)
    if not files:
        return None
    options = parse(ReadOptions, dataset.spec.detected.get("options", {}))
    reading = _read({"train": files.pop("train")} | files, options, folder, None)
    with disk_guard(dataset.path, needed=reading.table.nbytes):
        return folder / "tables" / f"{_place(folder, reading)}.arrow"


def _check_no_run(workspace: "Workspace", name: str) -> None:
    if users := [run.id for run in workspace.runs() if run.config.data.name == name]:
        raise UserError("dataset-reread-used", name=name, runs=", ".join(users[:6]))


def _chosen(dataset: Dataset, columns: Sequence[str]) -> tuple[dict[str, str], SplitSpec | None]:
    """The roles ("" where none is to play one) and the split that a person chose, as far as ``columns`` allow it."""
    spec, original = dataset.spec, open_table(dataset.path / "tables" / f"{dataset.spec.original}.arrow")
    roles = {role: guess.column for role, guess in spec.roles.items() if guess.reason == "reason.chosen" and guess.column in columns}
    guessed = guess_roles(dataset.table, spec.columns)
    roles |= {role: "" for role, guess in guessed.items() if role not in spec.roles and guess.column in columns}
    return roles, None if spec.split == usual_split(original.num_rows) else spec.split
