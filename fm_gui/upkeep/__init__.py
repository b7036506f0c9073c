"""Looks through the workspace for what is damaged or left over, and repairs what can be without losing anything.

``check`` only reads, and may run beside anything. ``repair`` makes again what can be made again exactly, moves what cannot be
saved to the bin, from where it comes back, and deletes only what nobody can use: halves that a killed program left behind.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fm_gui.errors import UserError
from fm_gui.upkeep import data_sets, leftovers, runs
from fm_gui.upkeep.finding import Finding
from fm_gui.upkeep.leftovers import size_of

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

__all__ = ["Finding", "check", "repair", "sizes"]

CHECKS = (data_sets.check, runs.check, leftovers.check)


def check(workspace: "Workspace") -> list[Finding]:
    """All that is wrong with the workspace. Every table and model is read once, so it takes as long as reading them."""
    return [finding for one in CHECKS for finding in one(workspace)]


def repair(found: Iterable[Finding]) -> Iterator[tuple[Finding, bool]]:
    """Repair what of ``found`` can be, one after the other: (finding, whether it is gone now)."""
    for finding in found:
        if finding.act is None:
            continue
        try:
            yield finding, finding.act()
        except (UserError, OSError):  # the disk is full or read-only, or somebody changes it right now
            yield finding, False


def sizes(workspace: "Workspace") -> dict[str, int]:
    """Bytes on disk of the workspace's parts."""
    return {part: size_of(workspace.root / part) for part in ("datasets", "runs", "cache", "bin")}
