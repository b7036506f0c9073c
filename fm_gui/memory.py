"""How much memory this process may use: the machine's, or less where a container or a limit on the process says so."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def memory() -> tuple[int, int]:
    """(total, available) bytes for this process."""
    import psutil

    now = psutil.virtual_memory()
    total, available = now.total, now.available
    for limit, used in (*_of_containers(), *_of_the_process()):
        total, available = min(total, limit), min(available, max(0, limit - used))
    return total, available


def address_limit() -> int | None:
    """The most bytes of address space that this process may have (ulimit -v), or None."""
    if os.name != "posix":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _of_the_process() -> Iterator[tuple[int, int]]:
    """(limit, bytes used) of its address space, if that is limited."""
    import psutil

    if (limit := address_limit()) is not None:
        yield limit, psutil.Process().memory_info().vms


def _of_containers() -> Iterator[tuple[int, int]]:
    """(limit, bytes used) of every control group around this process that has a limit; what the system can drop is not used."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, inside = line.split(":", 2)
        if controllers == "":  # version 2
            yield from _groups(CGROUPS, inside, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            yield from _groups(CGROUPS / "memory", inside, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def _groups(root: Path, inside: str, limit: str, used: str, droppable: str) -> Iterator[tuple[int, int]]:
    """From the process's own group up to ``root``; a container may see only the upper ones."""
    group = root / inside.lstrip("/")
    for folder in (group, *group.parents):
        if folder == root.parent:
            return
        try:
            most = (folder / limit).read_text(encoding="utf-8").strip()
            taken = int((folder / used).read_text(encoding="utf-8"))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError):
            continue
        if most != "max":
            yield int(most), max(0, taken - int(stat.get(droppable, 0)))
