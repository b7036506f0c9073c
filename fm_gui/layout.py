"""How a workspace lies on the disk: its version, who has it open, and locks for what must not be done twice at once.

    workspace.json       {"version": N}; also "moved" (to where) in the folder that was left, "arriving" (from where) in a copy that is not whole
    locks/WHAT.lock      held while WHAT is done (``alone``)
    locks/open/*.json    leases: one for each process that has the workspace open, naming its version

A lease only guards a change of the version and a move: two programs of one version share a workspace by the locks. A lease
whose process is gone counts for nothing; pids are used again, so it names the process by its start and the boot too. The
process of another machine (or of a container with processes of its own) cannot be looked at: its lease is believed for a week
after it was last written, which an open page does every hour.
"""

import atexit
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fm_gui import processes
from fm_gui.errors import UserError
from fm_gui.files import WORKSPACE_MARK, disk_guard, is_disk_full, is_read_only, read_json, write_json

MARK = WORKSPACE_MARK
PATIENCE = 30.0  # seconds to wait for a lock; what is done under one takes milliseconds, of large data sets seconds
FAR = 7 * 86_400.0  # seconds for which a lease from another machine is believed
AGAIN = 3_600.0  # seconds after which an own lease is written anew


# -- version


def _tables_by_content(root: Path) -> None:
    """0 -> 1: a data set's one ``table.arrow`` becomes the first of its versions, named by what is in it; its runs name it too."""
    for file in root.glob("datasets/*/dataset.json"):
        spec, old = _read(file), file.with_name("table.arrow")
        if not spec or spec.get("table"):
            continue
        if old.exists():
            with open(old, "rb") as stream:
                name = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
            (file.parent / "tables").mkdir(exist_ok=True)
            os.replace(old, file.parent / "tables" / f"{name}.arrow")
        versions = [path.stem for path in file.parent.glob("tables/*.arrow")]
        if len(versions) == 1:  # else its rows are gone, which `fm-gui workspace check` tells
            same = {"original": versions[0], "table": versions[0]}
            for config in root.glob("runs/*/config.json"):
                run = _read(config)
                data = run.get("data", {})
                if data.get("name") == file.parent.name and data.get("fingerprint") == spec.get("fingerprint"):
                    write_json(config, run | {"data": data | same})
            write_json(file, spec | same)  # last, so that what was cut off is done again


# what raises a workspace from version n to n + 1 is at place n; each may be cut off and done again
STEPS: tuple[Callable[[Path], None], ...] = (_tables_by_content,)
OLDEST_READ = 0  # version from which on files can be looked at as they are, where nothing can be written


def migrate(root: Path, steps: tuple[Callable[[Path], None], ...] = STEPS) -> None:
    """Raise the workspace at ``root`` to the version that ``steps`` lead to, one step after the other; nobody else may have it open."""
    for number in range(version_of(root), len(steps)):
        steps[number](root)
        write_json(root / MARK, _mark(root) | {"version": number + 1})


def version_of(root: Path) -> int:
    """The version of the workspace at ``root``; 0 before versions were written down."""
    return _mark(root).get("version", 0)


def _mark(root: Path) -> dict[str, Any]:
    """What workspace.json says. Raises UserError if it cannot be understood."""
    try:
        mark = read_json(root / MARK)
        if isinstance(mark, dict) and isinstance(mark.get("version", 0), int):
            return mark
    except FileNotFoundError:
        return {}
    except ValueError:
        pass
    raise UserError("workspace-mark", path=str(root / MARK))


def find(root: Path) -> Path:
    """Where the workspace of ``root`` is now: there, or where it was moved. Raises UserError if that place is not there or not whole."""
    mark, seen = _mark(root), {root}
    while moved := mark.get("moved"):
        at = Path(moved)
        if at in seen or not (at / MARK).exists():
            raise UserError("workspace-moved", path=str(root), to=str(at))
        seen.add(at)
        root, mark = at, _mark(at)
    if "arriving" in mark and not arrived(root):
        raise UserError("workspace-arriving", path=str(root), source=mark["arriving"])
    if (version := mark.get("version", 0)) > len(STEPS):
        raise UserError("workspace-newer", path=str(root), version=version, known=len(STEPS))
    return root


def arrived(root: Path) -> bool:
    """True if the folder that ``root`` is copied from says that all of it is here: that is written once every file was compared."""
    source = _mark(root).get("arriving", "")
    return bool(source) and Path(source).is_dir() and _mark(Path(source)).get("moved") == str(root)


def note(root: Path, **changes: Any) -> None:
    """Write something besides the version into workspace.json; None takes it out."""
    mark = _mark(root) | changes
    write_json(root / MARK, {key: value for key, value in mark.items() if value is not None})


def noted(root: Path, key: str) -> Any:
    """What workspace.json says besides the version; None if nothing."""
    return _mark(root).get(key)


def moved_from(root: Path) -> Path | None:
    """The folder that was left for this one and still holds something besides the note of where it went."""
    old = Path(_mark(root).get("from", root))
    if old == root or not old.is_dir() or _mark(old).get("moved") != str(root):
        return None
    return old if any(path.name != MARK and not path.name.startswith(".") for path in old.iterdir()) else None


# -- who has it open


def enter(root: Path) -> None:
    """Let this process use the workspace at ``root``: raise it to our version if it is older, and leave a lease until the process ends.

    Raises UserError if it is older and somebody else has it open. A workspace that cannot be written is only looked at.
    """
    if not os.access(root, os.W_OK):
        if version_of(root) < OLDEST_READ:
            raise UserError("workspace-read-only", path=str(root))
        return
    lease, own = _lease(root), _self()
    if _read(lease) == own:
        if time.time() - lease.stat().st_mtime > AGAIN:
            os.utime(lease)
        return
    with alone(root, "workspace"):
        if version_of(root) < len(STEPS):
            if others := [*opened(root), *_at_work(root)]:
                raise UserError("workspace-open", path=str(root), processes=told(others))
            migrate(root)
        try:
            lease.parent.mkdir(parents=True, exist_ok=True)
            for file in dead(root):
                file.unlink(missing_ok=True)
            write_json(lease, own)
        except OSError as problem:
            if not is_disk_full(problem):
                raise
            return  # who comes to look, to stop a run or to make room must not be turned away
    atexit.register(_leave, lease)


def _leave(lease: Path) -> None:
    with suppress(OSError):  # a disk that was taken away
        lease.unlink(missing_ok=True)


def _self() -> dict[str, Any]:
    return processes.record(os.getpid()) | {"space": _space(), "version": len(STEPS)}


def _space() -> str:
    """Which processes can be seen from here: containers on one machine may share its name, but not its pids. Linux only."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _lease(root: Path) -> Path:
    space = hashlib.blake2b(_space().encode(), digest_size=4).hexdigest()
    return root / "locks" / "open" / f"{socket.gethostname()}.{space}.{os.getpid()}.json"


def _read(file: Path) -> dict[str, Any]:
    """What a file says; empty if it is gone or cannot be understood."""
    try:
        found = read_json(file)
        return found if isinstance(found, dict) else {}
    except (FileNotFoundError, ValueError):
        return {}


def _leases(root: Path) -> Iterator[tuple[Path, dict[str, Any], bool]]:
    """(file, what it says, whether that process lives) of every lease but our own."""
    for file in (root / "locks" / "open").glob("*.json"):
        if file != _lease(root):
            lease = _read(file)
            yield file, lease, bool(lease) and _lives(file, lease)


def opened(root: Path) -> list[dict[str, Any]]:
    """The leases of other living processes: {"pid", "create_time", "host", "version"}."""
    return [lease for _, lease, lives in _leases(root) if lives]


def dead(root: Path) -> list[Path]:
    """The leases of processes that ended without taking theirs away: killed, or with the machine."""
    return [file for file, _, lives in _leases(root) if not lives]


def _at_work(root: Path) -> list[dict[str, Any]]:
    """The processes that train runs here, whatever fm_gui started them: before version 1 there were no leases."""
    recorded = [_read(file) for file in root.glob("runs/*/process.json")]
    return [{"host": socket.gethostname()} | one for one in recorded if one and processes.find(one)]


def told(leases: list[dict[str, Any]]) -> str:
    """Those processes in a few words."""
    return ", ".join(f"{lease['pid']} ({lease['host']})" for lease in leases[:6])


def _lives(file: Path, lease: dict[str, Any]) -> bool:
    if (lease["host"], lease.get("space", "")) == (socket.gethostname(), _space()):
        return processes.find(lease) is not None
    try:
        return time.time() - file.stat().st_mtime < FAR
    except FileNotFoundError:  # it ended in this moment
        return False


# -- one at a time


@contextmanager
def alone(root: Path, what: str) -> Iterator[None]:
    """While this holds, no other thread or process does ``what`` in the workspace at ``root``; it may be entered again by its own thread.

    "names" guards which data sets and runs there are and which tables they need, "data-NAME" what is in a data set (taken
    first where both are needed), "run-ID" its start and end (first too), "workspace" the whole. Raises UserError if somebody else holds it for long, or nothing can be written.
    """
    from filelock import FileLock, Timeout

    try:
        (root / "locks").mkdir(exist_ok=True)
        lock = FileLock(root / "locks" / f"{what}.lock", timeout=PATIENCE, poll_interval=0.01, is_singleton=True)
        with disk_guard(root):
            lock.acquire()
    except Timeout:
        raise UserError("workspace-busy", path=str(root)) from None
    except NotImplementedError:  # some network and phone disks
        raise UserError("workspace-no-locks", path=str(root)) from None
    except OSError as problem:
        if not is_read_only(problem, root):
            raise
        raise UserError("workspace-read-only", path=str(root)) from None
    try:
        yield
    finally:
        lock.release()
