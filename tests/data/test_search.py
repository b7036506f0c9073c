"""Rows are found as a plain Python loop would find them, over every row."""

import re
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.data.search import search
from fm_gui.errors import UserError

LETTERS = st.text("aAbBzZ éÉßüÜñ中文жЖ.*+?()[]\\|^$%_\n\t0\0😀", max_size=6)
CELLS = st.one_of(st.none(), LETTERS)


def table(chunks, *, numbers=True):
    """Two columns of text in pieces of any size, and a column of numbers."""
    parts = []
    for rows in chunks or [[]]:
        part = {"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows], pa.string())}
        if numbers:
            part["n"] = pa.array([len(a or "") for a, _ in rows], pa.int64())
        parts.append(pa.table(part))
    return pa.concat_tables(parts)


CHUNKS = st.lists(st.lists(st.tuples(CELLS, CELLS), max_size=8), max_size=4)


@settings(max_examples=200, deadline=None)
@given(CHUNKS, LETTERS, st.sampled_from([(), ("a",), ("b", "a")]))
def test_text(chunks, text, columns):
    cells = [row for rows in chunks for row in rows]
    sought = re.compile(re.escape(text), re.IGNORECASE)
    names = columns or ("a", "b")
    expected = [n for n, row in enumerate(cells) if not text or any(cell is not None and sought.search(cell) for cell in (row["ab".index(name)] for name in names))]
    assert search(table(chunks), text, columns).tolist() == expected


@settings(max_examples=150, deadline=None)
@given(CHUNKS, st.one_of(CELLS, st.lists(CELLS, max_size=3)), st.integers(0, 6), st.booleans(), st.lists(st.integers(-3, 40)))
def test_filters(chunks, value, length, missing, rows):
    cells = [row for rows in chunks for row in rows]
    found = table(chunks)
    blank = " \t\n"  # what of these letters is blank
    wanted = {(v or "").strip(blank) for v in (value if isinstance(value, list) else [value])}
    assert search(found, where={"a": value}).tolist() == [n for n, (a, _) in enumerate(cells) if (a or "").strip(blank) in wanted]
    assert search(found, where={"b": {"longer": length}}).tolist() == [n for n, (_, b) in enumerate(cells) if len(b or "") > length]
    assert search(found, where={"a": {"missing": missing}}).tolist() == [n for n, (a, _) in enumerate(cells) if ((a or "").strip(blank) == "") == missing]
    both = search(found, where={"a": {"missing": missing}, "b": {"longer": length}}, rows=rows).tolist()
    assert both == [n for n, (a, b) in enumerate(cells) if n in rows and ((a or "").strip(blank) == "") == missing and len(b or "") > length]


def test_patterns():
    found = table([[("Order 66", "x"), (None, "order sixty")], [("ORDER 7", None), ("reorder", "")]])
    assert search(found, r"^order \d+$", regex=True).tolist() == [0, 2]
    assert search(found, r"order \d", regex=False).tolist() == []
    for pattern in ("(", "[a", "a{2,1}", "(?<=a)b", "*", "\ud800"):
        with pytest.raises(UserError) as problem:
            search(found, pattern, regex=True)
        assert problem.value.code == "search-pattern" and "\n" not in problem.value.values["reason"]


def test_values_of_other_kinds():
    found = pa.table({"n": [1, 2, None, 10], "x": [1.0, 2.5, None, 1e300], "b": [True, False, None, True], "t": [" yes", "no", "", "Yes"]})
    assert search(found, where={"n": 2}).tolist() == search(found, where={"n": "2"}).tolist() == [1]
    assert search(found, where={"x": [1, 2.5]}).tolist() == search(found, where={"x": ["1", "2.50"]}).tolist() == [0, 1]
    assert search(found, where={"b": True}).tolist() == search(found, where={"b": "true"}).tolist() == [0, 3]
    assert search(found, where={"n": "many"}).tolist() == []
    assert search(found, where={"n": None}).tolist() == search(found, where={"n": {"missing": True}}).tolist() == [2]
    assert search(found, where={"t": "yes"}).tolist() == [0]  # a value is not a search: case counts
    assert search(found, "1", columns=["n"]).tolist() == [0, 3]
    assert search(found, "1").tolist() == []  # no column of text holds it
    assert search(found.select(["n", "x"]), "10").tolist() == [3]  # without columns of text, all are looked at
    assert search(found, rows=np.array([3, 1, 1])).tolist() == [1, 3]


def test_what_is_not_there():
    found = pa.table({"a": ["x"]})
    for ask in ({"columns": ["b"], "text": "x"}, {"where": {"b": 1}}):
        with pytest.raises(UserError, match="no column “b”"):
            search(found, **ask)
    for filter in ({"longer": "ten"}, {"missing": 1}, {"shorter": 3}, {"missing": True, "longer": 3}, {}):
        with pytest.raises(UserError) as problem:
            search(found, where={"a": filter})
        assert problem.value.code == "search-filter"


def test_many_rows_are_searched_at_once(tmp_path):
    rows = 200_000
    cells = pa.array([f"Row number {n} says that the quick brown fox jumps over the lazy dog near the old bridge " * 2 for n in range(rows)])
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), pa.schema([("text", pa.string())])) as writer:
        writer.write_table(pa.table({"text": cells}), max_chunksize=65_536)
    mapped = pa.ipc.open_file(pa.memory_map(str(tmp_path / "rows.arrow"))).read_all()
    before, times = pa.total_allocated_bytes(), []
    for _ in range(3):
        start = time.perf_counter()
        assert search(mapped, "NUMBER 199999 says").tolist() == [199_999]
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5, times  # about 0.03; a loop over Python strings takes longer
    assert pa.total_allocated_bytes() - before < 1_000_000
