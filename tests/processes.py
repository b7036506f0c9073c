"""Other programs on the same workspace, as real processes, for tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(code: str, *arguments: object, **more) -> subprocess.Popen:
    """A process that runs ``code``; what it prints can be read, its ``sys.argv[1:]`` are ``arguments``."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=ROOT, **more)


@contextmanager
def program(root: Path, code: str = "") -> Iterator[subprocess.Popen]:
    """A program that has the workspace at ``root`` open, has run ``code`` there, and waits."""
    start = "import sys; from fm_gui.workspace import Workspace; workspace = Workspace(sys.argv[1])"
    process = python("\n".join((start, code, "print('ready', flush=True); sys.stdin.read()")), root)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@contextmanager
def mounted(folder: Path, *options: str, source: str | Path = "none") -> Iterator[Path]:
    """Something mounted on ``folder``; skips the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    try:
        done = subprocess.run(["mount", *options, str(source), str(folder)], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("this system has no mount")
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """Nothing can be written below ``root``: mounted so, since root may write everywhere; by its permissions for others."""
    if os.geteuid() == 0:
        with mounted(root, "--bind", source=root):
            subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
            yield
        return
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


class Acts:
    """A process that has everything loaded and forks a child for each act, so that many can be killed in little time.

    ``code`` defines functions that take the workspace at ``root``; ``start`` runs one in a child and returns its pid, ``end``
    waits for it and returns its exit code (negative: the signal that killed it).
    """

    LOOP = """
import os, sys, traceback
from fm_gui.workspace import Workspace
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.write(1, b"%d\\n" % os.getpid())
        code = 1
        try:
            globals()[line.strip()](Workspace(sys.argv[1]))
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    os.write(1, b"%d\\n" % os.waitstatus_to_exitcode(status))
"""

    def __init__(self, root: Path, code: str):
        self.process = python(f"{code}\n{self.LOOP}", root)

    def start(self, name: str) -> int:
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> int:
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
