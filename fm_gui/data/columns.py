"""What each column of a table holds, found piece by piece: a table larger than memory is described in little."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fm_gui.config import ColumnInfo
from fm_gui.data.guess import guess_roles
from fm_gui.data.role_names import ROLES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ROLES", "describe", "describe_column", "evenly", "fingerprints", "guess_roles", "lengths", "pieces", "take"]

PIECE = 65_536  # rows looked at together
NUMBER = r"^\s*[+-]?([0-9]+(,[0-9]{3})*([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?\s*$"
IDENTIFIER = r"^[!-~]*[0-9][!-~]*$"  # printable ASCII without blanks and with a digit: ids, dates, addresses
LABEL_LENGTH = 60  # mean characters above which a column is no label


def describe(table: "pa.Table") -> list[ColumnInfo]:
    """Each column's kind, how many cells are filled, how many of these differ, how long they are.

    Cells count without the blanks at their ends; those that are null or blank are missing: ``table.num_rows - filled``.
    Distinct cells are counted by 64-bit hashes (8 bytes of memory a row; two cells of 100 million collide at a chance of
    1 in 3,700). One million rows of three columns take about 2 s.
    """
    return [describe_column(name, table[name], fingerprints(table[name])) for name in table.column_names]


def describe_column(name: str, column: "pa.ChunkedArray", prints: np.ndarray) -> ColumnInfo:
    """One column's description; ``prints`` are its fingerprints."""
    import pyarrow as pa
    import pyarrow.compute as compute

    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    filled, letters, numbers, identifiers = 0, 0, 0, 0
    for cells in pieces(column):
        cells = cells.filter(compute.not_equal(cells, ""))  # drops the nulls too
        prose = filled - max(numbers, identifiers) > 0.1 * len(column)  # so many cells are neither that the rest cannot matter
        filled += len(cells)
        letters += compute.sum(compute.utf8_length(cells)).as_py() or 0
        if not number and not prose:
            numbers += compute.sum(compute.match_substring_regex(cells, NUMBER)).as_py() or 0
            identifiers += compute.sum(compute.match_substring_regex(cells, IDENTIFIER)).as_py() or 0
    if not filled:
        return ColumnInfo(name=name, kind="other", filled=0, distinct=0, mean_length=0)
    distinct, length = count_distinct(prints), letters / filled
    if number or numbers > 0.95 * filled:
        kind = "number"
    elif length <= LABEL_LENGTH and distinct <= min(1_000, filled / 2):
        kind = "category"
    elif length <= LABEL_LENGTH and identifiers > 0.9 * filled:
        kind = "other"
    else:
        kind = "text"
    return ColumnInfo(name=name, kind=kind, filled=filled, distinct=distinct, mean_length=round(length, 2))


# -- going through a column with little memory


def pieces(column: "pa.ChunkedArray", trim: bool = True) -> Iterator["pa.Array"]:
    """The cells as text, at most PIECE at a time, in order; without the blanks at their ends if ``trim``. Nulls stay null."""
    import pyarrow as pa
    import pyarrow.compute as compute

    for chunk in column.iterchunks():
        for start in range(0, len(chunk), PIECE):
            cells = chunk.slice(start, PIECE).cast(pa.string())
            yield compute.utf8_trim_whitespace(cells) if trim else cells


def fingerprints(column: "pa.ChunkedArray") -> np.ndarray:
    """A number for each cell (int64 of [rows]): equal for equal cells, but for blanks at the ends; 0 where it is missing.

    The numbers hold within this process only. Two different cells share one at a chance of 1 in 2**64.
    """
    found = np.zeros(len(column), np.int64)
    start = 0
    for cells in pieces(column):
        different = cells.dictionary_encode()  # each hashed once, where few differ
        hashes = np.fromiter(map(hash, different.dictionary.to_pylist()), np.int64, len(different.dictionary))  # hash("") is 0
        if len(hashes):
            codes = different.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            found[start : start + len(cells)] = np.where(codes >= 0, hashes[codes], 0)
        start += len(cells)
    return found


def count_distinct(prints: np.ndarray) -> int:
    """How many different cells there are, by their fingerprints; sorting them is ten times as fast as numpy's unique."""
    ordered = np.sort(prints)
    return int((ordered[1:] != ordered[:-1]).sum()) + 1 - int((prints == 0).any()) if len(ordered) else 0


def lengths(column: "pa.ChunkedArray") -> np.ndarray:
    """Characters of each cell (int32 of [rows]), blanks at the ends included; 0 where it is missing."""
    import pyarrow.compute as compute

    found = [compute.utf8_length(cells).fill_null(0).to_numpy(zero_copy_only=False) for cells in pieces(column, trim=False)]
    return np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int32)


def evenly(rows: np.ndarray, count: int) -> np.ndarray:
    """``count`` of ``rows`` at even distances, all of them if there are no more; the same each time."""
    return rows if len(rows) <= count else rows[np.arange(count) * len(rows) // count]


def take(column: "pa.ChunkedArray", rows: Sequence[int] | np.ndarray) -> list[Any]:
    """The cells of these rows (from 0) as text, in that order; None where null. Other rows are not loaded."""
    import pyarrow as pa

    rows = np.asarray(rows, np.int64)
    starts = np.cumsum([0, *(len(chunk) for chunk in column.iterchunks())])
    where = np.searchsorted(starts, rows, side="right") - 1
    found = np.full(len(rows), None, object)
    for number in np.unique(where):
        own = where == number
        cells = column.chunk(int(number)).take(pa.array(rows[own] - starts[number]))
        found[own] = cells.cast(pa.string()).to_numpy(zero_copy_only=False)
    return found.tolist()
