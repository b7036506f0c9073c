"""Who may talk to the page: only pages it served itself, by a name that is really this machine.

Gradio's JSON events are safe from other sites, but its uploads and component functions take cross-site posts, and a
foreign domain name may be pointed at 127.0.0.1 (DNS rebinding). Both are refused here, before Gradio sees them.
What a proxy adds to a request (X-Forwarded-...) is believed only where ``--trust-proxy`` says that there is one.
"""

import ipaddress
import os
import re
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fm_gui.errors import UserError
from fm_gui.text import say

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_OF_PROXIES = (b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-for", b"x-gradio-server")
_PRIVATE = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"  # where a Space's proxy is
# Gradio would fetch an address from the internet for whoever asks, or serve pages of others
_NEVER = re.compile(r"/(file[=/]\s*\w+:|proxy=)", re.IGNORECASE)


def check_bind(host: str, guarded: bool, insecure: bool) -> None:
    """Raise UserError if others could reach the page unguarded (no password, no demo) and nobody said that this is meant."""
    if host not in _LOOPBACK and not guarded and not insecure:
        raise UserError("bind", host=host)


def is_reached(host: str, root_path: str, proxies: str) -> bool:
    """Whether other machines can reach the page: by its own address, or through a proxy."""
    return host not in _LOOPBACK or bool(root_path or proxies)


def on_space() -> bool:
    """True on Hugging Face Spaces."""
    return bool(os.environ.get("SPACE_ID"))


def trusted_proxies(given: str) -> str:
    """``--trust-proxy`` (addresses and networks, with commas) as uvicorn wants it; on a Space its own proxy. Raises UserError."""
    for one in filter(None, given.split(",")):
        try:
            ipaddress.ip_network(one.strip(), strict=False)
        except ValueError:
            raise UserError("trust-proxy", given=one.strip()[:80]) from None
    return given or (_PRIVATE if on_space() else "")


def public_hosts(root_path: str) -> tuple[str, ...]:
    """Names beside this machine's own by which the page is rightly reached: a proxy's (``--root-path URL``), a Space's."""
    given = (urlsplit(root_path).netloc, os.environ.get("SPACE_HOST", ""))
    return tuple(name.lower() for name in given if name)


def middleware(hosts: tuple[str, ...] = (), proxied: bool = False) -> list[Middleware]:
    """What ``launch(app_kwargs={"middleware": ...})`` takes; the first is the outermost."""
    return [
        *([] if proxied else [Middleware(NoProxy)]),
        Middleware(TrustedHost, hosts=hosts),
        Middleware(SameOrigin, hosts=hosts),
    ]


def told(key: str, scope: Scope, status: int, **values) -> PlainTextResponse:
    """The sentence ``key`` in the language that a request asks for (as bind.language, but before Gradio has seen it)."""
    headers = Headers(scope=scope)
    chosen = re.search(r"(?:^|;\s*)fm_lang=(\w+)", headers.get("cookie", ""))
    lang = "zh" if (chosen[1] if chosen else headers.get("accept-language", "")).lower().startswith("zh") else "en"
    wait = {"retry-after": str(values["seconds"])} if "seconds" in values else {}
    return PlainTextResponse(say(key, lang, **values), status, headers=wait)


class NoProxy:
    """Takes away what only a proxy may say: nobody stands before this server, so the sender made it up."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name not in _OF_PROXIES]}
        await self.app(scope, receive, send)


class TrustedHost:
    """Refuses a Host header (and a proxy's X-Forwarded-Host) that is neither this machine's name, an address, nor one of ``hosts``."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] = ()):
        self.app = app
        names = {urlsplit("//" + host).hostname or "" for host in hosts}
        self.names = names | {"localhost", socket.gethostname().lower(), socket.gethostname().lower() + ".local"}

    def _trusts(self, host: str) -> bool:
        try:
            name = urlsplit("//" + host).hostname or ""
        except ValueError:
            return False
        return name in self.names or _is_address(name)  # a page of a foreign site cannot make a browser send an address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if _NEVER.search(scope["path"]):
            return await PlainTextResponse("", 403)(scope, receive, send)
        if all(self._trusts(host) for host in (headers.get("host", ""), *_outer_host(headers))):
            return await self.app(scope, receive, send)
        await told("access.host", scope, 400)(scope, receive, send)


class SameOrigin:
    """Refuses writing requests that another site's page sends, and narrows what browsers may do with the answers."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] = ()):
        self.app, self.hosts = app, hosts

    def _foreign(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        own = (headers.get("host", ""), *_outer_host(headers), *self.hosts)
        return urlsplit(origin).netloc.lower() not in [name.lower() for name in own]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if scope.get("method", "POST") not in _READING and self._foreign(Headers(scope=scope)):
            return await told("access.foreign", scope, 403)(scope, receive, send)
        framed, secure = on_space(), scope["scheme"] in ("https", "wss")  # a Space's page stands in the frame of its hub page

        async def narrowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value if framed or name != b"set-cookie" else _own(value, secure)) for name, value in message.get("headers", [])]
                kept += [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]
                message["headers"] = kept + ([] if framed else [(b"content-security-policy", b"frame-ancestors 'self'")])
            await send(message)

        return await self.app(scope, receive, narrowed)


def _own(cookie: bytes, secure: bool) -> bytes:
    """A Set-Cookie that other sites cannot make a browser send."""
    parts = [part for part in cookie.split(b";") if not part.strip().lower().startswith(b"samesite")]
    secured = [b" Secure"] if secure and not any(part.strip().lower() == b"secure" for part in parts) else []
    return b";".join([*parts, *secured, b" SameSite=Lax"])


def _outer_host(headers: Headers) -> tuple[str, ...]:
    """What a proxy says it was asked for, if it says so (without a trusted one, NoProxy took it away)."""
    return tuple(name.strip() for name in headers.get("x-forwarded-host", "").split(",")[:1] if name.strip())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
