"""How the learning rate moves over a run, as a number for the loop and as words for a person."""

import math
from typing import Any

from fm_gui.config import TrainSettings

Words = tuple[str, dict[str, Any]]  # a key of the table of words and its values


def rate(step: int, steps: int, settings: TrainSettings) -> float:
    """The learning rate at ``step`` of ``steps``, as a share of the full one, in (0, 1]."""
    warm = max(1, round(settings.warmup * steps)) if settings.warmup else 0
    if step < warm:
        return (step + 1) / warm
    if settings.schedule == "constant":
        return 1.0
    left = (steps - step) / max(1, steps - warm)
    if settings.schedule == "linear":
        return left
    if settings.schedule == "cosine":
        return max(0.5 * (1 + math.cos(math.pi * (1 - left))), 1e-3)
    falling = max(1, round(settings.decay * steps))  # warmup, stable, decay: Hu et al. 2024
    return min(1.0, (steps - step) / falling)


def told(step: int, steps: int, settings: TrainSettings) -> Words:
    """What the learning rate does from ``step`` to the end of ``steps``."""
    full = settings.learning_rate
    warm = max(1, round(settings.warmup * steps)) if settings.warmup else 0
    values = {"rate": short(full * rate(step, steps, settings)), "full": short(full), "step": step, "end": steps, "warm": warm}
    if step < warm:
        return f"schedule.rises-{settings.schedule}", values
    if settings.schedule == "wsd":
        falls = steps - max(1, round(settings.decay * steps))
        return ("schedule.wsd-stable", values | {"falls": falls}) if step < falls else ("schedule.linear", values)
    return f"schedule.{settings.schedule}", values


def short(value: float) -> str:
    """ "3.2e-5", "0.002"."""
    text = f"{value:.2g}"
    return text.replace("e-0", "e-").replace("e+0", "e+")
