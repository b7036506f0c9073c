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
PROBE = 2_048  # rows of a piece that say whether few of its cells differ
LABEL_LENGTH = 60  # mean characters above which a column is no label


def describe(table: "pa.Table") -> list[ColumnInfo]:
    """Each column's kind, how many cells are filled, how many of these differ, how long they are.

    Cells count without the blanks at their ends; those that are null or blank are missing: ``table.num_rows - filled``.
    Distinct cells are counted by 64-bit hashes (8 bytes of memory a row; two cells of 100 million collide at a chance of
    1 in 3,700). One million rows of five columns take about 1 s.
    """
    return [describe_column(name, table[name]) for name in table.column_names]


def describe_column(name: str, column: "pa.ChunkedArray", prints: np.ndarray | None = None) -> ColumnInfo:
    """One column's description; ``prints`` are its fingerprints, if they are there already."""
    import pyarrow as pa
    import pyarrow.compute as compute

    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    filled, letters, numbers, identifiers = 0, 0, 0, 0
    found, start = np.zeros(0 if prints is not None else len(column), np.int64), 0
    for cells, codes in _grouped(column):
        times = None if codes is None else np.bincount(codes + 1, minlength=len(cells) + 1)[1:]  # how often each turns up
        if prints is None:
            end = start + len(cells if codes is None else codes)
            found[start:end], start = _hashes(cells, codes), end
        # more than a tenth that are no numbers (no identifiers): what is further down cannot change that
        prose = filled - numbers > 0.1 * len(column), filled - identifiers > 0.1 * len(column)
        filled += _sum(compute.not_equal(cells, ""), times)
        letters += _sum(compute.utf8_length(cells), times)
        if not number and not prose[0]:
            numbers += _sum(compute.match_substring_regex(cells, NUMBER), times)
        if not number and not prose[1]:
            identifiers += _sum(compute.match_substring_regex(cells, IDENTIFIER), times)
    if not filled:
        return ColumnInfo(name=name, kind="other", filled=0, distinct=0, mean_length=0)
    distinct, length = count_distinct(found if prints is None else prints), letters / filled
    if number or numbers > 0.95 * filled:
        kind = "number"
    elif length <= LABEL_LENGTH and distinct <= min(1_000, filled / 2):
        kind = "category"
    elif length <= LABEL_LENGTH and identifiers > 0.9 * filled:
        kind = "other"
    else:
        kind = "text"
    return ColumnInfo(name=name, kind=kind, filled=filled, distinct=distinct, mean_length=round(length, 2))


def _sum(values: "pa.Array", times: np.ndarray | None) -> int:
    """The sum of numbers or truth values, each counted so many times; nulls are nothing."""
    import pyarrow.compute as compute

    if times is None:
        return compute.sum(values).as_py() or 0
    return int(np.dot(values.fill_null(0 if str(values.type) != "bool" else False).to_numpy(zero_copy_only=False), times))


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
    return np.concatenate([np.zeros(0, np.int64), *(_hashes(cells, codes) for cells, codes in _grouped(column))])


def _grouped(column: "pa.ChunkedArray") -> "Iterator[tuple[pa.Array, np.ndarray | None]]":
    """The pieces: where few cells differ, those that do, each once, and which of them each row has (-1: null); else all cells, and None."""
    for cells in pieces(column):
        few = len(cells.slice(0, PROBE).dictionary_encode().dictionary) <= min(PROBE, len(cells)) / 2
        if few:
            groups = cells.dictionary_encode()
            yield groups.dictionary, groups.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        else:
            yield cells, None


def _hashes(cells: "pa.Array", codes: np.ndarray | None) -> np.ndarray:
    """A hash for each row of a group; hash("") is 0."""
    texts = cells.fill_null("").to_pylist() if cells.null_count else cells.to_pylist()
    hashes = np.fromiter(map(hash, texts), np.int64, len(texts))
    return hashes if codes is None else np.append(hashes, 0)[codes]  # the last one: -1


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
