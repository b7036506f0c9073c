"""The glue between components and handlers: a person's language, and the one boundary where errors become sentences."""

import functools
import inspect
import logging
from collections.abc import Callable

import gradio as gr

from fm_gui.config import ModelSpec, Settings, SplitSpec, TrainSettings
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.recipe import Step
from fm_gui.data.steps import STEPS
from fm_gui.errors import UserError
from fm_gui.files import disk_full, is_disk_full
from fm_gui.tasks import TASKS
from fm_gui.text import LANGUAGES, say, say_setting, table
from fm_gui.ui.visitors import pinned
from fm_gui.workspace import Workspace

log = logging.getLogger("fm_gui")


def setting_key(model: type[Settings], field: str) -> str:
    """The key of a setting's title; a cleaning step's has the step in it, since several steps have a setting of one name; so have the options of reading."""
    return f"setting.{model.__name__}.{field}" if issubclass(model, (Step, ReadOptions)) else f"setting.{field}"


def all_words() -> dict[str, tuple[str, str]]:
    """The whole table for the page, settings included: a title under :func:`setting_key`, its help under the same with ``.help``."""
    words = dict(table())
    models = [TrainSettings, ModelSpec, SplitSpec, ReadOptions, *(m for task in TASKS for m in (task.Options, task.PredictOptions)), *STEPS]
    for model in models:
        for field in model.model_fields:
            title = setting_key(model, field)
            for key, pair in zip((title, f"{title}.help"), zip(say_setting(model, field, "en"), say_setting(model, field, "zh"))):
                assert words.setdefault(key, pair) == pair, f"setting {field} has two meanings"
    return words


_WORDS = all_words()
# gradio looks a key with dots up as a path, so dots become underscores; every Chinese locale shares one table
_ENGLISH, _CHINESE = ({key.replace(".", "_"): pair[index] for key, pair in _WORDS.items()} for index in (0, 1))
# said to screen readers after each event; Gradio forgot to give it words
_ENGLISH["common.complete"], _CHINESE["common.complete"] = _WORDS["page.complete"]
I18N = gr.I18n(en=_ENGLISH, **{"zh": _CHINESE, "zh-CN": _CHINESE, "zh-TW": _CHINESE})


def word(key: str):
    """A label that the browser shows in its language: for static text (labels, buttons, help) only."""
    assert key in _WORDS, key
    return I18N(key.replace(".", "_"))


def term(key: str) -> str:
    """HTML of a ? that explains a word in two sentences (words ``term.<key>``, shown by assets/app.js)."""
    assert f"term.{key}" in _WORDS, key
    return f'<fm-term key="{key}"></fm-term>'


def language(request: gr.Request | None) -> str:
    """The language of the person behind a request: the page's choice (a cookie), else what the browser asks for."""
    if request is None:
        return LANGUAGES[0]
    chosen = (request.cookies or {}).get("fm_lang") or request.headers.get("accept-language", "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def act(workspace: Workspace, handler: Callable) -> Callable:
    """``handler(workspace, lang, *values)`` as a Gradio event function.

    A UserError becomes a toast in the person's language; anything else is a defect of ours: it is logged whole and
    the person is told where. A generator handler stays a generator. Handlers themselves hold no try/except.
    """

    def told(problem: Exception, lang: str) -> gr.Error:
        if isinstance(problem, gr.Error):
            return problem
        if isinstance(problem, UserError):
            return gr.Error(problem.say(lang), print_exception=False)
        if is_disk_full(problem):
            return gr.Error(disk_full(pinned(workspace).root).say(lang), print_exception=False)
        log.exception("defect in %s", handler.__name__)
        return gr.Error(say("error.defect", lang), print_exception=False)

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(request: gr.Request, *values):
            lang = language(request)
            try:
                yield from handler(pinned(workspace), lang, *values)
            except Exception as problem:
                raise told(problem, lang) from problem

        bound = stream
    else:

        @functools.wraps(handler)
        def once(request: gr.Request, *values):
            lang = language(request)
            try:
                return handler(pinned(workspace), lang, *values)
            except Exception as problem:
                raise told(problem, lang) from problem

        bound = once

    del bound.__wrapped__  # gradio must see (request, *values), not the handler's own signature
    bound.__annotations__ = {"request": gr.Request}
    return bound
