"""What the Watch tab tells of one run: its state, what may be done with it, its samples and incidents. Read anew at each question."""

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from fm_gui import queue, scores, silence
from fm_gui.config import RunConfig
from fm_gui.errors import UserError
from fm_gui.files import read_json
from fm_gui.machine import size
from fm_gui.runs import Run, Status
from fm_gui.text import say, table
from fm_gui.times import duration
from fm_gui.ui import live
from fm_gui.workspace import Workspace

JSON = dict[str, Any]

_SLOW = 10  # times the usual step until the silence is worth a word
_SLOW_AT_LEAST = 10  # seconds


def state(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """The state line of a run, its phases, result, error, and what may be done with it now."""
    run = live.find(workspace, run_id)
    if run is None:
        return {"gone": say("watch.gone", lang, name=run_id)}
    status = run.status()
    place = next((waiting for waiting in queue.line(workspace) if waiting.run.id == run.id), None) if status.state == "queued" else None
    return {
        "id": run.id,
        "facts": facts(run.config, lang),
        "state": status.state,
        "word": live.word(status, _words(place.told(), lang) if place else "", lang),
        "tone": live.tone(status),
        "percent": round(live.percent(status), 2),
        "share": f"{live.percent(status):.0f} %" if status.steps else "",
        "about": about(run, status, lang),
        "times": times(status, lang),
        "phases": phases(status, lang),
        "safe": status.state in Run.ACTIVE and not live.silent(status),
        **beat(run, status, lang),
        "room": say("watch.needs-room", lang, size=size(status.needs_room), folder=run.path) if status.needs_room else "",
        "stuck": stuck(run, status, lang),
        "result": result(run, status, lang),
        "use": use(status, lang),
        "error": error(run, status, lang),
        "can": can(run, status, place.place if place else 0),
    }


def facts(config: RunConfig, lang: str) -> str:
    """ "Sort texts · reviews · from minilm"."""
    start = config.model.start
    if start == "scratch":
        start = say("watch.scratch", lang, architecture=config.model.architecture, size=config.model.size)
    elif start.startswith("run:"):
        start = say("watch.run-start", lang, name=start.removeprefix("run:"))
    return say("watch.facts", lang, task=say("task." + config.task, lang), data=config.data.name, start=start)


def about(run: Run, status: Status, lang: str) -> str:
    """One sentence on what the state means."""
    if status.state == "queued":
        if status.waiting_for:
            return say("queue.about", lang, count=status.waiting_for)
        return say("queue.about.first", lang)
    if status.state == "interrupted" and run.fallen:
        return say("queue.fallen" if status.before == "queued" else "queue.fallen.at-work", lang)
    return say("watch.about." + ("done-early" if status.state == "done" and status.early_stopped else status.state), lang)


def times(status: Status, lang: str) -> list[str]:
    """Step, time left or taken."""
    told = []
    if status.step:
        told.append(say("watch.step" if status.steps else "watch.step.open", lang, step=status.step, steps=status.steps))
    if status.state in Run.ACTIVE:
        if (left := live.left(status)) is not None:
            told.append(say("watch.left", lang, time=duration(left, lang)))
    elif status.seconds:
        told.append(say("watch.took", lang, time=duration(status.seconds, lang)))
    return told


def phases(status: Status, lang: str) -> list[JSON]:
    """The steps every run goes through; where a run ended early, those not reached stay open."""
    reached = status.state if status.state in live.PHASES else "training" if status.step else "preparing"
    at = live.PHASES.index(reached) + (reached == "done")
    places = ["past" if index < at else "now" if index == at else "later" for index in range(len(live.PHASES))]
    return [{"word": say("state." + phase, lang), "place": place} for phase, place in zip(live.PHASES, places)]


def beat(run: Run, status: Status, lang: str) -> JSON:
    """When the last step was; ``slow`` once that is much longer ago than steps of this run take."""
    if status.state not in Run.ACTIVE or not status.heartbeat:
        return {"beat": "", "slow": False}
    silence = max(0.0, time.time() - status.heartbeat)
    if live.silent(status):
        return {"beat": "", "slow": False}  # told at length (``stuck``)
    if status.state != "training" or status.needs_room:
        return {"beat": say("watch.sign", lang, ago=live.ago(silence, lang)), "slow": False}
    usual = live.pace(live.tail(run)) or 0.0
    if silence > max(_SLOW * usual, _SLOW_AT_LEAST):
        pace = f"{usual:.2g}" if usual < 10 else f"{usual:.0f}"
        return {
            "beat": say("watch.beat.slow", lang, time=duration(silence, lang), pace=say("time.seconds", lang, s=pace)),
            "slow": True,
        }
    return {"beat": say("watch.beat", lang, ago=live.ago(silence, lang)), "slow": False}


def stuck(run: Run, status: Status, lang: str) -> JSON | None:
    """Of a worker that has been silent for long: for how long, why perhaps, what it means, and where it stands."""
    if not (seconds := live.silent(status)):
        return None
    saved = run.checkpoint_step
    return {
        "line": say("silent.line", lang, time=duration(seconds, lang)),
        "why": _words(silence.why(run), lang),
        "about": say("silent.about", lang, step=saved) if saved else say("silent.about.start", lang),
        "stack": run.stack(),
    }


def _words(words: tuple[str, JSON], lang: str) -> str:
    return say(words[0], lang, **words[1])


def result(run: Run, status: Status, lang: str) -> list[str]:
    """The score on the test part beside what simple methods reach; before that the best on the validation part."""
    path = run.path / "evaluation.json"
    if path.exists():
        evaluation = _evaluation(str(path), path.stat().st_mtime_ns)
        main = scores.scores(run, evaluation)[0]
        return [say("watch.result", lang, title=main.title(lang), line=main.line(lang)), scores.certainty(evaluation, lang)]
    if status.best_step is not None:
        return [say("watch.best", lang, score=live.score_words(run, status, lang), step=status.best_step)]
    return []


@lru_cache(maxsize=64)
def _evaluation(path: str, written: int) -> JSON:
    """evaluation.json, read again only when it was written again."""
    return read_json(Path(path))


def use(status: Status, lang: str) -> str:
    """How far the training uses (or used) the machine, and where the rest goes, largest first; empty before that is known."""
    if "used" not in status.use:
        return ""
    lost = {name: share for name, share in status.use.items() if name != "used"}
    lost["other"] = 1.0 - sum(status.use.values())
    told = [say("use.part", lang, what=say(f"use.{name}", lang), share=_percent(share)) for name, share in sorted(lost.items(), key=lambda one: -one[1]) if share >= 0.005]
    key = "use.now" if status.state == "training" else "use.was"
    return say(key, lang, used=_percent(status.use["used"]), rest=say("use.and", lang).join(told))


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def error(run: Run, status: Status, lang: str) -> JSON | None:
    """What went wrong, as a sentence, and the end of the log."""
    if status.state != "failed":
        return None
    told = status.error or {}
    known = "error." + told.get("code", "") in table()
    sentence = UserError.from_dict(told).say(lang) if known else told.get("sentence") or say("watch.about.failed", lang)
    return {"sentence": sentence, "log": "\n".join(run.log_tail().splitlines()[-30:])}


def can(run: Run, status: Status, place: int = 0) -> list[str]:
    """Which actions make sense now, the likeliest first; ``place`` is that in the line."""
    if status.state in Run.ACTIVE:
        ending = "stopping" if (run.path / "stop").exists() else "cancel" if status.state == "queued" else "stop"
        return (["next"] if place > 1 else []) + [ending, "discard"]
    going = ["resume", "change"] if status.may_go_on else []
    return (["try"] if run.has_model else []) + going + ["again", "delete"]


def story(workspace: Workspace, lang: str, run_id: str, known: int, with_log: bool) -> JSON:
    """Samples and incidents of a run if there are more than the ``known`` bytes of them, and the log if it is open."""
    run = live.find(workspace, run_id)
    if run is None:
        return {"size": 0, "samples": [], "incidents": [], "log": None}
    path = run.path / "events.jsonl"
    size = path.stat().st_size if path.exists() else 0
    told: JSON = {"size": size, "log": run.log_tail() if with_log else None}
    if size == known:
        return told
    events, steps = run.events()[0], {}
    for event in events:
        if event["kind"] == "sample":
            steps.setdefault(event["step"], {})[event["prompt"]] = event["text"]  # a resumed run writes a step's again
    return told | {
        "samples": [
            {"step": step, "texts": [{"prompt": prompt, "text": text} for prompt, text in sorted(texts.items())]}
            for step, texts in sorted(steps.items())
        ],
        "incidents": [{"time": event["time"], "text": incident(event, lang)} for event in events if event["kind"] == "incident"],
    }


def incident(event: JSON, lang: str) -> str:
    """What happened, as a sentence; what only a newer fm_gui has words for is told by its name."""
    if event["code"] not in table():
        return event["code"]
    return say(event["code"], lang, **event["values"])
