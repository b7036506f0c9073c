"""`fm-gui data ...`: add, list, show and delete data sets (cli/rows.py has the verbs for what is in them)."""

from pathlib import Path
from typing import Annotated

import typer

from fm_gui.cli import rows as row_verbs
from fm_gui.cli.base import AsJson, DataName, Folder, at, number, opened, pairs, put, put_json, put_note, put_table, tell
from fm_gui.cli.detected import put_detected, put_preview, put_skipped, put_teaches, with_pasted
from fm_gui.cli.rows import read_value
from fm_gui.errors import UserError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("add", help=tell("cli.data.add"))
def add(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help=tell("cli.option.files"))] = None,
    name: Annotated[str, typer.Option(help=tell("cli.option.name"))] = "",
    map: Annotated[list[str] | None, typer.Option(metavar="ROLE=COLUMN", help=tell("cli.option.map"))] = None,
    sample: Annotated[str, typer.Option(metavar="NAME", help=tell("cli.option.sample"))] = "",
    validation: Annotated[Path | None, typer.Option(metavar="FILE", help=tell("cli.option.validation"))] = None,
    test: Annotated[Path | None, typer.Option(metavar="FILE", help=tell("cli.option.test"))] = None,
    delimiter: Annotated[str | None, typer.Option(help=tell("cli.option.delimiter"))] = None,
    encoding: Annotated[str | None, typer.Option(help=tell("cli.option.encoding"))] = None,
    read: Annotated[list[str] | None, typer.Option(metavar="OPTION=VALUE", help=tell("cli.option.read"))] = None,
    hub: Annotated[str, typer.Option(metavar="ORG/NAME", help=tell("cli.option.hub"))] = "",
    config: Annotated[str, typer.Option(help=tell("cli.option.hub-config"))] = "",
    part: Annotated[str, typer.Option("--split", help=tell("cli.option.hub-split"))] = "",
    preview: Annotated[bool, typer.Option("--preview", help=tell("cli.option.preview-add"))] = False,
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.config import parse
    from fm_gui.data.adding import add_dataset, add_hub
    from fm_gui.data.readers import ReadOptions
    from fm_gui.data.samples import add_sample

    if bool(files) + bool(sample) + bool(hub) != 1:
        raise UserError("cli-files-or-sample")
    if preview and not files:
        raise UserError("cli-preview-files")
    space = opened(workspace)
    if sample:
        spec = add_sample(space, sample)
    elif hub:
        spec = add_hub(space, hub, config, part, name=name)
    else:
        chosen = {key: value for key, value in (("delimiter", delimiter), ("encoding", encoding)) if value is not None}
        options = parse(ReadOptions, chosen | {key: read_value(value) if key == "skip_lines" else value for key, value in pairs(read or [], "--read").items()})
        with with_pasted(files) as paths:
            if preview:
                return put_preview(paths, options, as_json)
            spec = add_dataset(space, paths, name=name, roles=pairs(map or [], "--map") or None, options=options, validation_file=validation, test_file=test)
    if as_json:
        return put_json(spec.model_dump(mode="json"))
    put(tell("cli.data.added", name=spec.name, rows=spec.rows))
    put_detected(spec.detected)
    put_roles(spec)
    put_skipped(spec.skipped, spec.detected.get("skipped", len(spec.skipped)))
    put_note(tell("cli.data.next", name=spec.name, at=at(space)))


@app.command("list", help=tell("cli.data.list"))
def list_(workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui import tasks

    space = opened(workspace)
    specs = space.datasets()
    if as_json:
        return put_json([spec.model_dump(mode="json") for spec in specs])
    if not specs:
        return put_note(tell("cli.data.none", at=at(space)))
    put_table(
        [tell("cli.head.name"), tell("cli.head.rows"), tell("cli.head.teaches"), tell("cli.head.source")],
        [[s.name, number(s.rows), ", ".join(task.name for task, missing in tasks.offers(s) if not missing) or "-", s.source] for s in specs],
    )


@app.command("show", help=tell("cli.data.show"))
def show(
    name: DataName,
    rows: Annotated[int, typer.Option(min=0, max=1000, help=tell("cli.option.rows"))] = 5,
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.data.dataset import Dataset

    data = Dataset(opened(workspace), name)
    parts = {part: len(numbers) for part, numbers in data.parts().items()}
    labels = data.label_counts()
    if as_json:
        return put_json(data.spec.model_dump(mode="json") | {"parts": parts, "labels": labels, "first_rows": data.page(0, rows)})
    put(tell("cli.data.facts", name=name, rows=data.spec.rows, source=data.spec.source))
    put_detected(data.spec.detected)
    put_roles(data.spec)
    put_teaches(data.spec)
    put(tell("cli.data.parts", train=parts["train"], validation=parts["validation"], test=parts["test"]))
    if labels:
        put(tell("cli.data.labels", count=len(labels), labels=", ".join(f"{label} ({number(n)})" for label, n in list(labels.items())[:12])))
    page = data.page(0, rows)
    if page:
        put()
        put_table(list(page[0]), [[str(cell)[:120] for cell in row.values()] for row in page])
    put_skipped(data.spec.skipped, data.spec.detected.get("skipped", len(data.spec.skipped)))


@app.command("delete", help=tell("cli.data.delete"))
def delete(name: DataName, workspace: Folder = None, as_json: AsJson = False) -> None:
    space = opened(workspace)
    space.delete_dataset(name)
    if as_json:
        return put_json({"deleted": name})
    put(tell("cli.deleted", name=name, at=at(space)))


def put_roles(spec) -> None:
    """Which column plays which role, and why."""
    for role, guess in spec.roles.items():
        put(tell("cli.data.role", role=role, column=guess.column, reason=tell(guess.reason, **guess.values)))


row_verbs.add_to(app)
