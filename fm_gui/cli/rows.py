"""`fm-gui data ...`: understand, clean and split the rows of a data set, and go back and forth between its versions."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fm_gui.cli.base import LANG, AsJson, Folder, at, number, opened, pairs, put, put_json, put_note, put_table, tell
from fm_gui.cli.base import DataName as Name
from fm_gui.cli.health import check, put_changes, tokenizer_of
from fm_gui.errors import UserError

Settings = Annotated[list[str] | None, typer.Option("--set", metavar="SETTING=VALUE", help=tell("cli.option.step-set"))]
LABELS_PRINTED = 12
STEP_PRINTED = 70  # characters of a step's settings in a list


def profile(name: Name, model: Annotated[str, typer.Option(help=tell("cli.option.limit-model"))] = "", workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.languages import name_of
    from fm_gui.data.profile import profile as look

    space = opened(workspace)
    found = look(Dataset(space, name), *tokenizer_of(space, model)).to_dict()
    if as_json:
        return put_json(found)
    put(tell("cli.data.profile.rows", rows=found["rows"], duplicates=found["duplicates"]))
    put_table(
        [tell(f"cli.head.{head}") for head in ("column", "kind", "filled", "missing", "distinct", "length")],
        [[c["name"], c["kind"], number(c["filled"]), number(c["missing"]), number(c["distinct"]), number(c["mean_length"])] for c in found["columns"]],
    )
    if found["languages"]:
        put(tell("cli.data.profile.languages", languages=", ".join(f"{name_of(code, LANG)} {share:.0%}" for code, share in found["languages"].items() if code) or "-"))
    if lengths := found["characters"]:
        put(tell("cli.data.profile.lengths", column=found["read_from"], mean=round(lengths["mean"]), median=round(lengths["median"]), longest=lengths["max"]))
    if labels := found["labels"]:
        shown = ", ".join(f"{label} ({number(count)})" for label, count in list(labels["counts"].items())[:LABELS_PRINTED])
        put(tell("cli.data.labels", count=labels["distinct"], labels=shown + (", …" if labels["distinct"] > LABELS_PRINTED else "")))
    for label, words in found["telling_words"].items():
        if not words:
            continue
        put(tell("cli.data.profile.words", label=label, words=", ".join(words)))
    if found["tokens"]:
        put(tell("cli.data.profile.tokens", share=found["tokens"]["over"], limit=found["tokens"]["limit"]))


def steps(workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data.steps import STEPS

    if as_json:
        return put_json({step.name: step.model_json_schema() for step in STEPS})
    put_table(
        [tell("cli.head.name"), tell("cli.head.about"), tell("cli.head.settings")],
        [[s.name, tell(f"step.{s.name}.about"), ", ".join(f"{f}={i.default!r}" if not i.is_required() else f for f, i in s.model_fields.items())] for s in STEPS],
    )


def clean(
    name: Name,
    step: Annotated[str, typer.Option(metavar="STEP", help=tell("cli.option.step"))],
    set: Settings = None,
    preview: Annotated[bool, typer.Option("--preview", help=tell("cli.option.preview"))] = False,
    workspace: Folder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    from fm_gui.config import StepSpec
    from fm_gui.data import history
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.steps import get_step
    from fm_gui.data.steps.preview import preview as look

    dataset, kind = Dataset(opened(workspace), name), get_step(step)
    spec = StepSpec(step=step, settings={key: read_value(value) for key, value in pairs(set or [], "--set").items()})
    if kind.warning:
        put_note(tell(kind.warning))
    if preview:
        seen = look(dataset.table, history.columns_of(dataset), [spec])
        if as_json:
            return put_json(seen)
        return put_changes(seen)
    before = dataset.spec.rows
    dataset = history.apply(dataset, [spec])
    if as_json:
        return put_json(dataset.spec.model_dump(mode="json"))
    put(tell("cli.data.changed", name=name, before=before, after=dataset.spec.rows, version=len(dataset.spec.recipe)))
    put_note(tell("cli.data.undo.hint", name=name, at=at(dataset.workspace)))


def read_value(text: str) -> Any:
    """A setting's value as typed: JSON where it is some ("true", "3", '["a"]'), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def versions(
    name: Name,
    go: Annotated[int | None, typer.Option(min=0, metavar="VERSION", help=tell("cli.option.go"))] = None,
    undo: Annotated[bool, typer.Option("--undo", help=tell("cli.option.undo-step"))] = False,
    redo: Annotated[bool, typer.Option("--redo", help=tell("cli.option.redo-step"))] = False,
    workspace: Folder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    from fm_gui.data import history
    from fm_gui.data.dataset import Dataset

    if undo + redo + (go is not None) > 1:
        raise UserError("cli-versions")
    dataset = Dataset(opened(workspace), name)
    if undo:
        dataset = history.undo(dataset)
    elif redo:
        dataset = history.redo(dataset)
    elif go is not None:
        dataset = history.go_to(dataset, go)
    spec = dataset.spec
    if as_json:
        return put_json({"version": len(spec.recipe), "rows": spec.rows, "recipe": [s.model_dump() for s in spec.recipe], "undone": [s.model_dump() for s in spec.undone]})
    all_steps = [*spec.recipe, *reversed(spec.undone)]
    lines = [[("* " if len(spec.recipe) == n else "  ") + str(n), s.step if s else tell("cli.data.as-read"), s and json.dumps(s.settings, ensure_ascii=False)[:STEP_PRINTED], s and number(s.rows)]
             for n, s in enumerate([None, *all_steps])]  # fmt: skip
    put_table([tell(f"cli.head.{head}") for head in ("version", "step", "settings", "rows")], [[cell or "" for cell in line] for line in lines])


def replay(name: Name, source: Annotated[str, typer.Option("--from", metavar="OTHER", help=tell("cli.option.replay-from"))], workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data import history
    from fm_gui.data.dataset import Dataset

    space = opened(workspace)
    dataset = Dataset(space, name)
    before = dataset.spec.rows
    dataset = history.replay(dataset, Dataset(space, source))
    if as_json:
        return put_json(dataset.spec.model_dump(mode="json"))
    put(tell("cli.data.changed", name=name, before=before, after=dataset.spec.rows, version=len(dataset.spec.recipe)))


def search(
    name: Name,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=tell("cli.option.search"))] = "",
    where: Annotated[list[str] | None, typer.Option(metavar="COLUMN=VALUE", help=tell("cli.option.where"))] = None,
    regex: Annotated[bool, typer.Option("--regex", help=tell("cli.option.regex"))] = False,
    rows: Annotated[int, typer.Option(min=1, max=1000, help=tell("cli.option.rows"))] = 20,
    workspace: Folder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.search import search as find

    dataset = Dataset(opened(workspace), name)
    found = find(dataset.table, text, where=pairs(where or [], "--where"), regex=regex)
    page = [row for at in found[:rows] for row in dataset.page(int(at), 1)]
    if as_json:
        return put_json({"found": len(found), "rows": page})
    put(tell("cli.data.found", found=len(found), rows=dataset.spec.rows))
    if page:
        put_table(list(page[0]), [[str(cell)[:120] for cell in row.values()] for row in page])


def split(name: Name, set: Settings = None, workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.config import SplitSpec, parse
    from fm_gui.data.dataset import Dataset

    dataset = Dataset(opened(workspace), name)
    if set:
        chosen = {key: read_value(value) for key, value in pairs(set, "--set").items()}
        dataset.set_split(parse(SplitSpec, dataset.spec.split.model_dump() | chosen))
    parts = {part: len(rows) for part, rows in dataset.parts().items()}
    if as_json:
        return put_json({"split": dataset.spec.split.model_dump(), "parts": parts})
    put(tell("cli.data.parts", **parts))


def roles(name: Name, map: Annotated[list[str], typer.Option(metavar="ROLE=COLUMN", help=tell("cli.option.map"))], workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.cli.data import put_roles
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.history import columns_of

    dataset = Dataset(opened(workspace), name)
    spec = dataset.set_roles(columns_of(dataset) | pairs(map, "--map"))
    if as_json:
        return put_json(spec.model_dump(mode="json"))
    put_roles(spec)


def label(
    name: Name,
    row: Annotated[int, typer.Option(min=0, help=tell("cli.option.label-row"))] = 0,
    as_: Annotated[str, typer.Option("--label", help=tell("cli.option.label"))] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help=tell("cli.option.label-run"))] = "",
    finish: Annotated[bool, typer.Option("--finish", help=tell("cli.option.label-finish"))] = False,
    workspace: Folder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    from fm_gui import labelling
    from fm_gui.data.dataset import Dataset

    if as_ and not row:
        raise UserError("cli-label-row", label=as_)
    space = opened(workspace)
    dataset = Dataset(space, name)
    if row:
        if row > dataset.spec.rows:
            raise UserError("row-unknown", row=row, rows=dataset.spec.rows, name=name)
        labelling.give(dataset, row - 1, as_)
    if finish:
        labelling.take_over(dataset)
        dataset = Dataset(space, name)
    task = labelling.ask(dataset, space.run(run) if run else None)
    asked = [int(at) + 1 for at in task.rows[:10]]
    if as_json:
        return put_json({"answered": task.answered, "left": len(task.rows), "labels": task.labels, "ask": asked})
    put(tell("cli.data.labelled", answered=task.answered, left=len(task.rows)))
    put_table(["#", "text"], [[at, dataset.rows([at - 1])[0]["text"][:120]] for at in asked])


def write(name: Name, out: Annotated[Path, typer.Argument(metavar="OUT", help=tell("cli.option.rows-out"))], workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.manage import export, formula_cells

    dataset = Dataset(opened(workspace), name)
    path = export(dataset, out)
    if path.suffix.lower() == ".csv" and (formulas := formula_cells(dataset.table)):
        put_note(tell("manage.export.formulas", count=formulas))
    if as_json:
        return put_json({"file": str(path), "rows": dataset.spec.rows})
    put(tell("cli.data.written", path=path, rows=dataset.spec.rows))


def rename(name: Name, new: Annotated[str, typer.Argument(metavar="NEW", help=tell("cli.option.new-name"))], workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data import manage

    spec = manage.rename(opened(workspace), name, new)
    told(spec, True) if as_json else put(tell("cli.data.renamed", name=name, new=spec.name))


def copy(name: Name, new: Annotated[str, typer.Argument(metavar="NEW", help=tell("cli.option.new-name"))] = "", workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data import manage

    told(manage.duplicate(opened(workspace), name, new), as_json)


def merge(names: Annotated[list[str], typer.Argument(metavar="NAME...", help=tell("cli.option.merge-names"))], name: Annotated[str, typer.Option(help=tell("cli.option.new-name"))] = "", workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data import manage

    told(manage.merge(opened(workspace), names, name), as_json)


def sample(name: Name, rows: Annotated[int, typer.Argument(metavar="ROWS", min=1, help=tell("cli.option.sample-rows"))], seed: Annotated[int, typer.Option(min=0, help=tell("cli.option.sample-seed"))] = 1, new: Annotated[str, typer.Option("--name", help=tell("cli.option.new-name"))] = "", workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui.data import manage

    told(manage.sample(opened(workspace), name, rows, seed, new), as_json)


def told(spec, as_json: bool) -> None:
    """Say which data set there is now."""
    if as_json:
        return put_json(spec.model_dump(mode="json"))
    put(tell("cli.data.added", name=spec.name, rows=spec.rows))


VERBS = {
    "profile": profile, "check": check, "steps": steps, "clean": clean, "versions": versions, "replay": replay, "search": search, "split": split,
    "roles": roles, "label": label, "write": write, "rename": rename, "copy": copy, "merge": merge, "sample": sample,
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Give ``fm-gui data`` these verbs."""
    for verb, function in VERBS.items():
        app.command(verb, help=tell(f"cli.data.{verb}"))(function)
