"""What a run works with, made from its folder and the workspace: data, tokenizer, model, optimizers, what is computed but once."""

from dataclasses import replace

from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import prepare
from fm_gui.runs import Run
from fm_gui.tasks import get_task
from fm_gui.train import backoff, sharded
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.loop import Job
from fm_gui.train.measure import pick_precision
from fm_gui.train.optim import make_optimizers
from fm_gui.workspace import Workspace


def make_job(workspace: Workspace, run: Run, device, report):
    """All that a run needs, made alike every time; of several processes, the first makes what is kept on disk."""
    job = bare_job(workspace, run, device, report)
    precompute(job, workspace, report)
    return job


def precompute(job, workspace: Workspace, report) -> None:
    """Give the job what its task computes but once, cached."""
    parts = (job.data["train"], job.data["validation"])
    needed = 4 * getattr(job.model.config, "hidden_size", 0) * sum(map(len, parts))  # bytes at most: a vector a row

    def made():
        return backoff.fitting(job, LoopState(), report, lambda tokens: job.task.precompute(job.model, job.processor, job.data, job.config, job.device, workspace, report.beat, tokens), "memory-read")

    job.ranks.share(lambda: report.with_room(made, needed) and None)
    job.data = made()


def bare_job(workspace: Workspace, run: Run, device, report):
    """Data, tokenizer, model and optimizers of a run."""
    config, task = run.config, get_task(run.config.task)
    ranks = replace(report.ranks, sharded=config.train.shard and report.ranks.world > 1)
    sharded.check(config.train, ranks)
    ranks.share(lambda: report.with_room(lambda: _prepared(workspace, config, task, report)) and None)
    processor, prepared = _prepared(workspace, config, task, report)
    model = task.build(config, prepared.labels, processor, workspace)
    precision = ranks.share(lambda: pick_precision(config.train.precision, device))
    job = Job(run, config, task, model, processor, prepared, [], device, precision, ranks)
    if ranks.sharded:
        if not run.has_checkpoint:
            job.device = model.device  # the whole model may not fit elsewhere
            ranks.share(lambda: warm(job, report))
            ranks.align(model)
            job.device = device
        job.shell = sharded.shard(model, device, ranks)
    else:
        model.to(device)
    job.optimizers = make_optimizers(model, config.train)
    return job


def _prepared(workspace: Workspace, config, task, report):
    data = Dataset(workspace, config.data.name, config.data)
    task.check(data)
    processor = task.processor(config, data, workspace, report.beat)
    prepared = prepare(workspace, config, task, data, processor, report.beat)
    task.check_prepared(prepared, config)
    return processor, prepared


def warm(job, report) -> None:
    """What the task sets before the first step."""
    backoff.fitting(job, LoopState(), report, lambda tokens: job.task.warm_start(job.model, job.processor, job.data, job.config, job.device, report.beat, tokens), "memory-read")
