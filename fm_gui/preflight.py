"""Measured before a long run: how long, how much memory, how much disk; by real steps in a process that is thrown away.

cache/preflight-KEY.json   what was measured for one configuration on one machine (KEY: see ``fingerprint``)
preflight.jsonl            of each run that was measured before: what was predicted and what came true
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fm_gui import demo, machine
from fm_gui import plan as planning
from fm_gui.config import RunConfig, TrainSettings
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.preflight_advice import Advice, advise
from fm_gui.runs import Run, read_lines
from fm_gui.workspace import Workspace

FRESH = 24 * 3600.0  # seconds for which a measurement is taken again: the machine may have other things to do tomorrow
LONGEST = 600.0  # seconds after which a measurement is given up
KILLED_AT = 0.6  # of the memory that was free: with less in use, it was not for want of memory that the system killed the process
COMPILE_SECONDS = 180.0  # that trying to compile may take before it is given up
LONG = 20 * 60.0  # seconds of training from which on the page suggests to measure
MARGIN = 1.08  # a run meets batches and fragments that three steps did not: this much more must be free
TIME_HIT, MEMORY_HIT = 0.15, 0.10  # a prediction this near the truth was right
RATES = {"cpu": 4e10, "cuda": 4e13, "mps": 2e12}  # useful operations a second (of a CPU core), for a first guess only


class Range(BaseModel):
    """Seconds: what is expected, and between what it will most likely be."""

    low: float
    mid: float
    high: float


class Preflight(BaseModel):
    """What was measured and what follows from it. Memory and disk in bytes; ``seconds`` is None if memory ran out before a step."""

    time: float
    device: str
    steps: int
    seconds: Range | None  # of the whole run, from its start to "done"
    seconds_per_step: float = 0.0
    seconds_per_check: float = 0.0
    launch_seconds: float = 0.0  # until the process works
    start_seconds: float = 0.0  # from there to the first step: data, model, the first fit of its head
    first_save_seconds: float = 0.0  # for which the steps wait when the first checkpoint is written
    best_save_seconds: float = 0.0  # and when weights that are the best so far are
    evaluation_seconds: float = 0.0
    peak_memory: int  # 0: not known, as it ran out
    available_memory: int
    checkpoint_bytes: int
    disk_needed: int
    disk_free: int
    longest: int  # tokens of the longest text or block
    compile: bool | None = None  # whether it pays for this run; None: not tried, as the run is too short or it was decided
    compile_gain: float = 0.0  # seconds saved over the whole run, its own time taken off
    others: int = 0  # runs that were at work meanwhile
    memory_fits: bool
    fits: bool  # memory and disk
    advice: list[Advice] = []


def measure(workspace: Workspace, config: RunConfig, progress: Callable[[float, str], None] | None = None) -> Preflight:
    """Take real steps of ``config`` in a process of its own, and say what the run will need; kept for ``cached``.

    ``progress(share, words key)`` is called a few times a second; what it raises ends the measurement. The process and
    its children end with the asker. Raises UserError as the run itself would, but for memory: that is an answer.
    """
    demo.check_measuring()
    tell = progress or (lambda share, key: None)
    _tidy(workspace)
    planned = planning.plan(workspace, config, lambda done, total: tell(0.1 * done / max(1, total), "preflight.doing.data"))
    folder = workspace.root / "cache" / f"preflight-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        write_json(folder / "config.json", config.model_copy(update={"id": folder.name}).model_dump(mode="json"))
        others = sum(run.status().state in ("preparing", "measuring", "training", "evaluating") for run in workspace.runs())
        available = machine.memory()[1]  # the process says it better, if it comes to that
        found = _result(folder, *_work(folder, tell), available)
        if _progress(folder)[1] == "preflight.doing.compile":  # it took too long, or all memory, or it was done
            found = {"compile": False} | found
        result = conclude(workspace, config, planned, {"available_memory": available, "others": others} | found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_json(_path(workspace, config), result.model_dump())
    return result


def _tidy(workspace: Workspace) -> None:
    """Remove what was measured too long ago, and what a measurement whose asker was killed left behind."""
    for old in (workspace.root / "cache").glob("preflight-*"):
        with contextlib.suppress(FileNotFoundError):  # another process tidies too
            if time.time() - old.stat().st_mtime > FRESH:
                shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink()


def _work(folder: Path, tell: Callable[[float, str], None]) -> tuple[int, int]:
    """Run the process to its end, or kill it with its children; returns its exit status, and the most memory seen (bytes).

    Raises UserError if it takes too long.
    """
    import psutil

    environment = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONUTF8="1")
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fm_gui.train.preflight", str(folder)], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, env=environment, cwd=Path(__file__).resolve().parent.parent,
        )  # fmt: skip
    try:
        begin, tried, most = time.monotonic(), None, 0  # tried: since when it compiles
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                most = max(most, psutil.Process(process.pid).memory_info().rss)
            if time.monotonic() - begin > LONGEST:
                raise UserError("preflight-slow", minutes=round(LONGEST / 60))
            share, key = _progress(folder)
            tell(share, key)
            if key == "preflight.doing.compile":
                tried = tried or time.monotonic()
                if time.monotonic() - tried > COMPILE_SECONDS:
                    break
            time.sleep(0.2)
    finally:
        status = end(process)
    return status, most


def end(process: subprocess.Popen) -> int:
    """Kill a process that leads a session, and its children, if they are not gone; returns its exit status."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.stdin.close()
    return process.wait()


def _progress(folder: Path) -> tuple[float, str]:
    try:
        share, key = read_json(folder / "progress.json")
    except FileNotFoundError:
        return 0.1, "preflight.doing.start"
    return share, key


def _result(folder: Path, status: int, most: int, available: int) -> dict[str, Any]:
    """What the process found out; that the system killed it, with most of the memory in use, is a finding too. Raises the UserError it ended with."""
    found = read_json(folder / "result.json") if (folder / "result.json").exists() else {}
    if "error" in found:
        raise UserError.from_dict(found["error"])
    if "memory" in found or "seconds_per_step" in found:
        return found
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        if most < KILLED_AT * available:
            raise UserError("preflight-killed", used=machine.size(most))
        return found | {"memory": "out"}
    lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise UserError("preflight-crash", text=(lines or ["?"])[-1][:300])


def conclude(workspace: Workspace, config: RunConfig, planned: planning.Plan, found: dict[str, Any]) -> Preflight:
    """From what was measured to what it means for the whole run."""
    train = config.train
    weights = found.get("weight_bytes", 4 * planned.parameters)
    checkpoint = found.get("checkpoint_bytes", 3 * weights)
    steps, seconds, check = planned.steps or 0, None, 0.0
    if "seconds_per_step" in found:
        step, check = found.get("compiled_step", found["seconds_per_step"]), found["seconds_per_check"]
        found |= {"seconds_per_step": step, "start_seconds": found["start_seconds"] + found.get("compile_seconds", 0.0)}
        steps = steps or planning.fitting_steps(train, step, check, planning.steps_of(train, planned.steps_per_epoch))
        checks = planning.checks_of(steps, planning.check_every(train, steps, planned.steps_per_epoch, step, check))
        mid = found["launch_seconds"] + worked(found, steps, checks)
        # twice the standard error of the mean; never surer than a tenth, or than a quarter where processes wait for each other
        half = max(0.1 if train.processes == 1 else 0.25, 2 * found["spread"])
        seconds = Range(low=mid * (1 - half / (1 + half)), mid=mid, high=mid * (1 + half))
    alike = _sharing_memory(train, found.get("device", train.device))
    found |= {name: alike * found[name] for name in ("peak_memory", "fixed_memory") if name in found}
    peak, needed, free = found.get("peak_memory", 0), planning.disk_needed(weights, checkpoint), shutil.disk_usage(workspace.root).free
    memory_fits = "memory" not in found and peak * MARGIN <= found["available_memory"]
    result = Preflight(
        **{name: found[name] for name in Preflight.model_fields if name in found} | {
            "time": time.time(), "device": found.get("device", train.device), "steps": steps, "seconds": seconds, "peak_memory": peak,
            "checkpoint_bytes": checkpoint, "longest": found.get("longest", 0),
            "disk_needed": needed, "disk_free": free, "memory_fits": memory_fits, "fits": memory_fits and needed <= free,
        },
    )  # fmt: skip
    result.advice = advise(workspace, config, result, found)
    return result


def worked(found: dict[str, Any], steps: int, checks: int) -> float:
    """Seconds from "preparing" to "done" of so many steps and checks; the weights may be the best so far at each check but the first."""
    once = found["start_seconds"] + found["first_save_seconds"] + found["evaluation_seconds"]
    return once + steps * found["seconds_per_step"] + checks * found["seconds_per_check"] + (checks - 1) * found["best_save_seconds"]


def _sharing_memory(train: TrainSettings, device: str) -> int:
    """How many processes share the memory: each has the CPU's in common with all, and a GPU's to itself."""
    return train.processes if device == "cpu" else 1


# -- what was measured before


def fingerprint(config: RunConfig) -> str:
    """The same for two configurations that differ in name and time only, on this machine."""
    parts = [config.task, config.data.fingerprint, config.model.model_dump(), config.train.model_dump(), config.options, config.versions, platform.node()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _path(workspace: Workspace, config: RunConfig) -> Path:
    return workspace.root / "cache" / f"preflight-{fingerprint(config)}.json"


def cached(workspace: Workspace, config: RunConfig) -> Preflight | None:
    """What was measured for the same configuration on this machine within a day, or None."""
    path = _path(workspace, config)
    if not path.exists():
        return None
    known = Preflight(**read_json(path))
    return known if time.time() - known.time < FRESH else None


def rough_seconds(planned: planning.Plan, config: RunConfig) -> float:
    """A first guess at the seconds of training, before anything is measured: within a factor of three or so."""
    if config.train.minutes:
        return 60 * config.train.minutes
    kind = machine.pick(config.train.device).split(":")[0]
    rate = RATES[kind] * (machine.cores() if kind == "cpu" else 1)
    return 6 * planned.parameters * planned.tokens_per_step * planned.steps / rate


# -- predicted and true


def record(workspace: Workspace, run: Run, estimate: dict[str, Any]) -> None:
    """Keep what was predicted for a finished run and what came true; one that stopped early is compared for the steps it took."""
    before = Preflight(**estimate["preflight"])
    steps = estimate["actual_steps"]
    checks = planning.checks_of(steps, estimate["eval_every"])
    seconds = worked(before.model_dump(), steps, checks)
    entry = {
        "time": time.time(), "machine": platform.node(), "device": before.device, "run": run.id, "task": run.config.task, "steps": steps,
        "predicted_seconds": round(seconds, 2), "actual_seconds": estimate["actual_total"],
        "predicted_memory": before.peak_memory // _sharing_memory(run.config.train, before.device), "actual_memory": estimate["actual_memory"], "fits": before.memory_fits, "ran_out": _ran_out(run),
    }  # fmt: skip
    with open(workspace.root / "preflight.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _ran_out(run: Run) -> bool:
    """Whether memory ran out while it trained."""
    return any(event.get("code", "").startswith("incident.memory-") for event in run.events()[0])


def history(workspace: Workspace) -> list[dict[str, Any]]:
    """What was predicted and what came true on this machine, oldest first."""
    return [entry for entry in read_lines(workspace.root / "preflight.jsonl")[0] if entry["machine"] == platform.node()]


def hit_rate(workspace: Workspace) -> dict[str, int]:
    """{"time", "memory", "count"}: of how many predictions here the time was right within 15 %, the memory within 10 %."""
    known = history(workspace)

    def hits(name: str, most: float) -> int:
        return sum(abs(entry[f"predicted_{name}"] - entry[f"actual_{name}"]) <= most * entry[f"actual_{name}"] for entry in known)

    return {"time": hits("seconds", TIME_HIT), "memory": hits("memory", MEMORY_HIT), "count": len(known)}
