"""The Export tab: take a finished model away as one zip, and see what is in it and that it loads elsewhere."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from fm_gui import small
from fm_gui.card import card_body, snippet
from fm_gui.export import export_zip
from fm_gui.runs import Run
from fm_gui.small_export import export_small, small_snippet
from fm_gui.ui import export_view, work
from fm_gui.ui.bind import act, word
from fm_gui.ui.results_view import asked_run, choices, download_folder, empty_state, finished, run_picker
from fm_gui.ui.view import View, spread
from fm_gui.workspace import Workspace

TITLE = "export.tab"
WHOLE = export_view.WHOLE

# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, asked: str | None, current: str | None) -> View:
    """The whole tab: the run the address asks for, else the one that was open, else the newest."""
    runs = finished(workspace)
    run = asked_run(workspace, runs, asked, current, lang)
    view = {"empty": gr.update(visible=run is None), "main": gr.update(visible=run is not None)}
    if run is None:
        return view
    return view | {"run": gr.update(choices=choices(runs, lang), value=run.id), "busy": ""} | _forms(run, lang) | _details(run, lang)


def choose(workspace: Workspace, lang: str, name: str) -> View:
    run = workspace.run(name)
    return {"busy": ""} | _forms(run, lang) | _details(run, lang)


def choose_form(workspace: Workspace, lang: str, name: str, form: str) -> View:
    return {"busy": ""} | _of_form(workspace.run(name), form, lang)


def _forms(run: Run, lang: str) -> View:
    """The choice of form, on the whole model; only classifiers have others."""
    return {"form": gr.update(choices=export_view.forms(lang), value=WHOLE, visible=small.can(run))}


def _of_form(run: Run, form: str, lang: str) -> View:
    return {
        "about": export_view.about(form, lang) if small.can(run) else "",
        "figures": export_view.figures(run, form, lang),
        "inside": export_view.inside(run, form, lang),
        "checked": export_view.checked(run, form, lang),
        "snippet": snippet(run, "MODEL", lang) if form == WHOLE else small_snippet(lang),
    }


def _details(run: Run, lang: str) -> View:
    return _of_form(run, WHOLE, lang) | {
        "folder": export_view.folder(run),
        "card": card_body(run, lang),
    }


def pack(workspace: Workspace, lang: str, name: str, form: str = WHOLE) -> Iterator[View]:
    """Write the zip, check that it loads elsewhere, and hand it to the hidden download button."""
    run = workspace.run(name)

    def work_of(tell):
        if form == WHOLE:
            return export_zip(run, download_folder() / f"{run.id}.zip", lang, tell)
        return export_small(run, download_folder() / f"{run.id}-{form}.zip", form, lang, tell)

    job = work.Job(work_of, "export.packing")
    for share, key, seconds in job:
        yield {"busy": work.bar(share, key, seconds, lang), "go": gr.update(interactive=False)}
    yield {"busy": export_view.ready(job.result, lang), "file": gr.update(value=str(job.result))} | _of_form(run, form, lang)


def settled(workspace: Workspace, lang: str) -> View:
    """The button as before, also after something went wrong."""
    return {"go": gr.update(interactive=True)}


def failed(workspace: Workspace, lang: str) -> View:
    return {"busy": ""}


# -- the page


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Make the tab's components and events, inside its gr.Tab."""
    parts: dict[str, Any] = {"empty": empty_state("export.empty", "export")}
    with gr.Row(elem_classes="fm-two", equal_height=False, visible=False) as parts["main"]:
        with gr.Column(elem_classes="fm-left", min_width=280):
            parts["run"] = run_picker("export-run")
            parts["form"] = gr.Radio([], value=WHOLE, label=word("small.form"), interactive=True, elem_id="export-form")
            parts["about"] = gr.HTML(elem_id="export-about")
            parts["go"] = gr.Button(word("export.download"), variant="primary", size="md", elem_id="export-download", elem_classes="fm-primary")
            parts["file"] = gr.DownloadButton(visible="hidden", elem_id="export-file")
            parts["busy"] = gr.HTML(elem_id="export-busy")
            parts["figures"] = gr.HTML(elem_id="export-figures")
            parts["inside"] = gr.HTML(elem_id="export-inside")
            parts["checked"] = gr.HTML(elem_id="export-checked")
            gr.Markdown(word("export.folder"), elem_classes="export-title")
            parts["folder"] = gr.HTML(elem_id="export-folder")
        with gr.Column(elem_classes="fm-right", min_width=280):
            gr.Markdown(word("export.snippet"), elem_classes="export-title")
            parts["snippet"] = gr.Code(language="python", interactive=False, show_label=False, show_line_numbers=False, lines=4, wrap_lines=True,
                                       buttons=["copy"], elem_id="export-snippet", elem_classes="export-snippet")
            gr.Markdown(word("export.snippet.help"), elem_classes="fm-muted")
            gr.Markdown(word("export.card"), elem_classes="export-title")
            with gr.Column(elem_classes=["fm-card", "export-card"]):
                parts["card"] = gr.Markdown(elem_id="export-card")
    _events(workspace, blocks, tab, parts)


def _events(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab, parts: dict[str, Any]) -> None:
    names, shown = list(parts), list(parts.values())
    asked = gr.Textbox(visible="hidden", elem_id="export-asked")
    refresh = gr.Button(visible="hidden", elem_id="export-refresh")

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, names)), inputs, shown, api_visibility="private", **({"show_progress": "hidden"} | more))

    gr.on([blocks.load, tab.select, refresh.click], act(workspace, spread(show, names)), [asked, parts["run"]], shown,
          js="(asked, run) => [fm.asked('export', 'run'), run]", api_visibility="private", show_progress="hidden")
    on(parts["run"].input, choose, [parts["run"]]).success(
        None, [parts["run"]], None, js="(run) => { fm.mark({run, with: ''}, true) }", api_visibility="private"
    )
    on(parts["form"].input, choose_form, [parts["run"], parts["form"]])
    packing = on(parts["go"].click, pack, [parts["run"], parts["form"]], concurrency_id="export", concurrency_limit=2)
    # a DownloadButton whose value is made by its own click needs two clicks; a hidden one is clicked once its file is there
    packing.success(None, None, None, js="() => document.querySelector('#export-file').click()", api_visibility="private")
    packing.failure(act(workspace, spread(failed, names)), None, shown, api_visibility="private", queue=False)
    on(packing.then, settled, [], queue=False)
