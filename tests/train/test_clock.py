"""How far the machine is used: against the plain arithmetic of what was done in which time."""

import time

import pytest
import torch

from fm_gui import machine
from fm_gui.files import read_json
from fm_gui.flops import flops_per_token
from fm_gui.tasks import Step
from fm_gui.train import clock as clock_module
from fm_gui.train import loop
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.clock import Clock, flops_of
from tests.train.jobs import toy_job


class Time:
    """A clock's clock, moved by hand."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(clock_module.time, "monotonic", lambda: self.now)


def step(real: int, padded: int) -> Step:
    mask = torch.zeros(1, padded, dtype=torch.long)
    mask[0, :real] = 1
    return Step(0, 0.0, [{"input_ids": torch.zeros(1, padded, dtype=torch.long), "attention_mask": mask}])


def test_use_is_the_arithmetic_over_the_peak_and_the_rest_is_told_by_its_cause(monkeypatch):
    at = Time(monkeypatch)
    clock = Clock(50.0, flops=(10.0, 100.0), peak=1_000.0)
    for seconds in (30.0, 2.0, 2.0):  # the first pays for setting up
        at.now += 0.5
        clock.lap("waiting")
        at.now += seconds
        clock.lap("steps")
        clock.count(step(60, 80), items=1)
        done = clock.speed()
    assert clock.used(done, done.seconds) == pytest.approx((10 * 60 + 100) / 2.5 / 1_000)
    assert done.tokens / done.seconds == pytest.approx(60 / 2.5)
    at.now += 3.0
    clock.lap("checks")
    at.now += 2.0
    clock.lap("saving")
    use = clock.use()  # of 10 seconds
    assert use == pytest.approx({"used": 2 * 700 / 10_000, "padding": 2 * 200 / 10_000, "waiting": 0.1, "checks": 0.3, "saving": 0.2}, abs=1e-4)
    assert clock.total() == pytest.approx(50 + 0.5 * 3 + 34 + 5)


def test_of_several_steps_told_at_once_each_counts(monkeypatch):
    """As on a GPU, where only every tenth step is told."""
    at = Time(monkeypatch)
    clock = Clock(0.0)
    for _ in range(3):
        for _ in range(10):
            clock.count(step(8, 8), items=4)
        at.now += 5.0
        clock.lap("steps")
        done = clock.speed()
    assert done.items / done.seconds == pytest.approx(8.0) and done.tokens / done.seconds == pytest.approx(16.0)
    assert clock.used(done, done.seconds) == 0.0 and clock.use() == {}  # nobody knows what the machine can do


def test_what_is_told_never_adds_up_to_more_than_all(monkeypatch):
    at = Time(monkeypatch)
    clock = Clock(0.0, flops=(10.0, 0.0), peak=1.0)  # measured while the machine was busy with something else
    for _ in range(2):
        clock.count(step(50, 100), items=1)
        at.now += 4.0
        clock.lap("steps")
        done = clock.speed()
    assert clock.used(done, done.seconds) == 1.0
    assert sum(clock.use().values()) <= 1.0


@pytest.mark.parametrize("task_name", ["text-classification", "masked-lm", "causal-lm"])
def test_a_run_tells_how_far_it_uses_the_machine(workspace, task_name, monkeypatch):
    monkeypatch.setattr(clock_module, "LEAST_SECONDS", 0.0)
    job, report = toy_job(workspace, task_name)
    assert flops_of(job) == (0.0, 0.0)
    job.peak = 1e12
    body, head = flops_of(job)
    context = float(job.task.lengths(job.data["train"], job.config).mean())
    assert body + head == pytest.approx(flops_per_token(job.model, round(context), 1.0)) and body > 0 and head > 0
    loop.train(job, LoopState(steps=4), report, 4)
    points = [point for point in job.run.metrics()[0] if "mfu" in point]
    assert len(points) == 4 and all(0 < point["mfu"] < 1 for point in points)
    use = report.status.use
    assert set(use) == {"used", "padding", "waiting", "checks", "saving"} and 0 < use["used"] < 1 and sum(use.values()) <= 1.001


def test_the_peak_is_the_most_that_was_ever_measured(tmp_path, monkeypatch):
    cpu = torch.device("cpu")
    begin = time.perf_counter()
    peak = machine.peak_flops(tmp_path, cpu, "fp32")
    assert peak > 1e8
    assert time.perf_counter() - begin < 5  # under half a second on a machine that is not busy
    monkeypatch.setattr(machine, "_time_products", lambda *_: peak / 3)
    assert machine.peak_flops(tmp_path, cpu, "fp32") == peak
    monkeypatch.setattr(machine, "_time_products", lambda *_: peak * 2)
    assert machine.peak_flops(tmp_path, cpu, "fp32") == 2 * peak
    assert list(read_json(next(tmp_path.glob("peak-*.json"))).values()) == [2 * peak]
