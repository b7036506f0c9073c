"""`fm-gui queue`: which runs wait, in what order, and moving them."""

from typing import TYPE_CHECKING, Annotated

import typer

from fm_gui.cli.base import AsJson, Folder, RunName, at, opened, put, put_json, put_note, put_table, tell
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.queue import Waiting
    from fm_gui.runs import Run
    from fm_gui.workspace import Workspace

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def show(context: typer.Context, workspace: Folder = None, as_json: AsJson = False) -> None:
    if context.invoked_subcommand:
        return
    from fm_gui import queue

    space = opened(workspace)
    waiting, fallen = queue.line(space), queue.fallen(space)
    if as_json:
        return put_json({"waiting": [_facts(one) for one in waiting], "fallen": _names(fallen), "at_start": queue.resume_at_start(space)})
    if waiting:
        rows = [[one.run.id, _place(one), ", ".join(one.status.devices), one.run.config.data.name] for one in waiting]
        put_table([tell("cli.head.name"), tell("cli.head.place"), tell("cli.head.devices"), tell("cli.head.data")], rows)
    else:
        put_note(tell("cli.queue.empty"))
    if fallen:
        put_note(tell("cli.queue.fallen", names=", ".join(_names(fallen)), at=at(space)))


@app.command("next", help=tell("cli.queue.next"))
def next_(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    _move(opened(workspace), run, "next", as_json)


@app.command("up", help=tell("cli.queue.up"))
def up(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    _move(opened(workspace), run, "up", as_json)


@app.command("down", help=tell("cli.queue.down"))
def down(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    _move(opened(workspace), run, "down", as_json)


@app.command("cancel", help=tell("cli.queue.cancel"))
def cancel(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui import queue

    queue.cancel(opened(workspace), run)
    put_json({"cancelled": run}) if as_json else put(tell("queue.cancelled", name=run))


@app.command("restart", help=tell("cli.queue.restart"))
def restart(workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui import queue

    started = _names(queue.restart(opened(workspace)))
    if as_json:
        return put_json({"started": started})
    put(tell("queue.restarted", count=len(started), names=", ".join(started)) if started else tell("queue.restarted.none"))


@app.command("drop", help=tell("cli.queue.drop"))
def drop(workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui import queue

    dropped = _names(queue.drop(opened(workspace)))
    if as_json:
        return put_json({"dropped": dropped})
    put(tell("queue.dropped", names=", ".join(dropped)) if dropped else tell("queue.restarted.none"))


@app.command("at-start", help=tell("cli.queue.at-start"))
def at_start(
    on: Annotated[str, typer.Argument(metavar="on|off", help=tell("cli.option.at-start"))], workspace: Folder = None, as_json: AsJson = False
) -> None:
    from fm_gui import queue

    if on not in ("on", "off"):
        raise UserError("queue-on-off", given=on)
    queue.set_resume_at_start(opened(workspace), on == "on")
    put_json({"at_start": on == "on"}) if as_json else put(tell(f"queue.at-start.{on}"))


def _move(space: "Workspace", run: str, how: str, as_json: bool) -> None:
    from fm_gui import queue

    moved = queue.move(space, run, how)
    put_json(_facts(moved)) if as_json else put(tell("queue.moved", name=run, place=_place(moved)))


def _facts(one: "Waiting") -> dict:
    return {"run": one.run.id, "place": one.place, "devices": one.status.devices, "waiting_for": one.status.waiting_for}


def _place(one: "Waiting") -> str:
    key, values = one.told()
    return tell(key, **values)


def _names(runs: "list[Run]") -> list[str]:
    return [run.id for run in runs]
