"""The Evaluate tab: how good a finished model is on held-out rows, how sure that is, and where it is wrong."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from fm_gui.evaluate import evaluate
from fm_gui.runs import Run
from fm_gui.text import say
from fm_gui.ui import charts, evaluate_view, work
from fm_gui.ui.bind import act, word
from fm_gui.ui.results_view import asked_run, choices, empty_state, finished, run_picker
from fm_gui.ui.view import View, spread
from fm_gui.workspace import Workspace

TITLE = "evaluate.tab"

# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, asked: str | None, current: str | None) -> View:
    """The whole tab: the run the address asks for, else the one that was open, else the newest."""
    runs = finished(workspace)
    run = asked_run(workspace, runs, asked, current, lang)
    view = {"empty": gr.update(visible=run is None), "main": gr.update(visible=run is not None)}
    if run is None:
        return view
    return view | {"run": gr.update(choices=choices(runs, lang), value=run.id), "busy": ""} | _results(run, lang)


def choose(workspace: Workspace, lang: str, name: str) -> View:
    return {"busy": ""} | _results(workspace.run(name), lang)


def _results(run: Run, lang: str) -> View:
    evaluation = run.evaluation()
    if evaluation is None:
        hidden = gr.update(visible=False)
        return {"figures": evaluate_view.unscored(lang), "sure": "", "classes-box": hidden, "confusion-box": hidden, "mistakes-box": hidden}
    confusion = evaluation.get("confusion")
    return {
        "figures": evaluate_view.figures(run, evaluation, lang),
        "sure": evaluate_view.sure(evaluation, lang),
        "classes-box": gr.update(visible=bool(evaluation.get("per_class"))),
        "classes": evaluate_view.classes(evaluation.get("per_class", []), lang),
        "confusion-box": gr.update(visible=confusion is not None),
        **({"confusion": evaluate_view.confusion_figure(confusion, lang)} if confusion else {}),
        "mistakes-box": gr.update(visible="mistakes" in evaluation),
        **_mistakes(evaluation, None, lang),
    }


def _mistakes(evaluation: dict, cell: tuple[str, str] | None, lang: str) -> View:
    return {"mistakes": evaluate_view.mistakes(evaluation, cell, lang), "all": gr.update(visible=cell is not None)}


def open_cell(workspace: Workspace, lang: str, name: str, cell: str) -> View:
    """The rows of one cell of the confusion matrix; ``cell`` is "row,column" as numbers of labels."""
    evaluation = workspace.run(name).evaluation()
    labels = evaluation["confusion"]["labels"]
    row, column = (int(number) for number in cell.split(","))
    return _mistakes(evaluation, (labels[row], labels[column]), lang)


def open_all(workspace: Workspace, lang: str, name: str) -> View:
    return _mistakes(workspace.run(name).evaluation() or {}, None, lang)


def check(workspace: Workspace, lang: str, name: str) -> Iterator[View]:
    """Judge the run again on its held-out test rows."""
    run = workspace.run(name)
    job = work.Job(lambda tell: evaluate(run, beat=lambda *counts: tell(None)), "evaluate.checking")
    for share, key, seconds in job:
        yield {"busy": work.bar(share, key, seconds, lang), "check": gr.update(visible=False), "stop": gr.update(visible=True)}
    gr.Success(say("evaluate.checked", lang, rows=job.result["rows"]))
    yield _results(run, lang)


def settled(workspace: Workspace, lang: str) -> View:
    """Buttons as before, whatever happened."""
    return {"busy": "", "check": gr.update(visible=True), "stop": gr.update(visible=False)}


# -- the page


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Make the tab's components and events, inside its gr.Tab."""
    parts: dict[str, Any] = {"empty": empty_state("evaluate.empty", "evaluate")}
    with gr.Row(elem_classes="fm-two", equal_height=False, visible=False) as parts["main"]:
        with gr.Column(elem_classes="fm-left", min_width=280):
            parts["run"] = run_picker("evaluate-run")
            parts["check"] = gr.Button(word("evaluate.check"), size="md", elem_id="evaluate-check")
            parts["stop"] = gr.Button(word("try.stop"), size="md", visible=False, elem_id="evaluate-stop")
            parts["busy"] = gr.HTML(elem_id="evaluate-busy")
            to_try = gr.Button(word("evaluate.try"), variant="primary", size="md", elem_id="evaluate-try", elem_classes="fm-primary")
        with gr.Column(elem_classes="fm-right", min_width=280):
            parts |= _right()
    _events(workspace, blocks, tab, parts)
    to_try.click(None, [parts["run"]], None, js="(run) => { fm.go('try', {run, with: ''}) }", api_visibility="private")


def _right() -> dict[str, Any]:
    parts: dict[str, Any] = {"figures": gr.HTML(elem_id="evaluate-figures"), "sure": gr.HTML(elem_id="evaluate-sure")}
    with gr.Column(visible=False, elem_classes="evaluate-part") as parts["classes-box"]:
        gr.Markdown(word("evaluate.classes"), elem_classes="evaluate-title")
        parts["classes"] = gr.HTML(elem_id="evaluate-classes")
        gr.Markdown(word("evaluate.classes.help"), elem_classes="fm-muted")
    with gr.Column(visible=False, elem_classes="evaluate-part") as parts["confusion-box"]:
        parts["confusion"] = charts.figure(elem_id="evaluate-confusion")
        gr.Markdown(word("evaluate.confusion.help"), elem_classes="fm-muted")
    with gr.Column(visible=False, elem_classes="evaluate-part") as parts["mistakes-box"]:
        gr.Markdown(word("evaluate.mistakes"), elem_classes="evaluate-title")
        parts["mistakes"] = gr.HTML(elem_id="evaluate-mistakes")
        parts["all"] = gr.Button(word("evaluate.mistakes.all"), size="sm", visible=False, elem_id="evaluate-all")
    return parts


def _events(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab, parts: dict[str, Any]) -> None:
    names, shown = list(parts), list(parts.values())
    asked = gr.Textbox(visible="hidden", elem_id="evaluate-asked")
    refresh = gr.Button(visible="hidden", elem_id="evaluate-refresh")

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, names)), inputs, shown, api_visibility="private", **({"show_progress": "hidden"} | more))

    gr.on([blocks.load, tab.select, refresh.click], act(workspace, spread(show, names)), [asked, parts["run"]], shown,
          js="(asked, run) => [fm.asked('evaluate', 'run'), run]", api_visibility="private", show_progress="hidden")
    on(parts["run"].input, choose, [parts["run"]]).success(
        None, [parts["run"]], None, js="(run) => { fm.mark({run, with: ''}, true) }", api_visibility="private"
    )
    checking = on(parts["check"].click, check, [parts["run"]], concurrency_id="model", concurrency_limit=1)
    on(checking.then, settled, [], queue=False)
    on(parts["stop"].click, settled, [], cancels=[checking], queue=False)
    on(parts["all"].click, open_all, [parts["run"]])
    cell = gr.Textbox(visible="hidden", elem_id="evaluate-cell-picked")
    picked = gr.Button(visible="hidden", elem_id="evaluate-cell")
    on(picked.click, open_cell, [parts["run"], cell], js="(run) => [run, document.querySelector('#evaluate-confusion .fm-plot').dataset.picked]")
