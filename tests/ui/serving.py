"""``python app.py`` with any arguments, in a process of its own, for tests of what surrounds the page."""

import inspect
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from fm_gui.ui.api import Api
from fm_gui.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent.parent
SECRETS = ("SPACE_ID", "SPACE_HOST", "FM_GUI_PASSWORD", "FM_GUI_DEMO", "FORWARDED_ALLOW_IPS")


@dataclass(frozen=True)
class Server:
    url: str
    port: int
    workspace: Workspace
    log: Path
    process: subprocess.Popen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(folder: Path, *arguments: str, scheme: str = "http", port: int = 0, **environment: str) -> Iterator[Server]:
    """The server, answering; ended with the block."""
    workspace, port = Workspace(folder / "工作 区"), port or free_port()
    log = folder / "log.txt"
    kept = {name: value for name, value in os.environ.items() if name not in SECRETS}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--workspace", str(workspace.root), "--port", str(port), "--no-browser", *arguments],
            stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=kept | {"FM_GUI_LANG": "en", "PYTHONUNBUFFERED": "1"} | environment,
        )  # fmt: skip
    server = Server(f"{scheme}://127.0.0.1:{port}/", port, workspace, log, process)
    try:
        begin = time.monotonic()
        while True:
            assert process.poll() is None and time.monotonic() - begin < 240, log.read_text(encoding="utf-8")
            try:
                if httpx.get(server.url, timeout=10, verify=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)


def endpoints_that_take(name: str, value: str) -> list[tuple[str, dict]]:
    """(endpoint, what to send) of every endpoint that takes the argument ``name``; others that it must have are filled."""
    filling = {"run": "x", "data": "x", "task": "text-classification", "how": "up", "texts": ["x"], "prompt": "x"}
    found = []
    for endpoint, method in inspect.getmembers(Api, inspect.isfunction):
        taken = inspect.signature(method).parameters
        if name in taken and not endpoint.startswith("_"):
            found.append((endpoint, {one: filling[one] for one, kind in taken.items() if one != "self" and kind.default is kind.empty} | {name: value}))
    return found
