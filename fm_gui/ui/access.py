"""Signing in: Gradio's own form, with our check behind it, guesses slowed down, and a bound on anonymous requests."""

import asyncio
import ipaddress
import math
import re
import time
from contextvars import ContextVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from fm_gui.access import Attempts, People, Person, Rate
from fm_gui.ui.security import told

_LOGIN = re.compile(r"/login/?$")


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
    return str(ipaddress.ip_network((host, 64), strict=False)) if found.version == 6 else host


class Guard:
    """Whose word counts: the people, what they guessed wrong, and how fast strangers may ask."""

    def __init__(self, people: People, clock=time.monotonic):
        self.people, self.clock = people, clock
        self.by_address, self.by_name = Attempts(free=5), Attempts(free=5, longest=60.0)  # a name's owner is not locked out for long
        self.strangers = Rate(per_second=30, burst=600)
        self._checks = asyncio.Semaphore(2)  # a check takes 32 MB and a core
        self._asked: ContextVar[Scope] = ContextVar("asked")  # the request whose password is being checked

    @property
    def closed(self) -> bool:
        """True if signing in is asked of everybody."""
        return bool(self.people.all())

    def find(self, name: str | None) -> Person | None:
        return self.people.find(name) if name else None

    async def check(self, name: str, password: str) -> bool:
        """What Gradio asks at its login. Raises HTTPException 429 with a sentence while it is too early to guess again."""
        scope, now = self._asked.get(), self.clock()
        keys = ((self.by_address, address(scope)), (self.by_name, name[:80]))
        if early := max(attempts.wait(key, now) for attempts, key in keys):
            answer = told("access.wait", scope, 429, seconds=math.ceil(early))
            raise HTTPException(429, answer.body.decode(), {"retry-after": answer.headers["retry-after"]})
        for attempts, key in keys:
            attempts.count(key, now)
        async with self._checks:
            right = await asyncio.to_thread(self.people.check, name, password)
        if right:
            for attempts, key in keys:
                attempts.forget(key)
        return right

    def asking(self, scope: Scope) -> None:
        self._asked.set(scope)


class Door:
    """Notes who asks, ends the sessions of people who were removed, and slows down strangers."""

    def __init__(self, app: ASGIApp, guard: Guard):
        self.app, self.guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        token, name = signed_in(scope)
        person = self.guard.find(name)
        if name and not person:
            scope["app"].tokens.pop(token, None)
        stranger = not person and not _is_loopback(address(scope))
        if stranger and (early := self.guard.strangers.take(address(scope), self.guard.clock())):
            return await told("access.slow", scope, 429, seconds=math.ceil(early))(scope, receive, send)
        scope["fm.person"] = person
        if _LOGIN.search(scope["path"]) and scope["method"] == "POST":
            self.guard.asking(scope)
        await self.app(scope, receive, send)


def who(scope: Scope) -> str:
    """Whose uploads these are: a person's, a demo visitor's, or an address's."""
    person: Person | None = scope.get("fm.person")
    return f"person {person.name}" if person else f"address {address(scope)}"


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host in ("::1/128", "::/64", "localhost", "")


