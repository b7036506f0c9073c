"""What a run is, as typed values: settings with their limits and help, the data, the model, the whole run.

A setting is declared once, here or in a task's Options, with :func:`setting`; the form, the command line,
the checks, the JSON and the model card derive from it.
"""

import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fm_gui.errors import UserError

Preset = Literal["quick", "balanced", "best"]


def setting(default, title: str, help: str, *, group: Literal["common", "advanced"] = "advanced", **limits):
    """One setting: default, title, one sentence of help that says what moves if you change it, and limits.

    ``limits`` are pydantic's (ge, gt, le, lt). Chinese title and help stand in ``text/settings.py`` under the field's name.
    """
    return Field(default, title=title, description=help, json_schema_extra={"group": group}, **limits)


class Settings(BaseModel):
    """Base of all settings: unknown names and values outside their limits are refused."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


# pydantic's kinds of complaint -> (code of our sentence, where pydantic keeps the limit)
_LIMITS = {
    "greater_than": ("setting-more", "gt"),
    "greater_than_equal": ("setting-least", "ge"),
    "less_than": ("setting-less", "lt"),
    "less_than_equal": ("setting-most", "le"),
    "literal_error": ("setting-choice", "expected"),
}


def parse(model: type[BaseModel], values: dict[str, Any]) -> Any:
    """``model(**values)``, with pydantic's complaint turned into a UserError that names the setting, value and limit."""
    try:
        return model(**values)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "?"
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(model.model_fields))
            raise (UserError("setting-unknown", name=name, known=known) if known else UserError("setting-none", name=name)) from None
        code, key = _LIMITS.get(first["type"], ("setting-kind", ""))
        limit = str(first.get("ctx", {}).get(key, "")).replace("'", "").replace(" or ", ", ")
        raise UserError(code, name=name, value=str(first["input"])[:80], limit=limit) from None


class TrainSettings(Settings):
    """How to train: the same for every task. ``None`` or 0 where the field says so means: chosen for this run."""

    preset: Preset = setting("balanced", "Effort", "Quick is a first impression, Balanced the usual choice, Best spends longest for the last points of quality.", group="common")
    minutes: float | None = setting(None, "Time budget (minutes)", "Training is sized to end after about this long, by measuring real steps on this machine; empty means: as many epochs as set.", group="common", gt=0, le=100_000)
    epochs: float = setting(3.0, "Epochs", "How often the model sees all training rows; more fits them better, too many learns them by heart.", group="common", gt=0, le=10_000)
    max_steps: int = setting(0, "Steps at most", "Ends training after this many steps, whatever the epochs say; 0 means no limit.", ge=0, le=100_000_000)
    batch_size: int = setting(32, "Batch size", "Rows (for language models: blocks of text) averaged into one step; larger is smoother but takes fewer steps per epoch.", group="common", ge=1, le=65_536)
    micro_batch_size: int = setting(0, "Micro-batch size", "Rows in memory at once; smaller needs less memory and gives the same result; 0 fits them to the device.", ge=0, le=65_536)
    learning_rate: float = setting(5e-5, "Learning rate", "How far each step moves the weights; too small learns slowly, too large forgets or diverges.", group="common", gt=0, le=1)
    schedule: Literal["linear", "cosine", "wsd", "constant"] = setting("linear", "Schedule", "How the learning rate falls: linear and cosine fall to zero, wsd (warmup, stable, decay) stays high until the last part.")
    warmup: float = setting(0.1, "Warm-up share", "The share of steps over which the learning rate rises from zero; more is gentler on a pretrained model.", ge=0, le=0.9)
    decay: float = setting(0.6, "Decay share", "With the wsd schedule, the share of steps at the end over which the learning rate falls to zero.", gt=0, le=1)
    optimizer: Literal["adamw", "muon"] = setting("adamw", "Optimizer", "AdamW suits fine-tuning; Muon (for the matrices, AdamW for the rest) needs fewer steps when training from scratch.")
    weight_decay: float = setting(0.01, "Weight decay", "Pulls weights toward zero each step (not norms and biases); more resists learning by heart.", ge=0, le=1)
    clip: float = setting(1.0, "Gradient clipping", "The largest gradient norm a step may have; lower is safer against sudden jumps; 0 means no limit.", ge=0, le=1_000)
    dropout: float | None = setting(None, "Dropout", "Share of signals switched off at random while training; more resists learning by heart; empty keeps the model's own.", ge=0, lt=1)
    early_stopping: bool = setting(True, "Stop early", "Ends training when the held-back rows stop improving, so that time is not spent learning by heart.")
    patience: int = setting(4, "Patience", "How many checks on the held-back rows may pass without improvement before training stops early.", ge=1, le=1_000)
    eval_every: int = setting(0, "Check every (steps)", "How often the held-back rows are scored; more often shows more but costs time; 0 means about 12 times a run.", ge=0, le=10_000_000)
    keep_best: bool = setting(True, "Keep the best", "The finished model is the one that scored best on the held-back rows, not the last one.")
    precision: Literal["auto", "fp32", "bf16"] = setting("auto", "Precision", "bf16 halves memory and is faster where the device has fast bf16; auto measures it.")
    device: str = setting("auto", "Device", "Where to train: auto takes a GPU that is free, or the CPU if there is none; or cpu, cuda:0, mps, or several with commas between.")
    processes: int = setting(1, "Processes", "How many processes train together, one on each GPU (or each taking a share of the CPU); the result is the same, sooner.", ge=1, le=64)
    shard: bool = setting(False, "Shard the model", "With several processes, each keeps only its share of the weights (FSDP): for models too large for one GPU, at the price of more traffic.")
    activation_checkpointing: bool = setting(False, "Activation checkpointing", "Computes parts of a step twice instead of keeping them: needs much less memory, takes about a third longer, same result.")
    compile: Literal["auto", "on", "off"] = setting("auto", "Compile the model", "Compiling takes up to minutes at the start and makes every step faster; auto does it where the preflight found that it pays.")
    checkpoint_minutes: float = setting(1.0, "Save every (minutes)", "How often everything needed to go on is saved; rarer costs less time, but a power cut costs more. Never more than 2 % of the time goes into it.", gt=0, le=1_440)
    checkpoint_steps: int = setting(0, "Save every (steps)", "Saves after every so many steps as well; 0 saves by the clock alone.", ge=0, le=10_000_000)
    seed: int = setting(1, "Seed", "Every random choice comes from it: the same seed, data and settings give the same result.", ge=0, le=2**31 - 1)


class ColumnInfo(BaseModel):
    """What one column of a data set holds."""

    name: str
    kind: Literal["text", "category", "number", "other"]
    filled: int = Field(description="rows in which it is not empty")
    distinct: int
    mean_length: float = Field(description="mean number of characters of the filled cells")


class RoleGuess(BaseModel):
    """Which column plays a role, and why (a key of the table of words with its values)."""

    column: str
    reason: str
    values: dict[str, Any] = {}


class SplitSpec(Settings):
    """How rows are held back: a validation part to steer by and a test part to judge by."""

    method: Literal["stratified", "random", "group", "time", "k-fold"] = setting("stratified", "How rows are held back", "Stratified keeps each label's share; random ignores labels; group keeps one author's or document's rows together; time judges by the newest rows; k-fold judges by another slice each time, for very few rows.", group="common")
    validation: float = setting(0.1, "Held back to steer by", "Share of rows to score while training (validation split); more gives a steadier score, less to learn from.", group="common", ge=0.01, le=0.5)
    test: float = setting(0.1, "Held back to judge by", "Share of rows never used until the end (test split); the honest score comes from them.", group="common", ge=0.01, le=0.5)
    folds: int = setting(5, "Folds", "With k-fold: into how many slices the rows are cut; more leaves more rows to learn from, but takes more runs.", ge=2, le=100)
    fold: int = setting(1, "Fold to judge by", "With k-fold: the slice that judges, from 1 on; train one run for each and average their scores.", ge=1, le=100)
    keep_similar: bool = setting(False, "Keep near-copies together", "Rows that are nearly the same text go into one part, so that the score is not flattered; it takes a while on many rows.")
    split_seed: int = setting(1, "Split seed", "Another seed holds back other rows.", ge=0, le=2**31 - 1)


class StepSpec(BaseModel):
    """One step of a data set's recipe: the name of a step of data/steps and its settings."""

    step: str
    settings: dict[str, Any] = {}


class Applied(StepSpec):
    """A step of a recipe that was taken, and the version of the rows it led to."""

    table: str
    rows: int
    roles: dict[str, str] = Field({}, description="role -> column when it was taken, so that it can be taken again just so")
    after: dict[str, str] = Field({}, description="role -> column in the version it led to, when that was last in use")
    time: float = Field(default_factory=time.time)


class DatasetSpec(BaseModel):
    """What is known of a data set; its rows stand beside it in ``tables/<table>.arrow``."""

    name: str
    source: str = Field(description="the file name(s) or sample it came from")
    detected: dict[str, Any] = Field({}, description="what the reader detected: format, encoding, delimiter ...")
    rows: int
    original: str = Field("", description="the table as it was read, never changed: its name (a hash of what is in it)")
    table: str = Field("", description="the version in use: the original after the recipe's steps")
    recipe: list[Applied] = Field([], description="what was done to the original, in order")
    undone: list[Applied] = Field([], description="steps taken back, last first, which Redo brings back")
    columns: list[ColumnInfo]
    roles: dict[str, RoleGuess] = Field({}, description="role (text, label, split) -> column")
    split: SplitSpec = SplitSpec()
    skipped: list[dict[str, Any]] = Field([], description="rows that could not be read: {row, code, values}")
    provenance: dict[str, str] = Field({}, description="for samples: kind (real or synthetic), origin, licence")
    fingerprint: str = Field("", description="changes with the rows, the roles and the split")
    created: float = Field(default_factory=time.time)


class ModelSpec(Settings):
    """What training starts from.

    ``start`` is "scratch", a packaged model's name ("minilm"), "run:ID", "folder:PATH" or "hub:ORG/NAME".
    The other fields count only for "scratch" (and ``vocab_size`` only where a tokenizer is trained).
    """

    start: str = setting("scratch", "Start from", "The model whose knowledge is built on, or scratch for random weights.", group="common")
    architecture: str = setting("", "Architecture", "The kind of network built from scratch; empty takes the recommended one.", group="common")
    size: str = setting("5m", "Size", "How many parameters; larger learns more but needs more text, time and memory.", group="common")
    vocab_size: int = setting(0, "Vocabulary size", "How many different tokens the tokenizer learns; 0 chooses it from the amount of text.", ge=0, le=200_000)


class RunConfig(BaseModel):
    """Everything that makes a run: enough to do it again. Written once, by the launcher."""

    id: str = ""
    task: str
    data: DatasetSpec
    model: ModelSpec
    train: TrainSettings
    options: dict[str, Any] = Field({}, description="the task's own settings, checked by its Options")
    versions: dict[str, str] = {}
    created: float = Field(default_factory=time.time)
