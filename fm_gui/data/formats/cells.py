"""Values to columns of four kinds: text, whole numbers, decimal numbers, truth values; lists and objects are JSON text."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DEEPEST = 16  # objects inside objects that become columns; what lies deeper stays JSON


def as_text(value: Any) -> str:
    """A cell as text: None is "", lists and objects are their JSON, True is "true"."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=lambda odd: f"({len(odd):,} bytes)" if isinstance(odd, bytes) else str(odd))


def whole(text: str) -> str:
    """``text`` with half characters (lone surrogates, which JSON escapes can hold) replaced by a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def unique_names(names: Iterable[str]) -> list[str]:
    """Column names without blanks and repetitions: "", "a", "a" -> "column_1", "a", "a_2"; "#" is kept for row numbers."""
    unique: dict[str, int] = {}  # name -> the last number given to it
    for place, name in enumerate((name.strip() for name in names), 1):
        stem = name = name if name not in ("", "#") else f"column_{place}"
        while name in unique:
            number = unique[stem] = unique.get(stem, 1) + 1
            name = f"{stem}_{number}"
        unique[name] = 1
    return list(unique)


def flatten(row: dict[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """{"user": {"name": 1}} -> {"user.name": 1}; empty objects and what lies deeper than DEEPEST stay as they are."""
    if not any(isinstance(value, dict) for value in row.values()) and not before:
        return row
    flat: dict[str, Any] = {}
    for key, value in row.items():
        inner = flatten(value, f"{before}{key}.", depth + 1) if isinstance(value, dict) and value and depth < DEEPEST else {f"{before}{key}": value}
        for name, cell in inner.items():
            while name in flat:  # {"a.b": 1, "a": {"b": 2}}
                name += "_"
            flat[name] = cell
    return flat


def column(values: list) -> "pa.Array":
    """Python values as one column; all None is of the type null; values of several types become text."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {str}:
        try:
            return pa.array(values, pa.string())
        except UnicodeEncodeError:
            return pa.array([None if value is None else whole(value) for value in values], pa.string())
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values if value is not None):
        return pa.array(values, pa.int64())
    if kinds <= {float, int} and float in kinds and all(abs(value) < 2**1000 for value in values if type(value) is int):
        return finite(pa.array([None if value is None else float(value) for value in values], pa.float64()))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else whole(as_text(value)) for value in values], pa.string())


def plain(column: "pa.ChunkedArray | pa.Array") -> "pa.ChunkedArray | pa.Array":
    """An Arrow column of any type as text, whole numbers, decimal numbers or truth values."""
    import pyarrow as pa

    kind = column.type
    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind) or isinstance(kind, pa.BaseExtensionType):
        return plain(_storage(column))
    if types.is_boolean(kind) or types.is_string(kind):
        return column
    if types.is_integer(kind) and not types.is_uint64(kind):
        return column.cast(pa.int64())
    if types.is_floating(kind):
        return finite(column.cast(pa.float64()))
    if types.is_large_string(kind) or types.is_string_view(kind) or types.is_uint64(kind) or types.is_decimal(kind) or types.is_date(kind):
        return column.cast(pa.string())
    return as_strings(column)


def _storage(column):
    import pyarrow as pa
    import pyarrow.compute as compute

    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_run_end_encoded(column.type):
        return compute.run_end_decode(column)
    return column.cast(column.type.storage_type)


def finite(column):
    """Not-a-number is how many programs write an empty cell; infinity is a number that was too large or a division by zero. JSON has neither."""
    import pyarrow as pa
    import pyarrow.compute as compute

    return compute.if_else(compute.is_finite(column), column, pa.scalar(None, pa.float64()))


def as_strings(column) -> "pa.Array":
    """Any column as text, empty cells kept empty; times without the zeros that they all end in."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if pa.types.is_null(column.type):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_temporal(column.type):
        texts = column.cast(pa.string())
        for zeros in (r"[.]0+(Z|[+-][0-9:]+)?$", r"[ T]00:00:00(Z?)$"):  # no parts of a second; a date without a time
            if compute.all(compute.match_substring_regex(texts, zeros)).as_py():
                texts = compute.replace_substring_regex(texts, zeros, r"\1" if zeros[1] == "." else "")
        return texts
    return pa.array([None if value is None else whole(as_text(value)) for value in column.to_pylist()], pa.string())


def common_type(types: "list[pa.DataType]") -> "pa.DataType":
    """The type that holds them all: whole and decimal numbers are decimal, nothing is nothing, all else is text."""
    import pyarrow as pa

    kinds = {str(kind): kind for kind in types if not pa.types.is_null(kind)}
    if len(kinds) == 1:
        return next(iter(kinds.values()))
    return pa.float64() if kinds and kinds.keys() == {"int64", "double"} else pa.string()


def cast(column, kind: "pa.DataType"):
    """``column`` as ``kind``, one that ``common_type`` gave."""
    import pyarrow as pa

    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    return column.cast(kind, safe=False) if pa.types.is_float64(kind) else as_strings(column)
