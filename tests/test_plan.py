"""What is decided before a run starts: how long, how often it is checked, and what cannot be learned at all."""

import math

import pytest

from fm_gui import demo, plan
from fm_gui.config import TrainSettings
from fm_gui.data import prepare
from fm_gui.data.adding import add_dataset
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.ui import security

ASKED = {"task": "causal-lm", "start": "scratch", "architecture": "nanochat", "size": "1m"}


def seconds_of(train: TrainSettings, step: float, check: float) -> tuple[int, float, int]:
    """(steps, seconds that they and their checks take, checks) of a run by time."""
    steps = plan.fitting_steps(train, step, check, 10**9)
    checks = plan.checks_of(steps, plan.check_every(train, steps, 100, step, check))
    return steps, steps * step + checks * check, checks


@pytest.mark.parametrize("check", [0.0, 0.5, 2.0, 5.0, 15.0, 60.0])
def test_a_time_budget_is_kept_and_mostly_spent_on_steps(check):
    train = TrainSettings(minutes=5.0)
    steps, seconds, checks = seconds_of(train, 1.0, check)
    assert seconds <= 300 + 2 * check and steps >= 150
    between = math.ceil(steps / plan.CHECKS)
    if check > plan.CHECK_SHARE * between:  # a check costs more than a few steps: there are fewer of them
        assert checks < plan.CHECKS and (checks - 2) * check <= plan.CHECK_SHARE * steps * 1.0
    else:
        assert checks >= plan.CHECKS


def test_only_a_run_by_time_is_checked_by_the_clock():
    assert plan.check_every(TrainSettings(), 120, 10, step=1.0, check=1000.0) == 10
    assert plan.check_every(TrainSettings(minutes=1, eval_every=3), 120, 10, step=1.0, check=1000.0) == 3


def text_file(tmp_path, lines: int, line: str = "The fox went over the hill to see what it could see."):
    file = tmp_path / "poem.txt"
    file.write_text("\n".join(f"{line} {i}" for i in range(lines)) + "\n", encoding="utf-8")
    return file


def refused(code: str, act, *args, **kwargs) -> UserError:
    with pytest.raises(UserError) as problem:
        act(*args, **kwargs)
    assert problem.value.code == code
    return problem.value


def test_text_too_short_for_a_tokenizer_is_refused_before_there_is_a_run(workspace, tmp_path):
    add_dataset(workspace, [text_file(tmp_path, 12, "ab")], name="poem", roles={"text": "text"})
    refused("tokenizer-text", plan.make_config, workspace, data="poem", **ASKED)


def test_text_too_short_for_a_context_is_refused_before_there_is_a_run(workspace, tmp_path):
    add_dataset(workspace, [text_file(tmp_path, 12)], name="poem")
    config = plan.make_config(workspace, data="poem", **ASKED)
    for start in (plan.start, plan.make):
        assert refused("text-too-short", start, workspace, config).values["needed"] == 512
    assert not workspace.runs()
    short = plan.make_config(workspace, data="poem", options={"context": 16}, **ASKED)
    assert plan.make(workspace, short).status().state == "stopped"


@pytest.mark.parametrize("reached", [True, False])
def test_a_page_that_others_reach_opens_no_folder_outside_the_workspace(workspace, tmp_path, monkeypatch, reached):
    monkeypatch.setenv(demo.REACHED, "1" if reached else "")
    (workspace.root / "models").mkdir()
    (workspace.root / "way-out").symlink_to(tmp_path)
    outside = [tmp_path, tmp_path / "not there", workspace.root / "models/../..", workspace.root / "way-out"]
    for folder in outside:
        if reached:  # what is there and what is not get the same answer
            refused("folder-outside", demo.check_folder, f"folder:{folder}", workspace.root)
        else:
            demo.check_folder(f"folder:{folder}", workspace.root)
    demo.check_folder(f"folder:{workspace.root}/models", workspace.root)
    demo.check_folder("minilm", workspace.root)


def test_who_reaches_a_page():
    assert not security.is_reached("127.0.0.1", "", "")
    assert security.is_reached("0.0.0.0", "", "") and security.is_reached("127.0.0.1", "https://example.org/fm", "") and security.is_reached("::1", "", "10.0.0.1")


def test_numbers_made_by_another_version_are_made_anew(workspace, tmp_path, monkeypatch):
    add_dataset(workspace, [text_file(tmp_path, 60)], name="poem")
    config = plan.make_config(workspace, data="poem", options={"context": 16}, **ASKED)
    monkeypatch.setattr(prepare, "RECIPE", 0)
    before = plan.plan(workspace, config)
    [done] = workspace.root.glob("cache/tokens/*/done.json")
    write_json(done, {"input_ids": "tokens"})  # as another version wrote it
    monkeypatch.undo()
    assert plan.plan(workspace, config) == before


def test_epochs_that_end_before_the_steps_allowed_are_told(workspace, tmp_path):
    add_dataset(workspace, [text_file(tmp_path, 600)], name="poem", roles={"text": "text"})

    def warned(**train) -> list[dict]:
        config = plan.make_config(workspace, data="poem", **ASKED, options={"context": 64}, train=train)
        return [values for key, values in plan.plan(workspace, config).warnings if key == "outlook.epochs-end"]

    (values,) = warned(epochs=1.0, max_steps=100_000)
    assert values["epochs"] == "1" and 0 < values["steps"] < values["asked"] == 100_000
    assert warned(epochs=1.0, max_steps=values["steps"]) == [] and warned(epochs=1.0) == []
