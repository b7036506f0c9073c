"""What the Evaluate tab shows, as HTML and plain values."""

from typing import Any

from fm_gui.runs import Run
from fm_gui.scores import beats_baselines, certainty, number, scores
from fm_gui.tasks import get_task
from fm_gui.text import say
from fm_gui.ui.charts import plain
from fm_gui.ui.view import esc

LISTED = 50  # mistakes shown at once
KEPT = 200  # by the engine in evaluation.json


def unscored(lang: str) -> str:
    return f'<p class="fm-muted">{say("evaluate.unscored", lang)}</p>'


def figures(run: Run, evaluation: dict, lang: str) -> str:
    """The scores as cards, each beside what the simple methods reach, and a sentence on who wins."""
    found = scores(run, evaluation)
    cards = []
    for score in found:
        beside = "".join(f"<li>{say(f'baseline.{name}', lang)} <b>{number(value)}</b></li>" for name, value in score.baselines)
        cards.append(
            f'<div class="evaluate-score"><span class="fm-muted">{score.title(lang)}</span><strong>{number(score.value)}</strong><ul>{beside}</ul></div>'
        )
    part = say(f"evaluate.part.{evaluation['part']}", lang)
    return f'<div class="evaluate-scores">{"".join(cards)}</div>{_verdict(run, found, lang)}<p class="fm-muted">{part}</p>'


def _verdict(run: Run, found: list, lang: str) -> str:
    judged = next((score for score in found if score.baselines), None)
    if judged is None:
        return ""
    higher = get_task(run.config.task).higher_is_better
    if beats_baselines(judged, higher):
        return f'<p class="evaluate-verdict evaluate-good"><b>✓</b> {say("evaluate.beats", lang)}</p>'
    best = (max if higher else min)(judged.baselines, key=lambda pair: pair[1])
    return f'<p class="evaluate-verdict evaluate-poor"><b>!</b> {say("evaluate.loses", lang, name=say(f"baseline.{best[0]}", lang))}</p>'


def sure(evaluation: dict, lang: str) -> str:
    return f"<p>{certainty(evaluation, lang)}</p>"


def classes(per_class: list[dict], lang: str) -> str:
    """A table: label, precision, recall, F1, rows; the weakest label first, as it is what to mend."""
    heads = "".join(f"<th scope=col>{say(key, lang)}</th>" for key in ("score.class", "metric.precision", "metric.recall", "metric.f1", "score.class-rows"))
    rows = "".join(
        f'<tr><th scope="row" dir="auto">{esc(one["label"])}</th>' + "".join(f"<td>{_cell(one[key])}</td>" for key in ("precision", "recall", "f1"))
        + f"<td>{one['rows']:,}</td></tr>"
        for one in sorted(per_class, key=lambda one: one["f1"])
    )
    return f'<div class="evaluate-scroll"><table class="fm-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(share: float) -> str:
    return f'<span class="evaluate-meter"><i style="width:{share * 100:.1f}%"></i></span>{number(share)}'


def confusion_figure(confusion: dict, lang: str) -> dict[str, Any]:
    """A heat map of true label by answer: colours by share of the row, so that rare labels show, numbers by count."""
    labels, matrix = confusion["labels"], confusion["matrix"]
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    few = len(labels) <= 15
    short = [label if len(label) <= 22 else label[:21] + "…" for label in labels]
    places = list(range(len(labels)))
    hover = say("evaluate.confusion.true", lang) + ": %{customdata[0]}<br>" + say("evaluate.confusion.answer", lang) + ": %{customdata[1]}<br>"
    trace = {
        "type": "heatmap", "z": shares, "colorscale": [[0, "var(--fm-card)"], [1, "var(--fm-accent-fill)"]], "zmin": 0, "zmax": 1, "xgap": 1, "ygap": 1, "showscale": False,
        "text": matrix, "texttemplate": "%{text}" if few else "",
        "customdata": [[[plain(true), plain(answer)] for answer in labels] for true in labels],
        "hovertemplate": hover + say("evaluate.confusion.hover", lang, rows="%{text}") + "<extra></extra>",
    }
    axis = {"tickmode": "array", "tickvals": places, "ticktext": [plain(label) for label in short], "showgrid": False, "zeroline": False}
    layout = {
        "xaxis": axis | {"title": {"text": say("evaluate.confusion.answer", lang)}, "automargin": True},
        "yaxis": axis | {"title": {"text": say("evaluate.confusion.true", lang), "standoff": 14}, "autorange": "reversed", "automargin": True},
    }
    return {
        "data": [trace], "layout": layout, "height": min(900, max(260, 150 + 34 * len(labels))), "title": say("evaluate.confusion", lang),
        "pick": "evaluate-cell",
        "table": [[say("evaluate.confusion.true", lang), *labels]] + [[label, *row] for label, row in zip(labels, matrix)],
    }


def mistakes(evaluation: dict, cell: tuple[str, str] | None, lang: str) -> str:
    """Wrong answers, the surest first; of one cell (true label, answer) if given, with a sentence that counts it."""
    found = evaluation.get("mistakes", [])
    lead = f'<p class="fm-muted">{say("evaluate.mistakes.help", lang)}</p>'
    if cell:
        labels, matrix = evaluation["confusion"]["labels"], evaluation["confusion"]["matrix"]
        count = matrix[labels.index(cell[0])][labels.index(cell[1])]
        key = "evaluate.mistakes.right" if cell[0] == cell[1] else "evaluate.mistakes.cell"
        values = {"rows": count, "label": cell[0]} | ({} if cell[0] == cell[1] else {"predicted": cell[1]})
        lead = f'<p role="status">{esc(say(key, lang, **values))}</p>'
        found = [one for one in found if (one["label"], one["predicted"]) == cell]
    elif not found:
        return f"<p>{say('evaluate.mistakes.none', lang)}</p>"
    if not found:
        return lead
    heads = "".join(f"<th scope=col>{say(f'evaluate.mistake.{key}', lang)}</th>" for key in ("text", "label", "predicted", "sure", "row"))
    rows = "".join(
        f'<tr><td class="evaluate-text" dir="auto">{esc(one["text"])}</td><td dir="auto">{esc(one["label"])}</td><td dir="auto">{esc(one["predicted"])}</td>'
        f"<td>{one['probability']:.0%}</td><td>{one['row']:,}</td></tr>"
        for one in found[:LISTED]
    )
    cut = f'<p class="fm-muted">{say("evaluate.mistakes.cut", lang, shown=min(LISTED, len(found)))}</p>' if len(found) > LISTED else ""
    return f'{lead}<div class="evaluate-scroll"><table class="fm-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{cut}'
