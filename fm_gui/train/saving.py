"""Saving beside the training: the loop copies to memory between two steps, a thread writes to the disk."""

import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

from safetensors import SafetensorError

from fm_gui.files import is_disk_full
from fm_gui.machine import memory
from fm_gui.train.checkpoint import LoopState, Snapshot, aside_of, previous_of, sizes, snapshot, weights_of, write_snapshot

SHARE = 0.02  # of the time that saving by the clock may take
POLL = 0.3  # seconds between signs of life while waiting for the disk


class Saver:
    """At most one save is in flight; what went wrong in its thread is raised in the loop, at the next call."""

    def __init__(self, job, report):
        self.job, self.report = job, report
        self.sizes = sizes(job.model, job.optimizers)
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="saving")
        self.flight: Future | None = None
        self.held: tuple[str, Snapshot] | None = None  # what is in flight, to be written again if the disk was full
        self.wait = job.config.train.checkpoint_minutes * 60
        self.due_at = time.monotonic() + self.wait

    def due(self, step: int) -> bool:
        """By steps, or by the clock unless the last save has not ended."""
        every = self.job.config.train.checkpoint_steps
        if every and step % every == 0:
            return True
        return time.monotonic() >= self.due_at and (self.flight is None or self.flight.done())

    def checkpoint(self, state: LoopState) -> bool:
        """Save all, soon; False, and nothing is saved, if a weight is no longer a number. Raises Stopped while there is no room."""
        self.settle()
        saved = snapshot(self.job.model, self.job.optimizers, state, self._copied(self.sizes.checkpoint))
        if self.job.ranks.any(not saved.finite):
            return False
        self._send("checkpoint", saved)
        return True

    def best(self, record: dict) -> None:
        """Save the present weights as the best so far, soon, with what was scored. Raises Stopped while there is no room."""
        self.settle()
        weights = weights_of(self.job.model, self._copied(self.sizes.weights))
        self._send("best", Snapshot({"model.safetensors": weights}, {"best.json": record}))

    def settle(self) -> None:
        """Wait until what is in flight is on the disk, pausing while that is full. Raises what else its thread met."""
        full = self._full()
        while self.job.ranks.any(full):
            self.report.wait_for_room(self.held[1].size if self.held else 0, together=True)
            if self.held:
                self._start()
            full = self._full()
        self.held = None

    def close(self) -> None:
        """Wait for the thread to end."""
        self.pool.shutdown(wait=True)

    # -- how

    def _copied(self, size: int) -> bool:
        """Whether to copy the tensors, so that training goes on meanwhile. Not where memory is short: there the loop waits."""
        return self.job.device.type != "cpu" or memory()[1] > 3 * size

    def _send(self, name: str, saved: Snapshot) -> None:
        missing = self.job.ranks.first and self.report.missing(saved.size) > 0
        if self.job.ranks.any(missing):
            self.report.wait_for_room(saved.size if self.job.ranks.first else 0, together=True)
        if self.job.ranks.first:
            self.held = (name, saved)
            self._start()
        if not self._copied(saved.size):
            self.settle()

    def _start(self) -> None:
        self.flight = self.pool.submit(self._write, *self.held)

    def _write(self, name: str, saved: Snapshot) -> None:
        begin, folder = time.monotonic(), self.job.run.path / name
        if name == "best":
            write_snapshot(folder, saved, aside_of(folder))
            shutil.rmtree(aside_of(folder), ignore_errors=True)
            return
        self.report.sync()
        write_snapshot(folder, saved, previous_of(folder))
        now = time.monotonic()
        self.due_at = now + max(self.wait, (now - begin) / SHARE)

    def _full(self) -> bool:
        """Wait for the flight; True if it found the disk full."""
        if self.flight is None:
            return False
        flight, self.flight = self.flight, None
        while not wait([flight], POLL).done:
            self.report.step()
        try:
            flight.result()
        except (OSError, SafetensorError) as problem:
            if not is_disk_full(problem):
                raise
            return True
        return False
