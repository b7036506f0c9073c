"""A model taken away: the zip is whole, gives nothing away, loads without us, answers the same, and its script runs."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from fm_gui import export, predict
from fm_gui.errors import UserError
from fm_gui.export import contents, export_zip, requirements, verify
from fm_gui.workspace import Workspace
from tests.trained import small_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return small_runs(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def packed(runs, tmp_path_factory):
    """The zip of the trained classifier, in a folder with a space and Chinese characters."""
    return export_zip(runs.run("sorter"), tmp_path_factory.mktemp("out") / "我的 model.zip")


def unpack(path, folder):
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        file.extractall(folder)
        return set(file.namelist())


def run_script(folder, *arguments):
    """predict.py in a fresh process that cannot find fm_gui, from another folder."""
    environment = dict(os.environ, HF_HUB_OFFLINE="1", PYTHONUTF8="1")
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "predict.py"), *arguments], capture_output=True, text=True, encoding="utf-8", env=environment, cwd=folder.parent
    )
    assert done.returncode == 0 and not done.stderr, done.stderr  # no bars, no warnings of the library: only the answers
    return done.stdout


def test_the_zip_holds_the_model_at_its_root_and_nothing_of_the_training(packed, tmp_path):
    names = unpack(packed, tmp_path / "model")
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md", "predict.py", "requirements.txt"} <= names
    assert not [name for name in names if "/" in name or name.endswith((".bin", ".pt", ".pkl", ".log", ".jsonl"))]


def test_the_zip_names_no_folder_of_this_machine(packed, runs, tmp_path):
    unpack(packed, tmp_path / "model")
    for file in (tmp_path / "model").iterdir():
        content = file.read_bytes()
        for place in (str(runs.root), runs.root.parent.name, sys.prefix):
            assert place.encode() not in content and json.dumps(place)[1:-1].encode() not in content, file.name


def test_origins_in_a_config_are_taken_out(runs, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"_name_or_path": "/home/ada/secret", "model_type": "bert"}), encoding="utf-8")
    assert json.loads(export._without_origin(path)) == {"model_type": "bert"}


def test_the_check_compares_held_out_rows(packed, runs):
    found = json.loads((runs.run("sorter").path / "export.json").read_text(encoding="utf-8"))
    assert found["texts"] == found["identical"] == 8 and found["held_out"] and found["difference"] <= 1e-5
    assert found["size"] == packed.stat().st_size


def test_the_check_notices_another_model(packed, runs):
    """The zip of one run does not pass as another's."""
    found = verify(runs.run("sorter-2"), packed)
    assert found["identical"] == 0 and found["difference"] > 1e-3


def test_a_zip_that_differs_is_not_kept(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(UserError) as told:
        export_zip(runs.run("sorter"), tmp_path / "model.zip")
    assert told.value.code == "export-differs" and not list(tmp_path.iterdir())


def test_the_classifiers_script_answers_as_try_does(packed, runs, tmp_path):
    unpack(packed, tmp_path / "model")
    text = "The lamp was awful, broken and late"
    shown = run_script(tmp_path / "model", text)
    answer = predict.load(runs.run("sorter"), "cpu").predict([{"text": text}])[0]
    label = shown.splitlines()[1].split()
    assert label[1] == answer["label"] == "complaint"
    assert float(label[0].rstrip("%")) == pytest.approx(100 * answer["scores"]["complaint"], abs=0.01)


def test_the_gap_fillers_script(runs, tmp_path):
    unpack(export_zip(runs.run("filler"), tmp_path / "m.zip"), tmp_path / "model")
    shown = run_script(tmp_path / "model", "The [MASK] was [MASK] today").splitlines()
    assert [line for line in shown if line.startswith(" gap")] == [" gap 1", " gap 2"] and len(shown) == 1 + 2 * 11


def test_the_writers_script_is_repeatable(runs, tmp_path):
    unpack(export_zip(runs.run("writer"), tmp_path / "m.zip"), tmp_path / "model")
    asked = ("The lamp", "--max-new-tokens", "12", "--temperature", "1.5", "--top-p", "0.9", "--seed")
    first, again, other = (run_script(tmp_path / "model", *asked, seed) for seed in ("3", "3", "4"))
    assert first == again != other and first.startswith("The lamp") and len(first) > len("The lamp\n")


def test_requirements_name_versions_that_an_index_has(runs):
    lines = requirements(runs.run("sorter")).splitlines()
    assert [line.split("==")[0] for line in lines] == ["torch", "transformers", "safetensors"] and not any("+" in line for line in lines)


def test_without_a_model_nothing_is_exported(runs, tmp_path):
    sorter = runs.run("sorter")
    run = Workspace(sorter.workspace_root).new_run(sorter.config, "empty")
    with pytest.raises(UserError) as told:
        export_zip(run, tmp_path / "m.zip")
    assert told.value.code == "run-no-model"


def test_a_place_that_cannot_be_written_is_told(runs, tmp_path):
    with pytest.raises(UserError) as told:
        export_zip(runs.run("filler"), tmp_path / "missing" / "m.zip")
    assert told.value.code == "export-folder" and str(tmp_path / "missing") in str(told.value)
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError) as told:
        export_zip(runs.run("filler"), tmp_path / "taken")
    assert told.value.code == "export-write" and "taken" in str(told.value)


def test_every_task_has_a_script(runs):
    from fm_gui.tasks import TASKS

    assert all((export.TEMPLATES / f"predict_{task.name}.py").exists() for task in TASKS)
    assert contents(runs.run("writer"))["predict.py"].startswith('"""Continue')
