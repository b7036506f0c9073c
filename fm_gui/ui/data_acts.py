"""What the Data tab does: plain values in, a View (component name -> update) out."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from fm_gui.config import DatasetSpec, SplitSpec, parse
from fm_gui.data.adding import add_dataset, add_hub, reread
from fm_gui.data.dataset import Dataset
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.history import columns_of
from fm_gui.data.samples import add_sample
from fm_gui.errors import UserError
from fm_gui.models.hub import HUB_ID
from fm_gui.text import say
from fm_gui.ui import data_read, data_rows, data_view, work
from fm_gui.ui.data_rows import Seen
from fm_gui.ui.form import field_names, form_values
from fm_gui.ui.view import View
from fm_gui.workspace import Workspace

SPLIT_FIELDS = field_names(SplitSpec)
FOLDS = ("folds", "fold")  # settings of k-fold alone


def show(workspace: Workspace, lang: str, asked: str | None, current: str | None, *seen) -> View:
    """The whole tab: the data set the address asks for, else the one that was open, else the newest.

    ``seen`` says what of its rows was shown (data_rows.SEEN): that stays as long as the same data set does.
    """
    specs = workspace.datasets()
    known = [spec.name for spec in specs]
    if asked and asked not in known:
        gr.Warning(UserError("dataset-unknown", name=asked, known=", ".join(known) or "-").say(lang))
    name = next((one for one in (asked, current) if one in known), known[0] if known else None)
    view = _listed(specs, name, lang)
    if not name:
        return view
    dataset = Dataset(workspace, name)
    view |= _details(dataset, lang)
    if name == current:
        return view | data_rows.view(dataset, Seen(*seen), lang)
    return view | data_rows.view(dataset, Seen(), lang) | {"inner": gr.update(selected="rows")} | data_read.view(dataset, lang)


def choose(workspace: Workspace, lang: str, name: str) -> View:
    """Open another data set of the list, at its rows."""
    return show(workspace, lang, name, None)


def _listed(specs: list[DatasetSpec], name: str | None, lang: str) -> View:
    return {
        "list": gr.update(choices=data_view.list_choices(specs, lang), value=name, visible=bool(specs)),
        "main": gr.update(visible=bool(specs)),
        "left": gr.update(elem_classes=["fm-left"] if specs else ["fm-left", "data-first-column"]),
        "welcome": gr.update(visible=not specs),
        "samples": gr.update(open=not specs),
    }


def _details(dataset: Dataset, lang: str) -> View:
    spec = dataset.spec
    return {
        "head": data_view.head(spec, lang),
        "train": gr.update(interactive=data_view.can_teach(spec)),
        "teaches": data_view.teaches(spec, lang),
        **{f"role-{role}": data_view.role_update(spec, role, lang) for role in data_view.ALL_ROLES},
        "roles-others": data_view.others_update(spec, lang),
        **{f"split-{name}": getattr(spec.split, name) for name in SPLIT_FIELDS if name not in FOLDS},
        **{f"split-{name}": gr.update(value=getattr(spec.split, name), visible=spec.split.method == "k-fold") for name in FOLDS},
        "parts": data_view.split_counts(dataset, lang),
        "skipped-fold": gr.update(visible=bool(spec.skipped)),
        "skipped": data_view.skipped(spec, lang) if spec.skipped else "",
    }


# -- adding


def add_files(
    workspace: Workspace, lang: str, files: list[str] | None, validation: str | None, test: str | None, delimiter: str, encoding: str, *more
) -> Iterator[View]:
    """Add what was dropped as one data set, and open it; its first rows show meanwhile. ``more``: the options in data_read.NEXT."""
    if not files:
        return
    options = data_read.next_options(delimiter, encoding, more)

    def add(tell) -> DatasetSpec:
        own = {"validation_file": Path(validation) if validation else None, "test_file": Path(test) if test else None}
        return add_dataset(workspace, [Path(file) for file in files], options=options, progress=tell, **own)

    job, paths = work.Job(add, "data.adding"), [Path(file) for file in files]
    with data_read.first_rows(paths, options) as first:
        shown = False
        for view in _working(job, lang):
            if not shown and first.done():
                shown = True
                view |= data_read.coming(first.result(), paths[0].name, lang) if not first.exception() else {}  # adding says what is wrong
            yield view
    yield settled(workspace, lang) | data_read.next_reset() | show(workspace, lang, job.result.name, None) | {"files": None, "validation-file": None, "test-file": None}


def add_from_hub(workspace: Workspace, lang: str, name: str, config: str, split: str) -> Iterator[View]:
    """Download a data set of the hub, and open it."""
    name = name.strip().removeprefix("https://huggingface.co/datasets/").strip("/")
    if not name:
        raise UserError("hub-data-empty")
    if not HUB_ID.fullmatch(name):  # the library would also open a folder of that name
        raise UserError("hub-data-id", name=name[:120])
    job = work.Job(lambda tell: add_hub(workspace, name, config.strip(), split.strip(), tell), "data.hub.fetching")
    yield from _working(job, lang)
    yield settled(workspace, lang) | show(workspace, lang, job.result.name, None) | {"hub-id": "", "hub-config": "", "hub-split": ""}


def _working(job: work.Job, lang: str) -> Iterator[View]:
    for share, key, seconds in job:
        yield {"add-busy": work.bar(share, key, seconds, lang), "add-stop": gr.update(visible=True)}


def settled(workspace: Workspace, lang: str) -> View:
    """Nothing is being added any more: what was open shows again."""
    known = any((workspace.root / "datasets").glob("*/dataset.json"))
    columns = {"main": gr.update(visible=known), "left": gr.update(elem_classes=["fm-left"] if known else ["fm-left", "data-first-column"])}
    return {"add-busy": "", "add-stop": gr.update(visible=False), "coming": gr.update(visible=False), **columns}


def stopped(workspace: Workspace, lang: str) -> View:
    """The person stopped it: the drop zone is empty again."""
    return settled(workspace, lang) | {"files": None}


def forget_file(workspace: Workspace, lang: str) -> View:
    """After a mistake: the drop zone is empty again, and what may help is unfolded."""
    # without "data-more", which hides it while there is no data set yet
    return stopped(workspace, lang) | {"options": gr.update(open=True, elem_classes=[])}


def add_pasted(workspace: Workspace, lang: str, text: str) -> View:
    """Add pasted text: a table or JSON if it reads like one, else a row per line."""
    if not text.strip():
        raise UserError("paste-empty")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / say("data.paste.name", lang)  # without an ending: what is in it decides
        file.write_text(text, encoding="utf-8", newline="")
        spec = add_dataset(workspace, [file], options=ReadOptions(encoding="utf-8"))
    return show(workspace, lang, spec.name, None) | {"paste": ""}


def use_sample(workspace: Workspace, lang: str, sample: str) -> View:
    """Add a sample (or find it, if it was added before), and open it."""
    return show(workspace, lang, add_sample(workspace, sample).name, None)


def read_again(workspace: Workspace, lang: str, name: str, *values) -> Iterator[View]:
    """Replace the open data set's rows by those of the same file, read as the fold says."""
    options = data_read.options_of(values)
    job = work.Job(lambda tell: reread(workspace, name, options, progress=tell), "data.adding")
    for share, key, seconds in job:
        yield {"read-busy": work.bar(share, key, seconds, lang), "read-stop": gr.update(visible=True)}
    gr.Info(say("data.read.done", lang, rows=job.result.rows))
    yield show(workspace, lang, name, None)


# -- changing


def set_roles(workspace: Workspace, lang: str, name: str, *columns: str | None) -> View:
    """Take the columns in the drop-downs (in the order of ALL_ROLES) as the roles; roles without a drop-down stay.

    Who chooses a column that plays another role swaps the two: guessed the wrong way round, one choice puts it right.
    """
    dataset = Dataset(workspace, name)
    before = columns_of(dataset)
    chosen = before | {role: column or "" for role, column in zip(data_view.ALL_ROLES, columns, strict=True)}
    for role in [role for role in chosen if chosen[role] and chosen[role] != before.get(role, "")]:
        for other in chosen:
            if other != role and chosen[other] == chosen[role] == before.get(other, ""):
                chosen[other] = before.get(role, "")
    dataset.set_roles(chosen)
    # at the rows, since what another inner tab shows may hold no longer
    return _listed(workspace.datasets(), name, lang) | _details(dataset, lang) | {"inner": gr.update(selected="rows")}


def choose_method(workspace: Workspace, lang: str, method: str) -> View:
    """Show the settings of the method that was chosen."""
    return {f"split-{name}": gr.update(visible=method == "k-fold") for name in FOLDS}


def set_split(workspace: Workspace, lang: str, name: str, *values) -> View:
    """Hold back rows as the form says."""
    dataset = Dataset(workspace, name)
    dataset.set_split(parse(SplitSpec, form_values(SplitSpec, SPLIT_FIELDS, values)))
    gr.Info(say("data.split.done", lang))
    return _details(dataset, lang) | data_rows.view(dataset, Seen(), lang)


def delete(workspace: Workspace, lang: str, name: str) -> View:
    """Move the data set to the bin, and offer to bring it back."""
    workspace.delete_dataset(name)
    return show(workspace, lang, None, None) | {"undo": gr.update(value=say("data.undo", lang, name=name), visible=True)}


def undo(workspace: Workspace, lang: str) -> View:
    """Bring back what was deleted last."""
    name = workspace.undo_delete()
    known = [spec.name for spec in workspace.datasets()]
    return show(workspace, lang, name if name in known else None, None) | {"undo": gr.update(visible=False)}
