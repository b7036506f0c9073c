"""What scores mean: a figure never alone, and how sure it is, in plain words for the page, the card and the terminal."""

import math
from dataclasses import dataclass

from fm_gui.runs import Run
from fm_gui.tasks import get_task
from fm_gui.text import say

Z = 1.96  # 95 of 100
WIDE = 0.1  # an interval wider than this is said to be wide
SHARES = ("accuracy", "macro_f1", "precision", "recall", "f1")  # from 0 to 1, and read against these ends


@dataclass(frozen=True)
class Score:
    """One figure on held-out rows, with what the cheap methods reach; ``metric`` and names are words ``metric.*``, ``baseline.*``."""

    metric: str
    value: float
    baselines: tuple[tuple[str, float], ...]

    def title(self, lang: str) -> str:
        return say(f"metric.{self.metric}", lang)

    def line(self, lang: str) -> str:
        """"0.912 (guessing: 0.52, word counts: 0.89)"."""
        if not self.baselines:
            return number(self.value)
        beside = say("score.comma", lang).join(
            say("score.baseline", lang, name=say(f"baseline.{name}", lang), value=number(value)) for name, value in self.baselines
        )
        return say("score.beside", lang, value=number(self.value), beside=beside)


def number(value: float) -> str:
    """Three significant digits, thousands separated: 0.912, 23.4, 1,240."""
    if not math.isfinite(value):
        return "∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def scores(run: Run, evaluation: dict) -> list[Score]:
    """The figures of an evaluation worth showing, the task's main one first; the loss only says the same in other units."""
    beside: dict[str, list[tuple[str, float]]] = {}
    for baseline in evaluation["baselines"]:
        metric, value = baseline["metric"], baseline["value"]
        if metric == "loss":  # nats mean nothing to a person; how many tokens it wavers between does
            metric, value = "perplexity", math.exp(min(value, 50))
        beside.setdefault(metric, []).append((baseline["name"], value))
    main = get_task(run.config.task).metric
    figures = {name: value for name, value in evaluation["metrics"].items() if isinstance(value, float) and name != "loss"}
    names = sorted(figures, key=lambda name: (name != main, name not in beside))
    return [Score(name, figures[name], tuple(beside.get(name, ()))) for name in names]


def interval(share: float, rows: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen on ``rows`` rows; sound for few rows and shares near 0 or 1."""
    middle = (share + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * math.sqrt(share * (1 - share) / rows + Z * Z / (4 * rows * rows))
    return max(0.0, middle - half), min(1.0, middle + half)


def certainty(evaluation: dict, lang: str) -> str:
    """How sure the score is, in plain words; for figures that are no share of rows only what they rest on."""
    rows, share = evaluation["rows"], evaluation["metrics"].get("accuracy")
    if share is None or not rows:
        return say("score.rows", lang, rows=rows)
    low, high = interval(share, rows)
    sentence = say("score.certainty", lang, rows=rows, correct=round(share * rows), low=low, high=high)
    return sentence + (say("score.wide", lang) if high - low > WIDE else "")


def beats_baselines(score: Score, higher_is_better: bool) -> bool:
    """True if no cheap method does as well."""
    sign = 1 if higher_is_better else -1
    return all(sign * score.value > sign * value for _, value in score.baselines)
