"""Back-ups and moves: cut off, continued, changed meanwhile, damaged, malicious; nothing is lost, nothing is half there."""

import json
import os
import shutil
import signal
import threading
import time
import zipfile

import pytest

from fm_gui import labelling, layout, moving, upkeep
from fm_gui.config import SplitSpec
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.files import measured, read_json, write_json
from fm_gui.moving import backup as module
from fm_gui.moving import copying
from fm_gui.workspace import Workspace
from tests.data.added import added
from tests.processes import mounted, program, python
from tests.test_cli import run_main
from tests.test_upkeep import seal, spoil
from tests.trained import small_runs
from tests.ui.runs_for_tests import append_points, make_run


def refused(code, function, *args, **more):
    with pytest.raises(UserError) as caught:
        function(*args, **more)
    assert caught.value.code == code and caught.value.say("zh") != str(caught.value)
    return str(caught.value)


@pytest.fixture
def full(workspace):
    """Two data sets, one labelled, a finished run, something in the bin, settings."""
    data = added(workspace, "reviews", "text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(20)))
    added(workspace, "评论", "text,label\n" + "".join(f"文本 {n},{'ab'[n % 2]}\n" for n in range(20)))
    added(workspace, "gone", "text\none more\nand two\n")
    workspace.delete_dataset("gone")
    labelling.give(data, 1, "b")
    run = make_run(workspace, "first", "done")
    write_json(run.path / "config.json", read_json(run.path / "config.json") | {"data": data.spec.model_dump(mode="json")})
    (run.path / "process.json").unlink()
    for name in ("checkpoint", "model"):
        seal(run.path / name)
    write_json(workspace.root / "settings.json", {"resume_at_start": True})
    (workspace.root / "cache" / "big").write_bytes(b"x" * 100_000)
    return workspace


def content(root, *folders):
    """Every file of the workspace that counts, and what is in it."""
    files = [path for folder in folders or ("datasets", "runs", "bin") for path in (root / folder).rglob("*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files if path.is_file()}


# -- back-ups


@pytest.mark.parametrize("name", ["back up 备份", "备 份.zip"])
def test_what_is_backed_up_comes_back(full, tmp_path, name):
    before = content(full.root, *module.BACKED_UP)
    shares = []
    at = moving.back_up(full, tmp_path / "new" / name, lambda share, piece: shares.append(share))
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1
    assert sorted(path.name for path in at.parent.iterdir()) == [name]  # nothing is left beside
    fresh = Workspace(tmp_path / "fresh")
    result = moving.restore(fresh, at)
    assert result.brought == ["settings.json", "datasets/reviews", "datasets/评论", "runs/first"] and not result.kept + result.damaged
    assert content(fresh.root, *module.BACKED_UP) == before and upkeep.check(fresh) == upkeep.check(full)
    assert read_json(fresh.root / "settings.json") == {"resume_at_start": True} and list((fresh.root / "cache").iterdir()) == []
    assert list(labelling.answers(Dataset(fresh, "reviews")).values()) == ["b"]


def test_what_is_there_is_left_alone(full, tmp_path):
    at = moving.back_up(full, tmp_path / "b.zip")
    full.delete_run("first")
    Dataset(full, "reviews").set_split(SplitSpec(test=0.3))
    before = content(full.root, "datasets")
    result = moving.restore(full, at)
    assert result.brought == ["runs/first"] and result.kept == ["settings.json", "datasets/reviews", "datasets/评论"]
    assert content(full.root, "datasets") == before


@pytest.mark.parametrize("name", ["b", "b.zip"])
def test_a_back_up_that_was_damaged_gives_what_is_whole(full, tmp_path, name):
    at = moving.back_up(full, tmp_path / name)
    weights = "runs/first/model/model.safetensors"
    if at.suffix:
        with zipfile.ZipFile(at) as archive:
            info = archive.getinfo(weights)
            start = info.header_offset + 30 + len(weights) + len(info.extra) + 40
        spoil(at, start)
    else:
        spoil(at / weights, 40)
        next((at / "datasets" / "reviews" / "tables").iterdir()).unlink()
    fresh = Workspace(tmp_path / "fresh")
    result = moving.restore(fresh, at)
    assert result.damaged == (["runs/first"] if at.suffix else ["datasets/reviews", "runs/first"])
    assert "datasets/评论" in result.brought and fresh.runs() == [] and list((fresh.root / "cache").iterdir()) == []


def test_what_is_no_back_up_is_refused(full, tmp_path):
    (tmp_path / "text.zip").write_text("hello", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    (tmp_path / "empty").mkdir()
    moving.back_up(full, tmp_path / "half")
    layout.note(tmp_path / "half", arriving="somewhere")
    for name in ("text.zip", "other.zip", "empty", "half", "missing", "missing.zip"):
        assert name in refused("backup-unknown", moving.restore, full, tmp_path / name)
    at = moving.back_up(full, tmp_path / "newer")
    write_json(at / "backup.json", read_json(at / "backup.json") | {"version": 9})
    refused("backup-newer", moving.restore, full, at)


EVIL = [
    {"../evil": {"": {"bytes": 4, "blake2b": ""}}}, {"datasets/../../evil": {"": {"bytes": 4}}}, {"cache/x": {"": {"bytes": 4}}},
    {"datasets/x": {"../../../evil": {"bytes": 4}}}, {"datasets/x": {"/tmp/evil": {"bytes": 4}}}, {"/evil": {"": {"bytes": 4}}},
    {"workspace.json": {"": {"bytes": 4}}}, {"locks/x": {"a": {"bytes": 4}}}, {"datasets/x": {"a": {"bytes": "4"}}}, {"datasets": {"a": {"bytes": 4}}},
]  # fmt: skip


@pytest.mark.parametrize("pieces", EVIL, ids=str)
def test_a_back_up_that_names_files_elsewhere_is_refused(workspace, tmp_path, pieces):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for piece, files in pieces.items():
            for name in files:
                archive.writestr(f"{piece}/{name}" if name else piece, "evil")
        archive.writestr("backup.json", json.dumps({"version": 1, "pieces": pieces}))
    before = sorted(tmp_path.rglob("*"))
    refused("backup-unknown", moving.restore, workspace, tmp_path / "evil.zip")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_old_back_up_is_raised_to_this_version(full, tmp_path):
    at = moving.back_up(full, tmp_path / "old")
    data = at / "datasets" / "reviews"
    spec = read_json(data / "dataset.json")
    os.rename(data / "tables" / f"{spec['table']}.arrow", data / "table.arrow")
    write_json(data / "dataset.json", {key: value for key, value in spec.items() if key not in ("original", "table")})
    known = read_json(at / "backup.json")
    known["pieces"]["datasets/reviews"] = module._measured(data)
    write_json(at / "backup.json", known | {"version": 0})
    fresh = Workspace(tmp_path / "fresh")
    assert "datasets/reviews" in moving.restore(fresh, at).brought
    assert Dataset(fresh, "reviews").spec.table == spec["table"] and Dataset(fresh, "reviews").page(0, 1)


def test_where_a_back_up_may_go(full, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x", encoding="utf-8")
    (tmp_path / "b.zip").write_text("x", encoding="utf-8")
    for name in ("full", "b.zip"):
        refused("copy-not-empty", moving.back_up, full, tmp_path / name)
    for place in (full.root, full.root / "b", full.root / "b.zip", full.root.parent):
        refused("copy-inside", moving.back_up, full, place)
    assert str(tmp_path / "b.zip") in refused("copy-failed", moving.back_up, full, tmp_path / "b.zip" / "x")
    assert (tmp_path / "b.zip").read_text(encoding="utf-8") == "x"
    at = moving.back_up(full, tmp_path / "b")
    refused("copy-not-empty", moving.back_up, full, at)  # an older back-up is not overwritten


def test_a_back_up_while_data_is_labelled_and_cleaned(full, tmp_path):
    """Whatever the moment, what is in it fits together."""
    stop, data = threading.Event(), Dataset(full, "reviews")

    def busy():
        number = 0
        while not stop.is_set():
            labelling.give(data, number % 20, "ab"[number % 2])
            number += 1

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for number in range(4):
            moving.back_up(full, tmp_path / f"b{number}.zip")
    finally:
        stop.set()
        thread.join()
    for number in range(4):
        fresh = Workspace(tmp_path / f"fresh{number}")
        assert moving.restore(fresh, tmp_path / f"b{number}.zip").damaged == []
        assert upkeep.check(fresh) == upkeep.check(full) and labelling.answers(Dataset(fresh, "reviews"))


def test_a_back_up_of_a_run_that_trains(full, tmp_path):
    """Its checkpoint is replaced and its curve grows meanwhile; what comes back is whole and can go on."""
    run, stop = make_run(full, "busy", "training", step=1), threading.Event()
    seal(run.path / "checkpoint")

    def train():
        step = 2
        while not stop.is_set():
            append_points(run.path / "metrics.jsonl", step, step + 4)
            seal(run.path / ".checkpoint.new", w=step)
            write_json(run.path / ".checkpoint.new" / "state.json", {"step": step + 4})
            write_json(run.path / ".checkpoint.new" / "manifest.json", {n: measured(run.path / ".checkpoint.new" / n) for n in ("state.json", "model.safetensors")})
            shutil.rmtree(run.path / "checkpoint.previous", ignore_errors=True)
            (run.path / "checkpoint").rename(run.path / "checkpoint.previous")
            (run.path / ".checkpoint.new").rename(run.path / "checkpoint")
            step += 5
            time.sleep(0.3)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for number in range(3):
            moving.back_up(full, tmp_path / f"b{number}")
    finally:
        stop.set()
        thread.join()
    for number in range(3):
        fresh = Workspace(tmp_path / f"fresh{number}")
        assert moving.restore(fresh, tmp_path / f"b{number}").damaged == []
        (fresh.root / "runs" / "busy" / "process.json").unlink()  # names this very process, which lives
        assert [finding.code for finding in upkeep.check(fresh)] == [finding.code for finding in upkeep.check(full)]
        back = fresh.run("busy")
        assert max(point["step"] for point in back.metrics()[0]) >= back.checkpoint_step > 0


def test_a_data_set_that_never_rests_is_copied_under_its_lock(full, tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(copying, "_same", lambda *given: tried.append(1) or len(tried) == copying.TRIES)
    held = []
    editing = Workspace.editing

    def watched(self, name):
        held.append((name, len(tried)))
        return editing(self, name)

    monkeypatch.setattr(Workspace, "editing", watched)
    assert copying.copy(full, "datasets/reviews", tmp_path / "there", tmp_path / "stage") and held == [("reviews", copying.TRIES - 1)]
    monkeypatch.setattr(copying, "_same", lambda *given: False)
    assert "reviews" in refused("copy-restless", copying.copy, full, "datasets/reviews", tmp_path / "other", tmp_path / "stage")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", ["b", "b.zip"])
def test_a_full_disk_is_told_and_a_smaller_back_up_still_fits(full, tmp_path, name):
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=2m") as small:
        (full.root / "runs" / "first" / "large.bin").write_bytes(os.urandom(4_000_000))
        assert "MB" in refused("disk-full", moving.back_up, full, small / name)
        (full.root / "runs" / "first" / "large.bin").unlink()
        at = moving.back_up(full, small / name)  # the same place again: what is there is gone on with
        assert moving.restore(Workspace(tmp_path / "fresh"), at).damaged == []


# -- moving


def test_a_workspace_is_moved_and_led_to(full, tmp_path):
    (full.root / "visitors" / "one" / "runs" / "r").mkdir(parents=True)
    (full.root / "visitors" / "one" / "runs" / "r" / "config.json").write_text("{}", encoding="utf-8")
    root, before = full.root, content(full.root)
    at = moving.move(full, tmp_path / "新 disk" / "工作 区")
    assert Workspace(root).root == at == Workspace(at).root and content(at) == before == content(root)
    assert (at / "visitors" / "one" / "runs" / "r" / "config.json").exists()
    assert [finding.code for finding in upkeep.check(Workspace(at))] == ["old-place"] and read_json(at / "settings.json")
    assert moving.remove_old(Workspace(root)) == root
    assert [path.name for path in root.iterdir()] == [layout.MARK] and upkeep.check(Workspace(root)) == [] and content(at) == before
    refused("move-nothing-old", moving.remove_old, Workspace(at))
    assert moving.move(Workspace(at), root) == root  # and back again
    assert Workspace(at).root == root == Workspace(root).root and content(root) == before
    assert Workspace(root).undo_delete() == "gone"


def test_a_move_waits_for_runs_and_other_programs(full, tmp_path):
    make_run(full, "busy", "training")
    assert "busy" in refused("move-runs", moving.move, full, tmp_path / "new")
    shutil.rmtree(full.run("busy").path)
    with program(full.root) as other:
        assert str(other.pid) in refused("workspace-open", moving.move, full, tmp_path / "new")
    assert not (tmp_path / "new").exists() and moving.move(full, tmp_path / "new").is_dir()


def test_nobody_opens_a_workspace_that_is_being_moved(full, tmp_path):
    code = "from fm_gui import layout; layout.PATIENCE = 0.1\nfrom fm_gui.workspace import Workspace\nimport sys\ntry: Workspace(sys.argv[1])\nexcept ValueError as problem: print(problem.code)"
    said = []

    def look(share, piece):
        if not said:
            other = python(code, full.root)
            said.append(other.communicate(timeout=60)[0].strip())

    moving.move(full, tmp_path / "new", look)
    assert said == ["workspace-busy"]


class Cut(BaseException):
    """The power fails."""


@pytest.mark.parametrize("at", [0, 3, 5, 9])
def test_a_move_that_was_cut_off_goes_on(full, tmp_path, at):
    """While it copies, and while it compares: the old place is the workspace until all is there."""
    before, seen = content(full.root), iter(range(100))

    def cut(share, piece):
        if next(seen) == at:
            raise Cut

    with pytest.raises(Cut):
        moving.move(full, tmp_path / "new", cut)
    assert Workspace(full.root).root == full.root and content(full.root) == before
    refused("workspace-arriving", Workspace, tmp_path / "new")
    refused("copy-not-empty", moving.back_up, Workspace(tmp_path / "other"), tmp_path / "new")
    full.delete_dataset("评论")  # life goes on
    Dataset(full, "reviews").set_split(SplitSpec(test=0.3))
    before = content(full.root)
    moving.move(full, tmp_path / "new")
    assert content(Workspace(full.root).root) == before and Workspace(full.root).root == tmp_path / "new"


@pytest.mark.parametrize("at", range(5))
def test_a_move_that_was_cut_off_at_the_switch(full, tmp_path, monkeypatch, at):
    """Killed before each of its notes is written: there is one workspace, all of it, and the same again ends it."""
    root, before, notes, note = full.root, content(full.root), iter(range(10)), layout.note

    def cut(*given, **changes):
        if next(notes) == at:
            raise Cut
        note(*given, **changes)

    with monkeypatch.context() as patched:
        patched.setattr(layout, "note", cut)
        if at < 4:
            with pytest.raises(Cut):
                moving.move(full, tmp_path / "new")
        else:
            moving.move(full, tmp_path / "new")
    now = Workspace(root)
    assert content(now.root) == before and now.root == (root if at < 3 else tmp_path / "new")
    moving.move(now, tmp_path / "new")
    assert Workspace(root).root == tmp_path / "new" == Workspace(tmp_path / "new").root and content(tmp_path / "new") == before
    assert layout.noted(tmp_path / "new", "arriving") is None


def test_a_killed_move_goes_on(full, tmp_path):
    """A real process, killed in the middle of copying."""
    before = content(full.root)
    code = "import sys, time; from pathlib import Path; from fm_gui import moving; from fm_gui.workspace import Workspace\ndef slow(share, piece): print(piece, flush=True); time.sleep(0.2)\nmoving.move(Workspace(sys.argv[1]), Path(sys.argv[2]), slow)"
    layout._lease(full.root).unlink()  # this test has it open too, but only looks on
    mover = python(code, full.root, tmp_path / "new")
    for _ in range(3):
        assert mover.stdout.readline()
    os.kill(mover.pid, signal.SIGKILL)
    mover.communicate()
    refused("workspace-arriving", Workspace, tmp_path / "new")
    assert content(full.root) == before and upkeep.check(Workspace(full.root)) == []
    moving.move(Workspace(full.root), tmp_path / "new")
    assert content(tmp_path / "new") == before and upkeep.check(Workspace(tmp_path / "new"))[0].code == "old-place"


def test_a_disk_that_writes_something_else_is_noticed(full, tmp_path):
    """Nothing is switched, and the piece is copied again the next time."""
    done = []

    def look(share, piece):
        if share > 0.5 and not done:
            done.append(spoil(next((tmp_path / "new" / "datasets" / "reviews" / "tables").iterdir())))

    assert "datasets/reviews" in refused("copy-differs", moving.move, full, tmp_path / "new", look)
    assert done and Workspace(full.root).root == full.root
    before = content(full.root)
    moving.move(full, tmp_path / "new")
    assert content(tmp_path / "new") == before


def test_a_disk_that_is_too_small_is_told_before(full, tmp_path):
    (full.root / "runs" / "first" / "large.bin").write_bytes(b"x" * 3_000_000)
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=2m") as small:
        assert "MB" in refused("disk-full", moving.move, full, small / "new")
        assert Workspace(full.root).root == full.root and sorted(path.name for path in (small / "new").iterdir()) == [layout.MARK]


def test_where_a_workspace_may_go(full, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x", encoding="utf-8")
    refused("copy-not-empty", moving.move, full, tmp_path / "full")
    for place in (full.root, full.root / "new", full.root.parent):
        refused("copy-inside", moving.move, full, place)


@pytest.mark.slow
def test_real_runs_pass_and_work_elsewhere(tmp_path_factory, tmp_path):
    """What a worker leaves is all that check expects; backed up, moved and led to, the model says the same."""
    from fm_gui import predict

    def answers(space):
        return list(predict.load(space.run("sorter")).predict([{"text": "The lamp was broken and slow"}, {"text": "lovely and great"}]))

    workspace = small_runs(tmp_path_factory.getbasetemp())
    assert upkeep.check(workspace) == []
    fresh = Workspace(tmp_path / "fresh")
    assert "runs/sorter" in moving.restore(fresh, moving.back_up(workspace, tmp_path / "b.zip")).brought
    moving.move(fresh, tmp_path / "新")
    assert [finding.code for finding in upkeep.check(Workspace(fresh.root))] == ["old-place"]
    assert answers(Workspace(fresh.root)) == answers(workspace)
    weights = tmp_path / "新" / "runs" / "sorter" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    found = [finding for finding in upkeep.check(Workspace(fresh.root)) if finding.code != "old-place"]
    assert [(finding.code, finding.where) for finding in found] == [("run-weights", "runs/sorter/model")]


def test_by_command_line(full, tmp_path, capsys):
    where = ("--workspace", str(full.root))
    at = str(tmp_path / "b.zip")
    assert json.loads(run_main(capsys, "workspace", "backup", at, "--json", *where)[1]) == {"path": at}
    full.delete_run("first")
    code, out, _ = run_main(capsys, "workspace", "restore", at, *where)
    assert code == 0 and "Brought back: 1." in out and "datasets/reviews" in out
    assert run_main(capsys, "workspace", "move", *where)[0] == 2
    assert run_main(capsys, "workspace", "restore", str(tmp_path), *where)[0] == 2
    code, out, hint = run_main(capsys, "workspace", "move", str(tmp_path / "new"), *where)
    assert code == 0 and str(tmp_path / "new") in out and "--remove-old" in hint
    told = json.loads(run_main(capsys, "workspace", "move", "--remove-old", "--json", *where)[1])
    assert told == {"path": str(tmp_path / "new"), "removed": str(full.root)}
    assert run_main(capsys, "workspace", "check", *where)[0] == 0
