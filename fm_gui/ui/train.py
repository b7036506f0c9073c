"""The Train tab: what to learn, what to start from, how long; what will happen; and the start of a run."""

import gradio as gr

from fm_gui.config import TrainSettings
from fm_gui.models.catalog import USUAL_SIZE
from fm_gui.tasks import TASKS
from fm_gui.ui import train_acts, train_preflight
from fm_gui.ui.bind import act, word
from fm_gui.ui.form import build_form
from fm_gui.ui.train_choice import NAMES, SIZES
from fm_gui.ui.view import free_choice, spread
from fm_gui.workspace import Workspace

TITLE = "train.tab"
# a change of one of these may change what else can be chosen, and what the preset sets
SETTLING = ("task", "start", "architecture", "preset")


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Make the tab's components and events, inside its gr.Tab."""
    parts: dict = {name: gr.Textbox(visible="hidden", elem_id=f"train-{name}") for name in ("prefilled", "plan-now", "started", "filled")}
    asked = [gr.Textbox(visible="hidden", elem_id=f"train-asked-{name}") for name in ("data", "from")]
    gr.HTML(word("page.wait"), html_template='<p class="fm-muted" role="status">${value}</p>', elem_id="train-wait")  # until one of the next two is there
    with gr.Column(elem_classes="fm-empty", visible=False) as parts["empty"]:
        gr.Markdown(word("train.empty"))
        parts["to-data"] = gr.Button(word("train.empty.go"), variant="primary", scale=0, elem_id="train-to-data")
    with gr.Row(elem_id="train-two", elem_classes="fm-two", equal_height=False, visible=False) as parts["main"]:
        with gr.Column(elem_classes="fm-left", min_width=280):
            parts |= _what()
            with gr.Column(elem_classes="train-steps") as parts["steps"]:
                parts |= _from_what() | _how_long() | _advanced()
        with gr.Column(elem_classes="fm-right", min_width=280):
            parts |= _will_happen()
    _events(workspace, blocks, tab, asked, parts)


def _step(number: int, key: str) -> None:
    gr.HTML(word(key), html_template=f'<h2 class="train-step"><span aria-hidden="true">{number}</span>${{value}}</h2>')


def _what() -> dict:
    parts: dict = {}
    with gr.Column(elem_classes="fm-step"):
        _step(1, "train.what")
        parts["data"] = free_choice(gr.Dropdown([], label=word("train.data"), interactive=True, elem_id="train-data"))
        parts["task"] = free_choice(gr.Radio([], label=word("train.task"), interactive=True, elem_id="train-task", elem_classes="fm-list"))
        with gr.Accordion(word("train.task.rest"), open=False, visible=False, elem_classes="fm-fold") as parts["rest-fold"]:
            parts["rest"] = gr.HTML()
    return parts


def _from_what() -> dict:
    parts: dict = {}
    with gr.Column(elem_classes="fm-step"):
        _step(2, "train.from")
        parts["start"] = free_choice(
            gr.Radio([], label=word("train.start"), interactive=True, elem_id="train-from", elem_classes="fm-list")
        )
        parts["other"] = gr.Textbox(
            label=word("train.other"), info=word("train.other.help"), visible=False, max_lines=1, interactive=True, elem_id="train-other"
        )
        with gr.Column(visible=False, elem_classes="train-scratch") as parts["scratch"]:
            parts["architecture"] = free_choice(
                gr.Dropdown(
                    [], label=word("train.architecture"), info=" ", filterable=False, interactive=True, elem_id="train-architecture"
                )
            )
            parts["size"] = gr.Slider(
                0,
                len(SIZES) - 1,
                value=SIZES.index(USUAL_SIZE),
                step=1,
                label=word("train.size"),
                interactive=True,
                elem_id="train-size",
                elem_classes="train-size",
                buttons=[],
            )
            # a name below the slider moves it; the keyboard has the slider itself
            parts["size-line"] = gr.HTML(elem_id="train-size-line", js_on_load="element.addEventListener('click', ({target}) => fm.slide('train-size', target.dataset.at));")
    return parts


def _how_long() -> dict:
    parts: dict = {}
    with gr.Column(elem_classes="fm-step"):
        _step(3, "train.long")
        parts["preset"] = free_choice(
            gr.Radio([], value="balanced", label=word("train.preset"), interactive=True, elem_id="train-preset", elem_classes="fm-list")
        )
        parts["minutes"] = gr.Number(
            10,
            label=word("train.minutes"),
            info=word("setting.minutes.help"),
            visible=False,
            step=1,
            interactive=True,
            elem_id="train-minutes",
        )
    return parts


def _advanced() -> dict:
    parts: dict = {}
    with gr.Accordion(word("train.advanced"), open=False, elem_id="train-advanced", elem_classes="fm-fold"):
        parts["name"] = gr.Textbox(
            label=word("train.name"), info=word("train.name.help"), max_lines=1, interactive=True, elem_id="train-name"
        )
        for task in TASKS:
            with gr.Column(visible=False) as parts[f"options-{task.name}"]:
                form = build_form(task.Options, prefix=f"train-option-{task.name}")
                parts |= {f"option-{task.name}-{name}": component for name, component in zip(form.names, form.components, strict=True)}
        form = build_form(TrainSettings, prefix="train-setting", without=("preset", "minutes", "device"))
        parts |= {f"train-{name}": component for name, component in zip(form.names, form.components, strict=True)}
        parts["train-device"] = free_choice(
            gr.Dropdown(
                ["auto", "cpu"], value="auto", label=word("setting.device"), info=word("setting.device.help"), allow_custom_value=True,
                interactive=True, elem_id="train-setting-device",
            )
        )  # fmt: skip
    with gr.Accordion(word("train.tokenizer"), open=False, elem_id="train-tokenizer", elem_classes="fm-fold"):
        gr.Markdown(word("train.tokenizer.about"), elem_classes="fm-muted")
        parts["vocab-size"] = gr.Number(
            0,
            precision=0,
            label=word("setting.vocab_size"),
            info=word("setting.vocab_size.help"),
            visible=False,
            interactive=True,
            elem_id="train-vocab-size",
        )
        parts["sentence"] = gr.Textbox(
            label=word("train.sentence"), placeholder=word("train.sentence.empty"), max_lines=3, interactive=True, elem_id="train-sentence"
        )
        parts["cut"] = gr.Button(word("train.cut"), size="sm", elem_id="train-cut")
        parts["pieces"] = gr.HTML(elem_id="train-pieces")
    return parts


def _will_happen() -> dict:
    parts: dict = {}
    with gr.Column(elem_id="train-panel"):
        gr.HTML(word("train.plan"), html_template="<h2>${value}</h2>")
        parts["plan"] = gr.HTML(elem_id="train-plan")
        parts |= train_preflight.build()
        parts["go"] = gr.Button(word("train.go"), variant="primary", interactive=False, elem_id="train-start", elem_classes="fm-primary")
        parts["examples"] = gr.HTML(elem_id="train-examples")
        parts["command"] = gr.Textbox(
            label=word("train.command"),
            info=word("train.command.help"),
            interactive=False,
            lines=2,
            max_lines=8,
            buttons=["copy"],
            visible=False,
            elem_id="train-command",
            elem_classes="fm-code",
        )
    return parts


def _events(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab, asked: list, parts: dict) -> None:
    shown, values = list(parts.values()), [parts[name] for name in NAMES]

    def answer(handler):
        return act(workspace, spread(handler, parts))

    here = {"api_visibility": "private", "show_progress": "hidden"}
    # Back and a link to this tab's other contents click this (app.js)
    again = gr.Button(visible="hidden", elem_id="train-refresh")
    gr.on(
        [blocks.load, tab.select, again.click],
        answer(train_acts.show),
        [*asked, parts["prefilled"], *values],
        shown,
        **here,
        js="(...values) => [fm.param('data'), fm.param('from'), ...values.slice(2)]",
    )
    # one dependency plans, whatever asks for it: answers cannot overtake each other, and a burst of changes is planned once
    parts["plan-now"].change(
        answer(train_acts.foretell),
        values,
        shown,
        trigger_mode="always_last",
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=parts["plan"],
    )
    for name in SETTLING:
        parts[name].input(answer(train_acts.change), values, shown, **here)
    parts["data"].input(answer(train_acts.change), values, shown, **here).success(
        None, [parts["data"]], None, js="(data) => { fm.mark({data, from: ''}) }", api_visibility="private"
    )
    parts["other"].input(answer(train_acts.change), values, shown, trigger_mode="always_last", **here)
    parts["size"].change(answer(train_acts.resize), values, shown, trigger_mode="always_last", **here)
    parts["train-device"].input(answer(train_acts.pick_device), [parts["train-device"]], shown, **here)
    plain = [parts[name] for name in NAMES if name.startswith(("train-", "option-"))] + [parts["minutes"], parts["vocab-size"]]
    gr.on(
        [component.input for component in plain], None, None, [parts["plan-now"]], js="() => String(Date.now())", api_visibility="private"
    )
    gr.on(
        [parts["cut"].click, parts["sentence"].submit],
        act(workspace, spread(train_acts.cut, ["pieces"])),
        [parts["sentence"], *values],
        [parts["pieces"]],
        api_visibility="private",
        show_progress="minimal",
    )
    measuring = train_preflight.events(answer, values, parts)
    started = parts["go"].click(
        answer(train_acts.start),
        [parts["name"], *values],
        shown,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=parts["go"],
        cancels=measuring,
    )
    started.success(None, [parts["started"]], None, js="(run) => { fm.go('watch', {run}) }", api_visibility="private")
    parts["to-data"].click(None, None, None, js="() => { fm.go('data', {}) }", api_visibility="private")
