"""Charts as gr.HTML with Plotly inside (assets/charts.js): live curves that ask for new points, and still figures.

Never gr.Plot: it destroys the chart at every update, and zoom, hover and hidden lines with it.
"""

import time
from typing import Any

import gradio as gr

from fm_gui.scores import SHARES
from fm_gui.tasks import get_task
from fm_gui.text import say, table
from fm_gui.ui import live, series
from fm_gui.workspace import Workspace

MOST_RUNS = 7  # as many as there are colours that stay apart
_BUDGET = 0.025  # seconds one question may spend on reading
_SPEEDS = ("tokens_per_second", "examples_per_second")

JSON = dict[str, Any]


def live_chart(*, elem_id: str) -> gr.HTML:
    """Curves that grow while they are seen: the browser asks for what :func:`curves` answers, of the runs of the address (``run`` and ``with``)."""
    return gr.HTML(
        value={},
        html_template='<div class="fm-live"></div>',
        js_on_load="fm.liveCharts(element.querySelector('.fm-live'));",
        elem_id=elem_id,
        apply_default_css=False,
    )


def figure(value: JSON | None = None, *, elem_id: str, **shown) -> gr.HTML:
    """A still Plotly figure from ``{"data": [trace ...], "layout": {...}, "height": 260, "title": str, "table": [[head ...], [cell ...] ...]}``.

    All but ``data`` may be left out; with ``pick`` (the elem_id of a button) a click on a point leaves "y,x" in the plot's
    ``dataset.picked`` and clicks that button; None shows nothing. Colours may be tokens ("var(--fm-accent)"); ``table`` is the
    same as text, for those who cannot see the picture. Names given by a person go through :func:`plain` first.
    """
    return gr.HTML(
        value=value or {},
        html_template='<div class="fm-figure"></div>',
        elem_id=elem_id,
        apply_default_css=False,
        js_on_load="const at = element.querySelector('.fm-figure'); fm.figure(at, props.value); watch('value', () => fm.figure(at, props.value));",
        **shown,
    )


def plain(text) -> str:
    """``text`` so that Plotly shows it as it is: it would take <b> and the like as markup."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;")


def curves(workspace: Workspace, data: dict, lang: str) -> JSON:
    """What the browser's charts lack of the runs it shows.

    ``more`` asks it to come again at once: reading 100,000 points takes several questions, none of them long.
    """
    deadline = time.monotonic() + _BUDGET
    told, more, keys = [], False, {}
    metrics = []
    for run_id in list(data.get("runs", []))[:MOST_RUNS]:
        run = live.find(workspace, run_id)
        if run is None:
            continue  # deleted meanwhile
        cursor = (data.get("cursor") or {}).get(run_id) or {}
        if time.monotonic() > deadline:
            more = True
            continue
        news = series.poll(run.path / "metrics.jsonl", cursor, deadline)
        if news is None:
            more = True
            continue
        task = get_task(run.config.task)
        metrics.append(task.metric)
        keys |= dict.fromkeys(news["curves"])
        told.append({"id": run.id, "best": run.status().best_step, **news})
    return {"runs": told, "more": more, "panels": panels(list(keys), metrics, lang)}


def panels(keys: list[str], metrics: list[str], lang: str) -> list[JSON]:
    """Which charts to draw of ``keys``: loss first and large, then the main metrics, then what tells of the training's health."""

    def curve(key: str, words: str) -> JSON:
        return {"key": key, "label": say(words, lang), "strong": not key.startswith("train/")}

    drawn = [
        {
            "id": "loss",
            "title": say("chart.loss", lang),
            "term": "loss",
            "large": True,
            "curves": [
                curve(key, words) for key, words in (("train/loss", "chart.train"), ("validation/loss", "chart.validation")) if key in keys
            ],
        }
    ]
    scored = [key.removeprefix("validation/") for key in keys if key.startswith("validation/") and key != "validation/loss"]
    for name in sorted(scored, key=lambda name: name not in metrics)[:2]:
        title = say(f"metric.{name}", lang) if f"metric.{name}" in table() else name
        term = name if f"term.{name}" in table() else "validation"
        drawn.append({"id": name, "title": title, "term": term, "share": name in SHARES, "curves": [curve(f"validation/{name}", "chart.validation")]})
    speed = next((key for key in _SPEEDS if key in keys), "")
    for key, term in (("learning_rate", "learning_rate"), ("grad_norm", "grad_norm"), (speed, ""), ("memory_mb", "")):
        if key in keys:
            drawn.append({"id": key, "title": say(f"chart.{key}", lang), "term": term, "curves": [curve(key, f"chart.{key}")]})
    return [panel for panel in drawn if panel["curves"]]
