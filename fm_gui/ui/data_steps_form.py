"""Cleaning steps on the page: a form for each, what a form says as a StepSpec, a step in one line, and what it would change."""

import difflib
import re
from typing import Any

import gradio as gr

from fm_gui.config import StepSpec
from fm_gui.data.dataset import Dataset
from fm_gui.data.languages import name_of
from fm_gui.data.steps import STEPS, get_step, step_words
from fm_gui.text import say, say_setting, table
from fm_gui.ui.bind import setting_key, word
from fm_gui.ui.form import build_form, field_names, field_type, form_values
from fm_gui.ui.view import View, esc, free_choice, visible

BY_HAND_ELSEWHERE = ("drop-rows", "set-labels")  # they name rows one by one: the health check and labelling fill them
OFFERED = tuple(step for step in STEPS if step.name not in BY_HAND_ELSEWHERE)
SHARED = "columns"  # the setting that most steps have: one drop-down for all of them
FIELDS = {step.name: field_names(step, without=(SHARED,)) for step in OFFERED}
SETTINGS = tuple((step, field) for step, fields in FIELDS.items() for field in fields)  # the order of the forms' values
MOST_LABELS = 300  # in the table of old and new names
LANGUAGES = ("en", "zh", "de", "fr", "es", "pt", "it", "nl", "pl", "ru", "uk", "tr", "ar", "fa", "he", "hi", "id", "vi", "th", "ja", "ko")
LONGEST_VALUE = 40  # characters of a setting in a line
PIECES = re.compile(r"[^\W\d_\u3400-\u9fff]+|\d+|[ ]+|.", re.DOTALL)  # words, numbers, blanks, single signs and Chinese characters


# -- forms


def build_forms(prefix: str) -> dict[str, Any]:
    """Make a form for each offered step, none of them shown: ``form-<step>``, ``<step>-<field>``, and ``columns`` for all."""
    key = setting_key(OFFERED[0], SHARED)
    parts: dict[str, Any] = {
        SHARED: free_choice(
            gr.Dropdown([], multiselect=True, value=[], label=word(key), info=word(f"{key}.help"), elem_id=f"{prefix}-columns", interactive=True)
        )
    }
    for step in OFFERED:
        if FIELDS[step.name]:
            with gr.Column(visible=False, elem_id=f"{prefix}-form-{step.name}") as parts[f"form-{step.name}"]:
                form = build_form(step, prefix=f"{prefix}-{step.name}", without=(SHARED,))
            parts |= {f"{step.name}-{name}": component for name, component in zip(form.names, form.components, strict=True)}
    return parts


def step_choices(lang: str) -> list[tuple[str, str]]:
    """The offered steps as (group and title, name)."""
    told = [(step_words(step, lang), step.name) for step in OFFERED]
    return [(f"{words['group']} · {words['title']}", name) for words, name in told]


def fresh_form(dataset: Dataset, name: str, lang: str) -> View:
    """The form of the step ``name`` with its defaults and what can be chosen in this data set; the others hidden."""
    step = get_step(name)
    view: View = {f"form-{other}": gr.update(visible=other == name) for other, fields in FIELDS.items() if fields}
    view[SHARED] = gr.update(visible=False)
    if SHARED in step.model_fields:
        title, help = say_setting(step, SHARED, lang)
        view[SHARED] = gr.update(choices=[column.name for column in dataset.spec.columns], value=[], label=title, info=help, visible=True)
    return view | {f"{name}-{field}": _fresh_field(dataset, name, field, lang) for field in FIELDS[name]}


def _fresh_field(dataset: Dataset, name: str, field: str, lang: str) -> Any:
    info = get_step(name).model_fields[field]
    kind, choices, _ = field_type(info)
    if kind is dict:
        labels = list(dataset.label_counts())[:MOST_LABELS]
        headers = [say("clean.names.old", lang), say("clean.names.new", lang)]
        return gr.update(value={"headers": headers, "data": [[label, label] for label in labels]})
    if kind is list and not choices:
        choices = LANGUAGES
    if not choices:
        return gr.update(value=info.default)
    return gr.update(choices=[(choice_word(choice, lang), choice) for choice in choices], value=info.default)


def choice_word(choice: str, lang: str) -> str:
    """What a choice is called; names of norms ("NFC") and of languages come from elsewhere."""
    key = f"clean.choice.{choice}"
    if key in table():
        return say(key, lang)
    return name_of(choice, lang) if len(choice) == 2 else choice


def read_form(name: str, columns: list[str] | None, values: tuple) -> StepSpec:
    """The step ``name`` as its form stands; ``values`` are those of all forms, in the order of SETTINGS."""
    step, at = get_step(name), dict(zip(SETTINGS, values, strict=True))
    settings = form_values(step, FIELDS[name], [at[name, field] for field in FIELDS[name]])
    return StepSpec(step=name, settings=settings | ({SHARED: list(columns or [])} if SHARED in step.model_fields else {}))


# -- a step in words


def step_line(spec: StepSpec, lang: str, every: bool = False) -> str:
    """A step's title and the settings that are not its defaults (with ``every``: all that are given): "Remove copies (Near copies too: yes)"."""
    step, title = get_step(spec.step), say(f"step.{spec.step}", lang)
    told = []
    for field, value in spec.settings.items():
        info = step.model_fields.get(field)
        if info is not None and (every or value != info.default):
            known = field_type(info)[1] or (LANGUAGES if field == "languages" else ())
            told.append(say("clean.setting", lang, name=say_setting(step, field, lang)[0], value=_value_words(value, known, lang)))
    return say("clean.step", lang, title=title, settings=say("clean.between", lang).join(told)) if told else title


def _value_words(value: Any, known: tuple, lang: str) -> str:
    """A setting's value in words; ``known`` are the choices that have words of their own."""
    if isinstance(value, bool):
        return say("clean.yes" if value else "clean.no", lang)
    if isinstance(value, dict) or isinstance(value, list) and len(value) > 4:
        return say("clean.many", lang, count=len(value))
    if isinstance(value, list):
        return say("data.list.comma", lang).join(choice_word(one, lang) if one in known else str(one) for one in value)
    if value in known:
        return choice_word(value, lang)
    text = f"{value:,}" if isinstance(value, int) else f"“{value if str(value).strip() else visible(str(value))}”"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


# -- what a step would change


def preview_html(found: dict[str, Any], lang: str) -> str:
    """What ``preview`` found, as HTML: the counts, then rows before and after with the change marked."""
    counts = [
        say(f"clean.preview.{name}", lang, count=found[name]) for name in ("removed", "added", "changed") if found[name]
    ] + [
        say(f"clean.preview.{name}", lang, names=say("data.list.comma", lang).join(found[name]))
        for name in ("columns_added", "columns_removed") if found[name]
    ]  # fmt: skip
    if not counts:
        return f'<div class="clean-preview"><p>{esc(say("clean.preview.nothing", lang, of=found["of"]))}</p></div>'
    looked = say("clean.preview.looked", lang, of=found["of"], rows=found["rows"]) if found["of"] < found["rows"] else ""
    rows = say("clean.preview.rows", lang, before=found["before"], after=found["after"])
    items = "".join(f"<li>{_example(one, lang)}</li>" for one in found["examples"])
    return (
        f'<div class="clean-preview"><ul class="data-facts">{"".join(f"<li>{esc(count)}</li>" for count in counts)}</ul>'
        f'<p class="fm-muted">{esc(rows)} {esc(looked)}</p><ol class="clean-examples">{items}</ol></div>'
    )


def _example(example: dict[str, Any], lang: str) -> str:
    place = f'<small class="fm-muted">{esc(say("clean.preview.place", lang, row=example["row"], column=example["column"]))}</small>'
    if example["after"] is None:
        gone = esc(say("clean.preview.gone", lang))
        return f'{place}<p dir="auto" class="clean-gone"><del>{esc(_shown(example["before"]))}</del> <b>{gone}</b></p>'
    before, after = marked(example["before"], example["after"])
    signs = esc(say("clean.preview.before", lang)), esc(say("clean.preview.after", lang))
    return f'{place}<p dir="auto"><b>{signs[0]}</b> {before}</p><p dir="auto"><b>{signs[1]}</b> {after}</p>'


def marked(before: str, after: str) -> tuple[str, str]:
    """Both texts as HTML, what was taken out in <del>, what came in in <ins>; changed blanks and hidden characters made visible."""
    old, new = PIECES.findall(before), PIECES.findall(after)
    left, right = [], []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, came = "".join(old[a:b]), "".join(new[c:d])
        if kind == "equal":
            left.append(esc(_shown(gone)))
            right.append(esc(_shown(came)))
            continue
        left.append(f"<del>{esc(_changed(gone))}</del>" if gone else "")
        right.append(f"<ins>{esc(_changed(came))}</ins>" if came else "")
    return "".join(left), "".join(right) or "∅"


def _changed(piece: str) -> str:
    return _shown(visible(piece) if not piece.strip() else piece)


def _shown(text: str) -> str:
    """``text`` with characters that nobody sees written as their numbers."""
    return "".join(sign if sign.isprintable() or sign in "\n\t\u3000\xa0" else f"‹{ord(sign):04X}›" for sign in text)
