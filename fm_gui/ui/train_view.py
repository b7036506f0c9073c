"""What the Train tab shows: the choices with their words, and what will happen."""

import re
from collections.abc import Iterable

from fm_gui import tasks
from fm_gui.config import DatasetSpec
from fm_gui.machine import Device
from fm_gui.models import hub
from fm_gui.models.catalog import architectures_for, short
from fm_gui.plan import Plan
from fm_gui.tasks import get_task
from fm_gui.text import say
from fm_gui.ui.train_choice import PRESETS, SIZES, Choice, size_of
from fm_gui.ui.view import chips, esc
from fm_gui.workspace import Workspace

SHOWN_TOKENS = 48  # of an example; a long text would push the rest off the page
# tokens with a meaning of their own are written in brackets by every tokenizer: [CLS], <s>, <|endoftext|>
SPECIAL = re.compile(r"\[[A-Z]+\d*\]|<[^<>\s]+>")


def task_choices(spec: DatasetSpec, lang: str) -> list[tuple[str, str]]:
    """The tasks this data can teach, two lines each."""
    return [
        (f"{say(f'task.{task.name}', lang)}\n{say(f'task.{task.name}.about', lang)}", task.name)
        for task, missing in tasks.offers(spec)
        if not missing
    ]


def task_rest(spec: DatasetSpec, lang: str) -> str:
    """The tasks it cannot teach yet, and what is missing for them; "" if there are none."""
    items = [
        f"<li><b>{esc(say(f'task.{task.name}', lang))}</b><p class='fm-muted'>"
        + esc(say("train.task.missing", lang, roles=", ".join(say(f"data.role.{role}", lang) for role in missing)))
        + "</p></li>"
        for task, missing in tasks.offers(spec)
        if missing
    ]
    return f"<ul class='train-rest'>{''.join(items)}</ul>" if items else ""


def start_choices(workspace: Workspace, choice: Choice, lang: str) -> list[tuple[str, str]]:
    """What training can start from, two lines each, best first; "other" comes last."""
    lines = []
    for start in hub.list_starts(workspace, get_task(choice.task)):
        title, about = say(start.title, lang, **start.values), say(start.about, lang, **start.values)
        if start.recommended:
            title += f" · {say('train.recommended', lang)}"
        if start.parameters:
            about += " " + say("train.start.parameters", lang, parameters=short(start.parameters))
        lines.append((f"{title}\n{about}", start.value))
    return [*lines, (f"{say('train.start.other', lang)}\n{say('train.start.other.about', lang)}", "other")]


def architecture_choices(choice: Choice, lang: str) -> list[tuple[str, str]]:
    """The kinds of network that can learn the task from scratch; the first is the recommended one."""
    kinds = architectures_for(get_task(choice.task).head)
    return [
        (say(f"architecture.{one.name}", lang) + (f" · {say('train.recommended', lang)}" if one is kinds[0] else ""), one.name)
        for one in kinds
    ]


def architecture_about(choice: Choice, lang: str) -> str:
    """What the chosen kind of network is."""
    return say(f"architecture.{choice.architecture}.about", lang)


def device_choices(devices: Iterable[Device], lang: str) -> list[tuple[str, str]]:
    """(what is shown, value) of the devices a run may use; several GPUs may also work on it together."""
    usable = [device for device in devices if device.problem is None]
    gpus = [device.name for device in usable if device.name != "cpu"]
    together = [(say("train.device.all", lang, count=len(gpus)), ",".join(gpus))] if len(gpus) > 1 else []
    return [(say("train.device.auto", lang), "auto"), *together, *((f"{device.name}: {device.title}", device.name) for device in usable)]


def size_line(workspace: Workspace, choice: Choice, lang: str) -> str:
    """How many parameters, and whether the data can feed them (the plan says it in figures)."""
    count, hungry = size_of(workspace, choice)
    warn = f'<p class="fm-warn">{esc(say("train.size.hungry", lang))}</p>' if hungry else ""
    ticks = "".join(
        f'<button type="button" tabindex="-1" data-at="{at}"{" class=on" if size == choice.size else ""}>{size.upper()}</button>' for at, size in enumerate(SIZES)
    )
    line = esc(say("train.about-parameters", lang, size=choice.size.upper(), count=short(count)))
    return f'<div class="train-sizes" aria-hidden="true">{ticks}</div><p role="status">{line}</p>{warn}'


def preset_choices(values: dict[str, dict], lang: str) -> list[tuple[str, str]]:
    """Quick, Balanced, Best, each with what it costs; and one's own minutes."""
    lines = []
    for preset in PRESETS:
        cost = ""
        if values.get(preset, {}).get("minutes"):
            cost = say("train.cost.minutes", lang, minutes=values[preset]["minutes"])
        elif values.get(preset, {}).get("epochs"):
            cost = say("train.cost.epochs", lang, epochs=values[preset]["epochs"])
        lines.append((f"{say(f'train.preset.{preset}', lang)}\n{say(f'train.preset.{preset}.about', lang)}{cost}", preset))
    return [*lines, (f"{say('train.preset.minutes', lang)}\n{say('train.preset.minutes.about', lang)}", "minutes")]


def plan_card(plan: Plan, lang: str) -> str:
    """What will happen, in figures, with what to be careful about."""
    facts = [
        (f"{plan.rows['train']:,}", say("train.plan.learn", lang)),
        (f"{plan.rows['validation']:,} + {plan.rows['test']:,}", say("train.plan.held", lang)),
        (short(plan.parameters), say("train.parameters", lang)),
        _steps(plan, lang),
    ]
    items = "".join(f"<div><dd>{esc(value)}</dd><dt>{esc(label)}</dt></div>" for value, label in facts)
    warnings = "".join(f'<li class="fm-warn">{esc(say(key, lang, **values))}</li>' for key, values in plan.warnings)
    return f'<dl class="train-facts">{items}</dl>' + (f'<ul class="train-warnings">{warnings}</ul>' if warnings else "")


def _steps(plan: Plan, lang: str) -> tuple[str, str]:
    if not plan.steps:
        return "–", say("train.plan.steps-measured", lang)
    return f"{plan.steps:,}", say("train.plan.steps", lang, per_epoch=plan.steps_per_epoch)


def examples(plan: Plan, lang: str) -> str:
    """Training examples exactly as the model gets them: tokens, special ones tinted, and the answer."""
    blocks = []
    for example in plan.examples:
        tokens = example["input"]
        more = (
            f'<div class="fm-muted">{esc(say("train.plan.more-tokens", lang, tokens=len(tokens) - SHOWN_TOKENS))}</div>'
            if len(tokens) > SHOWN_TOKENS
            else ""
        )
        blocks.append(
            f'<li>{tokens_html(tokens[:SHOWN_TOKENS])}{more}<p><span class="fm-muted">{esc(say("train.plan.target", lang))}</span> '
            f'<b dir="auto">{esc(example["target"])}</b></p></li>'
        )
    return f'<h3>{esc(say("train.plan.examples", lang))}</h3><ol class="train-examples">{"".join(blocks)}</ol>' if blocks else ""


def tokens_html(tokens) -> str:
    """Tokens as chips, special ones tinted."""
    return chips(tokens, {piece for piece, _ in tokens if SPECIAL.fullmatch(piece)})


def problem(sentence: str) -> str:
    """Why it cannot start, in the place where the plan would stand."""
    return f'<p class="fm-problem" role="alert">{esc(sentence)}</p>'
