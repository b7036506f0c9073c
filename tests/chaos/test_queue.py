"""The line of waiting runs with real workers, stopped, killed and halted. The test holds the device, so that they wait as long as it likes.

When it lets go, they find no data and fail at once: whose turn it was, and when, stands in their events.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from fm_gui import machine, plan, queue, silence
from fm_gui.config import DatasetSpec, ModelSpec, RunConfig, TrainSettings
from fm_gui.files import read_json, write_json
from fm_gui.runs import STUCK_SECONDS, Run
from fm_gui.workspace import Workspace
from tests.chaos.test_worker import wait_for
from tests.train.jobs import toy_config

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCHER = "import sys, time; from fm_gui.workspace import Workspace\nspace = Workspace(sys.argv[1])\nfor name in sys.argv[2:]: space.run(name).start()\nprint('started', flush=True); time.sleep(600)"


class Line:
    """Runs that wait for devices which the test holds."""

    def __init__(self, workspace: Workspace, devices=("cpu",)):
        self.workspace, self.runs = workspace, []
        self.held = {name: FileLock(workspace.root / "locks" / f"{socket.gethostname()}.{name.replace(':', '-')}.lock") for name in devices}
        for lock in self.held.values():
            lock.acquire()

    def add(self, name: str, *, start=True, **train) -> Run:
        config = RunConfig(
            task="text-classification", data=DatasetSpec(name="none", source="none.csv", rows=9, columns=[]), model=ModelSpec(start="minilm"), train=TrainSettings(**train)
        )  # fmt: skip
        run = self.workspace.new_run(config, name)
        self.runs.append(run)
        if start:
            run.start()
        return run

    def settle(self) -> None:
        """Until every waiting worker has said which devices it may use."""
        wait_for(lambda: all(run.status().devices for run in self.runs if run.status().state == "queued"), 120)

    def names(self) -> list[str]:
        return [waiting.run.id for waiting in queue.line(self.workspace)]


@pytest.fixture
def line(workspace):
    """Nobody can begin before ``release``."""
    machine.usable(workspace.root / "cache")  # found out once, so that the workers need not
    made = Line(workspace)
    yield made
    ended(made)


def ended(line: Line) -> None:
    for run in line.runs:
        if run.path.exists():
            run.kill(patience=0)
    for lock in line.held.values():
        lock.release(force=True)


@pytest.fixture
def three(line):
    for name in "abc":
        line.add(name)
    line.settle()
    return line


def turn_of(run: Run) -> tuple[float, float]:
    """When a run began its turn and when it ended, by its events."""
    times = {event["state"]: event["time"] for event in run.events()[0] if event["kind"] == "phase"}
    return times["preparing"], times["failed"]


def worker(run: Run) -> psutil.Process:
    return psutil.Process(read_json(run.path / "process.json")["pid"])


def test_each_waits_its_turn_in_the_order_that_was_asked_for_last(three):
    assert three.names() == ["a", "b", "c"]
    wait_for(lambda: [run.status().waiting_for for run in three.runs] == [0, 1, 2], 30)
    queue.move(three.workspace, "c", "next")
    queue.move(three.workspace, "b", "up")
    assert three.names() == ["c", "b", "a"]
    wait_for(lambda: [run.status().waiting_for for run in three.runs] == [2, 1, 0], 30)
    three.held["cpu"].release()
    a, b, c = three.runs
    for run in three.runs:
        assert run.wait(240).state == "failed" and "none" in run.status().error["values"]["name"]
    assert turn_of(c)[1] <= turn_of(b)[0] and turn_of(b)[1] <= turn_of(a)[0]  # never two at once


def test_a_cancelled_run_leaves_the_line_at_once_and_can_come_back_at_its_end(three):
    process = worker(three.runs[1])
    begin = time.monotonic()
    queue.cancel(three.workspace, "b")
    assert three.runs[1].status().state == "stopped" and time.monotonic() - begin < 20
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 20)
    assert three.names() == ["a", "c"] and queue.fallen(three.workspace) == []
    three.workspace.run("b").resume()
    assert three.names() == ["a", "c", "b"]


def test_a_killed_waiter_is_offered_again_and_takes_its_old_place(three):
    worker(three.runs[1]).kill()
    wait_for(lambda: three.runs[1].status().state == "interrupted", 30)
    assert three.names() == ["a", "c"] and [run.id for run in queue.fallen(three.workspace)] == ["b"]
    assert queue.wake(three.workspace) == []  # nobody said that it should start by itself
    assert [run.id for run in queue.restart(three.workspace)] == ["b"]
    assert three.names() == ["a", "b", "c"] and queue.restart(three.workspace) == []
    three.settle()
    worker(three.runs[2]).kill()
    wait_for(lambda: three.runs[2].status().state == "interrupted", 30)
    queue.set_resume_at_start(three.workspace, True)
    assert [run.id for run in queue.wake(Workspace(three.workspace.root))] == ["c"] and three.names() == ["a", "b", "c"]


def test_two_that_restart_at_once_start_each_run_once(three):
    for run in three.runs:
        worker(run).kill()
    wait_for(lambda: len(queue.fallen(three.workspace)) == 3, 30)
    code = "import sys; from fm_gui import queue; from fm_gui.workspace import Workspace; print(*(run.id for run in queue.restart(Workspace(sys.argv[1]))))"
    both = [subprocess.Popen([sys.executable, "-c", code, str(three.workspace.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = " ".join(one.communicate(timeout=120)[0] for one in both).split()
    assert sorted(said) == ["a", "b", "c"] and three.names() == ["a", "b", "c"]
    workers = [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-2:-1] == ["worker"] and str(three.workspace.root) in p.info["cmdline"][-1]]
    assert len([p for p in workers if p.status() != psutil.STATUS_ZOMBIE]) == 3


def test_whoever_started_them_may_be_killed(line):
    for name in "ab":
        line.add(name, start=False)
    page = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(line.workspace.root), "a", "b"], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    assert page.stdout.readline().strip() == b"started"
    os.killpg(page.pid, signal.SIGKILL)
    page.wait(10)
    line.settle()
    assert line.names() == ["a", "b"] and all(run.has_worker for run in line.runs)
    line.held["cpu"].release()
    wait_for(lambda: line.runs[0].status().state != "queued", 30)
    assert line.runs[0].status().devices == ["cpu"] and line.runs[1].status().state == "queued"


def test_a_halted_waiter_is_stuck_holds_nobody_up_and_can_be_ended(three):
    first, second, _ = three.runs
    worker(first).suspend()
    write_json(first.path / "status.json", first.status().model_dump() | {"heartbeat": time.time() - STUCK_SECONDS - 30})
    assert first.stuck and silence.why(first) == ("silent.paused", {})
    assert queue.ahead(three.workspace, second)[0] == []
    first.kill(patience=0.5)
    assert first.status().state == "interrupted" and [run.id for run in queue.fallen(three.workspace)] == ["a"]


def test_a_waiter_whose_folder_is_gone_ends_itself(three):
    process = worker(three.runs[0])
    shutil.rmtree(three.runs[0].path, ignore_errors=True)
    shutil.rmtree(three.runs[0].path, ignore_errors=True)
    process.wait(60)
    assert three.names() == ["b", "c"]


def test_discarding_a_waiter_leaves_no_process_and_can_be_undone(three):
    process = worker(three.runs[0])
    three.runs[0].discard()
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 20)
    assert three.names() == ["b", "c"]
    three.workspace.restore("runs.a")
    assert three.workspace.run("a").status().state == "stopped"


def test_on_several_gpus_each_takes_one_and_one_that_may_use_either_takes_what_is_free(workspace):
    """The list of devices that a machine found out is a file: this one says that there are two GPUs."""
    machine.usable(workspace.root / "cache")
    [known] = (workspace.root / "cache").glob("devices-*.json")
    write_json(known, read_json(known) | {"usable": ["cuda:0", "cuda:1", "cpu"]})
    line = Line(workspace, ["cuda:0", "cuda:1"])
    try:
        either, pinned = line.add("either"), line.add("pinned", device="cuda:0")
        line.settle()
        assert [run.status().devices for run in (either, pinned)] == [["cuda:0", "cuda:1"], ["cuda:0"]]
        assert {w.run.id: w.place for w in queue.line(workspace)} == {"either": 1, "pinned": 2}
        line.held["cuda:1"].release()
        wait_for(lambda: either.status().state != "queued", 30)
        assert either.status().devices == ["cuda:1"] and pinned.status().state == "queued"
        wait_for(lambda: queue.line(workspace)[0].place == 1, 30)
        line.held["cuda:0"].release()
        wait_for(lambda: pinned.status().state != "queued", 30)
        assert pinned.status().devices == ["cuda:0"]
        impossible = line.add("impossible", device="cuda:5")
        assert impossible.wait(60).state == "failed" and "cuda:5" in impossible.status().error["values"]["name"]
    finally:
        ended(line)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_three_trainings_on_one_cpu_one_after_another(workspace):
    runs = [plan.start(workspace, toy_config(workspace, "text-classification", max_steps=20, epochs=100, eval_every=10), name) for name in ("one", "two", "three")]
    queue.move(workspace, "three", "up")
    for run in runs:
        assert run.wait(600).state == "done", run.log_tail()
    spans = []
    for run in (runs[0], runs[2], runs[1]):
        times = [event["time"] for event in run.events()[0] if event["kind"] == "phase" and event["state"] in ("preparing", "done")]
        spans += [min(times), max(times)]
    assert spans == sorted(spans)
