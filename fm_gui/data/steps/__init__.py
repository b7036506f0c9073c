"""Cleaning: every step that a recipe can hold, in the order they are usually taken; a new one is a class and a line here."""

from typing import TYPE_CHECKING

from fm_gui.config import StepSpec, parse
from fm_gui.data.recipe import Result, Step
from fm_gui.data.steps.columns import DropColumns, JoinColumns
from fm_gui.data.steps.labels import MergeLabels, SetLabels
from fm_gui.data.steps.mask import Mask
from fm_gui.data.steps.repair import ChineseScript, ControlCharacters, FullWidth, NormaliseUnicode, RepairUnicode
from fm_gui.data.steps.rows import Balance, Deduplicate, DropEmpty, DropRows, KeepLanguage, LengthLimits
from fm_gui.data.steps.strip import Case, Punctuation, Replace, StripHtml, StripMarkdown, Whitespace
from fm_gui.data.steps.words import Lemmatise, SegmentChinese, Stem, StopWords
from fm_gui.errors import UserError
from fm_gui.text import say

if TYPE_CHECKING:
    import pyarrow as pa

STEPS: tuple[type[Step], ...] = (
    *(RepairUnicode, ControlCharacters, NormaliseUnicode, FullWidth, ChineseScript),
    *(StripHtml, StripMarkdown, Replace, Whitespace, Case, Punctuation),
    Mask,
    *(SegmentChinese, StopWords, Stem, Lemmatise),
    *(DropEmpty, LengthLimits, Deduplicate, KeepLanguage, DropRows, Balance),
    *(MergeLabels, SetLabels),
    *(JoinColumns, DropColumns),
)


def get_step(name: str) -> type[Step]:
    """The step called ``name``. Raises UserError if there is none."""
    for step in STEPS:
        if step.name == name:
            return step
    raise UserError("step-unknown", name=str(name)[:80], known=", ".join(step.name for step in STEPS))


def make_step(spec: StepSpec) -> Step:
    """The step with its settings. Raises UserError for an unknown step, an unknown setting, or a value that cannot be."""
    return parse(get_step(spec.step), spec.settings)


def step_words(step: type[Step], lang: str = "en") -> dict[str, str]:
    """What a person is told of a step: {"title", "about", "warning" ("" if it is not likely to hurt), "group"}."""
    return {
        "title": say(f"step.{step.name}", lang),
        "about": say(f"step.{step.name}.about", lang),
        "warning": say(step.warning, lang) if step.warning else "",
        "group": say(f"steps.{step.group}", lang),
    }


def apply_all(table: "pa.Table", roles: dict[str, str], steps: list[StepSpec]) -> Result:
    """``steps`` one after the other; ``kept`` counts in rows of ``table``. A role whose column a step takes out ends there."""
    kept = None
    for step in [make_step(spec) for spec in steps]:
        result = step.apply(table, {role: column for role, column in roles.items() if column in table.column_names})
        table = result.table
        if result.kept is not None:
            kept = result.kept if kept is None else kept[result.kept]
    return Result(table, kept)
