"""Finding rows: by what their cells hold, over all rows of a table, a piece at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fm_gui.data.columns import pieces
from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


def search(
    table: "pa.Table", text: str = "", columns: Sequence[str] = (), where: Mapping[str, Any] | None = None,
    rows: Sequence[int] | np.ndarray | None = None, regex: bool = False,
) -> np.ndarray:  # fmt: skip
    """The numbers of the rows that fit all that is asked (int64, from 0, rising).

    ``text`` stands somewhere in one of ``columns`` (none given: all columns of text), in upper or lower case; with
    ``regex`` it is a pattern of RE2. ``where`` maps a column to a value, a list of values (one of them must be equal, but
    for blanks at the ends; "" and None are equal to a missing cell), {"missing": true} or {"missing": false}, or
    {"longer": n}: more than n characters. ``rows`` are the numbers to look among (None: all).

    Raises UserError for a column that is not there, a filter that is none, a pattern that cannot be read.
    One million rows of 200 bytes, mapped from disk, take about 0.15 s.
    """
    for column in (*columns, *(where or ())):
        if column not in table.column_names:
            raise UserError("search-column", column=str(column)[:80], columns=", ".join(table.column_names)[:400])
    found = np.ones(table.num_rows, bool)
    if rows is not None:
        among = np.asarray(rows, np.int64)
        found[:] = False
        found[among[(among >= 0) & (among < table.num_rows)]] = True
    for column, asked in (where or {}).items():
        found &= _fitting(table, column, asked)
    if text:
        holds = np.zeros(table.num_rows, bool)
        matches = _matcher(text, regex)
        for column in columns or _text_columns(table):
            holds |= _over(table[column], matches, trim=False)
        found &= holds
    return np.flatnonzero(found)


def _text_columns(table: "pa.Table") -> list[str]:
    """Those of text; all, as text, if there is none."""
    import pyarrow as pa

    text = [field.name for field in table.schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    return text or table.column_names


def _over(column: "pa.ChunkedArray", test: Callable[["pa.Array"], "pa.Array"], trim: bool) -> np.ndarray:
    """``test`` of each piece of the cells, as one array (bool of [rows]); null counts as no."""
    found = [test(cells).fill_null(False).to_numpy(zero_copy_only=False) for cells in pieces(column, trim)]
    return np.concatenate([np.zeros(0, bool), *found])


def _matcher(text: str, regex: bool) -> Callable[["pa.Array"], "pa.Array"]:
    """Whether a cell holds ``text``. Raises UserError if it is a pattern that RE2 cannot read."""
    import pyarrow as pa
    import pyarrow.compute as compute

    match = compute.match_substring_regex if regex else compute.match_substring
    try:
        match(pa.array(["any"]), text, ignore_case=True)
    except (pa.ArrowInvalid, UnicodeEncodeError) as problem:
        shown = text.encode("utf-8", "replace").decode("utf-8")[:80]
        reason = str(problem).splitlines()[0].removeprefix("Invalid regular expression: ")[:120]
        raise UserError("search-pattern", pattern=shown, reason=reason) from None
    return lambda cells: match(cells, text, ignore_case=True)


def _fitting(table: "pa.Table", column: str, asked: Any) -> np.ndarray:
    """Which rows' cells of ``column`` fit a filter: a value, a list of values, {"missing": ...} or {"longer": ...}."""
    import pyarrow as pa
    import pyarrow.compute as compute

    cells = table[column]
    match asked:
        case {"missing": bool(missing), **rest} if not rest:
            return _over(cells, _missing, trim=True) == missing
        case {"longer": int(count), **rest} if not rest:
            return _over(cells, lambda some: compute.greater(compute.utf8_length(some), count), trim=False)
        case list() | tuple():
            values = list(asked)
        case str() | bool() | int() | float() | None:
            values = [asked]
        case _:
            raise UserError("search-filter", filter=str(asked)[:80])
    wanted = {_as_cell(value, cells.type) for value in values}
    found = _over(cells, lambda some: compute.is_in(some, value_set=pa.array(sorted(wanted), pa.string())), trim=True)
    return found | _over(cells, _missing, trim=True) if "" in wanted else found


def _missing(cells: "pa.Array") -> "pa.Array":
    import pyarrow.compute as compute

    return compute.fill_null(compute.equal(cells, ""), True)


def _as_cell(value: Any, kind: "pa.DataType") -> str:
    """A value as the cells of a column are compared: as text, a number written as the column writes it (5 -> "5.0")."""
    import pyarrow as pa

    text = "" if value is None else str(value).strip().encode("utf-8", "replace").decode("utf-8")
    if text and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        try:
            return pa.scalar(text.lower()).cast(kind).cast(pa.string()).as_py()
        except pa.ArrowInvalid:
            return text  # equal to no cell of that kind
    return text
