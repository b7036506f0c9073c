"""The Health check inner tab: what would spoil training, why, and the fix that a click applies and a click takes back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from fm_gui.config import SplitSpec, StepSpec
from fm_gui.data import health, history
from fm_gui.data.checks.finding import Finding
from fm_gui.data.dataset import Dataset
from fm_gui.data.recipe import row_key
from fm_gui.data.steps.base import row_texts
from fm_gui.data.steps.preview import preview
from fm_gui.errors import UserError
from fm_gui.models import hub
from fm_gui.models.catalog import PACKAGED
from fm_gui.text import say
from fm_gui.ui import data_health_view, health_cache, work
from fm_gui.ui.bind import act, word
from fm_gui.ui.data_steps_form import preview_html, step_line
from fm_gui.ui.results_view import choices, finished
from fm_gui.ui.view import View, free_choice, spread
from fm_gui.workspace import Workspace

AT_ONCE = 5_000  # rows below which data is checked as soon as the tab is opened
DOUBTS = "suspicious-labels"  # the finding whose rows are settled one by one

# a click on a card's button: its rows are shown in the Rows tab, else the page's hidden buttons do the work
CLICKED = """
element.addEventListener('click', (event) => {
  const at = event.target.closest('[data-do]');
  if (!at) return;
  if (at.dataset.do === 'rows') {
    const box = document.querySelector('#data-rows-asked textarea, #data-rows-asked input');
    box.value = at.dataset.rows;
    box.dispatchEvent(new Event('input', {bubbles: true}));
    document.getElementById('data-rows-show').click();
    return;
  }
  const picked = Object.fromEntries([...at.closest('section').querySelectorAll('input:checked')].map((one) => [one.dataset.key, one.value]));
  const of = element.querySelector('[data-of]').dataset.of;
  window.fmHealthAsked = JSON.stringify({of, do: at.dataset.do, finding: +at.dataset.finding, fix: +(at.dataset.fix || 0), picked});
  document.getElementById(at.dataset.do === 'preview' ? 'data-health-preview' : 'data-health-fix').click();
});
"""

# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, name: str | None) -> Iterator[View]:
    """What was found in the open data set; small data is checked at once, large data when asked."""
    if not name:
        yield {"main": gr.update(visible=False)}
        return
    dataset = Dataset(workspace, name)
    known = health_cache.kept(workspace, dataset.spec)
    model = known["model"] if known else ""
    at_once = not known and dataset.spec.rows < AT_ONCE
    yield {
        "main": gr.update(visible=True), "banner-box": gr.update(visible=False), **_idle(),
        "model": gr.update(choices=model_choices(workspace, lang), value=model),
        "cards": _listed(dataset, known, lang) if known else "" if at_once else data_health_view.remark(say("health.waiting", lang)),
    }  # fmt: skip
    if at_once:
        yield from _check(dataset, "", lang)


def check(workspace: Workspace, lang: str, name: str | None, model: str | None) -> Iterator[View]:
    """Look at the data anew."""
    dataset = _opened(workspace, name)
    yield {"banner-box": gr.update(visible=False)}
    yield from _check(dataset, model or "", lang)


def show_fix(workspace: Workspace, lang: str, name: str | None, asked: str) -> Iterator[View]:
    """What the first fix of a finding would change, in its card."""
    dataset, known, request = _asked(workspace, name, asked)
    fix = StepSpec(**known["findings"][request["finding"]]["fixes"][request["fix"]])
    job = work.Job(lambda tell: preview(dataset.table, history.columns_of(dataset), [fix]), "health.trying")
    yield from _busy(job, lang)
    yield {"cards": _listed(dataset, known, lang, {request["finding"]: preview_html(job.result, lang)}), **_idle()}


def fix(workspace: Workspace, lang: str, name: str | None, asked: str, model: str | None) -> Iterator[View]:
    """Apply a fix, or what was chosen for single rows; then the check without it, and a way back."""
    dataset, known, request = _asked(workspace, name, asked)
    found = known["findings"][request["finding"]]
    if request["do"] == "split":
        yield from _split(dataset, found["values"]["split"], model or "", lang)
        return
    if request["do"] == "choices":
        steps, told = _chosen(request["picked"], found, lang)
    else:
        steps = [StepSpec(**found["fixes"][request["fix"]])]
        told = step_line(steps[0], lang)
    before = dataset.spec.rows
    job = work.Job(lambda tell: history.apply(dataset, steps, tell), "health.fixing")
    yield from _busy(job, lang)
    fresh = job.result
    sentence = say("health.fixed", lang, step=told, rows=fresh.spec.rows, before=before)
    yield {"banner-box": gr.update(visible=True), "banner": data_health_view.banner(sentence), "steps": len(steps), "undo": gr.update(visible=True)}
    yield from _check(fresh, model or "", lang)


def _split(dataset: Dataset, how: str, model: str, lang: str) -> Iterator[View]:
    """Hold rows back in another way; what it was before is kept for Undo."""
    before = dataset.spec.split
    dataset.set_split(before.model_copy(update={"method": "group"} if how == "group" else {"keep_similar": True}))
    sentence = say("health.fixed.split", lang, **{part: len(rows) for part, rows in dataset.parts().items()})
    yield {"banner-box": gr.update(visible=True), "banner": data_health_view.banner(sentence), "steps": before.model_dump(), "undo": gr.update(visible=True)}
    yield from _check(Dataset(dataset.workspace, dataset.spec.name), model, lang)


def undo(workspace: Workspace, lang: str, name: str | None, steps: int | dict, model: str | None) -> Iterator[View]:
    """Take the last fix back (``steps`` of the recipe, or the split as it was): the findings it settled come back too."""
    dataset = _opened(workspace, name)
    if isinstance(steps, dict):
        dataset.set_split(SplitSpec(**steps))
        dataset = _opened(workspace, name)
    else:
        for _ in range(steps):
            dataset = history.undo(dataset)
    yield {"banner": data_health_view.banner(say("health.undone", lang, rows=dataset.spec.rows)), "undo": gr.update(visible=False)}
    known = health_cache.kept(workspace, dataset.spec)
    if known:
        yield {"cards": _listed(dataset, known, lang), **_idle()}
    else:
        yield from _check(dataset, model or "", lang)


def stopped(workspace: Workspace, lang: str, name: str | None) -> View:
    """What is known of the rows as they are now, or that it was stopped before anything was."""
    dataset = _opened(workspace, name)
    known = health_cache.kept(workspace, dataset.spec)
    return {"cards": _listed(dataset, known, lang) if known else data_health_view.remark(say("health.stopped", lang)), **_idle()}


def settled(workspace: Workspace, lang: str) -> View:
    """Buttons as before, whatever happened."""
    return _idle()


# -- helpers


def model_choices(workspace: Workspace, lang: str) -> list[tuple[str, str]]:
    """No model, the packaged ones, finished runs; as ModelSpec.start names them."""
    runs = [(shown, f"run:{run}") for shown, run in choices(finished(workspace), lang)]
    return [(say("health.model.none", lang), ""), *((name, name) for name in PACKAGED), *runs]


def _opened(workspace: Workspace, name: str | None) -> Dataset:
    if not name:
        raise UserError("no-data-open")
    return Dataset(workspace, name)


def _check(dataset: Dataset, model: str, lang: str) -> Iterator[View]:
    def look(tell: Callable[..., None]) -> list[dict[str, Any]]:
        tokenizer = None
        if model:
            tell(0.0, "health.loading")
            tokenizer = hub.load_tokenizer(dataset.workspace, model)
        findings = health.check(dataset, tokenizer, tokenizer.model_max_length if tokenizer else None, tell)
        return [_with_doubts(dataset, found, told) for found, told in zip(findings, health_cache.as_kept(findings))]

    job = work.Job(look, "health.working")
    yield from _busy(job, lang)
    known = health_cache.keep(dataset.workspace, dataset.spec, model, job.result)
    yield {"cards": _listed(dataset, known, lang), **_idle()}


def _with_doubts(dataset: Dataset, found: Finding, told: dict[str, Any]) -> dict[str, Any]:
    """For suspicious labels also ``doubts``: of each row its key, label, the one proposed, and how sure the model is; the surest first."""
    if found.code != DOUBTS:
        return told
    import pyarrow as pa

    rows = sorted(found.proposals, key=lambda row: -found.proposals[row][1])[: data_health_view.DOUBTS_SHOWN]
    roles = history.columns_of(dataset)
    taken = dataset.table.take(pa.array(rows))
    texts = row_texts(taken, {"text": roles["text"]} if "text" in roles else roles, None).to_pylist()  # as the step set-labels names them
    labels = [str(label).strip() for label in taken[roles["label"]].to_pylist()]
    doubts = [
        {"row": row + 1, "key": row_key(text), "text": text[: data_health_view.LONGEST], "label": label,
         "suggested": found.proposals[row][0], "probability": found.proposals[row][1]}
        for row, text, label in zip(rows, texts, labels)
    ]  # fmt: skip
    return told | {"doubts": doubts}


def _asked(workspace: Workspace, name: str | None, asked: str) -> tuple[Dataset, dict[str, Any], dict[str, Any]]:
    """(data set, what is known of it, what was clicked). Raises UserError if the rows have changed since they were checked."""
    dataset, request = _opened(workspace, name), json.loads(asked)
    known = health_cache.kept(workspace, dataset.spec)
    if known is None or request["of"] != dataset.spec.fingerprint:
        raise UserError("health-stale")
    return dataset, known, request


def _chosen(picked: dict[str, str], found: dict[str, Any], lang: str) -> tuple[list[StepSpec], str]:
    """The steps for what was chosen row by row, and how to tell of them."""
    suggested = {doubt["key"]: doubt["suggested"] for doubt in found["doubts"]}
    accepted = {key: suggested[key] for key, choice in picked.items() if choice == "accept"}
    removed = sorted(key for key, choice in picked.items() if choice == "remove")
    steps = [StepSpec(step="set-labels", settings={"labels": accepted})] if accepted else []
    steps += [StepSpec(step="drop-rows", settings={"keys": removed})] if removed else []
    if not steps:
        raise UserError("health-nothing-chosen")
    return steps, say("health.doubt.done", lang, accepted=len(accepted), removed=len(removed))


def _listed(dataset: Dataset, known: dict[str, Any], lang: str, opened: dict[int, str] | None = None) -> str:
    return data_health_view.cards(dataset.spec, known["findings"], lang, opened)


def _busy(job: work.Job, lang: str) -> Iterator[View]:
    for share, key, seconds in job:
        yield {"busy": work.bar(share, key, seconds, lang), "check": gr.update(visible=False), "stop": gr.update(visible=True)}


def _idle() -> View:
    return {"busy": "", "check": gr.update(visible=True), "stop": gr.update(visible=False)}


# -- the page


def build(workspace: Workspace, tab: gr.Tab, name: gr.Radio) -> None:
    """Make the inner tab's components and events, inside its gr.Tab."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="data-health", elem_classes="health") as parts["main"]:
        with gr.Row(elem_classes="health-top", equal_height=False):
            parts["model"] = free_choice(
                gr.Dropdown([], label=word("health.model"), info=word("health.model.help"), elem_id="data-health-model", interactive=True, min_width=240)
            )
            parts["check"] = gr.Button(
                word("health.check"), variant="primary", size="md", elem_id="data-health-check", elem_classes="fm-primary", scale=0, min_width=160
            )
        with gr.Row(elem_classes="health-working", equal_height=True):
            parts["busy"] = gr.HTML(elem_id="data-health-busy", min_width=160)
            parts["stop"] = gr.Button(word("health.stop"), size="sm", visible=False, elem_id="data-health-stop", scale=0, min_width=96)
        with gr.Row(visible=False, elem_classes="health-done", elem_id="data-health-done") as parts["banner-box"]:
            parts["banner"] = gr.HTML(min_width=200)
            parts["undo"] = gr.Button(word("health.undo"), size="sm", elem_id="data-health-undo", scale=0, min_width=96)
        parts["cards"] = gr.HTML(elem_id="data-health-cards", js_on_load=CLICKED)
    parts["steps"] = gr.State(0)  # how many the last fix took
    _events(workspace, tab, name, parts)


def _events(workspace: Workspace, tab: gr.Tab, name: gr.Radio, parts: dict[str, Any]) -> None:
    names, shown = list(parts), list(parts.values())
    asked = gr.Textbox(visible="hidden", elem_id="data-health-asked")
    show_fix_button = gr.Button(visible="hidden", elem_id="data-health-preview")
    fix_button = gr.Button(visible="hidden", elem_id="data-health-fix")

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, names)), inputs, shown, api_visibility="private", show_progress="hidden", **more)

    def refresh(event) -> None:
        # what was done is told above the list, which may be long
        js = "() => { document.getElementById('data-health').scrollIntoView({block: 'start'}); document.getElementById('data-refresh').click(); }"
        event.success(None, None, None, js=js, api_visibility="private")

    ask = "(name, asked, ...rest) => [name, window.fmHealthAsked, ...rest]"
    looking = on(tab.select, show, [name])
    checking = on(parts["check"].click, check, [name, parts["model"]])
    trying = on(show_fix_button.click, show_fix, [name, asked], js=ask)
    fixing = on(fix_button.click, fix, [name, asked, parts["model"]], js=ask)
    undoing = on(parts["undo"].click, undo, [name, parts["steps"], parts["model"]])
    going = [looking, checking, trying, fixing, undoing]
    for event in (fixing, undoing):
        refresh(event)
    for event in going:
        on(event.then, settled, [], queue=False)
    stop = on(parts["stop"].click, stopped, [name], cancels=going, queue=False)
    refresh(stop)
