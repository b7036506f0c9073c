"""The page: one gr.Blocks, a module per tab. Tabs never touch each other's parts; they meet on disk and in the address.

A tab module has ``TITLE`` (a key of the table of words) and ``build(workspace, blocks, tab)``, called inside its gr.Tab.
"""

from collections.abc import Callable
from types import ModuleType

import gradio as gr

from fm_gui.ui import api, bin, data, evaluate, export, news, strip, train, try_, watch
from fm_gui.ui.bind import word
from fm_gui.workspace import Workspace

TABS: tuple[ModuleType, ...] = (data, train, watch, try_, evaluate, export)


def tab_id(module: ModuleType) -> str:
    """Its name in the address: "data", "train", "watch", "try", ..."""
    return module.__name__.rsplit(".", 1)[1].rstrip("_")


def build_app(workspace: Workspace, tabs: tuple[ModuleType, ...] = TABS, page: Callable[..., gr.Blocks] = gr.Blocks) -> gr.Blocks:
    """The whole page on one workspace, and the named endpoints for scripts; ``page`` makes the frame of all."""
    with page(title="fm_gui", fill_width=True, analytics_enabled=False) as blocks:
        api.build(workspace)  # first, so that no event of the page takes an endpoint's name
        with gr.Column(elem_id="fm-page"):
            strip.build_header(workspace)
            strip.build_strip()
            news.build(workspace)
            with gr.Tabs(elem_id="fm-tabs", overflow_behavior="wrap"):
                for module in tabs:
                    with gr.Tab(word(module.TITLE), id=tab_id(module), elem_id=f"tab-{tab_id(module)}") as tab:
                        module.build(workspace, blocks, tab)
            bin.build(workspace)
    blocks.queue(default_concurrency_limit=8, max_size=64)
    blocks._queue.sleep_when_free = 0.02  # Gradio would look a thousand times a second whether there is something to do: 5 % of a core
    return blocks
