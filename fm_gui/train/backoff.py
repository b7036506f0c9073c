"""When a run meets its limits: memory that runs out, a loss that runs away, a device that must be started anew.

Each is answered by the least change that lets the run go on with the same effective batch, and told in one line of the
incident log. What was changed stands in LoopState, so a resumed run does not learn it again the hard way.
"""

import contextlib
import ctypes
import errno
import gc
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch

from fm_gui.errors import UserError
from fm_gui.memory import memory
from fm_gui.tasks import Step
from fm_gui.train.checkpoint import LoopState, load_newest

ROLLBACKS = 2  # how often a run goes back to a checkpoint with half the rate before it gives up
RESTARTS = 2  # how often a process whose device is out of order starts again
RESERVE = 64 * 2**20  # bytes for threads that save and make batches ready
CHECK_TOKENS = 2048  # tokens in memory at once while scoring, about what the tasks take by themselves

_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "cublas_status_alloc_failed", "could not create a memory", "could not create a primitive")  # the last two: oneDNN
_DEVICE = ("cuda error", "cudnn error", "cublas error", "cublas_status", "nccl error", "device-side assert")


class Diverged(Exception):
    """The loss or a weight is no longer a number, or the loss stays far above what it was; ``code`` says which."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def is_out_of_memory(problem: BaseException) -> bool:
    """True for an error that means: smaller pieces may fit."""
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)) or getattr(problem, "errno", None) == errno.ENOMEM:
        return True
    return isinstance(problem, RuntimeError) and any(word in str(problem).lower() for word in _MEMORY)


def is_poisoned(problem: BaseException) -> bool:
    """True for an error after which the device answers nothing else in this process."""
    if is_out_of_memory(problem):
        return False
    return isinstance(problem, torch.AcceleratorError) or (isinstance(problem, RuntimeError) and any(word in str(problem).lower() for word in _DEVICE))


# -- memory


def bound_memory() -> None:
    """Let an allocation that memory cannot hold fail, which a run survives, instead of the system ending a process, which it may not.

    Linux promises more memory than there is, and kills when the promise is called in. What this process has now and what is
    free is all that it may have (setrlimit(2), RLIMIT_DATA). Said anew after a failure: much of what was promised is not used.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource

    used = next(int(line.split()[1]) * 1024 for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if line.startswith("VmData:"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = used + memory()[1]
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def bounded() -> bool:
    """True in a process that called bound_memory()."""
    if not sys.platform.startswith("linux"):
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)[0] != resource.RLIM_INFINITY


@contextlib.contextmanager
def within(device: torch.device) -> Iterator[None]:
    """Keep RESERVE bytes of what bound_memory() allows out of a step's reach.

    The allocator keeps what a step once had, and glibc ends a process one of whose threads finds no room for its own variables.
    """
    if device.type != "cpu" or not bounded():
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (max(0, soft - RESERVE), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def release(job) -> None:
    """Give back what a step that failed still holds."""
    for optimizer in job.optimizers:
        optimizer.zero_grad(set_to_none=True)
    give_back(job.device)
    if bounded():
        bound_memory()


def give_back(device: torch.device) -> None:
    """Give memory that is no longer used back to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif sys.platform.startswith("linux") and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)  # which freeing no longer does by itself (see set_allocator in worker.py)


def apply(job, state: LoopState) -> None:
    """Let the job's steps take as little memory as ``state`` says, or its settings ask for."""
    job.micro_tokens, job.micro_rows = state.micro_tokens, state.micro_rows
    if (state.activation_checkpointing or job.config.train.activation_checkpointing) and job.model.supports_gradient_checkpointing:
        job.model.activation_checkpointing_enable({"use_reentrant": False})


def shrink(job, state: LoopState, report, step: Step) -> None:
    """Make steps need less memory: half as many rows at once, then activation checkpointing. Raises UserError if nothing is left."""
    release(job)
    largest = max(step.micro, key=lambda batch: batch["input_ids"].numel())
    rows, longest = largest["input_ids"].shape
    if rows > 1:
        if job.micro_rows or job.config.train.micro_batch_size or "features" in largest:  # a row's features are as large whatever its tokens
            state.micro_rows = rows // 2
        else:
            state.micro_tokens = rows // 2 * longest
        report.incident("memory-micro", step=state.step, rows=rows // 2, before=rows)
    elif job.model.supports_gradient_checkpointing and not (state.activation_checkpointing or job.config.train.activation_checkpointing):
        state.activation_checkpointing = True
        report.incident("memory-activation", step=state.step)
    else:
        raise UserError("out-of-memory-longest", tokens=longest, half=max(1, longest // 2))
    apply(job, state)


def fitting(job, state: LoopState, report, score: Callable[[int], Any], told: str = "memory-check") -> Any:
    """``score(tokens)`` with as many tokens in memory at once as fit: halved whenever memory runs out, which the incident ``told`` says.

    0 is the task's own number.
    """
    while True:
        try:
            return score(state.check_tokens)
        except (MemoryError, RuntimeError, OSError) as problem:
            if not is_out_of_memory(problem) or state.check_tokens == 1:
                raise
        release(job)  # here, where the error and all that its frames held is gone
        state.check_tokens = max(1, (state.check_tokens or CHECK_TOKENS) // 2)
        report.incident(told)


def uncompile(model) -> bool:
    """Take back what compile_model did; False if the model is not compiled."""
    body = model.base_model
    if body._compiled_call_impl is None:
        return False
    body._compiled_call_impl = None
    return True


def first_line(problem: BaseException) -> str:
    """The first line of an error, short enough to be told."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]


# -- a loss that runs away


class Spikes:
    """Watches the training loss: a jump is told, one that stays is undone.

    A jump is a mean of SHORT points far above the LONG points before; far is half as much again and four standard deviations,
    so that noise, even of small batches, never is one.
    """

    LONG, SHORT = 64, 8

    def __init__(self, losses: Iterable[float]):
        self.losses = deque(losses, self.LONG + self.SHORT)
        self.limit: float | None = None  # while the loss is high: below it, it has come down
        self.high_for = 0

    def look(self, loss: float) -> Literal["", "loss-spike", "loss-high", "loss-zero"]:
        """What the next loss means; "" mostly."""
        self.losses.append(loss)
        if len(self.losses) < self.LONG + self.SHORT:
            return ""
        values = list(self.losses)
        now = statistics.fmean(values[-self.SHORT :])
        if self.limit is not None:
            return self._still(now)
        before = values[: -self.SHORT]
        level = statistics.fmean(before)
        limit = level + max(0.5 * abs(level), 4 * statistics.pstdev(before))
        if now > limit:
            self.limit, self.high_for = limit, 0
            return "loss-spike"
        return "loss-zero" if not any(values) else ""

    def _still(self, now: float) -> Literal["", "loss-high"]:
        self.high_for += 1
        if now < self.limit:
            self.limit = None
        elif self.high_for >= self.LONG:
            return "loss-high"
        return ""

    @property
    def levels(self) -> tuple[float, float]:
        """(mean before, mean of the last few) points."""
        values = list(self.losses)
        return statistics.fmean(values[: -self.SHORT]), statistics.fmean(values[-self.SHORT :])


def go_back(job, state: LoopState, report, saver, why: Diverged) -> None:
    """To the last checkpoint, all of whose weights are numbers, with half the learning rate; ``state`` becomes that of then.

    Raises UserError after ROLLBACKS times.
    """
    saver.settle()
    if state.rollbacks >= ROLLBACKS or not job.ranks.share(lambda: job.run.has_checkpoint):
        raise UserError("loss-not-finite", step=state.step, rate=job.config.train.learning_rate * state.rate_scale)
    at = state.step
    restore(job, state, report, saver, rate_scale=state.rate_scale / 2, rollbacks=state.rollbacks + 1)
    rate = f"{job.config.train.learning_rate * state.rate_scale:.3g}"
    report.incident(why.code, step=at, back=state.step, rate=rate)
    saver.checkpoint(state)  # so that a kill does not make it diverge anew


def restore(job, state: LoopState, report, saver, **changes) -> None:
    """Put the last checkpoint back into job and ``state``, but for ``changes`` and what was learned of memory."""
    saver.settle()
    release(job)
    kept = {name: getattr(state, name) for name in ("micro_tokens", "micro_rows", "check_tokens", "activation_checkpointing")}
    saved = load_newest(job.run.path / "checkpoint", job.model, job.optimizers, report)
    for name, value in (asdict(saved) | kept | changes).items():
        setattr(state, name, value)
    report.rewind(state.step, state.check_due)
