"""How many steps a run takes: planned or, for a time budget, measured; and the truth beside it afterwards."""

import time
from pathlib import Path

from fm_gui.files import read_json, write_json
from fm_gui.plan import FEWEST_STEPS, check_every, checks_of, fitting_steps, steps_of
from fm_gui.runs import Run
from fm_gui.workspace import Workspace

SIZING = ("epochs", "max_steps", "minutes", "eval_every", "batch_size", "compile")  # the settings that an estimate follows from


def measured_plan(run: Run, job, report) -> dict:
    """{"steps", "eval_every", "compile", ...} from estimate.json; made and written there the first time and after a change.

    With a time budget, real steps and a real check are measured and undone, and the steps sized to fit. What a preflight
    of the same configuration has measured is not measured again, and stands there to be compared with the truth.
    """
    from fm_gui import preflight

    path, train = run.path / "estimate.json", job.config.train
    asked = train.model_dump(include=set(SIZING))
    known = job.ranks.share(lambda: read_json(path) if path.exists() else {})
    if known.get("asked") == asked:
        return known
    per_epoch = job.task.steps_per_epoch(job.data["train"], job.config)
    steps = steps_of(train, per_epoch)
    before = preflight.cached(Workspace(run.workspace_root), job.config) if job.ranks.world == 1 else None
    known.pop("preflight", None)  # of other settings
    if before and before.seconds:
        known |= {"seconds_per_step": before.seconds_per_step, "seconds_per_check": before.seconds_per_check, "preflight": before.model_dump()}
    if train.minutes:
        if "seconds_per_step" not in known:
            report.phase("measuring")
            known |= _measured(job, report, train.minutes * 60)
        most, steps = steps, fitting_steps(train, known["seconds_per_step"], known["seconds_per_check"], steps)
        if steps < min(FEWEST_STEPS, most):
            report.incident("few-steps", steps=steps, minutes=train.minutes, seconds=round(known["seconds_per_step"], 1))
    every = check_every(train, steps, per_epoch, known.get("seconds_per_step", 0.0), known.get("seconds_per_check", 0.0))
    estimate = known | {"asked": asked, "steps": steps, "steps_per_epoch": per_epoch, "eval_every": every}
    estimate["compile"] = train.compile == "on" or (train.compile == "auto" and known.get("compile", bool(before and before.compile)))
    if "seconds_per_step" in known:
        checks = checks_of(steps, estimate["eval_every"])
        estimate["seconds"] = steps * known["seconds_per_step"] + checks * known["seconds_per_check"]
    return job.ranks.share(lambda: _kept(path, estimate))


def _kept(path: Path, estimate: dict) -> dict:
    write_json(path, estimate)
    return estimate


def _measured(job, report, budget: float) -> dict[str, float]:
    from fm_gui.train import check, loop
    from fm_gui.train.checkpoint import LoopState
    from fm_gui.train.measure import time_steps, undone

    begin = time.perf_counter()
    check.score(job, LoopState(), report)
    report.beat()
    check.samples(job)
    report.beat()
    one_check = time.perf_counter() - begin
    steps = loop.steps_from(job, 0)
    with undone(job.model, job.optimizers):
        try:
            times = time_steps(lambda step: loop.take_step(job, step), steps, job.device, report.beat, min(budget / 10, 20), job.ranks.any)
        finally:
            steps.close()
    return {"seconds_per_step": sum(seconds for seconds, _ in times) / len(times), "seconds_per_check": one_check}


def finish_estimate(run: Run, state) -> None:
    """Put the truth beside the prediction, in the run's folder and, where a preflight made it, in the workspace's history."""
    import torch

    from fm_gui import machine, preflight
    from fm_gui.train.measure import peak_memory

    estimate = read_json(run.path / "estimate.json")
    device = torch.device(machine.pick(run.config.train.device))
    total = _total_seconds(run)
    estimate |= {"actual_seconds": round(state.seconds, 2), "actual_steps": state.step, "actual_memory": peak_memory(device), "actual_total": total}
    write_json(run.path / "estimate.json", estimate)
    if "preflight" in estimate and total is not None:
        preflight.record(Workspace(run.workspace_root), run, estimate)


def _total_seconds(run: Run) -> float | None:
    """Seconds that the run has worked, waiting for its turn left out; None if it was interrupted, as then parts were done twice."""
    phases = [event for event in run.events()[0] if event["kind"] == "phase"]
    if [event["state"] for event in phases].count("training") != 1:
        return None
    begin = next(event["time"] for event in phases if event["state"] == "preparing")
    return round(time.time() - begin, 2)
