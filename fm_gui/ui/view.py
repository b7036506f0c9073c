"""What the tabs share: a handler's answer by name, choices that survive a restart of the server, small pieces of HTML."""

import functools
import html
import inspect
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gradio as gr

from fm_gui.errors import UserError

View = dict[str, Any]  # name of a component of the tab -> its update


def spread(handler: Callable[..., View | Iterator[View]], names: Iterable[str]) -> Callable[..., list]:
    """``handler`` with its View turned into one update per name, in order; names it leaves out stay as they are.

    A generator of Views stays a generator.
    """
    names = tuple(names)

    def updates(view: View) -> list:
        assert view.keys() <= set(names), f"{handler.__name__} answers {view.keys() - set(names)}, which no component shows"
        return [view.get(name, gr.skip()) for name in names]

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args):
            for view in handler(*args):
                yield updates(view)

        return stream

    @functools.wraps(handler)
    def once(*args):
        return updates(handler(*args))

    return once


def free_choice(component):
    """The same component, taking any value: the handler checks it.

    Gradio refuses (in English) what is not among the choices it knows, and it forgets choices: at a restart of the
    server, and at each update of a component that leaves them out, so that an open page would fail until reloaded.
    """
    component.__class__ = _unchecked(component.__class__)
    return component


@functools.cache
def _unchecked(kind: type) -> type:
    # Gradio makes each component anew from its class at an update, so the class must know. Made past Gradio's metaclass,
    # which would write a .pyi file beside this module; name and module stay, since the browser finds the component by them.
    return ABCMeta.__new__(type(kind), kind.__name__, (kind,), {"preprocess": lambda self, value: value, "__module__": kind.__module__})


def or_sentence(lang: str, ask: Callable[[], Any]) -> tuple[Any, str]:
    """(``ask()``, "") or (None, the sentence): where a mistake is shown in its place on the page and not as a toast."""
    try:
        return ask(), ""
    except UserError as problem:
        return None, problem.say(lang)


def esc(value) -> str:
    """``value`` as text inside HTML."""
    return html.escape(str(value))


def chips(tokens: Iterable[tuple[str, int]], special: Iterable[str] = ()) -> str:
    """Tokens as chips with their ids; special tokens are tinted, blanks and line ends made visible."""
    special = set(special)
    return '<div class="fm-tokens" dir="auto">' + "".join(
        f'<span class="fm-token{" fm-special" if piece in special else ""}">{esc(visible(piece))}<small>{int(number)}</small></span>'
        for piece, number in tokens
    ) + "</div>"


def visible(piece: str) -> str:
    """A token's text with its blanks shown."""
    return piece.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥") or "∅"
