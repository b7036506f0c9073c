"""A settings model as widgets, and back: the only place where the order of values matters.

Limits are not given to the widgets: Gradio would refuse in English only. ``config.parse`` refuses what is outside
them, in the person's language, exactly as for the command line.
"""

import math
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import gradio as gr
from pydantic.fields import FieldInfo

from fm_gui.config import Settings
from fm_gui.data.recipe import Step
from fm_gui.text import table
from fm_gui.ui.bind import setting_key, word
from fm_gui.ui.view import free_choice

FEW = 3  # as many choices are shown at once; more go into a drop-down


@dataclass(frozen=True)
class Form:
    """The widgets of a settings model: ``components[i]`` belongs to field ``names[i]``."""

    model: type[Settings]
    names: tuple[str, ...]
    components: tuple[gr.components.Component, ...]

    def values(self, *args) -> dict[str, Any]:
        """Field -> value, from the widgets' values in the order of ``components``; not yet checked."""
        return form_values(self.model, self.names, args)

    def updates(self, values: dict[str, Any]) -> list:
        """One update per widget; a field that ``values`` lacks shows its default."""
        return [gr.update(value=values.get(name, self.model.model_fields[name].default)) for name in self.names]


def field_names(model: type[Settings], without: Iterable[str] = ()) -> tuple[str, ...]:
    """The model's fields in the order of the form: common settings first, else as declared."""
    names = [name for name in model.model_fields if name not in set(without)]
    return tuple(sorted(names, key=lambda name: _group(model.model_fields[name]) != "common"))


def form_values(model: type[Settings], names: Iterable[str], args: Iterable[Any]) -> dict[str, Any]:
    """Field -> value, as the widgets give them: an empty box is None where the field allows it, whole numbers are int.

    Texts lose the blanks at their ends, but for a cleaning step's: there a blank is what stands between two columns.
    """
    values = {}
    for name, value in zip(names, args, strict=True):
        kind, _, _ = field_type(model.model_fields[name])
        if isinstance(value, str) and not issubclass(model, Step):
            value = value.strip()
        if kind is list:
            value = list(value or [])
        if kind is dict:
            value = _renamed(value)
        if kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        values[name] = value
    return values


def build_form(model: type[Settings], *, prefix: str, without: Iterable[str] = ()) -> Form:
    """Make the widgets of ``model`` here and now; their elem_ids are ``<prefix>-<field>``."""
    names = field_names(model, without)
    with gr.Column(elem_classes="fm-form"):
        components = tuple(_widget(model, name, f"{prefix}-{name}") for name in names)
    return Form(model, names, components)


def field_type(field: FieldInfo) -> tuple[type, tuple, bool]:
    """(plain type, choices of a Literal or of a list of them, may it be empty) of a field."""
    kinds, optional = [field.annotation], False
    if get_origin(field.annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(field.annotation) if kind is not types.NoneType]
        optional = len(kinds) < len(get_args(field.annotation))
    assert len(kinds) == 1, f"no widget for {field.annotation}"
    if get_origin(kinds[0]) is Literal:
        return str, get_args(kinds[0]), optional
    if get_origin(kinds[0]) is list:
        inside = get_args(kinds[0])[0]
        return list, get_args(inside) if get_origin(inside) is Literal else (), optional
    return get_origin(kinds[0]) or kinds[0], (), optional


def limits(field: FieldInfo) -> dict[str, float]:
    """The field's ge, gt, le, lt, where it has them."""
    return {name: getattr(one, name) for one in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(one, name)}


def _group(field: FieldInfo) -> str:
    return (field.json_schema_extra or {}).get("group", "advanced")


def _renamed(rows: list[list[Any]] | None) -> dict[str, str]:
    """Old name -> new one, of the rows of a two-column table in which they differ."""
    pairs = [(str(old or ""), str(new or "").strip()) for old, new in rows or []]
    return {old: new for old, new in pairs if old and new != old}


def _widget(model: type[Settings], name: str, elem_id: str) -> gr.components.Component:
    field, key = model.model_fields[name], setting_key(model, name)
    kind, choices, _ = field_type(field)
    shared = {
        "label": word(key),
        "info": word(f"{key}.help"),
        "value": field.default,
        "elem_id": elem_id,
        "interactive": True,
    }
    if kind is list:  # what can be chosen may only be known later: the columns of a data set
        return free_choice(gr.Dropdown(list(choices), multiselect=True, **shared))
    if kind is dict:  # old name -> new name; the page fills it, and says in its headers what is what
        gr.Markdown(word(f"{key}.help"), elem_classes="fm-muted")
        shared = {name: shared[name] for name in ("label", "elem_id", "interactive")}
        return gr.Dataframe(headers=["", ""], column_count=2, type="array", static_columns=[0], max_height=320, **shared)
    if choices:
        named = [(choice_word(choice), choice) for choice in choices]
        return gr.Radio(named, **shared) if len(choices) <= FEW else gr.Dropdown(named, filterable=False, **shared)
    if kind is bool:
        return gr.Checkbox(**shared)
    if kind in (int, float):
        return _number(kind, field, shared)
    assert kind is str, f"no widget for {kind}"
    return gr.Textbox(max_lines=1, **shared)


def choice_word(choice: str) -> str:
    """What a choice is called, in the browser's language; a name of its own ("bf16") stands as it is."""
    return str(word(f"choice.{choice}")) if f"choice.{choice}" in table() else choice


def _number(kind: type, field: FieldInfo, shared: dict) -> gr.components.Component:
    known = limits(field)
    if kind is float and field.default is not None and {"ge", "le"} <= known.keys() and known["le"] <= 1:
        return gr.Slider(known["ge"], known["le"], step=0.01, **shared)
    if kind is int:
        return gr.Number(precision=0, **shared)
    # the arrow keys move the last digit that stands there: 0.00001 for 5e-5
    step = 10.0 ** math.floor(math.log10(field.default)) if field.default else min(1.0, known.get("le", known.get("lt", 1)) / 20)
    return gr.Number(step=step, **shared)
