"""Runs take turns: a worker waits until its device is free and no run waits longer."""

from fm_gui.runs import Run
from fm_gui.workspace import Workspace


def wait_for_turn(workspace: Workspace, run: Run, lock, report) -> None:
    """Take the device's lock, oldest waiting run first. Raises Stopped if asked to stop while waiting."""
    import time

    from filelock import Timeout

    report.phase("queued")
    while True:
        report.beat()
        others = [r for r in workspace.runs() if r.id != run.id and r.config.train.device == run.config.train.device]
        active = [r for r in others if r.status().state in Run.ACTIVE]
        ahead = [r for r in active if r.status().state != "queued" or (r.config.created, r.id) < (run.config.created, run.id)]
        report.step(waiting_for=len(ahead))
        if not any(r.status().state == "queued" for r in ahead):
            try:
                lock.acquire(timeout=0)
                report.update(waiting_for=0)
                return
            except Timeout:
                pass
        time.sleep(0.3)
