"""The components of the Try tab: each input, output and knob that some task has, once."""

from typing import Any

import gradio as gr

from fm_gui.tasks import TASKS, Kind
from fm_gui.ui.bind import word
from fm_gui.ui.form import Form, build_form, field_names
from fm_gui.ui.view import free_choice
from fm_gui.ui.widgets import input_for, output_for

MOST = 3  # models side by side
KEPT = 20  # tries remembered
# every input and output that some task has, once: the tasks share the components
ASKED: tuple[tuple[str, Kind], ...] = tuple(dict.fromkeys(pair for task in TASKS for pair in task.inputs.items()))
SHOWN: tuple[Kind, ...] = tuple(dict.fromkeys(task.output for task in TASKS))
KNOBS: dict[str, tuple[str, ...]] = {task.name: field_names(task.PredictOptions) for task in TASKS if task.PredictOptions.model_fields}


def ask() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    parts["runs"] = free_choice(gr.Dropdown([], multiselect=True, max_choices=MOST, label=word("try.runs"), info=word("try.runs.help"),
                                            elem_id="try-runs", interactive=True))
    parts["note"] = gr.HTML(elem_id="try-note")
    with gr.Column(elem_id="try-input"):
        for role, kind in ASKED:
            with gr.Column(visible=False) as parts[f"ask-{role}-{kind}"]:
                parts[f"in-{role}-{kind}"] = input_for(kind, f"try-input-{role}-{kind}")
    with gr.Row(elem_classes="try-act"):
        parts["go"] = gr.Button(word("try.go"), variant="primary", size="md", elem_id="try-go", elem_classes="fm-primary")
        parts["stop"] = gr.Button(word("try.stop"), size="md", interactive=False, visible=False, scale=0, min_width=96, elem_id="try-stop")
    for task in TASKS:
        if task.name in KNOBS:
            with gr.Accordion(word("try.knobs"), open=False, visible=False, elem_id=f"try-knobs-{task.name}") as parts[f"knobs-{task.name}"]:
                form: Form = build_form(task.PredictOptions, prefix=f"try-{task.name}")
                parts |= {f"knob-{task.name}-{name}": component for name, component in zip(form.names, form.components, strict=True)}
    return parts


def more() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    parts["examples"] = gr.Dataset(components=["textbox"], samples=[], type="index", label=word("try.examples"), samples_per_page=8, visible=False,
                                   elem_id="try-examples", elem_classes="try-examples")
    with gr.Accordion(word("try.file"), open=False, elem_id="try-file-fold") as parts["file-fold"]:
        gr.Markdown(word("try.file.help"), elem_classes="fm-muted")
        parts["file"] = gr.File(label=word("try.file.drop"), height=160, elem_id="try-file", interactive=True)
        parts["file-note"] = gr.HTML(elem_id="try-file-note")
        parts["file-stop"] = gr.Button(word("try.stop"), size="sm", visible=False, elem_id="try-file-stop")
        parts["file-done"] = gr.DownloadButton(word("try.file.download"), size="md", visible=False, elem_id="try-file-download")
    return parts


def answers() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Row(elem_classes="try-cards", equal_height=False):
        for i in range(MOST):
            with gr.Column(elem_classes=["fm-card", "try-card"], visible=False, min_width=240, elem_id=f"try-card-{i}") as parts[f"card-{i}"]:
                parts[f"head-{i}"] = gr.HTML()
                for kind in SHOWN:
                    parts[f"out-{kind}-{i}"] = output_for(kind, f"try-answer-{i}-{kind}")
                parts[f"foot-{i}"] = gr.HTML(elem_id=f"try-foot-{i}")
    with gr.Column(visible=False) as parts["tries-fold"]:
        parts["tried"] = gr.Dataset(components=["textbox", "textbox"], samples=[], type="index", headers=["", ""], layout="table", label=word("try.tried"),
                                    samples_per_page=KEPT, elem_id="try-tried", elem_classes="try-tried")
    return parts
