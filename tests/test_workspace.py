"""The workspace refuses what would lose something, and leaves nothing half done."""

import errno

import pytest

from fm_gui import plan, predict
from fm_gui import workspace as module
from fm_gui.errors import UserError
from tests.train.jobs import toy_config


def test_a_full_disk_is_told_and_the_name_stays_free(workspace, monkeypatch):
    config = toy_config(workspace, "text-classification")

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(UserError, match="MB"):
        patched.setattr(module, "write_json", full)
        workspace.new_run(config, "mine")
    assert workspace.new_run(config, "mine").id == "mine"


def test_a_data_set_with_runs_is_not_deleted(workspace):
    workspace.new_run(toy_config(workspace, "text-classification"), "mine")
    with pytest.raises(UserError, match="mine"):
        workspace.delete_dataset("text-classification")
    assert [spec.name for spec in workspace.datasets()] == ["text-classification"]


def test_what_cannot_work_is_refused_before_there_is_a_run(workspace, tmp_path):
    for values, word in (({"device": "banana"}, "banana"), ({"device": "cuda:9"}, "cuda:9")):
        with pytest.raises(UserError, match=word):
            toy_config(workspace, "text-classification", **values)
    with pytest.raises(UserError, match="does-not-exist"):
        toy_config(workspace, "text-classification", start=f"folder:{tmp_path / 'does-not-exist'}")
    assert workspace.runs() == []


@pytest.mark.slow
def test_a_short_foundation_model_is_fine_tuned_and_a_broken_one_told(workspace):
    """Pretrained on 32 tokens, fine-tuned with every setting left alone; then its weights are cut off."""
    run = plan.start(workspace, toy_config(workspace, "masked-lm", architecture="bert", max_steps=2), "foundation")
    assert run.wait(400).state == "done", run.log_tail()
    toy_config(workspace, "text-classification")  # makes the data
    config = plan.make_config(workspace, task="text-classification", data="text-classification", start="run:foundation", train={"max_steps": 2})
    assert config.options["max_length"] == 32
    tuned = plan.start(workspace, config)
    assert tuned.wait(400).state == "done", tuned.log_tail()
    weights = tuned.path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(UserError, match=tuned.id):
        predict.load(tuned)
