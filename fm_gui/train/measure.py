"""Measured, not guessed: the precision that is fast here, the seconds of real steps and checks, the memory they take."""

import copy
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import torch

from fm_gui.tasks import Step

MOST_STEPS = 20  # that are timed to know the usual one: more would not make the mean much surer


def pick_precision(setting: str, device: torch.device) -> str:
    """"bf16" or "fp32"; auto multiplies two matrices in each and takes bf16 where it is clearly faster."""
    if setting != "auto":
        return setting
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "fp32"
    times = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(1024, 1024, device=device).to(dtype)
        a @ a  # the first call pays for setting up
        begin = time.perf_counter()
        for _ in range(3):
            a = a @ a
        a.float().sum().item()  # waits for the device
        times[dtype] = time.perf_counter() - begin
    return "bf16" if times[torch.bfloat16] < 0.8 * times[torch.float32] else "fp32"


def micro_tokens(device: torch.device) -> int:
    """Tokens in memory at once that keep the device busy: measured best on a CPU; on a GPU by its memory."""
    if device.type != "cuda":
        return 1024
    return max(4096, int(torch.cuda.get_device_properties(device).total_memory / 2**30) * 512)


def time_steps(
    take_step: Callable, steps: Iterable[Step], device: torch.device, beat: Callable, seconds: float, agree: Callable[[bool], bool] = bool
) -> list[tuple[float, int]]:
    """(seconds, padded tokens) of real steps, at most MOST_STEPS, for about ``seconds``; the first pays for setting up and is left out.

    ``agree`` makes several processes that take them together end together.
    """
    times: list[tuple[float, int]] = []
    begin = time.perf_counter()
    for step in steps:
        started = time.perf_counter()
        take_step(step)
        wait_for(device)
        times.append((time.perf_counter() - started, work_of(step)))
        beat()
        if agree(len(times) > MOST_STEPS or (len(times) >= 2 and time.perf_counter() - begin > seconds)):
            break
    return times[1:]


def work_of(step: Step) -> int:
    """Tokens of a step, padding included: what its time goes with."""
    return sum(int(batch["input_ids"].numel()) for batch in step.micro)


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def undone(model, optimizers) -> Iterator[None]:
    """Steps taken inside leave no trace: the weights and the optimizers are as before afterwards."""
    weights = copy.deepcopy(model.state_dict())
    states = copy.deepcopy([optimizer.state_dict() for optimizer in optimizers])
    try:
        yield
    finally:
        model.load_state_dict(weights)
        for optimizer, state in zip(optimizers, states):
            optimizer.load_state_dict(state)
            optimizer.zero_grad(set_to_none=True)


def time_check(job, items: int, beat: Callable) -> float:
    """Seconds of one real check of the validation part, with what the model writes at it; ``items`` are scored."""
    begin = time.perf_counter()
    part = job.data["validation"]
    job.task.metrics(job.model, job.processor, part, job.config, job.device, items, beat)
    job.task.samples(job.model, job.processor, part, job.config, job.device)
    return time.perf_counter() - begin


def peak_memory(device: torch.device) -> int:
    """The most bytes used at a time so far: by torch on a GPU, by this process otherwise."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform.startswith("linux"):  # ru_maxrss would count what the parent had when it forked
        line = next(line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on a Mac


def forget_peak(device: torch.device) -> None:
    """Let peak_memory() count from here on, where the system can (proc(5), clear_refs)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform.startswith("linux"):
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def compile_model(model) -> None:
    """Let torch compile the body of ``model`` at its next call, for any length of batch; names of weights stay."""
    model.base_model.compile(dynamic=True)
