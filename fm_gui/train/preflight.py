"""The throw-away process of a preflight: ``python -m fm_gui.train.preflight FOLDER``, the folder made like a run's.

Takes real steps of the run described there, the longest of all that are planned among them, scores the validation part,
keeps the copies that saving needs; and writes what it took to result.json. Ends at once when the asker is gone.
"""

import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

import psutil

from fm_gui import processes
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.memory import address_limit, memory
from fm_gui.plan import steps_of
from fm_gui.runs import Run
from fm_gui.train import backoff
from fm_gui.train.around import check, evaluation, first_fit, save_seconds
from fm_gui.train.largest import mean_step, planned_work
from fm_gui.train.worker import set_allocator, set_up
from fm_gui.workspace import Workspace

STEP_SECONDS = 8.0  # for the usual steps
COMPILE_WORTH = 600.0  # seconds of steps from which on compiling could pay
COMPILE_GAIN = 0.03  # of these seconds that must be won, or it is not worth its risks


def main(folder: str) -> int:
    """Measure and write result.json; returns the exit status."""
    set_allocator()
    processes.when_asker_is_gone(end_all)
    prefer_to_be_killed()
    run = Run(Path(folder).resolve())
    teller = Teller(run.path)
    teller.write({"available_memory": memory()[1] + psutil.Process().memory_info().rss})
    try:
        measure(Workspace(run.workspace_root), run, teller)
    except UserError as problem:
        teller.write({"error": problem.to_dict()})
    except (MemoryError, RuntimeError) as problem:  # torch raises both for memory that is not there
        traceback.print_exc()
        if not backoff.is_out_of_memory(problem):
            return 1
        teller.write({"memory": "out"})
    if address_limit() is not None and sys.platform.startswith("linux"):  # what is reserved and not used counts there too
        teller.write({"available_memory": teller.found["available_memory"] - reserved()})
    return 0


def end_all() -> None:
    """End this process and its children."""
    if os.name == "posix":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def prefer_to_be_killed() -> None:
    """Should memory run out, the system is to end this process and none that matters (proc(5), oom_score_adj)."""
    if sys.platform.startswith("linux"):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")


def reserved() -> int:
    """Bytes of address space that this process took beyond the memory that it used, at its peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peaks = {name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(":") for line in lines) if name in ("VmPeak", "VmHWM")}
    return peaks["VmPeak"] - peaks["VmHWM"]


class Teller:
    """Where this process tells how far it is and what it found."""

    def __init__(self, folder: Path):
        self.folder, self.found = folder, {}

    def at(self, share: float, key: str) -> None:
        """Tell how far it is; ``key`` is a word."""
        write_json(self.folder / "progress.json", [share, key])

    def write(self, more: dict) -> None:
        """Add to what was found, and tell it at once: the process may not live to its end."""
        self.found |= more
        write_json(self.folder / "result.json", self.found)


def measure(workspace: Workspace, run: Run, teller: Teller) -> None:
    """Everything that is measured, into ``teller``."""
    import torch

    from fm_gui import machine
    from fm_gui.train import backoff
    from fm_gui.train.check import CHECK_ITEMS
    from fm_gui.train.checkpoint import LoopState, sizes
    from fm_gui.train.job import bare_job, precompute
    from fm_gui.train.measure import forget_peak, peak_memory
    from fm_gui.train.report import Report

    born, ready = psutil.Process().create_time(), time.time()  # a run says "preparing" here
    device = torch.device(machine.pick(run.config.train.device))
    set_up(str(device), run.config.train.processes)
    if device.type == "cuda":
        teller.write({"available_memory": torch.cuda.mem_get_info(device)[0]})
    teller.at(0.2, "preflight.doing.model")
    report = Report(run)
    job = bare_job(workspace, run, device, report)
    backoff.apply(job, LoopState())
    start = time.time() - ready
    prepared = job.data
    precompute(job, workspace, report)
    cached = time.time()
    precompute(job, workspace, report)  # once more: what was computed is kept, and the run will find it
    if job.data is not prepared:  # nor will it need the memory for it
        backoff.give_back(device)
        forget_peak(device)
    teller.write({"device": str(device), "launch_seconds": ready - born, "start_seconds": start + time.time() - cached + first_fit(job)})
    teller.at(0.3, "preflight.doing.steps")
    steps = _steps(job, teller, report.beat)
    teller.at(0.7, "preflight.doing.check")
    each_check, judging = check(job, CHECK_ITEMS), evaluation(job, workspace)
    on_disk = sizes(job.model, job.optimizers)
    save = save_seconds(job, on_disk.weights)
    peak = peak_memory(device)
    teller.write(steps | {
        "seconds_per_check": each_check, "peak_memory": peak, "weight_bytes": on_disk.weights, "checkpoint_bytes": on_disk.checkpoint,
        # the last checkpoint and the model folder are waited for; the others are written beside the steps, which on a CPU wait for its cores
        "first_save_seconds": save * on_disk.checkpoint / on_disk.weights if device.type == "cpu" else 0.0,
        "best_save_seconds": save if device.type == "cpu" and run.config.train.keep_best else 0.0,
        # the judge is a process of its own
        "evaluation_seconds": ready - born + start + each_check + judging + save * (1 + on_disk.checkpoint / on_disk.weights),
    })  # fmt: skip
    train = run.config.train
    total = steps["seconds_per_step"] * steps_of(train, job.task.steps_per_epoch(job.data["train"], job.config))
    total = min(total, 60 * train.minutes) if train.minutes else total
    if train.compile == "on" or (train.compile == "auto" and total >= COMPILE_WORTH):
        teller.at(0.9, "preflight.doing.compile" if train.compile == "auto" else "preflight.doing.steps")
        teller.write(_compile(job, steps["seconds_per_step"], total, peak))


def _steps(job, teller: Teller, beat) -> dict:
    """Seconds of the run's mean step from usual ones, and the longest of all taken three times, with what saving copies held.

    Of several processes it is the first one's share; what they tell each other is not timed.
    """
    from fm_gui.train import loop
    from fm_gui.train.checkpoint import LoopState, sizes, snapshot
    from fm_gui.train.measure import peak_memory, time_steps, wait_for
    from fm_gui.train.ranks import Ranks

    share = replace(job, ranks=Ranks(world=job.config.train.processes))

    def take(step) -> None:
        loop.change_weights(job, *loop.gradients(share, step))

    planned = steps_of(job.config.train, job.task.steps_per_epoch(job.data["train"], job.config))
    work, at = planned_work(share, planned)
    # what is there whatever the batch: weights are loaded; gradients and the optimizer's state are to come, and a copy for saving
    fixed = psutil.Process().memory_info().rss + 2 * sizes(job.model, job.optimizers).checkpoint
    usual = loop.steps_from(share, 0)
    try:
        times = time_steps(take, usual, job.device, beat, STEP_SECONDS)
    finally:
        usual.close()
    teller.at(0.5, "preflight.doing.longest")
    held = snapshot(job.model, job.optimizers, LoopState())  # as a checkpoint has it while it is written
    steps = loop.steps_from(share, at)
    try:
        longest = next(steps)
    finally:
        steps.close()
    for _ in range(3):
        take(longest)
    wait_for(job.device)
    del held
    seconds, spread = mean_step([t for t, _ in times], [w for _, w in times], float(work.mean()))
    largest = max((batch["input_ids"] for batch in longest.micro), key=lambda ids: ids.numel())
    return {
        "seconds_per_step": seconds, "spread": spread, "fixed_memory": fixed,
        "longest": int(largest.shape[1]), "longest_rows": int(largest.shape[0]), "longest_memory": peak_memory(job.device),
    }  # fmt: skip


# -- compiling


def _compile(job, step: float, total: float, peak: int) -> dict:
    """Whether compiled steps win more over ``total`` seconds of steps than compiling takes; that it does not work here is a no."""
    from fm_gui.train import loop
    from fm_gui.train.measure import compile_model, peak_memory, time_steps, wait_for

    def timed() -> list[tuple[float, int]]:
        usual = loop.steps_from(job, 4)
        try:
            return time_steps(lambda step: loop.take_step(job, step), usual, job.device, lambda *_: None, STEP_SECONDS)
        finally:
            usual.close()

    before = timed()  # the same steps, at the same time of day
    begin = time.perf_counter()
    usual = loop.steps_from(job, 0)
    try:
        compile_model(job.model)
        for _ in range(4):  # batches of other shapes may compile anew
            loop.take_step(job, next(usual))
        wait_for(job.device)
        took = time.perf_counter() - begin
        times = timed()
    except (RuntimeError, OSError, MemoryError) as problem:  # no C++ compiler, or one that torch cannot use: its errors are RuntimeErrors
        if job.config.train.compile == "on":
            raise
        print("compile:", problem)
        return {"compile": False}
    finally:
        usual.close()
    pairs = list(zip(times, before))  # one may have taken more of them
    compiled = step * sum(now for (now, _), _ in pairs) / sum(then for _, (then, _) in pairs)
    found = {"compiled_step": compiled, "compile_seconds": took, "peak_memory": max(peak, peak_memory(job.device))}
    gain = total * (1 - compiled / step) - took
    if job.config.train.compile == "on":
        return found
    return found | {"compile": True, "compile_gain": gain} if gain >= COMPILE_GAIN * total else {"compile": False}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
