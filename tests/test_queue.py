"""The line of waiting runs: its order, moving in it, who competes for which device, and what is offered after the machine went down.

Which devices a run may use stands in its status, so machines with many GPUs are here as data.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fm_gui import processes, queue
from fm_gui.cli import main
from fm_gui.config import TrainSettings
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.runs import STUCK_SECONDS
from fm_gui.workspace import Workspace
from tests.ui.runs_for_tests import make_run

ROOT = Path(__file__).resolve().parent.parent
GPUS = ["cuda:0", "cuda:1", "cuda:2", "cpu"]


def wait_in_line(workspace, name, place, devices=("cpu",), **status):
    """A run that waits, kept alive by this very process."""
    run = make_run(workspace, name, "queued", step=0, devices=list(devices), **status)
    write_json(run.path / "place.json", {"order": float(place)})
    return run


def names(workspace):
    return [waiting.run.id for waiting in queue.line(workspace)]


def places(workspace):
    return {waiting.run.id: waiting.place for waiting in queue.line(workspace)}


@pytest.fixture
def four(workspace):
    for place, name in enumerate("abcd"):
        wait_in_line(workspace, name, place)
    return workspace


# -- which devices


def test_which_devices_a_run_may_use():
    def asked(usable=GPUS, **settings):
        return queue.devices_for(TrainSettings(**settings), usable)

    assert asked() == (["cuda:0", "cuda:1", "cuda:2"], 1)
    assert asked(["cpu"]) == (["cpu"], 1)
    assert asked(device="cuda") == (["cuda:0"], 1)
    assert asked(device="cuda:2, cuda:0", processes=2) == (["cuda:2", "cuda:0"], 2)
    assert asked(processes=3) == (["cuda:0", "cuda:1", "cuda:2"], 3)
    assert asked(["cpu"], processes=4) == (["cpu"], 1)  # they share it
    with pytest.raises(UserError, match="4 processes need 4 GPUs"):
        asked(processes=4)
    with pytest.raises(UserError, match="cuda:7"):
        asked(device="cuda:7")
    with pytest.raises(UserError, match="“mps” cannot be used"):
        asked(device="mps")


# -- the order


def test_first_come_first_in_line_each_with_its_place(four):
    assert names(four) == ["a", "b", "c", "d"] and places(four) == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert [w.told() for w in queue.line(four)][:2] == [("queue.next", {}), ("queue.place", {"place": 2})]


def test_a_place_counts_only_those_that_want_the_same_device(workspace):
    for place, (name, devices) in enumerate([("a", ["cuda:0"]), ("b", ["cuda:1"]), ("c", ["cuda:0", "cuda:1"]), ("d", ["cuda:1"]), ("e", ["cpu"])]):
        wait_in_line(workspace, name, place, devices)
    assert places(workspace) == {"a": 1, "b": 1, "c": 3, "d": 3, "e": 1}


def test_who_is_ahead(workspace):
    make_run(workspace, "works", "training", devices=["cuda:0"])
    make_run(workspace, "elsewhere", "training", devices=["cuda:1"])
    first, mine = wait_in_line(workspace, "first", 1, ["cuda:0"]), wait_in_line(workspace, "mine", 2, ["cuda:0"])
    wait_in_line(workspace, "later", 3, ["cuda:0"])
    before, working = queue.ahead(workspace, mine)
    assert ([run.id for run in before], working) == (["first"], 1)
    assert queue.ahead(workspace, first) == ([], 1)


def test_one_that_has_not_said_what_it_may_use_is_waited_for_and_a_silent_one_is_not(workspace):
    wait_in_line(workspace, "young", 1, [])
    wait_in_line(workspace, "silent", 2, heartbeat=time.time() - STUCK_SECONDS - 5)
    mine = wait_in_line(workspace, "mine", 3, ["cuda:0"])
    assert [run.id for run in queue.ahead(workspace, mine)[0]] == ["young"]


def test_a_new_place_is_behind_all_even_if_the_clock_was_set_back(workspace):
    wait_in_line(workspace, "future", time.time() + 3600)
    new = make_run(workspace, "new", "stopped")
    assert new._last_place() > time.time() + 3599


# -- moving


@pytest.mark.parametrize(
    "run, how, order",
    [("c", "up", "acbd"), ("a", "up", "abcd"), ("a", "down", "bacd"), ("d", "down", "abcd"), ("d", "next", "dabc"), ("a", "next", "abcd")],
)
def test_moving(four, run, how, order):
    moved = queue.move(four, run, how)
    assert names(four) == list(order) and moved.place == order.index(run) + 1
    kept = [read_json(four.root / "runs" / name / "place.json")["order"] for name in order]
    assert kept == sorted(set(kept))


def test_moving_is_among_those_that_want_the_same_device(workspace):
    for place, (name, devices) in enumerate([("a", ["cuda:0"]), ("x", ["cuda:1"]), ("y", ["cuda:1"]), ("b", ["cuda:0"])]):
        wait_in_line(workspace, name, place, devices)
    queue.move(workspace, "b", "up")
    assert places(workspace) == {"b": 1, "x": 1, "y": 2, "a": 2}
    queue.move(workspace, "y", "next")
    assert places(workspace) == {"b": 1, "y": 1, "x": 2, "a": 2}


def test_runs_made_in_the_same_instant_can_be_moved(workspace):
    for name in "abc":
        wait_in_line(workspace, name, 5)
    order = names(workspace)
    queue.move(workspace, order[2], "next")
    assert names(workspace) == [order[2], *order[:2]]


def test_only_who_waits_is_moved(four):
    make_run(four, "works", "training")
    with pytest.raises(UserError, match="not waiting in line"):
        queue.move(four, "works", "up")
    with pytest.raises(UserError, match="no run named"):
        queue.move(four, "nobody", "up")
    with pytest.raises(UserError, match="not waiting in line"):
        queue.cancel(four, "works")


def test_two_processes_move_at_once_and_nobody_is_lost(four):
    code = (
        "import random, sys\nfrom fm_gui import queue\nfrom fm_gui.workspace import Workspace\n"
        "dice, space = random.Random(sys.argv[2]), Workspace(sys.argv[1])\n"
        "for _ in range(40): queue.move(space, dice.choice('abcd'), dice.choice(['up', 'down', 'next']))"
    )
    movers = [subprocess.Popen([sys.executable, "-c", code, str(four.root), seed], cwd=ROOT) for seed in ("1", "2")]
    while any(mover.poll() is None for mover in movers):
        assert sorted(names(four)) == list("abcd")
    assert [mover.returncode for mover in movers] == [0, 0]
    kept = [read_json(four.root / "runs" / name / "place.json")["order"] for name in names(four)]
    assert kept == sorted(set(kept)) and len(kept) == 4


# -- after the process, or the machine, went down

GONE = {"pid": 2**22 + 1, "create_time": 1.0, "started": "another-boot 5"}  # no process has such a number


def test_who_fell_while_waiting_or_with_the_machine_keeps_its_place_and_is_offered(workspace):
    here = {"host": processes.socket.gethostname()}
    killed_waiting = wait_in_line(workspace, "killed-waiting", 3)
    write_json(killed_waiting.path / "process.json", GONE | here | {"started": f"{processes.boot()} 5"})
    for place, (name, started) in enumerate([("went-down", "another-boot 5"), ("killed", f"{processes.boot()} 5")]):
        run = make_run(workspace, name, "training")
        write_json(run.path / "place.json", {"order": float(place)})
        write_json(run.path / "process.json", GONE | here | {"started": started})
    assert [run.id for run in queue.fallen(workspace)] == ["went-down", "killed-waiting"]
    assert queue.line(workspace) == []
    assert [run.id for run in queue.drop(workspace)] == ["went-down", "killed-waiting"]
    assert queue.fallen(workspace) == []
    assert [workspace.run(name).status().state for name in ("went-down", "killed-waiting", "killed")] == ["interrupted", "stopped", "interrupted"]


def test_a_run_whose_launcher_died_before_its_process_began_is_offered(workspace):
    run = wait_in_line(workspace, "half", 1, heartbeat=time.time() - 100)
    (run.path / "process.json").unlink()
    assert run.status().state == "interrupted" and [one.id for one in queue.fallen(workspace)] == ["half"]


def test_at_start_only_if_the_person_said_so(workspace):
    assert not queue.resume_at_start(workspace) and queue.wake(workspace) == []
    write_json(workspace.root / "settings.json", {"other": 1})
    queue.set_resume_at_start(workspace, True)
    assert queue.resume_at_start(Workspace(workspace.root)) and read_json(workspace.root / "settings.json")["other"] == 1
    queue.set_resume_at_start(workspace, False)
    assert not queue.resume_at_start(workspace)


def test_a_broken_status_is_a_stopped_run_and_no_defect(four):
    (four.root / "runs" / "b" / "status.json").write_text('{"state": "que', encoding="utf-8")
    assert names(four) == ["a", "c", "d"] and four.run("b").status().state == "stopped"


# -- from a terminal


def said(capsys, workspace, *words):
    try:
        main([*words, "--workspace", str(workspace.root)])
    except SystemExit as end:
        assert end.code in (0, 2)
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_the_line_from_a_terminal(four, capsys):
    shown = said(capsys, four, "queue")
    assert "next in line" in shown and "number 4 in line" in shown
    assert "d is now next in line" in said(capsys, four, "queue", "next", "d")
    assert "number 2 in line" in said(capsys, four, "queue", "up", "b")
    told = json.loads(said(capsys, four, "queue", "--json"))
    assert [one["run"] for one in told["waiting"]] == ["d", "b", "a", "c"] and told["fallen"] == [] and told["at_start"] is False
    assert "nothing to start again" in said(capsys, four, "queue", "restart")
    assert "start again by themselves" in said(capsys, four, "queue", "at-start", "on") and queue.resume_at_start(four)
    assert "on or off" in said(capsys, four, "queue", "at-start", "perhaps")
    assert "not waiting in line" in said(capsys, four, "queue", "cancel", make_run(four, "works", "training").id)


def test_a_run_that_is_deleted_while_the_line_is_looked_at_disturbs_nobody(workspace, monkeypatch):
    mine, other = make_run(workspace, "mine", "queued", age=1), make_run(workspace, "other", "stopped", age=2)
    listed = workspace.runs()

    workspace.delete_run("other")
    monkeypatch.setattr(type(workspace), "runs", lambda self: listed)  # as it was a moment before
    assert not other.path.exists() and [waiting.run.id for waiting in queue.line(workspace)] == ["mine"]
    assert queue.ahead(workspace, mine) == ([], 0) and queue.fallen(workspace) == []
