"""Runs take turns: a worker waits until enough of the devices it may use are free and no run that wants one waits longer.

While it waits it loads nothing large, not even the report that the training uses (several processes that train one run
together must: they wait with torch at hand). Of these the first takes the devices for all and tells the others.
"""

import json
import os
import signal
import socket
import time
from dataclasses import dataclass

from filelock import FileLock, Timeout

from fm_gui import demo, machine, queue
from fm_gui.errors import UserError
from fm_gui.files import append_line, is_disk_full, write_json
from fm_gui.runs import Run, Status
from fm_gui.workspace import Workspace

POLL = 0.4  # seconds between two looks for a stop or, by the next in line, for a free device
LOOK = 1.2  # seconds between two looks at all runs, for the place in line
BEAT = 5.0  # seconds between two signs of life while nothing changes


@dataclass
class Turn:
    """The devices a run has for itself until it releases them (or its process ends: the system then does)."""

    devices: list[str]
    locks: list[FileLock]

    def release(self) -> None:
        for lock in self.locks:
            lock.release()


def take(run: Run) -> Turn | None:
    """Wait for the run's turn; None if it is not to come: asked to stop, its device cannot be used here, its folder gone.

    Which of them it was stands in the run's status.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return _take(run)
    # until the first has its turn the others are not at the run: that one of them is ended (as torchrun does when the first
    # finds another worker there) must not stop it
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL) if int(os.environ["RANK"]) else None
    from fm_gui.train.ranks import Ranks

    # by their own store and not by the run's status, which may still be of an earlier start
    ranks, mine = Ranks.meet("turn"), []

    def take_for_all() -> list[str]:
        mine.extend([turn] if (turn := _take(run)) else [])
        return mine[0].devices if mine else []

    devices = ranks.share(take_for_all)
    if handler:
        signal.signal(signal.SIGTERM, handler)
    return mine[0] if mine else Turn(devices, []) if devices else None


def _take(run: Run) -> Turn | None:
    try:
        return _wait(Workspace(run.workspace_root), run)
    except UserError as problem:
        _tell(run, run.status(), state="failed", error=problem.to_dict())
    except FileNotFoundError:  # nobody is left to work for
        if run.path.exists():
            raise
    return None


def _wait(workspace: Workspace, run: Run) -> Turn | None:
    status = run.status()
    _tell(run, status, state="queued", error=None, needs_room=0, host=socket.gethostname(), devices=[])
    alone = queue.ahead(workspace, run) == ([], 0)  # its turn is now, and torch is loaded anyway
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # as many processes as were started on this machine, whatever was asked for
    allowed, count = queue.devices_for(run.config.train.model_copy(update={"processes": here}), machine.usable(workspace.root / "cache", small=not alone))
    _tell(run, status, devices=allowed)
    looked, before, working = float("-inf"), [], 0
    while not (run.path / "stop").exists():
        if time.monotonic() - looked > LOOK:
            looked, (before, working) = time.monotonic(), queue.ahead(workspace, run)
        if not before and (locks := _lock(workspace, allowed, count)):
            before, working = queue.ahead(workspace, run)
            if not before:  # nor was anybody moved before it since the last look
                _tell(run, status, state="preparing", waiting_for=0, devices=list(locks))
                return Turn(list(locks), list(locks.values()))
            _release(locks)
        if (waiting := len(before) + working) != status.waiting_for or abs(time.time() - status.heartbeat) > BEAT:
            _tell(run, status, waiting_for=waiting)
        time.sleep(POLL)
    _tell(run, status, state="stopped", eta=None, waiting_for=0)
    return None


def _tell(run: Run, status: Status, **changes) -> None:
    """Change the status. A new state is also an event, but for the next phase, which the training tells itself.

    Raises FileNotFoundError if the folder is gone.
    """
    for name, value in changes.items():
        setattr(status, name, value)
    status.heartbeat = time.time()
    try:
        write_json(run.path / "status.json", status.model_dump())
        if changes.get("state", "preparing") != "preparing":
            append_line(run.path / "events.jsonl", json.dumps({"time": status.heartbeat, "kind": "phase", "state": status.state}))
    except OSError as problem:
        if not is_disk_full(problem):  # to wait needs no room; the next sign of life tells it all again
            raise


def _lock(workspace: Workspace, allowed: list[str], count: int) -> dict[str, FileLock]:
    """The locks of ``count`` of the ``allowed`` devices, or none at all: who holds one never waits for another."""
    taken: dict[str, FileLock] = {}
    for device in allowed:
        # a workspace may be shared by several machines, each with devices of its own
        lock = FileLock(demo.device_locks(workspace.root) / f"{socket.gethostname()}.{device.replace(':', '-')}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        taken[device] = lock
        if len(taken) == count:
            return taken
    _release(taken)
    return {}


def _release(locks: dict[str, FileLock]) -> None:
    for lock in locks.values():
        lock.release()
