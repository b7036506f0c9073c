"""Findings of the health check as cards: what, why, examples, and what can be done about it."""

from typing import Any

from fm_gui.config import DatasetSpec, StepSpec
from fm_gui.data.checks.finding import SEVERITIES
from fm_gui.data.languages import name_of
from fm_gui.text import say
from fm_gui.ui.data_steps_form import step_line
from fm_gui.ui.view import esc

MARKS = {"serious": "✕", "attention": "!", "note": "i"}
TONES = {"serious": "fm-failed", "attention": "fm-attention", "note": "health-note"}
ROWS_SHOWN = 1_000  # of a finding, when its rows are asked for
DOUBTS_SHOWN = 100  # suspicious labels in the table; the others come when these are settled
LONGEST = 300  # characters of a text
# what an example can tell beside row, text and label, in this order
EXTRAS = ("part", "group", "twin", "twin_part", "twin_label", "twin_text", "written", "becomes", "suggested", "class_rows", "language", "tokens", "word", "length", "value", "personal")
PARTS = ("part", "twin_part")


def cards(spec: DatasetSpec, findings: list[dict[str, Any]], lang: str, opened: dict[int, str] | None = None) -> str:
    """The whole list; ``opened``: number of a finding -> HTML that stands in its card (a preview)."""
    from fm_gui.data.health import has_text

    if not findings and not has_text(spec.roles):
        return f'<p class="health-good">{esc(say("health.unseen", lang))}</p>'
    if not findings:
        return f'<p class="health-good fm-good"><b class="fm-mark" aria-hidden="true">✓</b> {esc(say("health.good", lang, rows=spec.rows))}</p>'
    counts = {severity: sum(found["severity"] == severity for found in findings) for severity in SEVERITIES}
    told = say("data.list.comma", lang).join(say(f"health.count.{severity}", lang, count=count) for severity, count in counts.items() if count)
    items = "".join(_card(number, found, lang, (opened or {}).get(number, "")) for number, found in enumerate(findings))
    return f'<p class="health-summary">{esc(say("health.summary", lang, told=told))}</p><div class="health-cards" data-of="{esc(spec.fingerprint)}">{items}</div>'


def _card(number: int, found: dict[str, Any], lang: str, opened: str) -> str:
    severity, words = found["severity"], found["words"][lang]
    mark = f'<span class="health-mark {TONES[severity]}"><b class="fm-mark" aria-hidden="true">{MARKS[severity]}</b> {esc(say(f"finding.{severity}", lang))}</span>'
    items = "".join(f"<li>{_example(example, lang)}</li>" for example in found["examples"]) if "doubts" not in found else ""
    examples = f'<ul class="health-examples">{items}</ul>' if items else ""
    return (
        f'<section class="fm-card health-card" data-severity="{severity}" data-code="{esc(found["code"])}">'
        f'<h4 dir="auto">{mark} {esc(words["what"])}</h4><p class="fm-muted" dir="auto">{esc(words["why"])}</p>'
        f"{examples}{_doubts(number, found, lang)}"
        f'<p dir="auto">{esc(words["fix"])}</p>{_actions(number, found, lang)}{opened}</section>'
    )


def _example(example: dict[str, Any], lang: str) -> str:
    label = f'<b class="health-label" dir="auto">{esc(example["label"])}</b>' if example.get("label") else ""
    row = f'<small class="fm-muted">{esc(say("health.row", lang, row=example["row"]))}</small>'
    extras = [_extra(name, example[name], lang) for name in EXTRAS if example.get(name) not in (None, "")]
    told = f'<small class="fm-muted" dir="auto">{esc(say("health.comma", lang).join(extras))}</small>' if extras else ""
    text = example["text"] or say("health.empty", lang)
    return f'<p dir="auto">{row} {label} <span class="health-text">{esc(text)}</span></p>{told}'


def _extra(name: str, value: Any, lang: str) -> str:
    if name in PARTS:
        value = say(f"health.part.{value}", lang)
    elif name == "language":
        value = name_of(value, lang)
    elif name == "personal":
        found = [say("clean.setting", lang, name=say(f"clean.choice.{one['kind']}", lang), value=one["found"]) for one in value]
        value = say("health.comma", lang).join(found)
    elif isinstance(value, int):
        value = f"{value:,}"
    return say(f"health.extra.{name}", lang, value=value)


def _actions(number: int, found: dict[str, Any], lang: str) -> str:
    rows = ",".join(str(row + 1) for row in found["rows"][:ROWS_SHOWN])
    buttons = [_button("rows", say("health.show", lang), rows=rows)] if rows else []
    titles = fix_titles(found, lang)
    for place, title in enumerate(titles):
        preview = say("health.preview", lang) if len(titles) == 1 else say("health.preview.of", lang, step=title)
        buttons.append(_button("preview", preview, finding=number, fix=place))
        buttons.append(_button("fix", say("health.fix", lang, step=title), finding=number, fix=place))
    if how := found["values"].get("split"):
        buttons.append(_button("split", say(f"health.split.{how}", lang), finding=number))
    return f'<div class="fm-actions">{"".join(buttons)}</div>' if buttons else ""


def fix_titles(found: dict[str, Any], lang: str) -> list[str]:
    """What each fix is called; with all its settings where two would be called the same."""
    steps = [StepSpec(**fix) for fix in found["fixes"]]
    names = [step.step for step in steps]
    return [step_line(step, lang, every=True) if names.count(step.step) > 1 else say(f"step.{step.step}", lang) for step in steps]


def _button(what: str, title: str, **values) -> str:
    data = "".join(f' data-{name}="{esc(value)}"' for name, value in values.items())
    return f'<button type="button" class="fm-small" data-do="{what}"{data}>{esc(title)}</button>'


def _doubts(number: int, found: dict[str, Any], lang: str) -> str:
    """The table of suspicious labels, each with what to do about it: nothing, unless the person says so."""
    doubts = found.get("doubts", [])
    if not doubts:
        return ""
    rows = "".join(_doubt(place, number, doubt, lang) for place, doubt in enumerate(doubts))
    heads = "".join(f"<th>{esc(say(f'health.doubt.head.{head}', lang))}</th>" for head in ("row", "text", "said", "choice"))
    more = found["count"] - len(doubts)
    tail = f'<p class="fm-muted">{esc(say("health.doubt.more", lang, count=more))}</p>' if more > 0 else ""
    return (
        f'<div class="health-doubts"><table class="fm-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{tail}'
        f'<div class="fm-actions">{_button("choices", say("health.doubt.apply", lang), finding=number)}</div>'
    )


def _doubt(place: int, number: int, doubt: dict[str, Any], lang: str) -> str:
    said = say("health.doubt.sure", lang, sure=doubt["probability"], label=doubt["label"], suggested=doubt["suggested"])
    choices = "".join(
        f'<label><input type="radio" name="health-doubt-{number}-{place}" data-key="{esc(doubt["key"])}" value="{choice}"'
        f"{' checked' if choice == 'keep' else ''}> {esc(say(f'health.doubt.{choice}', lang))}</label>"
        for choice in ("accept", "keep", "remove")
    )
    return f'<tr><td>{doubt["row"]:,}</td><td dir="auto">{esc(doubt["text"])}</td><td dir="auto">{esc(said)}</td><td class="health-choices">{choices}</td></tr>'


def banner(sentence: str) -> str:
    """What was done, above the list."""
    return f'<p class="health-banner" role="status">{esc(sentence)}</p>'


def remark(sentence: str) -> str:
    """A muted sentence where the list will stand."""
    return f'<p class="fm-muted">{esc(sentence)}</p>'
