"""Small real jobs for tests: the loop in this process, on toy data, without a worker."""

import csv
import random

import torch

from fm_gui import plan
from fm_gui.data.adding import add_dataset
from fm_gui.tasks import get_task
from fm_gui.train.job import make_job
from fm_gui.train.report import Report

OPTIONS = {"text-classification": {"max_length": 32}, "masked-lm": {"context": 32}, "causal-lm": {"context": 32}}


def toy_data(workspace, task_name: str, times: int = 4) -> str:
    """A data set named after the task: its toy rows, each ``times`` times with another number in the text."""
    if (workspace.root / "datasets" / task_name).exists():
        return task_name
    rows = [row | {"text": f"{row['text']} {n}"} for n in range(times) for row in get_task(task_name).toy()]
    random.Random(0).shuffle(rows)
    file = workspace.root / f"{task_name}.csv"
    with open(file, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return add_dataset(workspace, [file], name=task_name).name


def toy_config(workspace, task_name: str, *, start="scratch", architecture="", options=None, **train):
    """A small configuration: the 1m size, CPU, fp32, no early stopping."""
    settings = {"device": "cpu", "precision": "fp32", "batch_size": 8, "max_steps": 6, "early_stopping": False} | train
    return plan.make_config(
        workspace, task=task_name, data=toy_data(workspace, task_name), start=start, architecture=architecture, size="1m",
        train=settings, options=OPTIONS[task_name] | (options or {}),
    )  # fmt: skip


def toy_job(workspace, task_name: str, name: str = "", **settings):
    """(job, report) of a new run, ready for loop.train."""
    run = workspace.new_run(toy_config(workspace, task_name, **settings), name)
    report = Report(run)
    torch.set_num_threads(1)
    return make_job(workspace, run, torch.device("cpu"), report), report


def curve(run) -> list[tuple]:
    """What must be equal between two runs: everything in metrics.jsonl but clocks and memory."""
    timed = ("seconds", "tokens_per_second", "examples_per_second", "memory_mb", "mfu")
    return [tuple(sorted((k, v) for k, v in point.items() if k not in timed)) for point in run.metrics()[0]]
