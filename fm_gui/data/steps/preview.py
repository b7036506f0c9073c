"""What steps would do to a data set, counted and shown before they are taken."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.steps import apply_all, get_step
from fm_gui.data.steps.base import TextStep, as_texts

if TYPE_CHECKING:
    import pyarrow as pa

LOOKED_AT = 5_000  # rows that steps on texts are tried on; steps on rows and labels are quick, and exact only on all
WINDOW = 60  # characters shown before and after the first difference


def preview(table: "pa.Table", roles: dict[str, str], steps: list[StepSpec], examples: int = 5) -> dict[str, Any]:
    """What ``steps`` do to ``table``, without doing it.

    Returns {"of": rows looked at, "rows": rows there are, "before" and "after": rows before and after (of those looked at),
    "removed", "added" (repeated rows), "changed": cells that differ in rows that stay, "columns_added", "columns_removed":
    names, "examples": up to ``examples`` of {"row" (from 1), "column", "before", "after" (None: the row is removed)}}.
    If a step works on texts and there are more than 5,000 rows, the first 5,000 are looked at. Raises UserError as the steps do.
    """
    of = table.num_rows
    if any(issubclass(get_step(step.step), TextStep) for step in steps):
        of = min(of, LOOKED_AT)
    before = table.slice(0, of)
    result = apply_all(before, roles, steps)
    after, kept = result.table, np.arange(of) if result.kept is None else result.kept
    gone = np.setdiff1d(np.arange(of), kept)
    shared = [name for name in before.column_names if name in after.column_names]
    differing = {name: np.flatnonzero(_differ(before[name], after[name], result.kept)) for name in shared}
    # the columns with a part to play first: that is where a person looks
    names = sorted(shared, key=lambda name: name not in roles.values())
    shown = [*_changed(before, after, kept, {name: differing[name] for name in names}, examples)]
    shown += _removed(before, roles, gone, examples - len(shown))
    return {
        "of": of,
        "rows": table.num_rows,
        "before": of,
        "after": after.num_rows,
        "removed": len(gone),
        "added": after.num_rows - (of - len(gone)),
        "changed": sum(len(rows) for rows in differing.values()),
        "columns_added": [name for name in after.column_names if name not in before.column_names],
        "columns_removed": [name for name in before.column_names if name not in after.column_names],
        "examples": shown,
    }


def _differ(before: "pa.ChunkedArray", after: "pa.ChunkedArray", kept: np.ndarray | None) -> np.ndarray:
    """For each row of ``after``: is its cell another than in the row that it came from?"""
    import pyarrow as pa
    import pyarrow.compute as compute

    before, after = as_texts(before), as_texts(after)
    if kept is not None:
        before = before.take(pa.array(kept))
    same = compute.if_else(compute.is_null(before), compute.is_null(after), compute.equal(before, after)).fill_null(False)
    return ~same.to_numpy().astype(bool)


def _changed(
    before: "pa.Table", after: "pa.Table", kept: np.ndarray, differing: dict[str, np.ndarray], examples: int
) -> Iterator[dict[str, Any]]:
    """Up to ``examples`` cells that differ, taken in turn from the columns."""
    turns = sorted(
        (turn, place, name, row)
        for place, (name, rows) in enumerate(differing.items())
        for turn, row in enumerate(rows[:examples].tolist())
    )
    for _, _, name, row in turns[:examples]:
        old, new = _cell(before, name, int(kept[row])), _cell(after, name, row)
        start = next((place for place, (one, other) in enumerate(zip(old, new)) if one != other), min(len(old), len(new)))
        yield {"row": int(kept[row]) + 1, "column": name, "before": _window(old, start), "after": _window(new, start)}


def _removed(before: "pa.Table", roles: dict[str, str], gone: np.ndarray, examples: int) -> list[dict[str, Any]]:
    name = next((column for column in roles.values() if column in before.column_names), before.column_names[0])
    return [
        {"row": row + 1, "column": name, "before": _window(_cell(before, name, row), 0), "after": None}
        for row in gone[: max(0, examples)].tolist()
    ]


def _cell(table: "pa.Table", name: str, row: int) -> str:
    return as_texts(table[name].slice(row, 1))[0].as_py() or ""


def _window(text: str, place: int) -> str:
    """The text around ``place``; "…" stands where it goes on."""
    start, end = max(0, place - WINDOW), place + WINDOW
    start = 0 if start <= 1 else start
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
