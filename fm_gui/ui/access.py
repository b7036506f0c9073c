"""Signing in: Gradio's own form, with our check behind it, guesses slowed down, and a bound on anonymous requests.

Gradio leaves some of its routes open to whoever has not signed in (to end another's event, to hold a connection); here they
reach the form and what it is drawn with, and nothing else.
"""

import asyncio
import ipaddress
import logging
import math
import re
import time
from contextvars import ContextVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fm_gui.access import Attempts, People, Person, Rate
from fm_gui.errors import UserError
from fm_gui.ui.security import told

log = logging.getLogger("fm_gui")
LOGIN = re.compile(r"/login/?$")
_LOGOUT = re.compile(r"/logout/?$")
_FORM = re.compile(r"/(theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?|(assets|static)/.*|gradio_api/(startup-events|theme\.css|app_id|login_check|user)/?)?")


def signed_in(scope: Scope) -> tuple[str, str | None]:
    """(token, name) of who sends a request, from Gradio's own table of sessions; ("", None) of one who has not signed in."""
    app, cookies = scope["app"], Request(scope).cookies
    token = cookies.get(f"access-token-{app.cookie_id}") or cookies.get(f"access-token-unsecure-{app.cookie_id}") or ""
    return token, app.tokens.get(token)


def address(scope: Scope) -> str:
    """Where a request comes from: of IPv6 the network that one customer gets, since it holds more addresses than can be counted."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    if found.version == 4:
        return host
    if found.ipv4_mapped:  # how a server that listens on :: sees an old address
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((host, 64), strict=False))


class Guard:
    """Whose word counts: the people, what they guessed wrong, and how fast strangers may ask.

    ``closed``: whether everybody must sign in, from the start of the server to its end, also when the last one was removed.
    """

    def __init__(self, people: People, clock=time.monotonic):
        self.people, self.clock, self.closed = people, clock, bool(people.all())
        self._began: dict[str, str] = {}  # token of a session -> the hash of the password that began it
        self.by_address, self.by_name = Attempts(free=5), Attempts(free=5, longest=60.0)  # a name's owner is not locked out for long
        self.strangers = Rate(per_second=30, burst=600)
        self._checks = asyncio.Semaphore(2)  # a check takes 32 MB and a core
        self._asked: ContextVar[Scope] = ContextVar("asked")  # the request whose password is being checked

    def person(self, scope: Scope) -> Person | None:
        """Who sends a request. A session of somebody who was removed, or has a new password since, ends."""
        token, name = signed_in(scope)
        if name is None:
            return None
        person, tokens = self.people.find(name), scope["app"].tokens
        if token not in self._began and person:
            self._began = {one: hashed for one, hashed in self._began.items() if one in tokens} | {token: person.password}
        if person is None or person.password != self._began[token]:
            tokens.pop(token, None)
            return None
        return person

    async def check(self, name: str, password: str) -> bool:
        """What Gradio asks at its login. Raises HTTPException 429 with a sentence while it is too early to guess again."""
        scope, now = self._asked.get(), self.clock()
        keys = ((self.by_address, address(scope)), (self.by_name, name[:80]))
        if early := max(attempts.wait(key, now) for attempts, key in keys):
            answer = told("access.wait", scope, 429, seconds=math.ceil(early))
            raise HTTPException(429, answer.body.decode(), {"retry-after": answer.headers["retry-after"]})
        for attempts, key in keys:
            attempts.count(key, now)
        try:
            async with self._checks:
                right = await asyncio.to_thread(self.people.check, name, password)
        except UserError as problem:
            log.error("%s", problem)
            raise HTTPException(503, told("access.closed", scope, 503).body.decode()) from None
        if right:
            for attempts, key in keys:
                attempts.forget(key)
        return right

    def asking(self, scope: Scope) -> None:
        self._asked.set(scope)


class Door:
    """Notes who asks, slows down strangers, and shows them no more than the form where everybody must sign in."""

    def __init__(self, app: ASGIApp, guard: Guard):
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            person = self.guard.person(scope)
        except UserError as problem:
            log.error("%s", problem)
            return await told("access.closed", scope, 503)(scope, receive, send)
        stranger = not person and not _is_loopback(address(scope))
        if stranger and (early := self.guard.strangers.take(address(scope), self.guard.clock())):
            return await told("access.slow", scope, 429, seconds=math.ceil(early))(scope, receive, send)
        if self.guard.closed and not person and not _is_form(scope):
            return await JSONResponse({"detail": {"error": "Not authenticated", "auth_message": None}}, 401)(scope, receive, send)
        scope["fm.person"] = person
        if LOGIN.search(scope["path"]) and scope["method"] == "POST":
            self.guard.asking(scope)
        if person and _LOGOUT.search(scope["path"]):  # of this browser only: several people may share a name
            scope["app"].tokens.pop(signed_in(scope)[0], None)
        await self.app(scope, receive, send)


def _is_form(scope: Scope) -> bool:
    """True for the page of signing in, what it is drawn with, and what it sends."""
    path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
    reading = scope["method"] in ("GET", "HEAD")
    return bool(LOGIN.fullmatch(path)) if scope["method"] == "POST" else reading and bool(_FORM.fullmatch(path) or _LOGOUT.fullmatch(path))


def who(scope: Scope) -> str:
    """Whose uploads these are: a person's, or, of one without a name, an address's."""
    person: Person | None = scope.get("fm.person")
    return f"person {person.name}" if person else f"address {address(scope)}"


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host in ("::/64", "localhost", "")
