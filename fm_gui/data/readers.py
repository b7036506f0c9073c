"""Files to one table: CSV, TSV, JSON, JSONL, Parquet and plain text, whatever their encoding.

A new format is one function and one line in FORMATS. Numbers of rows and lines in errors are those a person counts
in the file: a CSV's header is row 1, a JSON file's first line is line 1.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui.data.decoding import decode
from fm_gui.data.delimited import REFUSED_SHARE, read_delimited, unique_names
from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

LISTED = 1_000  # skipped rows kept in a data set's record; detected["skipped"] counts them all


@dataclass
class Reading:
    """What was read: the rows, what was detected on the way, and the rows that could not be read."""

    table: "pa.Table"
    detected: dict[str, Any] = field(default_factory=dict)
    skipped: list[dict[str, Any]] = field(default_factory=list)


def read(paths: list[Path], *, delimiter: str | None = None, encoding: str | None = None) -> Reading:
    """All rows of ``paths``, stacked. Raises UserError saying what is wrong, where, and what to do."""
    readings = [read_file(Path(path), delimiter, encoding) for path in paths]
    if not readings:
        raise UserError("no-file")
    first, names = readings[0], [Path(path).name for path in paths]
    for name, reading in zip(names, readings):
        if set(reading.table.column_names) != set(first.table.column_names):
            raise UserError(
                "columns-differ",
                file=name,
                first=names[0],
                columns=", ".join(reading.table.column_names),
                expected=", ".join(first.table.column_names),
            )
    skipped = [row for reading in readings for row in reading.skipped]
    detected = dict(first.detected, skipped=len(skipped))
    if len(readings) > 1:
        detected["files"] = [dict(r.detected, file=name, rows=r.table.num_rows) for name, r in zip(names, readings)]
    return Reading(stack([reading.table for reading in readings]), detected, skipped[:LISTED])


def stack(tables: "list[pa.Table]") -> "pa.Table":
    """Tables with the same columns below each other; a column of different types becomes text."""
    import pyarrow as pa

    names = tables[0].column_names
    tables = [table.select(names) for table in tables]
    for name in names:
        if len({table.schema.field(name).type for table in tables}) > 1:
            tables = [
                table.set_column(table.column_names.index(name), name, pa.chunked_array([_as_strings(table[name])])) for table in tables
            ]
    return pa.concat_tables(tables)


def read_file(path: Path, delimiter: str | None = None, encoding: str | None = None) -> Reading:
    """The rows of one file. Raises UserError."""
    reader = FORMATS.get(path.suffix.lower())
    if not reader:
        raise UserError("file-ending", file=path.name, known=" ".join(FORMATS))
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise UserError("file-missing", file=path.name) from None
    except OSError as problem:
        raise UserError("file-unreadable", file=path.name, reason=problem.strerror or str(problem)) from None
    if not raw.strip():
        raise UserError("file-empty", file=path.name)
    if reader is _read_parquet:
        return reader(raw, path.name)
    text, found = decode(raw, path.name, encoding)
    del raw
    if not text.strip():
        raise UserError("file-empty", file=path.name)
    reading = reader(text, path.name, delimiter)
    reading.detected["encoding"] = found
    return reading


# -- one function a format: (text, file name, delimiter) -> Reading


def _read_csv(text: str, file: str, delimiter: str | None) -> Reading:
    table, detected, skipped = read_delimited(text, file, delimiter, tab_first=file.lower().endswith((".tsv", ".tab")))
    return Reading(table, {"format": "csv", **detected}, skipped)


def _read_text(text: str, file: str, delimiter: str | None) -> Reading:
    import pyarrow as pa

    return Reading(pa.table({"text": pa.array([line for line in _lines(text) if line.strip()], pa.string())}), {"format": "text"})


def _read_jsonl(text: str, file: str, delimiter: str | None) -> Reading:
    rows, bad = [], []
    for number, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
            continue
        bad.append({"file": file, "row": number, "code": "skipped.json-line", "values": {"file": file, "row": number}})
        if not rows:
            break  # a broken first line means that this is no JSONL at all
    if bad and (not rows or len(bad) > REFUSED_SHARE * (len(rows) + len(bad))):
        raise UserError("jsonl-broken", file=file, line=bad[0]["row"])
    return Reading(_table(rows), {"format": "jsonl"}, bad)


def _read_json(text: str, file: str, delimiter: str | None) -> Reading:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as problem:
        if problem.msg == "Extra data" and text.lstrip().startswith("{"):
            return _read_jsonl(text, file, delimiter)  # one object a line, under the wrong ending
        raise UserError("json-broken", file=file, line=problem.lineno, column=problem.colno) from None
    detected = {"format": "json"}
    if isinstance(value, dict):
        lists = [key for key, items in value.items() if isinstance(items, list) and items and all(isinstance(item, dict) for item in items)]
        if len(lists) != 1:
            raise UserError("json-shape", file=file)
        detected["taken"] = lists[0]
        value = value[lists[0]]
    if not isinstance(value, list):
        raise UserError("json-shape", file=file)
    if value and all(isinstance(item, str) for item in value):
        value = [{"text": item} for item in value]
    rows = [item for item in value if isinstance(item, dict)]
    bad = [
        {"file": file, "row": number, "code": "skipped.json-item", "values": {"file": file, "row": number}}
        for number, item in enumerate(value, 1)
        if not isinstance(item, dict)
    ]
    if not rows or len(bad) > REFUSED_SHARE * len(value):
        raise UserError("json-shape", file=file)
    return Reading(_table(rows), detected, bad)


def _read_parquet(raw: bytes, file: str) -> Reading:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(pa.BufferReader(raw))
    except (pa.ArrowException, OSError):
        raise UserError("parquet-broken", file=file) from None
    if not table.num_rows or not table.num_columns:
        raise UserError("file-header-only", file=file)
    columns = [_plain_column(column) for column in table.columns]
    return Reading(pa.table(columns, names=unique_names(table.column_names)), {"format": "parquet"})


FORMATS = {
    ".csv": _read_csv, ".tsv": _read_csv, ".tab": _read_csv, ".json": _read_json, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl,
    ".parquet": _read_parquet, ".pq": _read_parquet, ".txt": _read_text, ".text": _read_text, ".md": _read_text,
}  # fmt: skip


# -- cells


def as_text(value: Any) -> str:
    """A cell as text: None is "", lists and objects are their JSON, True is "true"."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=lambda odd: f"({len(odd):,} bytes)" if isinstance(odd, bytes) else str(odd))


def _lines(text: str) -> list[str]:
    # not str.splitlines, which also cuts at characters (U+2028, form feed) that may stand inside a text or a JSON string
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _table(rows: list[dict]) -> "pa.Table":
    """Objects as a table: a column per key, in the order of first sight; a column of several types becomes text."""
    import pyarrow as pa

    keys = list(dict.fromkeys(key for row in rows for key in row))
    if not any(key.strip() for key in keys):
        raise UserError("json-no-fields")
    return pa.table([_column([row.get(key) for row in rows]) for key in keys], names=unique_names(_whole(key) for key in keys))


def _column(values: list) -> "pa.Array":
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values if value is not None):
        return pa.array(values, pa.int64())
    if kinds and kinds <= {float, int} and float in kinds:
        return _no_nan(pa.array([None if value is None else float(value) for value in values], pa.float64()))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else _whole(as_text(value)) for value in values], pa.string())


def _whole(text: str) -> str:
    """``text`` with half characters (lone surrogates, which JSON escapes can hold) replaced by a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _plain_column(column: "pa.ChunkedArray") -> "pa.ChunkedArray | pa.Array":
    """A Parquet column as text, whole numbers, decimal numbers or truth values."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain_column(column.cast(kind.value_type))
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return column
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return _no_nan(column.cast(pa.float64()))
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _as_strings(column)
    return column.cast(pa.string())


def _no_nan(column):
    """Not-a-number is how many programs write an empty cell."""
    import pyarrow as pa
    import pyarrow.compute as compute

    return compute.if_else(compute.is_nan(column), pa.scalar(None, pa.float64()), column)


def _as_strings(column) -> "pa.Array":
    import pyarrow as pa

    return pa.array([None if value is None else as_text(value) for value in column.to_pylist()], pa.string())
