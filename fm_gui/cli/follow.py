"""`fm-gui runs | status | watch | stop | end | resume | delete | undo | worker`: what happens to runs."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fm_gui.cli.base import (
    LANG,
    AsJson,
    Folder,
    RunName,
    at,
    at_root,
    console,
    duration,
    number,
    opened,
    pairs,
    put,
    put_json,
    put_note,
    put_problem,
    put_table,
    tell,
)
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.runs import Run, Status

POLL = 0.3  # seconds between two looks at a run folder


def runs(workspace: Folder = None, as_json: AsJson = False) -> None:
    space = opened(workspace)
    found = [(run, run.status()) for run in space.runs()]
    if as_json:
        return put_json([facts(run, status) for run, status in found])
    if not found:
        return put_note(tell("cli.runs.none", at=at(space)))
    put_table(
        [tell("cli.head.name"), tell("cli.head.task"), tell("cli.head.data"), tell("cli.head.state"), tell("cli.head.steps"), tell("cli.head.score")],
        [
            [run.id, run.config.task, run.config.data.name, tell("silent.word" if run.stuck else "room.word" if s.needs_room else "state." + s.state), f"{number(s.step)}/{number(s.steps)}", number(s.score)]
            for run, s in found
        ],
    )


def status(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    found = opened(workspace).run(run)
    now = found.status()
    if as_json:
        return put_json(facts(found, now))
    put_status(found, now)


def watch(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    found = opened(workspace).run(run)
    if as_json:
        return stream_json(found)
    try:
        last = follow(found)
    except KeyboardInterrupt:
        put_note(tell("cli.watch.left", run=run, at=at_root(found)))
        raise typer.Exit(130) from None
    raise typer.Exit(finish(found, last, as_json))


def stop(
    run: RunName,
    discarded: Annotated[bool, typer.Option("--discard", help=tell("cli.option.discard"))] = False,
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    found = opened(workspace).run(run)
    if discarded:
        found.discard()
        return put_json({"deleted": run}) if as_json else put(tell("cli.deleted", name=run, at=at_root(found)))
    active = found.status().state in found.ACTIVE
    found.stop()
    if as_json:
        return put_json(facts(found, found.status()))
    put(tell("cli.stop.asked" if active else "cli.stop.idle", run=run))


def end(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    found = opened(workspace).run(run)
    if found.status().state not in found.ACTIVE:
        return put_json(facts(found, found.status())) if as_json else put(tell("cli.stop.idle", run=run))
    found.kill()
    put_json(facts(found, found.status())) if as_json else put(tell("silent.ended", name=run))


def resume(
    run: RunName,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="SETTING=VALUE", help=tell("cli.option.change"))] = None,
    wait: Annotated[bool, typer.Option("--wait", help=tell("cli.option.wait"))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tell("cli.option.outlook"))] = False,
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.changes import outlook

    found = opened(workspace).run(run)
    changes = {name: None if text.lower() in ("", "none") else text for name, text in pairs(settings or [], "--set").items()}
    if changes or dry_run:
        told = [tell(key, **values) for key, values in outlook(found, changes)]
        if dry_run:
            return put_json({"run": run, "outlook": told}) if as_json else put("\n".join(told))
        put_note("\n".join(told))
    found.resume(changes)
    if wait:
        raise typer.Exit(finish(found, follow(found, quiet=as_json), as_json))
    if as_json:
        return put_json(facts(found, found.status()))
    put(tell("cli.resume.started", run=run, at=at_root(found)))


def delete(run: RunName, workspace: Folder = None, as_json: AsJson = False) -> None:
    space = opened(workspace)
    space.delete_run(run)
    if as_json:
        return put_json({"deleted": run})
    put(tell("cli.deleted", name=run, at=at(space)))


def undo(workspace: Folder = None, as_json: AsJson = False) -> None:
    name = opened(workspace).undo_delete()
    if as_json:
        return put_json({"restored": name})
    put(tell("cli.undone", name=name))


def worker(
    run: Annotated[str, typer.Argument(metavar="RUN", help=tell("cli.option.run-or-folder"))],
    workspace: Folder = None,
) -> None:
    """What Run.start() and torchrun launch: ``run`` is a run's folder, or its id in the workspace."""
    path = Path(run) if (Path(run) / "config.json").exists() else opened(workspace).run(run).path
    from fm_gui.train.worker import main

    raise typer.Exit(main(path) or 0)


# -- following a run


def facts(run: "Run", status: "Status") -> dict:
    """A run's status as JSON, with its id, task, data set and starting point."""
    config = run.config
    return {"run": run.id, "task": config.task, "data": config.data.name, "start": config.model.start} | status.model_dump(mode="json")


def follow(run: "Run", *, quiet: bool = False) -> "Status":
    """Show a run's progress on stderr until it is no longer active; returns its last status.

    A bar on a terminal; elsewhere one line for each phase and each check, so that a log stays short.
    """
    if quiet:
        return run.wait(poll=POLL)
    if console(stderr=True).is_terminal:
        return follow_bar(run)
    return follow_lines(run)


def follow_bar(run: "Run") -> "Status":
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[steps]}"), TextColumn("{task.fields[note]}"))
    loss: float | None = None
    offset = 0
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=None, steps="", note="")
        while True:
            now = run.status()
            points, offset = run.metrics(offset)
            loss = next((p["train/loss"] for p in reversed(points) if p.get("train/loss") is not None), loss)
            notes = [tell("cli.watch.loss", loss=number(loss))] if loss is not None else []
            notes += [tell("cli.watch.left-time", time=duration(now.eta))] if now.eta is not None else []
            progress.update(
                bar, description=tell("state." + now.state), completed=now.step, total=now.steps or None,
                steps=f"{number(now.step)}/{number(now.steps)}" if now.steps else "", note="  ".join(notes),
            )
            if now.state not in run.ACTIVE:
                return now
            time.sleep(POLL)


def follow_lines(run: "Run") -> "Status":
    state, offset = "", 0
    while True:
        now = run.status()
        if now.state != state:
            state = now.state
            put_note(tell("cli.watch.state", run=run.id, state=tell("state." + state)))
        points, offset = run.metrics(offset)
        for point in points:
            if point.get("validation/loss") is not None:
                put_note(tell("cli.watch.check", step=point["step"], steps=now.steps, loss=number(point["validation/loss"])))
        if state not in run.ACTIVE:
            return now
        time.sleep(POLL)


def stream_json(run: "Run") -> None:
    """A run as JSON lines until it is no longer active: {"metrics": point}, {"event": entry} and at last {"status": ...}."""
    sources: list[list] = [["metrics", run.metrics, 0], ["event", run.events, 0]]

    def drain() -> None:
        for source in sources:
            name, read, offset = source
            entries, source[2] = read(offset)
            for entry in entries:
                typer.echo(json.dumps({name: entry}, ensure_ascii=False))

    wait_until_ended(run, drain)
    drain()
    typer.echo(json.dumps({"status": facts(run, run.status())}, ensure_ascii=False))


def wait_until_ended(run: "Run", between: Callable[[], None]) -> None:
    while run.status().state in run.ACTIVE:
        between()
        time.sleep(POLL)


def finish(run: "Run", last: "Status", as_json: bool) -> int:
    """Print how a run ended; returns the exit code: 1 if it failed or its worker is gone, else 0."""
    if as_json:
        put_json(facts(run, last))
    else:
        put_status(run, last)
    return int(last.state in ("failed", "interrupted"))


def put_status(run: "Run", now: "Status") -> None:
    """What a run is doing, in a few lines."""
    from fm_gui import machine
    from fm_gui.tasks import get_task

    put(tell("cli.status.line", run=run.id, state=tell("state." + now.state), task=run.config.task, data=run.config.data.name))
    if now.steps:
        put(tell("cli.status.steps", step=now.step, steps=now.steps, epoch=number(now.epoch), time=duration(now.seconds)))
    if now.score is not None:
        put(tell("cli.status.score", metric=tell("metric." + get_task(run.config.task).metric), value=number(now.score), step=now.best_step or 0))
    if now.waiting_for:
        put(tell("cli.status.waiting", runs=now.waiting_for))
    if now.needs_room:
        put_problem(tell("watch.needs-room", size=machine.size(now.needs_room), folder=run.path))
    if now.state in run.ACTIVE and now.heartbeat and not put_silence(run, now):
        put(tell("cli.status.alive", time=duration(max(0, time.time() - now.heartbeat))))
    if now.error:
        put_problem(UserError.from_dict(now.error).say(LANG))
    if now.may_go_on:
        put_note(tell("cli.status.resumable", run=run.id, at=at_root(run)))
    elif now.state == "done":
        put_note(tell("cli.status.next", run=run.id, at=at_root(run)))


def put_silence(run: "Run", now: "Status") -> bool:
    """If a worker is silent for long, say why and what may be done; returns whether it is."""
    from fm_gui import silence

    if not run.stuck:
        return False
    key, values = silence.why(run)
    put_problem(f"{tell('silent.line', time=duration(run.silence()))} {tell(key, **values)}")
    put_note(tell("silent.about" if run.checkpoint_step else "silent.about.start", step=run.checkpoint_step))
    put_note(tell("silent.cli", run=run.id, at=at_root(run)))
    return True
