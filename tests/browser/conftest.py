"""The real app in a process of its own, and a real Chromium that visits it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from fm_gui.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("FM_GUI_CHROMIUM", "/usr/bin/chromium")
REQUIRED = os.environ.get("FM_GUI_REQUIRE_BROWSER") == "1"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class App:
    url: str
    workspace: Workspace
    log: Path


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests; without one they are skipped, or fail where a browser is required."""
    if not Path(CHROMIUM).exists():
        (pytest.fail if REQUIRED else pytest.skip)(f"no Chromium at {CHROMIUM}: install it, or set FM_GUI_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def fm_app(tmp_path):
    """The app on an empty workspace, up and answering."""
    port, workspace, log = free_port(), Workspace(tmp_path / "work space 工作"), tmp_path / "app.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--workspace", str(workspace.root), "--no-browser"],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )
    url, end = f"http://127.0.0.1:{port}/", time.monotonic() + 180  # a busy machine is no fault
    try:
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                said = log.read_text(encoding="utf-8", errors="replace")
                assert process.poll() is None, f"the app ended:\n{said}"
                assert time.monotonic() < end, f"the app does not answer:\n{said}"
                time.sleep(0.1)
        yield App(url, workspace, log)
    finally:
        for run in workspace.runs():
            run.stop()
        process.terminate()
        process.wait(60)
        for run in workspace.runs():
            run.wait(30)


class Person:
    """Someone in front of the page: clicks are counted, and what the browser complains of is kept."""

    def __init__(self, page):
        self.page, self.clicks, self.complaints, self.leaving = page, 0, [], False
        page.on("pageerror", lambda problem: self.complain(str(problem)))
        page.on("console", lambda message: self.complain(f"{message.text} {message.location}") if message.type == "error" else None)

    def complain(self, text: str) -> None:
        """Keep what the browser says; a page that is left while it still asks the server complains through no fault of its own."""
        if not self.leaving:
            self.complaints.append(text)

    def go(self, url: str) -> None:
        self.leaving = True
        self.page.goto(url)
        self.leaving = False

    def reload(self) -> None:
        self.go(self.page.url)

    def switch_language(self) -> None:
        """The page reloads itself at the same address."""
        self.leaving = True
        with self.page.expect_navigation():
            self.page.locator("#fm-lang").click()
        self.leaving = False

    def click(self, selector: str) -> None:
        self.page.locator(selector).click()
        self.clicks += 1

    def drop(self, selector: str, file: Path) -> None:
        """Choose a file for an upload field: one click, as the file dialogue's own is the system's."""
        self.page.locator(f"{selector} input[type=file]").set_input_files(str(file))
        self.clicks += 1


@pytest.fixture
def person(chromium, fm_app):
    """An English reader at a desk."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(60_000)
    yield Person(context.new_page())
    context.close()


@pytest.fixture
def reviews(tmp_path):
    """240 short reviews in two classes that a model can tell apart, and a person too."""
    good, bad = ("wonderful", "bright", "sturdy", "lovely", "perfect"), ("broken", "dim", "flimsy", "ugly", "useless")
    things = ("lamp", "chair", "kettle", "radio", "tent", "clock")
    lines = ["review,stars"]
    for i in range(120):
        thing = things[i % len(things)]
        lines.append(f"This {thing} is {good[i % 5]} and I would buy it again ({i}),positive")
        lines.append(f"A {bad[i % 5]} {thing} that I had to send back after {i + 2} days,negative")
    file = tmp_path / "reviews.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
