"""Real runs of several processes: the curve of one, whatever ends or goes on with another number of them."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
import torch

from fm_gui import plan, processes
from fm_gui.files import read_json
from fm_gui.launch import Elsewhere, script
from fm_gui.runs import Run
from fm_gui.tasks import TASKS
from fm_gui.train import loop
from fm_gui.train.checkpoint import LoopState
from tests.chaos.test_worker import wait_for
from tests.train.jobs import curve, toy_config, toy_job

NAMES = [task.name for task in TASKS]
STEPS, EVERY = 16, 8
# dropout is drawn for each micro-batch, so with it another cut is another draw
ALIKE = {"max_steps": STEPS, "epochs": 100, "eval_every": EVERY, "dropout": 0.0, "optimizer": "adamw", "learning_rate": 3e-4}


def unbroken(workspace, task: str) -> Run:
    """The run of one process, here, without a worker."""
    job, report = toy_job(workspace, task, "alone", **ALIKE)
    loop.train(job, LoopState(steps=STEPS), report, EVERY)
    return job.run


def started(workspace, task: str, name: str, **settings) -> Run:
    return plan.start(workspace, toy_config(workspace, task, **{"processes": 2} | ALIKE | settings), name)


def assert_alike(run: Run, other: Run) -> None:
    """Every point of the curves is the same to what rounding in another order makes of it, and no step is told twice."""
    assert [point["step"] for point in run.metrics()[0] if "train/loss" in point] == list(range(1, STEPS + 1))
    for one, two in zip(curve(run), curve(other), strict=True):
        assert dict(one) == pytest.approx(dict(two), rel=2e-3, abs=1e-4)


def at_step(run: Run, step: int) -> None:
    def reached() -> bool:
        now = run.status()  # one that goes on knows the steps that it had taken before it takes any
        return now.state not in Run.ACTIVE or (now.state == "training" and now.step >= step)

    wait_for(reached)
    assert run.status().state == "training", run.log_tail()


def ranks_of(run: Run) -> dict[int, psutil.Process]:
    """rank -> process of it."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-2:] == ["worker", str(run.path)]:
            environment = process.environ()
            if "RANK" in environment:
                found[int(environment["RANK"])] = process
    return found


def workers(run: Run) -> list[psutil.Process]:
    return processes.working_on(run.path, None)


def test_a_killed_rank_ends_all_and_one_process_goes_on(workspace):
    alone = unbroken(workspace, "text-classification")
    run = started(workspace, "text-classification", "killed", checkpoint_steps=4)
    at_step(run, 5)
    assert sorted(ranks_of(run)) == [0, 1]
    ranks_of(run)[1].kill()
    wait_for(lambda: run.status().state not in Run.ACTIVE, 60)
    assert run.status().state in ("failed", "interrupted"), run.status()
    if error := run.status().error:
        assert error["code"] == "rank-lost"
    wait_for(lambda: not workers(run), 60)
    assert run.checkpoint_step == 4
    run.resume({"processes": 1})
    assert run.wait(300).state == "done", run.log_tail()
    assert_alike(run, alone)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_draw_the_curve_of_one(workspace, name):
    alone, run = unbroken(workspace, name), started(workspace, name, "two")
    assert run.wait(600).state == "done", run.log_tail()
    assert_alike(run, alone)
    assert run.evaluation()
    wait_for(lambda: not workers(run), 60)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_stop_and_resume_with_two_one_and_two_again(workspace):
    alone, run = unbroken(workspace, "masked-lm"), started(workspace, "masked-lm", "again")
    for step, count in ((3, 1), (7, 2)):
        at_step(run, step)
        run.stop()
        assert run.wait(120).state == "stopped", run.log_tail()
        assert run.has_model and run.has_checkpoint
        run.resume({"processes": count})
    assert run.wait(600).state == "done", run.log_tail()
    assert_alike(run, alone)
    wait_for(lambda: not workers(run), 60)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_processes_resume_to_the_bit(workspace):
    """The same number of processes: not even rounding differs, and dropout is the same draw."""
    whole, broken = (started(workspace, "text-classification", name, dropout=0.1) for name in ("whole", "broken"))
    assert whole.wait(600).state == "done", whole.log_tail()
    at_step(broken, 5)
    broken.stop()
    assert broken.wait(120).state == "stopped"
    broken.resume()
    assert broken.wait(600).state == "done", broken.log_tail()
    assert curve(broken) == curve(whole)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_a_sharded_run_is_saved_whole(workspace, name):
    from transformers import AutoModel

    alone, run = unbroken(workspace, name), started(workspace, name, "sharded", shard=True)
    at_step(run, 5)
    run.stop()
    assert run.wait(120).state == "stopped", run.log_tail()
    run.resume({"shard": False, "processes": 1})  # what was saved goes on anywhere
    at_step(run, 9)
    run.stop()
    assert run.wait(120).state == "stopped", run.log_tail()
    run.resume({"shard": True, "processes": 2})
    assert run.wait(600).state == "done", run.log_tail()
    assert_alike(run, alone)
    model, notes = AutoModel.from_pretrained(run.path / "model", output_loading_info=True)
    assert not notes["missing_keys"] and all(bool(torch.isfinite(weight).all()) for weight in model.parameters())


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_time_budget_is_measured_together(workspace):
    run = plan.start(workspace, toy_config(workspace, "causal-lm", processes=2, max_steps=0, minutes=0.2, eval_every=50), "budget")
    assert run.wait(400).state == "done", run.log_tail()
    assert run.status().step == read_json(run.path / "estimate.json")["steps"] > 1


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ranks_end_when_their_launcher_is_killed(workspace):
    run = started(workspace, "text-classification", "orphans", max_steps=2000)
    at_step(run, 3)
    os.kill(read_json(run.path / "process.json")["pid"], signal.SIGKILL)
    wait_for(lambda: not workers(run), 60)
    assert run.status().state in ("stopped", "interrupted", "failed") and run.has_checkpoint


@pytest.mark.long
@pytest.mark.timeout(600)
def test_stop_is_heard_by_all_while_they_wait(workspace):
    """Two processes wait in line behind another run; stopped there, neither is left behind."""
    first = started(workspace, "text-classification", "first", processes=1, max_steps=5000)
    at_step(first, 1)
    second = started(workspace, "text-classification", "second")
    wait_for(lambda: second.status().waiting_for == 1)
    second.stop()
    assert second.wait(60).state == "stopped"
    wait_for(lambda: not workers(second), 60)
    third = started(workspace, "text-classification", "third")
    first.stop()
    assert third.wait(400).state == "done", third.log_tail()
    assert first.status().state == "stopped"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_second_start_of_a_run_at_work_is_refused_and_does_it_no_harm(workspace, tmp_path):
    run = plan.make(workspace, toy_config(workspace, "text-classification", **ALIKE | {"max_steps": 5000}), "busy")
    file = tmp_path / "start.sh"
    file.write_text(script(run, "torchrun", Elsewhere(processes=2, python=sys.executable)), encoding="utf-8")
    run.resume()
    at_step(run, 1)
    assert subprocess.run(["bash", str(file)], timeout=200).returncode != 0
    assert "still working" in run.log_tail()
    at = run.status().step
    at_step(run, at + 2)
    run.stop()
    assert run.wait(120).state == "stopped"
