"""How a worker tells what it does: status.json, metrics.jsonl and events.jsonl, and how it hears that it should stop.

On a full disk nothing that is told is lost: lines wait in memory, and a small file of ballast is given up first, so
that the page can say what is missing.
"""

import contextlib
import errno
import faulthandler
import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from safetensors import SafetensorError

from fm_gui import demo
from fm_gui.errors import UserError
from fm_gui.files import append_line, is_disk_full, sync_to_disk, write_json, write_text
from fm_gui.runs import Run, read_lines
from fm_gui.train.ranks import Ranks

STATUS_EVERY = 0.4  # seconds between writes of status.json while nothing but the step changes
SILENCE = 60  # seconds without a sign of life after which Python writes to stack.txt where the threads stand
BALLAST = 256 * 1024  # bytes kept for telling when the disk is full
SPARE = 1024 * 1024  # bytes left free beside what a write needs
ROOM_POLL = 0.5  # seconds between two looks at a full disk

Result = TypeVar("Result")


class Stopped(Exception):
    """The person asked the run to stop."""


class RunGone(Exception):
    """The run folder was deleted: nobody is left to work for."""


class Report:
    """The one writer of a run folder: of rank 0; on the others it tells nothing, and only hears."""

    def __init__(self, run: Run, ranks: Ranks | None = None):
        self.run, self.ranks, self.status = run, ranks or Ranks(), run.status()
        self.status.state = "queued"
        self.over = False  # the work is done, whatever came of it
        self.lock = threading.RLock()  # the watcher's thread may have the last word
        self._written = 0.0
        self._waiting: list[tuple[str, str]] = []  # (file, line) for which there was no room
        self._untold = False  # status.json could not be written
        self._stack = None
        self._ballast = run.path / ".ballast"
        self.ends = time.monotonic() + 60 * demo.LIMITS.work if demo.is_demo() else math.inf

    # -- status

    def phase(self, state: str, **changes) -> None:
        """Enter a phase; told at once."""
        self.update(state=state, **changes)
        self.event("phase", state=state)

    def update(self, **changes) -> None:
        """Change the status and write it now."""
        self._write_status(changes, sync=True)

    def step(self, **changes) -> None:
        """Change the status; written at most every STATUS_EVERY seconds, and not synced, as the next one follows at once."""
        if time.time() - self._written > STATUS_EVERY or time.time() < self._written:
            self._write_status(changes, sync=False)
        else:
            self._set(changes)

    def _set(self, changes: dict) -> None:
        for name, value in changes.items():
            setattr(self.status, name, value)

    def _write_status(self, changes: dict, sync: bool) -> None:
        with self.lock:
            self._set(changes)
            self.status.heartbeat = self._written = time.time()
            self._alive()
            if self.ranks.first:
                value = self.status.model_dump()
                self._untold = not self._told(lambda: write_json(self.run.path / "status.json", value, sync=sync))

    def beat(self, *_) -> None:
        """A sign of life inside a long phase. Raises Stopped if asked to stop."""
        self.step()
        if self.stop_asked():
            raise Stopped

    def stop_asked(self) -> bool:
        """True if the person wants it to end, or its time in a demo is over, which is told once."""
        with self.lock:
            if over := time.monotonic() > self.ends:
                self.ends = math.inf
        if over:
            (self.run.path / "stop").touch()
            self.incident("demo-time", minutes=demo.LIMITS.work)
        return (self.run.path / "stop").exists()

    # -- metrics and events

    def point(self, **values) -> None:
        """One line of metrics.jsonl; keys may hold "/" as ``train/loss``; values that are not finite become null."""
        self._line("metrics.jsonl", {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()})

    def event(self, kind: str, **values) -> None:
        """One line of events.jsonl."""
        self._line("events.jsonl", {"time": time.time(), "kind": kind, **values})

    def incident(self, name: str, **values) -> None:
        """What went wrong and what was done about it: the words ``incident.<name>``."""
        self.event("incident", code=f"incident.{name}", values=values)

    def _line(self, name: str, value: dict) -> None:
        if self.ranks.first:
            with self.lock:
                self._waiting.append((name, json.dumps(value, ensure_ascii=False)))
                self.flush()

    def flush(self) -> bool:
        """Write the lines that wait, in order; False if there is still no room for all."""
        with self.lock:
            while self._waiting:
                name, line = self._waiting[0]
                if not self._told(lambda: append_line(self.run.path / name, line)):  # noqa: B023 - called at once
                    return False
                self._waiting.pop(0)
            return True

    def losses(self, last: int) -> list[float]:
        """The training losses of the ``last`` points told."""
        points, _ = read_lines(self.run.path / "metrics.jsonl")
        return [p["train/loss"] for p in points if p.get("train/loss") is not None][-last:]

    def rewind(self, step: int, check_due: bool) -> None:
        """Forget the points after ``step``, which the run will make again."""
        if not self.ranks.first:
            return
        path = self.run.path / "metrics.jsonl"
        self.with_room(self.flush_or_full)
        points, _ = read_lines(path)
        kept = [p for p in points if p["step"] < step or (p["step"] == step and not (check_due and "validation/loss" in p))]
        if len(kept) < len(points) or (path.exists() and not path.read_bytes().endswith(b"\n")):
            text = "".join(json.dumps(p, ensure_ascii=False) + "\n" for p in kept)
            self.with_room(lambda: write_text(path, text), len(text))

    def sync(self) -> None:
        """Put the curve where a power cut cannot reach it: a checkpoint must never know more than the curve."""
        if self.ranks.first and (self.run.path / "metrics.jsonl").exists():
            sync_to_disk(self.run.path / "metrics.jsonl")

    def failed(self, error: UserError) -> None:
        """Tell what went wrong and end."""
        self.update(state="failed", error=error.to_dict(), eta=None)
        self.event("phase", state="failed")

    # -- a silent worker leaves its stack

    def watch_silence(self) -> None:
        """From now on write to stack.txt where every thread stands whenever there was no sign of life for SILENCE seconds."""
        name = "stack.txt" if self.ranks.first else f"stack-{self.ranks.rank}.txt"
        try:
            self._stack = open(self.run.path / name, "w", encoding="utf-8")  # noqa: SIM115 - open while the process lives
        except OSError as problem:
            if not is_disk_full(problem):
                raise
        self._alive()

    def end_watch(self) -> None:
        """Nothing more is to be told, and nobody is to be ended."""
        self.over = True
        faulthandler.cancel_dump_traceback_later()

    def _alive(self) -> None:
        if self._stack is not None:
            with contextlib.suppress(RuntimeError):  # no memory for its thread: then a silence has no stack
                faulthandler.dump_traceback_later(SILENCE, repeat=True, file=self._stack)
            if self._stack.tell():  # of a silence that is over
                self._stack.seek(0)
                self._stack.truncate()

    # -- a full disk

    def keep_ballast(self) -> None:
        """Set room aside for telling; nothing if there is none."""
        try:
            if not self._ballast.exists():
                self._ballast.write_bytes(os.urandom(BALLAST))  # not zeros, which some file systems store as nothing
        except OSError as problem:
            if not is_disk_full(problem):
                raise
            self._ballast.unlink(missing_ok=True)

    def drop_ballast(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def _told(self, write: Callable[[], None]) -> bool:
        """Do a small write, at the ballast's price if need be; False if there is no room even so."""
        try:
            write()
        except FileNotFoundError:
            raise RunGone(self.run.id) from None
        except OSError as problem:
            if not is_disk_full(problem):
                raise
            if not self._ballast.exists():
                return False
            self.drop_ballast()
            return self._told(write)
        return True

    def flush_or_full(self) -> None:
        """Write all that waits to be told. Raises the system's error while there is no room for it."""
        if self._untold:
            self.update()
        if not self.flush() or self._untold:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.run.path))

    def missing(self, needed: int) -> int:
        """Bytes that must become free before ``needed`` can be written; 0 if there is room."""
        room = needed + SPARE + (0 if self._ballast.exists() else BALLAST)
        return max(0, room - shutil.disk_usage(self.run.path).free)

    def with_room(self, act: Callable[[], Result], needed: int = 0) -> Result:
        """What ``act`` returns, done again whenever the disk was full, as soon as there is room.

        ``act`` must leave nothing half done. Raises Stopped if asked to stop while there is no room.
        """
        while True:
            try:
                return act()
            except (OSError, RuntimeError, SafetensorError) as problem:
                if not is_disk_full(problem):
                    raise
            self.wait_for_room(needed)

    def wait_for_room(self, needed: int, together: bool = False) -> None:
        """Pause until ``needed`` bytes are free; ``together`` with all ranks. Raises Stopped if asked to stop."""
        agree = self.ranks.any if together else bool
        missing, told = max(1, self.missing(needed)), False
        while agree(missing > 0):
            if not told:
                self.incident("disk-full", step=self.status.step, needed=math.ceil(missing / 2**20), folder=str(self.run.path))
            told = True
            self.update(needs_room=missing)
            if agree(self.stop_asked()):
                self.update(needs_room=0)
                raise Stopped
            time.sleep(ROOM_POLL)
            missing = self.missing(needed)
        self.flush()
        self.keep_ballast()
        self.update(needs_room=0)
