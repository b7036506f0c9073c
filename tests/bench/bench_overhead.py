"""What does it cost that nothing is lost? The loop with curve, heartbeat and checkpoints against its steps alone: ``python -m tests.bench overhead``.

The same steps of the same run in one process, in turns (A B A B ...); checks of the validation part are left out of both. Two cases: a
small GPT, whose steps are so short that telling of them weighs most, and MiniLM, whose checkpoints are large for its steps.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from fm_gui.train import loop
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.saving import Saver
from fm_gui.workspace import Workspace
from tests.train.jobs import toy_job

MINUTES = 10
CASES = {
    "GPT of 1M parameters": ("causal-lm", {"batch_size": 16}),
    "MiniLM, 22M parameters": ("text-classification", {"start": "minilm", "batch_size": 16}),
}


def bare(job, steps: int) -> float:
    """Seconds of ``steps`` steps and nothing else."""
    batches = loop.steps_from(job, 0)
    begin = time.perf_counter()
    try:
        for _ in range(steps):
            loop.take_step(job, next(batches))
    finally:
        batches.close()
    return time.perf_counter() - begin


def told(job, report, steps: int) -> float:
    """Seconds of the same with everything that a run writes."""
    begin = time.perf_counter()
    loop.train(job, LoopState(steps=steps), report, steps + 1)
    return time.perf_counter() - begin


class Spent:
    """The calls of a function and the seconds that they took, by ``clock``."""

    def __init__(self, owner, name: str, clock=time.perf_counter):
        self.calls, self.seconds, plain = 0, 0.0, getattr(owner, name)

        def timed(*values, **named):
            begin = clock()
            try:
                return plain(*values, **named)
            finally:
                self.calls, self.seconds = self.calls + 1, self.seconds + clock() - begin

        setattr(owner, name, timed)

    def each(self) -> float:
        return self.seconds / max(1, self.calls)


def without_checks(job, state, report, saver) -> None:
    state.check_due = False


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0, help="of one turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two short rounds, under two minutes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    seconds, rounds = (10.0, 2) if options.quick else (options.seconds, options.rounds)
    loop.check = without_checks
    told_of = Spent(loop, "_tell")
    copied, written = Spent(Saver, "checkpoint"), Spent(Saver, "_write", time.thread_time)  # the second beside the steps: what it takes of the cores
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (task, settings) in CASES.items():
            job, report = toy_job(Workspace(Path(folder) / task), task, **settings)
            rows.append({"case": name} | measured(job, report, seconds, rounds, (told_of, copied, written)))
    if options.json:
        return print(json.dumps({"ratio": 1 + max(row["overhead"] for row in rows), "rows": rows}))
    for row in rows:
        low, high = row["spread"]
        print(f"{row['case']:<26}{row['steps']:>6} steps   overhead {row['overhead']:+.1%}   ({low:+.1%} to {high:+.1%})")
        print(f"{'':<26}of a step {row['step ms']:.3g} ms: telling {row['telling ms']:.3g}; a checkpoint: copying {row['copying ms']:.3g}, writing beside {row['writing ms']:.3g} ms of CPU")
        print(f"{'':<26}so of a run of ten minutes, saved each minute: {row['of ten minutes']:.2%}")


def measured(job, report, seconds: float, rounds: int, spent: tuple[Spent, Spent, Spent]) -> dict:
    """Both turns, again and again; and what the parts took, from which a run of ten minutes follows (Balanced for language models)."""
    for one in spent:
        one.calls, one.seconds = 0, 0.0
    steps = max(10, round(seconds / (bare(job, 6) / 6)))
    ratios, step = [], []
    for _ in range(rounds):
        alone = bare(job, steps)
        step.append(alone / steps)
        ratios.append(told(job, report, steps) / alone)
        report.rewind(0, True)
    telling, copying, writing = (one.each() for one in spent)
    saves = (2 + MINUTES / job.config.train.checkpoint_minutes) * (copying + writing / (os.cpu_count() or 1))
    return {
        "steps": steps, "overhead": statistics.median(ratios) - 1, "spread": [min(ratios) - 1, max(ratios) - 1],
        "step ms": 1e3 * statistics.median(step), "telling ms": 1e3 * telling, "copying ms": 1e3 * copying, "writing ms": 1e3 * writing,
        "of ten minutes": telling / statistics.median(step) + saves / (60 * MINUTES),
    }  # fmt: skip


if __name__ == "__main__":
    main()
