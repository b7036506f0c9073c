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
