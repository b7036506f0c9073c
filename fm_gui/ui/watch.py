"""The Watch tab: the list of runs, and of the chosen one its state, curves, samples, incidents and log.

What is shown comes through read-only server functions that the browser asks while it looks; what changes something is
an ordinary event. The run is held by the address (``run``, and ``with`` for those laid over it), so a reload restores it.
"""

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from fm_gui import scores
from fm_gui.config import RunConfig
from fm_gui.errors import UserError
from fm_gui.files import read_json
from fm_gui.runs import Run, Status
from fm_gui.text import say, table
from fm_gui.ui import charts, live
from fm_gui.ui.bind import act, language
from fm_gui.workspace import Workspace

TITLE = "watch.title"
JSON = dict[str, Any]

_SLOW = 10  # times the usual step until the silence is worth a word
_SLOW_AT_LEAST = 10  # seconds
_DISCARD_WAIT = 60  # seconds a worker gets to end its step
_ACTIONS = ("stop", "resume", "discard", "delete", "undo")

# -- what is shown


def state(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """The state line of a run, its phases, result, error, and what may be done with it now."""
    run = live.find(workspace, run_id)
    if run is None:
        return {"gone": say("watch.gone", lang, name=run_id)}
    status = run.status()
    alive = status.state in Run.ACTIVE
    return {
        "id": run.id,
        "facts": facts(run.config, lang),
        "state": status.state,
        "word": say("state." + status.state, lang),
        "tone": live.tone(status.state),
        "percent": round(live.percent(status), 2),
        "share": f"{live.percent(status):.0f} %" if status.steps else "",
        "about": about(status, lang),
        "times": times(status, lang),
        "phases": phases(status, lang),
        "safe": alive,
        **beat(run, status, lang),
        "result": result(run, status, lang),
        "error": error(run, status, lang),
        "can": can(run, status),
    }


def facts(config: RunConfig, lang: str) -> str:
    """ "Sort texts · reviews · from minilm"."""
    start = config.model.start
    if start == "scratch":
        start = say("watch.scratch", lang, architecture=config.model.architecture, size=config.model.size)
    elif start.startswith("run:"):
        start = say("watch.run-start", lang, name=start.removeprefix("run:"))
    return say("watch.facts", lang, task=say("task." + config.task, lang), data=config.data.name, start=start)


def about(status: Status, lang: str) -> str:
    """One sentence on what the state means."""
    if status.state == "queued" and status.waiting_for:
        return say("watch.about.queued-behind", lang, count=status.waiting_for)
    return say("watch.about." + ("done-early" if status.state == "done" and status.early_stopped else status.state), lang)


def times(status: Status, lang: str) -> list[str]:
    """Step, time left or taken."""
    told = []
    if status.step:
        told.append(say("watch.step" if status.steps else "watch.step.open", lang, step=status.step, steps=status.steps))
    if status.state in Run.ACTIVE:
        if status.eta is not None:
            told.append(say("watch.left", lang, time=live.duration(status.eta, lang)))
    elif status.seconds:
        told.append(say("watch.took", lang, time=live.duration(status.seconds, lang)))
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
    if status.state != "training":
        return {"beat": say("watch.sign", lang, ago=live.ago(silence, lang)), "slow": False}
    usual = live.pace(live.tail(run)) or 0.0
    if silence > max(_SLOW * usual, _SLOW_AT_LEAST):
        pace = f"{usual:.2g}" if usual < 10 else f"{usual:.0f}"
        return {
            "beat": say("watch.beat.slow", lang, time=live.duration(silence, lang), pace=say("time.seconds", lang, s=pace)),
            "slow": True,
        }
    return {"beat": say("watch.beat", lang, ago=live.ago(silence, lang)), "slow": False}


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


def error(run: Run, status: Status, lang: str) -> JSON | None:
    """What went wrong, as a sentence, and the end of the log."""
    if status.state != "failed":
        return None
    told = status.error or {}
    known = "error." + told.get("code", "") in table()
    sentence = UserError.from_dict(told).say(lang) if known else told.get("sentence") or say("watch.about.failed", lang)
    return {"sentence": sentence, "log": "\n".join(run.log_tail().splitlines()[-30:])}


def can(run: Run, status: Status) -> list[str]:
    """Which actions make sense now, the likeliest first."""
    if status.state in Run.ACTIVE:
        return ["stopping" if (run.path / "stop").exists() else "stop", "discard"]
    going = ["resume"] if status.state in Run.RESUMABLE else []
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
    incidents = [event for event in events if event["kind"] == "incident"]
    return told | {
        "samples": [
            {"step": step, "texts": [{"prompt": prompt, "text": text} for prompt, text in sorted(texts.items())]}
            for step, texts in sorted(steps.items())
        ],
        "incidents": [
            {"when": live.ago(time.time() - event["time"], lang), "text": say(event["code"], lang, **event["values"])}
            for event in incidents
        ],
    }


# -- what is done


def stop(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Ask the worker to end after its step."""
    chosen(workspace, run_id).stop()
    return note(say("watch.stopped", lang, name=run_id))


def resume(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Go on from the last checkpoint."""
    chosen(workspace, run_id).resume()
    return note(say("watch.resumed", lang, name=run_id))


def discard(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Stop, wait for the worker to end, move to the bin."""
    run = chosen(workspace, run_id)
    run.stop()
    if run.wait(timeout=_DISCARD_WAIT).state in Run.ACTIVE:
        raise UserError("watch-busy", name=run_id)
    return delete(workspace, lang, run_id)


def delete(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Move to the bin, from where Undo brings it back."""
    chosen(workspace, run_id)
    workspace.delete_run(run_id)
    return note(say("watch.deleted", lang, name=run_id), undo=True)


def undo(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Bring back what was deleted last."""
    name = workspace.undo_delete()
    return note(say("watch.restored", lang, name=name), run=name)


def chosen(workspace: Workspace, run_id: str) -> Run:
    """The run of the address. Raises UserError if there is none."""
    if not run_id:
        raise UserError("watch-nothing")
    return workspace.run(run_id)


def note(text: str, **more) -> JSON:
    """The answer to a click, shown above the list; the time makes each one new to the browser."""
    return {"text": text, "time": time.time_ns(), **more}


# -- the tab


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """List at the left; at the right state, curves, then what happened."""

    def all_runs(data: dict, request: gr.Request) -> JSON:
        return {"rows": live.rows(workspace, language(request))}

    def run_state(data: dict, request: gr.Request) -> JSON:
        return state(workspace, language(request), str(data.get("run", "")))

    def run_story(data: dict, request: gr.Request) -> JSON:
        return story(workspace, language(request), str(data.get("run", "")), int(data.get("size", 0)), bool(data.get("log")))

    def part(name: str, *asks) -> gr.HTML:
        return gr.HTML(
            value={},
            html_template='<div class="watch-part"></div>',
            apply_default_css=False,
            elem_id=f"watch-{name}",
            server_functions=list(asks),
            js_on_load=f"fm.watch.{name}(element.querySelector('.watch-part'), server, props, watch);",
        )

    said = part("note")
    with gr.Row(elem_classes="fm-two", elem_id="watch-two", equal_height=False):
        with gr.Column(elem_classes="fm-left", min_width=280):
            part("list", all_runs)
        with gr.Column(elem_classes="fm-right", min_width=280):
            part("head", run_state)
            charts.live_chart(lambda data, lang: charts.curves(workspace, data, lang), elem_id="watch-curves")
            part("story", run_story)
    run = gr.Textbox(visible="hidden", elem_id="watch-run")
    for name, handler in zip(_ACTIONS, (stop, resume, discard, delete, undo), strict=True):
        button = gr.Button("", visible="hidden", elem_id=f"watch-{name}-do")
        button.click(
            act(workspace, handler),
            inputs=[run],
            outputs=[said],
            js="() => [fm.param('run')]",
            api_visibility="private",
            show_progress="hidden",
        )
