"""The Watch tab: the line of waiting runs, the list of all, and of the chosen one its state, curves, samples, incidents and log.

What is shown the browser asks for while it looks (news.py; watch_view and watch_queue answer);
what changes something is an ordinary event. The run is held by the address (``run``, and ``with`` for those laid over
it), so a reload restores it.
"""

import time

import gradio as gr

from fm_gui import queue
from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.text import say
from fm_gui.ui import charts, watch_queue, watch_resume
from fm_gui.ui.bind import act
from fm_gui.ui.watch_view import JSON
from fm_gui.workspace import Workspace

TITLE = "watch.title"

# -- what is done


def stop(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Ask the worker to end after its step."""
    chosen(workspace, run_id).stop()
    return note(say("watch.stopped", lang, name=run_id))


def resume(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Go on from the last checkpoint."""
    chosen(workspace, run_id).resume()
    return note(say("watch.resumed", lang, name=run_id))


def discard(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Stop it, whatever that takes, and move it to the bin."""
    chosen(workspace, run_id).discard()
    return note(say("watch.deleted", lang, name=run_id), undo=run_id)


def end(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """End a worker that gives no sign of life."""
    chosen(workspace, run_id).kill()
    return note(say("silent.ended", lang, name=run_id))


def end_and_resume(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """End a worker that gives no sign of life, and go on from the last checkpoint."""
    run = chosen(workspace, run_id)
    run.kill()
    run.resume()
    return note(say("watch.resumed", lang, name=run_id))


def go_next(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Let a waiting run be the next on its device."""
    moved = queue.move(workspace, chosen(workspace, run_id).id, "next")
    key, values = moved.told()
    return note(say("queue.moved", lang, name=run_id, place=say(key, lang, **values)))


def cancel(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Take a waiting run out of the line."""
    queue.cancel(workspace, chosen(workspace, run_id).id)
    return note(say("queue.cancelled", lang, name=run_id))


def delete(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Move to the bin, from where Undo brings it back."""
    chosen(workspace, run_id)
    workspace.delete_run(run_id)
    return note(say("watch.deleted", lang, name=run_id), undo=run_id)


def undo(workspace: Workspace, lang: str, run_id: str) -> JSON:
    """Bring the run back from the bin."""
    name = workspace.restore(f"runs.{run_id}")
    return note(say("watch.restored", lang, name=name), run=name)


def chosen(workspace: Workspace, run_id: str) -> Run:
    """The run of the address. Raises UserError if there is none."""
    if not run_id:
        raise UserError("watch-nothing")
    return workspace.run(run_id)


def note(text: str, **more) -> JSON:
    """The answer to a click, shown above the list; the time makes each one new to the browser."""
    return {"text": text, "time": time.time_ns(), **more}


def in_the_line(workspace: Workspace, lang: str, asked: str) -> JSON:
    """What was clicked in the line: "up RUN", "down RUN", "next RUN", "cancel RUN", "restart", "drop", "at-start on" ..."""
    return note(watch_queue.do(workspace, lang, asked))


# what the page's buttons do, by the name of a button
ACTIONS = {
    "stop": stop, "resume": resume, "discard": discard, "delete": delete, "undo": undo, "end": end, "end-resume": end_and_resume,
    "next": go_next, "cancel": cancel,
}  # fmt: skip


# -- the tab


def build(workspace: Workspace, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Line and list at the left; at the right state, curves, then what happened."""

    def part(name: str) -> gr.HTML:
        return gr.HTML(
            value={},
            html_template='<div class="watch-part"></div>',
            apply_default_css=False,
            elem_id=f"watch-{name}",
            js_on_load=f"fm.watch.{name}(element.querySelector('.watch-part'), props, watch);",
        )

    said = part("note")
    with gr.Row(elem_classes="fm-two", elem_id="watch-two", equal_height=False):
        with gr.Column(elem_classes="fm-left", min_width=280):
            part("line")
            part("list")
        with gr.Column(elem_classes="fm-right", min_width=280):
            part("head")
            form = watch_resume.build()
            charts.live_chart(elem_id="watch-curves")
            part("story")
    asked = gr.Textbox(visible="hidden", elem_id="watch-asked")
    here = {"inputs": [asked], "outputs": [said], "api_visibility": "private", "show_progress": "hidden"}
    for name, handler in ACTIONS.items():
        button = gr.Button("", visible="hidden", elem_id=f"watch-{name}-do")
        which = "fm.watch.undone" if name == "undo" else "fm.param('run')"
        button.click(act(workspace, handler), js=f"() => [{which}]", **here)
    in_line = gr.Button("", visible="hidden", elem_id="watch-line-do")
    in_line.click(act(workspace, in_the_line), js="() => [fm.watch.asked]", **here)
    watch_resume.events(workspace, form, said, note)
