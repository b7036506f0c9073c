"""Before a run starts: its whole configuration, checked, and what will happen, computed from the real data."""

import math
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fm_gui import demo, machine, queue
from fm_gui.config import ModelSpec, RunConfig, TrainSettings, parse
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.runs import Run, Status
from fm_gui.tasks import get_task
from fm_gui.workspace import Workspace

EPOCHS_IN_A_BUDGET = 100  # a time budget on little data ends here: more would only learn by heart
CHECKS = 12  # of the validation part in a run, if not set
CHECK_SHARE = 0.2  # of the time of the steps before it that a check may take, in a run by time
FEWEST_STEPS = 20  # that a time budget should have room for; with fewer, little is learned
BYTES_A_TOKEN = 16  # more than any tokenizer reads at a time on average
SMALL_FILES = 32_000_000  # bytes of a run besides its weights: tokenizer, curves, logs, evaluation
PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "numpy", "gradio")


@dataclass(frozen=True)
class Plan:
    """What will happen. ``steps`` is None where a time budget decides it by measuring at the start."""

    rows: dict[str, int]
    steps: int | None
    steps_per_epoch: int
    parameters: int
    tokens_per_step: int
    examples: list[dict[str, Any]]  # {"input": [(piece, id), ...], "target": str}
    truncated: int  # training rows longer than the limit
    unreadable: int  # rows of the file that could not be read
    warnings: list[tuple[str, dict[str, Any]]]  # (key of the table of words, values)
    command: str


def make_config(
    workspace: Workspace, *, task: str, data: str, start: str = "", architecture: str = "", size: str = "", vocab_size: int = 0,
    preset: str = "balanced", minutes: float | None = None, train: dict[str, Any] | None = None, options: dict[str, Any] | None = None,
) -> RunConfig:  # fmt: skip
    """A whole run's configuration: the preset's values, overridden by ``minutes``, ``train`` and ``options``; ``size`` "" is
    one that the text can feed.

    Raises UserError for an unknown task, data set, start or setting, a value outside its limits, a missing role, and
    data that cannot teach the task.
    """
    from fm_gui.data.dataset import Dataset
    from fm_gui.models import catalog, hub, tokenizers

    kind, dataset = get_task(task), Dataset(workspace, data)
    missing = [role for role in kind.columns if role not in dataset.spec.roles]
    if missing:
        raise UserError("role-missing", name=data, roles=", ".join(missing), columns=", ".join(c.name for c in dataset.spec.columns))
    kind.check(dataset)
    start = start or default_start(kind)
    if start == "scratch":
        tokenizers.check_enough(dataset.texts("train"))
        architecture = architecture or catalog.recommended(kind.head).name
        size = size or usual_size(dataset, kind, catalog.get_architecture(architecture), parse(ModelSpec, {"vocab_size": vocab_size}).vocab_size)
        catalog.get_architecture(architecture).size(size)
    else:
        hub.check(workspace, start, kind.head)
        architecture = ""
    model = parse(ModelSpec, {"start": start, "architecture": architecture, "size": size or catalog.USUAL_SIZE, "vocab_size": vocab_size})
    presets = kind.presets(model, dataset.spec.rows)
    if preset not in presets:
        raise UserError("setting-choice", name="preset", value=str(preset), limit=", ".join(presets))
    asked = dict(train or {})
    values = {"preset": preset} | presets[preset] | asked
    if minutes is not None:
        values["minutes"] = minutes
    elif asked.keys() & {"epochs", "max_steps"} and "minutes" not in asked:
        values["minutes"] = None  # who counts epochs or steps does not want the preset's clock
    chosen = demo.limited(parse(TrainSettings, values))
    check_devices(workspace, chosen)
    return RunConfig(
        task=task, data=dataset.spec, model=model, train=chosen,
        options=kind.complete(parse(kind.Options, kind.preset_options(model, preset) | (options or {})).model_dump(), model, workspace), versions={name: version(name) for name in PACKAGES},
    )  # fmt: skip


def check_devices(workspace: Workspace, train: TrainSettings) -> None:
    """Raise UserError if this machine lacks a device that is asked for, or has too few for so many processes."""
    if train.shard and train.processes > 1 and train.optimizer == "muon":
        raise UserError("shard-muon")
    if train.device != "cpu" and (train.device != "auto" or train.processes > 1):  # asking may cost the import of torch
        queue.devices_for(train, machine.usable(workspace.root / "cache"))


def default_start(task) -> str:
    """What training starts from unless the person says otherwise: a packaged model, or scratch where none fits."""
    from fm_gui.models.catalog import PACKAGED

    if task.name_of_default_start in PACKAGED:
        return task.name_of_default_start
    return "scratch"


def start(workspace: Workspace, config: RunConfig, name: str = "") -> Run:
    """Make the run and start its worker. Raises UserError if ``name`` is taken, the disk has no room for its checkpoints, or
    there is too little text."""
    check_room(workspace, config)
    check_text(workspace, config)
    run = workspace.new_run(config, name)
    run.start()
    return run


def make(workspace: Workspace, config: RunConfig, name: str = "") -> Run:
    """Make the run without starting it, as if it had been stopped before its first step. Raises what ``start`` raises."""
    check_room(workspace, config)
    check_text(workspace, config)
    run = workspace.new_run(config, name)
    write_json(run.path / "status.json", Status(state="stopped").model_dump())
    return run


def check_room(workspace: Workspace, config: RunConfig) -> None:
    """Raise UserError if the run's files cannot fit on the disk. A hub model that is not here yet is not weighed."""
    if config.model.start.startswith("hub:"):
        return
    weights = 4 * rough_parameters(workspace, config)  # bytes, in fp32
    needed, free = disk_needed(weights, 3 * weights), shutil.disk_usage(workspace.root).free
    if needed > free:
        raise UserError("no-room", path=str(workspace.root), needed=machine.size(needed), free=machine.size(free))


def check_text(workspace: Workspace, config: RunConfig) -> None:
    """Raise UserError if there is too little text for the task. It is cut into tokens, as training will do it, only where it is so
    little that this may be; that of a hub model which is not here yet is not."""
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import prepare

    task, dataset = get_task(config.task), Dataset(workspace, config.data.name, config.data)
    needed = task.fewest_tokens(config)
    if not config.model.start.startswith("hub:") and needed and training_bytes(dataset) < BYTES_A_TOKEN * needed:
        processor = task.processor(config, dataset, workspace)
        task.check_prepared(prepare(workspace, config, task, dataset, processor), config)


def disk_needed(weights: int, checkpoint: int) -> int:
    """The most bytes that a run has on disk at a time: two checkpoints and a third being written, the best weights the same
    way, and the model folder; ``checkpoint`` is the bytes of one, weights and optimizer state."""
    return 3 * checkpoint + 3 * weights + SMALL_FILES


def rough_parameters(workspace: Workspace, config: RunConfig) -> int:
    """About how many weights the model has, before its tokenizer is trained."""
    from fm_gui.data.dataset import Dataset
    from fm_gui.models import catalog, hub

    if config.model.start != "scratch":
        return hub.count_parameters(hub.resolve(workspace, config.model.start))
    task, architecture = get_task(config.task), catalog.get_architecture(config.model.architecture)
    vocabulary, _ = guess_vocabulary(Dataset(workspace, config.data.name, config.data), architecture, config.model.vocab_size)
    return architecture.parameters(config.model.size, vocabulary, task.limit(config), task.head)


def guess_vocabulary(dataset, architecture, vocab_size: int) -> tuple[int, int]:
    """(size of the vocabulary that training will choose, about how many bytes of text it will read) before either is done."""
    from fm_gui.models.tokenizers import choose_vocab_size

    in_training = training_bytes(dataset)
    return vocab_size or choose_vocab_size(in_training, architecture.tokenizer), in_training


def usual_size(dataset, task, architecture, vocab_size: int = 0) -> str:
    """The size from scratch to take when nobody said: one that the text can feed."""
    from fm_gui.models import catalog

    vocabulary, in_training = guess_vocabulary(dataset, architecture, vocab_size)
    return catalog.usual_size(architecture, vocabulary, in_training, task.head)


def training_bytes(dataset) -> int:
    """About how many bytes of text there are to learn from."""
    import pyarrow.compute as compute

    column = dataset.table[dataset.spec.roles["text"].column].cast("string")
    share = len(dataset.parts()["train"]) / max(dataset.spec.rows, 1)
    return int((compute.sum(compute.binary_length(column)).as_py() or 0) * share)


def steps_of(train: TrainSettings, per_epoch: int) -> int:
    """Steps by epochs, or for a time budget the most that it may take."""
    steps = per_epoch * EPOCHS_IN_A_BUDGET if train.minutes else math.ceil(train.epochs * per_epoch)
    return max(1, min(steps, train.max_steps or steps))


def check_every(train: TrainSettings, steps: int, per_epoch: int, step: float = 0.0, check: float = 0.0) -> int:
    """Steps between two checks of the validation part: CHECKS a run, fewer when it is short of epochs, or when it goes by time
    and a check takes long, given the seconds of one step and of one check."""
    if train.eval_every:
        return train.eval_every
    if not train.minutes:
        return max(1, math.ceil(steps / min(CHECKS, max(2, round(2 * steps / per_epoch)))))
    worth = min(steps, math.ceil(check / step / CHECK_SHARE)) if step else 1
    return max(1, worth, math.ceil(steps / CHECKS))


def checks_of(steps: int, every: int) -> int:
    """How often the validation part is scored: before the first step, every ``every`` steps, and at the end."""
    return 1 + math.ceil(steps / every)


def fitting_steps(train: TrainSettings, step: float, check: float, most: int) -> int:
    """The steps that fit the time budget, given the seconds of one step and of one check."""
    budget, every = 60 * train.minutes, train.eval_every
    if every:
        fitting = budget / (step + check / every)
    else:  # with CHECKS checks, or with as many as CHECK_SHARE allows, and those before the first and after the last step
        fitting = max(budget - (CHECKS + 1) * check, (budget - 2 * check) / (1 + CHECK_SHARE), budget / 2) / step
    return max(1, min(int(fitting), most))


def plan(workspace: Workspace, config: RunConfig, progress: Callable[[int, int], None] | None = None) -> Plan:
    """What ``config`` will do, from its real data and tokenizer (both cached, so the run finds them ready).

    Raises UserError if the data cannot teach the task (text too short, ...).
    """
    import numpy as np

    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import prepare

    task, dataset = get_task(config.task), Dataset(workspace, config.data.name, config.data)
    processor = task.processor(config, dataset, workspace)
    data = prepare(workspace, config, task, dataset, processor, progress)
    task.check_prepared(data, config)
    train, per_epoch = config.train, task.steps_per_epoch(data["train"], config)
    steps = None if train.minutes else steps_of(train, per_epoch)
    first = dataset.rows(data["train"].rows[:3])
    encoded = task.encode(first, processor, config, data.labels)
    tokens = data["train"]["input_ids"]
    truncated = int(np.asarray(data["train"].columns["cut"]).sum()) if "cut" in data["train"].columns else 0
    unknown = float((tokens.values[:1_000_000] == processor.unk_token_id).mean()) if processor.unk_token_id is not None else 0.0
    parameters = count_parameters(workspace, config, processor, len(data.labels))
    return Plan(
        rows={name: len(part) for name, part in data.parts.items()},
        steps=steps, steps_per_epoch=per_epoch, parameters=parameters,
        tokens_per_step=math.ceil(len(tokens.values) / per_epoch),
        examples=[task.example(encoded, i, processor, config, data.labels) for i in range(len(first))],
        truncated=truncated, unreadable=len(config.data.skipped),
        warnings=_warnings(config, dataset, data, steps, truncated, unknown, parameters),
        command=command(config, usual_options_of(workspace, task, config), () if demo.is_demo() else workspace.words),
    )  # fmt: skip


def _warnings(config, dataset, data, steps, truncated, unknown, parameters) -> list[tuple[str, dict[str, Any]]]:
    from fm_gui.models.catalog import get_architecture, size_hint

    rows, found = len(data["train"]), []
    if steps is not None and steps < 50:
        found.append(("plan.few-steps", {"steps": steps}))
    if steps is not None and steps < config.train.max_steps and not demo.is_demo():  # there it is a limit that nobody chose
        found.append(("outlook.epochs-end", {"epochs": f"{config.train.epochs:g}", "steps": steps, "asked": config.train.max_steps}))
    if truncated:
        found.append(("plan.truncated", {"rows": truncated, "share": round(100 * truncated / rows), "limit": config.options["max_length"]}))
    if unknown > 0.03:
        found.append(("plan.unknown-tokens", {"share": round(100 * unknown)}))
    if config.data.skipped:
        found.append(("plan.unreadable", {"rows": len(config.data.skipped)}))
    if len(data["test"]) < 30:
        found.append(("plan.small-test", {"rows": len(data["test"])}))
    if config.model.start == "scratch":
        smallest = config.model.size == next(iter(get_architecture(config.model.architecture).sizes))
        hint = size_hint(parameters, sum(len(text.encode()) for text in dataset.texts("train")), smallest)
        found += [hint] if hint else []
    return found


def count_parameters(workspace: Workspace, config: RunConfig, processor, labels: int) -> int:
    """Trainable parameters of the model that will be trained."""
    from fm_gui.models import catalog, hub

    task = get_task(config.task)
    if config.model.start != "scratch":
        return hub.count_parameters(hub.resolve(workspace, config.model.start))
    architecture = catalog.get_architecture(config.model.architecture)
    return architecture.parameters(config.model.size, len(processor), task.limit(config), task.head, max(labels, 2))


def usual_options_of(workspace: Workspace, task, config: RunConfig) -> dict[str, Any]:
    """The task's options as they would be had nobody chosen any but the preset."""
    return task.complete(_preset_options(task, config), config.model, workspace)


def _preset_options(task, config: RunConfig) -> dict[str, Any]:
    return task.Options(**task.preset_options(config.model, config.train.preset)).model_dump()


def command(config: RunConfig, usual_options: dict[str, Any] | None = None, where: Sequence[str] = ()) -> str:
    """The command line that starts the same run in the workspace that the words ``where`` name; what ``usual_options`` says
    anyway (by default the task's own) is left out."""
    task, model = get_task(config.task), config.model
    words = ["fm-gui", "train", "--task", task.name, "--data", config.data.name]
    words += ["--model", f"{model.architecture}:{model.size}" if model.start == "scratch" else model.start]
    words += ["--preset", config.train.preset]
    usual = TrainSettings(**{"preset": config.train.preset} | task.presets(model, config.data.rows)[config.train.preset])
    changed = {k: v for k, v in config.train if v != getattr(usual, k) and k not in ("preset", "minutes")}
    if config.train.minutes is not None and (config.train.minutes != usual.minutes or changed.keys() & {"epochs", "max_steps"}):
        words += ["--minutes", f"{config.train.minutes:g}"]
    known = usual_options or _preset_options(task, config)
    changed |= {k: v for k, v in config.options.items() if v != known[k]}
    changed |= {"vocab_size": model.vocab_size} if model.vocab_size else {}
    for name, value in changed.items():
        words += ["--set", f"{name}={'' if value is None else value}"]
    return shlex.join([*words, *where])
