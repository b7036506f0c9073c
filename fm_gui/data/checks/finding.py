"""What a check found, as a value that the page, the command line and the tests read alike."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.text import say

if TYPE_CHECKING:
    from fm_gui.data.checks.looked import Looked

Severity = Literal["serious", "attention", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "attention", "note")
ROWS_TOLD = 1_000  # row numbers in the JSON form
EXAMPLES = 3
LONGEST = 300  # characters of a text in an example


@dataclass(frozen=True)
class Finding:
    """One fault of a data set. Its words are ``finding.<code>`` (what), ``.why`` and ``.fix``, filled with ``values``.

    ``rows``: all row numbers concerned (from 0, sorted, int64). ``examples``: {"row" (from 1), "text", "label" where
    there is one, and what else makes it clear}. ``fixes``: steps, best first, each of them enough; none if no step helps. ``advice``: the key
    of what the person can do, where ``.fix`` does not say it. ``proposals``: for single rows another label, and its probability.
    """

    code: str
    severity: Severity
    rows: np.ndarray
    values: dict[str, Any]
    examples: list[dict[str, Any]]
    fixes: list[StepSpec] = field(default_factory=list)
    advice: str = ""
    proposals: dict[int, tuple[str, float]] = field(default_factory=dict)

    def sentence(self, lang: str = "en") -> str:
        """What was found, with its numbers."""
        return say(f"finding.{self.code}", lang, **self._said(lang))

    def why(self, lang: str = "en") -> str:
        """Why it matters."""
        return say(f"finding.{self.code}.why", lang, **self._said(lang))

    def fix(self, lang: str = "en") -> str:
        """What the fix will change; where no step helps, what the person can do."""
        return say(self.advice or f"finding.{self.code}.fix", lang, **self._said(lang))

    def _said(self, lang: str) -> dict[str, Any]:
        """The values as a sentence tells them: languages by their names."""
        if self.code != "other-language":
            return self.values
        from fm_gui.data.languages import name_of

        others = ", ".join(f"{name_of(code, lang)} ({count:,})" for code, count in self.values["others"].items())
        return self.values | {"main": name_of(self.values["main"], lang), "others": others}

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """A JSON-ready form: "count" of the rows and the first 1,000 of their numbers (from 0); the sentences in ``lang``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "sentence": self.sentence(lang),
            "why": self.why(lang),
            "fix": self.fix(lang),
            "count": len(self.rows),
            "rows": self.rows[:ROWS_TOLD].tolist(),
            "values": self.values,
            "examples": self.examples,
            "fixes": [step.model_dump() for step in self.fixes],
        } | ({"proposals": [[row, *self.proposals[row]] for row in self.rows[:ROWS_TOLD].tolist()]} if self.proposals else {})


def shown(text: str) -> str:
    """``text`` as an example shows it: 300 characters at most."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def examples(looked: "Looked", rows: Iterable[int], **more: Iterable) -> list[dict[str, Any]]:
    """Up to three rows as examples; ``more`` holds for each of ``rows`` what else is told of it."""
    told = []
    for row, *extras in zip(rows, *more.values()):
        label = {"label": looked.label_at(row)} if looked.labels is not None else {}
        told.append({"row": int(row) + 1, "text": shown(looked.text_at(row)), **label, **dict(zip(more, extras))})
        if len(told) == EXAMPLES:
            break
    return told
