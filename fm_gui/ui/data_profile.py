"""The Profile inner tab: what is in the rows, in pictures and short sentences."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from fm_gui.data.dataset import Dataset
from fm_gui.data.profile import profile
from fm_gui.files import disk_guard, read_json, write_json
from fm_gui.models.catalog import PACKAGED
from fm_gui.models.hub import load_tokenizer
from fm_gui.text import say
from fm_gui.ui import charts, data_profile_view, work
from fm_gui.ui.bind import act, word
from fm_gui.ui.results_view import finished
from fm_gui.ui.view import View, esc, free_choice, spread
from fm_gui.workspace import Workspace

NONE = "none"  # no model: lengths in characters only
KEPT = 50_000  # rows from which on a profile is written down, until the data changes
FORMAT = 1  # counts up when what is kept changes, so that older files are not used

# -- looking


def look(workspace: Workspace, dataset: Dataset, model: str, tell: Callable[[float, str], None]) -> dict[str, Any]:
    """The profile of the rows as they are, with lengths in tokens of ``model`` unless it is NONE. Raises UserError for a model that is gone."""
    file = workspace.root / "cache" / "profiles" / f"{_key(workspace, dataset, model)}.json"
    if file.exists():
        return read_json(file)
    tell(0.0, "data.profile.looking" if model == NONE else "data.profile.loading")
    tokenizer = None if model == NONE else load_tokenizer(workspace, model)
    told = profile(dataset, tokenizer, tokenizer and tokenizer.model_max_length, lambda share: tell(share, "data.profile.looking")).to_dict()
    if dataset.spec.rows >= KEPT:
        with disk_guard(workspace.root):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, told)
    return told


def _key(workspace: Workspace, dataset: Dataset, model: str) -> str:
    """What a profile depends on: rows, roles, split, and the model (a run that was deleted may leave its name to another)."""
    kind, _, name = model.partition(":")
    born = f"-{workspace.run(name).config.created:.0f}" if kind == "run" else ""
    return f"{FORMAT}-{dataset.spec.fingerprint}-{kind}{f'-{name}' if name else ''}{born}"


def models(workspace: Workspace, lang: str) -> list[tuple[str, str]]:
    """(what a person reads, start) of the models whose tokens can be counted."""
    packaged = [(say(f"start.{name}", lang), name) for name in PACKAGED]
    return [(say("data.profile.model.none", lang), NONE), *packaged, *((run.id, f"run:{run.id}") for run in finished(workspace))]


# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, name: str | None, model: str | None, shown: str | None) -> Iterator[View]:
    """The whole inner tab; ``shown`` says what stands there, which is not looked at again."""
    if not name:
        return
    dataset, choices = Dataset(workspace, name), models(workspace, lang)
    model = model if model in [start for _, start in choices] else NONE
    key = f"{lang}-{_key(workspace, dataset, model)}"
    yield {"model": gr.update(choices=choices, value=model)} | ({} if shown == key else {"box": gr.update(visible=False)})
    if shown == key:
        return
    job = work.Job(lambda tell: look(workspace, dataset, model, tell), "data.profile.looking")
    for share, words, seconds in job:
        yield {"busy": work.bar(share, words, seconds, lang), "stop": gr.update(visible=True)}
    yield view(job.result, model, lang) | {"shown": key}


def view(told: dict[str, Any], model: str, lang: str) -> View:
    """Every part of the profile; what the data does not have is hidden."""
    characters, tokens, labels = told["characters"], told["tokens"], told["labels"]
    labelled = bool(labels and labels["counts"])
    return {
        **_settled(),
        "box": gr.update(visible=True),
        "facts": data_profile_view.facts(told, lang),
        "columns": data_profile_view.columns(told, lang),
        "characters-box": gr.update(visible=bool(characters)),
        "characters": data_profile_view.lengths_figure(characters, "characters", lang) if characters else {},
        "characters-line": data_profile_view.characters_line(characters, lang) if characters else "",
        "tokens-box": gr.update(visible=bool(tokens)),
        "tokens": data_profile_view.lengths_figure(tokens, "tokens", lang) if tokens else {},
        "tokens-line": data_profile_view.tokens_line(tokens, lang) if tokens else "",
        "labels-box": gr.update(visible=labelled),
        "labels": data_profile_view.labels_figure(labels, lang) if labelled else {},
        "labels-line": data_profile_view.labels_line(labels, lang) if labelled else "",
        "languages": data_profile_view.languages(told, lang),
        "words": data_profile_view.words(told, lang),
        "samples": data_profile_view.samples(told, lang),
    }


def settled(workspace: Workspace, lang: str) -> View:
    """After a mistake, which was told: nobody is looking any more."""
    return _settled() | {"shown": ""}


def stopped(workspace: Workspace, lang: str) -> View:
    """The person stopped it."""
    return settled(workspace, lang) | {"busy": f'<p class="fm-muted">{esc(say("data.profile.stopped", lang))}</p>'}


def _settled() -> View:
    return {"busy": "", "stop": gr.update(visible=False)}


# -- the page


def build(workspace: Workspace, tab: gr.Tab, name: gr.Radio) -> None:
    """Make the inner tab's components and events, inside its gr.Tab."""
    parts: View = {"shown": gr.Textbox(visible="hidden", elem_id="profile-shown")}
    parts["model"] = free_choice(
        gr.Dropdown(
            [(word("data.profile.model.none"), NONE)], value=NONE, label=word("data.profile.model"), info=word("data.profile.model.help"), interactive=True, elem_id="profile-model",
            elem_classes="profile-model",
        )
    )  # fmt: skip
    parts["busy"] = gr.HTML(elem_id="profile-busy", elem_classes="data-busy")
    parts["stop"] = gr.Button(word("data.profile.stop"), size="sm", visible=False, scale=0, elem_id="profile-stop")
    with gr.Column(visible=False, elem_id="profile-box") as parts["box"]:
        parts["facts"] = gr.HTML(elem_id="profile-facts")
        with gr.Row(elem_classes="data-charts"):
            for figure in ("labels", "characters"):
                with gr.Column(min_width=280) as parts[f"{figure}-box"]:
                    parts[figure] = charts.figure(elem_id=f"profile-{figure}")
                    parts[f"{figure}-line"] = gr.HTML(elem_id=f"profile-{figure}-line")
        with gr.Column() as parts["tokens-box"]:
            parts["tokens"] = charts.figure(elem_id="profile-tokens")
            parts["tokens-line"] = gr.HTML(elem_id="profile-tokens-line")
        gr.Markdown(word("data.profile.columns.title"), elem_classes="profile-title")
        for part in ("columns", "languages", "words", "samples"):
            parts[part] = gr.HTML(elem_id=f"profile-{part}")
    _events(workspace, tab, name, parts)


def _events(workspace: Workspace, tab: gr.Tab, name: gr.Radio, parts: View) -> None:
    shown = list(parts.values())

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, parts)), inputs, shown, api_visibility="private", show_progress="hidden", **more)

    inputs = [name, parts["model"], parts["shown"]]
    looking = [on(tab.select, show, inputs), on(parts["model"].input, show, inputs)]
    for event in looking:
        on(event.failure, settled, [])
    on(parts["stop"].click, stopped, [], cancels=looking, queue=False)
