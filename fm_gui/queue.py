"""The queue: who waits for which device, in what order. There is no scheduler: all of it stands in the run folders.

A run's place is ``place.json`` ({"order": float}; the time it was started, until somebody moves it); it keeps it when its
process dies while it waits, or with the machine. What it may use is ``devices`` in its status. Its worker takes the devices' locks itself, oldest first (train/turn.py), so two pages,
or a page and a terminal, agree, and nothing is lost when they end.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fm_gui.config import TrainSettings
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.layout import alone
from fm_gui.runs import STUCK_SECONDS, Run, Status
from fm_gui.workspace import Workspace

Move = Literal["up", "down", "next"]
Words = tuple[str, dict[str, Any]]  # a key of the table of words and its values


@dataclass(frozen=True)
class Waiting:
    """A run in the line. ``place`` is 1 for the next among those that may use one of its devices."""

    run: Run
    status: Status
    place: int

    def told(self) -> Words:
        """ "next in line", "number 3 in line"."""
        return ("queue.next", {}) if self.place == 1 else ("queue.place", {"place": self.place})


def devices_for(train: TrainSettings, usable: list[str]) -> tuple[list[str], int]:
    """(devices a run may use, in order; how many of them it takes), of those ``usable`` here, GPUs first, "cpu" last.

    "auto" takes GPUs if there are any, "cuda" is the first one, and several may be given with commas; several processes
    take a GPU each, or share the CPU. Raises UserError if one of them cannot be used, or if there are too few.
    """
    gpus, known = [name for name in usable if name != "cpu"], ", ".join(usable)
    if train.device == "auto":
        allowed = gpus or ["cpu"]
    else:
        allowed = ["cuda:0" if name.strip() == "cuda" else name.strip() for name in train.device.split(",")]
        if any(name not in usable for name in allowed):
            raise UserError("device", name=train.device, known=known)
    if allowed == ["cpu"]:
        return allowed, 1
    if len(allowed) < train.processes:
        raise UserError("device-few", count=train.processes, known=", ".join(allowed))
    return allowed, train.processes


def line(workspace: Workspace) -> list[Waiting]:
    """The waiting runs, first come first, with their places."""
    waiting = [(run, status) for run in workspace.runs() if (status := run.status()).state == "queued"]
    found = sorted(waiting, key=lambda pair: pair[0].order)
    return [Waiting(run, status, 1 + sum(compete(status, other) for _, other in found[:index])) for index, (run, status) in enumerate(found)]


def compete(one: Status, other: Status) -> bool:
    """True if two runs may use the same device; one whose worker has not yet said what it may use competes with all.

    Machines that share a workspace have devices of the same names.
    """
    if one.host and other.host and one.host != other.host:
        return False
    return not one.devices or not other.devices or bool(set(one.devices) & set(other.devices))


def ahead(workspace: Workspace, run: Run) -> tuple[list[Run], int]:
    """(runs in the line before ``run`` that want one of its devices, how many of those at work hold one).

    A waiting worker that gives no sign of life holds nobody up.
    """
    mine = run.status()
    before, working = [], 0
    for other in workspace.runs():
        status = other.status()
        if other.id == run.id or status.state not in Run.ACTIVE or not compete(mine, status):
            continue
        if status.state != "queued":
            working += 1
        elif other.order < run.order and time.time() - status.heartbeat < STUCK_SECONDS:
            before.append(other)
    return before, working


# -- moving


def move(workspace: Workspace, run_id: str, how: Move) -> Waiting:
    """Move a waiting run one place up or down among those that want the same device, or to their head ("next"); returns where it is now.

    Raises UserError if it does not wait. At the end of the line already, nothing happens.
    """
    with alone(workspace.root, "queue"):
        waiting = line(workspace)
        mine = next((w for w in waiting if w.run.id == workspace.run(run_id).id), None)
        if mine is None:
            raise UserError("queue-not-waiting", name=run_id)
        rivals = [w.run for w in waiting if compete(w.status, mine.status)]
        at = next(index for index, other in enumerate(rivals) if other.id == run_id)
        to = {"up": max(0, at - 1), "down": min(len(rivals) - 1, at + 1), "next": 0}[how]
        rivals.insert(to, rivals.pop(at))
        _arrange(rivals)
        return next((w for w in line(workspace) if w.run.id == run_id), mine)


def _arrange(runs: list[Run]) -> None:
    """Give the runs, in this order, the places they have among themselves."""
    last = float("-inf")
    for run, place in zip(runs, sorted(run.order[0] for run in runs), strict=True):
        last = max(place, last + 1e-3)  # never two alike
        if run.order[0] != last:
            write_json(run.path / "place.json", {"order": last})


def cancel(workspace: Workspace, run_id: str) -> None:
    """Take a waiting run, or one whose worker ended while it waited, out of the line: it is stopped, and can go on later.

    Raises UserError if it does not wait.
    """
    run = workspace.run(run_id)
    status = run.status()
    if "queued" not in (status.state, status.before):
        raise UserError("queue-not-waiting", name=run_id)
    run.end(patience=2)
    run.leave_the_line()


# -- after the machine went down


def fallen(workspace: Workspace) -> list[Run]:
    """Runs whose process ended while they waited, or with the machine, in the order of the line."""
    return sorted((run for run in workspace.runs() if run.fallen), key=lambda run: run.order)


def restart(workspace: Workspace) -> list[Run]:
    """Put all fallen runs back into the line, at their old places; returns those that were started here."""
    started = []
    for run in fallen(workspace):
        try:
            workspace.run(run.id).start()  # of a demo's workspace it is one that knows the limits
        except UserError:  # another page was quicker, or its folder is gone
            continue
        started.append(run)
    return started


def drop(workspace: Workspace) -> list[Run]:
    """Leave all fallen runs as they are, without a place in the line; returns them."""
    dropped = fallen(workspace)
    for run in dropped:
        run.leave_the_line()
    return dropped


def resume_at_start(workspace: Workspace) -> bool:
    """Whether fallen runs start again by themselves when the page's program starts (settings.json)."""
    return bool(_settings(workspace).get("resume_at_start", False))


def set_resume_at_start(workspace: Workspace, on: bool) -> None:
    """Say so."""
    write_json(workspace.root / "settings.json", _settings(workspace) | {"resume_at_start": on})


def _settings(workspace: Workspace) -> dict:
    path: Path = workspace.root / "settings.json"
    return read_json(path) if path.exists() else {}


def wake(workspace: Workspace) -> list[Run]:
    """At the start of the page's program: put fallen runs back into the line if the person said so; returns those."""
    return restart(workspace) if resume_at_start(workspace) else []
