"""A data set of the workspace: its rows as Arrow files (one per version), and what is known of them (DatasetSpec)."""

import os
import uuid
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui.config import DatasetSpec, SplitSpec
from fm_gui.data.columns import ROLES
from fm_gui.data.formats.cells import as_text
from fm_gui.data.roles import check_roles, check_split
from fm_gui.data.split import PARTS, Part, check_method, split_rows
from fm_gui.data.tables import fingerprint, open_table
from fm_gui.errors import UserError
from fm_gui.files import disk_guard, read_json, write_json

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from fm_gui.workspace import Workspace


class Dataset:
    """Handle on a data set that exists. Raises UserError if there is none of that name.

    With ``spec`` (a run's own copy), rows, roles and split are as they were then, whatever was done since.
    Raises UserError if those rows are gone.
    """

    def __init__(self, workspace: "Workspace", name: str, spec: DatasetSpec | None = None):
        self.workspace, self.path = workspace, workspace.dataset_path(name)
        known = self._known()
        self.opened = None if spec else known  # what it was when this handle looked; a run's copy is not written
        self.spec = spec or DatasetSpec(**known | {"name": name})  # the folder names it
        if spec and not self.table_file.exists():
            raise UserError("dataset-changed", name=name)  # deleted, and another one added under its name

    @staticmethod
    def has(workspace: "Workspace", spec: DatasetSpec) -> bool:
        """True if the rows that ``spec`` (a run's copy) speaks of are still there."""
        return (workspace.root / "datasets" / spec.name / "tables" / f"{spec.table}.arrow").exists()

    @property
    def table_file(self) -> Path:
        return self.path / "tables" / f"{self.spec.table}.arrow"

    @cached_property
    def table(self) -> "pa.Table":
        """All rows, mapped from disk: opening costs no memory. Raises UserError if they are missing or damaged."""
        return self.version(self.spec.table)

    def version(self, name: str) -> "pa.Table":
        """The rows of the version whose table is called ``name``."""
        try:
            return open_table(self.path / "tables" / f"{name}.arrow")
        except (OSError, ValueError):  # pyarrow's own errors are ValueErrors
            if self.opened is not None:
                self.check_current()
            raise UserError("table-damaged", name=self.spec.name) from None

    def page(self, start: int, count: int) -> list[dict[str, Any]]:
        """``count`` rows from row number ``start`` (from 0) on, as in the file; "#" is the row number from 1."""
        start = max(0, start)
        rows = self.table.slice(start, max(0, count)).to_pylist()
        return [{"#": number, **row} for number, row in enumerate(rows, start + 1)]

    def parts(self) -> dict[Part, "np.ndarray"]:
        """Row numbers (from 0, sorted) of train, validation and test; without a text role all are empty.

        Worked out once for a fingerprint, then read from the cache.
        """
        import numpy as np

        if "text" not in self.spec.roles:
            return {part: np.zeros(0, int) for part in PARTS}
        file = self.workspace.root / "cache" / "splits" / f"{self.spec.fingerprint}.npz"
        if file.exists():
            with np.load(file) as kept:
                return {part: kept[part] for part in PARTS}
        columns = [self.column(role) for role in ("text", "label", "split", "group", "date")]
        parts = split_rows(*columns[:3], self.spec.split, *columns[3:])
        if not self.workspace.writable:
            return parts
        with disk_guard(self.workspace.root):
            file.parent.mkdir(exist_ok=True)
            beside = file.with_name(f".{uuid.uuid4().hex}.npz")
            np.savez(beside, **parts)
            os.replace(beside, file)
        return parts

    def column(self, role: str) -> list[str] | None:
        """All cells of the column that plays ``role``, as text (None if no column does); labels without blanks at the ends."""
        if role not in self.spec.roles:
            return None
        return _cells(self.table[self.spec.roles[role].column], role)

    def rows(self, indices: Sequence[int]) -> list[dict[str, str]]:
        """The rows of these numbers as role -> text, without the split role."""
        import numpy as np
        import pyarrow as pa

        at = np.asarray(indices, np.int64)
        first, last = (int(at.min()), int(at.max())) if len(at) else (0, -1)
        roles = {role: guess.column for role, guess in self.spec.roles.items() if role != "split"}
        # a slice costs nothing, while taking a few rows of a whole table copies all of it
        taken = self.table.select(list(roles.values())).slice(first, last - first + 1).take(pa.array(at - first))
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

    def set_roles(self, roles: dict[str, str]) -> DatasetSpec:
        """Let columns play these roles, and no others: a role that is "" or left out is played by none."""
        chosen = check_roles(self.spec, self.table, self.spec.roles, dict.fromkeys(ROLES, "") | roles)
        check_method(self.spec.split, "group" in chosen, "date" in chosen)
        self.spec.roles = chosen
        return self.save()

    def set_split(self, split: SplitSpec) -> DatasetSpec:
        """Hold back other shares, or other rows. Raises UserError if no column plays a role the method needs, or no row is left to learn from."""
        check_method(check_split(split), "group" in self.spec.roles, "date" in self.spec.roles)
        spec = self.spec.model_copy(update={"split": split})
        spec.fingerprint = fingerprint(spec)
        tried = Dataset(self.workspace, spec.name, spec)
        if "text" in spec.roles and spec.rows and not len(tried.parts()["train"]) and any(map(len, tried.parts().values())):
            raise UserError("split-leaves-nothing", method=split.method)
        self.spec.split = split
        return self.save()

    def check_current(self) -> None:
        """Raises UserError if somebody else changed, renamed or deleted the data set since this handle looked."""
        self.workspace.dataset_path(self.path.name)
        if self._known() != self.opened:
            raise UserError("dataset-moved-on", name=self.spec.name)

    def _known(self) -> dict[str, Any]:
        try:
            return read_json(self.path / "dataset.json")
        except FileNotFoundError:  # deleted in this moment
            raise UserError("dataset-moved-on", name=self.path.name) from None

    def save(self) -> DatasetSpec:
        """Write what is known of the data set, with a fresh fingerprint. Raises UserError if somebody else changed it meanwhile."""
        with self.workspace.changing():
            self.check_current()
            self.spec.fingerprint = fingerprint(self.spec)
            self.opened = self.spec.model_dump(mode="json")
            write_json(self.path / "dataset.json", self.opened)
        return self.spec


def _cells(column: "pa.ChunkedArray", role: str) -> list[str]:
    cells = [value if isinstance(value, str) else as_text(value) for value in column.to_pylist()]
    return cells if role == "text" else [cell.strip() for cell in cells]
