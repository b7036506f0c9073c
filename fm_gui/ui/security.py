"""Who may talk to the page: only pages it served itself, by a name that is really this machine.

Gradio's JSON events are safe from other sites, but its uploads and component functions take cross-site posts, and a
foreign domain name may be pointed at 127.0.0.1 (DNS rebinding). Both are refused here, before Gradio sees them.
"""

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fm_gui.errors import UserError

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_bind(host: str, password: str, insecure: bool) -> None:
    """Raise UserError if others could reach the page without a password and nobody said that this is meant."""
    if host not in _LOOPBACK and not password and not insecure and not on_space():
        raise UserError("bind", host=host)


def on_space() -> bool:
    """True on Hugging Face Spaces, where the platform decides who may open the page."""
    return bool(os.environ.get("SPACE_ID"))


def public_hosts(root_path: str) -> tuple[str, ...]:
    """Names beside this machine's own by which the page is rightly reached: a proxy's (``--root-path URL``), a Space's."""
    given = (urlsplit(root_path).netloc, os.environ.get("SPACE_HOST", ""))
    return tuple(name.lower() for name in given if name)


def middleware(hosts: tuple[str, ...] = ()) -> list[Middleware]:
    """What ``launch(app_kwargs={"middleware": ...})`` takes."""
    return [Middleware(TrustedHost, hosts=hosts), Middleware(SameOrigin, hosts=hosts)]


class TrustedHost:
    """Refuses a Host header that is neither this machine's name, an address, nor one of ``hosts``."""

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
        if scope["type"] not in ("http", "websocket") or self._trusts(Headers(scope=scope).get("host", "")):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("This address is not one that fm_gui answers to.", 400)(scope, receive, send)


class SameOrigin:
    """Refuses writing requests that another site's page sends, and tells browsers not to guess content types."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] = ()):
        self.app, self.hosts = app, hosts

    def _foreign(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        return urlsplit(origin).netloc.lower() not in (headers.get("host", "").lower(), *self.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if scope.get("method", "POST") not in _READING and self._foreign(Headers(scope=scope)):
            return await PlainTextResponse("Another site may not do this. Open fm_gui's own page.", 403)(scope, receive, send)

        async def with_nosniff(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", []).append((b"x-content-type-options", b"nosniff"))
            await send(message)

        return await self.app(scope, receive, with_nosniff)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
