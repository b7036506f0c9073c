"""A data set of the workspace: its rows as an Arrow file, and what is known of them (DatasetSpec)."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui.config import DatasetSpec, RoleGuess, SplitSpec
from fm_gui.data.columns import ROLES, describe, guess_roles
from fm_gui.data.readers import Reading, as_text, read, stack
from fm_gui.data.split import PARTS, Part, part_of, split_rows
from fm_gui.errors import UserError
from fm_gui.files import as_name, check_name, disk_guard, read_json, write_json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from fm_gui.workspace import Workspace

CHUNK = 65_536  # rows per batch of the Arrow file
HELD_BACK_AT_MOST = 0.8  # of the rows, validation and test together


# -- adding


def add_dataset(
    workspace: "Workspace", paths: Sequence[str | Path], name: str = "",
    roles: dict[str, str] | None = None, split: SplitSpec | None = None,
    provenance: dict[str, str] | None = None, delimiter: str | None = None, encoding: str | None = None,
    validation_file: str | Path | None = None, test_file: str | Path | None = None,
) -> DatasetSpec:  # fmt: skip
    """Read files into a new data set, guess its roles, and return what is known of it.

    ``roles`` (role -> column, "" for none) override the guesses. ``validation_file`` and ``test_file`` are stacked
    below, with a column that says which rows are whose. All or nothing: on a UserError nothing is left behind.
    """
    if name:
        check_free(workspace, name)
    paths = [Path(path) for path in paths]
    own = {"validation": validation_file, "test": test_file}
    reading = _read_with_parts(paths, {part: Path(path) for part, path in own.items() if path}, delimiter, encoding)
    source = ", ".join(path.name for path in paths)
    return store(workspace, reading, name, as_name(paths[0].name, "data"), source, roles, split, provenance)


def store(
    workspace: "Workspace", reading: Reading, name: str, default_name: str, source: str,
    roles: dict[str, str] | None = None, split: SplitSpec | None = None, provenance: dict[str, str] | None = None,
) -> DatasetSpec:  # fmt: skip
    """Write a new data set; without ``name`` it is called ``default_name``, with -2, -3 ... if that is taken."""
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
        name=name or default_name, source=source, detected=reading.detected, rows=table.num_rows, columns=columns,
        split=_check_split(split or SplitSpec()), skipped=reading.skipped, provenance=provenance or {},
    )  # fmt: skip
    spec.roles = _check_roles(spec, table, guessed, roles or {})
    # built in the cache, where half a data set is never listed and safe to delete, then renamed
    folder = workspace.root / "cache" / f"adding-{uuid.uuid4().hex}"
    try:
        with disk_guard(workspace.root, needed=table.nbytes):
            folder.mkdir(parents=True)
            _write_table(folder / "table.arrow", table)
            spec.fingerprint = _fingerprint(folder / "table.arrow", spec)
            return _publish(workspace, folder, spec, explicit=bool(name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_free(workspace: "Workspace", name: str) -> None:
    """Raises UserError if ``name`` cannot name a new data set."""
    if (workspace.root / "datasets" / check_name(name)).exists():
        raise UserError("dataset-exists", name=name)


def _publish(workspace: "Workspace", folder: Path, spec: DatasetSpec, explicit: bool) -> DatasetSpec:
    """Write dataset.json and rename the folder to its place, under the first name that is free."""
    stem, number = spec.name, 1
    while True:
        target = workspace.root / "datasets" / spec.name
        if not target.exists():
            write_json(folder / "dataset.json", spec.model_dump(mode="json"))
            try:
                os.rename(folder, target)
                return spec
            except OSError:
                if not target.exists():
                    raise
        if explicit:
            raise UserError("dataset-exists", name=spec.name)
        number += 1
        spec.name = f"{stem[:44]}-{number}"


def _read_with_parts(paths: list[Path], own: dict[str, Path], delimiter: str | None, encoding: str | None) -> Reading:
    """The files' rows; if some parts have files of their own, with a column telling the parts apart."""
    reading = read(paths, delimiter=delimiter, encoding=encoding)
    if not own:
        return reading
    import pyarrow as pa

    tables, parts, names = [reading.table], ["train"] * reading.table.num_rows, reading.table.column_names
    for part, path in own.items():
        more = read([path], delimiter=delimiter, encoding=encoding)
        if set(more.table.column_names) != set(names):
            raise UserError(
                "columns-differ", file=path.name, first=paths[0].name, columns=", ".join(more.table.column_names), expected=", ".join(names)
            )
        tables.append(more.table)
        parts += [part] * more.table.num_rows
        reading.skipped += more.skipped
        reading.detected["skipped"] += more.detected["skipped"]
    column = next(name for name in ("split", "part", "fm_gui_part", uuid.uuid4().hex) if name not in names)
    return Reading(stack(tables).append_column(column, pa.array(parts)), dict(reading.detected, part=column), reading.skipped)


def _check_split(split: SplitSpec) -> SplitSpec:
    if split.validation + split.test > HELD_BACK_AT_MOST:
        raise UserError("split-too-large", validation=split.validation, test=split.test, limit=HELD_BACK_AT_MOST)
    return split


def _check_roles(spec: DatasetSpec, table: "pa.Table", kept: dict[str, RoleGuess], chosen: dict[str, str]) -> dict[str, RoleGuess]:
    """``kept`` with ``chosen`` (role -> column, "" clears) put over it. Raises UserError for what cannot be."""
    import pyarrow.compute as compute

    known = {column.name: column for column in spec.columns}
    for role, column in chosen.items():
        if role not in ROLES:
            raise UserError("role-unknown", role=str(role)[:40], known=", ".join(ROLES))
        if column and column not in known:
            raise UserError("role-column", role=role, column=str(column)[:80], name=spec.name, columns=", ".join(known))
    columns = [column for column in chosen.values() if column]
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise UserError("role-twice", column=twice[0], roles=", ".join(role for role, column in chosen.items() if column == twice[0]))
    roles = {role: guess for role, guess in kept.items() if role not in chosen and guess.column not in columns}
    for role, column in chosen.items():
        if column:
            same = role in kept and kept[role].column == column
            roles[role] = kept[role] if same else RoleGuess(column=column, reason="reason.chosen", values={"column": column})
    if "text" in roles and not known[roles["text"].column].filled:
        raise UserError("texts-empty", column=roles["text"].column, name=spec.name)
    if "split" in roles:
        values = [as_text(value) for value in compute.unique(table[roles["split"].column]).to_pylist()]
        if "train" not in {part_of(value) for value in values if value.strip()} and all(value.strip() for value in values):
            raise UserError("split-values", column=roles["split"].column, values=", ".join(sorted(values)[:5])[:120])
    return {role: roles[role] for role in ROLES if role in roles}


def _write_table(path: Path, table: "pa.Table") -> None:
    import pyarrow as pa

    with open(path, "wb") as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table.combine_chunks(), max_chunksize=CHUNK)
        file.flush()
        os.fsync(file.fileno())


def _fingerprint(path: Path, spec: DatasetSpec) -> str:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    meaning = {"roles": {role: guess.column for role, guess in spec.roles.items()}, "split": spec.split.model_dump()}
    digest.update(json.dumps(meaning, sort_keys=True).encode("utf-8"))
    return digest.hexdigest()


# -- using


class Dataset:
    """Handle on a data set that exists. Raises UserError if there is none of that name.

    With ``spec`` (a run's own copy), roles and split are as they were then, whatever was chosen since.
    Raises UserError if the rows are no longer those.
    """

    def __init__(self, workspace: "Workspace", name: str, spec: DatasetSpec | None = None):
        self.path = workspace.dataset_path(name)
        self.spec = spec or DatasetSpec(**read_json(self.path / "dataset.json"))
        if spec and spec.fingerprint != _fingerprint(self.path / "table.arrow", spec):
            raise UserError("dataset-changed", name=name)  # deleted, and another one added under its name

    @cached_property
    def table(self) -> "pa.Table":
        """All rows, mapped from disk: opening costs no memory."""
        import pyarrow as pa

        return pa.ipc.open_file(pa.memory_map(str(self.path / "table.arrow"))).read_all()

    def page(self, start: int, count: int) -> list[dict[str, Any]]:
        """``count`` rows from row number ``start`` (from 0) on, as in the file; "#" is the row number from 1."""
        start = max(0, start)
        rows = self.table.slice(start, max(0, count)).to_pylist()
        return [{"#": number, **row} for number, row in enumerate(rows, start + 1)]

    def parts(self) -> dict[Part, "np.ndarray"]:
        """Row numbers (from 0, sorted) of train, validation and test; without a text role all are empty."""
        import numpy as np

        if "text" not in self.spec.roles:
            return {part: np.zeros(0, int) for part in PARTS}
        return split_rows(self.column("text"), self.column("label"), self.column("split"), self.spec.split)

    def column(self, role: str) -> list[str] | None:
        """All cells of the column that plays ``role``, as text (None if no column does); labels without blanks at the ends."""
        if role not in self.spec.roles:
            return None
        return _cells(self.table[self.spec.roles[role].column], role)

    def rows(self, indices: Sequence[int]) -> list[dict[str, str]]:
        """The rows of these numbers as role -> text, without the split role."""
        import pyarrow as pa

        roles = {role: guess.column for role, guess in self.spec.roles.items() if role != "split"}
        taken = self.table.select(list(roles.values())).take(pa.array(indices, pa.int64()))
        columns = [_cells(taken[column], role) for role, column in roles.items()]
        return [dict(zip(roles, cells)) for cells in zip(*columns)]

    def texts(self, part: Part) -> Iterator[str]:
        """The texts of a part, one after the other, few in memory at a time."""
        rows = self.parts()[part]
        for start in range(0, len(rows), 4_096):
            yield from (row["text"] for row in self.rows(rows[start : start + 4_096]))

    def label_counts(self) -> dict[str, int]:
        """Label -> rows, most frequent first; rows without a label are not counted."""
        from collections import Counter

        return dict(Counter(label for label in self.column("label") or [] if label).most_common())

    def lengths(self, bins: int = 40) -> dict[str, Any]:
        """How many characters the filled texts have: {"bins": edges, one more than "counts", "mean", "median", "max"}.

        The last bin also counts the few texts that are far longer than the rest.
        """
        import numpy as np

        lengths = np.array([len(text) for text in self.column("text") or [] if text.strip()])
        if not len(lengths):
            return {"bins": [0, 1], "counts": [0], "mean": 0.0, "median": 0.0, "max": 0}
        top = max(1, int(np.quantile(lengths, 0.99)))
        width = max(1, -(-top // bins))
        edges = np.arange(0, top + 2 * width, width)
        counts, _ = np.histogram(np.minimum(lengths, edges[-1] - 1), bins=edges)
        return {
            "bins": edges.tolist(),
            "counts": counts.tolist(),
            "mean": float(lengths.mean()),
            "median": float(np.median(lengths)),
            "max": int(lengths.max()),
        }

    def set_roles(self, roles: dict[str, str]) -> DatasetSpec:
        """Let columns play these roles, and no others: a role that is "" or left out is played by none."""
        self.spec.roles = _check_roles(self.spec, self.table, self.spec.roles, dict.fromkeys(ROLES, "") | roles)
        return self._save()

    def set_split(self, split: SplitSpec) -> DatasetSpec:
        """Hold back other shares, or other rows."""
        self.spec.split = _check_split(split)
        return self._save()

    def _save(self) -> DatasetSpec:
        self.spec.fingerprint = _fingerprint(self.path / "table.arrow", self.spec)
        with disk_guard(self.path):
            write_json(self.path / "dataset.json", self.spec.model_dump(mode="json"))
        return self.spec


def _cells(column: "pa.ChunkedArray", role: str) -> list[str]:
    cells = [value if isinstance(value, str) else as_text(value) for value in column.to_pylist()]
    return cells if role == "text" else [cell.strip() for cell in cells]
