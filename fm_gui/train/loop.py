"""The one training loop: every task, every kind of learning, any split into micro-batches.

A step's loss and gradient are means over all items of its batch: the micro-batches' sums are added, then divided once
by their number of items, so micro-batch size and number of processes change nothing but speed. Each step's randomness
(order, masks, dropout) comes from the run's seed and the step's number, so a resumed run repeats the unbroken one.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import psutil
import torch

from fm_gui.config import RunConfig
from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.tasks import Step, Task
from fm_gui.train.checkpoint import LoopState, save_best, save_checkpoint
from fm_gui.train.measure import micro_tokens
from fm_gui.train.optim import clip_and_scale, rate, set_rate
from fm_gui.train.ranks import Ranks
from fm_gui.train.report import Report, Stopped

CHECKPOINT_SECONDS = 60.0  # at least; longer where saving is slow, so that it costs at most 2 % of the time
CHECK_ITEMS = 1_000  # rows or blocks of the validation part scored at a check: enough to steer by, in bounded time


@dataclass
class Job:
    """All that a training needs, in one value."""

    run: Run
    config: RunConfig
    task: Task
    model: torch.nn.Module
    processor: object
    data: object  # Prepared
    optimizers: list[torch.optim.Optimizer]
    device: torch.device
    precision: str
    ranks: Ranks = Ranks()


def steps_from(job: Job, at: int) -> Iterator[Step]:
    """The job's steps from ``at`` on, without end; a thread makes the next one ready while the loop works on this one."""
    batches = job.task.batches(job.processor, job.data["train"], job.config, at, micro_tokens(job.device))

    def ready() -> Step:
        step = next(batches)
        if job.device.type != "cuda":
            return step
        return Step(step.index, step.epoch, [_map(batch, torch.Tensor.pin_memory) for batch in step.micro])

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(ready)
        while True:
            step, ahead = ahead.result(), pool.submit(ready)
            yield step


def _map(batch: dict, change: Callable) -> dict:
    return {key: change(value) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}


def take_step(job: Job, step: Step) -> tuple[torch.Tensor, torch.Tensor, int]:
    """One optimizer step: (mean loss, gradient norm before clipping, items), on the device, not yet waited for."""
    model, total, items = job.model, None, 0
    model.train()
    bf16 = torch.autocast(job.device.type, torch.bfloat16) if job.precision == "bf16" else nullcontext()
    for number, batch in enumerate(job.ranks.mine(step.micro)):
        torch.manual_seed((job.config.train.seed << 40) ^ (step.index << 12) ^ number)  # dropout reads the global generator
        with bf16:
            loss, count = job.task.loss(model, _map(batch, lambda t: t.to(job.device, non_blocking=True)))
        loss.backward()
        total, items = loss.detach() if total is None else total + loss.detach(), items + count
    total, items = job.ranks.add(total, items, model.parameters())
    norm = clip_and_scale(model.parameters(), max(1, items), job.config.train.clip)
    for optimizer in job.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total / max(1, items), norm, items


def train(job: Job, state: LoopState, report: Report, eval_every: int) -> None:
    """Train from ``state``, which it moves on, to the planned end or an early stop, and save the checkpoint.

    Raises Stopped, after saving, if the person asked for it.
    """
    clock = _Clock(state.seconds)
    steps = steps_from(job, state.step)
    state.check_due |= state.step == 0  # what the model can do before it has learned anything
    try:
        while True:
            if state.check_due:
                _check(job, state, report)
                report.update(step=state.step, steps=state.steps, best_step=state.best_step, score=state.best)
                clock.skip()
            if state.finished or state.step >= state.steps:
                break
            if report.stop_asked():
                raise Stopped
            step = next(steps)
            set_rate(job.optimizers, rate(state.step, state.steps, job.config.train))
            loss, norm, items = take_step(job, step)
            state.step += 1
            state.seconds = clock.total()
            state.check_due = state.step % eval_every == 0 or state.step == state.steps
            _tell(job, state, step, loss, norm, items, clock, report)
            if clock.checkpoint_due():
                clock.saved(_save(job, state))
    except Stopped:
        state.seconds = clock.total()
        _save(job, state)
        raise
    finally:
        steps.close()
    state.finished, state.seconds = True, clock.total()
    _save(job, state)


def _save(job: Job, state: LoopState) -> float:
    """Write the checkpoint; returns the seconds it took."""
    begin = time.monotonic()
    save_checkpoint(job.run.path / "checkpoint", job.model, job.optimizers, state)
    return time.monotonic() - begin


def _tell(job, state, step, loss, norm, items, clock, report) -> None:
    """One point of the curves. On a GPU only every tenth, as reading a number waits for the device."""
    if job.device.type == "cuda" and state.step % 10 and state.step != state.steps:
        return
    loss, norm = loss.item(), norm.item()
    tokens = sum(int(batch["input_ids"].numel()) for batch in step.micro)
    speed = clock.speed(state.step)
    report.point(**{
        "step": state.step, "epoch": round(step.epoch, 4), "seconds": round(state.seconds, 3), "train/loss": loss,
        "learning_rate": job.optimizers[0].param_groups[0]["lr"],
        "grad_norm": norm, "tokens_per_second": round(tokens * speed, 1), "examples_per_second": round(items * speed, 2),
        "memory_mb": memory_mb(job.device),
    })  # fmt: skip
    report.step(step=state.step, steps=state.steps, epoch=step.epoch, seconds=state.seconds, eta=clock.left(state))
    if not (loss == loss and abs(loss) != float("inf") and norm == norm):
        raise UserError("loss-not-finite", step=state.step, rate=job.config.train.learning_rate)


def _check(job: Job, state: LoopState, report: Report) -> None:
    """Score the validation part, keep the best weights, and decide whether to stop early."""
    task, settings = job.task, job.config.train
    scores = task.metrics(job.model, job.processor, job.data["validation"], job.config, job.device, CHECK_ITEMS, report.beat)
    report.point(step=state.step, seconds=round(state.seconds, 3), **{f"validation/{name}": value for name, value in scores.items()})
    score = scores[task.metric]
    better = state.best is None or (score > state.best if task.higher_is_better else score < state.best)
    if scores["loss"] != scores["loss"]:
        raise UserError("loss-not-finite", step=state.step, rate=settings.learning_rate)
    if state.step > 0:  # the untrained model is shown, but never kept
        if better or state.best_step is None:
            state.best, state.best_step, state.misses = score, state.step, 0
            if settings.keep_best:
                save_best(job.run.path / "best", job.model)
            report.event("best", step=state.step, metric=task.metric, value=score)
        else:
            state.misses += 1
            if settings.early_stopping and state.misses >= settings.patience:
                state.finished = state.early_stopped = True
                report.event("incident", code="incident.early-stop", values={"step": state.step, "best_step": state.best_step, "checks": state.misses})
    for sample in task.samples(job.model, job.processor, job.data["validation"], job.config, job.device):
        report.event("sample", step=state.step, **sample)
        report.step()
    state.check_due = False


def memory_mb(device: torch.device) -> int:
    """Memory in use, in MB: the device's peak on a GPU, the process's otherwise."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return psutil.Process().memory_info().rss // 2**20


class _Clock:
    """Seconds of training over all sessions, the present speed, and when to save."""

    def __init__(self, before: float):
        self.before, self.begin = before, time.monotonic()
        self.last, self.pace = self.begin, None
        self.save_at = self.begin + CHECKPOINT_SECONDS

    def total(self) -> float:
        return self.before + time.monotonic() - self.begin

    def skip(self) -> None:
        """What passed since the last step was not a step (a check, a save)."""
        self.last = time.monotonic()

    def speed(self, step: int) -> float:
        """Steps per second, smoothed over about ten steps."""
        now = time.monotonic()
        took, self.last = max(now - self.last, 1e-6), now
        self.pace = took if self.pace is None else 0.9 * self.pace + 0.1 * took
        return 1 / self.pace

    def left(self, state: LoopState) -> float:
        """Seconds to go at the run's pace so far, checks included."""
        return (state.steps - state.step) * state.seconds / max(1, state.step)

    def checkpoint_due(self) -> bool:
        return time.monotonic() >= self.save_at

    def saved(self, took: float) -> None:
        self.save_at = time.monotonic() + max(CHECKPOINT_SECONDS, 50 * took)
        self.skip()
