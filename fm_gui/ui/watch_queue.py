"""The line of waiting runs on the Watch tab: what is shown of it, and what its buttons do."""

from typing import Any

from fm_gui import queue
from fm_gui.errors import UserError
from fm_gui.text import say
from fm_gui.ui import live
from fm_gui.workspace import Workspace


def line(workspace: Workspace, lang: str) -> dict[str, Any]:
    """The waiting runs in order, what fell out of the line, and whether such runs start again by themselves."""
    waiting, fallen = queue.line(workspace), queue.fallen(workspace)
    devices = {device for one in waiting for device in one.status.devices}
    return {
        "rows": [
            {
                "id": one.run.id,
                "place": one.place,
                "told": say(one.told()[0], lang, **one.told()[1]),
                "devices": ", ".join(one.status.devices) if len(devices) > 1 else "",
                "last": not any(queue.compete(one.status, other.status) for other in waiting[index + 1 :]),
            }
            for index, one in enumerate(waiting)
        ],
        "fallen": {
            "told": live.fallen_words(len(fallen), lang),
            "names": ", ".join(run.id for run in fallen),
            "restart": say("queue.restart.one" if len(fallen) == 1 else "queue.restart.many", lang, count=len(fallen)),
        },
        "at_start": queue.resume_at_start(workspace),
    }


def do(workspace: Workspace, lang: str, asked: str) -> str:
    """Do what was clicked, as "up RUN", "cancel RUN", "restart", "drop" or "at-start on"; the sentence that says what was done."""
    verb, _, name = asked.partition(" ")
    if verb in ("up", "down", "next"):
        moved = queue.move(workspace, name, verb)
        return say("queue.moved", lang, name=name, place=say(moved.told()[0], lang, **moved.told()[1]))
    if verb == "cancel":
        queue.cancel(workspace, name)
        return say("queue.cancelled", lang, name=name)
    if verb == "restart":
        started = [run.id for run in queue.restart(workspace)]
        return say("queue.restarted", lang, count=len(started), names=", ".join(started)) if started else say("queue.restarted.none", lang)
    if verb == "drop":
        dropped = [run.id for run in queue.drop(workspace)]
        return say("queue.dropped", lang, names=", ".join(dropped)) if dropped else say("queue.restarted.none", lang)
    if verb == "at-start" and name in ("on", "off"):
        queue.set_resume_at_start(workspace, name == "on")
        return say(f"queue.at-start.{name}", lang)
    raise UserError("watch-nothing")
