"""What may be sent: requests of bounded size, and uploads within each person's quota, counted as the bytes come."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fm_gui import machine
from fm_gui.access import Ledger
from fm_gui.ui.access import who
from fm_gui.ui.security import told

LARGEST = 64 * 2**20  # bytes of a request that is not an upload: pasted text is the largest
_UPLOAD = re.compile(r"/upload/?$")


class TooMuch(MultiPartException):
    """Raised where the body is read: Gradio's parser then removes what it has written so far."""


@dataclass(frozen=True)
class Quota:
    """Bytes of uploads that one may keep on disk, send in an hour, and send at once; 0 is no limit."""

    kept: int = 0
    hourly: int = 0
    once: int = 0


class Uploads:
    """Refuses requests that are too large and uploads beyond the quota, with one sentence; remembers the others.

    ``quota(scope)`` says how much the sender may; ``arrived(scope, paths)`` is told where an upload lies.
    """

    def __init__(self, app: ASGIApp, ledger: Ledger, quota: Callable[[Scope], Quota], arrived: Callable[[Scope, list[str]], None] | None = None):
        self.app, self.ledger, self.quota, self.arrived = app, ledger, quota, arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        if _UPLOAD.search(scope["path"]):
            return await self._upload(scope, receive, send)
        await self._bounded(scope, receive, send, *_large(LARGEST))

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, room, refusal = who(scope), *self._room(scope)
        came, answer, status = 0, b"", 0

        def coming(size: int) -> None:
            nonlocal came
            came += size
            self.ledger.coming(key, size)

        async def noting(message: Message) -> None:
            nonlocal answer, status
            status = message.get("status", status)
            answer += message.get("body", b"")
            await send(message)

        try:
            await self._bounded(scope, receive, noting, room, refusal, coming)
        finally:
            self.ledger.coming(key, -came)
        if status == 200:
            paths = json.loads(answer)
            self.ledger.add(key, came, paths, time.time())
            if self.arrived:
                self.arrived(scope, paths)

    def _room(self, scope: Scope) -> tuple[float, tuple[str, dict]]:
        """How many bytes may come now, and what to say of more: (words key, values)."""
        quota, (kept, last_hour) = self.quota(scope), self.ledger.used(who(scope), time.time())
        bounds = [(quota.once, 0, "access.large"), (quota.hourly, last_hour, "access.hourly"), (quota.kept, kept, "access.quota")]
        found = [(limit - used, (key, {"limit": machine.size(limit)})) for limit, used, key in bounds if limit]
        return min(found, key=lambda pair: pair[0], default=(float("inf"), ("access.large", {"limit": "-"})))

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, room: float, refusal: tuple[str, dict], coming=None) -> None:
        came, begun = 0, False
        key, values = refusal

        def too_much() -> TooMuch:
            return TooMuch(told(key, scope, 413, **values).body.decode())

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            size = len(message.get("body", b""))
            came += size
            if came > room:
                raise too_much()
            if coming:
                coming(size)
            return message

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        try:
            if length.isdigit() and int(length) > room:
                raise too_much()
            await self.app(scope, counted, noting)
        except TooMuch:
            if not begun:
                await told(key, scope, 413, **values)(scope, receive, send)


def _large(limit: int) -> tuple[float, tuple[str, dict]]:
    return limit, ("access.large", {"limit": machine.size(limit)})
