"""A run: everything about one training lives in one folder, and this is the handle on it.

One writer per file (the design's table): config.json, changes.json, place.json and process.json by whoever starts the
run or moves it in the queue; status.json, metrics.jsonl, events.jsonl, estimate.json, checkpoint/, best/, model/ and
stack.txt by the worker (status.json by the launcher while there is none); log.txt by the operating system (the worker's
output); ``stop`` by whoever wants it to end; evaluation.json by evaluate, README.md by card.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from fm_gui import demo, machine, processes
from fm_gui.config import RunConfig, TrainSettings, parse
from fm_gui.errors import INCURABLE, UserError
from fm_gui.files import kept_json, read_json, read_lines, stamp_of, write_json
from fm_gui.layout import alone

State = Literal["queued", "preparing", "measuring", "training", "evaluating", "saving", "done", "stopped", "failed", "interrupted"]

STUCK_SECONDS = 60  # without a sign of life
LAUNCH_SECONDS = 30  # a launch takes at most this long until process.json is written
# what may change when a run goes on: the length, the checks, what only speed and memory depend on
MAY_CHANGE = (
    "epochs", "max_steps", "minutes", "eval_every", "patience", "early_stopping", "checkpoint_minutes", "checkpoint_steps",
    "micro_batch_size", "activation_checkpointing", "device", "processes", "shard", "compile")  # fmt: skip


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
    waiting_for: int = 0  # runs ahead of it: those in line before it and those that work on its devices
    host: str = ""  # the machine it waits or works on
    devices: list[str] = []  # what it uses; while queued, what it may use
    needs_room: int = 0  # bytes of disk still missing while the worker waits for room
    before: State | None = None  # of an interrupted run: what it was doing
    early_stopped: bool = False
    use: dict[str, float] = {}  # where the machine's arithmetic goes while training (train/clock.py), as shares
    error: dict[str, Any] | None = None  # UserError.to_dict()

    @property
    def may_go_on(self) -> bool:
        """Whether resuming makes sense: it has ended before its end, and by nothing that would end it again."""
        return self.state in ("stopped", "failed", "interrupted") and not (self.error and self.error["code"] in INCURABLE)


class Run:
    """Handle on one run folder; cheap to make, reads the disk on every question."""

    ACTIVE = ("queued", "preparing", "measuring", "training", "evaluating", "saving")
    RESUMABLE = ("stopped", "failed", "interrupted")
    UNFINISHED = ACTIVE + RESUMABLE

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.id = self.path.name
        self._folder = str(path)  # whoever waits in line looks at all runs again and again: joining strings is much faster than paths
        self._config: RunConfig | None = None

    @property
    def config(self) -> RunConfig:
        """What was asked for, with what was changed since (changes.json); once read it stays known, even if the folder goes."""
        try:
            self._config = _configured(self._folder, stamp_of(f"{self._folder}/config.json"), stamp_of(f"{self._folder}/changes.json"))
        except FileNotFoundError:
            if self._config is None:
                raise
        return self._config

    def changes(self) -> list[dict[str, Any]]:
        """What was changed when the run went on, oldest first: {"time", "step", "settings"}."""
        try:
            return kept_json(self.path / "changes.json")
        except FileNotFoundError:
            return []

    @property
    def workspace_root(self) -> Path:
        return self.path.parent.parent

    # -- reading

    def status(self) -> Status:
        """What the run is doing now; "interrupted" if its worker is gone without having said so."""
        status = self._told()
        if status.state in self.ACTIVE and not self.has_worker and not self._is_being_launched(status):
            status.before, status.state = status.state, "interrupted"
        return status

    def _told(self) -> Status:
        """status.json as it stands; a run made but not started within a while is as good as stopped, one with a broken file too."""
        try:
            return _stood(path := f"{self._folder}/status.json", stamp_of(path)).model_copy()
        except FileNotFoundError:
            return Status(state="queued" if self.path.exists() and 0 <= time.time() - self.config.created < LAUNCH_SECONDS else "stopped")
        except (ValueError, TypeError):  # a disk that lost half of it: all that counts stands in the checkpoint
            return Status(state="stopped")

    def _is_being_launched(self, status: Status) -> bool:
        """True for a while before process.json is written."""
        return not (self.path / "process.json").exists() and time.time() - (status.heartbeat or self.config.created) < LAUNCH_SECONDS

    @property
    def has_worker(self) -> bool:
        """True if the very process that was started still runs."""
        try:
            file = self.path / "process.json"  # touched by a worker that is busy with something long
            return processes.lives(kept_json(file), max(self._told().heartbeat, file.stat().st_mtime))
        except FileNotFoundError:
            return False

    @property
    def fallen(self) -> bool:
        """True if its process ended while it waited, or with the machine: by no fault of the run. It still has its place."""
        status = self.status()
        if status.state != "interrupted" or not (self.path / "place.json").exists():
            return False
        try:
            return status.before == "queued" or processes.went_down_with(kept_json(self.path / "process.json"))
        except FileNotFoundError:
            return False

    def leave_the_line(self) -> None:
        """Give up the place of a run that is not active; resumed, it goes to the end of the line."""
        if (status := self.status()).state == "interrupted" and status.before == "queued":
            write_json(self.path / "status.json", status.model_copy(update={"state": "stopped", "before": None}).model_dump())
        (self.path / "place.json").unlink(missing_ok=True)

    @property
    def order(self) -> tuple[float, float, str]:
        """What the line is sorted by: the place (place.json), else when it was made."""
        created = self.config.created
        try:
            return kept_json(self.path / "place.json")["order"], created, self.id
        except FileNotFoundError:
            return created, created, self.id

    def silence(self) -> float:
        """Seconds since the last sign of life of a worker that lives; 0 if the run is not active."""
        status = self.status()
        return max(0.0, time.time() - status.heartbeat) if status.state in self.ACTIVE and status.heartbeat else 0.0

    @property
    def stuck(self) -> bool:
        return self.silence() > STUCK_SECONDS

    @property
    def paused(self) -> bool:
        """True if the system has halted its process: it got a stop signal."""
        try:
            return processes.is_halted(kept_json(self.path / "process.json"))
        except FileNotFoundError:
            return False

    def stack(self) -> str:
        """Where the silent worker's threads stand, as Python wrote it (stack.txt); empty if it has not, or has since gone on."""
        path = self.path / "stack.txt"
        try:
            fresh = path.stat().st_mtime > self._told().heartbeat
            return path.read_text(encoding="utf-8", errors="replace") if fresh else ""
        except FileNotFoundError:
            return ""

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

    @property
    def checkpoint_step(self) -> int:
        """The step from which it would go on; 0 without a checkpoint."""
        return kept_json(self.path / "checkpoint" / "state.json")["step"] if self.has_checkpoint else 0

    # -- acting

    def start(self) -> None:
        """Start the worker in a process and session of its own, so that it outlives whoever starts it.

        Raises UserError if the run is active or already done.
        """
        with self._starting():
            self._launch()

    def resume(self, changes: dict[str, Any] | None = None) -> None:
        """Go on from the last checkpoint (from the start if there is none), with the settings in ``changes`` changed.

        Raises UserError if active or done, or for a setting that may not change (MAY_CHANGE) or not be so.
        """
        with self._starting():
            if changed := self.changed(changes or {}):
                now = {"time": time.time(), "step": self.checkpoint_step, "settings": changed}
                write_json(self.path / "changes.json", [*self.changes(), now])
            self._launch()

    def changed(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Those of ``changes`` that differ from the present settings, checked. Raises UserError for what may not change.

        Who counts epochs or steps does not want the clock, as at the first start. In a demo they stay within its limits.
        """
        if refused := [name for name in changes if name not in MAY_CHANGE]:
            raise UserError("change-refused", name=", ".join(refused), known=", ".join(MAY_CHANGE))
        if changes.keys() & {"epochs", "max_steps"} and "minutes" not in changes:
            changes = changes | {"minutes": None}
        before = self.config.train
        after = demo.limited(parse(TrainSettings, before.model_dump() | changes))
        return {name: getattr(after, name) for name in MAY_CHANGE if getattr(after, name) != getattr(before, name)}

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """One launcher at a time; raises UserError if the run is gone, active or done."""
        with alone(self.workspace_root, f"run-{self.id}"):  # Workspace.delete_run holds it too
            if not (self.path / "config.json").exists():
                raise UserError("run-gone", name=self.id)
            state = self.status().state
            if (self.path / "process.json").exists() and state in self.ACTIVE:
                raise UserError("run-active", name=self.id)
            if state == "done":
                raise UserError("run-done", name=self.id)
            yield

    def _launch(self) -> None:
        status, keeps_its_place = self.status(), self.fallen
        processes.end(processes.working_on(self.path, None), patience=0)  # ranks that a killed launcher left behind
        for old in ("stop", "process.json", "stack.txt"):
            (self.path / old).unlink(missing_ok=True)
        if not keeps_its_place:
            write_json(self.path / "place.json", {"order": self._last_place()})
        fresh = {"state": "queued", "before": None, "error": None, "heartbeat": time.time(), "host": "", "devices": [], "waiting_for": 0, "needs_room": 0}
        write_json(self.path / "status.json", status.model_copy(update=fresh).model_dump())
        environment = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONUTF8="1")
        if (count := self.config.train.processes) > 1:  # torchrun would give each one thread
            environment.setdefault("OMP_NUM_THREADS", str(max(1, machine.cores() // count)))
        with open(self.path / "log.txt", "ab") as log:
            worker = subprocess.Popen(
                worker_command(self), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env=environment, cwd=Path(__file__).resolve().parent.parent,
            )  # fmt: skip
        write_json(self.path / "process.json", processes.record(worker.pid))

    def _last_place(self) -> float:
        """A place behind all that were ever given, even if the clock was set back since."""
        last = time.time()
        for path in self.path.parent.glob("*/place.json"):
            with suppress(FileNotFoundError):  # deleted meanwhile
                last = max(last, kept_json(path)["order"] + 1e-3)
        return last

    def stop(self) -> None:
        """Ask the worker to stop after its current step and keep the result."""
        if self.status().state in self.ACTIVE:
            (self.path / "stop").touch()

    def kill(self, patience: float = 5.0) -> None:
        """End a worker that does not answer, and every process of it: asked first, killed after ``patience`` seconds."""
        launched = None
        with suppress(FileNotFoundError):
            launched = kept_json(self.path / "process.json")
        processes.end(processes.working_on(self.path, launched), patience)

    def end(self, patience: float = 5.0) -> Status:
        """Stop, and if that takes longer than ``patience`` seconds kill; a run that has not begun is stopped either way."""
        self.stop()
        if self.wait(patience, poll=0.05).state in self.ACTIVE:
            self.kill()
        if self.status().state not in self.ACTIVE:
            self.leave_the_line()
        return self.status()

    def discard(self) -> None:
        """Stop the run, whatever it takes, and move it to the bin. Raises UserError if an unfinished run builds on it."""
        from fm_gui.workspace import Workspace

        self.end(patience=10)
        self.kill(patience=0)  # a process that its ended worker left behind
        Workspace(self.workspace_root).delete_run(self.id)

    def wait(self, timeout: float | None = None, poll: float = 0.2) -> Status:
        """Block until the run is no longer active, or ``timeout`` seconds have passed; returns the last status."""
        end = time.monotonic() + timeout if timeout is not None else float("inf")
        while (status := self.status()).state in self.ACTIVE and time.monotonic() < end:
            time.sleep(poll)
        return status


def worker_command(run: Run) -> list[str]:
    """What trains ``run``: one process, or torchrun with as many as it asks for."""
    count, worker = run.config.train.processes, ["-m", "fm_gui", "worker", str(run.path)]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count), "--max-restarts", "0"]
    return [sys.executable, *(torchrun if count > 1 else []), *worker]


@lru_cache(maxsize=4096)
def _stood(path: str, written: tuple[int, ...]) -> Status:
    """status.json as it stood when it was written; not to be changed."""
    return Status(**read_json(Path(path)))


@lru_cache(maxsize=4096)
def _configured(path: str, written: tuple[int, ...], changed: tuple[int, ...]) -> RunConfig:
    """config.json of the run in ``path`` with changes.json applied to its training settings."""
    config = RunConfig(**read_json(Path(path) / "config.json"))
    for change in read_json(Path(path) / "changes.json") if changed else []:
        config.train = TrainSettings(**config.train.model_dump() | change["settings"])
    return config
