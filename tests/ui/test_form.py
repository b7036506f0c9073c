"""Settings models as widgets and back."""

from typing import Literal

import gradio as gr
import pytest

from fm_gui.config import Settings, SplitSpec, TrainSettings, parse, setting
from fm_gui.errors import UserError
from fm_gui.tasks import TASKS
from fm_gui.ui.form import build_form, field_names, field_type, form_values

MODELS = [TrainSettings, SplitSpec, *(model for task in TASKS for model in (task.Options, task.PredictOptions))]


class Everything(Settings):
    """One field of every type that a form can show."""

    seed: int = setting(3, "s", "h", ge=0, le=10)
    epochs: float = setting(3.0, "e", "h", group="common", gt=0)
    dropout: float | None = setting(None, "d", "h", ge=0, lt=1)
    warmup: float = setting(0.1, "w", "h", ge=0, le=0.9)
    keep_best: bool = setting(True, "k", "h")
    precision: Literal["auto", "fp32", "bf16"] = setting("auto", "p", "h")
    schedule: Literal["linear", "cosine", "wsd", "constant"] = setting("linear", "s", "h")
    device: str = setting("auto", "d", "h")


def made(model, **more):
    with gr.Blocks(analytics_enabled=False):
        return build_form(model, prefix="test", **more)


def test_each_type_has_its_widget():
    form = made(Everything)
    kinds = dict(zip(form.names, (type(component) for component in form.components)))
    assert kinds == {
        "epochs": gr.Number,
        "seed": gr.Number,
        "dropout": gr.Number,
        "warmup": gr.Slider,
        "keep_best": gr.Checkbox,
        "precision": gr.Radio,
        "schedule": gr.Dropdown,
        "device": gr.Textbox,
    }
    assert form.names[0] == "epochs"  # common settings come first
    assert [component.elem_id for component in form.components] == [f"test-{name}" for name in form.names]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__.rsplit('.', 1)[-1]}.{model.__name__}")
def test_every_settings_model_comes_back_as_it_was(model):
    form = made(model)
    shown = [component.value for component in form.components]
    assert parse(model, form.values(*shown)) == model()
    assert [update["value"] for update in form.updates({})] == [model.model_fields[name].default for name in form.names]


def test_what_stands_in_the_widgets_becomes_settings():
    form = made(TrainSettings, without=("preset", "minutes"))
    assert {"preset", "minutes"}.isdisjoint(form.names)
    values = form.values(*(component.value for component in form.components))
    values |= dict(zip(("epochs", "batch_size"), form_values(TrainSettings, ("epochs", "batch_size"), (2, 16.0)).values()))
    assert parse(TrainSettings, values).batch_size == 16
    assert form_values(TrainSettings, ("dropout", "device"), (None, "  cpu ")) == {"dropout": None, "device": "cpu"}
    changed = form.updates({"epochs": 7.0})
    assert changed[form.names.index("epochs")]["value"] == 7.0


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 0), ("learning_rate", 2), ("batch_size", None), ("batch_size", 2.5), ("warmup", 0.95)]
)
def test_limits_are_refused_like_on_the_command_line(name, value):
    with pytest.raises(UserError) as problem:
        parse(TrainSettings, form_values(TrainSettings, (name,), (value,)))
    assert problem.value.values["name"] == name


def test_fields_are_ordered_and_typed():
    names = field_names(TrainSettings)
    groups = [TrainSettings.model_fields[name].json_schema_extra["group"] for name in names]
    assert groups == sorted(groups, key=lambda group: group != "common")
    assert set(names) == set(TrainSettings.model_fields)
    assert field_type(TrainSettings.model_fields["dropout"]) == (float, (), True)
    assert field_type(TrainSettings.model_fields["schedule"]) == (str, ("linear", "cosine", "wsd", "constant"), False)
