"""The one training loop: every task, every kind of learning, any split into micro-batches and processes.

A step's loss and gradient are means over all items of its batch: the micro-batches' sums are added, then divided once
by their number of items, so micro-batch size and number of processes change nothing but speed. Each step's randomness
(order, masks, dropout) comes from the run's seed and the step's number, so a resumed run repeats the unbroken one.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
import torch

from fm_gui.config import RunConfig
from fm_gui.runs import Run
from fm_gui.tasks import Step, Task
from fm_gui.train import backoff
from fm_gui.train.backoff import Diverged
from fm_gui.train.check import CHECK_ITEMS as CHECK_ITEMS
from fm_gui.train.check import check
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.clock import Clock, flops_of
from fm_gui.train.measure import micro_tokens
from fm_gui.train.optim import clip_and_scale, rate, set_rate
from fm_gui.train.ranks import Ranks
from fm_gui.train.report import Report, Stopped
from fm_gui.train.saving import Saver
from fm_gui.train.sharded import Shell

GO_ON, SAVE, STOP = range(3)


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
    shell: Shell | None = None  # of a sharded model: through it alone may the model be used
    micro_tokens: int = 0  # tokens in memory at once; 0: as many as suit the device
    micro_rows: int = 0  # rows in memory at once, if memory allows fewer than the settings; 0: as set
    peak: float = 0.0  # FLOP/s that the machine reaches at most; 0: not known, so how far it is used is not told

    def on_model(self, work: Callable[[torch.nn.Module], Any]) -> Any:
        """``work(model)``, with all that it needs of a sharded model at hand."""
        return work(self.model) if self.shell is None else self.shell(work)

    def cut(self) -> RunConfig:
        """The configuration as it decides how a step is cut into micro-batches."""
        rows = self.micro_rows or self.config.train.micro_batch_size
        train = self.config.train.model_copy(update={"micro_batch_size": rows, "processes": self.ranks.world})
        return self.config.model_copy(update={"train": train})


def steps_from(job: Job, at: int) -> Iterator[Step]:
    """The job's steps from ``at`` on, without end; a thread makes the next one ready while the loop works on this one."""
    batches = job.task.batches(job.processor, job.data["train"], job.cut(), at, job.micro_tokens or micro_tokens(job.device))

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
    return change_weights(job, *gradients(job, step))


def gradients(job: Job, step: Step) -> tuple[torch.Tensor, int]:
    """Add up the gradients of a step's micro-batches on this rank; returns (sum of losses, items)."""
    total, items = torch.zeros((), device=job.device), 0
    job.model.train()
    bf16 = torch.autocast(job.device.type, torch.bfloat16) if job.precision == "bf16" else nullcontext()
    for number, batch, weight in job.ranks.mine(step.micro):
        torch.manual_seed((job.config.train.seed << 40) ^ (step.index << 12) ^ number)  # dropout reads the global generator
        batch = _map(batch, lambda t: t.to(job.device, non_blocking=True))
        with bf16:
            loss, count = job.on_model(lambda whole, batch=batch: job.task.loss(whole, batch))
        loss = loss * weight  # 0 for a pass that only keeps the ranks in step
        loss.backward()
        total, items = total + loss.detach(), items + count * weight
    return total, items


def change_weights(job: Job, total: torch.Tensor, items: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Move the weights by the gradients of all ranks: (mean loss, gradient norm before clipping, items)."""
    total, items = job.ranks.add(total, items, job.model.parameters())
    norm = clip_and_scale(job.model.parameters(), max(1, items), job.config.train.clip)
    for optimizer in job.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total / max(1, items), norm, items


def train(job: Job, state: LoopState, report: Report, eval_every: int) -> None:
    """Train from ``state``, which it moves on, to the planned end or an early stop, and save the checkpoint.

    Raises Stopped, after saving, if the person asked for it.
    """
    saver = Saver(job, report)
    try:
        loop = _Loop(job, state, report, saver, eval_every)
        try:
            loop.go()
        except Stopped:
            state.seconds = loop.clock.total()
            saver.checkpoint(state)
            saver.settle()
            raise
        finally:
            loop.steps.close()
        state.finished, state.seconds = True, loop.clock.total()
        saver.checkpoint(state)
        saver.settle()
    finally:
        saver.close()


class _Loop:
    """What the loop knows besides its state: nothing here outlives the process."""

    def __init__(self, job: Job, state: LoopState, report: Report, saver: Saver, eval_every: int):
        self.job, self.state, self.report, self.saver, self.eval_every = job, state, report, saver, eval_every
        self.proven = False  # whether a step was taken since the start
        self.loader_ended: int | None = None  # the step for which batches could not be made ready
        backoff.apply(job, state)
        self.begin()

    def begin(self) -> None:
        """Make ready to go on from where the state is."""
        spikes = backoff.Spikes
        self.clock = Clock(self.state.seconds, flops_of(self.job), self.job.peak)
        self.spikes = spikes(self.job.ranks.share(lambda: self.report.losses(spikes.LONG + spikes.SHORT)))
        self.steps = steps_from(self.job, self.state.step)

    def go(self) -> None:
        """Steps and checks until the end. Raises Stopped."""
        state, report, saver = self.state, self.report, self.saver
        state.check_due |= state.step == 0  # what the model can do before it has learned anything
        unsaved = self.job.ranks.share(lambda: not self.job.run.has_checkpoint)
        while True:
            try:
                if unsaved:  # something to come back to, if the first steps go wrong
                    unsaved = False
                    self.save()
                if state.check_due:
                    check(self.job, state, report, saver)
                    report.update(step=state.step, steps=state.steps, best_step=state.best_step, score=state.best)
                    self.clock.lap("checks")
                if state.finished or state.step >= state.steps:
                    return
                order = self.order()
                if order == STOP:
                    raise Stopped
                if order == SAVE:
                    self.save()
                self.step()
            except Diverged as problem:
                self.steps.close()
                backoff.go_back(self.job, state, report, saver, problem)
                self.begin()

    def order(self) -> int:
        """What all ranks do before the next step: rank 0 minds the clock, and each may have heard of a stop."""
        due = self.state.step > 0 and self.job.ranks.first and self.saver.due(self.state.step)
        return -self.job.ranks.least(-(STOP if self.report.stop_asked() else SAVE if due else GO_ON))

    def save(self) -> None:
        self.state.seconds = self.clock.total()
        if not self.saver.checkpoint(self.state):
            raise Diverged("diverged")
        self.clock.lap("saving")

    def step(self) -> None:
        """One step, or, if memory runs out, a change that makes the next try smaller."""
        job, state = self.job, self.state
        step = self.next_step()
        # on a GPU the device may still be at work while its driver waits for the next batch
        self.clock.lap("steps" if job.device.type == "cuda" else "waiting")
        set_rate(job.optimizers, state.rate_scale * rate(state.step, state.steps, job.config.train))
        summed = self.attempt(partial(gradients, job, step))
        if job.ranks.any(summed is None):
            self.anew(partial(backoff.shrink, job, state, self.report, step))
            return
        done = self.attempt(partial(change_weights, job, *summed))
        if job.ranks.any(done is None):  # some weights may have moved and others not
            at = state.step
            self.anew(partial(backoff.shrink, job, state, self.report, step))
            backoff.restore(job, state, self.report, self.saver)
            self.report.incident("memory-back", step=at, back=state.step)
            self.steps.close()
            self.begin()
            return
        self.proven = True
        state.step += 1
        state.seconds = self.clock.total()
        state.check_due = state.step % self.eval_every == 0 or state.step == state.steps
        self.heed(step, *_tell(job, state, step, *done, self.clock, self.report))

    def next_step(self) -> Step:
        """The next step's batches; if the thread that makes them ready ends on an error, another begins in its place, once a step."""
        try:
            return next(self.steps)
        except (OSError, RuntimeError, MemoryError) as problem:
            if self.loader_ended == self.state.step:
                raise
            self.report.incident("loader-again", step=self.state.step, reason=backoff.first_line(problem))
        self.loader_ended = self.state.step
        self.steps = steps_from(self.job, self.state.step)
        return self.next_step()

    def attempt(self, work: Callable[[], Any]) -> Any:
        """What ``work`` gives; None if memory ran out, or if it was compiled and that does not work here."""
        try:
            with backoff.within(self.job.device):
                return work()
        except (MemoryError, RuntimeError, OSError) as problem:
            if self.job.shell is not None:  # the other ranks are in the middle of the same block: nobody can try again alone
                raise
            if backoff.is_out_of_memory(problem):
                return None
            if self.proven or not backoff.uncompile(self.job.model):
                raise
            self.report.incident("compile-failed", reason=backoff.first_line(problem))
        backoff.release(self.job)
        return self.attempt(work)

    def anew(self, change: Callable[[], None]) -> None:
        """Change how steps are cut, and make the step that failed again."""
        self.steps.close()
        change()
        self.steps = steps_from(self.job, self.state.step)

    def heed(self, step: Step, loss: float | None, norm: float | None) -> None:
        """Look at the numbers of a step that was told; None if it was not. Raises Diverged."""
        if loss is None:
            return
        if not (abs(loss) < float("inf") and norm == norm):
            raise Diverged("diverged")
        told = self.spikes.look(loss)
        if told == "loss-high" and self.state.rollbacks < backoff.ROLLBACKS:
            raise Diverged(told)
        if told == "loss-spike":
            before, now = self.spikes.levels
            self.report.incident(told, step=self.state.step, before=f"{before:.3g}", now=f"{now:.3g}")
        if told == "loss-zero":
            self.report.incident(told, step=self.state.step, points=len(self.spikes.losses))
            self.spikes.losses.clear()


def _tell(job: Job, state: LoopState, step: Step, loss, norm, items: int, clock: Clock, report: Report) -> tuple[float | None, float | None]:
    """One point of the curves: (loss, norm) as numbers. On a GPU only every tenth, as reading a number waits for the device: (None, None)."""
    clock.count(step, items)
    if job.device.type == "cuda" and state.step % 10 and state.step != state.steps:
        return None, None
    loss, norm = loss.item(), norm.item()
    clock.lap("steps")
    done = clock.speed()
    used = {"mfu": round(clock.used(done, done.seconds), 4)} if job.peak else {}
    report.point(**{
        "step": state.step, "epoch": round(step.epoch, 4), "seconds": round(state.seconds, 3), "train/loss": loss,
        "learning_rate": job.optimizers[0].param_groups[0]["lr"],
        "grad_norm": norm, "tokens_per_second": round(done.tokens / done.seconds, 1), "examples_per_second": round(done.items / done.seconds, 2),
        "memory_mb": memory_mb(job.device), **used,
    })  # fmt: skip
    report.step(step=state.step, steps=state.steps, epoch=step.epoch, seconds=state.seconds, eta=clock.left(state), use=clock.use())
    return loss, norm


def memory_mb(device: torch.device) -> int:
    """Memory in use, in MB: the device's peak on a GPU, the process's otherwise."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return psutil.Process().memory_info().rss // 2**20
