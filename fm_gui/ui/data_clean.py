"""The Clean inner tab: one step at a time, tried before it is taken; and the versions of the data that the steps have led to."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from fm_gui.config import Applied, StepSpec
from fm_gui.data import history
from fm_gui.data.dataset import Dataset
from fm_gui.data.steps import STEPS, get_step, make_step, step_words
from fm_gui.data.steps.base import TextStep
from fm_gui.data.steps.preview import preview
from fm_gui.errors import UserError
from fm_gui.text import say
from fm_gui.ui import work
from fm_gui.ui.bind import act, word
from fm_gui.ui.data_steps_form import SETTINGS, SHARED, build_forms, fresh_form, preview_html, read_form, step_choices, step_line
from fm_gui.ui.view import View, esc, free_choice, or_sentence, spread
from fm_gui.workspace import Workspace

LIVE = 5_000  # rows up to which a step is tried at each change of its settings; above, when asked (steps on texts try the first ones)
FIRST = STEPS[0].name
SAFE = tuple(step for step in STEPS if step.safe)

# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, name: str | None) -> View:
    """The whole inner tab: the first step's form, and the versions."""
    if not name:
        return {"main": gr.update(visible=False)}
    dataset = Dataset(workspace, name)
    safe = say("data.list.comma", lang).join(say(f"step.{step.name}", lang) for step in SAFE)
    return {
        "main": gr.update(visible=True),
        "step": gr.update(choices=step_choices(lang), value=FIRST),
        "safe-help": _remark(say("clean.safe.help", lang, steps=safe)),
        **_idle(), **_form(dataset, FIRST, lang), **_versions(dataset, lang),
    }  # fmt: skip


def choose(workspace: Workspace, lang: str, name: str | None, step: str) -> View:
    """Another step: its form with its defaults, and what it would change."""
    return _form(_opened(workspace, name), step, lang)


def try_live(workspace: Workspace, lang: str, name: str | None, step: str, columns: list[str] | None, *values) -> View:
    """What the step would change as its form stands now; a setting that cannot be is told in place."""
    dataset = _opened(workspace, name)
    return {"preview": _tried(dataset, read_form(step, columns, values), lang)}


def try_all(workspace: Workspace, lang: str, name: str | None, step: str, columns: list[str] | None, *values) -> Iterator[View]:
    """The same when asked for, however large the data."""
    dataset, spec = _opened(workspace, name), read_form(step, columns, values)
    job = work.Job(lambda tell: preview(dataset.table, history.columns_of(dataset), [spec]), "clean.working")
    yield from _busy(job, lang)
    yield {"preview": preview_html(job.result, lang), **_idle()}


def apply(workspace: Workspace, lang: str, name: str | None, step: str, columns: list[str] | None, *values) -> Iterator[View]:
    """Take the step as its form stands."""
    dataset, spec = _opened(workspace, name), read_form(step, columns, values)
    job = work.Job(lambda tell: history.apply(dataset, [spec], tell), "clean.applying")
    yield from _busy(job, lang)
    gr.Success(esc(say("clean.applied", lang, step=step_line(spec, lang), rows=job.result.spec.rows)))
    yield {"preview": "", **_idle(), **_versions(job.result, lang)}


def clean_safely(workspace: Workspace, lang: str, name: str | None) -> Iterator[View]:
    """Take all safe steps that change something."""
    dataset = _opened(workspace, name)

    def work_through(tell) -> tuple[Dataset, list[StepSpec]]:
        steps = safe_steps(dataset, tell)
        return (history.apply(dataset, steps, tell) if steps else dataset), steps

    job = work.Job(work_through, "clean.safe.looking")
    yield from _busy(job, lang)
    fresh, steps = job.result
    if steps:
        told = say("data.list.comma", lang).join(step_line(step, lang) for step in steps)
        gr.Success(esc(say("clean.applied", lang, step=told, rows=fresh.spec.rows)))
    else:
        gr.Info(say("clean.safe.nothing", lang))
    yield {"preview": "", **_idle(), **_versions(fresh, lang)}


def undo(workspace: Workspace, lang: str, name: str | None) -> View:
    return {"preview": "", **_versions(history.undo(_opened(workspace, name)), lang)}


def redo(workspace: Workspace, lang: str, name: str | None) -> View:
    return {"preview": "", **_versions(history.redo(_opened(workspace, name)), lang)}


def go_to(workspace: Workspace, lang: str, name: str | None, version: str) -> View:
    """Go to the version of this number."""
    return {"preview": "", **_versions(history.go_to(_opened(workspace, name), int(version)), lang)}


def replay(workspace: Workspace, lang: str, name: str | None, other: str | None) -> Iterator[View]:
    """Take this data set's steps on another one."""
    dataset = _opened(workspace, name)
    if not other:
        raise UserError("replay-choose")
    job = work.Job(lambda tell: history.replay(Dataset(workspace, other), dataset, tell), "clean.applying")
    yield from _busy(job, lang)
    gr.Success(esc(say("clean.replay.done", lang, name=other, rows=job.result.spec.rows)))
    yield _idle()


def stopped(workspace: Workspace, lang: str, name: str | None) -> View:
    """What is true now: a step that was stopped was not taken."""
    gr.Info(say("clean.stopped", lang))
    return _idle() | _versions(_opened(workspace, name), lang)


def settled(workspace: Workspace, lang: str) -> View:
    """Buttons as before, whatever happened."""
    return _idle()


def corrected(workspace: Workspace, lang: str, name: str | None) -> View:
    """After a mistake: the list shows the version that is true."""
    return _versions(_opened(workspace, name), lang)


# -- helpers


def safe_steps(dataset: Dataset, tell=None) -> list[StepSpec]:
    """The safe steps that change something, each tried on what the ones before leave."""
    table, steps = dataset.table, []
    for number, step in enumerate(SAFE):
        if tell:
            tell(number / len(SAFE), "clean.safe.looking")
        spec = StepSpec(step=step.name)
        after = make_step(spec).apply(table, history.columns_of(dataset)).table
        if not after.equals(table):
            table = after
            steps.append(spec)
    return steps


def _opened(workspace: Workspace, name: str | None) -> Dataset:
    if not name:
        raise UserError("no-data-open")
    return Dataset(workspace, name)


def _form(dataset: Dataset, name: str, lang: str) -> View:
    words = step_words(get_step(name), lang)
    warning = f'<p class="fm-warn">{esc(words["warning"])}</p>' if words["warning"] else ""
    view = fresh_form(dataset, name, lang)
    defaults = StepSpec(step=name, settings={})
    about = f'<p class="fm-muted">{esc(words["about"])}</p>{warning}'
    return view | {"about": about, "preview": _tried(dataset, defaults, lang, say("clean.fill", lang))}


def _tried(dataset: Dataset, spec: StepSpec, lang: str, otherwise: str = "") -> str:
    """What the step would change, as HTML, or the sentence that says why not (``otherwise`` for a form nobody filled in yet).

    In large data only the word that it is to be asked for.
    """
    if dataset.spec.rows > LIVE and not issubclass(get_step(spec.step), TextStep):
        return _remark(say("clean.ask", lang))
    found, problem = or_sentence(lang, lambda: preview(dataset.table, history.columns_of(dataset), [spec]))
    return _remark(otherwise or problem) if problem else preview_html(found, lang)


def _versions(dataset: Dataset, lang: str) -> View:
    spec = dataset.spec
    steps = [*spec.recipe, *reversed(spec.undone)]
    first = say("clean.version.first-line", lang, number=0, title=say("clean.version.first", lang))
    listed = [(first, "0"), *((_version(number, step, number > len(spec.recipe), lang), str(number)) for number, step in enumerate(steps, 1))]
    others = [one.name for one in dataset.workspace.datasets() if one.name != spec.name]
    return {
        "versions": gr.update(choices=listed, value=str(len(spec.recipe))),
        "undo": gr.update(interactive=bool(spec.recipe)),
        "redo": gr.update(interactive=bool(spec.undone)),
        "replay-fold": gr.update(visible=bool(spec.recipe) and bool(others)),
        "other": gr.update(choices=others, value=None),
    }


def _version(number: int, step: Applied, ahead: bool, lang: str) -> str:
    values = {"number": number, "title": step_line(step, lang), "rows": step.rows}
    return say("clean.version.ahead", lang, **values) if ahead else say("clean.version", lang, **values)


def _remark(sentence: str) -> str:
    return f'<p class="fm-muted">{esc(sentence)}</p>'


def _busy(job: work.Job, lang: str) -> Iterator[View]:
    for share, key, seconds in job:
        yield {"busy": work.bar(share, key, seconds, lang), "apply": gr.update(interactive=False), "stop": gr.update(visible=True)}


def _idle() -> View:
    return {"busy": "", "apply": gr.update(interactive=True), "stop": gr.update(visible=False)}


# -- the page


def build(workspace: Workspace, tab: gr.Tab, name: gr.Radio) -> None:
    """Make the inner tab's components and events, inside its gr.Tab."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="data-clean", elem_classes="clean") as parts["main"]:
        with gr.Row(elem_classes="clean-safe", equal_height=True):
            parts["safe-help"] = gr.HTML(min_width=220)
            parts["safe"] = gr.Button(word("clean.safe"), size="md", elem_id="data-clean-safe", scale=0, min_width=160)
        with gr.Row(elem_classes="clean-two", equal_height=False):
            with gr.Column(min_width=280, scale=2):
                parts |= _ask()
            with gr.Column(min_width=280, scale=3):
                parts["busy"] = gr.HTML(elem_id="data-clean-busy")
                parts["preview"] = gr.HTML(elem_id="data-clean-preview")
        parts |= _recipe()
    _events(workspace, tab, name, parts)


def _ask() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    parts["step"] = free_choice(
        gr.Dropdown([], label=word("clean.step-label"), info=word("clean.step.help"), elem_id="data-clean-step", interactive=True)
    )
    parts["about"] = gr.HTML(elem_id="data-clean-about")
    parts |= build_forms("data-clean")
    with gr.Row(elem_classes="clean-act"):
        parts["try"] = gr.Button(word("clean.preview"), size="md", elem_id="data-clean-try", min_width=96)
        parts["apply"] = gr.Button(word("clean.apply"), variant="primary", size="md", elem_id="data-clean-apply", elem_classes="fm-primary", min_width=140)
        parts["stop"] = gr.Button(word("clean.stop"), size="md", visible=False, elem_id="data-clean-stop", min_width=96)
    return parts


def _recipe() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    parts["versions"] = free_choice(
        gr.Radio([], label=word("clean.versions"), info=word("clean.versions.help"), elem_id="data-clean-versions", elem_classes="fm-list", interactive=True)
    )
    with gr.Row(elem_classes="clean-act"):
        parts["undo"] = gr.Button(word("clean.undo"), size="sm", elem_id="data-clean-undo", scale=0, min_width=96)
        parts["redo"] = gr.Button(word("clean.redo"), size="sm", elem_id="data-clean-redo", scale=0, min_width=96)
    with gr.Accordion(word("clean.replay"), open=False, visible=False, elem_id="data-clean-replay") as parts["replay-fold"]:
        parts["other"] = free_choice(
            gr.Dropdown([], label=word("clean.replay.other"), info=word("clean.replay.help"), elem_id="data-clean-other", interactive=True)
        )
        parts["replay"] = gr.Button(word("clean.replay.go"), size="sm", elem_id="data-clean-replay-go")
    return parts


def _events(workspace: Workspace, tab: gr.Tab, name: gr.Radio, parts: dict[str, Any]) -> None:
    names, shown = list(parts), list(parts.values())
    forms = [parts[f"{step}-{field}"] for step, field in SETTINGS]
    asked = [name, parts["step"], parts[SHARED], *forms]

    def on(event, handler, inputs, busy: str = "", **more):
        seen = {"show_progress": "minimal", "show_progress_on": parts[busy]} if busy else {"show_progress": "hidden"}
        return event(act(workspace, spread(handler, names)), inputs, shown, api_visibility="private", **seen, **more)

    def refresh(event) -> None:
        event.success(None, None, None, js="() => document.getElementById('data-refresh').click()", api_visibility="private")

    on(tab.select, show, [name], "preview")
    on(parts["step"].input, choose, [name, parts["step"]], "preview")
    # only the preview is drawn anew, so that typing goes on undisturbed
    live = act(workspace, spread(try_live, ["preview"]))
    gr.on(
        [form.input for form in (parts[SHARED], *forms)], live, asked, [parts["preview"]],
        api_visibility="private", show_progress="minimal", trigger_mode="always_last",
    )  # fmt: skip
    trying = on(parts["try"].click, try_all, asked)
    applying = on(parts["apply"].click, apply, asked)
    safely = on(parts["safe"].click, clean_safely, [name])
    replaying = on(parts["replay"].click, replay, [name, parts["other"]])
    going = [trying, applying, safely, replaying]
    for event in going:
        on(event.then, settled, [], queue=False)
    on(parts["stop"].click, stopped, [name], cancels=going, queue=False)
    chosen = on(parts["versions"].input, go_to, [name, parts["versions"]], "versions")
    on(chosen.failure, corrected, [name], queue=False)
    for event in (applying, safely, replaying, chosen, on(parts["undo"].click, undo, [name], "versions"), on(parts["redo"].click, redo, [name], "versions")):
        refresh(event)
