"""Starts the page: ``python app.py``. Also what Hugging Face Spaces runs."""

import argparse
import gc
import os
import socket
import sys
import threading
from pathlib import Path

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
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--root-path", default="", help="public address behind a proxy, as https://example.org/fm")
    return parser.parse_args(arguments)


def serve(asked: argparse.Namespace, block: bool = True):
    """Check, build, launch; then warm up what the first clicks need. Returns the gr.Blocks (for tests, with ``block=False``)."""
    from fm_gui.ui.security import check_bind

    check_bind(asked.host, asked.password, asked.insecure)
    if os.environ.get("GRADIO_VIBE_MODE"):
        raise UserError("vibe")
    workspace = Workspace(asked.workspace) if asked.workspace else Workspace.default()
    port = free_port(asked.host, asked.port)
    prepare_folders(workspace)

    gc.disable()  # what starting up makes stays; looking for garbage in it takes a sixth of the time
    from fm_gui.ui import build_app  # after the environment is set: gradio reads it at import

    blocks = build_app(workspace)
    _, local, _ = blocks.launch(**launch_arguments(asked, port))
    gc.enable()
    url = asked.root_path or local
    print(say("start.ready", system_language(), url=url))
    print(say("start.workspace", system_language(), path=workspace.root))
    if asked.password:
        print(say("start.user", system_language()))
    threading.Thread(target=warm_up, daemon=True).start()
    if not asked.no_browser and not os.environ.get("SPACE_ID"):
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    if block:
        blocks.block_thread()
    return blocks


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


def launch_arguments(asked: argparse.Namespace, port: int) -> dict:
    """Everything that widens what the page does is off; what narrows who may talk to it is on."""
    import gradio as gr
    from starlette.middleware import Middleware

    from fm_gui.ui import security, theme
    from fm_gui.ui.bind import I18N

    gr.set_static_paths(theme.static_files())
    middleware = [*security.middleware(security.public_hosts(asked.root_path)), Middleware(theme.PageHead, head=theme.head())]
    return {
        "server_name": asked.host, "server_port": port, "root_path": asked.root_path or None, "auth": ("fm", asked.password) if asked.password else None,
        "prevent_thread_lock": True, "quiet": True, "inbrowser": False, "share": False, "show_error": False, "max_file_size": _UPLOAD, "strict_cors": True,
        "run_history": False, "enable_monitoring": False, "ssr_mode": False, "pwa": False, "mcp_server": False, "footer_links": [],
        "theme": theme.theme(), "css_paths": [theme.ASSETS / "style.css"], "favicon_path": str(theme.ASSETS / "logo.svg"), "i18n": I18N,
        "app_kwargs": {"middleware": middleware},
    }  # fmt: skip


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
