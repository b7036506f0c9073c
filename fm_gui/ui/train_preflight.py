"""Measure before starting: what the run would take, by real steps, and what to change if it will not fit."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from fm_gui import plan, preflight, preflight_words
from fm_gui.config import RunConfig
from fm_gui.errors import UserError
from fm_gui.machine import size
from fm_gui.preflight import Preflight
from fm_gui.text import say
from fm_gui.times import duration
from fm_gui.ui import train_choice
from fm_gui.ui.bind import word
from fm_gui.ui.train_choice import OPTION_FIELDS, SIZES, TRAIN_FIELDS, Choice
from fm_gui.ui.view import View, esc
from fm_gui.ui.work import Job, bar
from fm_gui.workspace import Workspace

# a click on an Apply button of the card: the page's hidden button does the work
CLICKED = """
element.addEventListener('click', (event) => {
  const at = event.target.closest('[data-advice]');
  if (!at) return;
  window.fmAdviceAsked = JSON.stringify({of: element.querySelector('[data-of]').dataset.of, advice: +at.dataset.advice});
  document.getElementById('train-apply').click();
});
"""

# -- handlers: plain values in, a View out


def measure(workspace: Workspace, lang: str, *args) -> Iterator[View]:
    """Measure the run as it is chosen now; what was found comes with the plan, which is asked for at the end."""
    yield from _measured(workspace, lang, train_choice.read(args))


def apply(workspace: Workspace, lang: str, asked: str, *args) -> Iterator[View]:
    """Change the form as a piece of advice says, and measure again. Raises UserError if the form has changed since it was given."""
    choice, request = train_choice.read(args), json.loads(asked)
    config = train_choice.config_of(workspace, choice)
    known = preflight.cached(workspace, config)
    if known is None or request["of"] != preflight.fingerprint(config):
        raise UserError("preflight-stale")
    settings = known.advice[request["advice"]].settings
    yield changed_fields(choice, settings)
    yield from _measured(workspace, lang, changed(choice, settings))


def settled(workspace: Workspace, lang: str) -> View:
    """Buttons as before, whatever happened."""
    return {"measuring": "", "measure": gr.update(visible=True), "measure-stop": gr.update(visible=False)}


def _measured(workspace: Workspace, lang: str, choice: Choice) -> Iterator[View]:
    config = train_choice.config_of(workspace, choice)
    job = Job(lambda tell: preflight.measure(workspace, config, tell), "preflight.doing.data", every=0.5)
    # told once: a button that is made anew with every sign of progress cannot be clicked
    yield {"measure": gr.update(visible=False), "measure-stop": gr.update(visible=True)}
    for share, key, seconds in job:
        yield {"measuring": bar(share, key, seconds, lang)}
    yield settled(workspace, lang) | {"plan-now": str(time.monotonic_ns())}


def changed(choice: Choice, settings: dict) -> Choice:
    """``choice`` with the ``settings`` of a piece of advice."""
    options = {name: value for name, value in settings.items() if name in OPTION_FIELDS[choice.task]}
    return replace(
        choice, size=settings.get("size", choice.size),
        train=choice.train | {name: value for name, value in settings.items() if name in TRAIN_FIELDS},
        options=choice.options | {choice.task: choice.options.get(choice.task, {}) | options},
    )  # fmt: skip


def changed_fields(choice: Choice, settings: dict) -> View:
    """The form's fields after ``changed``."""
    view: View = {}
    for name, value in settings.items():
        if name == "size":
            view["size"] = SIZES.index(value)
        else:
            view[f"train-{name}" if name in TRAIN_FIELDS else f"option-{choice.task}-{name}"] = value
    return view


# -- what is shown with the plan


def beside(workspace: Workspace, config: RunConfig, planned: plan.Plan, lang: str) -> View:
    """What was measured for ``config``; else what measuring is, or why it would be wise."""
    known = preflight.cached(workspace, config)
    hits = preflight_words.hits(preflight.hit_rate(workspace), lang)
    beneath = f'<p class="fm-muted">{esc(hits)}</p>' if hits else ""
    if known:
        return {"measured": card(known, preflight.fingerprint(config), lang) + beneath, "measure": gr.update(value=say("preflight.again", lang), interactive=True)}
    rough = preflight.rough_seconds(planned, config)
    if rough >= preflight.LONG:
        told = f'<p class="fm-warn">{esc(say("preflight.suggest", lang, time=duration(_rounded(rough), lang)))}</p>'
    else:
        told = f'<p class="fm-muted">{esc(say("preflight.about", lang))}</p>'
    return {"measured": told + beneath, "measure": gr.update(value=say("preflight.measure", lang), interactive=True)}


def nothing() -> View:
    """Where there is no plan there is nothing to measure."""
    return {"measured": "", "measure": gr.update(interactive=False)}


def _rounded(seconds: float) -> float:
    """A rough guess must not look exact: ten minutes, or whole hours."""
    unit = 3600 if seconds >= 2 * 3600 else 600
    return max(unit, unit * round(seconds / unit))


def card(result: Preflight, fingerprint: str, lang: str) -> str:
    """Whether it fits, in what time, memory and disk, and what to change."""
    good = result.fits
    verdict = f'<p class="{"fm-good" if good else "fm-failed"}"><b class="fm-mark" aria-hidden="true">{"✓" if good else "✕"}</b> <b>{esc(preflight_words.verdict(result, lang))}</b></p>'
    facts = []
    if result.seconds:
        low, high = (duration(seconds, lang).replace(" ", "\u00a0") for seconds in (result.seconds.low, result.seconds.high))
        facts.append((say("preflight.time.range", lang, low=low, high=high), say("preflight.time", lang)))
    facts.append((preflight_words.peak(result, lang), say("preflight.memory", lang, available=size(result.available_memory))))
    facts.append((size(result.disk_needed), say("preflight.disk", lang, free=size(result.disk_free))))
    items = "".join(f"<div><dd>{esc(value)}</dd><dt>{esc(label)}</dt></div>" for value, label in facts)
    notes = "<br>".join(esc(note) for note in preflight_words.notes(result, lang))
    return (
        f'<section class="train-measured" data-of="{fingerprint}" role="status"><h3>{esc(say("preflight.title", lang))}</h3>{verdict}'
        f'<dl class="train-facts">{items}</dl>{_advice(result, lang)}<p class="fm-muted">{notes}</p></section>'
    )


def _advice(result: Preflight, lang: str) -> str:
    items = []
    for number, one in enumerate(result.advice):
        button = f'<button type="button" class="fm-small" data-advice="{number}">{esc(say("preflight.apply", lang))}</button>' if one.settings else ""
        items.append(f"<li><span>{esc(say(one.code, lang, **one.values))}</span>{button}</li>")
    return f'<p><b>{esc(say("preflight.do-this", lang))}</b></p><ul class="train-advice">{"".join(items)}</ul>' if items else ""


# -- the page


def build() -> dict[str, gr.components.Component]:
    """The components, at their place below the plan."""
    parts: dict = {"measured": gr.HTML(elem_id="train-measured", js_on_load=CLICKED)}
    with gr.Row(elem_classes="train-measuring", equal_height=True):
        parts["measuring"] = gr.HTML(elem_id="train-measuring", min_width=160)
        parts["measure"] = gr.Button(word("preflight.measure"), size="md", interactive=False, elem_id="train-measure", scale=0, min_width=190)
        parts["measure-stop"] = gr.Button(word("preflight.stop"), size="md", visible=False, elem_id="train-measure-stop", scale=0, min_width=120)
    return parts


def events(answer, values: list, parts: dict) -> list:
    """Bind the buttons; returns the events that a start ends."""
    shown, private = list(parts.values()), {"api_visibility": "private", "show_progress": "hidden"}
    asked, button = gr.Textbox(visible="hidden", elem_id="train-advice-asked"), gr.Button(visible="hidden", elem_id="train-apply")
    measuring = parts["measure"].click(answer(measure), values, shown, **private)
    applying = button.click(answer(apply), [asked, *values], shown, js="(asked, ...values) => [window.fmAdviceAsked, ...values]", **private)
    going = [measuring, applying]
    for event in going:
        event.then(answer(settled), [], shown, queue=False, **private)
    parts["measure-stop"].click(answer(settled), [], shown, cancels=going, queue=False, **private)
    return going
