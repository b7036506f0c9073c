"""The head trained alone on features computed once: the same losses, gradients and scores as through the whole model."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from fm_gui import plan
from fm_gui.config import ModelSpec
from fm_gui.data.prepare import Part
from fm_gui.errors import UserError
from fm_gui.tasks import features, get_task, heads
from fm_gui.tasks.heads import STRENGTHS, fit_layer, last_linear
from fm_gui.tasks.text_classification import pad
from fm_gui.train import backoff, loop, worker
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.job import make_job, warm
from fm_gui.train.largest import planned_work
from fm_gui.train.report import Report
from tests.train.jobs import toy_config, toy_job
from tests.train.test_backoff import incidents

TASK = "text-classification"


@pytest.fixture(autouse=True)
def alone():
    """One thread: sums in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def head_job(workspace, **settings):
    return toy_job(workspace, TASK, start="minilm", options={"trained": "head"}, dropout=0.0, **settings)


def layer_of(job):
    return last_linear(job.model, len(job.data.labels))


def without_features(part):
    return Part({name: values for name, values in part.columns.items() if name != "features"}, part.rows)


def test_cached_features_equal_fresh_ones_and_are_computed_once(workspace, monkeypatch):
    job, _ = head_job(workspace)
    part, layer = job.data["train"], layer_of(job)
    with torch.inference_mode():
        fresh = torch.cat([job.model.eval()(**pad([part["input_ids"][i]], job.processor)).logits for i in range(len(part))])
        cached = layer(torch.from_numpy(np.array(part["features"])))
    assert torch.allclose(fresh, cached, atol=1e-5)
    monkeypatch.setattr(features, "head_inputs", lambda *_: pytest.fail("computed again"))
    again, _ = head_job(workspace, seed=2)  # another seed, another head: the features are the same
    assert np.array_equal(again.data["train"]["features"], part["features"])
    assert not list((workspace.root / "cache" / "features").glob(".*"))


def test_other_weights_or_tokens_are_other_features(workspace):
    job, _ = head_job(workspace)
    layer, tokens = layer_of(job), job.data["train"]["input_ids"]
    key = features._key(job.model, layer, tokens, job.device)
    assert key != features._key(job.model, layer, job.data["validation"]["input_ids"], job.device)
    with torch.no_grad():
        layer.weight.add_(1.0)
    assert key == features._key(job.model, layer, tokens, job.device)
    with torch.no_grad():
        job.model.base_model.embeddings.word_embeddings.weight[5, 5] += 1e-3
    assert key != features._key(job.model, layer, tokens, job.device)


def test_a_step_on_features_is_a_step_through_the_whole_model(workspace):
    job, _ = head_job(workspace)
    layer = layer_of(job)
    steps = loop.steps_from(job, 0)
    step = next(steps)
    steps.close()
    told = {}
    for name, drop in (("features", ()), ("whole", ("features",))):
        job.model.zero_grad(set_to_none=True)
        batches = [{key: value for key, value in batch.items() if key not in drop} for batch in step.micro]
        total, items = loop.gradients(job, type(step)(step.index, step.epoch, batches))
        told[name] = (total.item(), items, layer.weight.grad.clone())
        assert [name for name, weight in job.model.named_parameters() if weight.grad is not None] == ["classifier.weight", "classifier.bias"]
    (loss, items, gradient), (whole, count, reference) = told["features"], told["whole"]
    assert items == count and loss == pytest.approx(whole, rel=1e-5) and torch.allclose(gradient, reference, atol=1e-5)


def test_a_run_moves_the_head_alone_and_scores_as_the_whole_model_does(workspace):
    job, report = head_job(workspace, learning_rate=1e-3)
    before = {name: value.clone() for name, value in job.model.state_dict().items()}
    worker.learn(job.run, job, report)
    moved = {name for name, value in job.model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"classifier.weight", "classifier.bias"}
    part = job.data["validation"]
    scores = [job.task.metrics(job.model, job.processor, one, job.config, job.device, None, lambda *_: None) for one in (part, without_features(part))]
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)
    assert [point for point in job.run.metrics()[0] if "train/loss" in point]


@pytest.mark.slow
def test_the_quick_preset_is_a_whole_run(workspace):
    config = toy_config(workspace, TASK, start="minilm", options={"trained": "head"})
    run = plan.start(workspace, config)
    assert run.wait(120).state == "done", run.log_tail()  # judged by a process that reads every text anew
    assert run.evaluation()["metrics"]["accuracy"] > 0.5 and (run.path / "model" / "config.json").exists()


def test_quick_trains_the_head_and_the_other_presets_everything(workspace):
    name = toy_config(workspace, TASK).data.name
    asked = {"task": TASK, "data": name, "start": "minilm"}
    trained = {preset: plan.make_config(workspace, preset=preset, **asked).options["trained"] for preset in ("quick", "balanced", "best")}
    assert trained == {"quick": "head", "balanced": "all", "best": "all"}
    assert plan.make_config(workspace, preset="quick", options={"trained": "all"}, **asked).options["trained"] == "all"
    assert get_task(TASK).preset_options(ModelSpec(start="scratch", architecture="bert"), "quick") == {}
    assert "trained" not in plan.command(plan.make_config(workspace, preset="quick", **asked))
    assert "--set trained=head" in plan.command(plan.make_config(workspace, options={"trained": "head"}, **asked))


def test_from_scratch_everything_is_trained_whatever_is_asked(workspace):
    job, _ = toy_job(workspace, TASK, options={"trained": "head"})
    assert all(weight.requires_grad for weight in job.model.parameters()) and "features" not in job.data["train"].columns


def test_a_sharded_head_is_refused(workspace):
    job, _ = head_job(workspace)
    train = job.config.train.model_copy(update={"shard": True, "processes": 2})
    with pytest.raises(UserError, match="head alone"):
        job.task.build(job.config.model_copy(update={"train": train}), job.data.labels, job.processor, workspace)


def some_features(classes=3):
    dice = np.random.default_rng(1)
    labels = np.minimum(np.arange(240) % 4, classes - 1)  # the last class is more frequent
    return (np.eye(classes)[labels] @ dice.normal(size=(classes, 16)) + 3.0 * dice.normal(size=(240, 16))).astype(np.float32), labels


@pytest.mark.parametrize("balanced", (False, True))
@pytest.mark.parametrize("classes", (2, 3))
def test_the_fit_is_the_logistic_regression_that_scikit_learn_finds(classes, balanced):
    values, labels = some_features(classes)
    layer = torch.nn.Linear(16, classes)
    strength = fit_layer(layer, values, labels, balanced=balanced)
    scale = float(values.std())
    # of two classes scikit-learn penalises the difference, we both halves: a half as much
    plain = LogisticRegression(C=strength * (2 if classes == 2 else 1), max_iter=1000, tol=1e-8, class_weight="balanced" if balanced else None)
    wanted = plain.fit(values / scale, labels).predict_proba(values / scale)
    with torch.inference_mode():
        assert np.allclose(layer(torch.from_numpy(values)).softmax(-1).numpy(), wanted, atol=2e-3)


def test_held_out_rows_choose_the_penalty():
    values, labels = some_features()
    layer = torch.nn.Linear(16, 3)
    held = (values[160:], labels[160:])
    chosen = fit_layer(layer, values[:160], labels[:160], held)
    assert chosen in STRENGTHS
    right = []
    for strength in STRENGTHS:
        scale = float(values[:160].std())
        known = LogisticRegression(C=strength, max_iter=300).fit(values[:160] / scale, labels[:160])
        right.append(f1_score(held[1], known.predict(held[0] / scale), average="macro"))
    assert chosen == STRENGTHS[int(np.argmax(right))]
    with torch.inference_mode():
        guess = layer(torch.from_numpy(held[0])).argmax(-1).numpy()
    assert f1_score(held[1], guess, average="macro") == pytest.approx(max(right), abs=0.03)


def test_a_damaged_cache_is_made_again(workspace):
    job, _ = head_job(workspace)
    whole = np.array(job.data["train"]["features"])
    for file in (workspace.root / "cache" / "features").glob("*.npy"):
        file.write_bytes(file.read_bytes()[:2000])
    again, _ = head_job(workspace)
    assert np.array_equal(again.data["train"]["features"], whole)


def test_out_of_memory_takes_fewer_rows_until_one_is_left(workspace):
    job, report = head_job(workspace)
    state, seen = LoopState(), []
    with pytest.raises(UserError) as problem:
        while True:
            steps = loop.steps_from(job, 0)
            step = next(steps)
            steps.close()
            seen.append(max(len(batch["input_ids"]) for batch in step.micro))
            backoff.shrink(job, state, report, step)
    assert problem.value.code == "out-of-memory-longest" and seen[:4] == [8, 4, 2, 1] and len(seen) <= 5


@pytest.mark.parametrize("trained", ["head", "all"])
def test_memory_that_runs_out_while_texts_are_read_is_told_and_less_is_read_at_a_time(workspace, monkeypatch, trained):
    job, _ = toy_job(workspace, TASK, start="minilm", options={"trained": trained}, dropout=0.0)
    run = workspace.new_run(job.config, "again")
    for file in (workspace.root / "cache" / "features").glob("*"):
        file.unlink()
    real, asked = heads.head_inputs, []

    def head_inputs(*given):
        asked.append(given[-1])
        if given[-1] > 600:
            raise MemoryError
        return real(*given)

    monkeypatch.setattr(heads, "head_inputs", head_inputs)
    monkeypatch.setattr(features, "head_inputs", head_inputs)
    report = Report(run)
    again = make_job(workspace, run, job.device, report)
    warm(again, report)
    assert asked[:3] == [2048, 1024, 512] and set(incidents(run)) == {"memory-read"}
    warm(job, report)
    assert torch.allclose(layer_of(again).weight, layer_of(job).weight, atol=5e-3)  # a fit ends where it is near enough


def test_a_step_of_features_costs_a_row_a_text(workspace):
    job, _ = head_job(workspace, batch_size=16)
    work, _ = planned_work(job, 2)
    assert work.tolist() == [16, 16]
