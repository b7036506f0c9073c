"""How a worker tells what it does: status.json, metrics.jsonl and events.jsonl, and how it hears that it should stop."""

import json
import math
import os
import time

from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.runs import Run, read_lines

STATUS_EVERY = 0.4  # seconds between writes of status.json while nothing but the step changes


class Stopped(Exception):
    """The person asked the run to stop."""


class RunGone(Exception):
    """The run folder was deleted: nobody is left to work for."""


class Report:
    """The worker's one writer of its run folder."""

    def __init__(self, run: Run):
        self.run, self.status, self._written = run, run.status(), 0.0
        self.status.state = "queued"

    # -- status

    def phase(self, state: str, **changes) -> None:
        """Enter a phase; told at once."""
        self.update(state=state, **changes)
        self.event("phase", state=state)

    def update(self, **changes) -> None:
        """Change the status and write it now."""
        for name, value in changes.items():
            setattr(self.status, name, value)
        self.status.heartbeat = self._written = time.time()
        try:
            write_json(self.run.path / "status.json", self.status.model_dump())
        except FileNotFoundError:
            raise RunGone(self.run.id) from None

    def step(self, **changes) -> None:
        """Change the status; written at most every STATUS_EVERY seconds."""
        for name, value in changes.items():
            setattr(self.status, name, value)
        if time.time() - self._written > STATUS_EVERY:
            self.update()

    def beat(self, *_) -> None:
        """A sign of life inside a long phase. Raises Stopped if asked to stop."""
        self.step()
        if self.stop_asked():
            raise Stopped

    def stop_asked(self) -> bool:
        return (self.run.path / "stop").exists()

    # -- metrics and events

    def point(self, **values) -> None:
        """One line of metrics.jsonl; keys may hold "/" as ``train/loss``; values that are not finite become null."""
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
        self._append("metrics.jsonl", clean)

    def event(self, kind: str, **values) -> None:
        """One line of events.jsonl."""
        self._append("events.jsonl", {"time": time.time(), "kind": kind, **values})

    def _append(self, name: str, value: dict) -> None:
        # one write call for a whole line, so that no reader and no crash meets half of one
        try:
            handle = os.open(self.run.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except FileNotFoundError:
            raise RunGone(self.run.id) from None
        try:
            os.write(handle, (json.dumps(value, ensure_ascii=False) + "\n").encode())
        finally:
            os.close(handle)

    def rewind(self, step: int, check_due: bool) -> None:
        """Forget the points after ``step``, which the run will make again."""
        path = self.run.path / "metrics.jsonl"
        points, _ = read_lines(path)
        kept = [p for p in points if p["step"] < step or (p["step"] == step and not (check_due and "validation/loss" in p))]
        if len(kept) < len(points) or (path.exists() and not path.read_bytes().endswith(b"\n")):
            beside = path.with_name(".metrics.jsonl.new")
            beside.write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in kept), encoding="utf-8")
            os.replace(beside, path)

    def failed(self, error: UserError) -> None:
        """Tell what went wrong and end."""
        self.update(state="failed", error=error.to_dict(), eta=None)
        self.event("phase", state="failed")
