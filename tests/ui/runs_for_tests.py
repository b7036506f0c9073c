"""Run folders as the worker leaves them, written without one: for tests of what the page shows of them."""

import atexit
import json
import math
import random
import subprocess
import sys
import time
from pathlib import Path

from fm_gui import processes
from fm_gui.config import ColumnInfo, DatasetSpec, ModelSpec, RunConfig, TrainSettings
from fm_gui.files import write_json
from fm_gui.runs import Run
from fm_gui.workspace import Workspace


def make_run(
    workspace: Workspace, name: str, state: str = "training", *, task="text-classification", steps=1000, step=620, age=300.0, train=None, **status
) -> Run:
    """A run in ``state`` with curves up to ``step``; an active one is kept alive by a process that does nothing, and may be ended."""
    data = DatasetSpec(
        name="reviews",
        source="reviews.csv",
        rows=1240,
        created=0.0,
        columns=[ColumnInfo(name="text", kind="text", filled=1202, distinct=1190, mean_length=84.0)],
    )
    config = RunConfig(task=task, data=data, model=ModelSpec(start="minilm"), train=TrainSettings(**train or {}), created=time.time() - age)
    run = workspace.new_run(config, name)
    values = {
        "state": state,
        "step": step,
        "steps": steps,
        "seconds": step * 0.4,
        "heartbeat": time.time(),
        "eta": (steps - step) * 0.4 if state == "training" else None,
    }
    write_json(run.path / "status.json", values | status)
    write_json(run.path / "process.json", processes.record(stand_in().pid) if state in Run.ACTIVE else {"pid": 2**22 + 1, "create_time": 1.0})
    append_points(run.path / "metrics.jsonl", 1, step, task)
    return run


def stand_in() -> subprocess.Popen:
    """A process that stands where a worker would, until the tests end."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    atexit.register(process.kill)
    return process


def append_points(path: Path, first: int, last: int, task: str = "text-classification", every: int = 20) -> None:
    """Points of steps ``first`` to ``last``, with a check on the held-back rows each ``every`` steps."""
    draw = random.Random(first)
    with open(path, "a", encoding="utf-8") as file:
        for step in range(first, last + 1):
            loss = 0.35 + 2.2 * math.exp(-step / 180)
            point = {
                "step": step,
                "epoch": step / 300,
                "seconds": step * 0.4,
                "train/loss": loss + draw.gauss(0, 0.12),
                "learning_rate": 5e-5 * (1 - step / 1000),
                "grad_norm": 1 + abs(draw.gauss(0, 0.4)),
                "examples_per_second": 78 + draw.gauss(0, 4),
                "memory_mb": 1480.0,
                "mfu": 0.58 + draw.gauss(0, 0.02),
            }
            file.write(json.dumps(point) + "\n")
            if step % every == 0:
                score = {
                    "validation/macro_f1": 0.93 - 0.4 * math.exp(-step / 200),
                    "validation/accuracy": 0.94 - 0.38 * math.exp(-step / 200),
                }
                if task == "causal-lm":
                    score = {"validation/perplexity": math.exp(loss), "validation/bits_per_byte": loss / 2}
                file.write(
                    json.dumps({"step": step, "epoch": step / 300, "seconds": step * 0.4, "validation/loss": loss + 0.05, **score}) + "\n"
                )


def append_event(run: Run, **event) -> None:
    """One line of events.jsonl."""
    with open(run.path / "events.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time.time(), **event}, ensure_ascii=False) + "\n")
