"""Starts the page: ``python app.py``. Also what Hugging Face Spaces runs."""

import argparse
import contextlib
import functools
import gc
import os
import shutil
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fm_gui import demo, queue
from fm_gui.access import Ledger, People, Person, bytes_of, clear
from fm_gui.errors import UserError
from fm_gui.text import say
from fm_gui.workspace import Workspace

_PORTS = 100  # tried after the wished one
_UPLOAD = "2gb"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted. Returns 1, with one sentence on stderr, if that cannot be done."""
    asked = parse(arguments)
    try:
        serve(asked)
    except UserError as problem:
        print(problem.say(system_language()), file=sys.stderr)
        return 1
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("app.py", description="fm_gui: train foundation models on your own machine by pointing and clicking.")
    parser.add_argument(
        "--host", default="0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get("GRADIO_SERVER_PORT", 7860)),
        help="port; the next free one if it is taken (default: 7860)",
    )
    parser.add_argument(
        "--workspace", help="folder that keeps data sets and runs (default: FM_GUI_WORKSPACE, else this user's data folder)"
    )
    parser.add_argument(
        "--password", default=os.environ.get("FM_GUI_PASSWORD", ""), help='ask for user "fm" and this password (better: FM_GUI_PASSWORD)'
    )
    parser.add_argument("--insecure", action="store_true", help="listen beyond this machine without a password")
    parser.add_argument(
        "--demo", action="store_true", help="a workspace for each visitor, small and short-lived (default on a Hugging Face Space without a password)"
    )
    parser.add_argument("--quota", default="", metavar="SIZE", help="uploads that each person may keep on disk, as 2gb (default: no limit)")
    parser.add_argument("--quota-hour", default="", metavar="SIZE", help="uploads of each person in an hour, as 500mb (default: no limit)")
    parser.add_argument("--ssl-certfile", metavar="FILE", help="answer by https with this certificate (PEM)")
    parser.add_argument("--ssl-keyfile", metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument(
        "--trust-proxy", default="", metavar="ADDRESS",
        help="believe what the proxy at this address or network says of its callers (X-Forwarded-For, -Proto, -Host)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--root-path", default="", help="public address behind a proxy, as https://example.org/fm")
    return parser.parse_args(arguments)


def serve(asked: argparse.Namespace, block: bool = True):
    """Check, build, launch; then warm up what the first clicks need. Returns the gr.Blocks (for tests, with ``block=False``)."""
    from fm_gui.ui import security

    if os.environ.get("GRADIO_VIBE_MODE"):
        raise UserError("vibe")
    os.environ["FORWARDED_ALLOW_IPS"] = security.trusted_proxies(asked.trust_proxy)  # uvicorn reads it; it would trust this machine
    check_certificate(asked)
    workspace = Workspace(asked.workspace) if asked.workspace else Workspace.default()
    people = People(workspace.root, asked.password)
    os.environ.pop("FM_GUI_PASSWORD", None)  # no process that is started from here needs it
    public = is_public_demo(asked, people)
    security.check_bind(asked.host, bool(people.all()) or public, asked.insecure)
    if security.is_reached(asked.host, asked.root_path, asked.trust_proxy):
        os.environ[demo.REACHED] = "1"
    else:
        os.environ.pop(demo.REACHED, None)
    port = free_port(asked.host, asked.port)
    prepare_folders(workspace)
    ended = threading.Event()
    if block:
        signal.signal(signal.SIGTERM, lambda *_: ended.set())

    gc.disable()  # what starting up makes stays; looking for garbage in it takes a sixth of the time
    from fm_gui.ui import build_app  # after the environment is set: gradio reads it at import

    layers, shown, page = prepare_demo(workspace, people) if public else prepare_own(asked, workspace, people)
    blocks = build_app(shown, page=page)
    _, local, _ = launched(blocks, launch_arguments(asked, port, layers))
    gc.enable()
    if not public:
        queue.wake(workspace)
    tell(asked, workspace, people, asked.root_path or local)
    threading.Thread(target=warm_up, daemon=True).start()
    threading.Thread(target=clear_uploads, args=(Path(os.environ["GRADIO_TEMP_DIR"]),), name="fm-uploads", daemon=True).start()
    if block:
        until(ended)
        blocks.close(verbose=False)
    return blocks


def is_public_demo(asked: argparse.Namespace, people: People) -> bool:
    """Whether everybody gets a small workspace of their own: asked for, or a Space whose owner has nobody sign in."""
    from fm_gui.ui.security import on_space

    return asked.demo or on_space() and not people.all()


def until(ended: threading.Event) -> None:
    """Wait for SIGTERM or Ctrl+C. Only the page ends by them: trainings have sessions of their own and go on."""
    with contextlib.suppress(KeyboardInterrupt):
        while not ended.wait(1):  # with a bound, since Windows hears no Ctrl+C in a wait without one
            pass


def tell(asked: argparse.Namespace, workspace: Workspace, people: People, url: str) -> None:
    """Say where the page is, and show it."""
    lang = system_language()
    print(say("start.ready", lang, url=url))
    print(say("start.workspace", lang, path=workspace.root))
    if asked.password:
        print(say("start.user", lang))
    elif people.all():
        print(say("start.people", lang, count=len(people.all())))
    if not asked.no_browser and not os.environ.get("SPACE_ID"):
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def check_certificate(asked: argparse.Namespace) -> None:
    """Raise UserError unless certificate and key, if given, can be read and belong together."""
    given = asked.ssl_certfile or asked.ssl_keyfile
    if not given:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(asked.ssl_certfile or "", asked.ssl_keyfile or "")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise UserError("tls-file", path=given) from None


def prepare_folders(workspace: Workspace) -> None:
    """Uploads stay on the workspace's disk; the working folder is an empty one, since gradio may serve what lies in it."""
    uploads, empty = workspace.root / "cache" / "uploads", workspace.root / "cache" / "empty"
    uploads.mkdir(parents=True, exist_ok=True)
    empty.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [here if place in ("", ".") else place for place in sys.path]
    os.chdir(empty)


def prepare_own(asked: argparse.Namespace, workspace: Workspace, people: People) -> tuple[list, Workspace, Callable]:
    """(layers around the page, its workspace, what makes its frame) for people who share a workspace."""
    import gradio as gr
    from starlette.middleware import Middleware

    from fm_gui.ui.access import Door, Guard
    from fm_gui.ui.access_uploads import Quota, Uploads

    kept, hourly = bytes_of(asked.quota), bytes_of(asked.quota_hour)

    def quota(person: Person | None) -> Quota:
        mine = (person.quota, person.hourly) if person else (None, None)
        return Quota(mine[0] or kept, mine[1] or hourly, bytes_of(_UPLOAD))

    ledger = Ledger(workspace.root / "cache" / "uploads.json")
    layers = [Middleware(Door, guard=Guard(people)), Middleware(Uploads, ledger=ledger, quota=lambda scope: quota(scope["fm.person"]))]
    return layers, workspace, gr.Blocks


def prepare_demo(workspace: Workspace, people: People) -> tuple[list, Any, Callable]:
    """As :func:`prepare_own`, for visitors who see nothing of each other."""
    os.environ[demo.VARIABLE] = str(workspace.root)  # for workers too
    uploads = Path(os.environ["GRADIO_TEMP_DIR"])
    shutil.rmtree(uploads)  # nobody knows any more whose they were
    uploads.mkdir()
    from starlette.middleware import Middleware

    from fm_gui.ui import theme
    from fm_gui.ui.access import Door, Guard
    from fm_gui.ui.access_uploads import Quota, Uploads
    from fm_gui.ui.visitors import CurrentWorkspace, Visitors
    from fm_gui.ui.visitors_web import Owners, Visitor, VisitorBlocks

    owners = Owners(theme.static_files())
    visitors = Visitors(workspace.root / "visitors", forgotten=owners.forget)
    visitors.watch()
    most = Quota(hourly=demo.LIMITS.hourly, once=demo.LIMITS.upload)
    layers = [
        Middleware(Door, guard=Guard(people)),
        Middleware(Visitor, visitors=visitors, owners=owners),
        Middleware(
            Uploads, ledger=Ledger(workspace.root / "cache" / "uploads.json"), quota=lambda scope: most, arrived=owners.arrived, largest=most.once
        ),
    ]
    return layers, CurrentWorkspace(visitors), functools.partial(VisitorBlocks, owners)


def launched(blocks, arguments: dict) -> tuple:
    """As blocks.launch. Raises UserError if this machine cannot reach its own page: Gradio asks it once, and does not wait long."""
    try:
        return blocks.launch(**arguments)
    except ValueError as problem:
        if "localhost is not accessible" not in str(problem):
            raise
        blocks.close(verbose=False)
        raise UserError("start-localhost", host=arguments["server_name"], port=arguments["server_port"]) from None


def launch_arguments(asked: argparse.Namespace, port: int, layers: list) -> dict:
    """Everything that widens what the page does is off; what narrows who may talk to it is on."""
    import gradio as gr
    from starlette.middleware import Middleware

    from fm_gui.ui import security, theme, visitors_web
    from fm_gui.ui.bind import I18N

    gr.set_static_paths(theme.static_files())
    proxied = bool(os.environ["FORWARDED_ALLOW_IPS"])
    guard = next(layer.kwargs["guard"] for layer in layers if "guard" in layer.kwargs)
    head = theme.head(visitors_web.notice(demo.LIMITS) if demo.is_demo() else None)
    middleware = [*security.middleware(security.public_hosts(asked.root_path), proxied), *layers, Middleware(theme.PageHead, head=head)]
    return {
        "server_name": asked.host, "server_port": port, "root_path": asked.root_path or None, "auth": guard.check if guard.closed else None,
        "ssl_certfile": asked.ssl_certfile, "ssl_keyfile": asked.ssl_keyfile, "ssl_verify": False,  # of its own first request to itself
        "prevent_thread_lock": True, "quiet": True, "inbrowser": False, "share": False, "show_error": False, "max_file_size": _UPLOAD, "strict_cors": True,
        "run_history": False, "enable_monitoring": False, "ssr_mode": False, "pwa": False, "mcp_server": False, "footer_links": [],
        "theme": theme.theme(), "css_paths": [theme.ASSETS / "style.css"], "favicon_path": str(theme.ASSETS / "logo.svg"), "i18n": I18N,
        "app_kwargs": {"middleware": middleware},
    }  # fmt: skip


def clear_uploads(folder: Path) -> None:
    """Every hour, delete uploads and downloads of yesterday; data sets keep files of their own."""
    while True:
        clear(folder, time.time())
        time.sleep(3600)


def free_port(host: str, wished: int) -> int:
    """``wished``, or the next port that nobody listens on. Raises UserError after many."""
    for port in range(wished, min(wished + _PORTS, 65536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((host, port))
            except OSError:
                continue
            return port
    raise UserError("port", port=wished, last=min(wished + _PORTS, 65536) - 1)


def system_language() -> str:
    """The terminal's language."""
    chosen = next(filter(None, (os.environ.get(name) for name in ("FM_GUI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def warm_up() -> None:
    """Import what the first training or try needs, and try the devices, while the person still looks at the page."""
    from fm_gui import machine

    machine.devices()
    import transformers

    transformers.AutoConfig, transformers.AutoTokenizer  # noqa: B018  (lazy modules load at first use)


if __name__ == "__main__":
    sys.exit(main())
