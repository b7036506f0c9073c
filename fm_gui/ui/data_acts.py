"""What the Data tab does: plain values in, a View (component name -> update) out."""

import csv
import io
import tempfile
from pathlib import Path

import gradio as gr

from fm_gui.config import SplitSpec, parse
from fm_gui.data.dataset import Dataset, add_dataset
from fm_gui.data.samples import add_sample
from fm_gui.errors import UserError
from fm_gui.text import say
from fm_gui.ui import data_view
from fm_gui.ui.form import field_names, form_values
from fm_gui.ui.view import View, esc
from fm_gui.workspace import Workspace

DELIMITERS = {"auto": "", ",": ",", ";": ";", "tab": "\t", "|": "|"}
SPLIT_FIELDS = field_names(SplitSpec)


def show(workspace: Workspace, lang: str, asked: str | None, current: str | None) -> View:
    """The whole tab: the data set the address asks for, else the one that was open, else the newest."""
    specs = workspace.datasets()
    known = [spec.name for spec in specs]
    if asked and asked not in known:
        gr.Warning(UserError("dataset-unknown", name=asked, known=", ".join(known) or "-").say(lang))
    name = next((one for one in (asked, current) if one in known), known[0] if known else None)
    view = {
        "list": gr.update(choices=data_view.list_choices(specs, lang), value=name, visible=bool(specs)),
        "main": gr.update(visible=bool(specs)),
        "left": gr.update(elem_classes=["fm-left"] if specs else ["fm-left", "data-first-column"]),
        "welcome": gr.update(visible=not specs),
        "samples": gr.update(open=not specs),
    }
    return view | (_details(Dataset(workspace, name), lang) if name else {})


def _details(dataset: Dataset, lang: str) -> View:
    spec = dataset.spec
    return {
        "head": data_view.head(spec, lang),
        "train": gr.update(interactive=data_view.can_teach(spec)),
        "teaches": data_view.teaches(spec, lang),
        **{f"role-{role}": data_view.role_update(spec, role, lang) for role in data_view.ALL_ROLES},
        **_page(dataset, 1, lang),
        **_pictures(dataset, lang),
        **{f"split-{name}": getattr(spec.split, name) for name in SPLIT_FIELDS},
        "parts": data_view.split_counts(dataset, lang),
        "skipped-fold": gr.update(visible=bool(spec.skipped)),
        "skipped": data_view.skipped(spec, lang) if spec.skipped else "",
    }


def _pictures(dataset: Dataset, lang: str) -> View:
    lengths, lengths_line = data_view.lengths_figure(dataset, lang)
    labels, labels_line = data_view.labels_figure(dataset, lang)
    return {
        "lengths": lengths,
        "lengths-line": _line(lengths_line),
        "labels-box": gr.update(visible=labels is not None),
        "labels": labels or {},
        "labels-line": _line(labels_line),
    }


def _line(sentence: str) -> str:
    return f'<p class="fm-muted">{esc(sentence)}</p>'


def _page(dataset: Dataset, page: int, lang: str) -> View:
    last = data_view.last_page(dataset.spec.rows)
    page = min(max(1, page), last)
    return {
        "preview": gr.update(value=data_view.preview(dataset, page), column_widths=data_view.column_widths(dataset.spec)),
        "page": page,
        "page-line": data_view.page_line(dataset.spec.rows, page, lang),
        "previous": gr.update(interactive=page > 1),
        "next": gr.update(interactive=page < last),
    }


def turn_back(workspace: Workspace, lang: str, name: str, page: float | None) -> View:
    return _page(Dataset(workspace, name), int(page or 1) - 1, lang)


def turn_on(workspace: Workspace, lang: str, name: str, page: float | None) -> View:
    return _page(Dataset(workspace, name), int(page or 1) + 1, lang)


def turn_to(workspace: Workspace, lang: str, name: str, page: float | None) -> View:
    return _page(Dataset(workspace, name), int(page or 1), lang)


def add_files(
    workspace: Workspace, lang: str, files: list[str] | None, validation: str | None, test: str | None, delimiter: str, encoding: str
) -> View:
    """Add what was dropped as one data set, and open it."""
    if not files:
        return {}
    spec = add_dataset(
        workspace,
        [Path(file) for file in files],
        delimiter=DELIMITERS[delimiter] or None,
        encoding=None if encoding == "auto" else encoding,
        validation_file=Path(validation) if validation else None,
        test_file=Path(test) if test else None,
    )
    return show(workspace, lang, spec.name, None) | {"files": None, "validation-file": None, "test-file": None}


def forget_file(workspace: Workspace, lang: str) -> View:
    """After a mistake: the drop zone is empty again."""
    return {"files": None}


def add_pasted(workspace: Workspace, lang: str, text: str) -> View:
    """Add pasted text: a table if it reads like one, else a row per line."""
    if not text.strip():
        raise UserError("paste-empty")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{say('data.paste.name', lang)}{pasted_suffix(text)}"
        file.write_text(text, encoding="utf-8")
        spec = add_dataset(workspace, [file])
    return show(workspace, lang, spec.name, None) | {"paste": ""}


def pasted_suffix(text: str) -> str:
    """The kind of file a pasted text is: JSON, a table copied from a spreadsheet, CSV, else plain text."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines[0].lstrip().startswith("{"):
        return ".jsonl"
    if text.lstrip().startswith("[") and text.rstrip().endswith("]"):
        return ".json"
    if len(lines) > 1 and lines[0].count("\t") and len({line.count("\t") for line in lines}) == 1:
        return ".tsv"
    header, *rows = list(csv.reader(io.StringIO(text.strip()))) or [[]]
    # a header is a few short names; prose with one comma a line is not a table
    names = len(header) > 1 and all(0 < len(name.strip()) <= 24 and len(name.split()) <= 2 for name in header)
    return ".csv" if names and rows and all(len(row) in (0, len(header)) for row in rows) else ".txt"


def use_sample(workspace: Workspace, lang: str, sample: str) -> View:
    """Add a sample (or find it, if it was added before), and open it."""
    return show(workspace, lang, add_sample(workspace, sample).name, None)


def set_roles(workspace: Workspace, lang: str, name: str, *columns: str | None) -> View:
    """Take the columns in the drop-downs (in the order of ALL_ROLES) as the roles.

    Who chooses a column that plays another role swaps the two: guessed the wrong way round, one choice puts it right.
    """
    dataset = Dataset(workspace, name)
    before = {role: dataset.spec.roles[role].column if role in dataset.spec.roles else "" for role in data_view.ALL_ROLES}
    chosen = {role: column or "" for role, column in zip(data_view.ALL_ROLES, columns, strict=True)}
    for role in [role for role in chosen if chosen[role] and chosen[role] != before[role]]:
        for other in chosen:
            if other != role and chosen[other] == chosen[role] == before[other]:
                chosen[other] = before[role]
    dataset.set_roles(chosen)
    return show(workspace, lang, name, None)


def set_split(workspace: Workspace, lang: str, name: str, *values) -> View:
    """Hold back rows as the form says."""
    Dataset(workspace, name).set_split(parse(SplitSpec, form_values(SplitSpec, SPLIT_FIELDS, values)))
    gr.Info(say("data.split.done", lang))
    return show(workspace, lang, name, None)


def delete(workspace: Workspace, lang: str, name: str) -> View:
    """Move the data set to the bin, and offer to bring it back."""
    workspace.delete_dataset(name)
    return show(workspace, lang, None, None) | {"undo": gr.update(value=say("data.undo", lang, name=name), visible=True)}


def undo(workspace: Workspace, lang: str) -> View:
    """Bring back what was deleted last."""
    name = workspace.undo_delete()
    known = [spec.name for spec in workspace.datasets()]
    return show(workspace, lang, name if name in known else None, None) | {"undo": gr.update(visible=False)}
