"""Runs: can every file of a run be read, is what was sealed still what was written, and are its rows still there?"""

import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui import layout, processes
from fm_gui.data.dataset import Dataset
from fm_gui.files import bring_back, damaged, read_json, write_json, write_text
from fm_gui.runs import Run, Status
from fm_gui.upkeep.finding import Finding, shut

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

LINES = ("metrics.jsonl", "events.jsonl")
ASIDE = {"checkpoint": "checkpoint.previous", "best": ".best.old", "model": ".model.old"}  # where a save puts what stood there


def check(workspace: "Workspace") -> Iterator[Finding]:
    for folder in sorted((workspace.root / "runs").glob("*")):
        if folder.is_dir():
            yield from list(shut(folder, f"runs/{folder.name}")) or _check(workspace, folder)


def _check(workspace: "Workspace", folder: Path) -> Iterator[Finding]:
    run, where = Run(folder), f"runs/{folder.name}"
    if broken := [file.name for file in sorted(folder.glob("*.json")) if file.name != "config.json" and not _parses(file)]:
        yield Finding("run-file", "attention", where, {"name": run.id, "files": ", ".join(broken)}, partial(_files_aside, run, broken))
    for name in LINES:
        if bad := _split_lines(folder / name)[1]:
            yield Finding("run-lines", "attention", f"{where}/{name}", {"name": run.id, "file": name, "count": len(bad)}, partial(_lines_aside, run, name))
    if "changes.json" not in broken and not _has_config(run):
        if folder.exists():
            yield Finding("run-unknown", "serious", where, {"name": run.id}, partial(_give_up, workspace, run))
        return
    if broken or _at_work(run):  # what is being written now is checked by its worker
        return
    yield from _check_saved(run, where)
    data = run.config.data
    if not Dataset.has(workspace, data):
        binned = any(deleted.kind == "datasets" and deleted.name == data.name for deleted in workspace.bin())
        yield Finding("run-data-binned" if binned else "run-data-gone", "attention", where, {"name": run.id, "data": data.name})


def _check_saved(run: Run, where: str) -> Iterator[Finding]:
    """Checkpoints, the best weights and the finished model."""
    if half := [name for name, aside in ASIDE.items() if not (run.path / name).exists() and (run.path / aside).exists()]:
        yield Finding("run-half-saved", "attention", where, {"name": run.id}, partial(_bring_back, run, half))
    unfinished = run.status().state in Run.UNFINISHED
    if unfinished and _is_damaged(run.path / "checkpoint"):
        previous = run.path / ASIDE["checkpoint"]
        if previous.exists() and not _is_damaged(previous):
            yield Finding("run-checkpoint", "attention", f"{where}/checkpoint", {"name": run.id}, partial(_use_previous, run))
        else:
            yield Finding("run-checkpoints", "serious", f"{where}/checkpoint", {"name": run.id})
    for name in ("best", "model"):
        if (unfinished or name == "model") and _is_damaged(run.path / name):
            yield Finding("run-weights", "serious", f"{where}/{name}", {"name": run.id, "folder": name})


def _is_damaged(folder: Path) -> bool:
    """True if a file of a sealed folder is not what was written, or a file of weights was cut off."""
    try:
        known: dict[str, dict[str, Any]] = read_json(folder / "manifest.json")
        return bool(damaged(folder, known))
    except FileNotFoundError:  # not there, or saved by an older fm_gui
        return any(_is_cut(file) for file in folder.glob("*.safetensors"))
    except (ValueError, TypeError, AttributeError, KeyError):
        return True


def _is_cut(weights: Path) -> bool:
    """A safetensors file begins with the length of its header, which says where the last tensor ends."""
    try:
        with open(weights, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < weights.stat().st_size else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return not ends or 8 + length + max(ends) != weights.stat().st_size
    except FileNotFoundError:
        return False
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return True


def _parses(file: Path) -> bool:
    try:
        found = read_json(file)
        if file.name == "status.json":
            Status(**found)
    except FileNotFoundError:
        return True
    except (ValueError, TypeError):
        return False
    return True


def _has_config(run: Run) -> bool:
    try:
        return bool(run.config.id)
    except (FileNotFoundError, ValueError, TypeError):
        return False


def _split_lines(file: Path) -> tuple[list[str], list[str]]:
    """The lines of a file that can be read, and those that cannot; what stands behind the last line end is still being written."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    except FileNotFoundError:
        return [], []
    good, bad = [], []
    for line in lines:
        try:
            (good if isinstance(json.loads(line), dict) else bad).append(line)
        except ValueError:
            bad.append(line)
    return good, bad


def _at_work(run: Run) -> bool:
    try:
        return run.status().state in Run.ACTIVE
    except (ValueError, TypeError):  # status.json is damaged
        return bool(processes.working_on(run.path, None))


# -- repairs, each while nobody starts the run


def _files_aside(run: Run, names: list[str]) -> bool:
    """Put files that cannot be read aside; a status is made anew of what the run's other files tell."""
    with layout.alone(run.workspace_root, f"run-{run.id}"):
        if _at_work(run):
            return False
        for name in names:
            if not _parses(run.path / name):
                os.replace(run.path / name, run.path / f"{name}.damaged")
        if "status.json" in names and not (run.path / "status.json").exists():
            write_json(run.path / "status.json", _status_of(run).model_dump())
    return True


def _status_of(run: Run) -> Status:
    points = [json.loads(line) for line in _split_lines(run.path / "metrics.jsonl")[0]]
    phases = [event["state"] for line in _split_lines(run.path / "events.jsonl")[0] if (event := json.loads(line)).get("kind") == "phase"]
    step = max((point.get("step", 0) for point in points), default=0)
    done = phases[-1:] == ["done"] and run.has_model
    return Status(state="done" if done else "stopped", step=step, steps=step if done else 0, seconds=max((p.get("seconds", 0) for p in points), default=0))


def _lines_aside(run: Run, name: str) -> bool:
    with layout.alone(run.workspace_root, f"run-{run.id}"):
        if _at_work(run):
            return False
        good, bad = _split_lines(run.path / name)
        if bad:
            with open(run.path / f"{name}.damaged", "a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in bad)
            write_text(run.path / name, "".join(f"{line}\n" for line in good))
    return True


def _give_up(workspace: "Workspace", run: Run) -> bool:
    with layout.alone(workspace.root, f"run-{run.id}"), workspace.changing():
        if run.path.exists() and not _has_config(run):
            workspace.to_bin(run.path)
    return True


def _bring_back(run: Run, names: list[str]) -> bool:
    with layout.alone(run.workspace_root, f"run-{run.id}"):
        if _at_work(run):
            return False
        for name in names:
            bring_back(run.path / name, run.path / ASIDE[name])
    return True


def _use_previous(run: Run) -> bool:
    """As a resume would do: the checkpoint before takes the place of the damaged one."""
    newest, previous = run.path / "checkpoint", run.path / ASIDE["checkpoint"]
    with layout.alone(run.workspace_root, f"run-{run.id}"):
        if _at_work(run) or not _is_damaged(newest) or _is_damaged(previous):
            return False
        shutil.rmtree(newest)
        os.rename(previous, newest)
    return True
