"""`fm-gui preflight` and `train --preflight`: what was measured, in a terminal and for a script."""

import json

import pytest
import typer

from fm_gui.cli.preflight import put_preflight
from tests.test_cli import run_main
from tests.test_preflight import concluded, config  # noqa: F401 - a fixture


def test_what_fits_is_told_with_its_figures(capsys, workspace, config):  # noqa: F811
    put_preflight(workspace, concluded(workspace, config), as_json=False)
    said = capsys.readouterr()
    assert said.out.startswith("It fits.\n") and said.err == ""
    for piece in ("Time in all: 8 min 45 s to 10 min 35 s, most likely 9 min 37 s.", "Memory at most: 5.0 GB of 8.0 GB free.", "1,000 steps of 500 ms", "each check 4.0 s"):
        assert piece in said.out


def test_what_does_not_fit_ends_with_1_and_the_words_that_change_it(capsys, workspace, config):  # noqa: F811
    with pytest.raises(typer.Exit) as ended:
        put_preflight(workspace, concluded(workspace, config, available_memory=3 * 10**9), as_json=False)
    out = capsys.readouterr().out
    assert ended.value.exit_code == 1 and out.startswith("It will not fit.\n")
    assert "--set micro_batch_size=16" in out and "--set activation_checkpointing=True" in out


def test_json_has_the_advice_as_code_sentence_and_settings(capsys, workspace, config):  # noqa: F811
    with pytest.raises(typer.Exit):
        put_preflight(workspace, concluded(workspace, config, available_memory=3 * 10**9), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["fits"] is False and told["hits"] == {"time": 0, "memory": 0, "count": 0}
    assert told["advice"][0]["settings"] == {"micro_batch_size": 16} and "16 rows" in told["advice"][0]["sentence"]


def test_a_wrong_setting_is_refused_before_anything_is_measured(capsys, workspace, config):  # noqa: F811
    code, _, said = run_main(capsys, "preflight", "--data", "text-classification", "--set", "speed=1", "--workspace", str(workspace.root))
    assert code == 2 and "no setting named “speed”" in said


@pytest.mark.timeout(300)
def test_train_measures_first_when_asked(capsys, workspace, config):  # noqa: F811
    words = ("--data", "text-classification", "--task", "text-classification", "--model", "bert:1m", "--set", "max_steps=5", "--set", "device=cpu")
    code, out, said = run_main(capsys, "train", *words, "--preflight", "--no-start", "--name", "fits", "--workspace", str(workspace.root))
    assert code == 0 and "It fits." in said and "taking real steps ..." in said
    assert [run.id for run in workspace.runs()] == ["fits"] and out.strip() == "fits"
