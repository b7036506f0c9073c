"""``fm-gui workspace``: check and repair the workspace, back it up, move it, look into its bin."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from fm_gui.cli.base import LANG, AsJson, Folder, at, opened, put, put_json, put_note, put_table, tell
from fm_gui.errors import UserError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("check", help=tell("cli.workspace.check"))
def check(
    mend: Annotated[bool, typer.Option("--repair", help=tell("cli.workspace.repair"))] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui import upkeep
    from fm_gui.machine import size

    workspace = opened(folder)
    found, done = upkeep.check(workspace), []
    if mend and any(finding.act for finding in found):
        done = list(upkeep.repair(found))
        found = upkeep.check(workspace)
    parts = upkeep.sizes(workspace)
    if as_json:
        repaired = [finding.to_dict(LANG) | {"done": gone} for finding, gone in done]
        put_json({"path": str(workspace.root), "bytes": parts, "repaired": repaired, "findings": [finding.to_dict(LANG) for finding in found]})
    else:
        put(tell("cli.workspace.sizes", path=workspace.root, **{part: size(count) if count else "0" for part, count in parts.items()}))
        for finding, gone in done:
            put(tell("cli.workspace.repaired" if gone else "cli.workspace.not-repaired", sentence=finding.sentence(LANG)))
        for finding in found:
            put(f"- {finding.sentence(LANG)} {finding.where}")
            put(f"  {tell('cli.workspace.would' if finding.act else 'cli.workspace.do')} {finding.fix(LANG)}")
        put(tell("cli.workspace.found", count=len(found)) if found else tell("cli.workspace.fine"))
        if any(finding.act for finding in found) and not mend:
            put_note(tell("cli.workspace.next", at=at(workspace)))
    if any(finding.severity != "note" for finding in found):
        raise typer.Exit(1)


@app.command("backup", help=tell("cli.workspace.backup"))
def backup(
    to: Annotated[Path, typer.Argument(metavar="PATH", help=tell("cli.workspace.backup-to"))], folder: Folder = None, as_json: AsJson = False
) -> None:
    from fm_gui.moving import back_up

    at = back_up(opened(folder), to, _progress())
    put_json({"path": str(at)}) if as_json else put(tell("cli.workspace.backed-up", path=at))


@app.command("restore", help=tell("cli.workspace.restore"))
def restore(
    source: Annotated[Path, typer.Argument(metavar="PATH", help=tell("cli.workspace.restore-from"))], folder: Folder = None, as_json: AsJson = False
) -> None:
    from dataclasses import asdict

    from fm_gui.moving import restore as bring_back

    result = bring_back(opened(folder), source, _progress())
    if as_json:
        put_json(asdict(result))
    else:
        put(tell("cli.workspace.restored", count=len(result.brought)))
        if result.kept:
            put(tell("cli.workspace.kept", names=", ".join(result.kept)))
        if result.damaged:
            put(tell("cli.workspace.damaged", names=", ".join(result.damaged)))
    if result.damaged:
        raise typer.Exit(1)


@app.command("move", help=tell("cli.workspace.move"))
def move(
    to: Annotated[Path | None, typer.Argument(metavar="PATH", help=tell("cli.workspace.move-to"))] = None,
    remove: Annotated[bool, typer.Option("--remove-old", help=tell("cli.workspace.remove-old"))] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.moving import move as move_to
    from fm_gui.moving import remove_old
    from fm_gui.workspace import Workspace

    if to is None and not remove:
        raise UserError("move-where")
    workspace, removed = opened(folder), None
    if to is not None:
        workspace = Workspace(move_to(workspace, to, _progress()))
    if remove:
        removed = remove_old(workspace)
    if as_json:
        return put_json({"path": str(workspace.root), "removed": str(removed) if removed else None})
    if to is not None:
        put(tell("cli.workspace.moved", path=workspace.root))
    put(tell("cli.workspace.removed", path=removed)) if removed else put_note(tell("cli.workspace.old-stays"))


@app.command("bin", help=tell("cli.workspace.bin"))
def bin_(
    restore: Annotated[str, typer.Option("--restore", metavar="NAME", help=tell("cli.workspace.bin-restore"))] = "",
    empty: Annotated[bool, typer.Option("--empty", help=tell("cli.workspace.bin-empty"))] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.machine import size
    from fm_gui.upkeep import size_of

    workspace = opened(folder)
    if restore:
        name = workspace.restore(restore)
        return put_json({"restored": name}) if as_json else put(tell("cli.undone", name=name))
    found = workspace.bin()
    if empty:
        workspace.empty_bin()
        return put_json({"deleted": [f"{one.kind}.{one.name}" for one in found]}) if as_json else put(tell("cli.workspace.emptied", count=len(found)))
    sizes = [size_of(one.path) for one in found]
    if as_json:
        return put_json([{"name": f"{one.kind}.{one.name}", "time": one.time, "bytes": bytes_} for one, bytes_ in zip(found, sizes)])
    if not found:
        return put_note(tell("cli.workspace.bin-nothing"))
    put_table(
        [tell("cli.head.name"), tell("cli.head.deleted"), tell("cli.head.size")],
        [[f"{one.kind}.{one.name}", time.strftime("%Y-%m-%d %H:%M", time.localtime(one.time)), size(bytes_)] for one, bytes_ in zip(found, sizes)],
    )


def _progress() -> Callable[[float, str], None] | None:
    """On a terminal, one line that says how far the copying is."""
    if not sys.stderr.isatty():
        return None
    return lambda share, piece: typer.echo(f"\r\x1b[K{share:4.0%} {piece}", err=True, nl=False)
