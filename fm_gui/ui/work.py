"""Work that takes longer than a moment: done in a thread, followed by the page, stopped when the person or the page goes."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fm_gui.text import say


class Stopped(Exception):
    """Raised inside the work, at its next sign of progress, once nobody follows it any more."""


class Job:
    """``work(tell)`` in a thread; iterating gives (share done or None, words key, seconds) until it ends, then ``result``.

    ``tell(share, key)`` is how the work says how far it is. Closing the iterator (a Stop button's ``cancels``, a closed
    page) ends the work at its next ``tell``. What the work raises, iterating raises.
    """

    def __init__(self, work: Callable[[Callable[[float, str], None]], Any], key: str, every: float = 0.2):
        self._work, self._every = work, every
        self._state: tuple[float | None, str] = (None, key)
        self._gone = threading.Event()
        self.result: Any = None

    def _tell(self, share: float, key: str = "") -> None:
        if self._gone.is_set():
            raise Stopped
        self._state = (share, key or self._state[1])

    def __iter__(self) -> Iterator[tuple[float | None, str, float]]:
        begin = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(self._work, self._tell)
            try:
                while not future.done():
                    yield (*self._state, time.monotonic() - begin)
                    time.sleep(self._every)
            finally:
                self._gone.set()
            self.result = future.result()


def bar(share: float | None, key: str, seconds: float, lang: str) -> str:
    """How far a job is, as HTML: a bar, what is going on, and for how long."""
    value = f' value="{share:.3f}"' if share is not None else ""
    percent = f" {share:.0%}" if share else ""
    return (
        f'<div class="fm-working" role="status"><progress max="1"{value} aria-label="{say(key, lang)}"></progress>'
        f"<span>{say(key, lang)}{percent}</span><small>{say('work.seconds', lang, seconds=seconds)}</small></div>"
    )
