"""Data › Copies and export: another name, a copy, a sample, several data sets in one, the rows as a file."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from fm_gui.data import manage
from fm_gui.data.dataset import Dataset
from fm_gui.text import say
from fm_gui.ui import work
from fm_gui.ui.bind import act, word
from fm_gui.ui.export_view import bytes_text
from fm_gui.ui.results_view import download_folder
from fm_gui.ui.view import View, esc, free_choice, spread
from fm_gui.workspace import Workspace

USUAL_SAMPLE = 1_000  # rows
FORMATS = [("CSV", "csv"), ("JSONL", "jsonl"), ("Parquet", "parquet")]
# the new data set is what the address shows, and what the Data tab then draws
OPEN = "(name) => { if (name) { fm.mark({data: name}); document.getElementById('data-refresh').click() } }"

# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, name: str | None) -> View:
    """The fields as they suit the data set that is open."""
    if not name:
        return {}
    most = max(1, Dataset(workspace, name).spec.rows - 1)
    others = [spec.name for spec in workspace.datasets() if spec.name != name]
    return {
        "rename-name": name, "copy-name": "", "sample-name": "", "merge-name": "", "opened": "", "busy": "",
        "sample-rows": gr.update(value=min(USUAL_SAMPLE, max(1, most // 2)), info=say("manage.sample.rows.help", lang, most=most)),
        "sample-do": gr.update(interactive=most > 1),
        "merge-with": gr.update(choices=others, value=[], visible=bool(others)),
        "merge-none": gr.update(visible=not others),
        "merge-name-box": gr.update(visible=bool(others)),
        "merge-do": gr.update(interactive=bool(others)),
    }  # fmt: skip


def rename(workspace: Workspace, lang: str, name: str, new: str) -> View:
    new = new.strip()
    if new == name:
        return {"opened": ""}
    spec = manage.rename(workspace, name, new)
    return _done(lang, "manage.rename.done", spec.name, name=name)


def copy(workspace: Workspace, lang: str, name: str, new: str) -> View:
    spec = manage.duplicate(workspace, name, new.strip())
    return _done(lang, "manage.copy.done", spec.name)


def sample(workspace: Workspace, lang: str, name: str, rows: float | None, seed: float | None, new: str) -> View:
    spec = manage.sample(workspace, name, int(rows or 0), int(seed or 0), new.strip())
    return _done(lang, "manage.sample.done", spec.name, rows=spec.rows)


def merge(workspace: Workspace, lang: str, name: str, others: list[str] | None, new: str) -> View:
    names = [name, *(others or [])]
    spec = manage.merge(workspace, names, new.strip())
    return _done(lang, "manage.merge.done", spec.name, rows=spec.rows, count=len(names))


def _done(lang: str, key: str, new: str, **values) -> View:
    gr.Success(esc(say(key, lang, new=new, **values)))
    return {"opened": new}


def write_rows(workspace: Workspace, lang: str, name: str, kind: str) -> Iterator[View]:
    """Write the rows to a file and hand it to the hidden download button."""
    dataset = Dataset(workspace, name)
    job = work.Job(lambda tell: manage.export(dataset, download_folder() / f"{name}.{kind}", kind, tell), "manage.writing")
    for share, key, seconds in job:
        yield {"busy": work.bar(share, key, seconds, lang), "export-do": gr.update(interactive=False), "stop": gr.update(visible=True)}
    size = bytes_text(job.result.stat().st_size)
    told = say("manage.export.done", lang, file=job.result.name, rows=dataset.spec.rows, size=size)
    formulas = manage.formula_cells(dataset.table) if kind == "csv" else 0
    warning = f'<p class="fm-warn">{esc(say("manage.export.formulas", lang, count=formulas))}</p>' if formulas else ""
    yield {"busy": f'<p role="status"><b class="export-good">✓</b> {esc(told)}</p>{warning}', "file": gr.update(value=str(job.result))} | settled(workspace, lang)


def settled(workspace: Workspace, lang: str) -> View:
    """The buttons as before, whatever happened."""
    return {"export-do": gr.update(interactive=True), "stop": gr.update(visible=False)}


def failed(workspace: Workspace, lang: str) -> View:
    return {"busy": ""} | settled(workspace, lang)


def stopped(workspace: Workspace, lang: str) -> View:
    return {"busy": f'<p class="fm-muted">{say("manage.export.stopped", lang)}</p>'} | settled(workspace, lang)


# -- the page


def build(workspace: Workspace, tab: gr.Tab, name: gr.Radio) -> None:
    """Make the inner tab's components and events, inside its gr.Tab."""
    parts: dict[str, Any] = {"opened": gr.Textbox(visible="hidden", elem_id="manage-opened")}
    with gr.Column(elem_classes="manage-cards"):
        parts |= _export() | _rename() | _copy() | _sample() | _merge()
    _events(workspace, tab, name, parts)


def _card(what: str) -> gr.Column:
    """A card that says in one sentence what it does; its fields go inside."""
    with gr.Column(elem_classes=["fm-card", "manage-card"], elem_id=f"manage-{what}", min_width=240) as card:
        gr.Markdown(word(f"manage.{what}"), elem_classes="fm-card-title")
        gr.Markdown(word(f"manage.{what}.about"), elem_classes="fm-muted")
    return card


def _name(what: str, info: bool = True) -> gr.Textbox:
    more = {"info": word("manage.name.help")} if info else {}
    return gr.Textbox(max_lines=1, label=word(f"manage.{what}.name"), elem_id=f"manage-{what}-name", interactive=True, **more)


def _do(what: str) -> gr.Button:
    return gr.Button(word(f"manage.{what}.do"), size="md", elem_id=f"manage-{what}-do")


def _export() -> dict[str, Any]:
    with _card("export"):
        kind = gr.Radio(FORMATS, value="csv", label=word("manage.export.kind"), elem_id="manage-export-kind", interactive=True)
        do = gr.Button(word("manage.export.do"), variant="primary", size="md", elem_id="manage-export-do")
        stop = gr.Button(word("manage.stop"), size="sm", visible=False, elem_id="manage-export-stop")
        busy = gr.HTML(elem_id="manage-busy")
        file = gr.DownloadButton(visible="hidden", elem_id="manage-file")
    return {"export-kind": kind, "export-do": do, "stop": stop, "busy": busy, "file": file}


def _rename() -> dict[str, Any]:
    with _card("rename"):
        return {"rename-name": _name("rename", info=False), "rename-do": _do("rename")}


def _copy() -> dict[str, Any]:
    with _card("copy"):
        return {"copy-name": _name("copy"), "copy-do": _do("copy")}


def _sample() -> dict[str, Any]:
    with _card("sample"):
        with gr.Row(equal_height=False):
            rows = gr.Number(
                USUAL_SAMPLE, precision=0, label=word("manage.sample.rows"), info=" ", elem_id="manage-sample-rows", min_width=120, interactive=True
            )
            seed = gr.Number(
                1, precision=0, label=word("manage.sample.seed"), info=word("manage.sample.seed.help"), elem_id="manage-sample-seed",
                min_width=120, interactive=True,
            )  # fmt: skip
        return {"sample-rows": rows, "sample-seed": seed, "sample-name": _name("sample"), "sample-do": _do("sample")}


def _merge() -> dict[str, Any]:
    with _card("merge"):
        others = free_choice(gr.Dropdown([], multiselect=True, label=word("manage.merge.with"), elem_id="manage-merge-with", interactive=True))
        none = gr.Markdown(word("manage.merge.none"), elem_classes="fm-muted", visible=False)
        with gr.Column() as box:
            new = _name("merge")
        return {"merge-with": others, "merge-none": none, "merge-name-box": box, "merge-name": new, "merge-do": _do("merge")}


def _events(workspace: Workspace, tab: gr.Tab, name: gr.Radio, parts: dict[str, Any]) -> None:
    shown = list(parts.values())

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, parts)), inputs, shown, api_visibility="private", **({"show_progress": "hidden"} | more))

    def then(event, inputs, js: str) -> None:
        event.success(None, inputs, None, js=js, api_visibility="private")

    on(tab.select, show, [name])
    fields = {"rename": ["rename-name"], "copy": ["copy-name"], "sample": ["sample-rows", "sample-seed", "sample-name"], "merge": ["merge-with", "merge-name"]}
    for what, handler in {"rename": rename, "copy": copy, "sample": sample, "merge": merge}.items():
        inputs, button = [name, *(parts[field] for field in fields[what])], parts[f"{what}-do"]
        for event in (button.click, parts[f"{what}-name"].submit):
            then(on(event, handler, inputs, show_progress="minimal", show_progress_on=button), [parts["opened"]], OPEN)
    exporting = on(parts["export-do"].click, write_rows, [name, parts["export-kind"]], concurrency_id="export", concurrency_limit=2)
    # a DownloadButton whose value is made by its own click needs two clicks; a hidden one is clicked once its file is there
    then(exporting, None, "() => document.querySelector('#manage-file').click()")
    on(exporting.failure, failed, [], queue=False)
    on(parts["stop"].click, stopped, [], cancels=[exporting], queue=False)
