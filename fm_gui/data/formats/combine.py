"""Several tables to one: below each other, or as train, validation and test by their files' names."""

import re
import uuid
from pathlib import PurePath
from typing import TYPE_CHECKING

from fm_gui.data.formats.cells import cast, common_type
from fm_gui.data.formats.source import LISTED, Reading
from fm_gui.data.split import PART_NAMES, Part, part_of
from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

MOST_FILES = 100  # told one by one in ``detected["files"]``


def combine(readings: list[Reading], names: list[str], parts: list[Part | None] | None = None) -> Reading:
    """Readings below each other; with ``parts`` (or names that all tell one, train among them) and a column that says which row is whose.

    Raises UserError if their columns differ.
    """
    import pyarrow as pa

    first = readings[0]
    if len(readings) == 1 and not any(parts or []):
        return first
    for name, reading in zip(names, readings):
        if set(reading.table.column_names) != set(first.table.column_names):
            columns, expected = (", ".join(r.table.column_names)[:300] for r in (reading, first))
            raise UserError("columns-differ", file=name, first=names[0], columns=columns, expected=expected)
    table = stack([reading.table for reading in readings])
    detected = dict(first.detected, skipped=sum(reading.detected.get("skipped", 0) for reading in readings))
    detected["files"] = [dict(r.detected, file=name, rows=r.table.num_rows) for name, r in zip(names, readings)][:MOST_FILES]
    parts = parts or [part_in_name(name) for name in names]
    if all(parts) and "train" in parts and (len(set(parts)) > 1 or len(parts) == 1):
        detected["part"] = free_name(table.column_names)
        cells = pa.chunked_array([pa.array([part] * reading.table.num_rows, pa.string()) for part, reading in zip(parts, readings)])
        table = table.append_column(detected["part"], cells)
    return Reading(table, detected, [row for reading in readings for row in reading.skipped][:LISTED])


def free_name(taken: list[str]) -> str:
    """A name for the column that tells the parts, which the table does not have yet."""
    return next(name for name in ("split", "part", "fm_gui_part", uuid.uuid4().hex) if name not in taken)


def part_in_name(name: str) -> Part | None:
    """The part that a file's name tells ("reviews_train.csv", "情感训练集.csv"), or its nearest folder's; None if none or several."""
    path = PurePath(name)
    for piece in [path.name.split(".")[0], *path.parts[-2:-5:-1]]:
        found = {part for word in re.split(r"[\W_\d]+", piece) if (part := part_of(word))}
        found = found or {part for part, words in PART_NAMES.items() for word in words if not word.isascii() and word in piece}
        if len(found) == 1:
            return found.pop()
        if found:
            return None
    return None


def stack(tables: "list[pa.Table]") -> "pa.Table":
    """Tables with the same columns below each other; a column of different types becomes one that holds all (text, at the last)."""
    import pyarrow as pa

    names = tables[0].column_names
    tables = [table.select(names) for table in tables]
    schema = pa.schema([(name, common_type([table.schema.field(name).type for table in tables])) for name in names])
    return pa.concat_tables(table if table.schema.types == schema.types else _as(table, schema) for table in tables)


def _as(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    columns = [pa.chunked_array([cast(chunk, f.type) for chunk in table[f.name].chunks], f.type) for f in schema]
    return pa.table(columns, schema=schema)
