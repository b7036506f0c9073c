"""How many steps a worker plans: a time budget with room for next to none says so."""

from fm_gui.plan import FEWEST_STEPS
from fm_gui.text import say
from fm_gui.train.planned import measured_plan
from tests.train.jobs import toy_job


def incidents(run) -> list[dict]:
    return [event for event in run.events()[0] if event["kind"] == "incident"]


def test_a_budget_with_room_for_few_steps_says_what_to_do(workspace):
    job, report = toy_job(workspace, "masked-lm", minutes=0.001, max_steps=0)
    planned = measured_plan(job.run, job, report)
    [told] = incidents(job.run)
    assert 1 <= planned["steps"] < FEWEST_STEPS and told["code"] == "incident.few-steps" and told["values"]["steps"] == planned["steps"]
    assert "more minutes" in say(told["code"], "en", **told["values"]) and "更多时间" in say(told["code"], "zh", **told["values"])
    assert measured_plan(job.run, job, report) == planned and len(incidents(job.run)) == 1  # said once


def test_a_run_that_asks_for_few_steps_is_told_nothing(workspace):
    job, report = toy_job(workspace, "masked-lm", minutes=5.0, max_steps=3)
    assert measured_plan(job.run, job, report)["steps"] == 3 and not incidents(job.run)
