"""The command line: the same journey as the page, and a sentence instead of a traceback."""

import errno
import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fm_gui.cli import app, main
from fm_gui.cli.base import duration, language, pairs, plain
from fm_gui.cli.learn import arguments
from fm_gui.errors import UserError
from fm_gui.files import disk_full
from fm_gui.models.starts import read_start
from fm_gui.workspace import Workspace
from tests.ui.runs_for_tests import make_run

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "gradio", "transformers", "pandas", "pyarrow", "datasets", "sklearn", "numpy", "pydantic"}


def run_main(capsys, *words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of one command line, run here."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def fm_gui(*words: str, **environment: str) -> subprocess.CompletedProcess:
    """One command line in a process of its own, as a person runs it."""
    return subprocess.run(
        [sys.executable, "-m", "fm_gui", *words], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=os.environ | environment, timeout=280
    )


@pytest.fixture
def reviews(tmp_path):
    """60 rows, two clear classes, one column name in Chinese."""
    lines = ["评论,stars"]
    for i in range(30):
        lines += [f"I love this lamp number {i}, wonderful and bright,good", f"Terrible lamp number {i}, broken and dark,bad"]
    file = tmp_path / "my reviews.csv"
    file.write_text("\n".join(line.replace(", ", "; ") for line in lines) + "\n", encoding="utf-8")
    return file


# -- help


def test_help_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "fm_gui", "--help"], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & HEAVY
    assert "typer" in loaded  # the list is what it is taken for
    assert "doctor" in done.stdout


def commands():
    import typer

    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        inside = getattr(command, "commands", None)  # of a group, such as data
        yield from [([name, inner], one) for inner, one in inside.items()] if inside else [([name], command)]


@pytest.mark.parametrize(("verb", "command"), list(commands()), ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_every_verb_takes_a_workspace_and_has_help(verb, command):
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--workspace" in options
    assert "--json" in options or verb == ["worker"]
    assert command.help
    assert all(getattr(p, "help", None) for p in command.params if p.name != "help"), "every option is explained"


def test_the_issue_names_these_verbs():
    expected = {"demo", "data", "train", "runs", "status", "watch", "stop", "resume", "delete", "predict", "generate", "evaluate", "export", "doctor", "worker"}
    import typer

    assert expected <= typer.main.get_command(app).commands.keys()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "FM_GUI_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "FM_GUI_LANG": "en"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
    ],
)
def test_language_follows_the_locale(environment, expected):
    assert language(environment) == expected


def test_speaks_chinese(tmp_path):
    done = fm_gui("status", "没有", "--workspace", str(tmp_path), FM_GUI_LANG="zh")
    assert done.returncode == 2
    assert "没有名为“没有”的训练" in done.stderr
    assert "训练" in fm_gui("train", "--help", FM_GUI_LANG="zh").stdout


# -- small parts


def test_pairs():
    assert pairs(["text=Review text", "label = stars", "x=a=b"], "--map") == {"text": "Review text", "label": "stars", "x": "a=b"}
    with pytest.raises(UserError) as problem:
        pairs(["text"], "--map")
    assert problem.value.code == "cli-pair"


def test_control_characters_never_reach_the_terminal():
    assert plain("a\x1b[31mb\x07c\r") == "a\ufffd[31mb\ufffdc\ufffd"
    assert plain("两\tlines\n") == "两\tlines\n"


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (250, "4 min 10 s"), (7500, "2 h 5 min")])
def test_duration(seconds, expected):
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("minilm", ("minilm", "", "")),
        ("run:poet-3", ("run:poet-3", "", "")),
        ("hub:org/name", ("hub:org/name", "", "")),
        ("org/name", ("hub:org/name", "", "")),
        ("modernbert:5m", ("scratch", "modernbert", "5m")),
        ("nanochat:1m", ("scratch", "nanochat", "1m")),
        ("gpt2", ("scratch", "gpt2", "")),
        ("scratch", ("scratch", "", "")),
        ("scratch:12m", ("scratch", "", "12m")),
        ("bert-base-uncased", ("hub:bert-base-uncased", "", "")),
        ("hub:gpt2", ("hub:gpt2", "", "")),
        ("", ("", "", "")),
    ],
)
def test_what_to_start_from(workspace, typed, expected):
    assert read_start(workspace, typed) == read_start(workspace, typed, local=True) == expected


def test_a_folder_to_start_from(workspace, tmp_path, monkeypatch):
    folder = tmp_path / "my model"
    folder.mkdir()
    assert read_start(workspace, str(folder), local=True) == (f"folder:{folder}", "", "")
    assert read_start(workspace, f"folder:{folder}") == (f"folder:{folder}", "", "")
    monkeypatch.chdir(tmp_path)
    assert read_start(workspace, "my model", local=True) == (f"folder:{folder}", "", "")


def test_an_unknown_start_lists_the_known(workspace):
    with pytest.raises(UserError, match="minilm.*modernbert"):
        read_start(workspace, "bertt")


# -- mistakes


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status", "nothing"], "run-unknown"),
        (["delete", "../x"], "name"),
        (["data", "show", "nothing"], "dataset-unknown"),
        (["data", "add"], "cli-files-or-sample"),
        (["data", "add", "x.csv", "--sample", "tickets"], "cli-files-or-sample"),
        (["data", "add", "x.csv", "--map", "text"], "cli-pair"),
        (["train", "--data", "x", "--set", "learning_rate"], "cli-pair"),
        (["train", "--data", "x", "--task", "dance"], "task-unknown"),
        (["train", "--data", "x"], "dataset-unknown"),
        (["undo"], "bin-empty"),
        (["evaluate", "x", "--part", "all"], "setting-choice"),
        (["predict", "x", "text"], "run-unknown"),
    ],
    ids=lambda v: v if isinstance(v, str) else " ".join(v),
)
def test_a_mistake_is_one_sentence(capsys, workspace, words, code):
    exit_code, out, err = run_main(capsys, *words, "--workspace", str(workspace.root))
    assert (exit_code, out) == (2, "")
    assert err.strip() and "Traceback" not in err
    exit_code, out, err = run_main(capsys, *words, "--workspace", str(workspace.root), "--json")
    error = json.loads(out)["error"]
    assert (exit_code, error["code"]) == (2, code)
    assert error["sentence"]


def test_a_wrong_option_is_json_too(capsys):
    code, out, _ = run_main(capsys, "train", "--json")
    assert code == 2
    assert "--data" in json.loads(out)["error"]["sentence"]


def test_a_file_that_is_not_there(capsys, workspace, tmp_path):
    code, out, err = run_main(capsys, "data", "add", str(tmp_path / "none.csv"), "--workspace", str(workspace.root))
    assert (code, out) == (2, "")
    assert "none.csv" in err


def test_an_unknown_setting_lists_the_known_of_run_model_and_task(workspace):
    asked = {"task": "text-classification", "data": "x", "model": "minilm", "preset": "quick", "minutes": None}
    with pytest.raises(UserError) as problem:
        arguments(workspace, **asked, settings={"learningrate": "1"})
    assert problem.value.code == "setting-unknown"
    known = problem.value.values["known"].split(", ")
    assert {"learning_rate", "vocab_size", "minutes"} <= set(known)
    assert known == sorted(known)


def test_settings_go_where_they_belong(workspace):
    asked = arguments(
        workspace, task="causal-lm", data="x", model="nanochat:1m", preset="quick", minutes=None,
        settings={"learning_rate": "3e-5", "vocab_size": "800", "minutes": "2", "dropout": "none"},
    )
    assert asked["train"] == {"learning_rate": "3e-5", "dropout": None}
    assert (asked["vocab_size"], asked["minutes"], asked["architecture"], asked["size"]) == ("800", "2", "nanochat", "1m")


# -- data


def test_data_journey(capsys, workspace, reviews):
    space = ("--workspace", str(workspace.root))
    code, out, err = run_main(capsys, "data", "add", str(reviews), "--name", "lamps", "--map", "text=评论", "--map", "label=stars", *space)
    assert code == 0
    assert "lamps" in out and "60" in out
    assert f"fm-gui train --data lamps --wait --workspace {shlex.quote(str(workspace.root))}" in err  # a hint, beside the result
    code, out, _ = run_main(capsys, "data", "list", *space)
    assert "lamps" in out and "my reviews.csv" in out and "text-classification" in out
    code, out, _ = run_main(capsys, "data", "list", "--json", *space)
    assert [spec["name"] for spec in json.loads(out)] == ["lamps"]
    code, out, _ = run_main(capsys, "data", "show", "lamps", "--rows", "2", "--json", *space)
    shown = json.loads(out)
    assert shown["labels"] == {"good": 30, "bad": 30}
    assert sum(shown["parts"].values()) == 60
    assert [row["#"] for row in shown["first_rows"]] == [1, 2]
    code, out, _ = run_main(capsys, "data", "show", "lamps", *space)
    assert "wonderful" in out
    assert run_main(capsys, "data", "delete", "lamps", *space)[0] == 0
    assert workspace.datasets() == []
    assert run_main(capsys, "undo", *space)[0] == 0
    assert [spec.name for spec in workspace.datasets()] == ["lamps"]


def test_a_wide_table_is_not_cut_when_piped(capsys, workspace, tmp_path):
    file = tmp_path / "long.csv"
    text = "a long sentence " * 7
    file.write_text(f"text,label\n{text},yes\n{text}!,no\n{text}?,yes\n{text}.,no\n", encoding="utf-8")
    run_main(capsys, "data", "add", str(file), "--name", "long", "--workspace", str(workspace.root))
    assert text.strip() in run_main(capsys, "data", "show", "long", "--workspace", str(workspace.root))[1]


def test_the_default_workspace_need_not_be_named(capsys, workspace, reviews, monkeypatch):
    monkeypatch.setenv("FM_GUI_WORKSPACE", str(workspace.root))
    _, _, err = run_main(capsys, "data", "add", str(reviews), "--name", "lamps", "--map", "text=评论", "--map", "label=stars")
    assert err.rstrip().endswith("fm-gui train --data lamps --wait")


def test_a_full_disk_is_that_of_the_workspace(capsys, workspace, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Workspace, "undo_delete", full)
    monkeypatch.setenv("FM_GUI_WORKSPACE", str(tmp_path / "other"))
    for given in (("--workspace", str(workspace.root)), (f"--workspace={workspace.root}",)):
        code, _, err = run_main(capsys, "undo", *given)
        assert code == 2 and f"The disk that holds {workspace.root} is full" in err
    assert str(tmp_path / "other") in run_main(capsys, "undo")[2]
    inner = workspace.root / "cache" / "adding-1"
    assert disk_full(inner).values["path"] == str(workspace.root)  # its inner folders mean nothing to a person
    assert disk_full(tmp_path / "elsewhere").values["path"] == str(tmp_path / "elsewhere")


@pytest.mark.parametrize(("code", "hint"), [("text-too-short", False), ("out-of-memory", True)])
def test_going_on_is_offered_only_where_it_helps(capsys, workspace, code, hint):
    error = UserError(code, **({"name": "x", "tokens": 1, "needed": 2} if code == "text-too-short" else {}))
    make_run(workspace, "poet", state="failed", error=error.to_dict())
    _, out, err = run_main(capsys, "status", "poet", "--workspace", str(workspace.root))
    assert "poet" in out and str(error) in err
    assert (f"fm-gui resume poet --workspace {shlex.quote(str(workspace.root))}" in err) is hint and ("resume" in err) is hint


def test_an_export_to_no_folder_names_it(capsys, workspace, tmp_path):
    make_run(workspace, "poet", state="done")
    code, _, err = run_main(capsys, "export", "poet", str(tmp_path / "nodir" / "x.zip"), "--workspace", str(workspace.root))
    assert code == 2 and f"no folder {tmp_path / 'nodir'}" in err


def test_a_knob_where_there_is_none(capsys, workspace):
    make_run(workspace, "sorter", state="done")
    code, _, err = run_main(capsys, "predict", "sorter", "x", "--temperature", "1", "--workspace", str(workspace.root))
    assert code == 2 and "“temperature” cannot be set here" in err


# -- the whole journey, in real processes


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_journey(workspace, reviews, tmp_path):
    """Add, train, watch, evaluate, predict, export, delete: every verb as a person types it."""
    space = ("--workspace", str(workspace.root))

    def ask(*words: str):
        done = fm_gui(*words, "--json", *space)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    ask("data", "add", str(reviews), "--name", "lamps", "--map", "text=评论", "--map", "label=stars")
    quick = ("--preset", "quick", "--set", "max_steps=6", "--set", "early_stopping=false")
    train = ("train", "--task", "text-classification", "--data", "lamps", "--model", "bert:1m", *quick)
    planned = ask(*train, "--dry-run")
    assert planned["steps"] == 6
    assert len(planned["examples"]) == 3 and planned["examples"][0]["input"]
    assert workspace.runs() == []  # nothing was started
    assert ask(*train, "--name", "first")["run"] == "first"
    watched = fm_gui("watch", "first", "--json", *space)
    lines = [json.loads(line) for line in watched.stdout.splitlines()]
    assert lines[-1]["status"]["state"] == "done"
    assert [line["metrics"]["step"] for line in lines if "metrics" in line and "train/loss" in line["metrics"]][-1] == 6
    assert [run["run"] for run in ask("runs")] == ["first"]
    assert ask("status", "first")["step"] == 6
    assert fm_gui("resume", "first", *space).returncode == 2  # it is done

    evaluation = ask("evaluate", "first")
    assert 0 <= evaluation["metrics"]["accuracy"] <= 1 and evaluation["baselines"]
    assert "macro" in fm_gui("evaluate", "first", *space).stdout.lower()
    answers = ask("predict", "first", "a wonderful lamp", "broken")
    assert [answer["input"] for answer in answers] == ["a wonderful lamp", "broken"]
    assert answers[0]["output"]["label"] in ("good", "bad")
    assert sum(answers[0]["output"]["scores"].values()) == pytest.approx(1, abs=1e-4)
    written = ask("predict", "first", "--file", str(reviews), "--out", str(tmp_path / "out.csv"))["file"]
    assert len(Path(written).read_text(encoding="utf-8").splitlines()) == 61
    assert fm_gui("generate", "first", "--prompt", "x", *space).returncode == 2  # a classifier writes nothing
    assert fm_gui("predict", "first", "x", "--temperature", "1", *space).returncode == 2  # nor has it that knob
    with zipfile.ZipFile(ask("export", "first", str(tmp_path / "model.zip"))["file"]) as file:
        assert any(name.endswith("model.safetensors") for name in file.namelist())
    assert fm_gui("data", "delete", "lamps", *space).returncode == 2  # a run is judged by its rows
    ask("delete", "first")
    assert ask("runs") == []
    assert fm_gui("data", "delete", "lamps", *space).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_generate_streams(workspace, tmp_path):
    """A tiny generator: the text comes piece by piece, the same for the same seed, other for another."""
    space = ("--workspace", str(workspace.root))
    file = tmp_path / "poem.txt"
    file.write_text("\n".join(f"the {a} {b} over the {c} hill" for a in ("red", "old", "shy") for b in ("fox", "cow") for c in ("far", "near", "low") * 12), encoding="utf-8")
    assert fm_gui("data", "add", str(file), "--name", "poem", *space).returncode == 0
    done = fm_gui(
        "train", "--task", "causal-lm", "--data", "poem", "--model", "nanochat:1m", "--preset", "quick", "--set", "max_steps=4", "--name", "poet", "--wait", *space
    )
    assert done.returncode == 0, done.stderr
    assert "poet" in done.stdout

    def write(*knobs: str) -> str:
        done = fm_gui("generate", "poet", "--prompt", "the red", "--max-new-tokens", "12", *knobs, *space)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = write("--seed", "3", "--temperature=1.0")
    assert first.startswith("the red") or first.strip()
    assert write("--seed", "3", "--temperature=1.0") == first
    wrong = fm_gui("generate", "poet", "--prompt", "x", "--warmth", "1", *space)
    assert wrong.returncode == 2 and "temperature" in wrong.stderr  # lists what there is


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_that_a_plan_shows_makes_the_same_run(workspace, reviews):
    """What the page offers to copy is read back into the very configuration."""
    from fm_gui import plan
    from fm_gui.data.adding import add_dataset

    add_dataset(workspace, [reviews], name="lamps", roles={"text": "评论", "label": "stars"})
    config = plan.make_config(
        workspace, task="text-classification", data="lamps", start="scratch", architecture="modernbert", size="1m", vocab_size=100,
        preset="quick", minutes=None, train={"learning_rate": 3e-4, "seed": 7}, options={},
    )
    words = shlex.split(plan.plan(workspace, config).command)
    assert words[-2:] == ["--workspace", str(workspace.root)]  # it is not the default one
    words = words[words.index("train") :]
    done = fm_gui(*words, "--dry-run", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shlex.split(json.loads(done.stdout)["command"])[-len(words) + 1 :] == words[1:]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_demo():
    """From nothing to predictions on a sample."""
    done = fm_gui("demo", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert len(result["predictions"]) == 3
    guessing = max(b["value"] for b in result["evaluation"]["baselines"] if b["name"] == "guessing" and b["metric"] == "macro_f1")
    assert result["evaluation"]["metrics"]["macro_f1"] > guessing + 0.2
    assert not Path(result["workspace"]).exists()  # a demo leaves nothing behind


def test_doctor_names_the_machine(capsys, workspace):
    code, out, _ = run_main(capsys, "doctor", "--json", "--workspace", str(workspace.root))
    checks = json.loads(out)
    assert code == 0 and len(checks) >= 4
    assert all(check["state"] in ("good", "attention", "failed") and check["sentence"] for check in checks)


def test_importing_the_command_line_is_light():
    code = f"import sys, fm_gui.cli; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout.split() == []
