"""What a run would do if it went on with settings changed, told before anybody decides: its steps, learning rate and checks."""

from typing import Any

from fm_gui import schedule
from fm_gui.config import TrainSettings
from fm_gui.files import read_json
from fm_gui.plan import check_every, fitting_steps, steps_of
from fm_gui.runs import Run
from fm_gui.schedule import Words

JUMP = 0.01  # of the full learning rate, from which on a change of it is told


def outlook(run: Run, changes: dict[str, Any]) -> list[Words]:
    """Sentences on how ``run`` would go on with ``changes``. Raises UserError for what may not change, or not be so."""
    before = run.config.train
    after = before.model_copy(update=run.changed(changes))
    saved, estimate = _read(run, "checkpoint/state.json"), _read(run, "estimate.json")
    if "steps_per_epoch" not in estimate:  # it never came so far as to plan its steps
        return [("outlook.unplanned", {})]
    step, planned = saved.get("step", 0), saved.get("steps") or estimate["steps"]
    steps = planned_steps(after, estimate)
    if steps is None:
        return [("outlook.steps-measured", {"step": step})]
    if step and steps <= step:
        return [("outlook.over", {"step": step, "steps": steps})]
    told: list[Words] = [_length(step, steps, planned)]
    if not after.minutes and steps < after.max_steps:
        told.append(("outlook.epochs-end", {"epochs": f"{after.epochs:g}", "steps": steps, "asked": after.max_steps}))
    scaled = after.model_copy(update={"learning_rate": after.learning_rate * saved.get("rate_scale", 1.0)})
    old, new = (schedule.rate(step, count, after) for count in (max(planned, step + 1), steps))
    if step and abs(new - old) > JUMP:
        told.append(("outlook.jump", {"step": step, **{k: schedule.short(v * scaled.learning_rate) for k, v in (("before", old), ("after", new))}}))
    told.append(schedule.told(step, steps, scaled))
    measured = estimate.get("seconds_per_step", 0.0), estimate.get("seconds_per_check", 0.0)
    told.append(("outlook.checks", {"every": check_every(after, steps, estimate["steps_per_epoch"], *measured)}))
    return told


def planned_steps(train: TrainSettings, estimate: dict[str, Any]) -> int | None:
    """How many steps the worker will plan, given what it wrote to estimate.json; None where it has to measure first."""
    asked = estimate.get("asked", {})
    if asked and all(getattr(train, name) == value for name, value in asked.items()):
        return estimate["steps"]
    most = steps_of(train, estimate["steps_per_epoch"])
    if not train.minutes:
        return most
    if "seconds_per_step" not in estimate:
        return None
    return fitting_steps(train, estimate["seconds_per_step"], estimate["seconds_per_check"], most)


def _length(step: int, steps: int, planned: int) -> Words:
    values = {"step": step, "steps": steps}
    if not step:
        return "outlook.anew", values
    return ("outlook.steps-changed", values | {"before": planned}) if steps != planned else ("outlook.steps", values)


def _read(run: Run, name: str) -> dict[str, Any]:
    path = run.path / name
    return read_json(path) if path.exists() else {}
