"""The page as a person starts it: ``python app.py`` in a process of its own, once for all tests of ui/."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fm_gui.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Served:
    url: str
    port: int
    workspace: Workspace
    seconds: float  # until the page answered
    log: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The whole app on a workspace whose path has a space and Chinese in it."""
    folder = tmp_path_factory.mktemp("served")
    workspace = Workspace(folder / "工作 区")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begin = time.perf_counter()
    with open(folder / "log.txt", "wb") as log:
        command = [sys.executable, str(ROOT / "app.py"), "--workspace", str(workspace.root), "--port", str(port), "--no-browser"]
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=os.environ | {"FM_GUI_LANG": "en", "PYTHONUNBUFFERED": "1"}
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            assert process.poll() is None and time.perf_counter() - begin < 120, (folder / "log.txt").read_text(encoding="utf-8")
            try:
                if httpx.get(url, timeout=10).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Served(url, port, workspace, time.perf_counter() - begin, folder / "log.txt")
    finally:
        process.terminate()
        process.wait(60)
