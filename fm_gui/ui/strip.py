"""The frame above the tabs: name, this machine, language, theme; and the strip of what runs now."""

import gradio as gr

from fm_gui import machine
from fm_gui.ui.bind import language
from fm_gui.ui.theme import ASSETS
from fm_gui.workspace import Workspace


def machine_words(workspace: Workspace, lang: str) -> dict:
    """What this machine is, in one line and in several; waits until the kernels have run."""
    why = machine.why_no_gpu()
    checks = [{"state": check.state, "text": check.say(lang)} for check in machine.checks(workspace.root)]
    return {"summary": machine.summary(lang), "why": bool(why), "checks": checks}


def build_header(workspace: Workspace) -> None:
    """Name at the left, tools at the right; the tabs' names come between them by the grid of ``#fm-page``."""

    def this_machine(data: dict, request: gr.Request) -> dict:
        return machine_words(workspace, language(request))

    logo = (ASSETS / "logo.svg").read_text(encoding="utf-8")
    gr.HTML(
        html_template=f'<a class="fm-brand" href="?tab=data">{logo}<span>fm_gui</span></a>',
        js_on_load=None,
        elem_id="fm-brand",
        apply_default_css=False,
    )
    gr.HTML(
        value={},
        html_template='<div class="fm-tools"></div>',
        js_on_load="fm.header(element.querySelector('.fm-tools'), server);",
        server_functions=[this_machine],
        elem_id="fm-tools",
        apply_default_css=False,
    )


def build_strip() -> None:
    """Shown only while something runs or waits."""
    gr.HTML(
        value={},
        html_template='<section class="fm-strip" hidden></section>',
        js_on_load="fm.strip(element.querySelector('.fm-strip'));",
        elem_id="fm-strip",
        apply_default_css=False,
    )
