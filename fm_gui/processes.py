"""The operating system's side of a run: which processes work on it, and how they all are ended."""

import os
import socket
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

FOREIGN_SECONDS = 120  # a process of another machine counts as alive for so long after its last sign of life


def record(pid: int) -> dict[str, Any]:
    """What process.json holds of a process: pids are used again, so when it started too, and its machine."""
    import psutil

    return {"pid": pid, "create_time": psutil.Process(pid).create_time(), "started": _started(pid), "host": socket.gethostname()}


def _started(pid: int) -> str:
    """When a process started by a clock that nobody sets (Linux: the boot's name and ticks since); empty elsewhere."""
    return _seen(pid)[1]


def _seen(pid: int) -> tuple[str, str]:
    """(the letter of its state, when it started) of a process as Linux tells it; empty elsewhere, or if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            told = file.read().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return told[0], f"{boot()} {told[19]}"


@lru_cache(maxsize=1)
def boot() -> str:
    """A name for the time since this machine was switched on."""
    import psutil

    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return str(round(psutil.boot_time(), -1))


def went_down_with(recorded: dict[str, Any]) -> bool:
    """True if the recorded process ended because its machine, this one, was switched off."""
    return recorded.get("host") == socket.gethostname() and bool(recorded.get("started")) and not recorded["started"].startswith(boot())


def lives(recorded: dict[str, Any], heartbeat: float) -> bool:
    """True if the very process that was recorded still runs; one of another machine is judged by its last sign of life."""
    if recorded.get("host") not in (None, socket.gethostname()):
        return time.time() - heartbeat < FOREIGN_SECONDS
    if recorded.get("started") and all(seen := _seen(recorded["pid"])):  # pages ask this of many runs, again and again
        return seen[1] == recorded["started"] and seen[0] not in "ZX"
    return find(recorded) is not None


def find(recorded: dict[str, Any]) -> "psutil.Process | None":
    """The recorded process, or None if it is gone."""
    import psutil

    try:
        process = psutil.Process(recorded["pid"])
        if recorded.get("started"):
            same = _started(process.pid) == recorded["started"]
        else:
            same = abs(process.create_time() - recorded["create_time"]) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def is_halted(recorded: dict[str, Any]) -> bool:
    """True if the recorded process lives on this machine, but was halted by a signal (SIGSTOP, Ctrl+Z)."""
    import psutil

    if recorded.get("host") not in (None, socket.gethostname()):
        return False
    try:
        return (process := find(recorded)) is not None and process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def working_on(folder: Path, recorded: dict[str, Any] | None) -> list["psutil.Process"]:
    """All processes that work on the run in ``folder``, but not this one: the recorded, its ranks, and all their children.

    Ranks are found by their command too, since torchrun gives each a session of its own and they outlive it.
    """
    import psutil

    roots = [process for process in psutil.process_iter(["cmdline"]) if _is_worker(process.info["cmdline"], folder)]
    if recorded and recorded.get("host") in (None, socket.gethostname()) and (launched := find(recorded)):
        roots.append(launched)
    found = {}
    for root in roots:
        try:
            found |= {process.pid: process for process in (root, *root.children(recursive=True)) if root.pid != os.getpid()}
        except psutil.NoSuchProcess:
            continue
    return [process for pid, process in found.items() if pid != os.getpid()]


def _is_worker(command: list[str] | None, folder: Path) -> bool:
    return bool(command) and command[-2:] == ["worker", str(folder)] and "fm_gui" in command


def end(processes: list["psutil.Process"], patience: float) -> None:
    """Ask each to end (SIGTERM, which a worker takes as Stop); who still lives after ``patience`` seconds is killed."""
    import psutil

    for ask in (psutil.Process.terminate, psutil.Process.kill):
        for process in processes:
            try:
                ask(process)
            except psutil.NoSuchProcess:
                continue
        _, processes = psutil.wait_procs(processes, timeout=patience)
        patience = 10


def when_asker_is_gone(act: Callable[[], None]) -> None:
    """Call ``act``, in a thread, once whoever started this process is gone: it holds the other end of our standard input."""

    def wait() -> None:
        while os.read(0, 4096):  # not by way of sys.stdin, whose lock a thread must not hold when Python ends
            pass
        act()

    threading.Thread(target=wait, name="asker", daemon=True).start()
