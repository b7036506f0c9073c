"""A demo's visitors on the wire: their cookie, and files that only their owner may open or hand to an event."""

import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fm_gui import machine
from fm_gui.access import Rate
from fm_gui.demo import Limits
from fm_gui.errors import UserError
from fm_gui.text import LANGUAGES, say
from fm_gui.ui.access import address
from fm_gui.ui.bind import language
from fm_gui.ui.security import on_space, told
from fm_gui.ui.visitors import Visitors, id_of, visitor_of

COOKIE = "fm_visitor"  # by https with __Host- before it: then no page of a neighbouring name can set it
_SESSIONS = 20_000  # remembered
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
# what needs no visitor: the page's own parts, and what describes it
_OPEN = re.compile(r"/gradio_api/(info|openapi\.json|startup-events|theme\.css|app_id|login_check|user|token)/?$")
# where answers are fetched: by a number that the page, or Gradio, drew for them
_ANSWERS = re.compile(r"/gradio_api/(?:heartbeat/|call/(?:v2/)?[\w-]+/)([\w-]+)/?$")
_FILE = re.compile(r"/gradio_api/file[=/](.*)", re.DOTALL)


def notice(limits: Limits) -> dict[str, Any]:
    """What the line above a demo's page says: {"sentence": by language, "commands": how to have it on one's own machine}."""
    values = {"minutes": round(limits.minutes), "steps": limits.steps, "upload": machine.size(limits.upload), "hours": round(limits.idle / 3600)}
    space = os.environ.get("SPACE_ID")
    fetch = [f"git clone https://huggingface.co/spaces/{space} fm_gui", "cd fm_gui"] if space else []
    return {
        "sentence": {lang: say("demo.strip", lang, **values) for lang in LANGUAGES},
        "commands": [*fetch, "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt -e . && .venv/bin/python app.py"],
    }


class Owners:
    """Which visitor brought or made which of the files that Gradio may serve. In memory: a restart clears them away."""

    def __init__(self, static: list[Path]):
        self.static = {Path(path).resolve() for path in static}
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, str] = OrderedDict()  # session of a page, or event -> visitor
        self._of: dict[str, set[str]] = {}  # path -> visitors; the same bytes under the same name are one file

    def add(self, visitor: str, path: str) -> None:
        with self._lock:
            self._of.setdefault(str(Path(path).resolve()), set()).add(visitor)

    def arrived(self, scope: Scope, paths: list[str]) -> None:
        """An upload lies at ``paths``."""
        for path in paths:
            self.add(scope["fm.visitor"], path)

    def may(self, visitor: str | None, path: Path) -> bool:
        resolved = path.resolve()
        return resolved in self.static or visitor in self._of.get(str(resolved), ())

    def claim(self, visitor: str | None, session: str) -> bool:
        """True if the answers of this session are the visitor's: whoever asks for them first is who began it."""
        with self._lock:
            owner = self._sessions.setdefault(session, visitor)
            self._sessions.move_to_end(session)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return owner == visitor

    def forget(self, visitor: str) -> None:
        """The visitor is gone: delete the files that nobody else brought too."""
        with self._lock:
            for path in [path for path, owners in self._of.items() if visitor in owners]:
                self._of[path].discard(visitor)
                if not self._of[path]:
                    del self._of[path]
                    Path(path).unlink(missing_ok=True)


class Visitor:
    """Gives each browser a cookie, and answers those who show one; nothing of a workspace is reached without.

    Nothing is made for a visitor before the cookie comes back: who only looks whether the page is up costs nothing.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors, owners: Owners):
        self.app, self.visitors, self.owners = app, visitors, owners
        self.new = Rate(per_second=1 / 60, burst=20)  # new visitors from one address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        token, path = Request(scope).cookies.get(_cookie(scope), ""), scope["path"]
        visitor = id_of(token) if _TOKEN.fullmatch(token) else None
        page = scope["method"] in ("GET", "HEAD") and path.rstrip("/") == scope.get("root_path", "").rstrip("/")
        if page and visitor is None:
            send = partial(_with_cookie, send, scope, secrets.token_urlsafe(32))
        elif not page and not self._open(scope):
            if visitor is None:
                return await told("demo.cookie", scope, 403)(scope, receive, send)
            if not self.visitors.knows(visitor) and self.new.take(address(scope), time.monotonic()):
                return await told("demo.full", scope, 429)(scope, receive, send)
            if not self.visitors.admit(visitor):
                return await told("demo.full", scope, 503)(scope, receive, send)
        if (asked := _FILE.search(path)) and not self.owners.may(visitor, Path(asked[1])):
            return await PlainTextResponse("", 404)(scope, receive, send)
        if (session := _session(scope)) and not self.owners.claim(visitor, session):
            return await PlainTextResponse("", 403)(scope, receive, send)
        scope["fm.visitor"] = visitor
        await self.app(scope, receive, send)

    def _open(self, scope: Scope) -> bool:
        """True for what is the same for everybody."""
        reading = scope["method"] in ("GET", "HEAD", "OPTIONS")
        api = "/gradio_api/" in scope["path"]
        file = _FILE.search(scope["path"])
        return reading and (not api or bool(_OPEN.search(scope["path"])) or bool(file and self.owners.may(None, Path(file[1]))))


def _session(scope: Scope) -> str:
    """Whose answers a request asks for: a page's session, or an event of an endpoint."""
    if scope["method"] != "GET":
        return ""
    found = _ANSWERS.search(scope["path"])
    return found[1] if found else Request(scope).query_params.get("session_hash", "")


def _secure(scope: Scope) -> bool:
    return on_space() or scope["scheme"] == "https"  # a Space is reached by nothing else


def _cookie(scope: Scope) -> str:
    return f"__Host-{COOKIE}" if _secure(scope) else COOKIE


async def _with_cookie(send: Send, scope: Scope, token: str, message: Message) -> None:
    if message["type"] == "http.response.start":
        # in the frame of a Space's hub page only a cookie for frames is kept
        rules = "SameSite=None; Secure; Partitioned" if on_space() else "SameSite=Lax; Secure" if _secure(scope) else "SameSite=Lax"
        cookie = f"{_cookie(scope)}={token}; Path=/; Max-Age=604800; HttpOnly; {rules}"
        message = {**message, "headers": [*message.get("headers", []), (b"set-cookie", cookie.encode())]}
    await send(message)


class VisitorBlocks(gr.Blocks):
    """A page whose events take files only from who brought them, and note for whom they made some."""

    def __init__(self, owners: Owners, **more):
        super().__init__(**more)
        self.owners = owners

    async def process_api(self, block_fn, inputs: list[Any], state=None, request=None, *args, **more) -> dict[str, Any]:
        """As Gradio's own, through which every event and endpoint goes. Raises gr.Error for another's page or file."""
        asked = request[0] if isinstance(request, list) else request
        visitor, session = visitor_of(asked), getattr(asked, "session_hash", None)
        uploads = Path(get_upload_folder()).resolve()
        if session and not self.owners.claim(visitor, session):
            raise gr.Error(UserError("demo-page").say(language(asked)), print_exception=False)
        for path in files_in(inputs, uploads):
            if not self.owners.may(visitor, path):
                raise gr.Error(UserError("api-file").say(language(asked)), print_exception=False)
        made = await super().process_api(block_fn, inputs, state, request, *args, **more)
        for path in files_in(made.get("data", []), uploads):
            self.owners.add(visitor, str(path))
        return made


def files_in(value: Any, folder: Path) -> Iterator[Path]:
    """Every path below ``folder`` named anywhere in a JSON value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from files_in(one, folder)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from files_in(one, folder)
    elif isinstance(value, str) and os.path.isabs(value) and "\0" not in value and len(value) < 4096:
        path = Path(os.path.normpath(value))
        if path.is_relative_to(folder):
            yield path
