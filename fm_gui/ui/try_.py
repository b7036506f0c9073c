"""The Try tab: one to three models, one input, their answers side by side; or a whole file back with predictions."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from fm_gui import predict
from fm_gui.config import parse
from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.tasks import Kind, Task, get_task
from fm_gui.text import say
from fm_gui.ui import try_parts, try_view, work
from fm_gui.ui.bind import act
from fm_gui.ui.form import form_values
from fm_gui.ui.results_view import asked_run, choices, download_folder, empty_state, finished
from fm_gui.ui.try_parts import ASKED, KEPT, KNOBS, MOST, SHOWN
from fm_gui.ui.view import View, spread
from fm_gui.ui.widgets import INPUTS, OUTPUTS
from fm_gui.workspace import Workspace

TITLE = "try.tab"
UPDATE = 0.05  # seconds between two updates of streaming text

# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, asked: str | None, current: list[str] | None, tries: list | None) -> View:
    """The whole tab: the runs the address asks for ("a,b"), else those that were open, else the newest."""
    runs = finished(workspace)
    wanted = [name for name in (asked or "").split(",") if name] or list(current or [])
    first = asked_run(workspace, runs, asked.split(",")[0] if asked else None, wanted[0] if wanted else None, lang)
    same = {run.id for run in runs if first and run.config.task == first.config.task}
    picked = list(dict.fromkeys([first.id, *(name for name in wanted if name in same)]))[:MOST] if first else []
    view = {
        "runs": gr.update(choices=choices(runs, lang), value=picked), "before": picked,
        "empty": gr.update(visible=not runs), "main": gr.update(visible=bool(runs)), "note": "",
    }
    return view | (_fit(workspace, lang, picked, tries, keep=picked == current) if picked else {})


def pick(workspace: Workspace, lang: str, picked: list[str] | None, before: list[str] | None, tries: list | None) -> View:
    """Take the picked models; one that learned something else replaces the others, since it answers another question."""
    picked = list(picked or [])[-MOST:]
    note = ""
    if picked:
        added = next((run for run in picked if run not in (before or [])), picked[0])
        task = workspace.run(added).config.task
        same = [run for run in picked if workspace.run(run).config.task == task]
        if same != picked:
            note = say("try.one-kind", lang, name=added, task=say(f"task.{task}", lang))
        picked = same
    view = {"runs": gr.update(value=picked), "before": picked, "note": try_view.remark(note or ("" if picked else say("try.pick", lang)))}
    return view | (_fit(workspace, lang, picked, tries, keep=True) if picked else {})


def _fit(workspace: Workspace, lang: str, picked: list[str], tries: list | None, keep: bool) -> View:
    """Show the inputs, knobs, examples and cards that the picked models need; with ``keep`` what was written stays."""
    runs = [workspace.run(name) for name in picked]
    task = get_task(runs[0].config.task)
    rows = try_view.examples(runs[0], task)
    view: View = {
        **{f"ask-{role}-{kind}": gr.update(visible=task.inputs.get(role) == kind) for role, kind in ASKED},
        **{f"knobs-{name}": gr.update(visible=name == task.name) for name in KNOBS},
        "stop": gr.update(visible=task.output == Kind.STREAM),
        "examples": gr.update(samples=[[try_view.chip(one["inputs"])] for one in rows], visible=bool(rows)),
        "rows": rows,
        "file-fold": gr.update(visible=task.output != Kind.STREAM),
        **_tries_view(task, tries, lang),
    }
    for i in range(MOST):
        view |= {f"card-{i}": gr.update(visible=i < len(runs))}
        if i < len(runs):
            view |= {f"head-{i}": try_view.head(runs[i], lang)}
            view |= {f"out-{kind}-{i}": gr.update(visible=kind == task.output, **({} if keep else {"value": ""})) for kind in SHOWN}
            view |= {} if keep else {f"foot-{i}": try_view.waiting(lang)}
    return view


def answer(workspace: Workspace, lang: str, picked: list[str], example: dict | None, tries: list | None, *values) -> Iterator[View]:
    """Ask the picked models; the first View says that they are being loaded, the last remembers the try."""
    if not picked:
        raise UserError("try-no-model")
    runs = [workspace.run(name) for name in picked]
    task = get_task(runs[0].config.task)
    inputs, knobs = _inputs(task, values), _knobs(task, values)
    for role, kind in task.inputs.items():
        INPUTS[kind].check(inputs[role])
    streaming = task.output == Kind.STREAM
    yield {f"foot-{i}": try_view.busy(say("try.loading", lang)) for i in range(len(runs))} | _running(True)
    predictors = []
    for i, run in enumerate(runs):
        predictors.append(predict.load(run))
        yield {f"foot-{i}": try_view.busy(say("try.writing" if streaming else "try.asking", lang))}
    begin = time.monotonic()
    outputs: list[Any] = []
    for outputs in _together([one.stream(inputs, **knobs) for one in predictors]) if streaming else _one_by_one(predictors, inputs, knobs):
        yield {f"out-{task.output}-{i}": OUTPUTS[task.output].show(output, inputs, lang) for i, output in enumerate(outputs)}
    seconds = time.monotonic() - begin
    truth = example["truth"] if example and example["inputs"] == inputs else ""
    tries = _remember(tries, task, runs, inputs, outputs)
    yield {
        **{f"foot-{i}": try_view.foot(task, output, truth, seconds, lang) for i, output in enumerate(outputs)},
        **_running(False), "tries": tries, **_tries_view(task, tries, lang),
    }


def stopped(workspace: Workspace, lang: str) -> View:
    """What the page shows when writing was stopped: what stands there stays."""
    return {f"foot-{i}": try_view.said(say("try.stopped", lang)) for i in range(MOST)} | _running(False)


def settled(workspace: Workspace, lang: str) -> View:
    """Buttons as before, also after something went wrong."""
    return _running(False)


def _running(running: bool) -> View:
    return {"go": gr.update(interactive=not running), "stop": gr.update(interactive=running)}


def use_example(workspace: Workspace, lang: str, number: int, rows: list[dict]) -> View:
    """Fill in a held-out row; its true answer is shown after the model's."""
    return {"example": rows[number]} | _filled(rows[number]["inputs"])


def again(workspace: Workspace, lang: str, number: int, picked: list[str], tries: list | None) -> View:
    """Fill in what was tried before."""
    return _filled(_same_task(get_task(workspace.run(picked[0]).config.task), tries)[number]["inputs"])


def _filled(inputs: dict[str, Any]) -> View:
    return {f"in-{role}-{kind}": inputs[role] for role, kind in ASKED if role in inputs}


def answer_file(workspace: Workspace, lang: str, picked: list[str], path: str | None) -> Iterator[View]:
    """Predictions for every row of a dropped file, by the first picked model, as a table to download."""
    if not path:
        return
    if not picked:
        raise UserError("try-no-model")
    run = workspace.run(picked[0])
    out = download_folder() / f"{Path(path).stem}-{run.id}.csv"
    job = work.Job(lambda tell: predict.predict_file(run, Path(path), out, lambda done, rows: tell(done / rows)), "try.file.working")
    yield {"file-done": gr.update(visible=False), "file-stop": gr.update(visible=True)}
    for share, key, seconds in job:
        yield {"file-note": work.bar(share, key, seconds, lang)}
    yield {
        "file-note": try_view.said(say("try.file.done", lang, name=run.id)), "file-stop": gr.update(visible=False),
        "file-done": gr.update(value=str(job.result), visible=True), "file": None,
    }


def file_stopped(workspace: Workspace, lang: str) -> View:
    return {"file-note": try_view.said(say("try.file.stopped", lang)), "file-stop": gr.update(visible=False), "file": None}


# -- helpers


def _inputs(task: Task, values: tuple) -> dict[str, Any]:
    """Role -> value of the task's inputs, from the values of all inputs (in the order of ASKED) and knobs."""
    return {role: value for (role, kind), value in zip(ASKED, values) if task.inputs.get(role) == kind}


def _knobs(task: Task, values: tuple) -> dict[str, Any]:
    """The task's knobs, checked, from the values of all inputs and knobs (those after another, in the order of KNOBS)."""
    at = len(ASKED)
    for name, names in KNOBS.items():
        if name == task.name:
            return parse(task.PredictOptions, form_values(task.PredictOptions, names, values[at : at + len(names)])).model_dump()
        at += len(names)
    return {}


def _one_by_one(predictors: list, inputs: dict, knobs: dict) -> Iterator[list]:
    outputs = []
    for predictor in predictors:
        outputs.append(predictor.predict([inputs], **knobs)[0])
        yield list(outputs)


def _together(streams: list[Iterator[str]]) -> Iterator[list[str]]:
    """What each stream has written, advancing all in turn; at most one update every ``UPDATE`` seconds, and the last."""
    written, alive, told = [""] * len(streams), list(range(len(streams))), 0.0
    while alive:
        for i in list(alive):
            text = next(streams[i], None)
            if text is None:
                alive.remove(i)
            else:
                written[i] = text
        if time.monotonic() - told >= UPDATE:
            told = time.monotonic()
            yield list(written)
    yield written


def _remember(tries: list | None, task: Task, runs: list[Run], inputs: dict, outputs: list) -> list[dict]:
    """The tries with the new one first; a repeated one moves up."""
    brief = " | ".join(f"{run.id}: {OUTPUTS[task.output].brief(output)}" for run, output in zip(runs, outputs))
    new = {"task": task.name, "inputs": {role: str(value)[:2000] for role, value in inputs.items()}, "answer": brief}
    return [new, *(one for one in tries or [] if one != new)][:KEPT]


def _same_task(task: Task, tries: list | None) -> list[dict]:
    return [one for one in tries or [] if one["task"] == task.name]


def _tries_view(task: Task, tries: list | None, lang: str) -> View:
    mine = _same_task(task, tries)
    samples = [[try_view.chip(one["inputs"]), one["answer"]] for one in mine]
    return {"tries-fold": gr.update(visible=bool(mine)), "tried": gr.update(samples=samples, headers=[say("try.tried.input", lang), say("try.tried.answer", lang)])}


# -- the page


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Make the tab's components and events, inside its gr.Tab."""
    parts: dict[str, Any] = {"empty": empty_state("try.empty", "try")}
    with gr.Row(elem_classes="fm-two", elem_id="try-two", equal_height=False, visible=False) as parts["main"]:
        with gr.Column(elem_classes="fm-left", elem_id="try-ask", min_width=280):
            parts |= try_parts.ask()
        with gr.Column(elem_classes="fm-right", elem_id="try-answers", min_width=280):
            parts |= try_parts.answers()
        with gr.Column(elem_classes="fm-left", elem_id="try-more", min_width=280):
            parts |= try_parts.more()
    parts |= {"before": gr.State([]), "rows": gr.State([]), "example": gr.State(None)}
    # kept in this browser; the key is fixed so that the tries outlive a restart of the server
    parts["tries"] = gr.BrowserState([], storage_key="fm-tries", secret="fm_gui")
    _events(workspace, blocks, tab, parts)


def _events(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab, parts: dict[str, Any]) -> None:
    names, shown = list(parts), list(parts.values())
    values = [parts[f"in-{role}-{kind}"] for role, kind in ASKED] + [parts[f"knob-{task}-{name}"] for task, fields in KNOBS.items() for name in fields]
    asked = gr.Textbox(visible="hidden", elem_id="try-asked")
    refresh = gr.Button(visible="hidden", elem_id="try-refresh")

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, names)), inputs, shown, api_visibility="private", **({"show_progress": "hidden"} | more))

    def stream(event, handler, inputs):
        return event(act(workspace, spread(handler, names)), inputs, shown, api_visibility="private", show_progress="hidden",
                     concurrency_id="model", concurrency_limit=1)

    gr.on([blocks.load, tab.select, refresh.click], act(workspace, spread(show, names)), [asked, parts["runs"], parts["tries"]], shown,
          js="(asked, runs, tries) => [[fm.asked('try', 'run'), fm.asked('try', 'with')].filter(Boolean).join(','), runs, tries]", api_visibility="private", show_progress="hidden")
    picked = on(parts["runs"].input, pick, [parts["runs"], parts["before"], parts["tries"]])
    # the address follows, so that reload and a second window show the same models
    picked.success(None, [parts["runs"]], None, js="(runs) => { fm.mark({run: runs[0], with: runs.slice(1).join(',')}, true) }", api_visibility="private")
    everything = [parts["runs"], parts["example"], parts["tries"], *values]
    going = [stream(parts["go"].click, answer, everything)]
    on(going[0].then, settled, [], queue=False)
    chosen = on(parts["examples"].click, use_example, [parts["examples"], parts["rows"]])
    going.append(stream(chosen.success, answer, everything))
    on(going[1].then, settled, [], queue=False)
    on(parts["stop"].click, stopped, [], cancels=going, queue=False)
    on(parts["tried"].click, again, [parts["tried"], parts["runs"], parts["tries"]])
    filing = stream(parts["file"].upload, answer_file, [parts["runs"], parts["file"]])
    on(parts["file-stop"].click, file_stopped, [], cancels=[filing], queue=False)
