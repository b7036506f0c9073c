"""Server time per poll of the live charts with 5 runs of 100,000 points: ``python -m tests.bench poll``. Goal: under 50 ms."""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from fm_gui.ui import charts
from fm_gui.workspace import Workspace
from tests.ui.runs_for_tests import append_points, make_run

RUNS, POINTS = 5, 100_000


def ask(workspace: Workspace, cursors: dict) -> tuple[float, int, bool]:
    """One poll as the server function does it; returns (milliseconds of CPU, bytes of the answer, whether there is more)."""
    begin = time.thread_time()  # of this thread alone: what else runs on the machine does not count
    told = charts.curves(workspace, {"runs": [f"run-{n}" for n in range(RUNS)], "cursor": cursors}, "en")
    took = 1000 * (time.thread_time() - begin)
    for run in told["runs"]:
        cursors[run["id"]] = {"stamp": run["stamp"], "n": {key: curve["n"] for key, curve in run["curves"].items()}}
    return took, len(json.dumps(told)), told["more"]


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        workspace, cursors = Workspace(Path(folder)), {}
        files = [make_run(workspace, f"run-{n}", step=1).path / "metrics.jsonl" for n in range(RUNS)]
        for file in files:
            append_points(file, 2, POINTS, every=500)
        first, more = [], True
        while more:
            took, size, more = ask(workspace, cursors)
            first.append(took)
        later, sizes = [], []
        for turn in range(100):
            for file in files:
                append_points(file, POINTS + 10 * turn + 1, POINTS + 10 * turn + 10, every=500)
            took, size, _ = ask(workspace, cursors)
            later.append(took)
            sizes.append(size)
        again, size, _ = ask(workspace, {})
        print(
            f"opening: {len(first)} polls, {sum(first):.0f} ms in all, median {statistics.median(first):.1f} ms, longest {max(first):.1f} ms"
        )
        print(
            f"live (10 new points a run): median {statistics.median(later):.1f} ms, longest {max(later):.1f} ms, {statistics.median(sizes) / 1000:.1f} KB"
        )
        print(f"second window: {again:.1f} ms, {size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
