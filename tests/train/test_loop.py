"""The loop is right: the same curve for any micro-batch, after any stop, and as plain PyTorch would draw it."""

import math

import pytest
import torch

from fm_gui.errors import UserError
from fm_gui.tasks import TASKS
from fm_gui.train import loop
from fm_gui.train.checkpoint import LoopState, load_checkpoint
from fm_gui.train.optim import make_optimizers, rate, set_rate
from fm_gui.train.report import Report, Stopped
from tests.train.jobs import curve, toy_config, toy_job

NAMES = [task.name for task in TASKS]


class StopsAt(Report):
    """A person who presses Stop after a given step."""

    def __init__(self, run, step: int):
        super().__init__(run)
        self.at = step

    def stop_asked(self):
        return self.status.step >= self.at


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_gradient_do_not_depend_on_the_micro_batch(workspace, name):
    seen = []
    for micro in (8, 4, 2):
        job, _ = toy_job(workspace, name, micro_batch_size=micro, dropout=0.0)
        step = next(loop.steps_from(job, 0))
        assert len(step.micro) == 8 // micro
        loss, norm, items = loop.take_step(job, step)
        seen.append((loss.item(), norm.item(), items))
    for other in seen[1:]:
        assert other[2] == seen[0][2]
        assert other[:2] == pytest.approx(seen[0][:2], rel=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_draws_the_unbroken_curve(workspace, name):
    # 6 steps of 8 rows or blocks: the stop after step 4 is inside an epoch, and dropout is on
    settings = {"dropout": 0.1, "eval_every": 3}
    whole, report = toy_job(workspace, name, "whole", **settings)
    loop.train(whole, LoopState(steps=6), report, 3)

    first, _ = toy_job(workspace, name, "broken", **settings)
    with pytest.raises(Stopped):
        loop.train(first, LoopState(steps=6), StopsAt(first.run, 4), 3)
    from fm_gui.train.job import make_job

    report = Report(first.run)
    again = make_job(workspace, first.run, torch.device("cpu"), report)
    state = load_checkpoint(first.run.path / "checkpoint", again.model, again.optimizers)
    assert state.step == 4 and not state.finished
    report.rewind(state.step, state.check_due)
    loop.train(again, state, report, 3)

    assert curve(first.run) == curve(whole.run)
    assert [p["step"] for p in first.run.metrics()[0]] == [0, 1, 2, 3, 3, 4, 5, 6, 6]
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key]), key


def test_a_stop_during_a_check_makes_the_check_again(workspace):
    class StopsInCheck(Report):
        def beat(self, *_):
            raise Stopped

    whole, report = toy_job(workspace, "masked-lm", "whole")
    loop.train(whole, LoopState(steps=3), report, 3)
    first, _ = toy_job(workspace, "masked-lm", "broken")
    with pytest.raises(Stopped):
        loop.train(first, LoopState(steps=3), StopsInCheck(first.run), 3)
    state = load_checkpoint(first.run.path / "checkpoint", first.model, first.optimizers)
    assert state.check_due
    loop.train(first, state, Report(first.run), 3)
    assert curve(first.run) == curve(whole.run)


def test_points_after_the_checkpoint_are_made_again(workspace):
    """After kill -9 metrics.jsonl is ahead of the checkpoint, and may end in half a line."""
    job, report = toy_job(workspace, "text-classification")
    loop.train(job, LoopState(steps=6), report, 3)
    before = curve(job.run)
    with open(job.run.path / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 7, "train/loss": 1.0}\n{"step": 8, "tra')
    report.rewind(6, False)
    assert curve(job.run) == before


def test_fine_tuning_equals_plain_pytorch(workspace):
    """The packaged MiniLM, three steps, against a loop written with nothing but torch and transformers."""
    job, _ = toy_job(workspace, "text-classification", start="minilm", dropout=0.0, learning_rate=1e-4, warmup=0.34, max_steps=3)
    reference, _ = toy_job(workspace, "text-classification", start="minilm", dropout=0.0)
    model = reference.model
    vectors = [p for p in model.parameters() if p.ndim < 2]
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.999), eps=1e-8)
    steps = loop.steps_from(job, 0)
    for number in range(3):
        step = next(steps)
        set_rate(job.optimizers, rate(number, 3, job.config.train))
        ours, _, _ = loop.take_step(job, step)
        for group in optimizer.param_groups:
            group["lr"] = (1e-4, 1e-4, 0.5e-4)[number]  # one step of warm-up, then linearly to zero
        texts = {key: torch.cat([_wide(batch[key], step) for batch in step.micro]) for key in ("input_ids", "attention_mask", "labels")}
        model.train()
        theirs = model(**texts).loss
        theirs.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-4)
    for (name, a), b in zip(job.model.named_parameters(), model.parameters()):
        assert torch.allclose(a, b, atol=2e-5), name


def _wide(values, step):
    """A micro-batch's rows padded to the longest of the whole step."""
    if values.ndim == 1:
        return values
    return torch.nn.functional.pad(values, (0, max(b["input_ids"].shape[1] for b in step.micro) - values.shape[1]))


def test_a_loss_that_is_not_a_number_ends_the_run_with_a_sentence(workspace):
    job, report = toy_job(workspace, "text-classification", learning_rate=1.0, clip=0.0)
    with torch.no_grad():
        next(job.model.parameters()).fill_(math.nan)
    state = LoopState(steps=6, step=1)
    with pytest.raises(UserError, match="lower learning rate"):
        loop.train(job, state, report, 3)
    assert not job.run.has_checkpoint  # weights that are no numbers are never saved


def test_early_stopping_ends_after_patience_and_keeps_the_best(workspace):
    job, report = toy_job(workspace, "text-classification", learning_rate=1e-9, early_stopping=True, patience=2, max_steps=40)
    state = LoopState(steps=40)
    loop.train(job, state, report, 1)
    assert state.early_stopped and state.step == state.best_step + 2
    assert (job.run.path / "best" / "model.safetensors").exists()
    assert any(event["kind"] == "incident" for event in job.run.events()[0])


@pytest.mark.parametrize("schedule", ["linear", "cosine", "wsd", "constant"])
def test_schedules_rise_then_fall(workspace, schedule):
    settings = toy_config(workspace, "text-classification", schedule=schedule, warmup=0.2, decay=0.5).train
    shares = [rate(step, 100, settings) for step in range(100)]
    assert all(0 < share <= 1 for share in shares)
    assert shares[0] == pytest.approx(0.05) and shares[19] == 1
    if schedule == "constant":
        assert shares[-1] == 1
    else:
        assert shares[-1] < 0.03
    if schedule == "wsd":
        assert shares[50] == 1 and shares[75] == pytest.approx(0.5)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_weight_is_trained_once_and_vectors_do_not_decay(workspace, optimizer):
    job, _ = toy_job(workspace, "causal-lm", optimizer=optimizer, weight_decay=0.1)
    made = make_optimizers(job.model, job.config.train)
    groups = [group for one in made for group in one.param_groups]
    ids = [id(p) for group in groups for p in group["params"]]
    assert sorted(ids) == sorted(id(p) for p in job.model.parameters())
    for group in groups:
        if any(p.ndim < 2 for p in group["params"]):
            assert group["weight_decay"] == 0
