"""A silent worker: when it counts as stuck, and what is told of where it stands."""

import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from fm_gui import processes, silence
from fm_gui.files import write_json
from fm_gui.runs import STUCK_SECONDS
from fm_gui.text import say
from tests.ui.runs_for_tests import make_run

WORKER = '  File "/opt/fm_gui/train/worker.py", line 41 in main\n  File "<frozen runpy>", line 88 in _run_code\n'
OTHER = 'Thread 0x00007f0000000001 (most recent call first):\n  File "/usr/lib/python3.11/threading.py", line 320 in wait\n  File "/opt/x/tqdm/_monitor.py", line 60 in run\n'


def stack(*frames: str) -> str:
    """A stack as faulthandler writes it: another thread, then the worker's with ``frames`` ("file function"), innermost first."""
    lines = "".join('  File "{}", line 7 in {}\n'.format(*frame.split()) for frame in frames)
    return f"Timeout (0:01:00)!\n{OTHER}\nThread 0x00007f0000000002 (most recent call first):\n{lines}{WORKER}"


def silent(workspace, text="", seconds=STUCK_SECONDS + 65.0):
    run = make_run(workspace, "poet", heartbeat=time.time() - seconds)
    if text:
        (run.path / "stack.txt").write_text(text, encoding="utf-8")
    return run


@pytest.mark.parametrize(
    "frames, key",
    [
        (["/usr/lib/python3.11/socket.py recv_into", "/opt/fm_gui/models/hub.py download"], "silent.network"),
        (["/usr/lib/python3.11/threading.py wait", "/opt/fm_gui/train/saving.py settle", "/opt/fm_gui/train/loop.py train"], "silent.saving"),
        (["/opt/fm_gui/files.py sync_to_disk", "/opt/fm_gui/train/report.py sync"], "silent.saving"),
        (["/opt/torch/distributed/distributed_c10d.py all_reduce", "/opt/fm_gui/train/ranks.py add"], "silent.together"),
        (["/usr/lib/python3.11/threading.py wait", "/usr/lib/python3.11/concurrent/futures/_base.py result", "/opt/fm_gui/train/loop.py steps_from"], "silent.reading"),
        (["/opt/fm_gui/data/prepare.py encode", "/opt/fm_gui/train/worker.py make_job"], "silent.reading"),
        (["/opt/sklearn/metrics/_classification.py f1_score", "/opt/fm_gui/evaluate.py evaluate"], "silent.judging"),
        (["/opt/torch/nn/modules/linear.py forward", "/opt/fm_gui/train/loop.py take_step"], "silent.computing"),
        (["/opt/else/where.py lost"], "silent.elsewhere"),
    ],
)
def test_a_stack_becomes_a_sentence(workspace, frames, key):
    found, values = silence.why(silent(workspace, stack(*frames)))
    assert found == key and say(found, **values) != say(found, "zh", **values)
    if key == "silent.elsewhere":
        assert values == {"function": "lost", "file": "where.py"}


def test_windows_paths_are_read_too(workspace):
    assert silence.why(silent(workspace, stack(r"C:\py\socket.py recv")))[0] == "silent.network"


def test_a_stack_as_this_python_writes_it(tmp_path):
    """The format is Python's, not ours: two real threads, written by faulthandler."""
    held, wrote = threading.Event(), tmp_path / "stack.txt"
    thread = threading.Thread(target=held.wait)
    thread.start()
    with open(wrote, "w", encoding="utf-8") as file:
        faulthandler.dump_traceback_later(0.05, file=file)
        time.sleep(0.4)
        faulthandler.cancel_dump_traceback_later()
    held.set()
    thread.join()
    frames = silence.main_thread(wrote.read_text(encoding="utf-8"))
    assert frames[0].function == "test_a_stack_as_this_python_writes_it" and frames[0].file.endswith("test_silence.py")


def test_without_a_stack_or_with_an_old_one_it_is_unknown(workspace):
    run = silent(workspace)
    assert silence.why(run) == ("silent.unknown", {})
    (run.path / "stack.txt").write_text(stack("/opt/socket.py recv"), encoding="utf-8")
    os.utime(run.path / "stack.txt", (1.0, 1.0))  # of a silence that is over
    assert run.stack() == "" and silence.why(run) == ("silent.unknown", {})


def test_only_long_silence_of_an_active_run_is_stuck(workspace):
    assert silent(workspace).stuck
    write_json(workspace.run("poet").path / "status.json", {"state": "training", "heartbeat": time.time() - STUCK_SECONDS + 20})
    assert not workspace.run("poet").stuck
    write_json(workspace.run("poet").path / "status.json", {"state": "stopped", "heartbeat": 1.0})
    assert not workspace.run("poet").stuck


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs stop signals")
def test_a_process_that_the_system_halted_is_told_as_paused(workspace):
    run = silent(workspace, stack("/opt/socket.py recv"))
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        write_json(run.path / "process.json", processes.record(worker.pid))
        assert not run.paused
        os.kill(worker.pid, signal.SIGSTOP)
        while psutil.Process(worker.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        assert run.paused and silence.why(run) == ("silent.paused", {})
        run.kill(patience=0.2)
        assert not psutil.pid_exists(worker.pid) and run.status().state == "interrupted"
    finally:
        worker.kill()
