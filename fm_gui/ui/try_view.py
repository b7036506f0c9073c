"""What the Try tab shows, as HTML and plain values."""

from itertools import islice
from typing import Any

from fm_gui.data.dataset import Dataset
from fm_gui.runs import Run
from fm_gui.tasks import Kind, Task
from fm_gui.text import say
from fm_gui.ui.results_view import best_score
from fm_gui.ui.view import esc
from fm_gui.ui.widgets import INPUTS
from fm_gui.workspace import Workspace

EXAMPLES = 8
SEARCHED = 400  # held-out rows looked at for examples


def examples(run: Run, task: Task) -> list[dict[str, Any]]:
    """A few held-out rows to try, [{"inputs", "truth"}], each label's first ones in turn; none if those rows are gone."""
    workspace, data = Workspace(run.workspace_root), run.config.data
    if not Dataset.has(workspace, data):
        return []
    dataset = Dataset(workspace, data.name, data)
    target = next((role for role in task.columns if role not in task.inputs), None)
    by_label: dict[Any, list[dict]] = {}
    for row in dataset.rows(dataset.parts()["test"][:SEARCHED]):
        filled = {role: INPUTS[kind].example(str(row[role])) for role, kind in task.inputs.items()}
        truth = str(row[target]) if target else next(truth for _, truth in filled.values())
        by_label.setdefault(truth if target else None, []).append({"inputs": {role: shown for role, (shown, _) in filled.items()}, "truth": truth})
    turns = (one for depth in range(EXAMPLES) for mine in by_label.values() for one in mine[depth : depth + 1])
    return list(islice(turns, EXAMPLES))


def chip(inputs: dict[str, str]) -> str:
    """Inputs in one short line."""
    line = " ".join(" / ".join(inputs.values()).split())
    return line if len(line) <= 60 else line[:59] + "…"


def head(run: Run, lang: str) -> str:
    """Name of a model and what is known of it."""
    facts = " · ".join([say("try.learned", lang, data=run.config.data.name), *best_score(run, lang)])
    return f'<h3 class="try-model">{esc(run.id)}</h3><p class="fm-muted">{esc(facts)}</p>'


def remark(sentence: str) -> str:
    return f'<p class="try-note" role="status">{esc(sentence)}</p>' if sentence else ""


def said(sentence: str) -> str:
    """One muted line."""
    return f'<p class="fm-muted" role="status">{esc(sentence)}</p>'


def waiting(lang: str) -> str:
    """What a card says before the first answer."""
    return said(say("try.waiting", lang))


def busy(sentence: str) -> str:
    return f'<p class="try-busy" role="status"><i></i>{esc(sentence)}</p>'


def foot(task: Task, output: Any, truth: str, seconds: float, lang: str) -> str:
    """The true answer, where it is known, and how long it took."""
    took = say("try.seconds", lang, seconds=seconds)
    if not truth:
        return said(took)
    if isinstance(output, dict):
        right = output["label"] == truth
        mark = f'<b class="{"try-right" if right else "try-wrong"}">{"✓" if right else "✗"} {say("try.right" if right else "try.wrong", lang)}</b>'
        return f'<p class="try-truth" role="status">{mark} {esc(say("try.truth", lang, truth=truth))} <small>{took}</small></p>'
    key = "try.truth.continued" if task.output == Kind.STREAM else "try.truth.hidden"
    return f'<p class="try-truth" role="status" dir="auto">{esc(say(key, lang, truth=truth))} <small>{took}</small></p>'
