"""What a page asks again and again: all that is due at a time in one request, so that many open pages cost a training little.

The browser gathers the questions of its parts (``fm.ask`` in assets/app.js). They only read: what changes something is an event.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import gradio as gr
import orjson
from starlette.responses import Response

from fm_gui.runs import Run
from fm_gui.ui import bin, charts, live, watch_queue, watch_view
from fm_gui.ui.bind import language
from fm_gui.workspace import Workspace

MOST = 16  # questions in one request

# each (workspace, language, what is asked) -> JSON
QUESTIONS: dict[str, Callable[[Workspace, str, dict], Any]] = {
    "running_now": lambda workspace, lang, _: live.strip(workspace, lang),
    "all_runs": lambda workspace, lang, _: {"rows": live.rows(workspace, lang)},
    "waiting_line": lambda workspace, lang, _: watch_queue.line(workspace, lang),
    "run_state": lambda workspace, lang, data: watch_view.state(workspace, lang, str(data.get("run", ""))),
    "run_story": lambda workspace, lang, data: watch_view.story(workspace, lang, str(data.get("run", "")), int(data.get("size", 0)), bool(data.get("log"))),
    "new_points": lambda workspace, lang, data: charts.curves(workspace, data, lang),
    "in_the_bin": lambda workspace, lang, data: bin.contents(workspace, lang, bool(data.get("whole"))),
}


class Glance:
    """The workspace as one request sees it: however many questions look at all runs, each is looked at once."""

    def __init__(self, workspace: Workspace):
        self._workspace, self._runs = workspace, None

    def __getattr__(self, name: str):
        return getattr(self._workspace, name)

    def runs(self) -> list[Run]:
        """As Workspace.runs; a run's status is what it was when it was first asked for."""
        if self._runs is None:
            self._runs = self._workspace.runs()
            for run in self._runs:
                run.status = cache(run.status)
        return self._runs


def build(workspace: Workspace) -> None:
    """The part of the page, not seen, through which the others ask."""

    def news(data: dict, request: gr.Request) -> Response:
        lang = language(request)
        glance = Glance(workspace)
        told = [QUESTIONS[name](glance, lang, asked) for name, asked in data["asks"][:MOST]]
        return Response(orjson.dumps(told), media_type="application/json")  # as it is: FastAPI would look at each value again

    gr.HTML(value={}, html_template="", js_on_load="fm.news(server);", server_functions=[news], elem_id="fm-news", apply_default_css=False)
