"""The Data tab: bring rows in, look at them, say which column is what, see what they can teach."""

from functools import partial

import gradio as gr

from fm_gui.config import SplitSpec
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.samples import SAMPLES
from fm_gui.ui import data_acts, data_clean, data_health, data_label, data_manage, data_profile, data_read, data_rows, data_view
from fm_gui.ui.bind import act, word
from fm_gui.ui.form import Form, build_form
from fm_gui.ui.view import free_choice, spread
from fm_gui.workspace import Workspace

TITLE = "data.tab"
# the tabs inside: each looks at the data set that is open when it is chosen, and makes its own components and events
INNER = {"profile": data_profile, "health": data_health, "clean": data_clean, "labels": data_label, "manage": data_manage}

# the list scrolls by itself where it is long: the data set that is open must not be below its edge
IN_SIGHT = """
() => requestAnimationFrame(() => setTimeout(() => {
  const chosen = document.querySelector('#data-list label.selected'), list = chosen?.closest('.wrap');
  if (!list) return;
  const at = chosen.getBoundingClientRect(), seen = list.getBoundingClientRect();
  if (at.top < seen.top || at.bottom > seen.bottom) list.scrollTop += at.top - seen.top - (seen.height - at.height) / 2;
}, 50))
"""


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Make the tab's components and events, inside its gr.Tab."""
    asked = gr.Textbox(visible="hidden", elem_id="data-asked")
    with gr.Row(elem_id="data-two", elem_classes="fm-two", equal_height=False):
        with gr.Column(elem_classes="fm-left", min_width=280) as left:
            parts = _left()
        parts |= data_read.build_coming()
        with gr.Column(elem_classes="fm-right", min_width=280, visible=False) as main:
            parts |= _right(workspace, parts["list"])
    parts |= {"left": left, "main": main}
    # rows that the Health tab points at: it writes them here and clicks "data-rows-show"
    parts["rows-asked"] = gr.Textbox(visible="hidden", elem_id="data-rows-asked")
    parts["rows-picked"] = gr.Textbox(visible="hidden", elem_id="data-rows-picked")
    form = parts.pop("split-form")
    parts |= {f"split-{name}": component for name, component in zip(form.names, form.components, strict=True)}
    events = Events(workspace, parts)
    _opening(blocks, tab, asked, events)
    _adding(events)
    _rows(events)
    _changing(events, form)


def _left() -> dict:
    parts: dict = {}
    gr.HTML(word("page.wait"), html_template='<p class="fm-muted" role="status">${value}</p>', elem_id="data-wait")  # until one of the next two is there
    parts["list"] = free_choice(
        gr.Radio([], label=word("data.list"), elem_id="data-list", elem_classes="fm-list", interactive=True, visible=False)
    )
    parts["undo"] = gr.Button(visible=False, size="sm", elem_id="data-undo")
    with gr.Column(elem_classes="data-add"):
        parts["welcome"] = gr.Markdown(word("data.welcome"), elem_classes="data-welcome", visible=False)
        parts["files"] = gr.File(file_count="multiple", label=word("data.drop"), elem_id="data-upload", height=160, interactive=True)
        parts["add-busy"] = gr.HTML(elem_id="data-add-busy", elem_classes="data-busy")
        parts["add-stop"] = gr.Button(word("data.add.stop"), size="sm", visible=False, elem_id="data-add-stop")
        with gr.Accordion(word("data.samples"), open=False, elem_id="data-samples") as parts["samples"], gr.Column(elem_classes="fm-cards"):
            for sample in SAMPLES:
                parts[f"sample-{sample.name}"] = _sample_card(sample)
        with gr.Accordion(word("data.paste"), open=False, elem_id="data-paste-fold", elem_classes="data-more"):
            parts["paste"] = gr.Textbox(
                lines=5, max_lines=12, label=word("data.paste.text"), info=word("data.paste.help"), elem_id="data-paste"
            )
            parts["paste-add"] = gr.Button(word("data.paste.add"), size="sm", elem_id="data-paste-add")
        with gr.Accordion(word("data.hub"), open=False, elem_id="data-hub-fold", elem_classes="data-more"):
            parts |= _hub()
        with gr.Accordion(word("data.options"), open=False, elem_id="data-options", elem_classes="data-more") as parts["options"]:
            gr.Markdown(word("data.options.help"), elem_classes="fm-muted")
            parts["delimiter"], parts["encoding"] = data_read.delimiter("data-delimiter"), data_read.encoding("data-encoding")
            form = build_form(ReadOptions, prefix="data-next", without=("delimiter", "encoding"))
            parts |= {f"next-{name}": component for name, component in zip(form.names, form.components, strict=True)}
            parts["validation-file"] = gr.File(label=word("data.validation-file"), height=150, interactive=True)
            parts["test-file"] = gr.File(label=word("data.test-file"), height=150, interactive=True)
    return parts


def _sample_card(sample) -> gr.Button:
    with gr.Column(elem_classes="fm-card"):
        gr.Markdown(word(f"sample.{sample.name}"), elem_classes="fm-card-title")
        gr.Markdown(word(f"sample.{sample.name}.about"), elem_classes="fm-muted")
        return gr.Button(word("data.sample.use"), size="sm", elem_id=f"data-sample-{sample.name}")


def _hub() -> dict:
    parts: dict = {}
    parts["hub-id"] = gr.Textbox(
        max_lines=1, label=word("data.hub.id"), info=word("data.hub.id.help"), placeholder=word("data.hub.id.example"), elem_id="data-hub-id"
    )
    with gr.Row():
        for name in ("config", "split"):
            parts[f"hub-{name}"] = gr.Textbox(
                max_lines=1, label=word(f"data.hub.{name}"), info=word(f"data.hub.{name}.help"), min_width=120, elem_id=f"data-hub-{name}"
            )
    parts["hub-add"] = gr.Button(word("data.hub.add"), size="sm", elem_id="data-hub-add")
    return parts


def _right(workspace: Workspace, name: gr.Radio) -> dict:
    parts: dict = {}
    with gr.Row(elem_classes="data-head", equal_height=False):
        parts["head"] = gr.HTML(elem_id="data-head", min_width=240)
        parts["train"] = gr.Button(
            word("data.train"), variant="primary", elem_id="data-train-button", elem_classes="fm-primary", scale=0, min_width=160, size="md"
        )
    parts |= data_read.build()
    with gr.Row(elem_classes="data-roles"):
        for role in data_view.ROLES:
            parts[f"role-{role}"] = _role(role)
    with (
        gr.Accordion(word("data.roles.others"), open=False, elem_id="data-roles-others") as parts["roles-others"],
        gr.Row(elem_classes="data-other-roles"),
    ):
        for role in data_view.OTHER_ROLES:
            parts[f"role-{role}"] = _role(role)
    with gr.Tabs(selected="rows", elem_id="data-inner", elem_classes="data-inner") as parts["inner"]:
        with gr.Tab(word("data.inner.rows"), id="rows"):
            parts |= data_rows.build() | _below_rows()
        for key, module in INNER.items():
            with gr.Tab(word(f"data.inner.{key}"), id=key) as inner:
                module.build(workspace, inner, name)
    return parts


def _role(role: str) -> gr.Dropdown:
    return free_choice(
        gr.Dropdown([], label=word(data_view.role_key(role)), info=" ", interactive=True, min_width=200, elem_id=f"data-role-{role}")
    )


def _below_rows() -> dict:
    parts: dict = {}
    parts["teaches"] = gr.HTML(elem_id="data-teaches")
    with gr.Accordion(word("data.skipped"), open=False, visible=False, elem_id="data-skipped") as parts["skipped-fold"]:
        parts["skipped"] = gr.HTML()
    with gr.Accordion(word("data.split"), open=False, elem_id="data-split"):
        parts["parts"] = gr.HTML()
        parts["role-split"] = _role("split")
        parts["split-form"] = build_form(SplitSpec, prefix="data-split")
        method = parts["split-form"].components[parts["split-form"].names.index("method")]
        method.choices = [(word(f"data.split.method.{value}"), value) for _, value in method.choices]
        parts["split-set"] = gr.Button(word("data.split.set"), size="sm", elem_id="data-split-set")
    parts["delete"] = gr.Button(word("data.delete"), size="sm", elem_id="data-delete", elem_classes="fm-quiet")
    return parts


# -- events


class Events:
    """Connects events to handlers whose View changes ``parts``."""

    quiet = {"api_visibility": "private", "show_progress": "hidden"}

    def __init__(self, workspace: Workspace, parts: dict):
        self.workspace, self.parts, self.name = workspace, parts, parts["list"]
        self.shown = list(parts.values())
        self.seen = [parts[key] for key in data_rows.SEEN]

    def answer(self, handler):
        return act(self.workspace, spread(handler, self.parts))

    def on(self, event, handler, inputs: list, busy: str = "", **more):
        """``busy`` is the part that shows that the handler is at work; without it, the handler shows that itself."""
        shown = {"show_progress": "minimal", "show_progress_on": self.parts[busy]} if busy else {"show_progress": "hidden"}
        return event(self.answer(handler), inputs, self.shown, api_visibility="private", **shown, **more)

    def back_to_truth(self, event) -> None:
        """After a mistake the components show again what is true."""
        event.failure(self.answer(data_acts.show), [self.name, self.name, *self.seen], self.shown, **self.quiet)

    def remember(self, event) -> None:
        """The address follows what is open, so that reload, Back and a second window show the same."""
        event.success(None, [self.name], None, js="(name) => { fm.mark({data: name || ''}) }", api_visibility="private")
        self.in_sight(event)

    def in_sight(self, event) -> None:
        """Scroll the list so that the data set that is open shows."""
        event.success(None, None, None, js=IN_SIGHT, api_visibility="private")


def _opening(blocks: gr.Blocks, tab: gr.Tab, asked: gr.Textbox, events: Events) -> None:
    parts, name = events.parts, events.name
    again = gr.Button(visible="hidden", elem_id="data-refresh")  # Back, a link to another data set, and the inner tabs click this
    js = "(asked, ...rest) => [fm.param('data'), ...rest]"
    shown = gr.on(
        [blocks.load, tab.select, again.click], events.answer(data_acts.show), [asked, name, *events.seen], events.shown, js=js, **events.quiet
    )
    events.in_sight(shown)
    events.remember(events.on(name.input, data_acts.choose, [name], "head"))
    events.remember(events.on(parts["delete"].click, data_acts.delete, [name], "head"))
    events.remember(events.on(parts["undo"].click, data_acts.undo, [], "list"))
    parts["train"].click(None, [name], None, js="(name) => { fm.go('train', {data: name, from: ''}) }", api_visibility="private")


def _adding(events: Events) -> None:
    parts, on = events.parts, events.on
    options = [parts[key] for key in ("validation-file", "test-file", "delimiter", "encoding", *(f"next-{name}" for name in data_read.NEXT))]
    added = on(parts["files"].upload, data_acts.add_files, [parts["files"], *options])
    # a file that was refused would be sent again with the next one
    on(added.failure, data_acts.forget_file, [])
    hub = on(parts["hub-add"].click, data_acts.add_from_hub, [parts["hub-id"], parts["hub-config"], parts["hub-split"]])
    on(hub.failure, data_acts.settled, [])
    on(parts["add-stop"].click, data_acts.stopped, [], cancels=[added, hub], queue=False)
    for event in (added, hub):
        events.remember(event)
    events.remember(on(parts["paste-add"].click, data_acts.add_pasted, [parts["paste"]], "paste"))
    for sample in SAMPLES:
        events.remember(on(parts[f"sample-{sample.name}"].click, data_acts.use_sample, [gr.State(sample.name)], "files"))
    # how the open data set was read
    form = [parts[f"read-{key}"] for key in data_read.FIELDS]
    changed = partial(gr.on, [parts["read-fold"].expand, *(box.input for box in form)])
    on(changed, data_read.look, [events.name, *form], trigger_mode="always_last")
    again = on(parts["read-again"].click, data_acts.read_again, [events.name, *form])
    on(again.failure, data_read.settled, [])
    on(parts["read-stop"].click, data_read.settled, [], cancels=[again], queue=False)


def _rows(events: Events) -> None:
    parts, on, inputs = events.parts, events.on, [events.name, *events.seen]
    on(partial(gr.on, [parts["rows-text"].input, parts["rows-text"].submit]), data_rows.find, inputs, trigger_mode="always_last")
    for key in ("value", "part"):
        on(parts[f"rows-{key}"].input, data_rows.find, inputs, "preview")
    on(parts["rows-column"].input, data_rows.choose_column, inputs, "preview")
    on(parts["previous"].click, data_rows.turn_back, inputs, "preview")
    on(parts["next"].click, data_rows.turn_on, inputs, "preview")
    on(parts["page"].submit, data_rows.turn_to, inputs, "preview")
    on(parts["rows-all"].click, data_rows.show_all, [events.name], "preview")
    show = gr.Button(visible="hidden", elem_id="data-rows-show")
    js = "(name) => [name, document.querySelector('#data-rows-asked :is(input, textarea)').value]"
    on(show.click, data_rows.show_rows, [events.name, parts["rows-asked"]], js=js)


def _changing(events: Events, form: Form) -> None:
    parts, on, name = events.parts, events.on, events.name
    roles = [parts[f"role-{role}"] for role in data_view.ALL_ROLES]
    for role in roles:
        events.back_to_truth(on(role.input, data_acts.set_roles, [name, *roles], "teaches"))
    on(parts["split-method"].input, data_acts.choose_method, [parts["split-method"]])
    on(parts["split-set"].click, data_acts.set_split, [name, *form.components], "parts")
