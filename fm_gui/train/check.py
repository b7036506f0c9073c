"""The validation part scored while a run trains: what its curve, the best weights and an early stop follow from."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from fm_gui.train import backoff
from fm_gui.train.backoff import Diverged
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.report import Report, Stopped
from fm_gui.train.saving import Saver

if TYPE_CHECKING:
    from fm_gui.train.loop import Job

CHECK_ITEMS = 1_000  # rows or blocks scored at a check: enough to steer by, in bounded time


def eager(model: torch.nn.Module) -> AbstractContextManager:
    """Inside, a compiled model is not: it rounds otherwise, and the saved model must give the very score that is told here."""
    compiled = model.base_model._compiled_call_impl is not None
    return torch.compiler.set_stance("force_eager") if compiled else nullcontext()


def score(job: "Job", state: LoopState, report: Report) -> dict[str, Any]:
    """The validation part's figures, the same on all ranks."""

    def figures(model, beat, tokens: int = 0) -> dict[str, Any]:
        with eager(model):
            return job.task.metrics(model, job.processor, job.data["validation"], job.config, job.device, CHECK_ITEMS, beat, tokens)

    if job.shell is None:
        return job.ranks.share(lambda: backoff.fitting(job, state, report, lambda tokens: figures(job.model, report.beat, tokens)))

    def together(*_) -> None:
        report.step()
        if job.ranks.any(report.stop_asked()):
            raise Stopped

    return job.shell.look(lambda model: figures(model, together))


def check(job: "Job", state: LoopState, report: Report, saver: Saver) -> None:
    """Score the validation part, keep the best weights, and decide whether to stop early. Raises Diverged."""
    task, settings = job.task, job.config.train
    scores = score(job, state, report)
    report.point(step=state.step, seconds=round(state.seconds, 3), **{f"validation/{name}": value for name, value in scores.items()})
    if scores["loss"] != scores["loss"]:
        raise Diverged("diverged")
    value = scores[task.metric]
    better = state.best is None or (value > state.best if task.higher_is_better else value < state.best)
    state.checked = {"step": state.step, "metric": task.metric, "value": value, "loss": scores["loss"]}
    if state.step > 0:  # the untrained model is shown, but never kept
        if better or state.best_step is None:
            state.best, state.best_step, state.misses = value, state.step, 0
            if settings.keep_best:
                saver.best(state.checked)
            report.event("best", step=state.step, metric=task.metric, value=value)
        else:
            state.misses += 1
            if settings.early_stopping and state.misses >= settings.patience:
                state.finished = state.early_stopped = True
                report.incident("early-stop", step=state.step, best_step=state.best_step, checks=state.misses)
    for sample in samples(job):
        report.event("sample", step=state.step, **sample)
        report.step()
    state.check_due = False


def samples(job: "Job") -> list[dict[str, str]]:
    """What the model writes now."""

    def written(model) -> list[dict[str, str]]:
        with eager(model):
            return job.task.samples(model, job.processor, job.data["validation"], job.config, job.device)

    return job.ranks.share(lambda: written(job.model)) if job.shell is None else job.shell.look(written)
