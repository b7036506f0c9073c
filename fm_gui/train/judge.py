"""Judges a finished run in a process of its own: ``python -m fm_gui.train.judge FOLDER DEVICE``.

"Done" must not be said by mistake, so the saved model is loaded by a program that has never seen it: it scores the
validation part, which must give what was measured while training, and then the rows that nobody has seen (evaluation.json).
Each line on standard output is a JSON value: a sign of life, what was found, or what went wrong. Ends with its asker.
"""

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from fm_gui import processes
from fm_gui.errors import UserError
from fm_gui.files import is_disk_full
from fm_gui.runs import Run

SAME = 1e-6  # a score that differs more than this, of one or of its own size, is another score
BEAT_EVERY = 0.5  # seconds between signs of life


def judge(run: Run, report, device: str, tokens: int, wanted: dict[str, Any] | None) -> None:
    """Have ``run`` judged; ``wanted`` is what its saved weights scored on the validation part while training.

    Raises UserError if that score does not come again, or the judging failed; Stopped if asked to stop; OSError on a full disk.
    """
    found = _ask(run, report, [sys.executable, "-m", "fm_gui.train.judge", str(run.path), device, str(tokens)])
    if not wanted:
        return
    for name, before in ((wanted["metric"], wanted["value"]), ("loss", wanted["loss"])):  # the loss moves where a score does not
        again = found["metrics"][name]
        if not abs(again - before) <= SAME * max(1.0, abs(before)):
            raise UserError("not-reproduced", name=run.id, metric=name, again=f"{again:.6f}", before=f"{before:.6f}")


def _ask(run: Run, report, command: list[str]) -> dict[str, Any]:
    """Run the judge to its end, with signs of life; returns what it found."""
    import torch

    environment = dict(os.environ, PYTHONUTF8="1", OMP_NUM_THREADS=str(torch.get_num_threads()))  # as many threads: the same sums
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=Path(__file__).resolve().parents[2])
    lines: SimpleQueue[bytes] = SimpleQueue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True)
    reader.start()
    found: dict[str, Any] = {}
    try:
        while reader.is_alive() or not lines.empty():
            try:
                found |= json.loads(lines.get(timeout=0.2))
                report.step()
            except Empty:
                pass
            if report.stop_asked():
                report.beat()
        process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    if "full" in found:
        raise OSError(28, "No space left on device", str(run.path))
    if "error" in found:
        raise UserError.from_dict(found["error"])
    if "metrics" not in found or not found.get("evaluated"):
        raise UserError("judge-crash", text=found.get("crash", f"exit status {process.returncode}"))
    return found


# -- in the judging process


def main(folder: str, device: str, tokens: int) -> int:
    """Judge the run in ``folder``; returns the exit status."""
    from fm_gui.train.worker import set_allocator

    set_allocator()
    processes.when_asker_is_gone(lambda: os._exit(1))
    try:
        _judge(Run(folder), device, tokens)
    except UserError as problem:
        _tell({"error": problem.to_dict()})
    except Exception as problem:  # the process boundary: told, and the whole trace stands in the run's log
        if is_disk_full(problem):
            _tell({"full": True})
            return 1
        traceback.print_exc()
        _tell({"crash": f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0][:200]}"})
        return 1
    return 0


def _judge(run: Run, device: str, tokens: int) -> None:
    from fm_gui import predict
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import prepare
    from fm_gui.evaluate import evaluate
    from fm_gui.train.check import CHECK_ITEMS
    from fm_gui.workspace import Workspace

    beat = _Beat()
    predictor = predict.load(run, device)
    config, task, workspace = run.config, predictor.task, Workspace(run.workspace_root)
    data = prepare(workspace, config, task, Dataset(workspace, config.data.name, config.data), predictor.processor, beat)
    part = data["validation"]
    _tell({"metrics": task.metrics(predictor.model, predictor.processor, part, config, predictor.model.device, CHECK_ITEMS, beat, tokens)})
    evaluate(run, beat=beat, device=device, tokens=tokens)
    _tell({"evaluated": True})


class _Beat:
    """A sign of life, at most every BEAT_EVERY seconds."""

    def __init__(self):
        self.last = 0.0

    def __call__(self, *_) -> None:
        if time.monotonic() - self.last > BEAT_EVERY:
            self.last = time.monotonic()
            _tell({})


def _tell(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
