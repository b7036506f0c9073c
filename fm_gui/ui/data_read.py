"""“Was it read right?”: what was found out about the file, its first rows as other options would read them, and reading it again."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from fm_gui.config import DatasetSpec, parse
from fm_gui.data import readers
from fm_gui.data.adding import kept_files
from fm_gui.data.dataset import Dataset
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.formats.pairs import pair_up
from fm_gui.text import say, say_setting
from fm_gui.ui import data_view, work
from fm_gui.ui.bind import word
from fm_gui.ui.form import field_names, form_values
from fm_gui.ui.view import View, esc, free_choice, or_sentence
from fm_gui.workspace import Workspace

ROWS = 8  # of the preview
FIELDS = field_names(ReadOptions)
DELIMITERS = ("", ",", ";", "tab", "|", "none")
QUOTES = ("", '"', "'", "none")
ENCODINGS = ("auto", "utf-8", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "cp1252", "windows-1250", "windows-1251", "windows-1254", "koi8-r", "utf-16")
UNITS = ("auto", "line", "paragraph", "file")
# what can be overruled in which kind of file; in others, only what there is a choice of (sheets, tables, lists)
OVERRULED = {
    "csv": ("format", "delimiter", "quote", "encoding", "header", "skip_lines"),
    "json": ("format", "encoding", "items"),
    "jsonl": ("format", "encoding"),
    "text": ("format", "encoding", "unit"),
    "markdown": ("format", "encoding", "unit"),
    "html": ("format", "encoding", "unit"),
    "conll": ("format", "encoding"),
    "zip": ("encoding", "unit"),
    "tar": ("encoding", "unit"),
    "folder": ("encoding", "unit"),
    "moses": ("encoding",),
}
NEXT = field_names(ReadOptions, ("delimiter", "encoding"))  # what else can be said of the next file, before it is read
SPOKEN = {"format": ("sample",), "header": ("yes", "no"), "unit": UNITS[1:], "delimiter": ("none", "tab"), "quote": ("none",)}  # values that are said in words


# -- what is shown


def view(dataset: Dataset, lang: str) -> View:
    """The fold for the data set that is opened: what was found out, and every choice as it was made."""
    spec, files = dataset.spec, kept_files(dataset)
    fields = _overruled(spec) if files else ()
    chosen = ReadOptions().model_dump() | {name: value for name, value in spec.detected.get("options", {}).items() if name in FIELDS}
    return {
        "read-fold": gr.update(open=False),
        "read-facts": facts(spec.detected, lang),
        "read-note": _note(say("data.read.choose" if fields else "data.read.nothing" if files else "data.read.not-kept", lang)),
        **{f"read-{name}": _choice(spec, name, chosen[name], name in fields, lang) for name in FIELDS},
        "read-again": gr.update(visible=bool(fields)),
        "read-preview": gr.update(visible=False),
        **_settled(),
    }


def _overruled(spec: DatasetSpec) -> tuple[str, ...]:
    choices = spec.detected.get("choices") or {}
    own = OVERRULED.get(spec.detected.get("format"), ("header", "skip_lines") if "sheet" in spec.detected else ())
    return tuple(name for name in FIELDS if name in own or name in choices)


def _choice(spec: DatasetSpec, name: str, value: Any, visible: bool, lang: str) -> dict:
    title, help = say_setting(ReadOptions, name, lang)
    shared = {"label": title, "info": help, "value": value, "visible": visible}
    if name == "skip_lines":
        return gr.update(**shared)
    auto = ReadOptions.model_fields[name].default
    found = spec.detected.get(name)
    first = say("data.read.auto.found", lang, value=spoken(name, found, lang)) if found and value == auto else say("data.delimiters.auto", lang)
    listed = (spec.detected.get("choices") or {}).get(name) or [one for one in _values(name) if one != auto]
    if value not in (auto, *listed):
        listed = [*listed, value]
    return gr.update(choices=[(first, auto), *((spoken(name, one, lang), one) for one in listed)], **shared)


def _values(name: str) -> tuple[str, ...]:
    """What can be chosen whatever the file."""
    fixed = {"delimiter": DELIMITERS, "quote": QUOTES, "encoding": ENCODINGS, "header": ("auto", "yes", "no"), "unit": UNITS}
    return fixed.get(name) or (("auto", *OVERRULED) if name == "format" else ())


def spoken(name: str, value: Any, lang: str) -> str:
    """A value of an option as a person reads it."""
    value = "tab" if value == "\t" else value
    if value in SPOKEN.get(name, ()):
        return say(f"data.read.value.{value}", lang)
    return {"format": str(value).upper(), "delimiter": f"“{value}”", "quote": f"“{value}”"}.get(name, str(value))


def facts(detected: dict[str, Any], lang: str) -> str:
    """What was found out, as a list of name and value; the lines before the header are shown."""
    pairs = [(say_setting(ReadOptions, name, lang)[0], spoken(name, detected[name], lang)) for name in FIELDS if detected.get(name) not in (None, "")]
    if detected.get("files"):
        pairs.append((say("data.read.files", lang), f"{len(detected['files']):,}"))
    items = "".join(f'<div><dt>{esc(name)}</dt><dd dir="auto">{esc(value)}</dd></div>' for name, value in pairs)
    before = "".join(f"<li>{esc(line) or '&nbsp;'}</li>" for line in detected.get("preamble", []))
    skipped = f'<p class="fm-muted">{esc(say("data.read.preamble", lang))}</p><ul class="data-preamble" dir="auto">{before}</ul>' if before else ""
    mixed = detected.get("mixed")
    told = _note(say("reading.mixed", lang, lines=mixed["lines"], other=mixed["encoding"], encoding=detected["encoding"])) if mixed else ""
    if detected.get("merged"):
        told += _note(say("reading.merged", lang, cells=detected["merged"]))
    return f'<dl class="data-found">{items}</dl>{told}{skipped}'


def _note(sentence: str, tone: str = "fm-muted") -> str:
    return f'<p class="{tone}">{esc(sentence)}</p>'


def _settled() -> View:
    return {"read-busy": "", "read-stop": gr.update(visible=False)}


# -- handlers: plain values in, a View out


def options_of(values: tuple) -> ReadOptions:
    """The options in the form (values in the order of FIELDS). Raises UserError for what cannot be."""
    given = form_values(ReadOptions, FIELDS, values)
    defaults = {name: field.default for name, field in ReadOptions.model_fields.items()}
    return parse(ReadOptions, {name: defaults[name] if value in (None, "") else value for name, value in given.items()})


def next_options(delimiter: str, encoding: str, values: tuple) -> ReadOptions:
    """The options for the next file (``values`` in the order of NEXT). Raises UserError for what cannot be."""
    given = {"delimiter": delimiter or "", "encoding": encoding or "auto"} | form_values(ReadOptions, NEXT[: len(values)], values)
    return parse(ReadOptions, {name: value for name, value in given.items() if value not in (None, "")})


def next_reset() -> View:
    """What was said of one file does not hold for the one after it."""
    return {f"next-{name}": ReadOptions.model_fields[name].default for name in NEXT}


def look(workspace: Workspace, lang: str, name: str, *values) -> View:
    """The first rows as these options would read them; what is wrong with them is told in their place."""
    dataset = Dataset(workspace, name)
    files = kept_files(dataset)
    if not files or not _overruled(dataset.spec):
        return {}
    group = list(pair_up(files["train"])[0])
    first = group[0]
    reading, problem = or_sentence(lang, lambda: readers.preview(group, options_of(values), ROWS))
    if reading is None:
        return {"read-note": _note(problem, "fm-problem"), "read-preview": gr.update(visible=False), "read-again": gr.update(interactive=False)}
    told = say("data.read.preview", lang, columns=len(reading.table.column_names), file=first.name)
    return {
        "read-note": _note(told),
        "read-preview": _grid(reading),
        "read-again": gr.update(interactive=True),
    }


def _grid(reading: readers.Reading) -> dict:
    rows = [{"#": number, **row} for number, row in enumerate(reading.table.to_pylist(), 1)]
    names = reading.table.column_names[: data_view.MOST_COLUMNS]
    lengths = [sum(len(str(row[column] or "")) for row in rows) / max(1, len(rows)) for column in names]
    return gr.update(value=data_view.grid(["#", *names], rows), column_widths=data_view.widths(lengths), visible=True)


@contextmanager
def first_rows(paths: list[Path], options: ReadOptions) -> Iterator[Future]:
    """The first rows of the first file (or pair), read beside what goes on inside; given up when that ends."""
    gone = threading.Event()

    def tell(share: float, key: str) -> None:
        if gone.is_set():
            raise work.Stopped

    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(lambda: readers.preview(list(pair_up(paths)[0]), options, ROWS, tell))
        finally:
            gone.set()


def coming(reading: readers.Reading, name: str, lang: str) -> View:
    """The first rows of a file that is being added, and what was found out about it, in the place of the data set that is open."""
    title = f'<h2 dir="auto">{esc(say("data.coming", lang, file=name))}</h2>'
    told = _note(say("data.coming.about", lang, columns=len(reading.table.column_names)))
    return {
        "coming": gr.update(visible=True),
        "coming-facts": title + facts(reading.detected, lang) + told,
        "coming-rows": _grid(reading),
        "main": gr.update(visible=False),
        "left": gr.update(elem_classes=["fm-left"]),
    }


def settled(workspace: Workspace, lang: str) -> View:
    """Nothing is being read any more."""
    return _settled()


# -- the page


def build() -> View:
    """The components, made here and now, by name."""
    parts: View = {}
    with gr.Accordion(word("data.read"), open=False, elem_id="data-read", elem_classes="data-read") as parts["read-fold"]:
        parts["read-facts"] = gr.HTML(elem_id="data-read-facts")
        with gr.Row(elem_classes="data-read-form"):
            for name in FIELDS:
                parts[f"read-{name}"] = _box(name)
        parts["read-note"] = gr.HTML(elem_id="data-read-note")
        parts["read-preview"] = gr.Dataframe(
            interactive=False, max_chars=120, pinned_columns=1, max_height=300, wrap=False, line_breaks=False, label=word("data.preview"),
            show_label=False, elem_id="data-read-preview", visible=False, buttons=[],
        )  # fmt: skip
        parts["read-busy"] = gr.HTML(elem_id="data-read-busy", elem_classes="data-busy")
        with gr.Row(elem_classes="fm-actions"):
            parts["read-again"] = gr.Button(word("data.read.again"), size="sm", scale=0, min_width=180, elem_id="data-read-again")
            parts["read-stop"] = gr.Button(word("data.add.stop"), size="sm", scale=0, min_width=100, visible=False, elem_id="data-read-stop")
    return parts


def build_coming() -> View:
    """Where the first rows of a file stand while it is being added."""
    parts: View = {}
    with gr.Column(elem_classes="fm-right", min_width=280, visible=False, elem_id="data-coming") as parts["coming"]:
        parts["coming-facts"] = gr.HTML(elem_id="data-coming-facts")
        parts["coming-rows"] = gr.Dataframe(
            interactive=False, max_chars=120, pinned_columns=1, max_height=400, wrap=False, line_breaks=False, label=word("data.preview"),
            show_label=False, elem_id="data-coming-rows", buttons=[],
        )  # fmt: skip
    return parts


def _box(name: str) -> gr.components.Component:
    shared = {"label": " ", "info": " ", "min_width": 200, "elem_id": f"data-read-{name}", "interactive": True, "visible": False}
    if name == "skip_lines":
        return gr.Number(precision=0, **shared)
    auto = ReadOptions.model_fields[name].default
    return free_choice(gr.Dropdown([(word("data.delimiters.auto"), auto)], value=auto, allow_custom_value=name in ("delimiter", "encoding"), **shared))


def delimiter(elem_id: str) -> gr.Dropdown:
    """The separator, to be set before a file is read."""
    choices = [(word(f"data.delimiters.{name or 'auto'}"), name) if name in ("", "tab") else name for name in DELIMITERS[:-1]]
    return free_choice(gr.Dropdown(choices, value="", label=word("data.delimiter"), allow_custom_value=True, interactive=True, elem_id=elem_id))


def encoding(elem_id: str) -> gr.Dropdown:
    """The encoding, to be set before a file is read."""
    choices = [(word("data.delimiters.auto"), "auto"), *ENCODINGS[1:]]
    return free_choice(gr.Dropdown(choices, value="auto", label=word("data.encoding"), allow_custom_value=True, interactive=True, elem_id=elem_id))
