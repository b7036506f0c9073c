"""Small forms of a classifier: the same answers from ONNX Runtime, padding or not, figures that can be found again, zip and commands."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from fm_gui import predict, small, small_export
from fm_gui.cli.base import LANG
from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.workspace import Workspace
from tests.test_cli import run_main
from tests.trained import newborn, small_runs

TEXTS = ["late", "The lamp was awful, broken and late", "The very long coat " * 30 + "is lovely", "where and how?", ""]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return small_runs(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def int8(runs):
    return small.load(runs.run("sorter"), "int8")


@pytest.fixture(scope="module")
def modern(runs, tmp_path_factory):
    """A newborn ModernBERT, in a copy of the workspace: the shared one stays as it is."""
    folder = tmp_path_factory.mktemp("modern") / "runs"
    shutil.copytree(runs.root, folder)
    return newborn(Workspace(folder), "text-classification", "modernbert", "modern")


def as_rows(answers: list[dict]) -> np.ndarray:
    return np.array([[answer["scores"][name] for name in sorted(answer["scores"])] for answer in answers])


def same_as_torch(run: Run) -> None:
    inputs = [{"text": text} for text in TEXTS]
    form = small.load(run, "onnx")
    together, alone = form.predict(inputs), [form.predict([one])[0] for one in inputs]
    assert np.abs(as_rows(together) - as_rows(predict.load(run, "cpu").predict(inputs))).max() < 1e-5
    assert np.abs(as_rows(together) - as_rows(alone)).max() < 1e-5  # a padded row answers as an unpadded one
    assert [one["label"] for one in together] == [one["label"] for one in predict.load(run, "cpu").predict(inputs)]


def test_onnx_answers_as_torch_does_with_padding(runs):
    same_as_torch(runs.run("sorter"))
    found = small.figures(runs.run("sorter"), "onnx")
    assert found["same"] == found["rows"] > 0 and found["lost"] == 0


def test_a_modernbert_too(modern):
    same_as_torch(modern)


def test_padding_does_not_change_an_int8_label(int8):
    inputs = [{"text": text} for text in TEXTS]
    assert [one["label"] for one in int8.predict(inputs)] == [int8.predict([one])[0]["label"] for one in inputs]


def test_the_figures_are_those_one_finds_again(runs, int8):
    run = runs.run("sorter")
    found, again = small.figures(run, "int8"), small.measure(run, predict.load(run, "cpu"), int8)
    for name in ("rows", "same", "metric", "lost"):
        assert found[name] == again[name], name
    for side in ("whole", "small"):
        assert found[side]["macro_f1"] == again[side]["macro_f1"] and found[side]["accuracy"] == again[side]["accuracy"] and found[side]["texts_per_second"] > 0
    assert found["small_bytes"] < found["whole_bytes"] / 2
    assert found["whole"]["macro_f1"] == pytest.approx(run.evaluation()["metrics"]["macro_f1"], abs=1e-6)


def test_a_form_is_kept_until_the_weights_change(modern):
    path = small.make(modern, "int8") / "model.onnx"
    made = path.stat().st_mtime_ns
    assert small.make(modern, "int8") / "model.onnx" == path and path.stat().st_mtime_ns == made
    (modern.path / "model" / "model.safetensors").touch()
    small.make(modern, "int8")
    assert path.stat().st_mtime_ns != made
    assert not [one for one in path.parent.parent.iterdir() if one.name.startswith(".")]


def test_what_is_lost_is_said():
    side = {"accuracy": 0.9, "macro_f1": 0.9, "texts_per_second": 10.0}
    figures = {"form": "int8", "rows": 100, "same": 97, "metric": "macro_f1", "lost": 1.2, "whole": side, "small": side, "whole_bytes": 9e7, "small_bytes": 3e7}
    assert "It loses 1.2 points of Macro-F1" in small_export.told(figures, "en")[2]
    assert "loses" not in small_export.told(figures | {"lost": 0.4}, "en")[2]
    heads, rows, sentence = small_export.told({"form": "int8", "rows": 0, "whole_bytes": 9e7, "small_bytes": 3e7}, "zh")
    assert len(rows) == 1 and "没有测量" in sentence


def test_the_zip_needs_onnx_runtime_alone(runs, tmp_path, capsys):
    out = tmp_path / "small.zip"
    code, shown, _ = run_main(capsys, "export", "sorter", str(out), "--as", "int8", "--workspace", str(runs.root))
    assert code == 0 and "Macro-F1" in shown
    with zipfile.ZipFile(out) as file:
        assert {"model.onnx", "tokenizer.json", "predict.py", "requirements.txt", "README.md"} <= set(file.namelist())
        assert not [name for name in file.namelist() if name.endswith(".safetensors")]
        file.extractall(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert small_export.told(small.figures(runs.run("sorter"), "int8"), LANG)[2] in card and "from transformers" not in card
    assert "torch" not in (tmp_path / "m" / "requirements.txt").read_text(encoding="utf-8")
    (tmp_path / "lines.txt").write_text("The lamp was awful, broken and late\nlovely and perfect\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "m" / "predict.py"), "--lines", str(tmp_path / "lines.txt")], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["complaint", "praise"] and not done.stderr
    checked = json.loads((runs.run("sorter").path / "export.json").read_text(encoding="utf-8"))
    assert checked["form"] == "int8" and checked["identical"] == checked["texts"] == 8


def test_the_check_notices_another_form(runs, tmp_path):
    """The zip of one run does not pass as another's."""
    out = small_export.export_small(runs.run("sorter"), tmp_path / "a.zip", "onnx")
    found = small_export.verify(runs.run("sorter-2"), out, "onnx")
    assert found["identical"] == 0


def test_a_file_is_predicted_by_the_small_form(runs, int8, tmp_path, capsys):
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    with open(file, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([["message"], *([text] for text in TEXTS[:4])])
    code, *_ = run_main(capsys, "predict", "sorter", "--file", str(file), "--out", str(out), "--as", "int8", "--workspace", str(runs.root))
    assert code == 0
    with open(out, encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["prediction"] for row in rows] == [one["label"] for one in int8.predict([{"text": text} for text in TEXTS[:4]])]


def test_only_classifiers_have_one_and_only_these(runs, tmp_path, capsys):
    code, _, err = run_main(capsys, "export", "writer", str(tmp_path / "x.zip"), "--as", "int8", "--workspace", str(runs.root))
    assert code and "is not a classifier" in err and not list(tmp_path.iterdir())
    with pytest.raises(UserError) as told:
        small.make(runs.run("sorter"), "int4")
    assert told.value.code == "small-form"
