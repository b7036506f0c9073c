"""``fm-gui access``: who may sign in to the page."""

import sys
import time
from typing import Annotated

import typer

from fm_gui.cli.base import AsJson, Folder, at, opened, put, put_json, put_note, put_table, tell
from fm_gui.errors import UserError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help=tell("cli.access.name"))]


@app.command("add", help=tell("cli.access.add"))
def add(
    name: Name,
    from_stdin: Annotated[bool, typer.Option("--password-stdin", help=tell("cli.access.stdin"))] = False,
    quota: Annotated[str, typer.Option("--quota", metavar="SIZE", help=tell("cli.access.quota"))] = "",
    hourly: Annotated[str, typer.Option("--quota-hour", metavar="SIZE", help=tell("cli.access.hourly"))] = "",
    as_json: AsJson = False,
    folder: Folder = None,
) -> None:
    from fm_gui.access import People, bytes_of

    space = opened(folder)
    if not from_stdin and not sys.stdin.isatty():
        raise UserError("password-no-terminal", name=name, at=at(space))
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else typer.prompt(tell("cli.access.password"), hide_input=True)
    if not from_stdin and typer.prompt(tell("cli.access.again"), hide_input=True) != password:
        raise UserError("password-differs")
    people = People(space.root)
    first = not people.all()
    people.add(name, password, bytes_of(quota) or None, bytes_of(hourly) or None)
    put_json({"name": name}) if as_json else put(tell("cli.access.added", name=name))
    if first:
        put_note(tell("cli.access.first"))


@app.command("remove", help=tell("cli.access.remove"))
def remove(name: Name, as_json: AsJson = False, folder: Folder = None) -> None:
    from fm_gui.access import People

    People(opened(folder).root).remove(name)
    put_json({"name": name}) if as_json else put(tell("cli.access.removed", name=name))


@app.command("list", help=tell("cli.access.list"))
def everybody(as_json: AsJson = False, folder: Folder = None) -> None:
    from fm_gui.access import People
    from fm_gui.machine import size

    space = opened(folder)
    people = People(space.root).all()
    if as_json:
        return put_json([person.model_dump(exclude={"password"}) for person in people])
    if not people:
        return put(tell("cli.access.nobody", at=at(space)))
    put_table(
        [tell(f"cli.access.column.{column}") for column in ("name", "since", "quota", "hourly")],
        [
            [one.name, time.strftime("%Y-%m-%d", time.localtime(one.created)), size(one.quota) if one.quota else "-", size(one.hourly) if one.hourly else "-"]
            for one in people
        ],
    )
