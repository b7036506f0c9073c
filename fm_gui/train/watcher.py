"""A thread beside the work, for what the work itself cannot answer in time.

It ends the process when the run folder is gone (nobody is left to work for), and when a stop is asked for in the middle of
something that cannot be interrupted: a download, a tokenizer in training, a table that is being read. Nothing is lost by
that: what such phases make is written beside and renamed.
"""

import contextlib
import os
import threading
import time

from fm_gui import layout
from fm_gui.errors import UserError
from fm_gui.train.report import Report, RunGone

LOOK_EVERY = 0.3  # seconds
PATIENCE = 1.2  # seconds that the work has to hear of a stop by itself
SIGN_EVERY = 20.0  # seconds between two signs to other machines that this process lives, whatever it is busy with (process.json's time)
LEASE_EVERY = 3600.0  # seconds
LOSES_NOTHING = ("preparing", "measuring")


def watch(report: Report) -> None:
    """Look after the process from now on."""
    threading.Thread(target=_look, args=(report,), name="watcher", daemon=True).start()


def _look(report: Report) -> None:
    gone, asked, entered, signed = 0, None, time.monotonic(), 0.0
    while not report.over:
        time.sleep(LOOK_EVERY)
        if report.ranks.first and time.monotonic() - signed > SIGN_EVERY:
            signed = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(report.run.path / "process.json")
        if time.monotonic() - entered > LEASE_EVERY:  # a run of weeks still has the workspace open
            entered = time.monotonic()
            with contextlib.suppress(UserError, OSError):
                layout.enter(report.run.workspace_root)
        gone = 0 if (report.run.path / "config.json").exists() else gone + 1
        if gone >= 3 and not report.over:  # not for one look: a network disk may stumble
            os._exit(0)
        if report.stop_asked() and report.status.state in LOSES_NOTHING:
            asked = asked or time.monotonic()
            if time.monotonic() - asked > PATIENCE:
                _end(report)
        else:
            asked = None


def _end(report: Report) -> None:
    with report.lock:  # nobody else writes half a line meanwhile
        if report.over or report.status.state not in LOSES_NOTHING:
            return
        with contextlib.suppress(RunGone):
            report.phase("stopped", eta=None)
        os._exit(0)
