"""What may be sent: requests of bounded size, and uploads within each person's quota, counted as the bytes come."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fm_gui import machine
from fm_gui.access import Ledger
from fm_gui.ui.access import LOGIN, who
from fm_gui.ui.security import told

LARGEST = 64 * 2**20  # bytes of a request that is not an upload: pasted text is the largest
LOGIN_FORM = 2**16  # bytes of a name and a password, from people whom nobody knows yet
_UPLOAD = re.compile(r"/upload/?$")


class TooMuch(MultiPartException):
    """Raised where the body is read: Gradio's parser then removes what it has written so far."""


@dataclass(frozen=True)
class Quota:
    """Bytes of uploads that one may keep on disk, send in an hour, and send at once; 0 is no limit."""

    kept: int = 0
    hourly: int = 0
    once: int = 0


@dataclass(frozen=True)
class Bound:
    """``room`` bytes may come, in this request or (``shared``) in all that the sender has under way; ``words`` say of more that ``limit`` bytes are allowed."""

    room: int
    limit: int
    words: str
    shared: bool = False

    def refusal(self, scope: Scope) -> PlainTextResponse:
        return told(self.words, scope, 413, limit=machine.size(self.limit))


class Uploads:
    """Refuses requests that are too large and uploads beyond the quota, with one sentence; remembers the others.

    ``quota(scope)`` says how much the sender may; ``arrived(scope, paths)`` is told where an upload lies; ``largest`` bounds
    what is no upload.
    """

    def __init__(
        self, app: ASGIApp, ledger: Ledger, quota: Callable[[Scope], Quota],
        arrived: Callable[[Scope, list[str]], None] | None = None, largest: int = LARGEST,
    ):  # fmt: skip
        self.app, self.ledger, self.quota, self.arrived, self.largest = app, ledger, quota, arrived, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self.app(scope, receive, send)
        if _UPLOAD.search(scope["path"]):
            return await self._upload(scope, receive, send)
        most = LOGIN_FORM if LOGIN.search(scope["path"]) else self.largest
        await _bounded(self.app, scope, receive, send, lambda came: Bound(most, most, "access.large") if came > most else None)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        key, bounds = who(scope), self._bounds(scope)
        noted, answer, status, before = 0, b"", 0, self.ledger.spent(who(scope))

        def broken(came: int) -> Bound | None:
            nonlocal noted
            self.ledger.coming(key, came - noted)
            noted = came
            together = self.ledger.spent(key) - before
            return next((bound for bound in bounds if (together if bound.shared else came) > bound.room), None)

        async def noting(message: Message) -> None:
            nonlocal answer, status
            status = message.get("status", status)
            answer += message.get("body", b"")
            await send(message)

        try:
            await _bounded(self.app, scope, receive, noting, broken)
        finally:
            self.ledger.coming(key, -noted)
        if status == 200:
            paths = json.loads(answer)
            self.ledger.add(key, noted, paths, time.time())
            if self.arrived:
                self.arrived(scope, paths)

    def _bounds(self, scope: Scope) -> list[Bound]:
        """How many bytes may come now, the narrowest bound first."""
        quota, (kept, last_hour) = self.quota(scope), self.ledger.used(who(scope), time.time())
        bounds = [
            Bound(quota.once, quota.once, "access.large"),
            Bound(quota.hourly - last_hour, quota.hourly, "access.hourly", shared=True),
            Bound(quota.kept - kept, quota.kept, "access.quota", shared=True),
        ]
        return sorted((bound for bound in bounds if bound.limit), key=lambda bound: bound.room)


async def _bounded(app: ASGIApp, scope: Scope, receive: Receive, send: Send, broken: Callable[[int], Bound | None]) -> None:
    """Answer a request as long as ``broken(bytes)``, told how many came or were announced, finds nothing against it."""
    came, begun, refused = 0, False, None
    length = Headers(scope=scope).get("content-length", "0")
    declared = int(length) if length.isdigit() else 0

    def check(size: int) -> None:
        nonlocal refused
        if refused := broken(size):
            raise TooMuch(refused.refusal(scope).body.decode())

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        check(max(came, declared))
        return message

    async def noting(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        check(declared)
        await app(scope, counted, noting)
    except TooMuch:
        if not begun:
            await refused.refusal(scope)(scope, receive, send)
