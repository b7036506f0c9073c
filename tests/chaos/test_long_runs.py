"""Minutes of misfortune: workers killed at any moment, hundreds of starts and stops, a long sleep. Run with ``--long``."""

import gc
import json
import os
import random
import signal
import time

import psutil
import pytest

from fm_gui import plan
from fm_gui.runs import Run
from tests.chaos.test_worker import pid, wait_for
from tests.train.jobs import curve, toy_config

pytestmark = pytest.mark.long
KILLS = 50
STARTS = 200


def small(workspace, **settings):
    return toy_config(workspace, "text-classification", max_steps=60, epochs=100, eval_every=10, checkpoint_steps=7, **settings)


def ours(workspace) -> list[psutil.Process]:
    """Every process that works on this workspace."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(workspace.root) in word for word in process.info["cmdline"] or ()):
            found.append(process)
    return found


def whole(run: Run) -> None:
    """No file that a reader opens is half-written, whatever was killed."""
    for name in ("config.json", "status.json", "process.json", "estimate.json", "evaluation.json"):
        if (run.path / name).exists():
            json.loads((run.path / name).read_text(encoding="utf-8"))
    run.metrics(), run.events(), run.status()
    if run.has_model:
        from safetensors import safe_open

        with safe_open(run.path / "model" / "model.safetensors", "np") as file:
            assert file.keys()


@pytest.mark.timeout(3600)
def test_fifty_kills_lose_nothing(workspace):
    """Killed at random moments of all phases, most of them in training, each run ends done with the very curve of the unbroken one."""
    dice, kills, phases = random.Random(4), 0, {}
    unbroken = plan.start(workspace, small(workspace), "unbroken")
    assert unbroken.wait(600).state == "done", unbroken.log_tail()
    wanted = curve(unbroken)
    run = plan.start(workspace, small(workspace), "killed-0")
    while kills < KILLS:
        phase, at = dice.choices(("preparing", "training", "saving", "evaluating"), (2, 6, 1, 2))[0], dice.randrange(60)
        while (now := run.status()).state in Run.ACTIVE and (now.state != phase or (phase == "training" and now.step < at)):
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.3 if phase in ("training", "saving") else 4))
        state = run.status().state
        if state == "done":
            assert curve(run) == wanted
            run = plan.start(workspace, small(workspace), f"killed-{kills}")
            continue
        assert state in Run.ACTIVE, (state, run.log_tail())
        os.kill(pid(run), signal.SIGKILL)
        kills, phases[state] = kills + 1, phases.get(state, 0) + 1
        wait_for(lambda: run.status().state not in Run.ACTIVE, 30)  # noqa: B023 - called at once
        assert run.status().state == "interrupted"
        whole(run)
        run.resume()
    assert run.wait(600).state == "done", run.log_tail()
    assert curve(run) == wanted
    steps = [point["step"] for point in run.metrics()[0] if "train/loss" in point]
    assert steps == list(range(1, 61))
    print(f"killed in {phases}")
    wait_for(lambda: not ours(workspace), 60)


@pytest.mark.timeout(3600)
def test_hundreds_of_starts_and_stops_leak_nothing(workspace):
    me, dice = psutil.Process(), random.Random(5)
    run = plan.start(workspace, small(workspace), "again")
    run.stop()
    run.wait(120)
    gc.collect()
    handles, memory = me.num_fds(), me.memory_info().rss
    for _ in range(STARTS):
        run.resume()
        time.sleep(dice.uniform(0, 1.5))
        run.stop()
        assert run.wait(60).state == "stopped", run.log_tail()
    gc.collect()
    wait_for(lambda: not ours(workspace), 60)
    assert me.num_fds() <= handles + 2
    assert me.memory_info().rss - memory < 30 * 2**20


@pytest.mark.timeout(600)
def test_a_worker_that_sleeps_is_told_and_goes_on(workspace):
    """SIGSTOP for 90 s, as when a laptop's lid is closed."""
    run = plan.start(workspace, small(workspace), "sleeper")
    wait_for(lambda: run.status().step >= 5)
    os.kill(pid(run), signal.SIGSTOP)
    begin = time.monotonic()
    wait_for(lambda: run.stuck, 80)
    assert time.monotonic() - begin >= 55 and run.status().state in Run.ACTIVE
    time.sleep(max(0.0, 90 - (time.monotonic() - begin)))
    os.kill(pid(run), signal.SIGCONT)
    wait_for(lambda: not run.stuck, 30)
    assert run.wait(300).state == "done", run.log_tail()
    other = plan.start(workspace, small(workspace), "awake")
    assert other.wait(300).state == "done" and curve(run) == curve(other)
