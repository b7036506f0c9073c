"""A run: everything about one training lives in one folder, and this is the handle on it.

One writer per file (the design's table): config.json and process.json by whoever starts the run; status.json,
metrics.jsonl, events.jsonl, estimate.json, checkpoint/, best/, model/ by the worker; log.txt by the operating system
(the worker's output); ``stop`` by whoever wants it to end; evaluation.json by evaluate, README.md by card.
"""

import json
import os
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from fm_gui.config import RunConfig
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json

State = Literal["queued", "preparing", "measuring", "training", "evaluating", "saving", "done", "stopped", "failed", "interrupted"]


class Status(BaseModel):
    """What a run is doing: status.json, with "interrupted" derived by the reader."""

    state: State = "queued"
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    seconds: float = 0.0  # of training so far, over all sessions
    eta: float | None = None  # seconds left, of training and what follows
    heartbeat: float = 0.0  # time.time() of the worker's last sign of life
    best_step: int | None = None
    score: float | None = None  # the task's main metric on the validation part, at best_step
    waiting_for: int = 0  # runs ahead in the queue
    early_stopped: bool = False
    error: dict[str, Any] | None = None  # UserError.to_dict()


class Run:
    """Handle on one run folder; cheap to make, reads the disk on every question."""

    ACTIVE = ("queued", "preparing", "measuring", "training", "evaluating", "saving")
    RESUMABLE = ("stopped", "failed", "interrupted")
    UNFINISHED = ACTIVE + RESUMABLE

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.id = self.path.name

    @cached_property
    def config(self) -> RunConfig:
        """What was asked for; never changes."""
        return RunConfig(**read_json(self.path / "config.json"))

    @property
    def workspace_root(self) -> Path:
        return self.path.parent.parent

    # -- reading

    def status(self) -> Status:
        """What the run is doing now; "interrupted" if its worker is gone without having said so."""
        try:
            status = Status(**read_json(self.path / "status.json"))
        except FileNotFoundError:
            status = Status()
        # process.json is written right after the start; before that there is nothing to be gone
        if status.state in self.ACTIVE and (self.path / "process.json").exists() and not self.has_worker:
            status.state = "interrupted"
        return status

    @property
    def has_worker(self) -> bool:
        """True if the very process that was started still runs: pid and start time, since pids are used again."""
        import psutil

        try:
            started = read_json(self.path / "process.json")
            process = psutil.Process(started["pid"])
            return abs(process.create_time() - started["create_time"]) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, psutil.NoSuchProcess):
            return False

    def metrics(self, offset: int = 0) -> tuple[list[dict], int]:
        """The points of metrics.jsonl from byte ``offset`` on, and the offset to ask from next time.

        Only whole lines are read. If the file is shorter than ``offset`` (a resume cut it) all points are returned.
        """
        return read_lines(self.path / "metrics.jsonl", offset)

    def events(self, offset: int = 0) -> tuple[list[dict], int]:
        """The entries of events.jsonl from byte ``offset`` on: {"time", "kind", ...}, and the next offset."""
        return read_lines(self.path / "events.jsonl", offset)

    def log_tail(self, characters: int = 20_000) -> str:
        """The end of the worker's output."""
        try:
            with open(self.path / "log.txt", "rb") as file:
                file.seek(max(0, os.path.getsize(file.name) - characters))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def evaluation(self) -> dict | None:
        """evaluation.json, or None before there is one."""
        path = self.path / "evaluation.json"
        return read_json(path) if path.exists() else None

    @property
    def has_model(self) -> bool:
        """True once a whole model folder stands there."""
        return (self.path / "model" / "config.json").exists()

    @property
    def has_checkpoint(self) -> bool:
        return (self.path / "checkpoint" / "state.json").exists()

    # -- acting

    def start(self) -> None:
        """Start the worker in a process and session of its own, so that it outlives whoever starts it.

        Raises UserError if the run is active or already done.
        """
        state = self.status().state
        if (self.path / "process.json").exists() and state in self.ACTIVE:
            raise UserError("run-active", name=self.id)
        if state == "done":
            raise UserError("run-done", name=self.id)
        self._launch()

    def resume(self) -> None:
        """Go on from the last checkpoint (from the start if there is none). Raises UserError if active or done."""
        self.start()

    def _launch(self) -> None:
        import psutil

        status = self.status()
        for old in ("stop", "process.json"):
            (self.path / old).unlink(missing_ok=True)
        write_json(self.path / "status.json", status.model_copy(update={"state": "queued", "error": None, "heartbeat": time.time()}).model_dump())
        environment = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONUTF8="1")
        with open(self.path / "log.txt", "ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "fm_gui", "worker", str(self.path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment,
                cwd=Path(__file__).resolve().parent.parent,
            )
        write_json(self.path / "process.json", {"pid": worker.pid, "create_time": psutil.Process(worker.pid).create_time()})

    def stop(self) -> None:
        """Ask the worker to stop after its current step and keep the result."""
        if self.status().state in self.ACTIVE:
            (self.path / "stop").touch()

    def wait(self, timeout: float | None = None, poll: float = 0.2) -> Status:
        """Block until the run is no longer active, or ``timeout`` seconds have passed; returns the last status."""
        end = time.monotonic() + timeout if timeout is not None else float("inf")
        while (status := self.status()).state in self.ACTIVE and time.monotonic() < end:
            time.sleep(poll)
        return status


def read_lines(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """The JSON lines of ``path`` from byte ``offset`` to the last line end, and that end's offset."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                offset = 0
            file.seek(offset)
            text = file.read()
    except FileNotFoundError:
        return [], 0
    whole = text[: text.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)
