"""Is reading and checking data fast and light? Ours beside pyarrow, on data it makes, each figure in a process of its own.

    python -m tests.bench data [--rows 1000000] [--quick] [--json]

Rows of about 200 bytes: an id, a text, a label, a date, a number. ``--quick`` takes 100,000 rows. Peak memory is that of
the process (ru_maxrss), so it counts the interpreter and the libraries too; "above import" is without them.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORDS = ["the", "a", "of", "and", "parcel", "lamp", "shop", "late", "broken", "lovely", "quick", "awful", "question", "where", "when", "refund", "order", "number", "chair", "blue", "red", "small", "large", "phone", "screen", "battery", "box", "glass", "paper", "colour", "price", "money", "week", "day"]
LABELS = ("praise", "complaint", "question", "other")


def make(folder: Path, rows: int) -> dict[str, Path]:
    """The same rows as CSV, Parquet and Arrow."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    dice = np.random.default_rng(1)
    vocabulary = np.array(WORDS + [f"w{n}" for n in range(3_000)])
    files = {kind: folder / f"rows.{kind}" for kind in ("csv", "parquet", "arrow")}
    tables = []
    for start in range(0, rows, 50_000):
        count = min(50_000, rows - start)
        words = vocabulary[dice.integers(0, len(vocabulary), (count, 28))]
        tables.append(pa.table({
            "id": pa.array([f"r{n:07d}" for n in range(start, start + count)]), "text": pa.array([" ".join(row) for row in words]),
            "label": pa.array(np.array(LABELS)[dice.integers(0, 4, count)]), "date": pa.array([f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(count)]),
            "number": pa.array(dice.integers(0, 100, count)),
        }))  # fmt: skip
    table = pa.concat_tables(tables)
    pyarrow.csv.write_csv(table, files["csv"])
    pyarrow.parquet.write_table(table, files["parquet"], row_group_size=50_000)
    with pa.ipc.new_file(files["arrow"], table.schema) as writer:
        writer.write_table(table, max_chunksize=50_000)
    return files


# -- what is measured: functions of plain values, each run in a fresh process


def pyarrow_parse(file: str) -> dict:
    import pyarrow.csv

    begin = time.perf_counter()
    table = pyarrow.csv.read_csv(file)
    return {"seconds": time.perf_counter() - begin, "rows": table.num_rows}


def first_rows(file: str) -> dict:
    """From a file that has arrived to its first rows and what was detected, in the page's answer; the adding goes on behind them, and is stopped."""
    import pyarrow.csv  # noqa: F401 - the peer has it imported, too, before the clock starts

    from fm_gui.ui import data_acts
    from fm_gui.workspace import Workspace

    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        workspace, begin = Workspace(folder), time.perf_counter()
        views = data_acts.add_files(workspace, "en", [file], None, None, "", "auto")
        for view in views:
            if "coming-rows" in view or "list" in view:  # or the whole data set, where that was faster
                break
        seconds = time.perf_counter() - begin
        views.close()
        return {"seconds": seconds}


def our_preview(file: str) -> dict:
    """From the file to a data set with its first page, as the page shows it."""
    from fm_gui.data.adding import add_dataset
    from fm_gui.data.dataset import Dataset
    from fm_gui.workspace import Workspace

    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        import pyarrow.csv  # noqa: F401 - the peer has it imported, too, before the clock starts

        before, begin = peak(), time.perf_counter()
        workspace = Workspace(folder)
        spec = add_dataset(workspace, [file])
        Dataset(workspace, spec.name).page(0, 50)
        return {"seconds": time.perf_counter() - begin, "above import MB": peak() - before, "rows": spec.rows}


def looking(file: str) -> dict:
    """Profile, exact checks, paging and search of a data set that is there."""
    from fm_gui.data import health
    from fm_gui.data.adding import add_dataset
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.profile import profile
    from fm_gui.data.search import search
    from fm_gui.workspace import Workspace

    exact = ("exact-duplicates", "conflicting-labels", "overlap", "label-spelling", "small-classes", "imbalance", "empty-texts", "short-texts", "markup")
    with tempfile.TemporaryDirectory(dir=Path(file).parent) as folder:
        workspace = Workspace(folder)
        data = Dataset(workspace, add_dataset(workspace, [file]).name)
        found, begin = {}, time.perf_counter()
        profile(data)
        found["profile"] = time.perf_counter() - begin
        health.check(data, codes=exact)
        found["profile and exact checks"] = time.perf_counter() - begin
        pages = [_timed(lambda at=at: data.page(at, 50)) for at in range(0, data.spec.rows, max(1, data.spec.rows // 7))]
        words = ("parcel", "refund order", "w2999", "nothing at all like this")
        return found | {"page": max(pages), "search": max(_timed(lambda word=word: search(data.table, word)) for word in words)}


def near(file: str, rows: int) -> dict:
    import pyarrow.parquet

    from fm_gui.data.similar import near_duplicates

    texts = pyarrow.parquet.read_table(file, columns=["text"]).slice(0, rows)["text"].to_pylist()
    begin = time.perf_counter()
    near_duplicates(texts)
    return {"seconds": time.perf_counter() - begin, "rows": len(texts)}


def _timed(ask) -> float:
    begin = time.perf_counter()
    ask()
    return time.perf_counter() - begin


def peak() -> float:
    """Peak memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def alone(function, *arguments) -> dict:
    """``function(*arguments)`` in a fresh process, with its peak memory."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_peak, (function, *arguments))


def _with_peak(function, *arguments) -> dict:
    return function(*arguments) | {"peak MB": peak()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    rows, rounds = (100_000, 2) if options.quick else (options.rows, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        files, half = make(Path(folder), rows), Path(folder) / "half"
        half.mkdir()
        fewer = make(half, rows // 2)
        theirs, first, ours = [], [], []
        for _ in range(rounds):  # interleaved: whatever else the machine does hits both
            theirs.append(alone(pyarrow_parse, str(files["csv"])))
            first.append(alone(first_rows, str(files["csv"])))
            ours.append(alone(our_preview, str(files["csv"])))
        ratios, soon = ([mine["seconds"] / peer["seconds"] for mine, peer in zip(measured, theirs)] for measured in (ours, first))
        result = {
            "rows": rows, "CSV MB": files["csv"].stat().st_size / 1e6,
            "pyarrow parse, s": statistics.median(one["seconds"] for one in theirs), "file to first rows on the page, s": statistics.median(one["seconds"] for one in first),
            "first rows, ratio": statistics.median(soon), "first rows, ratio spread": [min(soon), max(soon)],
            "file to whole data set, s": statistics.median(one["seconds"] for one in ours),
            "whole data set, ratio": statistics.median(ratios), "whole data set, ratio spread": [min(ratios), max(ratios)], "CSV peak MB": max(one["peak MB"] for one in ours),
            "CSV above import MB": max(one["above import MB"] for one in ours),
        }  # fmt: skip
        for kind in ("parquet", "arrow"):
            whole, part = alone(our_preview, str(files[kind])), alone(our_preview, str(fewer[kind]))
            result |= {f"{kind} to preview, s": whole["seconds"], f"{kind} above import MB, all rows": whole["above import MB"], f"{kind} above import MB, half": part["above import MB"]}
        looked = alone(looking, str(files["parquet"]))
        result |= {f"{name}, s": looked[name] for name in ("profile", "profile and exact checks", "page", "search")} | {"looking peak MB": looked["peak MB"]}
        result |= {"near duplicates of 100,000, s": alone(near, str(files["parquet"]), 100_000)["seconds"]}
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:38}", f"{value:.4g}" if isinstance(value, float) else value)


if __name__ == "__main__":
    main()
