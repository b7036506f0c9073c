"""The workspace's version, who has it open, and what is done one at a time: with real processes, some of them killed."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from fm_gui import layout
from fm_gui.config import SplitSpec
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.workspace import Workspace
from tests.data.added import added
from tests.processes import program, read_only
from tests.ui.runs_for_tests import make_run


def refused(code, function, *args, **more):
    with pytest.raises(UserError) as caught:
        function(*args, **more)
    assert caught.value.code == code and caught.value.say("zh") != str(caught.value)
    return str(caught.value)


def leases(root):
    return list((root / "locks" / "open").iterdir())


# -- version


@pytest.fixture
def old(workspace):
    """A workspace as it was before versions: one table a data set, a run that knows it by its fingerprint."""
    root = workspace.root
    data = added(workspace, "reviews", "text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(20)))
    run = make_run(workspace, "first", "done")
    spec = read_json(data.path / "dataset.json")
    os.rename(data.table_file, data.path / "table.arrow")
    (data.path / "tables").rmdir()
    new = ("original", "table", "recipe", "undone")
    write_json(data.path / "dataset.json", before := {key: value for key, value in spec.items() if key not in new})
    write_json(run.path / "config.json", read_json(run.path / "config.json") | {"data": before})
    (run.path / "process.json").unlink()
    shutil.rmtree(root / "locks")
    (root / layout.MARK).unlink()
    return root


def check_raised(root):
    data, run = Dataset(Workspace(root), "reviews"), Workspace(root).run("first")
    assert data.column("label")[:2] == ["a", "b"] and data.spec.rows == 20
    assert Dataset.has(Workspace(root), run.config.data) and run.config.data.table == data.spec.original
    assert hashlib.sha256(data.table_file.read_bytes()).hexdigest()[:16] == data.spec.table
    assert data.set_split(SplitSpec(test=0.2)).split.test == 0.2


def test_an_old_workspace_is_raised_to_this_version(old):
    assert layout.version_of(old) == 0
    Workspace(old)
    assert layout.version_of(old) == len(layout.STEPS) == 1
    check_raised(old)


@pytest.mark.parametrize("at", range(3))
def test_a_migration_that_was_cut_off_is_done_again(old, monkeypatch, at):
    """The power fails at the first, second, third file that it writes."""
    writes = iter(range(10))

    def cut(path, value, **more):
        if next(writes) == at:
            raise KeyboardInterrupt
        write_json(path, value, **more)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(layout, "write_json", cut)
        Workspace(old)
    assert layout.version_of(old) == 0
    check_raised(old)


def test_a_broken_data_set_does_not_stop_a_migration(old):
    (old / "datasets" / "bad").mkdir()
    (old / "datasets" / "bad" / "dataset.json").write_text("{", encoding="utf-8")
    (old / "runs" / "bad").mkdir()
    (old / "runs" / "bad" / "config.json").write_text("[]", encoding="utf-8")
    check_raised(old)
    assert (old / "datasets" / "bad" / "dataset.json").read_text(encoding="utf-8") == "{"


def test_a_newer_workspace_is_refused_and_left_alone(workspace):
    write_json(workspace.root / layout.MARK, {"version": 9})
    before = sorted(workspace.root.rglob("*"))
    assert "version 9" in refused("workspace-newer", Workspace, workspace.root)
    assert sorted(workspace.root.rglob("*")) == before


def test_a_mark_that_cannot_be_understood_is_told(workspace):
    for text in ("{", "[]", '{"version": "1"}'):
        (workspace.root / layout.MARK).write_text(text, encoding="utf-8")
        refused("workspace-mark", Workspace, workspace.root)
    (workspace.root / layout.MARK).unlink()  # the sentence says so
    assert Workspace(workspace.root).datasets() == []


def test_an_older_version_is_not_raised_while_a_program_has_it_open(workspace):
    with program(workspace.root) as other:
        write_json(workspace.root / layout.MARK, {"version": 0})
        own = layout._lease(workspace.root)
        own.unlink()  # as if this one had just started
        assert str(other.pid) in refused("workspace-open", Workspace, workspace.root)
        assert layout.version_of(workspace.root) == 0
    Workspace(workspace.root)
    assert layout.version_of(workspace.root) == 1


def test_an_older_version_is_not_raised_while_it_trains_a_run(old):
    """Programs from before there were leases."""
    run = old / "runs" / "first" / "process.json"
    with program(old.parent / "elsewhere") as other:
        import psutil

        write_json(run, {"pid": other.pid, "create_time": psutil.Process(other.pid).create_time()})
        assert str(other.pid) in refused("workspace-open", Workspace, old)
    check_raised(old)


# -- who has it open


def test_leases_of_the_dead_count_for_nothing_and_are_cleared_away(workspace):
    with program(workspace.root) as other:
        assert [lease["pid"] for lease in layout.opened(workspace.root)] == [other.pid]
        os.kill(other.pid, signal.SIGKILL)
        other.wait(30)
    assert layout.opened(workspace.root) == [] and len(layout.dead(workspace.root)) == 1
    with program(workspace.root):  # whoever opens it next
        assert layout.dead(workspace.root) == [] and len(leases(workspace.root)) == 2
    assert len(leases(workspace.root)) == 1  # that one ended as it should


def test_a_pid_that_is_used_again_is_another_process(workspace):
    """After a restart of the machine, or of a container, the same number is soon another program's."""
    with program(workspace.root) as other:
        lease = next(file for file in leases(workspace.root) if f".{other.pid}." in file.name)
        was = read_json(lease)
        boot, ticks = was["started"].split(" ")
        for started in (f"{boot} {int(ticks) + 1}", f"another-boot {ticks}"):
            write_json(lease, was | {"started": started})
            assert layout.opened(workspace.root) == []
        write_json(lease, was)
        assert len(layout.opened(workspace.root)) == 1


@pytest.mark.parametrize("elsewhere", [{"host": "another"}, {"space": "pid:[1]"}])
def test_a_process_that_cannot_be_seen_is_believed_for_a_week(workspace, elsewhere):
    """One of another machine on a network disk, or of a container of the same host name."""
    lease = workspace.root / "locks" / "open" / "another.json"
    write_json(lease, layout._self() | {"pid": 1, "started": ""} | elsewhere)
    assert len(layout.opened(workspace.root)) == 1
    os.utime(lease, (time.time() + 999_999, time.time() + 999_999))  # its clock is ahead
    assert len(layout.opened(workspace.root)) == 1
    os.utime(lease, (time.time() - layout.FAR - 1, time.time() - layout.FAR - 1))
    assert layout.opened(workspace.root) == [] and layout.dead(workspace.root) == [lease]


def test_an_open_page_writes_its_lease_anew_every_hour(workspace):
    lease = layout._lease(workspace.root)
    os.utime(lease, (time.time() - 7200, time.time() - 7200))
    Workspace(workspace.root)
    assert time.time() - lease.stat().st_mtime < 60
    assert socket.gethostname() in lease.name


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_containers_of_one_name_see_each_others_leases(workspace):
    """Both are called the same and their programs have the same pids."""
    inside = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c"]
    code = "import sys; from fm_gui import layout; from fm_gui.workspace import Workspace; w = Workspace(sys.argv[1]); print(len(layout.opened(w.root)), flush=True); sys.stdin.read()"
    processes = []
    try:
        for number in range(1, 3):
            one = subprocess.Popen([*inside, code, workspace.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            processes.append(one)
            said = one.stdout.readline()
            if not said and number == 1:
                pytest.skip(f"no namespaces here: {one.stderr.read().strip()[-200:]}")
            assert int(said) == number  # we, and the container before
        assert len(layout.opened(workspace.root)) == 2
    finally:
        for one in processes:
            one.communicate()


def test_a_workspace_that_cannot_be_written_can_be_looked_at(workspace):
    data = added(workspace, "reviews", "text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(20)))
    make_run(workspace, "first", "done")
    layout._lease(workspace.root).unlink()
    before = sorted(workspace.root.rglob("*"))
    with read_only(workspace.root):
        seen = Workspace(workspace.root)
        assert not seen.writable and [spec.name for spec in seen.datasets()] == ["reviews"]
        assert Dataset(seen, "reviews").page(0, 2)[1]["text"] == "text number 1" and len(Dataset(seen, "reviews").parts()["train"])
        assert [run.status().state for run in seen.runs()] == ["done"] and seen.bin() == []
        for change in (lambda: seen.delete_run("first"), lambda: seen.new_run(seen.run("first").config), seen.undo_delete, data.save):
            assert "read-only" in refused("workspace-read-only", change)
        assert "read-only" in refused("workspace-read-only", add_dataset, seen, [data.table_file])
    assert sorted(workspace.root.rglob("*")) == before


# -- one at a time


def test_what_is_done_alone_is_done_by_one_process(workspace, monkeypatch):
    monkeypatch.setattr(layout, "PATIENCE", 0.2)
    with program(workspace.root, "hold = workspace.changing(); hold.__enter__()"):
        refused("workspace-busy", make_run, workspace, "mine")
        assert workspace.runs() == []
    make_run(workspace, "mine")  # the other program ended, and its lock with it


def test_a_killed_program_holds_nobody_up(workspace):
    with program(workspace.root, "hold = workspace.editing('reviews'); hold.__enter__()") as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait(30)
        with workspace.editing("reviews"):
            pass


def test_a_thread_may_enter_again_and_another_waits(workspace):
    order = []

    def second():
        with workspace.changing():
            order.append("second")

    with workspace.changing():
        with workspace.changing():
            order.append("first")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append("still first")
    thread.join()
    assert order == ["first", "still first", "second"]


def test_a_lock_is_no_way_out_of_the_workspace(workspace):
    with pytest.raises(UserError, match="name"), workspace.editing("../../reviews"):
        pass


# -- moved


def test_who_opens_the_old_place_gets_the_new_one(workspace, tmp_path):
    added(workspace, "reviews", "text\none more text\nand two\n")
    new = tmp_path / "新 disk"
    workspace.root.rename(new)
    workspace.root.mkdir()
    layout.note(workspace.root, version=1, moved=str(new))
    assert Workspace(workspace.root).root == new and len(Workspace(workspace.root).datasets()) == 1
    gone = tmp_path / "unplugged"
    new.rename(gone)
    assert str(new) in refused("workspace-moved", Workspace, workspace.root)
    gone.rename(new)
    layout.note(new, moved=str(workspace.root))  # a circle, by hand
    refused("workspace-moved", Workspace, workspace.root)


def test_half_a_copy_is_no_workspace(tmp_path):
    (tmp_path / "half").mkdir()
    layout.note(tmp_path / "half", version=1, arriving=str(tmp_path / "whole"))
    assert str(tmp_path / "whole") in refused("workspace-arriving", Workspace, tmp_path / "half")
    assert json.loads((tmp_path / "half" / layout.MARK).read_text(encoding="utf-8"))["version"] == 1


def test_a_full_disk_turns_nobody_away(tmp_path):
    """Who wants to make room must be let in: list, delete, empty the bin, with not a byte free."""
    from fm_gui.data.samples import add_sample
    from tests.chaos.test_faults import fill, little_disk

    with little_disk(tmp_path / "disk", 8) as disk:
        add_sample(Workspace(disk / "ws"), "tickets")
        fill(disk)
        layout._lease(disk / "ws").unlink()  # as for a process that comes now
        fill(disk)
        workspace = Workspace(disk / "ws")
        assert [spec.name for spec in workspace.datasets()] == ["tickets"]
        workspace.delete_dataset("tickets")
        workspace.empty_bin()
        (disk / "filler").unlink()
        assert not workspace.datasets() and not workspace.bin()
