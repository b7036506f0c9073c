"""The contract of a task: one thing a model can learn, in one small file.

Nothing here or at the top of a task's file imports torch or transformers: the page and ``--help`` read the
tasks' titles. Heavy imports stand inside the methods that only the worker and predict call.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fm_gui.config import ModelSpec, RunConfig, Settings

if TYPE_CHECKING:
    import numpy as np
    import torch

    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import Part, Prepared
    from fm_gui.workspace import Workspace


class Kind(StrEnum):
    """What goes into or comes out of a task; the page maps each to a widget."""

    TEXT = "text"  # str
    LABEL = "label"  # in: str; out: {"label": str, "scores": {label: probability}}, likeliest first
    PROMPT = "prompt"  # in: str to be continued
    STREAM = "stream"  # out: the text so far, again and again, growing
    MASKED = "masked"  # in: str with [MASK] in it (one or more)
    CANDIDATES = "candidates"  # out: list, one entry a mask, of [(token, probability), ...] likeliest first


@dataclass(frozen=True)
class Step:
    """The batches of one optimizer step: ``micro`` are averaged, by items, into one gradient."""

    index: int  # global step, from 0
    epoch: float  # how much of the data has been seen when this step is done
    micro: list[dict[str, "torch.Tensor"]]


class Task:
    """One thing a model can learn. Stateless: every method gets what it needs."""

    name: str  # key in TASKS and config.json; its words are task.<name>, task.<name>.about in the table
    columns: dict[str, Kind]  # roles a data set must fill
    inputs: dict[str, Kind]  # what Try asks for
    output: Kind  # what predict gives back
    families: tuple[str, ...]  # of models.catalog: "encoder", "decoder"
    head: str  # the transformers auto class, e.g. "AutoModelForSequenceClassification"
    metric: str  # the main score, e.g. "macro_f1"; a key metric.<name> of the table of words
    higher_is_better: bool
    name_of_default_start: str = "scratch"  # or a packaged model's name
    Options: type[Settings] = Settings  # this task's own settings, shown under the common ones
    PredictOptions: type[Settings] = Settings  # the knobs of Try (temperature ...); keyword arguments of predict

    def presets(self, model: ModelSpec, rows: int) -> dict[str, dict[str, Any]]:
        """Preset name -> TrainSettings values that suit this model (pretrained or scratch) and number of rows."""
        raise NotImplementedError

    def preset_options(self, model: ModelSpec, preset: str) -> dict[str, Any]:
        """The task's own options that a preset sets for this model, besides the TrainSettings of ``presets``."""
        return {}

    def complete(self, options: dict[str, Any], model: ModelSpec, workspace: "Workspace") -> dict[str, Any]:
        """The task's options with what is left open (0) chosen for this model."""
        return options

    def check(self, data: "Dataset") -> None:
        """Raise UserError if this data cannot teach this task (one class, fewer rows than classes, ...)."""

    def check_prepared(self, data: "Prepared", config: RunConfig) -> None:
        """Raise UserError if the tokenised data cannot teach this task (text too short for a few blocks, ...)."""

    def fewest_tokens(self, config: RunConfig) -> int:
        """How many tokens the training part must have at least; 0 where rows are what counts."""
        return 0

    def labels(self, data: "Dataset") -> list[str]:
        """The class names, in the order of the model's outputs; empty for tasks without classes."""
        return []

    def processor(self, config: RunConfig, data: "Dataset", workspace: "Workspace", progress=None):
        """The tokenizer: the start's own, or one trained on the training part of the person's text."""
        from fm_gui.models import hub, tokenizers
        from fm_gui.models.catalog import get_architecture

        if config.model.start != "scratch":
            return hub.load_tokenizer(workspace, config.model.start)
        kind = get_architecture(config.model.architecture).tokenizer
        return tokenizers.cached(workspace, config.data.fingerprint, lambda: data.texts("train"), kind, config.model.vocab_size, progress)

    def limit(self, config: RunConfig) -> int:
        """The longest text, in tokens, that the model is trained on and will take."""
        raise NotImplementedError

    def build(self, config: RunConfig, labels: list[str], processor, workspace: "Workspace"):
        """A new, seeded model: pretrained or from scratch, in fp32, on the CPU."""
        raise NotImplementedError

    def make(self, config: RunConfig, processor, workspace: "Workspace", **names):
        """The model with this task's head: from scratch or from the start's weights; ``names`` go into its config."""
        from fm_gui.models import hub
        from fm_gui.models.scratch import build_scratch

        train = config.train
        if config.model.start == "scratch":
            return build_scratch(config.model, self.head, processor, context=self.limit(config), dropout=train.dropout or 0.0, seed=train.seed, **names)
        return hub.load(workspace, config.model.start, self.head, seed=train.seed, dropout=train.dropout, limit=self.limit(config), **names)[0]

    def encode(self, rows: list[dict], processor, config: RunConfig, labels: list[str]) -> dict[str, list]:
        """A batch of rows (role -> value) as numbers: column -> list of ints or of int lists; cached on disk."""
        raise NotImplementedError

    def example(self, encoded: dict[str, list], i: int, processor, config: RunConfig, labels: list[str]) -> dict[str, Any]:
        """Row ``i`` of encode()'s result as the model will get it: {"input": [(piece, id), ...], "target": str}."""
        raise NotImplementedError

    def steps_per_epoch(self, part: "Part", config: RunConfig) -> int:
        """How many optimizer steps see the whole training part once."""
        raise NotImplementedError

    def lengths(self, part: "Part", config: RunConfig) -> "np.ndarray":
        """Tokens that each of the items that batches are made of (rows or blocks) takes, were it the longest of its micro-batch."""
        raise NotImplementedError

    def batches(self, processor, part: "Part", config: RunConfig, at: int, micro_tokens: int) -> Iterator[Step]:
        """Steps from global step ``at`` on, without end; each a pure function of (seed, step), whatever ``micro_tokens``."""
        raise NotImplementedError

    def precompute(self, model, processor, data: "Prepared", config: RunConfig, device, workspace: "Workspace", beat, tokens: int = 0) -> "Prepared":
        """``data`` with what is the same in every epoch, computed once and cached; as it is, unless the task says so.

        ``tokens`` are in memory at once; 0 takes what is usually fast.
        """
        return data

    def warm_start(self, model, processor, data: "Prepared", config: RunConfig, device, beat, tokens: int = 0) -> None:
        """Before the first step: set what need not be learned step by step, ``tokens`` in memory at once. Nothing, unless the task says so."""

    def loss(self, model, batch) -> tuple["torch.Tensor", int]:
        """(sum over the batch's items, number of items); items are rows, or predicted tokens for language models."""
        raise NotImplementedError

    def metrics(self, model, processor, part: "Part", config: RunConfig, device, limit: int | None, beat, tokens: int = 0) -> dict[str, Any]:
        """Honest figures on (``limit`` evenly spread rows or blocks of) a held-out part: {"loss": ..., <metric>: ...}.

        ``beat()`` is called between batches: it shows a sign of life and raises if the run is to stop. ``tokens`` are in
        memory at once; 0 takes what is usually fast.
        """
        raise NotImplementedError

    def report(self, model, processor, part: "Part", config: RunConfig, device, labels: list[str], texts: list[str]) -> dict[str, Any]:
        """More to know about a held-out part than its metrics, for evaluation.json (per class, confusion, mistakes)."""
        return {}

    def baselines(self, dataset: "Dataset", data: "Prepared", part: str) -> list[dict]:
        """The cheap methods a model must beat: [{"name", "metric", "value"}] on ``part``; names are words ``baseline.<name>``."""
        return []

    def samples(self, model, processor, part: "Part", config: RunConfig, device) -> list[dict[str, str]]:
        """What the model writes now, for fixed prompts: [{"prompt", "text"}]; empty unless the task generates."""
        return []

    def predict(self, model, processor, inputs: list[dict], knobs: Settings) -> Iterator[Any]:
        """One output of kind ``output`` per input, in order; for STREAM, of one input the text so far, growing."""
        raise NotImplementedError

    def toy(self) -> list[dict]:
        """16 rows (role -> value): tests and documentation."""
        raise NotImplementedError
