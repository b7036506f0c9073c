"""A real worker into which a fault is put: ``python -m tests.chaos.faults FAULT FOLDER``, the fault being a function below."""

import math
import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
AT = 5  # the step, counted from 1, in which the fault strikes


def start(run, fault: str, **environment: str) -> subprocess.Popen:
    """Start the worker of ``run`` with a fault, as Run.start would without."""
    command = [sys.executable, "-m", "tests.chaos.faults", fault, str(run.path)]
    with open(run.path / "log.txt", "ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=ROOT, env=os.environ | environment)


def in_step(at: int, strike, once: bool = True) -> None:
    """Call ``strike(total)`` with the sum of losses of step ``at``, whose answer takes its place."""
    from fm_gui.train import loop

    real, struck = loop.gradients, []

    def gradients(job, step):
        total, items = real(job, step)
        if step.index + 1 == at and not (once and struck):
            struck.append(1)
            total = strike(total)
        return total, items

    loop.gradients = gradients


def _broken(_):
    import torch

    raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")


def device_once() -> None:
    """The device is out of order until the process is a fresh one."""
    from fm_gui.train.worker import RESTARTED

    if RESTARTED not in os.environ:
        in_step(AT, _broken)


def device_always() -> None:
    in_step(AT, _broken, once=False)


def not_a_number() -> None:
    at = int(os.environ.get("FAULT_AT", AT))

    def strike(total):
        from fm_gui.train.loop import torch

        return total * torch.tensor(math.nan)

    in_step(at, strike)


def little_memory() -> None:
    """As on a machine with so much memory less that a whole batch does not fit; the system itself refuses what is too much."""
    from fm_gui.train import backoff

    process, first = psutil.Process(), []

    def memory() -> tuple[int, int]:
        first.append(used := process.memory_info().rss)
        return 0, max(0, int(os.environ["FAULT_BYTES"]) + first[0] - used)

    backoff.memory = memory


def other_weights() -> None:
    """What is read from the disk is not what was written."""
    from fm_gui.train import worker

    real = worker.save_model

    def save_model(job, report):
        from safetensors.torch import load_file, save_file

        real(job, report)
        file = job.run.path / "model" / "model.safetensors"
        weights = load_file(file)
        save_file({name: value + 0.05 * value.std() if value.numel() > 1 else value for name, value in weights.items()}, file, {"format": "pt"})

    worker.save_model = save_model


def loader_dies() -> None:
    """The thread that makes batches ready ends on an error."""
    from fm_gui.tasks.text_classification import TextClassification

    real, calls = TextClassification._collate, []

    def dying(self, *arguments):
        calls.append(1)
        if len(calls) > 2 * AT:
            raise RuntimeError("the data went away")
        return real(self, *arguments)

    TextClassification._collate = dying


FAULTS = (device_once, device_always, not_a_number, little_memory, other_weights, loader_dies)

if __name__ == "__main__":
    next(fault for fault in FAULTS if fault.__name__ == sys.argv[1])()
    from fm_gui.train.worker import main

    sys.exit(main(sys.argv[2]))
