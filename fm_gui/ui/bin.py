"""The bin: deleted runs and data sets, to bring back or to delete for good. Opened by a line at the foot of every tab."""

import time
from pathlib import Path
from typing import Any

import gradio as gr

from fm_gui.machine import size
from fm_gui.text import say
from fm_gui.ui.bind import act
from fm_gui.ui.live import ago
from fm_gui.workspace import Deleted, Workspace

SHOWN = 200


def contents(workspace: Workspace, lang: str, whole: bool) -> dict[str, Any]:
    """How much is in the bin and, if asked for the ``whole``, each thing in it, last deleted first."""
    found = workspace.bin()
    told: dict[str, Any] = {"count": len(found), "label": say("bin.open", lang, count=len(found))}
    if whole:
        sizes = [_size(deleted.path) for deleted in found]
        told |= {"total": say("bin.total", lang, size=size(sum(sizes))), "rows": [_row(*pair, lang) for pair in zip(found[:SHOWN], sizes)]}
    return told


def _row(deleted: Deleted, bytes_: int, lang: str) -> dict[str, str]:
    return {
        "id": deleted.path.name,
        "name": deleted.name,
        "kind": say(f"bin.{deleted.kind}", lang),
        "about": say("bin.about", lang, size=size(bytes_), ago=ago(time.time() - deleted.time, lang)),
    }


def _size(path: Path) -> int:
    """Bytes of all files in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def restore(workspace: Workspace, lang: str, which: str) -> dict[str, Any]:
    """Bring back one thing, named as ``contents`` names it."""
    name = workspace.restore(which)
    return {"text": say("bin.restored", lang, name=name), "time": time.time_ns()}


def empty(workspace: Workspace, lang: str, which: str) -> dict[str, Any]:
    """Delete for good all that is in the bin."""
    workspace.empty_bin()
    return {"text": say("bin.emptied", lang), "time": time.time_ns()}


def build(workspace: Workspace) -> None:
    """The line at the page's foot, and the dialog that it opens."""
    said = gr.HTML(
        value={},
        html_template='<div class="fm-foot"></div>',
        js_on_load="fm.bin(element.querySelector('.fm-foot'), props, watch);",
        elem_id="fm-bin",
        apply_default_css=False,
    )
    which = gr.Textbox(visible="hidden", elem_id="fm-bin-which")
    for name, handler in (("restore", restore), ("empty", empty)):
        button = gr.Button("", visible="hidden", elem_id=f"fm-bin-{name}-do")
        button.click(act(workspace, handler), [which], [said], js="() => [fm.bin.which]", api_visibility="private", show_progress="hidden")
