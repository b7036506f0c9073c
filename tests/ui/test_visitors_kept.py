"""What a demo lends its visitors, how much and for how long; without a server."""

import os
import time

import pytest

from fm_gui import demo, preflight
from fm_gui.config import ModelSpec, TrainSettings
from fm_gui.errors import UserError
from fm_gui.train.report import Report, Stopped
from fm_gui.ui import visitors as v
from fm_gui.workspace import Workspace
from tests.train.test_backoff import incidents
from tests.ui.runs_for_tests import make_run


@pytest.fixture
def visitors(tmp_path, monkeypatch):
    monkeypatch.setenv(demo.VARIABLE, str(tmp_path))
    return v.Visitors(tmp_path / "visitors", demo.Limits(visitors=3, idle=1000, space=200_000, all_space=500_000))


def idle(visitors, visitor, seconds):
    seen = visitors.root / visitor / "seen"
    os.utime(seen, (time.time() - seconds, time.time() - seconds))


def test_idle_visitors_are_removed_and_the_others_kept(visitors):
    assert all(visitors.admit(name) for name in ("a", "b"))
    idle(visitors, "a", 1001)
    visitors.sweep()
    assert sorted(path.name for path in visitors.root.iterdir()) == ["b"]


def test_a_training_ends_before_its_visitor_is_removed(visitors):
    visitors.admit("a")
    run = make_run(visitors.workspace("a"), "going", "training")
    idle(visitors, "a", 1001)
    visitors.sweep()
    assert (run.path / "stop").exists()
    (run.path / "status.json").write_text('{"state": "stopped"}', encoding="utf-8")
    visitors.sweep()
    assert not (visitors.root / "a").exists()


def test_what_trains_too_long_is_stopped(visitors):
    visitors.admit("a")
    short = make_run(visitors.workspace("a"), "short", "training", seconds=60)
    long = make_run(visitors.workspace("a"), "long", "training", seconds=5 * 60 * 1.5 + 1)
    visitors.sweep()
    assert (long.path / "stop").exists() and not (short.path / "stop").exists()


def test_a_full_demo_makes_room_only_by_who_left(visitors):
    assert [visitors.admit(name) for name in ("a", "b", "c", "d")] == [True, True, True, False]
    idle(visitors, "b", 101)
    assert visitors.admit("d") and not (visitors.root / "b").exists()


def test_all_together_stay_within_the_space(visitors):
    for name, seconds in (("a", 5), ("b", 500), ("c", 50)):
        visitors.admit(name)
        idle(visitors, name, seconds)
        (visitors.root / name / "cache" / "filling").write_bytes(b"x" * 190_000)
    visitors.sweep()
    assert sorted(path.name for path in visitors.root.iterdir()) == ["a", "c"]


def test_who_keeps_too_much_empties_the_bin_or_is_told(visitors):
    visitors.admit("a")
    workspace = visitors.workspace("a")
    make_run(workspace, "old", "done")
    (workspace.root / "runs" / "old" / "weights").write_bytes(b"x" * 250_000)
    with pytest.raises(UserError, match="You keep"):
        workspace.check_space()
    workspace.delete_run("old")
    workspace.check_space()
    assert not list((workspace.root / "bin").glob("*old*"))


def test_all_visitors_together_wait_for_a_bounded_time(visitors, monkeypatch):
    monkeypatch.setattr(visitors, "limits", demo.Limits(all_runs=2, runs=2))
    for name in ("a", "b"):
        visitors.admit(name)
        make_run(Workspace(visitors.root / name), "going", "training")
    visitors.admit("c")
    with pytest.raises(UserError, match="waiting already"):
        visitors.workspace("c")._check_turn()


def test_a_run_cannot_be_resumed_for_longer(visitors):
    visitors.admit("a")
    make_run(visitors.workspace("a"), "mine", "stopped")
    resumed = visitors.workspace("a").run("mine")
    for asked, limit in (({"max_steps": 100_000}, demo.LIMITS.steps), ({"minutes": 600}, demo.LIMITS.minutes)):
        after = resumed.config.train.model_dump() | resumed.changed(asked)
        assert all(after[name] == limit for name in asked), after
    for n in range(2):
        make_run(Workspace(visitors.root / "a"), f"going-{n}", "training")
    with pytest.raises(UserError, match="2 trainings"):
        resumed.resume({"max_steps": 400})


def test_nothing_is_measured(visitors):
    visitors.admit("a")
    workspace = visitors.workspace("a")
    with pytest.raises(UserError, match="measures nothing"):
        preflight.measure(workspace, make_run(workspace, "mine", "stopped").config)
    assert not list((workspace.root / "cache").glob("preflight-*"))


def test_limits_hold_for_all_kinds_of_training(monkeypatch):
    free = TrainSettings(minutes=60, batch_size=512, processes=4, device="cuda:0")
    assert demo.limited(free) is free
    monkeypatch.setenv(demo.VARIABLE, "/demo")
    assert demo.limited(free).model_dump() == free.model_dump() | {"minutes": 5.0, "batch_size": 64, "processes": 1, "device": "cpu"}
    assert demo.limited(TrainSettings(minutes=None, epochs=100)).max_steps == 500
    assert ModelSpec().size == "5m"  # what a person gets who chooses nothing is small enough


def test_what_comes_before_and_after_the_training_is_bounded_too(workspace, monkeypatch):
    run = make_run(workspace, "mine", "preparing")
    assert Report(run).ends == float("inf")
    monkeypatch.setenv(demo.VARIABLE, "/demo")
    report = Report(run)
    report.beat()
    monkeypatch.setattr(report, "ends", time.monotonic() - 1)
    for _ in range(2):
        with pytest.raises(Stopped):
            report.beat()
    assert incidents(run) == ["demo-time"]


def test_nobody_asks_for_nothing():
    """What no visitor asked for, such as a thread that forgot whose it is, gets nobody's workspace rather than somebody's."""
    with pytest.raises(LookupError):
        v.current_visitor()
