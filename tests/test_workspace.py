"""The workspace refuses what would lose something, and leaves nothing half done."""

import errno

import pytest

from fm_gui import plan, predict
from fm_gui import workspace as module
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from tests.data.added import added
from tests.train.jobs import toy_config
from tests.ui.runs_for_tests import make_run


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


# -- the bin


def refused(code, function, *args):
    with pytest.raises(UserError) as caught:
        function(*args)
    assert caught.value.code == code and caught.value.say("zh") != str(caught.value)


def small(workspace, name: str, text: str = "one"):
    return added(workspace, name, f"text\n{text} more text\nand two\n")


def test_what_is_deleted_comes_back_by_its_name_or_the_last_first(workspace):
    for number in range(3):
        small(workspace, "same", f"number {number}")
        workspace.delete_dataset("same")
    small(workspace, "other")
    workspace.delete_dataset("other")
    assert [(one.kind, one.name) for one in workspace.bin()] == [("datasets", "other")] + [("datasets", "same")] * 3
    assert workspace.restore("same") == "same" and Dataset(workspace, "same").column("text")[0] == "number 2 more text"
    refused("bin-taken", workspace.restore, "datasets.same")
    oldest = workspace.bin()[-1]
    workspace.delete_dataset("same")
    assert workspace.restore(oldest.path.name) == "same" and Dataset(workspace, "same").column("text")[0] == "number 0 more text"
    refused("bin-unknown", workspace.restore, "banana")
    refused("bin-unknown", workspace.restore, "../datasets/same")


def test_a_run_and_a_data_set_of_one_name_are_told_apart(workspace):
    small(workspace, "same")
    workspace.delete_dataset("same")
    make_run(workspace, "same", "done")
    workspace.delete_run("same")
    assert workspace.restore("datasets.same") == "same" and workspace.runs() == []
    assert workspace.undo_delete() == "same" and [run.id for run in workspace.runs()] == ["same"]
    refused("bin-empty", workspace.undo_delete)


def test_the_id_of_a_deleted_run_is_not_given_again(workspace):
    first = make_run(workspace, "", "done")
    workspace.delete_run(first.id)
    second = make_run(workspace, "", "done")
    assert (first.id, second.id) == ("reviews-1", "reviews-2") and workspace.undo_delete() == "reviews-1"


def test_an_emptied_bin_is_empty(workspace):
    small(workspace, "one")
    workspace.delete_dataset("one")
    (workspace.root / "bin" / "a stray file").write_text("x", encoding="utf-8")
    assert len(workspace.bin()) == 1
    workspace.empty_bin()
    assert workspace.bin() == [] and list((workspace.root / "bin").iterdir()) == [] and list((workspace.root / "cache").iterdir()) == []
    refused("bin-empty", workspace.undo_delete)


# -- what cannot be read, and long names


def test_what_cannot_be_read_does_not_hide_the_rest(workspace):
    small(workspace, "good")
    make_run(workspace, "good", "done")
    for kind, name in (("datasets", "dataset.json"), ("runs", "config.json")):
        for number, text in enumerate(("{", "[]", "{}", '{"name": 1}')):
            folder = workspace.root / kind / f"bad{number}"
            folder.mkdir()
            (folder / name).write_text(text, encoding="utf-8")
    assert [spec.name for spec in workspace.datasets()] == ["good"] and [run.id for run in workspace.runs()] == ["good"]
    refused("run-exists", make_run, workspace, "bad0")


def test_names_of_any_script_fit_the_disk(workspace):
    name = "数" * 64
    assert small(workspace, name).spec.name == name
    workspace.delete_dataset(name)
    assert workspace.restore(name) == name and make_run(workspace, name, "done").id == name
    refused("name", workspace.dataset_path, "𠀀" * 64)  # four bytes each: no folder can be called so


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
