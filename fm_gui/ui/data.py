"""The Data tab: bring rows in, look at them, say which column is what, see what they can teach."""

import gradio as gr

from fm_gui.config import SplitSpec
from fm_gui.data.samples import SAMPLES
from fm_gui.ui import charts, data_acts, data_view
from fm_gui.ui.bind import act, word
from fm_gui.ui.form import Form, build_form
from fm_gui.ui.view import free_choice, spread
from fm_gui.workspace import Workspace

TITLE = "data.tab"
ENCODINGS = ("auto", "utf-8", "gb18030", "big5", "shift_jis", "cp1252", "utf-16")


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Make the tab's components and events, inside its gr.Tab."""
    asked = gr.Textbox(visible="hidden", elem_id="data-asked")
    with gr.Row(elem_id="data-two", elem_classes="fm-two", equal_height=False):
        with gr.Column(elem_classes="fm-left", min_width=280) as left:
            parts = _left()
        with gr.Column(elem_classes="fm-right", min_width=280, visible=False) as main:
            parts |= _right()
    parts |= {"left": left, "main": main}
    form = parts.pop("split-form")
    parts |= {f"split-{name}": component for name, component in zip(form.names, form.components, strict=True)}
    _events(workspace, blocks, tab, asked, parts, form)


def _left() -> dict:
    parts: dict = {}
    parts["list"] = free_choice(
        gr.Radio([], label=word("data.list"), elem_id="data-list", elem_classes="fm-list", interactive=True, visible=False)
    )
    parts["undo"] = gr.Button(visible=False, size="sm", elem_id="data-undo")
    with gr.Column(elem_classes="data-add"):
        parts["welcome"] = gr.Markdown(word("data.welcome"), elem_classes="data-welcome", visible=False)
        parts["files"] = gr.File(file_count="multiple", label=word("data.drop"), elem_id="data-upload", height=140, interactive=True)
        with gr.Accordion(word("data.samples"), open=False, elem_id="data-samples") as parts["samples"], gr.Column(elem_classes="fm-cards"):
            for sample in SAMPLES:
                parts[f"sample-{sample.name}"] = _sample_card(sample)
        with gr.Accordion(word("data.paste"), open=False, elem_id="data-paste-fold", elem_classes="data-more"):
            parts["paste"] = gr.Textbox(
                lines=5, max_lines=12, label=word("data.paste.text"), info=word("data.paste.help"), elem_id="data-paste"
            )
            parts["paste-add"] = gr.Button(word("data.paste.add"), size="sm", elem_id="data-paste-add")
        with gr.Accordion(word("data.options"), open=False, elem_id="data-options", elem_classes="data-more"):
            gr.Markdown(word("data.options.help"), elem_classes="fm-muted")
            parts["delimiter"] = gr.Dropdown(
                [(word(f"data.delimiters.{name}"), name) for name in ("auto", "tab")] + [",", ";", "|"],
                value="auto",
                label=word("data.delimiter"),
                filterable=False,
                interactive=True,
            )
            parts["encoding"] = gr.Dropdown(
                [(word("data.delimiters.auto"), "auto"), *ENCODINGS[1:]],
                value="auto",
                label=word("data.encoding"),
                filterable=False,
                interactive=True,
            )
            parts["validation-file"] = gr.File(label=word("data.validation-file"), height=96, interactive=True)
            parts["test-file"] = gr.File(label=word("data.test-file"), height=96, interactive=True)
    return parts


def _sample_card(sample) -> gr.Button:
    with gr.Column(elem_classes="fm-card"):
        gr.Markdown(word(f"sample.{sample.name}"), elem_classes="fm-card-title")
        gr.Markdown(word(f"sample.{sample.name}.about"), elem_classes="fm-muted")
        return gr.Button(word("data.sample.use"), size="sm", elem_id=f"data-sample-{sample.name}")


def _right() -> dict:
    parts: dict = {}
    with gr.Row(elem_classes="data-head", equal_height=False):
        parts["head"] = gr.HTML(elem_id="data-head", min_width=240)
        parts["train"] = gr.Button(
            word("data.train"), variant="primary", elem_id="data-train-button", elem_classes="fm-primary", scale=0, min_width=160, size="md"
        )
    with gr.Row(elem_classes="data-roles"):
        for role in data_view.ROLES:
            parts[f"role-{role}"] = free_choice(
                gr.Dropdown([], label=word(f"data.role.{role}"), info=" ", interactive=True, elem_id=f"data-role-{role}")
            )
    parts["preview"] = gr.Dataframe(
        interactive=False,
        max_chars=120,
        pinned_columns=1,
        max_height=420,
        wrap=False,
        line_breaks=False,
        label=word("data.preview"),
        show_label=False,
        elem_id="data-preview",
        buttons=["fullscreen", "copy"],
    )
    with gr.Row(elem_classes="data-pages", equal_height=True):
        parts["page-line"] = gr.HTML(elem_id="data-page-line", min_width=160)
        parts["previous"] = gr.Button(word("data.page.previous"), size="sm", scale=0, min_width=96, elem_id="data-previous")
        parts["page"] = gr.Number(
            1,
            precision=0,
            show_label=False,
            label=word("data.page"),
            container=False,
            scale=0,
            min_width=72,
            elem_id="data-page",
            interactive=True,
        )
        parts["next"] = gr.Button(word("data.page.next"), size="sm", scale=0, min_width=96, elem_id="data-next")
    return parts | _details()


def _details() -> dict:
    parts: dict = {}
    parts["teaches"] = gr.HTML(elem_id="data-teaches")
    with gr.Row(elem_classes="data-charts"):
        for name in ("lengths", "labels"):
            with gr.Column(min_width=280) as parts[f"{name}-box"]:
                parts[name] = charts.figure(elem_id=f"data-{name}")
                parts[f"{name}-line"] = gr.HTML()
    with gr.Accordion(word("data.skipped"), open=False, visible=False, elem_id="data-skipped") as parts["skipped-fold"]:
        parts["skipped"] = gr.HTML()
    with gr.Accordion(word("data.split"), open=False, elem_id="data-split"):
        parts["parts"] = gr.HTML()
        parts["role-split"] = free_choice(
            gr.Dropdown([], label=word("data.role.split"), info=" ", interactive=True, elem_id="data-role-split")
        )
        parts["split-form"] = build_form(SplitSpec, prefix="data-split")
        parts["split-set"] = gr.Button(word("data.split.set"), size="sm", elem_id="data-split-set")
    parts["delete"] = gr.Button(word("data.delete"), size="sm", elem_id="data-delete", elem_classes="fm-quiet")
    return parts


def _events(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab, asked: gr.Textbox, parts: dict, form: Form) -> None:
    shown, name = list(parts.values()), parts["list"]

    def answer(handler):
        return act(workspace, spread(handler, parts))

    def on(event, handler, inputs, busy: str):
        return event(answer(handler), inputs, shown, api_visibility="private", show_progress="minimal", show_progress_on=parts[busy])

    quiet = {"api_visibility": "private", "show_progress": "hidden"}

    def remember(event) -> None:
        # the address follows what is open, so that reload, Back and a second window show the same
        event.success(None, [name], None, js="(name) => { fm.mark({data: name || ''}) }", api_visibility="private")

    # Back and a link to another data set click this (app.js)
    again = gr.Button(visible="hidden", elem_id="data-refresh")
    js = "(asked, name) => [fm.param('data'), name]"
    gr.on([blocks.load, tab.select, again.click], answer(data_acts.show), [asked, name], shown, js=js, **quiet)
    remember(on(name.input, data_acts.show, [name, name], "head"))
    options = [parts[key] for key in ("validation-file", "test-file", "delimiter", "encoding")]
    added = on(parts["files"].upload, data_acts.add_files, [parts["files"], *options], "files")
    remember(added)
    # a file that was refused would be sent again with the next one
    added.failure(answer(data_acts.forget_file), None, shown, **quiet)
    remember(on(parts["paste-add"].click, data_acts.add_pasted, [parts["paste"]], "paste"))
    for sample in SAMPLES:
        remember(on(parts[f"sample-{sample.name}"].click, data_acts.use_sample, [gr.State(sample.name)], "files"))
    roles = [parts[f"role-{role}"] for role in data_view.ALL_ROLES]
    for role in roles:
        chosen = on(role.input, data_acts.set_roles, [name, *roles], "teaches")
        chosen.failure(answer(data_acts.show), [name, name], shown, **quiet)  # the drop-down shows what is true again
    on(parts["split-set"].click, data_acts.set_split, [name, *form.components], "parts")
    on(parts["previous"].click, data_acts.turn_back, [name, parts["page"]], "preview")
    on(parts["next"].click, data_acts.turn_on, [name, parts["page"]], "preview")
    on(parts["page"].submit, data_acts.turn_to, [name, parts["page"]], "preview")
    remember(on(parts["delete"].click, data_acts.delete, [name], "head"))
    remember(on(parts["undo"].click, data_acts.undo, [], "list"))
    parts["train"].click(None, [name], None, js="(name) => { fm.go('train', {data: name, from: ''}) }", api_visibility="private")
