"""Where the time of a training goes: its seconds over all sessions, its present speed, and how much of the machine it uses.

The use is the model FLOPs utilisation (MFU; Chowdhery et al. 2022, "PaLM", appendix B): the arithmetic that the tokens of the
texts need, over what the machine could do in that time. What is lost beside is told by its cause, as far as it is known.
"""

import time

from fm_gui.tasks import Step
from fm_gui.train.checkpoint import LoopState
from fm_gui.train.measure import work_of

KEPT = 0.9  # of what counts for the present speed, from step to step: about ten steps do
LEAST_SECONDS = 1.0  # of steps, before it is said where the time goes


class Clock:
    """Started when the steps begin; ``lap`` is called wherever one kind of work ends.

    ``before`` are the seconds of earlier sessions; ``flops`` those of a token and of an item at the output layer, ``peak``
    what the machine does in a second at most, 0 if that is not known.
    """

    def __init__(self, before: float, flops: tuple[float, float] = (0.0, 0.0), peak: float = 0.0):
        self.before, self.flops, self.peak = before, flops, peak
        self.begin = self.last = time.monotonic()
        self.parts = {"steps": 0.0, "waiting": 0.0, "checks": 0.0, "saving": 0.0}  # seconds
        self.all, self.recent, self.window = _Sums(), _Sums(), _Sums()
        self.proven = False  # whether the first step, which pays for setting up, is behind

    def total(self) -> float:
        return self.before + time.monotonic() - self.begin

    def lap(self, part: str) -> None:
        """What passed since the last lap was this."""
        now = time.monotonic()
        took, self.last = now - self.last, now
        self.parts[part] += took
        if part in ("steps", "waiting"):
            self.window.seconds += took

    def count(self, step: Step, items: int) -> None:
        """One more step is done, or on its way."""
        computed = work_of(step)
        self.window.add(_Sums(0.0, 1, tokens_of(step, computed), computed, items))

    def speed(self) -> "_Sums":
        """What was done lately, and in how many seconds; called when the steps that were counted are done."""
        self.window.seconds = max(self.window.seconds, 1e-6)
        done, self.window = self.window, _Sums()
        if not self.proven:
            self.proven = True
            self.parts["steps"] = self.parts["waiting"] = 0.0
            return done
        self.all.add(done)
        self.recent.scale(KEPT**done.steps)
        self.recent.add(done)
        return self.recent

    def used(self, done: "_Sums", seconds: float) -> float:
        """The share of the machine's arithmetic (0 to 1) that went into the texts' tokens; 0 if it is not known."""
        return min(1.0, self._work(done.tokens, done.items) / (self.peak * seconds)) if self.peak and seconds else 0.0

    def use(self) -> dict[str, float]:
        """Shares of the time and arithmetic since the first step: "used" for the texts, lost by "padding", "waiting" for
        batches, "checks" and "saving"; what is missing to 1 is other work. Empty while it is not known."""
        seconds = sum(self.parts.values())
        if not self.peak or self.parts["steps"] < LEAST_SECONDS:
            return {}
        shares = {name: spent / seconds for name, spent in self.parts.items() if name != "steps"}
        free = 1.0 - sum(shares.values())
        used = min(free, self.used(self.all, seconds))
        padded = self._work(self.all.computed - self.all.tokens, 0) / (self.peak * seconds)
        return {name: round(share, 4) for name, share in {"used": used, "padding": min(free - used, padded), **shares}.items()}

    def _work(self, tokens: float, items: float) -> float:
        return self.flops[0] * tokens + self.flops[1] * items

    def left(self, state: LoopState) -> float:
        """Seconds to go at the run's pace so far, checks included."""
        return (state.steps - state.step) * state.seconds / max(1, state.step)


class _Sums:
    """What some steps took and did: seconds, steps, tokens of texts, tokens with padding, items of the loss."""

    def __init__(self, seconds: float = 0.0, steps: float = 0, tokens: float = 0, computed: float = 0, items: float = 0):
        self.seconds, self.steps, self.tokens, self.computed, self.items = seconds, steps, tokens, computed, items

    def add(self, other: "_Sums") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def scale(self, factor: float) -> None:
        for name, value in vars(self).items():
            setattr(self, name, value * factor)


def tokens_of(step: Step, computed: int) -> int:
    """Tokens of a step without padding; ``computed`` are those with it."""
    masks = [batch["attention_mask"] for batch in step.micro if "attention_mask" in batch]
    return computed - sum(mask.numel() - int(mask.sum()) for mask in masks)


def flops_of(job) -> tuple[float, float]:
    """FLOPs of a token, and of an item of the loss at the output layer; (0, 0) of a model of which this process has a part only."""
    if not job.peak or job.shell is not None:
        return 0.0, 0.0
    from fm_gui.flops import flops_per_token

    if not any(weight.requires_grad for weight in job.model.base_model.parameters()):  # what it makes of the texts is there already
        return 0.0, 6.0 * sum(weight.numel() for weight in job.model.parameters() if weight.requires_grad)
    context = max(1, round(float(job.task.lengths(job.data["train"], job.config).mean())))
    body = flops_per_token(job.model, context, 0.0)
    return body, flops_per_token(job.model, context, 1.0) - body
