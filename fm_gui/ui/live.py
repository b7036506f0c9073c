"""What the page tells of runs while they go: read from disk at each question, light, without Gradio.

Everything returned is JSON with sentences ready to be shown, so that the browser only puts text in its place.
"""

import statistics
import time
from typing import Any

from fm_gui import queue
from fm_gui.errors import UserError
from fm_gui.runs import STUCK_SECONDS, Run, Status
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
    shortest = {"en": (" 0 s", " 0 min", " 0 h"), "zh": (" 0 秒", " 0 分钟", " 0 小时")}[lang]
    return say("time.ago", lang, time=next((words.removesuffix(end) for end in shortest if words.endswith(end)), words))


def runs(workspace: Workspace) -> list[Run]:
    """All runs, newest first."""
    return workspace.runs()


def find(workspace: Workspace, run_id: str) -> Run | None:
    """The run a page asks about, or None if it is gone or cannot be read: a page may ask about what was deleted meanwhile."""
    try:
        run = workspace.run(run_id)
        return run if run.config.id else None
    except (UserError, FileNotFoundError, ValueError, TypeError):
        return None


def percent(status: Status) -> float:
    """How much of the run is done, 0 to 100."""
    if status.state == "done":
        return 100.0
    return min(100.0, 100.0 * status.step / status.steps) if status.steps else 0.0


def tone(status: Status) -> str:
    """The colour of a state; a word always stands beside it."""
    if silent(status) or status.needs_room:
        return "warn"
    return {"done": "good", "failed": "bad", "interrupted": "warn", "stopped": "warn", "queued": "wait"}.get(status.state, "live")


def word(status: Status, place: str, lang: str) -> str:
    """The state in a word or two: of a waiting run with its ``place``, of one that works with what keeps it from working."""
    if status.state == "queued" and place:
        return say("queue.word", lang, place=place)
    if silent(status):
        return say("silent.word", lang)
    if status.needs_room:
        return say("room.word", lang)
    return say("state." + status.state, lang)


def silent(status: Status) -> float:
    """Seconds since an active run's last sign of life, once they are so many that it counts as stuck; else 0."""
    silence = time.time() - status.heartbeat if status.state in Run.ACTIVE and status.heartbeat else 0.0
    return silence if silence > STUCK_SECONDS else 0.0


def left(status: Status) -> float | None:
    """Seconds to go, of a run that is not kept from going."""
    return None if silent(status) or status.needs_room or status.state == "queued" else status.eta


def places(workspace: Workspace, lang: str) -> dict[str, str]:
    """ "next in line", "number 2 in line" of each waiting run."""
    return {waiting.run.id: say(waiting.told()[0], lang, **waiting.told()[1]) for waiting in queue.line(workspace)}


def score_words(run: Run, status: Status, lang: str) -> str:
    """ "macro F1 0.91", or nothing before the first check."""
    if status.score is None:
        return ""
    return f"{say('metric.' + get_task(run.config.task).metric, lang)} {number(status.score)}"


def rows(workspace: Workspace, lang: str) -> list[dict[str, Any]]:
    """The list of runs."""
    now, listed, place = time.time(), [], places(workspace, lang)
    for run in runs(workspace)[:SHOWN]:
        status = run.status()
        told = word(status, place.get(run.id, ""), lang)
        if status.state == "training" and status.steps and tone(status) == "live":
            told = f"{told} {percent(status):.0f} %"
        listed.append(
            {
                "id": run.id,
                "state": status.state,
                "word": told,
                "tone": tone(status),
                "task": say("task." + run.config.task, lang),
                "score": score_words(run, status, lang),
                "age": ago(now - run.config.created, lang),
            }
        )
    return listed


def active(workspace: Workspace, lang: str) -> list[tuple[Run, Status]]:
    """Runs that work, then those that wait in the order of the line."""
    found = [(run, status) for run in runs(workspace) if (status := run.status()).state in Run.ACTIVE]
    return sorted(found, key=lambda pair: (True, pair[0].order) if pair[1].state == "queued" else (False, (0.0, -pair[0].config.created, pair[0].id)))


def strip(workspace: Workspace, lang: str, shown: int = 2) -> dict[str, Any]:
    """What stands above the tabs: up to ``shown`` runs, how many more work or wait, and how many fell out of the line."""
    found, place = active(workspace, lang), places(workspace, lang)
    lines = []
    for run, status in found[:shown]:
        last = last_value(run, "train/loss")
        lines.append(
            {
                "id": run.id,
                "word": word(status, place.get(run.id, ""), lang),
                "tone": tone(status),
                "percent": round(percent(status), 1),
                "share": f"{percent(status):.0f} %" if status.state == "training" and status.steps and tone(status) == "live" else "",
                "loss": say("strip.loss", lang, loss=number(last)) if last is not None else "",
                "safe": not silent(status),
                "left": say("strip.left", lang, time=duration(rest, lang)) if (rest := left(status)) is not None else "",
            }
        )
    others = [status.state for _, status in found[shown:]]
    waiting = others.count("queued")
    more = [say(f"strip.{key}", lang, count=count) for key, count in (("more", len(others) - waiting), ("waiting", waiting)) if count]
    return {"lines": lines, "more": ", ".join(more), "fallen": fallen_words(len(queue.fallen(workspace)), lang)}


def fallen_words(count: int, lang: str) -> str:
    """That so many runs are no longer in line, or nothing."""
    return say("queue.fallen.one" if count == 1 else "queue.fallen.many", lang, count=count) if count else ""


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
