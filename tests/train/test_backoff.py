"""What a run does at its limits: the same curve when memory is short, a step back when the loss runs away."""

import math
import random
import threading

import pytest
import torch

from fm_gui.errors import UserError
from fm_gui.train import backoff, loop
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.report import Report
from tests.train.jobs import curve, toy_job


def incidents(run) -> list[str]:
    return [event["code"].removeprefix("incident.") for event in run.events()[0] if event["kind"] == "incident"]


def steps_told(run) -> list[int]:
    return [point["step"] for point in run.metrics()[0] if "train/loss" in point]


def trained(job, report, steps: int = 6) -> LoopState:
    state = LoopState(steps=steps)
    loop.train(job, state, report, 3)
    return state


def close(one, other) -> None:
    """Two curves are equal to float tolerance."""
    assert len(one) == len(other)
    for a, b in zip(one, other):
        a, b = dict(a), dict(b)
        assert a.keys() == b.keys()
        for key in a:
            assert a[key] == pytest.approx(b[key], rel=2e-3, abs=2e-4), key


class Faulty:
    """Stands before a method of a task, and fails when told to."""

    def __init__(self, monkeypatch, job, name: str, fails):
        real = getattr(job.task, name)

        def tried(*arguments, **named):
            if problem := fails(*arguments, **named):
                raise problem
            return real(*arguments, **named)

        monkeypatch.setattr(job.task, name, tried)


NO_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:130] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.")


@pytest.mark.parametrize("name", ["text-classification", "masked-lm", "causal-lm"])
@pytest.mark.parametrize("micro", [0, 8])
def test_memory_for_few_rows_draws_the_same_curve(workspace, monkeypatch, name, micro):
    whole, report = toy_job(workspace, name, "whole", dropout=0.0, micro_batch_size=micro)
    trained(whole, report)
    short, report = toy_job(workspace, name, "short", dropout=0.0, micro_batch_size=micro)
    Faulty(monkeypatch, short, "loss", lambda model, batch: NO_MEMORY if len(batch["input_ids"]) > 3 else None)
    state = trained(short, report)
    close(curve(short.run), curve(whole.run))
    assert set(incidents(short.run)) == {"memory-micro"} and steps_told(short.run) == [1, 2, 3, 4, 5, 6]
    assert bool(state.micro_rows) == bool(micro) and bool(state.micro_tokens) != bool(micro)


def test_one_row_is_tried_with_activation_checkpointing_and_then_told(workspace, monkeypatch):
    whole, report = toy_job(workspace, "text-classification", "whole", dropout=0.0)
    trained(whole, report)
    job, report = toy_job(workspace, "text-classification", "short", dropout=0.0)
    Faulty(monkeypatch, job, "loss", lambda model, batch: None if model.is_activation_checkpointing else NO_MEMORY)
    state = trained(job, report)
    close(curve(job.run), curve(whole.run))
    assert state.activation_checkpointing and incidents(job.run)[-1] == "memory-activation"

    monkeypatch.undo()
    job, report = toy_job(workspace, "text-classification", "none", dropout=0.0)
    Faulty(monkeypatch, job, "loss", lambda *_: NO_MEMORY)
    with pytest.raises(UserError, match="even with one row") as told:
        trained(job, report)
    assert told.value.code == "out-of-memory-longest" and told.value.values["half"] >= 1
    assert job.run.has_checkpoint and not steps_told(job.run)


def test_memory_that_ends_while_weights_change_goes_back_to_the_checkpoint(workspace, monkeypatch):
    whole, report = toy_job(workspace, "text-classification", "whole", dropout=0.0, checkpoint_steps=2)
    trained(whole, report)
    job, report = toy_job(workspace, "text-classification", "short", dropout=0.0, checkpoint_steps=2)
    real, calls = job.optimizers[0].step, []

    def fails_once(*arguments):
        calls.append(1)
        if len(calls) == 4:
            with torch.no_grad():
                next(job.model.parameters()).add_(1.0)  # some weights have moved already
            raise NO_MEMORY
        return real(*arguments)

    monkeypatch.setattr(job.optimizers[0], "step", fails_once)
    trained(job, report)
    close(curve(job.run), curve(whole.run))
    assert incidents(job.run) == ["memory-micro", "memory-back"] and steps_told(job.run) == [1, 2, 3, 4, 5, 6]


def test_checks_are_cut_smaller_too(workspace, monkeypatch):
    whole, report = toy_job(workspace, "masked-lm", "whole")
    trained(whole, report)
    job, report = toy_job(workspace, "masked-lm", "short")
    Faulty(monkeypatch, job, "metrics", lambda *given: NO_MEMORY if given[-1] == 0 or given[-1] > 300 else None)
    state = trained(job, report)
    close(curve(job.run), curve(whole.run))
    assert 0 < state.check_tokens <= 300 and "memory-check" in incidents(job.run)


class Poison:
    """Makes the first weight no number before the n-th calls of a task's loss."""

    def __init__(self, monkeypatch, job, at: set[int]):
        real, calls = job.task.loss, []

        def loss(model, batch):
            calls.append(1)
            value, count = real(model, batch)
            return (value * math.nan if len(calls) in at else value), count

        monkeypatch.setattr(job.task, "loss", loss)


def test_a_loss_that_is_no_number_goes_back_with_half_the_rate(workspace, monkeypatch):
    job, report = toy_job(workspace, "text-classification", checkpoint_steps=2, micro_batch_size=8, schedule="constant", warmup=0.0, learning_rate=1e-3)
    Poison(monkeypatch, job, {5})
    state = trained(job, report)
    assert incidents(job.run) == ["diverged"] and steps_told(job.run) == [1, 2, 3, 4, 5, 6]
    rates = [point["learning_rate"] for point in job.run.metrics()[0] if "train/loss" in point]
    assert rates == pytest.approx([1e-3] * 4 + [5e-4] * 2)
    assert all(math.isfinite(point["train/loss"]) for point in job.run.metrics()[0] if "train/loss" in point)
    assert state.rollbacks == 1 and all(torch.isfinite(weight).all() for weight in job.model.parameters())


def test_the_third_time_it_stops_with_the_reason(workspace, monkeypatch):
    job, report = toy_job(workspace, "text-classification", micro_batch_size=8)
    Poison(monkeypatch, job, set(range(3, 100)))
    with pytest.raises(UserError, match="lower learning rate"):
        trained(job, report)
    assert incidents(job.run) == ["diverged", "diverged"]


def test_a_resumed_run_remembers_that_it_went_back(workspace, monkeypatch):
    job, report = toy_job(workspace, "text-classification", micro_batch_size=8)
    Poison(monkeypatch, job, {3})
    state = trained(job, report)
    from fm_gui.train.checkpoint import load_newest

    again = load_newest(job.run.path / "checkpoint", job.model, job.optimizers, Report(job.run))
    assert (again.rollbacks, again.rate_scale) == (state.rollbacks, state.rate_scale) == (1, 0.5)


def test_a_loader_that_dies_once_is_replaced(workspace, monkeypatch):
    whole, report = toy_job(workspace, "masked-lm", "whole")
    trained(whole, report)
    job, report = toy_job(workspace, "masked-lm", "faulty")
    calls = []

    def fails(*_):
        calls.append(threading.current_thread() is not threading.main_thread())
        return OSError(5, "Input/output error") if calls[-1] and sum(calls) == 4 else None

    Faulty(monkeypatch, job, "collate", fails)
    trained(job, report)
    assert curve(job.run) == curve(whole.run) and incidents(job.run) == ["loader-again"]


def noisy(level: float, spread: float, count: int, seed: int = 0) -> list[float]:
    dice = random.Random(seed)
    return [max(0.0, dice.gauss(level, spread)) for _ in range(count)]


@pytest.mark.parametrize(("level", "spread"), [(4.0, 0.1), (0.05, 0.2), (2.3, 0.8), (0.0, 1e-6)])
def test_noise_is_no_jump(level, spread):
    spikes = backoff.Spikes([])
    assert not any(spikes.look(loss) for loss in noisy(level, spread, 4000, seed=7))


def test_a_falling_loss_is_no_jump():
    spikes = backoff.Spikes([])
    assert not any(spikes.look(9 * math.exp(-n / 200) + 0.1 * math.sin(n)) for n in range(2000))


def test_a_jump_that_heals_is_told_once():
    spikes = backoff.Spikes(noisy(3.0, 0.1, 80))
    told = [spikes.look(loss) for loss in [*noisy(8.0, 0.1, 10), *noisy(3.0, 0.1, 100)]]
    assert [word for word in told if word] == ["loss-spike"]


def test_a_jump_that_stays_is_undone():
    spikes = backoff.Spikes(noisy(3.0, 0.1, 80))
    told = [spikes.look(loss) for loss in noisy(8.0, 0.1, 90)]
    assert [word for word in told if word][:2] == ["loss-spike", "loss-high"]


def test_a_loss_of_nothing_is_told():
    assert backoff.Spikes([0.0] * 71).look(0.0) == "loss-zero"


def test_what_memory_and_devices_say_is_understood():
    huge = 2**60
    with pytest.raises((RuntimeError, MemoryError)) as real:
        torch.empty(huge, dtype=torch.uint8)
    assert backoff.is_out_of_memory(real.value) and not backoff.is_poisoned(real.value)
    assert backoff.is_out_of_memory(MemoryError()) and backoff.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert backoff.is_out_of_memory(RuntimeError("could not create a primitive"))  # what oneDNN says where the system refuses memory
    assert backoff.is_poisoned(torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))
    assert backoff.is_poisoned(RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"))
    assert not backoff.is_poisoned(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) and not backoff.is_out_of_memory(RuntimeError("shape"))
