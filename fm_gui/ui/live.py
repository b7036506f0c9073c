"""What the page tells of runs while they go: read from disk at each question, light, without Gradio.

Everything returned is JSON with sentences ready to be shown, so that the browser only puts text in its place.
"""

import statistics
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from fm_gui.config import RunConfig
from fm_gui.files import read_json
from fm_gui.runs import Run, Status
from fm_gui.scores import number
from fm_gui.tasks import get_task
from fm_gui.text import say
from fm_gui.times import duration
from fm_gui.workspace import Workspace

PHASES = ("queued", "preparing", "measuring", "training", "saving", "evaluating", "done")
SHOWN = 200  # runs in the list


def ago(seconds: float, lang: str) -> str:
    """ "just now", "2 s ago"; from a minute on only the larger unit."""
    if seconds < 1:
        return say("time.now", lang)
    for unit in (86400, 3600, 60):
        if seconds >= unit:
            seconds -= seconds % unit
            break
    words = duration(seconds, lang)
    shortest = {"en": (" 0 s", " 0 min", " 0 h"), "zh": (" 0 秒", " 0 分", " 0 小时")}[lang]
    return say("time.ago", lang, time=next((words.removesuffix(end) for end in shortest if words.endswith(end)), words))


@lru_cache(maxsize=1024)
def _config(path: str, written: int) -> RunConfig:
    """config.json never changes; ``written`` only makes a run deleted and made again under one name another one."""
    return RunConfig(**read_json(Path(path)))


def runs(workspace: Workspace) -> list[Run]:
    """All runs, newest first, with their configs read once per process and not once per question."""
    found = []
    for file in workspace.root.glob("runs/*/config.json"):
        run = Run(file.parent)
        run.__dict__["config"] = _config(str(file), file.stat().st_mtime_ns)
        found.append(run)
    return sorted(found, key=lambda run: -run.config.created)


def find(workspace: Workspace, run_id: str) -> Run | None:
    """The run a page asks about, or None if it is gone: a page may ask about what was deleted meanwhile."""
    return next((run for run in runs(workspace) if run.id == run_id), None)


def percent(status: Status) -> float:
    """How much of the run is done, 0 to 100."""
    if status.state == "done":
        return 100.0
    return min(100.0, 100.0 * status.step / status.steps) if status.steps else 0.0


def tone(state: str) -> str:
    """The colour of a state; the word always stands beside it."""
    return {"done": "good", "failed": "bad", "interrupted": "warn", "stopped": "warn", "queued": "wait"}.get(state, "live")


def score_words(run: Run, status: Status, lang: str) -> str:
    """ "macro F1 0.91", or nothing before the first check."""
    if status.score is None:
        return ""
    return f"{say('metric.' + get_task(run.config.task).metric, lang)} {number(status.score)}"


def rows(workspace: Workspace, lang: str) -> list[dict[str, Any]]:
    """The list of runs."""
    now, listed = time.time(), []
    for run in runs(workspace)[:SHOWN]:
        status = run.status()
        word = say("state." + status.state, lang)
        if status.state == "training" and status.steps:
            word = f"{word} {percent(status):.0f} %"
        listed.append(
            {
                "id": run.id,
                "state": status.state,
                "word": word,
                "tone": tone(status.state),
                "task": say("task." + run.config.task, lang),
                "score": score_words(run, status, lang),
                "age": ago(now - run.config.created, lang),
            }
        )
    return listed


def active(workspace: Workspace, lang: str) -> list[tuple[Run, Status]]:
    """Runs that work or wait, the working ones first."""
    found = [(run, status) for run in runs(workspace) if (status := run.status()).state in Run.ACTIVE]
    return sorted(found, key=lambda pair: pair[1].state == "queued")


def strip(workspace: Workspace, lang: str, shown: int = 2) -> dict[str, Any]:
    """What stands above the tabs: up to ``shown`` runs, and how many more work or wait."""
    found = active(workspace, lang)
    lines = []
    for run, status in found[:shown]:
        last = last_value(run, "train/loss")
        lines.append(
            {
                "id": run.id,
                "word": say("state." + status.state, lang),
                "tone": tone(status.state),
                "percent": round(percent(status), 1),
                "share": f"{percent(status):.0f} %" if status.state == "training" and status.steps else "",
                "loss": say("strip.loss", lang, loss=number(last)) if last is not None else "",
                "left": say("strip.left", lang, time=duration(status.eta, lang)) if status.eta is not None else "",
            }
        )
    rest = [status.state for _, status in found[shown:]]
    waiting = rest.count("queued")
    more = [say(f"strip.{key}", lang, count=count) for key, count in (("more", len(rest) - waiting), ("waiting", waiting)) if count]
    return {"lines": lines, "more": ", ".join(more)}


def tail(run: Run, characters: int = 8_000) -> list[dict]:
    """The last points of metrics.jsonl."""
    path = run.path / "metrics.jsonl"
    size = path.stat().st_size if path.exists() else 0
    if size <= characters:
        return run.metrics()[0]
    with open(path, "rb") as file:
        file.seek(size - characters)
        cut = file.readline()  # the rest of a line
    return run.metrics(size - characters + len(cut))[0]


def last_value(run: Run, key: str) -> float | None:
    """The newest value of ``key``."""
    return next((point[key] for point in reversed(tail(run)) if point.get(key) is not None), None)


def pace(points: list[dict]) -> float | None:
    """Median seconds per step over the last points, or None before there are two."""
    known = [(point["step"], point["seconds"]) for point in points if "seconds" in point]
    steps = [(s2 - s1) / (n2 - n1) for (n1, s1), (n2, s2) in zip(known, known[1:]) if n2 > n1 and s2 >= s1]
    return statistics.median(steps) if steps else None
