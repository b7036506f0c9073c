"""A demo's visitors: each has a workspace of their own below the server's, found by their cookie, removed when idle.

The page is built on one :class:`CurrentWorkspace`, which stands for the workspace of whoever sends the request at hand;
tabs need not know. What a demo does not allow is refused by :class:`DemoWorkspace`.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradio.context import LocalContext

from fm_gui import demo
from fm_gui.config import RunConfig
from fm_gui.demo import Limits
from fm_gui.errors import UserError
from fm_gui.machine import size
from fm_gui.models.catalog import get_architecture
from fm_gui.runs import Run
from fm_gui.workspace import Workspace

SWEEP = 60.0  # seconds between two looks for what is to be removed


def id_of(token: str) -> str:
    """The name of a visitor's folder: not the cookie itself, so that a listing of folders lets nobody in."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def current_visitor() -> str:
    """The visitor whose request is being answered: Gradio keeps it for queued events and server functions alike."""
    visitor = visitor_of(LocalContext.request.get(None))
    if visitor is None:  # a defect of ours: better none than somebody's
        raise LookupError("no visitor asks for this")
    return visitor


def visitor_of(request: Any) -> str | None:
    """The visitor of a gr.Request or a Starlette one, as noted by visitors_web.Visitor."""
    raw = getattr(request, "request", None) or request
    return raw.scope.get("fm.visitor") if raw is not None else None


class DemoRun(Run):
    """A run that goes on only within the limits."""

    def __init__(self, path: Path, check: Callable[[], None]):
        super().__init__(path)
        self._check = check

    def start(self) -> None:
        self._check()
        super().start()

    def resume(self, changes: dict[str, Any] | None = None) -> None:
        self._check()
        super().resume(changes)


class DemoWorkspace(Workspace):
    """A visitor's workspace: the same, with fewer and smaller runs, and a bound on all that is kept."""

    def __init__(self, root: Path, visitors: "Visitors"):
        super().__init__(root)
        self._visitors = visitors

    def new_run(self, config: RunConfig, name: str = "") -> Run:
        check_model(config, self._visitors.limits)
        self._check_turn()
        run = super().new_run(config.model_copy(update={"train": demo.limited(config.train)}), name)
        return DemoRun(run.path, self._check_turn)

    def run(self, run_id: str) -> Run:
        return DemoRun(super().run(run_id).path, self._check_turn)

    def _check_turn(self) -> None:
        limits = self._visitors.limits
        if len(_active(self)) >= limits.runs:
            raise UserError("demo-runs", most=limits.runs)
        if sum(len(_active(workspace)) for workspace in self._visitors.all()) >= limits.all_runs:
            raise UserError("demo-busy", most=limits.all_runs)
        self.check_space()

    def check_space(self) -> None:
        """Raise UserError if the visitor keeps more than is lent, even without the bin."""
        limit = self._visitors.limits.space
        if size_of(self.root) > limit:
            self.empty_bin()
            if (used := size_of(self.root)) > limit:
                raise UserError("demo-space", used=size(used), limit=size(limit))


class Visitors:
    """All visitors' workspaces, below ``root``; bounded in number, size and age."""

    def __init__(self, root: Path, limits: Limits = demo.LIMITS, forgotten: Callable[[str], None] = lambda visitor: None):
        self.root, self.limits, self.forgotten = Path(root), limits, forgotten
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def workspace(self, visitor: str) -> DemoWorkspace:
        """The visitor's workspace, made at its first use."""
        return DemoWorkspace(self.root / visitor, self)

    def all(self) -> list[DemoWorkspace]:
        return [self.workspace(path.parent.name) for path in self.root.glob("*/seen")]

    def knows(self, visitor: str) -> bool:
        return (self.root / visitor / "seen").exists()

    def admit(self, visitor: str) -> bool:
        """Note that the visitor is here; False if there is no room for one more."""
        seen = self.root / visitor / "seen"
        with self._lock:
            if not seen.exists():
                if len(self._by_idleness()) >= self.limits.visitors and not self._make_room():
                    return False
                self.workspace(visitor)
                seen.touch()
            elif time.time() - seen.stat().st_mtime > SWEEP / 2:
                seen.touch()
        return True

    def _by_idleness(self) -> list[tuple[float, str]]:
        """(seconds since the last request, visitor), the longest idle first."""
        now = time.time()
        return sorted(((now - path.stat().st_mtime, path.parent.name) for path in self.root.glob("*/seen")), reverse=True)

    def _make_room(self) -> bool:
        """Remove the one longest idle, if it is likely to be gone: idle for a tenth of the time allowed."""
        idle, visitor = self._by_idleness()[0]
        return idle > self.limits.idle / 10 and self.remove(visitor)

    def remove(self, visitor: str) -> bool:
        """Delete all that a visitor has; False if a training must end first, which is asked of it."""
        if working := _active(self.workspace(visitor)):
            for run in working:
                run.stop()
            return False
        self.forgotten(visitor)
        gone = self.root / f".{visitor}.{time.time_ns()}"
        os.rename(self.root / visitor, gone)  # at once, so that whoever returns meets a new one
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def sweep(self) -> None:
        """Remove who was idle for long or keeps far too much, then the longest idle until all fit; stop what trains too long."""
        sizes = {visitor: size_of(self.root / visitor) for _, visitor in self._by_idleness()}
        total = sum(sizes.values())
        for idle, visitor in self._by_idleness():
            for run in _active(self.workspace(visitor)):
                if run.status().seconds > 90 * self.limits.minutes:  # half as long again as allowed
                    run.stop()
            if idle > self.limits.idle or sizes.get(visitor, 0) > 2 * self.limits.space or total > self.limits.all_space:
                with self._lock:
                    removed = self.remove(visitor)
                total -= sizes.get(visitor, 0) if removed else 0

    def watch(self) -> threading.Thread:
        """Sweep now and then for as long as the server runs."""

        def again() -> None:
            while True:
                time.sleep(SWEEP)
                self.sweep()

        thread = threading.Thread(target=again, name="fm-visitors", daemon=True)
        thread.start()
        return thread


class CurrentWorkspace:
    """In a demo the page's ``workspace``: everything asked of it is asked of the current visitor's."""

    def __init__(self, visitors: Visitors):
        self._visitors = visitors

    def here(self) -> DemoWorkspace:
        """The current visitor's workspace itself, for work that goes on in another thread."""
        return self._visitors.workspace(current_visitor())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.here(), name)


def pinned(workspace: Workspace | CurrentWorkspace) -> Workspace:
    """The very workspace that a request is about; what a handler, its generator and its threads must use."""
    return workspace.here() if isinstance(workspace, CurrentWorkspace) else workspace


def check_model(config: RunConfig, limits: Limits) -> None:
    """Raise UserError if ``config`` makes a model from scratch that is too large, or starts from a folder or download."""
    start = config.model.start
    if start.startswith(("folder:", "hub:")):
        raise UserError("demo-source", name=start[:120])
    if start == "scratch":
        architecture = get_architecture(config.model.architecture)
        if architecture.parameters(config.model.size, config.model.vocab_size or 8_000) > limits.parameters:
            raise UserError("demo-size", size=config.model.size, most=limits.parameters // 1_000_000)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; files that vanish meanwhile count nothing."""
    total = 0
    for at, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(at, file)).st_size
            except FileNotFoundError:
                continue
    return total


def _active(workspace: Workspace) -> list[Run]:
    return [run for run in workspace.runs() if run.status().state in Run.ACTIVE]
