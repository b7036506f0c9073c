"""What may change when a run goes on, and what is told of it before anybody decides."""

import json

import pytest

from fm_gui import changes, schedule
from fm_gui.cli import main
from fm_gui.config import TrainSettings
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.runs import MAY_CHANGE
from fm_gui.text import say
from tests.ui.runs_for_tests import make_run


def stopped(workspace, *, step=200, steps=400, estimate=None, saved=None, **train):
    """A run of 100 steps an epoch, stopped at ``step``."""
    run = make_run(workspace, "poet", "stopped", step=step, steps=steps, train={"epochs": 4.0, "learning_rate": 1e-3, **train})
    write_json(run.path / "estimate.json", {"steps": steps, "steps_per_epoch": 100, "eval_every": 50} | (estimate or {}))
    if step:
        (run.path / "checkpoint").mkdir()
        write_json(run.path / "checkpoint" / "state.json", {"step": step, "steps": steps} | (saved or {}))
    return run


def told(run, lang="en", **asked):
    return [say(key, lang, **values) for key, values in changes.outlook(run, asked)]


def test_unchanged_it_goes_on_as_planned(workspace):
    assert told(stopped(workspace)) == [
        "It goes on from step 200 and ends at step 400.",
        "The learning rate falls linearly from 0.00056 at step 200 to zero at step 400.",
        "The held-back rows are scored every 50 steps.",
    ]


def test_more_epochs_say_what_the_schedule_becomes(workspace):
    run = stopped(workspace)
    assert told(run, epochs=10) == [
        "It goes on from step 200 and ends at step 1,000 (planned before: 400).",
        "At step 200 the learning rate changes from 0.00056 to 0.00089.",
        "The learning rate falls linearly from 0.00089 at step 200 to zero at step 1,000.",
        "The held-back rows are scored every 84 steps.",
    ]
    assert "第 1,000 步" in told(run, "zh", epochs=10)[0]
    assert (run.path / "changes.json").exists() is False  # only told


def test_fewer_steps_than_done_learn_nothing_more(workspace):
    assert told(stopped(workspace), max_steps=150) == [
        "It has done 200 steps, and the plan would be 150: nothing more is learned, the model is only judged and saved."
    ]


def test_another_interval_changes_only_the_checks(workspace):
    before, after = told(stopped(workspace)), told(workspace.run("poet"), eval_every=20)
    assert after[:-1] == before[:-1] and after[-1] == "The held-back rows are scored every 20 steps."


def test_a_budget_is_sized_by_what_was_measured_or_told_to_be_measured(workspace):
    run = stopped(workspace)
    assert told(run, minutes=30) == ["It goes on from step 200; how many steps fit the time is measured at the start."]
    write_json(run.path / "estimate.json", {"steps": 400, "steps_per_epoch": 100, "seconds_per_step": 1.0, "seconds_per_check": 0.0})
    assert told(run, minutes=30)[0] == "It goes on from step 200 and ends at step 1,800 (planned before: 400)."


def test_who_counts_steps_does_not_want_the_clock(workspace):
    run = stopped(workspace, minutes=5.0)
    assert run.changed({"max_steps": 300}) == {"max_steps": 300, "minutes": None}
    assert run.changed({"max_steps": 300, "minutes": 5}) == {"max_steps": 300}


def test_a_rate_that_was_lowered_after_trouble_stays_lowered(workspace):
    assert "0.00028" in told(stopped(workspace, saved={"rate_scale": 0.5}))[1]


def test_nothing_saved_begins_anew_and_nothing_planned_says_so(workspace):
    run = stopped(workspace, step=0)
    assert told(run)[0] == "It starts from the beginning, since nothing was saved yet, and ends at step 400."
    (run.path / "estimate.json").unlink()
    assert told(run) == ["It starts from the beginning; how many steps that takes is worked out then."]


def test_what_it_has_learned_depends_on_may_not_change(workspace):
    run = stopped(workspace)
    for name in set(TrainSettings.model_fields) - set(MAY_CHANGE):
        with pytest.raises(UserError, match=f"Setting {name} may not change.*max_steps"):
            changes.outlook(run, {name: getattr(run.config.train, name)})
    with pytest.raises(UserError, match="epochs"):
        changes.outlook(run, {"epochs": -1})
    with pytest.raises(UserError, match="nonsense"):
        changes.outlook(run, {"nonsense": 1})


def test_changes_are_kept_beside_the_configuration_in_order(workspace):
    run = stopped(workspace)
    write_json(run.path / "changes.json", [{"time": 1.0, "step": 100, "settings": {"epochs": 6.0}}, {"time": 2.0, "step": 200, "settings": {"epochs": 8.0, "eval_every": 7}}])
    train = workspace.run("poet").config.train
    assert (train.epochs, train.eval_every, train.learning_rate) == (8.0, 7, 1e-3)
    assert [change["step"] for change in run.changes()] == [100, 200]


@pytest.mark.parametrize("name, warmup, decay", [("linear", 0.1, 0.6), ("cosine", 0.1, 0.6), ("wsd", 0.1, 0.3), ("constant", 0.1, 0.6), ("linear", 0.0, 0.6)])
def test_what_is_told_of_a_schedule_is_what_it_does(name, warmup, decay):
    """The numbers in the sentence are those the loop takes; between them the rate does what the word says."""
    settings, steps = TrainSettings(schedule=name, warmup=warmup, decay=decay, learning_rate=1e-3), 500
    rates = [schedule.rate(step, steps, settings) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    key, values = schedule.told(0, steps, settings)
    if warmup:
        assert key == f"schedule.rises-{name}" and values["warm"] == 50
        assert rates[:51] == sorted(rates[:51]) and max(rates) == rates[49] == 1.0
    key, values = schedule.told(200, steps, settings)
    assert values["rate"] == schedule.short(1e-3 * rates[200]) and values["end"] == steps
    if name == "wsd":
        assert key == "schedule.wsd-stable" and values["falls"] == 350
        assert set(rates[50:351]) == {1.0} and rates[351] < 1.0
        assert schedule.told(400, steps, settings)[0] == "schedule.linear"
    else:
        assert key == f"schedule.{name}"
        falls = rates[200:]
        assert set(falls) == {1.0} if name == "constant" else falls == sorted(falls, reverse=True) and falls[-1] < 0.01
    for lang in ("en", "zh"):
        assert say(key, lang, **values)


def test_the_outlook_from_a_terminal(workspace, capsys):
    stopped(workspace)
    main_(["resume", "poet", "--set", "epochs=10", "--dry-run", "--workspace", str(workspace.root)])
    assert "ends at step 1,000" in capsys.readouterr().out
    main_(["resume", "poet", "--set", "epochs=10", "--dry-run", "--json", "--workspace", str(workspace.root)])
    assert len(json.loads(capsys.readouterr().out)["outlook"]) == 4
    main_(["resume", "poet", "--set", "learning_rate=1", "--workspace", str(workspace.root)], code=2)
    assert "learning_rate may not change" in capsys.readouterr().err
    assert workspace.run("poet").status().state == "stopped"


def main_(arguments, code=0):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == code
