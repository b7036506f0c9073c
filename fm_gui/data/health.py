"""The health report: what is wrong with a data set, as typed findings with examples and fixes, most serious first."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fm_gui.data.checks import duplicates, groups, labels, personal, shortcuts, suspicious, texts
from fm_gui.data.checks.finding import SEVERITIES, Finding
from fm_gui.data.checks.looked import OTHER_ROLES, Looked
from fm_gui.data.steps.base import TEXT_ROLES

if TYPE_CHECKING:
    from fm_gui.data.dataset import Dataset

__all__ = ["CHECKS", "CODES", "Finding", "Looked", "check", "has_text"]

Check = Callable[[Looked], list[Finding]]
CHECKS: tuple[Check, ...] = (
    *(texts.empty_texts, texts.short_texts, texts.markup, texts.unreadable),
    *(duplicates.exact_duplicates, duplicates.conflicting_labels, duplicates.overlap, groups.group_leak),
    *(labels.label_spelling, labels.missing_labels, labels.small_classes, labels.imbalance),
    # slow from here on: they look at a sample of very many rows
    *(shortcuts.shortcut_word, shortcuts.shortcut_length, shortcuts.shortcut_column),
    *(texts.garbled, texts.truncated, texts.other_language),
    *(duplicates.near_duplicates, duplicates.near_conflicts, duplicates.near_overlap, personal.personal_data, suspicious.suspicious_labels),
)


def has_text(roles: Collection[str]) -> bool:
    """Whether a column plays a text that the checks can read; without one, finding nothing says nothing."""
    return any(role in roles for role in (*TEXT_ROLES, *OTHER_ROLES))


def code_of(check: Check) -> str:
    """The code of a check's findings: ``near_duplicates`` makes "near-duplicates"."""
    return check.__name__.replace("_", "-")


CODES: tuple[str, ...] = tuple(map(code_of, CHECKS))


def check(
    dataset: "Dataset", tokenizer: Callable[[list[str]], Any] | None = None, limit: int | None = None,
    progress: Callable[[float, str], None] | None = None, codes: Collection[str] | None = None,
) -> list[Finding]:  # fmt: skip
    """The findings of a data set, most serious first and among equals those with most rows; [] if it is healthy.

    ``tokenizer`` (called as a Hugging Face one) and ``limit`` (tokens the model reads) are needed for "truncated".
    ``codes`` keeps to some of CODES. ``progress`` is told the share done and the words key of what is looked for
    (``check.<code>``); what it raises ends the report. A table without rows or roles is healthy.
    """
    tell = progress or (lambda share, key: None)
    chosen = [function for function in CHECKS if codes is None or code_of(function) in codes]
    looked = Looked(dataset, tokenizer, limit)
    found: list[Finding] = []
    for number, function in enumerate(chosen if looked.count else ()):
        key = f"check.{code_of(function)}"
        tell(number / len(chosen), key)
        looked.tick = lambda share, number=number, key=key: tell((number + share) / len(chosen), key)
        found += [_fitted(looked, finding) for finding in function(looked)]
    tell(1.0, "check.done")
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), -len(finding.rows)))


def _fitted(looked: Looked, finding: Finding) -> Finding:
    """``finding`` with those of its fixes that can act on these columns; where none is left, what the person can do."""
    fixes = [step for step in map(looked.fitted, finding.fixes) if step is not None]
    return replace(finding, fixes=fixes, advice=finding.advice if fixes or not finding.fixes else "finding.by-hand")
