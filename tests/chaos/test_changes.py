"""What is told before a run goes on with changes is what a real worker then does."""

import pytest

from fm_gui import changes, plan, schedule
from tests.chaos.test_worker import wait_for
from tests.train.jobs import toy_config


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_more_steps_and_another_interval_become_what_was_told(workspace):
    run = plan.start(workspace, toy_config(workspace, "text-classification", max_steps=40, epochs=100, eval_every=20), "lesson")
    wait_for(lambda: run.status().step >= 8, 600)
    run.stop()
    assert run.wait(600).state == "stopped", run.log_tail()
    at = run.checkpoint_step
    asked = {"max_steps": 60, "eval_every": 15}
    told = dict(changes.outlook(run, asked))
    assert told["outlook.steps-changed"] == {"step": at, "steps": 60, "before": 40} and told["outlook.checks"] == {"every": 15}
    run.resume(asked)
    status = run.wait(600)
    assert (status.state, status.step, status.steps) == ("done", 60, 60), run.log_tail()
    train, rates = run.config.train, {p["step"]: p["learning_rate"] for p in run.metrics()[0] if "train/loss" in p}
    full = rates[1] / schedule.rate(0, 40, train)  # of the first group, which has a rate of its own
    assert list(rates) == list(range(1, 61))
    assert all(rate == pytest.approx(full * schedule.rate(step - 1, 40 if step <= at else 60, train)) for step, rate in rates.items())
    checked = [p["step"] for p in run.metrics()[0] if "validation/loss" in p]
    assert [step for step in checked if step > at] == [15, 30, 45, 60]
    assert "max_steps=60" in next(event["values"]["settings"] for event in run.events()[0] if event.get("code") == "incident.changed")
