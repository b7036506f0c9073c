"""Checkpoints are whole or not there, whenever the power goes; what is damaged is noticed and replaced by the one before."""

import os
import shutil

import pytest
import torch

from fm_gui.errors import UserError
from fm_gui.train import checkpoint, loop
from fm_gui.train.checkpoint import LoopState, load_newest, previous_of, recover, snapshot, verify, write_snapshot
from tests.train.jobs import toy_job


@pytest.fixture
def saved(workspace):
    """(job, report, folder) of a run with two checkpoints, at steps 4 and 6."""
    job, report = toy_job(workspace, "text-classification")
    folder = job.run.path / "checkpoint"
    for step in (4, 6):
        write_snapshot(folder, snapshot(job.model, job.optimizers, LoopState(step=step, steps=9)), previous_of(folder))
    return job, report, folder


def read(folder) -> int:
    verify(folder)
    return checkpoint.read_json(folder / "state.json")["step"]


def test_two_checkpoints_and_no_more(workspace):
    job, report = toy_job(workspace, "text-classification", checkpoint_steps=2)
    loop.train(job, LoopState(steps=6), report, 3)
    folder = job.run.path / "checkpoint"
    assert read(folder) == 6 and read(previous_of(folder)) == 4
    assert {path.name for path in job.run.path.iterdir() if path.name.startswith("checkpoint")} == {"checkpoint", "checkpoint.previous"}
    assert not list(job.run.path.glob(".*.new")) and not list(job.run.path.glob(".*.old"))


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "optimizer.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_any_damage_to_the_newest_is_noticed_and_the_one_before_used(saved, name, damage):
    job, report, folder = saved
    file = folder / name
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        os.truncate(file, file.stat().st_size // 2)
    else:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    state = load_newest(folder, job.model, job.optimizers, report)
    assert state.step == 4 and read(folder) == 4 and not previous_of(folder).exists()
    assert job.run.events()[0][-1]["code"] == "incident.checkpoint-damaged"


def test_both_damaged_is_one_sentence(saved):
    job, report, folder = saved
    for one in (folder, previous_of(folder)):
        os.truncate(one / "model.safetensors", 100)
    with pytest.raises(UserError, match="damaged"):
        load_newest(folder, job.model, job.optimizers, report)


class Killed(BaseException):
    """The process is gone: no handler of ours sees it."""


@pytest.mark.parametrize("after", range(14))
def test_a_kill_at_any_moment_of_a_save_leaves_a_whole_checkpoint(saved, monkeypatch, after):
    job, report, folder = saved
    calls = []

    def dying(real):
        def call(*arguments, **named):
            calls.append(real)
            if len(calls) > after:
                raise Killed
            return real(*arguments, **named)

        return call

    state = LoopState(step=7, steps=9)
    for module, name in ((os, "rename"), (os, "fsync"), (shutil, "rmtree"), (checkpoint, "save_file")):
        monkeypatch.setattr(module, name, dying(getattr(module, name)))
    try:
        write_snapshot(folder, snapshot(job.model, job.optimizers, state), previous_of(folder))
        finished = True
    except Killed:
        finished = False
    monkeypatch.undo()
    recover(job.run.path)
    assert read(folder) in ((7,) if finished else (6, 7))
    assert not list(job.run.path.glob(".*.new"))
    assert load_newest(folder, job.model, job.optimizers, report).step in (6, 7)


def test_weights_that_are_no_numbers_are_not_saved(workspace):
    job, report = toy_job(workspace, "text-classification")
    from fm_gui.train.saving import Saver

    saver = Saver(job, report)
    with torch.no_grad():
        list(job.model.parameters())[-1].fill_(float("inf"))
    assert saver.checkpoint(LoopState(step=1, steps=2)) is False
    saver.close()
    assert not job.run.has_checkpoint


def test_training_goes_on_while_a_checkpoint_is_written(workspace):
    """What is written is the moment of the save, though the weights have moved since."""
    job, report = toy_job(workspace, "causal-lm")
    from fm_gui.train.saving import Saver

    saver, before = Saver(job, report), {name: value.clone() for name, value in job.model.state_dict().items()}
    assert saver.checkpoint(LoopState(step=1, steps=2))
    with torch.no_grad():
        for weight in job.model.parameters():
            weight.add_(1.0)
    saver.settle()
    saver.close()
    load_newest(job.run.path / "checkpoint", job.model, job.optimizers, report)
    assert all(torch.equal(value, before[name]) for name, value in job.model.state_dict().items())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_size_is_known_before(workspace, optimizer):
    job, report = toy_job(workspace, "causal-lm", optimizer=optimizer)
    known = checkpoint.sizes(job.model, job.optimizers)
    loop.train(job, LoopState(steps=2), report, 3)
    on_disk = sum(file.stat().st_size for file in (job.run.path / "checkpoint").iterdir())
    assert on_disk == pytest.approx(known.checkpoint, rel=0.02)
