"""Going on with changed settings, on the Watch tab: a form of what may change, and what the schedule would become."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fm_gui import changes
from fm_gui.config import TrainSettings
from fm_gui.errors import UserError
from fm_gui.runs import MAY_CHANGE
from fm_gui.text import say
from fm_gui.ui.bind import act, word
from fm_gui.ui.form import build_form, form_values
from fm_gui.ui.view import esc
from fm_gui.workspace import Workspace

FIRST = ("epochs", "max_steps", "minutes", "eval_every", "early_stopping", "patience")  # the length and the checks; the rest is folded


@dataclass(frozen=True)
class Parts:
    """The form's components."""

    box: gr.Column
    run: gr.Textbox  # whose form it is
    names: tuple[str, ...]
    fields: tuple[gr.components.Component, ...]
    title: gr.HTML
    outlook: gr.HTML
    go: gr.Button
    close: gr.Button


def build() -> Parts:
    """The form, not seen until asked for."""
    rest = tuple(name for name in MAY_CHANGE if name not in FIRST)
    with gr.Column(visible=False, elem_id="watch-changes", elem_classes="fm-card") as box:
        run = gr.Textbox(visible="hidden", elem_id="watch-resume-run")
        title = gr.HTML(elem_id="watch-resume-title")
        first = build_form(TrainSettings, prefix="watch-change", without=TrainSettings.model_fields.keys() - set(FIRST))
        with gr.Accordion(word("resume.more"), open=False, elem_id="watch-resume-more"):
            more = build_form(TrainSettings, prefix="watch-change", without=TrainSettings.model_fields.keys() - set(rest))
        outlook = gr.HTML(elem_id="watch-outlook")
        with gr.Row(elem_classes="fm-actions"):
            go = gr.Button(word("resume.go"), variant="primary", elem_id="watch-resume-go")
            close = gr.Button(word("resume.close"), elem_id="watch-resume-close")
    return Parts(box, run, first.names + more.names, first.components + more.components, title, outlook, go, close)


def events(workspace: Workspace, parts: Parts, said: gr.HTML, note: Callable[..., dict]) -> None:
    """What opens, follows and ends the form; ``note`` makes the answer to a click that ``said`` shows."""

    def open_form(workspace: Workspace, lang: str, run_id: str) -> list:
        values = workspace.run(run_id).config.train.model_dump()
        title = f"<h3>{esc(say('resume.title', lang, name=run_id))}</h3>"
        return [gr.update(visible=True), run_id, title, told(workspace, lang, run_id, {}), *(values[name] for name in parts.names)]

    def follow(workspace: Workspace, lang: str, run_id: str, *values) -> str:
        return told(workspace, lang, run_id, asked(workspace, run_id, parts.names, values))

    def go(workspace: Workspace, lang: str, run_id: str, *values) -> list:
        workspace.run(run_id).resume(asked(workspace, run_id, parts.names, values))
        return [gr.update(visible=False), note(say("watch.resumed", lang, name=run_id))]

    here = {"api_visibility": "private", "show_progress": "hidden"}
    opener = gr.Button("", visible="hidden", elem_id="watch-change-do")
    opener.click(
        act(workspace, open_form), [parts.run], [parts.box, parts.run, parts.title, parts.outlook, *parts.fields], js="() => [fm.param('run')]", **here
    )
    mine = [parts.run, *parts.fields]
    gr.on([field.input for field in parts.fields], act(workspace, follow), mine, [parts.outlook], trigger_mode="always_last", **here)
    parts.go.click(act(workspace, go), mine, [parts.box, said], **here)
    parts.close.click(None, None, [parts.box], js="() => ({visible: false, __type__: 'update'})", api_visibility="private")


def asked(workspace: Workspace, run_id: str, names: tuple[str, ...], values: tuple) -> dict[str, Any]:
    """What the form's values change of the run's settings."""
    before = workspace.run(run_id).config.train
    return {name: value for name, value in form_values(TrainSettings, names, values).items() if value != getattr(before, name)}


def told(workspace: Workspace, lang: str, run_id: str, changed: dict[str, Any]) -> str:
    """How the run would go on with ``changed``, or why it may not, as HTML."""
    try:
        found = changes.outlook(workspace.run(run_id), changed)
    except UserError as problem:
        return f'<p class="fm-refused" role="alert">{esc(problem.say(lang))}</p>'
    lines = "".join(f"<li>{esc(say(key, lang, **values))}</li>" for key, values in found)
    return f'<h4>{esc(say("resume.outlook", lang))}</h4><ul class="fm-outlook">{lines}</ul>'
