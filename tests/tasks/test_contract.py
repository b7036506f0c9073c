"""Every task in TASKS, end to end on its toy rows: a real worker process, real files, a real reload."""

import json
import math
import subprocess
import sys
import zipfile

import pytest

from fm_gui import card, export, plan, predict
from fm_gui.evaluate import evaluate
from fm_gui.tasks import TASKS, Kind, get_task, offers
from tests.train.jobs import toy_config

IS_OF_KIND = {
    Kind.LABEL: lambda o: o["label"] in o["scores"] and sum(o["scores"].values()) == pytest.approx(1, abs=1e-4),
    Kind.STREAM: lambda o: isinstance(o, str),
    Kind.CANDIDATES: lambda o: len(o) == 1 and len(o[0]) == 10 and all(0 <= p <= 1 for _, p in o[0]),
}


@pytest.mark.parametrize("name", [task.name for task in TASKS])
def test_a_task_learns_saves_predicts_and_is_taken_away(workspace, name):
    task = get_task(name)
    config = toy_config(workspace, name, max_steps=2)
    ahead = plan.plan(workspace, config)
    assert ahead.steps == 2 and len(ahead.examples) == 3 and all(one["input"] and one["target"] for one in ahead.examples)
    assert config.data.name in ahead.command and "max_steps=2" in ahead.command

    run = plan.start(workspace, config)
    status = run.wait(400)
    assert status.state == "done", run.log_tail()
    assert status.step == status.steps == 2 and status.error is None
    states = [event["state"] for event in run.events()[0] if event["kind"] == "phase"]
    assert states == ["queued", "preparing", "training", "saving", "evaluating", "done"]
    losses = [point["train/loss"] for point in run.metrics()[0] if "train/loss" in point]
    assert len(losses) == 2 and all(map(math.isfinite, losses))

    text = "the [MASK] is good" if task.output is Kind.CANDIDATES else "the cat is good"
    (output,) = predict.load(run).predict([{"text": text}])
    assert IS_OF_KIND[task.output](output)

    stored = json.loads((run.path / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluate(run)["metrics"] == pytest.approx(stored["metrics"], rel=1e-6)
    assert task.metric in stored["metrics"] and stored["baselines"] and stored["part"] == "test"
    assert config.data.name in card.write_card(run).read_text(encoding="utf-8")

    out = export.export_zip(run, workspace.root / f"{name}.zip")
    folder = workspace.root / "taken away"
    zipfile.ZipFile(out).extractall(folder)
    done = subprocess.run([sys.executable, "predict.py", text], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def test_only_what_the_data_can_teach_is_offered_first(workspace):
    from tests.train.jobs import toy_data

    toy_data(workspace, "masked-lm")
    (spec,) = workspace.datasets()
    found = {task.name: missing for task, missing in offers(spec)}
    assert found == {"masked-lm": [], "causal-lm": [], "text-classification": ["label"]}
    assert [not missing for _, missing in offers(spec)] == [True, True, False]
