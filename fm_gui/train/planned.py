"""How many steps a run takes: planned or, for a time budget, measured; and the truth beside it afterwards."""

from fm_gui.files import read_json, write_json
from fm_gui.runs import Run


def measured_plan(run: Run, job, report) -> dict:
    """{"steps", "eval_every", ...} from estimate.json; made and written there the first time.

    With a time budget, real steps and a real check are measured and undone, and the steps sized to fit.
    """
    import time

    from fm_gui.plan import CHECKS, check_every, steps_of
    from fm_gui.train import loop
    from fm_gui.train.measure import seconds_per_step

    path = run.path / "estimate.json"
    if path.exists():
        return read_json(path)
    train, per_epoch = job.config.train, job.task.steps_per_epoch(job.data["train"], job.config)
    estimate = {"steps": steps_of(train, per_epoch)}
    if train.minutes:
        report.phase("measuring")
        budget = train.minutes * 60
        begin = time.perf_counter()
        job.task.metrics(job.model, job.processor, job.data["validation"], job.config, job.device, loop.CHECK_ITEMS, report.beat)
        job.task.samples(job.model, job.processor, job.data["validation"], job.config, job.device)
        check = time.perf_counter() - begin
        steps = loop.steps_from(job, 0)
        try:
            step = seconds_per_step(lambda s: loop.take_step(job, s), steps, job.model, job.optimizers, budget, report.beat)
        finally:
            steps.close()
        every = train.eval_every
        fitting = budget / (step + check / every) if every else max((budget - (CHECKS + 1) * check) / step, budget / 2 / step)
        estimate = {"steps": max(1, min(int(fitting), estimate["steps"])), "seconds_per_step": step, "seconds_per_check": check}
    estimate["eval_every"] = check_every(train, estimate["steps"], per_epoch)
    if train.minutes:
        estimate["seconds"] = estimate["steps"] * step + (1 + estimate["steps"] // estimate["eval_every"]) * check
    write_json(path, estimate)
    return estimate


def finish_estimate(run: Run, state) -> None:
    """Put the truth beside the prediction."""

    write_json(run.path / "estimate.json", read_json(run.path / "estimate.json") | {"actual_seconds": round(state.seconds, 2), "actual_steps": state.step})
