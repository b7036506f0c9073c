"""Checking and repairing a workspace: every fault is made for real, found, told in two languages, and repaired without a loss."""

import json
import os
import time

import numpy as np
import pytest
from safetensors.numpy import save_file

from fm_gui import labelling, layout, upkeep
from fm_gui.config import StepSpec
from fm_gui.data import history
from fm_gui.data.dataset import Dataset
from fm_gui.data.tables import is_whole
from fm_gui.errors import UserError
from fm_gui.files import measured, read_json, write_json
from fm_gui.runs import Run
from tests.data.added import added
from tests.processes import program
from tests.test_cli import run_main
from tests.ui.runs_for_tests import append_event, make_run


@pytest.fixture
def reviews(workspace):
    return added(workspace, "reviews", "text,label\n" + "".join(f"Text Number {n},{'ab'[n % 2]}\n" for n in range(20)))


def again(data):
    return Dataset(data.workspace, data.spec.name)


def lower(data):
    return history.apply(again(data), [StepSpec(step="case", settings={"to": "lower"})])


def spoil(file, at=300):
    """Another byte in the middle of a file, as a failing disk leaves it; its length and times stay."""
    times = (file.stat().st_atime, file.stat().st_mtime)
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)
    os.utime(file, times)


def codes(workspace):
    found = upkeep.check(workspace)
    for finding in found:
        for lang in ("en", "zh"):
            assert finding.sentence(lang) and finding.fix(lang)
        assert json.dumps(finding.to_dict("zh")) and (workspace.root / finding.where).parent.exists()
    return sorted(finding.code for finding in found)


def mend(workspace):
    return [gone for _, gone in upkeep.repair(upkeep.check(workspace))]


def table(data, name=""):
    return data.path / "tables" / f"{name or data.spec.table}.arrow"


def seal(folder, **weights):
    """A folder as a save leaves it."""
    folder.mkdir(exist_ok=True)
    save_file({name: np.full(40, value, np.float32) for name, value in (weights or {"w": 1}).items()}, folder / "model.safetensors")
    write_json(folder / "state.json", {"step": 7})
    write_json(folder / "manifest.json", {name: measured(folder / name) for name in ("model.safetensors", "state.json")})


@pytest.fixture
def run(workspace, reviews):
    run = make_run(workspace, "first", "stopped")
    write_json(run.path / "config.json", read_json(run.path / "config.json") | {"data": reviews.spec.model_dump(mode="json")})
    (run.path / "process.json").unlink()
    for name in ("checkpoint", "checkpoint.previous", "best", "model"):
        seal(run.path / name)
    return run


def test_nothing_is_found_where_nothing_is_wrong(workspace, reviews, run):
    lower(reviews)
    labelling.give(again(reviews), 1, "b")
    (workspace.root / ".venv").mkdir()  # a person's own hidden things
    (workspace.root / "datasets" / ".DS_Store").write_text("x", encoding="utf-8")
    assert upkeep.check(workspace) == []
    assert upkeep.sizes(workspace)["datasets"] == sum(f.stat().st_size for f in (workspace.root / "datasets").rglob("*") if f.is_file())


# -- data sets


def test_rows_in_use_are_read_again_from_the_kept_file(workspace, reviews):
    before = table(reviews).read_bytes()
    spoil(table(reviews))
    assert codes(workspace) == ["data-rows"] and mend(workspace) == [True] and upkeep.check(workspace) == []
    assert table(reviews).read_bytes() == before
    table(reviews).unlink()
    with pytest.raises(UserError, match="check --repair"):
        again(reviews).page(0, 1)
    assert codes(workspace) == ["data-rows"] and mend(workspace) == [True] and table(reviews).read_bytes() == before


def test_rows_in_use_are_made_again_by_the_steps(workspace, reviews):
    changed = lower(reviews)
    before = table(changed).read_bytes()
    table(changed).write_bytes(before[:-500])
    assert codes(workspace) == ["data-rows"] and mend(workspace) == [True]
    assert table(changed).read_bytes() == before and again(changed).column("text")[1] == "text number 1"


def test_where_rows_cannot_be_made_again_the_version_before_is_used(workspace, reviews):
    """A step that gives something else by now: the very same rows are not to be had."""
    changed = lower(reviews)
    changed.spec.recipe[-1].settings = {"to": "upper"}
    changed.save()
    spoil(table(changed))
    assert mend(workspace) == [True] and upkeep.check(workspace) == []
    back = again(changed)
    assert back.spec.recipe == [] and back.column("text")[1] == "Text Number 1" and len(back.spec.undone) == 1
    assert table(changed).with_name(f"{changed.spec.table}.arrow.damaged").exists()
    assert history.redo(back).column("text")[1] == "TEXT NUMBER 1"


def test_a_data_set_that_cannot_be_saved_goes_to_the_bin(workspace, reviews):
    for file in (reviews.path / "files" / "train").iterdir():
        file.unlink()
    spoil(table(reviews))
    assert codes(workspace) == ["data-rows"] and mend(workspace) == [True] and upkeep.check(workspace) == []
    assert workspace.datasets() == [] and [deleted.name for deleted in workspace.bin()] == ["reviews"]
    workspace.restore("reviews")
    assert codes(workspace) == ["data-rows"]


def test_the_original_and_an_old_version(workspace, reviews):
    old = lower(reviews).spec.table
    history.apply(again(reviews), [StepSpec(step="case", settings={"to": "upper"})])
    whole = {name: table(reviews, name).read_bytes() for name in (reviews.spec.original, old)}
    for name in whole:
        spoil(table(reviews, name))
    assert codes(workspace) == ["data-original", "data-version"] and mend(workspace) == [True, True]
    assert upkeep.check(workspace) == [] and all(table(reviews, name).read_bytes() == was for name, was in whole.items())


def test_an_original_that_is_lost_is_told_and_left(workspace, reviews):
    changed = lower(reviews)
    for file in (reviews.path / "files" / "train").iterdir():
        file.unlink()
    spoil(table(reviews, changed.spec.original))
    assert codes(workspace) == ["data-original"] and mend(workspace) == [False] and codes(workspace) == ["data-original"]
    assert again(reviews).column("text")[1] == "text number 1"  # it goes on working


def test_rows_that_a_run_needs(workspace, reviews, run):
    """The data set itself does not know the step any more: only the run does."""
    trained_on = lower(reviews)
    write_json(run.path / "config.json", read_json(run.path / "config.json") | {"data": trained_on.spec.model_dump(mode="json")})
    file = table(trained_on)
    other = history.apply(history.undo(again(reviews)), [StepSpec(step="case", settings={"to": "upper"})])
    before = file.read_bytes()
    assert [step.settings for step in other.spec.recipe] == [{"to": "upper"}] and other.spec.undone == []
    file.unlink()
    assert codes(workspace) == ["data-run-rows", "run-data-gone"]
    assert mend(workspace) == [True] and upkeep.check(workspace) == [] and file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "reviews"}', None])
def test_rows_without_their_description_become_a_data_set_again(workspace, reviews, text):
    changed = lower(reviews)
    labelling.give(changed, 2, "new")
    (reviews.path / "dataset.json").unlink() if text is None else (reviews.path / "dataset.json").write_text(text, encoding="utf-8")
    assert workspace.datasets() == [] and codes(workspace) == ["data-unknown"]
    assert mend(workspace) == [True] and upkeep.check(workspace) == []
    back = again(reviews)
    assert back.column("text")[1] == "text number 1" and back.spec.roles.keys() == {"text", "label"}
    assert list(labelling.answers(back).values()) == ["new"]
    assert [deleted.name for deleted in workspace.bin()] == ["reviews"] and len(os.listdir(workspace.bin()[0].path / "tables")) == 2


def test_half_a_data_set_goes_to_the_bin(workspace):
    (workspace.root / "datasets" / "half" / "tables").mkdir(parents=True)
    (workspace.root / "datasets" / "half" / "tables" / "0123456789abcdef.arrow").write_bytes(b"ARROW1")
    assert codes(workspace) == ["data-lost"] and mend(workspace) == [True] and upkeep.check(workspace) == []
    assert [deleted.name for deleted in workspace.bin()] == ["half"]


def test_a_table_knows_whether_it_is_whole(reviews, tmp_path):
    assert is_whole(table(reviews)) and not is_whole(tmp_path / "gone.arrow")
    spoil(table(reviews), -1)
    assert not is_whole(table(reviews))


# -- runs


def test_files_of_a_run_that_cannot_be_read_are_put_aside(workspace, run):
    append_event(run, kind="phase", state="stopped")
    for name in ("status.json", "evaluation.json"):
        (run.path / name).write_text('{"state": "don', encoding="utf-8")
    assert codes(workspace) == ["run-file"] and mend(workspace) == [True] and upkeep.check(workspace) == []
    status = Run(run.path).status()
    assert status.state == "stopped" and status.step == 620 and (run.path / "evaluation.json.damaged").exists()


def test_a_done_run_stays_done(workspace, run):
    write_json(run.path / "model" / "config.json", {})
    append_event(run, kind="phase", state="done")
    (run.path / "status.json").write_text('{"state": "banana"}', encoding="utf-8")
    assert mend(workspace) == [True] and Run(run.path).status().state == "done"


def test_lines_that_cannot_be_read_are_put_aside(workspace, run):
    file, points = run.path / "metrics.jsonl", run.metrics()[0]
    lines = file.read_bytes().split(b"\n")
    lines[10:10] = [b'{"step": 3, "tr', b"\xff\x00\xfe", b"12"]
    file.write_bytes(b"\n".join(lines) + b'{"step": 621, "train/lo')  # the last one is only not whole yet
    assert codes(workspace) == ["run-lines"] and mend(workspace) == [True] and upkeep.check(workspace) == []
    assert Run(run.path).metrics()[0] == points
    assert (run.path / "metrics.jsonl.damaged").read_text(encoding="utf-8").splitlines()[0] == '{"step": 3, "tr'


def test_a_run_without_its_configuration_goes_to_the_bin(workspace, run):
    (run.path / "config.json").write_text("{}", encoding="utf-8")
    assert workspace.runs() == [] and codes(workspace) == ["run-unknown"] and mend(workspace) == [True]
    assert upkeep.check(workspace) == [] and workspace.restore("runs.first") == "first"


def test_a_damaged_checkpoint_gives_way_to_the_one_before(workspace, run):
    write_json(run.path / "checkpoint.previous" / "state.json", {"step": 5})
    seal(run.path / "checkpoint.previous", w=5)
    spoil(run.path / "checkpoint" / "model.safetensors", -20)
    assert codes(workspace) == ["run-checkpoint"] and mend(workspace) == [True] and upkeep.check(workspace) == []
    assert not (run.path / "checkpoint.previous").exists() and run.has_checkpoint
    spoil(run.path / "checkpoint" / "model.safetensors", -20)
    assert codes(workspace) == ["run-checkpoints"] and mend(workspace) == []


def test_damaged_weights_are_told(workspace, run):
    for name in ("best", "model"):
        spoil(run.path / name / "model.safetensors", -20)
    assert codes(workspace) == ["run-weights", "run-weights"]
    (run.path / "model" / "manifest.json").unlink()  # as an older fm_gui saved it, and cut off
    (run.path / "best" / "manifest.json").write_text("[1]", encoding="utf-8")
    assert codes(workspace) == ["run-weights"]
    weights = run.path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-30])
    assert codes(workspace) == ["run-weights", "run-weights"]


def test_a_save_that_was_cut_off_between_two_renames(workspace, run):
    """The weights that it had put aside are all there is: they come back, and are no leftover."""
    for name, aside in (("checkpoint", "checkpoint.previous"), ("best", ".best.old")):
        if (run.path / aside).exists():
            (run.path / name).rename(run.path / ".checkpoint.new")
        else:
            (run.path / name).rename(run.path / aside)
    assert codes(workspace) == ["leftovers", "run-half-saved"] and mend(workspace) == [True, True]
    assert upkeep.check(workspace) == [] and run.has_checkpoint and (run.path / "best" / "model.safetensors").exists()


def test_a_run_at_work_is_left_to_its_worker(workspace, run):
    status = read_json(run.path / "status.json")
    make_run(workspace, "busy", "training")  # kept alive by this process
    seal(workspace.run("busy").path / "checkpoint")
    spoil(workspace.run("busy").path / "checkpoint" / "model.safetensors", -20)
    (workspace.run("busy").path / "metrics.jsonl").write_text("{\n", encoding="utf-8")
    found = upkeep.check(workspace)
    assert [finding.code for finding in found] == ["run-lines"] and [gone for _, gone in upkeep.repair(found)] == [False]
    assert read_json(run.path / "status.json") == status


def test_a_run_whose_data_is_gone(workspace, reviews, run):
    from shutil import copytree, rmtree

    copytree(reviews.path, workspace.root / "bin" / "1.datasets.reviews")
    rmtree(reviews.path)
    assert codes(workspace) == ["run-data-binned"] and mend(workspace) == []
    workspace.empty_bin()
    assert codes(workspace) == ["run-data-gone"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_what_another_user_owns_is_not_taken_for_damaged(workspace, reviews, run):
    added(workspace, "other", "text\none more\nand two\n")
    closed = {reviews.path / "dataset.json": 0o600, run.path / "model": 0o700}
    ways = {path: 0o755 for path in workspace.root.parents if not path.stat().st_mode & 0o001}  # pytest's folders are root's alone
    before = {path: path.stat().st_mode & 0o7777 for path in closed | ways}
    for path, mode in (closed | ways).items():
        path.chmod(mode)
    os.seteuid(65_534)
    try:
        assert [spec.name for spec in workspace.datasets()] == ["other"] and [r.id for r in workspace.runs()] == ["first"]
        found = upkeep.check(workspace)
    finally:
        os.seteuid(0)
        for path, mode in before.items():
            path.chmod(mode)
    assert [(finding.code, finding.where, finding.act) for finding in found] == [("no-access", "datasets/reviews", None), ("no-access", "runs/first", None)]
    assert upkeep.check(workspace) == []


# -- leftovers


def halves(workspace, reviews):
    cache = workspace.root / "cache"
    for folder in ("adding-1", "emptying-2", "preflight-3", "restoring-4", "tokenizer-5.new"):
        (cache / folder).mkdir()
        (cache / folder / "x").write_bytes(b"x" * 1000)
    files = [cache / ".settings.json.0123abcd", reviews.path / ".dataset.json.0123abcd", table(reviews).with_name("." + "0" * 32), workspace.root / ".workspace.json.89abcdef"]
    for file in files:
        file.write_bytes(b"half")
    return [*(cache / name for name in ("adding-1", "emptying-2", "preflight-3", "restoring-4", "tokenizer-5.new")), *files]


def test_what_killed_programs_left_behind_is_cleared_away(workspace, reviews):
    made = halves(workspace, reviews)
    (workspace.root / "cache" / "preflight-abc.json").write_text("{}", encoding="utf-8")  # kept on purpose
    (workspace.root / ".env").write_text("x", encoding="utf-8")  # not ours
    [finding] = upkeep.check(workspace)
    assert finding.code == "leftovers" and finding.severity == "note" and finding.values["count"] == len(made) == 9
    assert mend(workspace) == [True] and upkeep.check(workspace) == [] and not any(path.exists() for path in made)
    assert (workspace.root / "cache" / "preflight-abc.json").exists() and (workspace.root / ".env").exists()


def test_what_others_may_be_building_is_left_alone(workspace, reviews):
    made = halves(workspace, reviews)
    with program(workspace.root):
        assert upkeep.check(workspace) == []
        old = time.time() - 2 * 86_400
        os.utime(made[0], (old, old))
        assert upkeep.check(workspace) == []  # what is in it is newer
        os.utime(made[0] / "x", (old, old))
        [finding] = upkeep.check(workspace)
        assert finding.values["count"] == 1 and finding.act() and not made[0].exists() and made[1].exists()
    assert len(upkeep.check(workspace)) == 1 and layout.opened(workspace.root) == []


# -- by command line


def test_check_and_repair_by_command_line(workspace, reviews, run, capsys):
    where = ("--workspace", str(workspace.root))
    assert run_main(capsys, "workspace", "check", *where)[:2] == (0, f"{workspace.root}: data sets 1 MB, runs 1 MB, cache 0 (made anew when deleted), bin 0\nNothing is damaged, nothing is left over.\n")
    spoil(table(reviews))
    spoil(run.path / "model" / "model.safetensors", -20)
    code, out, hint = run_main(capsys, "workspace", "check", *where)
    assert code == 1 and "the rows in use are missing or damaged" in out and "made again" in out and "--repair" in hint
    code, out, _ = run_main(capsys, "workspace", "check", "--repair", "--json", *where)
    told = json.loads(out)
    assert code == 1 and [(one["code"], one["done"]) for one in told["repaired"]] == [("data-rows", True)]
    assert [one["code"] for one in told["findings"]] == ["run-weights"] and told["bytes"]["runs"] > 0 and is_whole(table(reviews))


def test_the_bin_by_command_line(workspace, reviews, capsys):
    where = ("--workspace", str(workspace.root))
    workspace.delete_dataset("reviews")
    make_run(workspace, "reviews", "done")
    workspace.delete_run("reviews")
    told = json.loads(run_main(capsys, "workspace", "bin", "--json", *where)[1])
    assert [one["name"] for one in told] == ["runs.reviews", "datasets.reviews"] and all(one["bytes"] > 0 for one in told)
    assert "datasets.reviews" in run_main(capsys, "workspace", "bin", *where)[1]
    assert run_main(capsys, "workspace", "bin", "--restore", "datasets.reviews", *where)[0] == 0 and len(workspace.datasets()) == 1
    code, out, _ = run_main(capsys, "workspace", "bin", "--restore", "banana", "--json", *where)
    assert code == 2 and json.loads(out)["error"]["code"] == "bin-unknown"
    assert run_main(capsys, "workspace", "bin", "--empty", *where)[0] == 0 and workspace.bin() == []
    assert "empty" in run_main(capsys, "workspace", "bin", *where)[2]
