"""What was found in the workspace, as a value that the command line and the tests read alike."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fm_gui.text import say

Severity = Literal["serious", "attention", "note"]  # something cannot be used; something is lost or half; good to know


@dataclass(frozen=True)
class Finding:
    """One fault. Its words are ``upkeep.<code>`` (what) and ``upkeep.<code>.fix``, filled with ``values``.

    ``fix`` says what the repair will do; where there is none (``act`` is None), what the person can do. ``act`` returns
    whether the fault is gone; it looks again first, since others go on working.
    """

    code: str
    severity: Severity
    where: str  # below the workspace
    values: dict[str, Any]
    act: Callable[[], bool] | None = field(default=None, compare=False, repr=False)

    def sentence(self, lang: str = "en") -> str:
        """What was found."""
        return say(f"upkeep.{self.code}", lang, **self.values)

    def fix(self, lang: str = "en") -> str:
        """What the repair will do; without one, what the person can do."""
        return say(f"upkeep.{self.code}.fix", lang, **self.values)

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """A JSON-ready form, the sentences in ``lang``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "where": self.where,
            "sentence": self.sentence(lang),
            "fix": self.fix(lang),
            "repairable": self.act is not None,
            "values": self.values,
        }


def shut(folder: Path, where: str) -> Iterator[Finding]:
    """One finding if something in ``folder`` may not be read by this user: that is no damage, and nothing is to be repaired."""
    for path in (folder, *sorted(folder.rglob("*"))):
        try:
            os.listdir(path) if path.is_dir() else open(path, "rb").close()
        except PermissionError:
            yield Finding("no-access", "serious", where, {"path": str(path)})
            return
        except OSError:  # gone meanwhile, or a disk that fails: its own check says so
            continue
