"""Data sets as wholes: rename, copy, merge, take a sample, write out."""

import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.config import SplitSpec
from fm_gui.data.adding import check_free, publish, store
from fm_gui.data.columns import ROLES
from fm_gui.data.dataset import Dataset
from fm_gui.data.readers import Reading, as_text, stack
from fm_gui.errors import UserError
from fm_gui.files import disk_guard

if TYPE_CHECKING:
    import pyarrow as pa

    from fm_gui.config import DatasetSpec
    from fm_gui.workspace import Workspace

FORMATS = ("csv", "jsonl", "parquet")
CHUNK = 65_536  # rows written between two signs of progress
SPARE = ("number", "id", "date", "group", "split")  # roles that merged rows can do without
Progress = Callable[[float, str], None]  # share done, words key of what is going on; may raise to stop


def rename(workspace: "Workspace", name: str, new: str) -> "DatasetSpec":
    """Call a data set ``new``. Raises UserError if that is taken or cannot be a name, or if runs know it by the old one."""
    with workspace.editing(name), workspace.changing():
        dataset = Dataset(workspace, name)
        check_free(workspace, new)
        if users := [run.id for run in workspace.runs() if run.config.data.name == name]:
            raise UserError("dataset-rename-used", name=name, runs=", ".join(users[:6]))
        try:
            os.rename(dataset.path, dataset.path.with_name(new))  # the folder names it, so this is all: it cannot half happen
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise UserError("dataset-exists", name=new) from None  # added in this moment
        return Dataset(workspace, new).spec


def duplicate(workspace: "Workspace", name: str, new: str = "") -> "DatasetSpec":
    """A second data set with the same rows and recipe. Raises UserError if ``new`` is taken or cannot be a name."""
    dataset = Dataset(workspace, name)
    if new:
        check_free(workspace, new)
    folder = workspace.root / "cache" / f"adding-{uuid.uuid4().hex}"
    try:
        with disk_guard(workspace.root, needed=dataset.table.nbytes):
            with workspace.editing(name):  # no table is cleared away meanwhile
                dataset.check_current()
                shutil.copytree(dataset.path, folder, ignore=shutil.ignore_patterns(".*"))
            spec = dataset.spec.model_copy(update={"name": new or name, "created": time.time()})
            return publish(workspace, folder, spec, explicit=bool(new))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sample(workspace: "Workspace", name: str, rows: int, seed: int = 1, new: str = "") -> "DatasetSpec":
    """A new data set of ``rows`` rows drawn at random, each label keeping its share."""
    import numpy as np

    dataset = Dataset(workspace, name)
    if not 1 <= rows < dataset.spec.rows:
        raise UserError("sample-size", rows=rows, most=dataset.spec.rows - 1, name=name)
    if seed < 0:
        raise UserError("setting-least", name="seed", value=seed, limit=0)
    rng, labels = np.random.default_rng(seed), dataset.column("label")
    order = rng.permutation(dataset.spec.rows)
    if labels is not None:  # every so-many-th of the rows ordered by label gives each label its share, to one
        _, codes = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
        order = order[np.argsort(codes[order], kind="stable")]
    taken = np.sort(order[((np.arange(rows) + rng.random()) * len(order) / rows).astype(np.int64)])
    return _derived(workspace, dataset, dataset.table.take(taken), new, f"{name}-sample")


def merge(workspace: "Workspace", names: Sequence[str], new: str = "") -> "DatasetSpec":
    """The rows of several data sets below each other, columns matched by role, then by name, and one that says whose a row is.

    A column that only some of them have is empty in the rows of the others; so rows of those that did not bring a
    split train. Raises UserError if the first one's text, label or other role that rows learn from is missing in
    another, or if they have no column in common.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(names))
    if len(names) < 2:
        raise UserError("merge-few")
    datasets = [Dataset(workspace, name) for name in names]
    roles = [{role: guess.column for role, guess in dataset.spec.roles.items()} for dataset in datasets]
    for dataset, own in zip(datasets, roles):
        if missing := [role for role in roles[0] if role not in own and role not in SPARE]:
            raise UserError("merge-role", name=dataset.spec.name, role=missing[0], first=names[0])
    known = {column for dataset in datasets for column in dataset.table.column_names}
    wanted = dict(roles[0])
    if split := next((own["split"] for own in roles if "split" in own), ""):
        wanted["split"] = _unused(split, known) if split in wanted.values() and "split" not in roles[0] else split
    tables = [dataset.table.rename_columns(_matched(dataset, wanted, own, known)) for dataset, own in zip(datasets, roles)]
    if not set.intersection(*(set(table.column_names) for table in tables)):
        raise UserError("merge-nothing", names=", ".join(names))
    merged = stack(_filled_up(tables))
    origin = next(c for c in ("from", "from_data", uuid.uuid4().hex) if c not in merged.column_names)
    merged = merged.append_column(origin, pa.chunked_array([pa.repeat(d.spec.name, d.spec.rows) for d in datasets]))
    return _derived(workspace, datasets[0], merged, new, f"{names[0]}-merged", ", ".join(names), {r: c for r, c in wanted.items() if r == "split"})


def _matched(dataset: Dataset, wanted: dict[str, str], own: dict[str, str], known: set[str]) -> list[str]:
    """What the columns of ``dataset`` are called in merged rows: as the role they play is ``wanted`` there, else as they are.

    A column that only happens to be called like one of another role gets another name (not one that is ``known``); so
    does one that is called like the split but does not play it, since its values may be anything.
    """
    new = {own[role]: column for role, column in wanted.items() if role in own}
    taken = {*new.values(), wanted.get("split", "")}
    return [new.get(name) or (_unused(name, known) if name in taken else name) for name in dataset.table.column_names]


def _unused(name: str, known: set[str]) -> str:
    return next(other for number in count(2) if (other := f"{name}-{number}") not in known)


def _filled_up(tables: "list[pa.Table]") -> "list[pa.Table]":
    """``tables``, each with the columns of all of them: those it does not have are empty."""
    import pyarrow as pa

    types = {field.name: field.type for table in reversed(tables) for field in table.schema}
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    return [
        pa.table({name: table[name] if name in table.column_names else pa.nulls(table.num_rows, types[name]) for name in names})
        for table in tables
    ]


def _derived(
    workspace: "Workspace", dataset: Dataset, table: "pa.Table", new: str, default: str, source: str = "", more: dict[str, str] | None = None,
) -> "DatasetSpec":  # fmt: skip
    """A new data set of rows that came from ``dataset``: its roles as far as there are columns, those of ``more``, and no others."""
    if new:
        check_free(workspace, new)
    roles = dict.fromkeys(ROLES, "") | {role: g.column for role, g in dataset.spec.roles.items() if g.column in table.column_names}
    roles |= more or {}
    split = dataset.spec.split if dataset.spec.split != SplitSpec() else None
    reading = Reading(table, {"format": "derived", "skipped": 0})
    return store(workspace, reading, new, default[:48], source or dataset.spec.name, roles, split, dataset.spec.provenance)


FORMULA = r"^\s*(?:[=@]|[+-](?:[^0-9.\s]|[0-9.]+[^0-9.,\s%]))"


def export(dataset: Dataset, path: str | Path, kind: str = "", progress: Progress | None = None) -> Path:
    """Write the rows as they are now to ``path``; ``kind`` csv, jsonl or parquet, else by the path's ending.

    CSV is UTF-8 with a mark, so that spreadsheets open it right. Raises UserError for another kind or an unwritable place.
    """
    path = Path(path)
    kind = kind or path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise UserError("export-kind", kind=kind or path.name, known=", ".join(FORMATS))
    beside = path.with_name(f".{path.name[:60]}.{uuid.uuid4().hex[:8]}")
    write = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}[kind]
    try:
        with disk_guard(path.parent, needed=dataset.table.nbytes):
            write(dataset.table, beside, progress)
            os.replace(beside, path)
    except OSError as problem:
        raise UserError("export-write", path=path.name, reason=problem.strerror or str(problem)) from None
    finally:
        beside.unlink(missing_ok=True)
    return path


def formula_cells(table: "pa.Table") -> int:
    """Cells of text that a spreadsheet takes for a formula: those that begin with =, +, @ or, before no number, -."""
    import pyarrow as pa
    import pyarrow.compute as compute

    texts = [column for column in table.columns if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)]
    return sum(compute.sum(compute.match_substring_regex(column, FORMULA)).as_py() or 0 for column in texts)


def _batches(table: "pa.Table", progress: Progress | None) -> Iterator["pa.RecordBatch"]:
    done = 0
    for batch in table.to_batches(max_chunksize=CHUNK):
        if progress:
            progress(done / table.num_rows, "manage.writing")
        yield batch
        done += batch.num_rows


def _write_csv(table: "pa.Table", path: Path, progress: Progress | None) -> None:
    from pyarrow import csv

    with open(path, "wb") as file:
        file.write(b"\xef\xbb\xbf")
        with csv.CSVWriter(file, table.schema) as writer:
            for batch in _batches(table, progress):
                writer.write_batch(batch)


def _write_jsonl(table: "pa.Table", path: Path, progress: Progress | None) -> None:
    import json

    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for batch in _batches(table, progress):
            file.writelines(json.dumps(row, ensure_ascii=False, default=as_text) + "\n" for row in batch.to_pylist())


def _write_parquet(table: "pa.Table", path: Path, progress: Progress | None) -> None:
    import pyarrow.parquet as parquet

    with parquet.ParquetWriter(path, table.schema, compression="zstd") as writer:
        for batch in _batches(table, progress):
            writer.write_batch(batch)
