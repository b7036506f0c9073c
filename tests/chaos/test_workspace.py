"""Two people and more at once, programs killed in the middle of a change, a full disk, a clock that jumps: real processes.

After every kill the workspace opens, all that was there is there and whole, what is half is only a leftover, and the same
thing again works. ``--long`` kills ten times as often.
"""

import gc
import os
import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from fm_gui import labelling, processes, upkeep
from fm_gui import runs as runs_module
from fm_gui import workspace as workspace_module
from fm_gui.config import StepSpec
from fm_gui.data import history
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.runs import Run
from fm_gui.workspace import Workspace
from tests.data.added import added
from tests.processes import Acts, mounted, python
from tests.ui.runs_for_tests import make_run
from tests.ui.serving import serving

ROWS = 20_000
TABLE = "text,label\n" + "".join(f"Text Number {n} of many,{'ab'[n % 2]}\n" for n in range(ROWS))

ACTS = """
import os, sys
import pyarrow, pyarrow.csv
from fm_gui import labelling
from fm_gui.config import RunConfig, StepSpec
from fm_gui.data import history, manage
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.files import read_json
from fm_gui.workspace import Workspace

def adding(workspace):
    add_dataset(workspace, [workspace.root.parent / "more.csv"])

def cleaning(workspace):
    data = Dataset(workspace, "reviews")
    if data.spec.recipe:
        history.undo(data)
    else:
        history.apply(data, [StepSpec(step="case", settings={"to": "lower"})])

def labels(workspace):
    data = Dataset(workspace, "labelled")
    for row in range(12):
        labelling.give(data, row, f"{os.getpid()} {row % 3}")
    labelling.take_over(Dataset(workspace, "labelled"))

def copying(workspace):
    manage.rename(workspace, manage.duplicate(workspace, "reviews").name, f"copy-{os.getpid()}")

def exporting(workspace):
    manage.export(Dataset(workspace, "reviews"), workspace.root.parent / "out.csv")

def starting(workspace):
    workspace.new_run(RunConfig(**read_json(workspace.root / "runs" / "first" / "config.json")), "mine")

def deleting(workspace):
    for name in [spec.name for spec in workspace.datasets()]:
        if name.startswith(("more", "copy")):
            workspace.delete_dataset(name)
    if "mine" in [run.id for run in workspace.runs()]:
        workspace.delete_run("mine")
    workspace.empty_bin()
"""


@pytest.fixture
def full(workspace):
    """A data set that a run needs, one that is labelled, and a file beside the workspace."""
    (workspace.root.parent / "more.csv").write_text(TABLE, encoding="utf-8")
    data = added(workspace, "reviews", TABLE)
    added(workspace, "labelled", TABLE[: len(TABLE) // 20])
    run = make_run(workspace, "first", "done")
    write_json(run.path / "config.json", read_json(run.path / "config.json") | {"data": data.spec.model_dump(mode="json")})
    (run.path / "process.json").unlink()
    return workspace


def refused(act, *given):
    """The code of the sentence that an act ends with; the exception is not kept, since what it saw would keep files open."""
    try:
        act(*given)
    except UserError as problem:
        return problem.code


def damage(workspace):
    """What is more than a leftover."""
    return [finding for finding in upkeep.check(workspace) if finding.code != "leftovers"]


# -- killed


def check_whole(workspace):
    assert damage(workspace) == []
    names = {spec.name: spec.rows for spec in workspace.datasets()}
    assert names["reviews"] == ROWS and names["labelled"] > 900 and set(names.values()) <= {ROWS, names["labelled"]}
    reviews, labelled = Dataset(workspace, "reviews"), Dataset(workspace, "labelled")
    text = "text number 7 of many" if reviews.spec.recipe else "Text Number 7 of many"
    assert reviews.rows([7]) == [{"text": text, "label": "b"}]
    assert len(reviews.parts()["train"]) > 0 and all(" " not in answer or answer.count(" ") == 1 for answer in labelling.answers(labelled).values())
    out = workspace.root.parent / "out.csv"
    assert not out.exists() or out.read_text(encoding="utf-8").count("\n") == ROWS + 1
    for run in workspace.runs():
        assert run.config.data.name == "reviews"


def kill_often(workspace, kills: int) -> int:
    """Kill each act at ``kills`` random moments, and let each end once in between; returns how many were in the middle of it."""
    acts, dice, killed = Acts(workspace.root, ACTS), random.Random(7), 0
    try:
        for name in ("adding", "cleaning", "labels", "copying", "exporting", "starting", "deleting"):
            begin = time.monotonic()
            acts.start(name)
            assert acts.end() == 0, name
            lasts = time.monotonic() - begin
            for _ in range(kills):
                if name == "starting":
                    shutil.rmtree(workspace.root / "runs" / "mine", ignore_errors=True)
                pid = acts.start(name)
                time.sleep(dice.uniform(0, lasts))
                with suppress(ProcessLookupError):  # it was quicker
                    os.kill(pid, signal.SIGKILL)
                killed += acts.end() == -signal.SIGKILL
                check_whole(Workspace(workspace.root))
            if name == "starting":
                shutil.rmtree(workspace.root / "runs" / "mine", ignore_errors=True)
            acts.start(name)
            assert acts.end() == 0, f"{name} again"
            check_whole(Workspace(workspace.root))
    finally:
        acts.close()
    return killed


def test_a_program_killed_in_the_middle_of_a_change(full):
    assert kill_often(full, 3) > 7
    list(upkeep.repair(upkeep.check(full)))
    assert upkeep.check(full) == [] and not list((full.root / "cache").glob("*-*"))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_programs_killed_hundreds_of_times(full):
    assert kill_often(full, 30) > 100
    list(upkeep.repair(upkeep.check(full)))
    assert upkeep.check(full) == [] and not list((full.root / "cache").glob("*-*"))


def kill_launchers(workspace, run, kills: int, monkeypatch) -> int:
    """Kill whoever starts ``run`` at random moments of it; then it can be started again, and one process works on it."""
    monkeypatch.setattr(runs_module, "LAUNCH_SECONDS", 0)  # else half a minute passes until it counts as interrupted
    acts, dice, killed = Acts(workspace.root, "import subprocess\ndef launching(workspace): workspace.run('mine').resume()"), random.Random(3), 0
    try:
        acts.start("launching")
        begin = time.monotonic()
        assert acts.end() == 0
        lasts = time.monotonic() - begin
        for _ in range(kills):
            run.kill(patience=0)
            pid = acts.start("launching")
            time.sleep(dice.uniform(0, lasts))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed += acts.end() == -signal.SIGKILL
            assert damage(workspace) == []
            if run.status().state not in Run.ACTIVE:
                run.resume()
            assert run.status().state in Run.ACTIVE and len(processes.working_on(run.path, None)) == 1
    finally:
        run.kill(patience=0)
        acts.close()
    assert processes.working_on(run.path, None) == []
    return killed


def test_a_program_killed_while_it_starts_a_run(full, monkeypatch):
    assert kill_launchers(full, full.new_run(full.run("first").config, "mine"), 4, monkeypatch) > 0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_programs_killed_while_they_start_a_run(full, monkeypatch):
    assert kill_launchers(full, full.new_run(full.run("first").config, "mine"), 60, monkeypatch) > 20


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_page_killed_during_an_upload_and_while_it_adds(tmp_path):
    """The real page, killed at random moments; started again, the same upload and the same sample work."""
    dice, half = random.Random(5), TABLE.encode() * 8

    def slowly(client):
        def body():
            yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="my data.csv"\r\nContent-Type: text/csv\r\n\r\n'
            for start in range(0, len(half), 1 << 16):
                time.sleep(0.02)
                yield half[start : start + (1 << 16)]
            yield b"\r\n--b--\r\n"

        return client.post("gradio_api/upload", content=body(), headers={"content-type": "multipart/form-data; boundary=b"})

    def sample(client):
        event = client.post("gradio_api/call/add_sample", json={"data": ["tickets"]}).json()["event_id"]
        return client.get(f"gradio_api/call/add_sample/{event}")

    for act in (slowly, sample):
        for last in (False, False, True):
            with serving(tmp_path) as server, httpx.Client(base_url=server.url, timeout=120) as client, ThreadPoolExecutor(1) as pool:
                asked = pool.submit(act, client)
                if last:
                    assert asked.result(120).status_code == 200
                else:
                    time.sleep(dice.uniform(0.05, 1.0))
                    server.process.kill()
                    with suppress(httpx.TransportError):
                        asked.result(120)
                workspace = Workspace(server.workspace.root)
                assert damage(workspace) == []
                assert {spec.rows for spec in workspace.datasets()} <= {3_000}
    list(upkeep.repair(upkeep.check(workspace)))
    assert upkeep.check(workspace) == [] and workspace.datasets()


# -- at once


def together(root, code, count, *arguments):
    """Run ``code`` in ``count`` processes; each calls ``meet()`` before what they do at once. Returns the lines that each printed."""
    begin = (
        "import sys; from fm_gui.errors import UserError; from fm_gui.workspace import Workspace; workspace = Workspace(sys.argv[1])\n"
        "def meet(): print('here', flush=True); sys.stdin.readline()\n"
        "def attempt(act, *given, **more):\n"
        "    try: return act(*given, **more)\n"
        "    except UserError as problem: return problem.code\n"
    )
    processes, said = [python(begin + code, root, number, *arguments) for number in range(count)], [[] for _ in range(count)]
    try:
        while any(process.stdout for process in processes):
            waiting = []
            for process, lines in zip(processes, said):
                while line := process.stdout.readline().strip() if process.stdout else "":
                    if line == "here":
                        waiting.append(process)
                        break
                    lines.append(line)
            if not waiting:
                break
            for process in waiting:
                process.stdin.write("\n")
                process.stdin.flush()
        return said
    finally:
        for process in processes:
            process.stdin.close()
            assert process.wait(120) == 0
            process.stdout.close()


def test_several_add_under_one_name_at_once(workspace, tmp_path):
    file = tmp_path / "my data.csv"
    file.write_text(TABLE[:5_000].rpartition("\n")[0], encoding="utf-8")
    code = (
        "from fm_gui.data.adding import add_dataset\n"
        "for turn in range(3):\n"
        "    meet(); one = attempt(add_dataset, workspace, [sys.argv[3]], name=f'same-{turn}'); print(getattr(one, 'name', one))\n"
        "    meet(); print(add_dataset(workspace, [sys.argv[3]]).name)\n"
    )
    said = together(workspace.root, code, 3, file)
    for turn in range(3):
        assert sorted(lines[2 * turn] for lines in said) == ["dataset-exists", "dataset-exists", f"same-{turn}"]
    names = [name for lines in said for name in lines[1::2]]
    assert len(set(names)) == 9 and set(names) < {spec.name for spec in workspace.datasets()}
    assert upkeep.check(workspace) == [] and len(workspace.datasets()) == 12


def test_twenty_start_at_once(full):
    """Five threads in each of four programs: every run gets an id of its own, and a name is given once."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor; from fm_gui.config import RunConfig; from fm_gui.files import read_json\n"
        "config = RunConfig(**read_json(workspace.root / 'runs' / 'first' / 'config.json'))\n"
        "with ThreadPoolExecutor(5) as pool:\n"
        "    meet(); print(*(run.id for run in pool.map(lambda _: workspace.new_run(config), range(5))))\n"
        "    meet(); print(*(getattr(one, 'id', one) for one in pool.map(lambda _: attempt(workspace.new_run, config, 'mine'), range(5))))\n"
    )
    said = together(full.root, code, 4)
    ids = [run_id for lines in said for run_id in lines[0].split()]
    assert len(set(ids)) == 20 and {run.id for run in full.runs()} == {*ids, "first", "mine"}
    assert sorted(word for lines in said for word in lines[1].split()) == ["mine"] + ["run-exists"] * 19
    assert damage(full) == []


def test_a_run_that_several_start_is_started_once(full):
    run = full.new_run(full.run("first").config, "mine")
    try:
        said = together(full.root, "meet(); print(attempt(workspace.run('mine').start))", 4)
        assert sorted(lines[0] for lines in said) == ["None", "run-active", "run-active", "run-active"]
    finally:
        run.kill(patience=0)
    assert run.status().state not in Run.ACTIVE


def test_deleting_what_another_is_starting_with(full):
    """Whoever is first wins: there is never a run without its rows."""
    full.delete_run("first")
    config = full.bin()[0].path / "config.json"
    code = (
        "from fm_gui.config import RunConfig; from fm_gui.files import read_json\n"
        "config, data = RunConfig(**read_json(__import__('pathlib').Path(sys.argv[3]))), workspace.root / 'datasets' / 'reviews'\n"
        "meet()\n"
        "for turn in range(40):\n"
        "    if sys.argv[2] == '0':\n"
        "        run = attempt(workspace.new_run, config)\n"
        "        if not isinstance(run, str):\n"
        "            assert data.exists(); workspace.delete_run(run.id); run = 'started'\n"
        "        print(run)\n"
        "    else:\n"
        "        gone = attempt(workspace.delete_dataset, 'reviews'); print(gone)\n"
        "        if gone is None: workspace.restore('datasets.reviews')\n"
    )
    starts, deletes = together(full.root, code, 2, config)
    assert set(starts) <= {"started", "dataset-unknown", "dataset-moved-on"} and "started" in starts
    assert set(deletes) <= {"None", "dataset-in-use"} and "None" in deletes
    assert damage(full) == [] and {spec.name for spec in full.datasets()} == {"reviews", "labelled"}


def test_renaming_what_another_cleans(workspace):
    added(workspace, "one", TABLE)
    code = (
        "from fm_gui.config import StepSpec; from fm_gui.data import history, manage; from fm_gui.data.dataset import Dataset\n"
        "def clean(name):\n"
        "    data = Dataset(workspace, name)\n"
        "    history.undo(data) if data.spec.recipe else history.apply(data, [StepSpec(step='case', settings={'to': 'lower'})])\n"
        "meet()\n"
        "for turn in range(12):\n"
        "    name = workspace.datasets()[0].name if workspace.datasets() else 'one'\n"
        "    if sys.argv[2] == '0': print(attempt(clean, name))\n"
        "    else: one = attempt(manage.rename, workspace, name, 'two' if name == 'one' else 'one'); print(getattr(one, 'name', one))\n"
    )
    cleaned, renamed = together(workspace.root, code, 2)
    assert set(cleaned) <= {"None", "dataset-unknown", "dataset-moved-on"} and "None" in cleaned
    assert set(renamed) <= {"one", "two", "dataset-unknown"} and {"one", "two"} <= set(renamed)
    [spec] = workspace.datasets()
    assert spec.rows == ROWS and damage(workspace) == [] and Dataset(workspace, spec.name).rows([7])[0]["label"] == "b"


# -- the disk, the clock


def fill(ballast: Path) -> None:
    """Write until the disk is full: what it says to be free may be less than it takes."""
    with suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_disk_that_fills_during_an_upload(tmp_path):
    """The data set is there, or nothing of it is; what fits goes on working."""
    large = tmp_path / "large.csv"
    large.write_text(TABLE * 12, encoding="utf-8")
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=8m") as small:
        workspace = Workspace(small / "工作 区")
        data = added(workspace, "reviews", TABLE[:100_000].rpartition("\n")[0])
        assert refused(add_dataset, workspace, [large]) == "disk-full"
        assert upkeep.check(workspace) == [] and [spec.name for spec in workspace.datasets()] == ["reviews"]
        assert [path.name for path in (workspace.root / "cache").iterdir() if path.name.startswith("adding")] == []
        gc.collect()  # what the refused upload had open takes room until it is closed
        fill(small / "ballast")
        assert refused(history.apply, data, [StepSpec(step="case", settings={"to": "lower"})]) == "disk-full"
        assert refused(add_dataset, workspace, [large]) == "disk-full"
        assert upkeep.check(workspace) == [] and Dataset(workspace, "reviews").spec.recipe == []
        (small / "ballast").unlink()
        assert history.apply(Dataset(workspace, "reviews"), [StepSpec(step="case", settings={"to": "lower"})]).spec.recipe


def test_a_data_set_that_is_deleted_by_hand(full):
    """Every handle on it says so in a sentence; the run that needs it can still be looked at."""
    data, seen = Dataset(full, "reviews"), Dataset(full, "reviews")
    assert seen.page(0, 1)
    shutil.rmtree(data.path)
    for look in (lambda: data.page(0, 1), lambda: data.save(), lambda: labelling.give(seen, 1, "b"), lambda: history.apply(seen, [StepSpec(step="case", settings={"to": "lower"})])):
        with pytest.raises(UserError, match="reviews"):
            look()
    assert [run.id for run in full.runs()] == ["first"] and [finding.code for finding in damage(full)] == ["run-data-gone"]


def test_a_clock_that_jumps(full, monkeypatch):
    """Set back or ahead by years: what was deleted last comes back first, steps keep their order, names stay unique."""
    now = time.time()
    for name, jump in (("one", 0), ("two", 5e8), ("three", -1e9), ("four", 0)):
        monkeypatch.setattr(workspace_module.time, "time", lambda jump=jump: now + jump)
        monkeypatch.setattr(workspace_module.time, "time_ns", lambda jump=jump: int((now + jump) * 1e9))
        added(full, name, "text\nOne More\nAnd Two\n")
        data = history.apply(Dataset(full, name), [StepSpec(step="case", settings={"to": "lower"})])
        monkeypatch.setattr(workspace_module.time, "time", lambda jump=jump: now - jump - 100)
        data = history.apply(data, [StepSpec(step="case", settings={"to": "upper"})])
        assert [step.settings["to"] for step in Dataset(full, name).spec.recipe] == ["lower", "upper"]
        assert history.undo(data).column("text") == ["one more", "and two"]
        full.delete_dataset(name)
    monkeypatch.undo()
    assert [full.undo_delete() for _ in range(4)] == ["four", "three", "two", "one"]
    assert damage(Workspace(full.root)) == []
