"""Does the work cost the same when there is more of it? ``python -m tests.bench growth``

Time per token of a step with 10,000 rows and with 1,000,000 (100,000 with ``--quick``), each a real job taking real steps, in turns:
the ratio is tokens a second of the large over the small, 1 where it is flat. Beside it: the first batch and a check of both; what a page's
question and a worker's start cost in a workspace with one run and with 500; and the seconds from ``run.start()`` to the first point.
"""

import argparse
import csv
import json
import random
import shutil
import tempfile
import time
from pathlib import Path

import torch

from fm_gui import plan
from fm_gui.data.adding import add_dataset
from fm_gui.files import write_json
from fm_gui.runs import Run
from fm_gui.train import check, loop, worker
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.job import make_job
from fm_gui.train.measure import work_of
from fm_gui.train.report import Report
from fm_gui.ui import news
from fm_gui.workspace import Workspace
from tests.bench.compare import Result, parser, rounds, tell, timed

SMALL, LARGE, QUICK_LARGE = 10_000, 1_000_000, 100_000
OTHERS, FEW = 499, 500
TASKS = {"text-classification": {"max_length": 32}, "causal-lm": {"context": 64}}
DEADLINE = 120.0  # seconds to wait for a run's first point


def main(argv: list[str] | None = None) -> None:
    options = parser(__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        results = [steps(Path(folder), task, options) for task in TASKS]
        results[0].rows += many_runs(Path(folder) / "many", options.rounds) + first_points(Path(folder) / "many")
        tell(options, *results)


# -- rows


def write_rows(path: Path, count: int) -> Path:
    """``count`` rows of 4 to 20 words and one of four labels that some words give away."""
    dice = random.Random(count)
    words = [f"{a}{b}{c}" for a in ("ba", "ko", "li", "nu") for b in ("ra", "ti", "mo", "se", "va") for c in ("n", "s", "", "re", "lo")]
    with open(path, "w", encoding="utf-8", newline="") as file:
        write = csv.writer(file)
        write.writerow(["text", "label"])
        for number in range(count):
            label = number % 4
            write.writerow([" ".join(dice.choices(words[label * 10 :], k=dice.randrange(4, 21))) + f" {number}", f"kind {label}"])
    return path


def job_of(workspace: Workspace, task: str, rows: int) -> tuple[loop.Job, float]:
    """A job on ``rows`` generated rows, ready to take steps; and the seconds that adding, splitting and tokenising took."""
    begin, name = time.perf_counter(), f"rows-{rows}"
    if name not in [spec.name for spec in workspace.datasets()]:
        add_dataset(workspace, [write_rows(workspace.root / "rows.csv", rows)], name=name)
    train = {"device": "cpu", "precision": "fp32", "batch_size": 16, "max_steps": 1_000}
    config = plan.make_config(workspace, task=task, data=name, start="scratch", size="1m", vocab_size=600, train=train, options=TASKS[task])
    run = workspace.new_run(config)
    worker.set_up("cpu")
    return make_job(workspace, run, torch.device("cpu"), Report(run)), time.perf_counter() - begin


def steps(folder: Path, task: str, options: argparse.Namespace) -> Result:
    """Tokens a second of steps on many rows beside few."""
    workspace, large = Workspace(folder / task), QUICK_LARGE if options.quick else LARGE
    jobs, rows = {}, []
    for count in (SMALL, large):
        jobs[count], preparing = job_of(workspace, task, count)
        stream = loop.steps_from(jobs[count], 0)
        first = timed(lambda: next(stream))  # noqa: B023 - called at once
        stream.close()
        report = Report(jobs[count].run)
        judged = timed(lambda: check.score(jobs[count], LoopState(), report))  # noqa: B023
        rows.append({"rows": count, "preparing, seconds": preparing, "first batch, seconds": first, "one check, seconds": judged})
    taken, before = 12 if options.quick else 40, dict.fromkeys(jobs, 0)

    def speed(count: int) -> float:
        job, tokens = jobs[count], 0
        stream = loop.steps_from(job, before[count])
        loop.take_step(job, next(stream))
        begin = time.perf_counter()
        for _ in range(taken):
            step = next(stream)
            loop.take_step(job, step)
            tokens += work_of(step)
        took = time.perf_counter() - begin
        stream.close()
        before[count] += taken + 1
        return tokens / took

    pairs = rounds(lambda: speed(large), lambda: speed(SMALL), options.rounds)
    return Result(f"{task}: {large:,} rows (ours) beside {SMALL:,} (peer)", "tokens/s", pairs, rows=rows)


# -- runs


def many_runs(folder: Path, count: int) -> list[dict]:
    """What a page's questions cost, and how soon a worker learns, with one run in the workspace and with 500."""
    workspace, told = Workspace(folder), []
    run = small_run(workspace, "text-classification", "scratch", "first")
    for others in (0, OTHERS):
        for number in range(others):
            copy_of(run, f"old-{number}")
        news_of(workspace, run.id)  # the first reads what later ones know
        costs = sorted(timed(lambda: news_of(workspace, run.id)) for _ in range(10 * count))
        started = sorted(seconds_to_first_point(small_run(workspace, "text-classification", "scratch", f"new-{others}-{n}")) for n in range(count))
        told.append({"runs": others + 1, "a page's questions, ms": 1000 * costs[len(costs) // 2], "start to first point, seconds": started[len(started) // 2]})
    return told


def first_points(folder: Path) -> list[dict]:
    """Seconds from the click to the first point of the curve, with a packaged model and from scratch; of two starts the second, with files at hand."""
    workspace, told = Workspace(folder), []
    for task, start in (("text-classification", "minilm"), ("causal-lm", "scratch")):
        seconds = [seconds_to_first_point(small_run(workspace, task, start, f"{task}-{start}-{n}")) for n in range(2)]
        told.append({"start to first point": f"{task}, {start}", "seconds": seconds[1], "reach": 12})
    return told


def small_run(workspace: Workspace, task: str, start: str, name: str) -> Run:
    """A run on a small data set, not started."""
    if not workspace.datasets():
        add_dataset(workspace, [write_rows(workspace.root / "rows.csv", FEW)], name="rows")
    train = {"device": "cpu", "max_steps": 60, "early_stopping": False, "minutes": None, "epochs": 100.0}
    return workspace.new_run(plan.make_config(workspace, task=task, data="rows", start=start, size="1m", train=train, options=TASKS[task]), name)


def seconds_to_first_point(run: Run) -> float:
    """From ``run.start()`` to the first point of the training curve; the run is ended then."""
    begin = time.perf_counter()
    run.start()
    while not any("train/loss" in point for point in run.metrics()[0]):
        assert time.perf_counter() - begin < DEADLINE and run.status().state in Run.ACTIVE, run.log_tail(2_000)
        time.sleep(0.02)
    took = time.perf_counter() - begin
    run.kill(patience=0)
    return took


def copy_of(run: Run, name: str) -> None:
    """A finished run: the same files under another name, its curve of 200 points."""
    folder = run.path.with_name(name)
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("checkpoint", "best", "model", "log.txt"))
    write_json(folder / "config.json", run.config.model_copy(update={"id": name}).model_dump(mode="json"))
    write_json(folder / "status.json", {"state": "done", "step": 200, "steps": 200, "seconds": 60.0, "score": 0.9, "best_step": 180})
    write_json(folder / "process.json", {"pid": 2**22 + 1, "create_time": 1.0})
    points = [json.dumps({"step": step, "seconds": step * 0.3, "train/loss": 1.0, "learning_rate": 1e-4}) for step in range(200)]
    (folder / "metrics.jsonl").write_text("\n".join(points) + "\n", encoding="utf-8")


def news_of(workspace: Workspace, run_id: str) -> None:
    """What an open Watch tab asks."""
    glance = news.Glance(workspace)
    asks = {"running_now": {}, "all_runs": {}, "waiting_line": {}, "run_state": {"run": run_id}, "run_story": {"run": run_id, "size": 0, "log": False}}
    for name, asked in asks.items():
        news.QUESTIONS[name](glance, "en", asked)


if __name__ == "__main__":
    main()
