"""What is chosen on the Train tab, as one value: read from the widgets, settled so that it fits together, made a RunConfig."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from fm_gui import demo, plan, tasks
from fm_gui.config import ModelSpec, RunConfig, TrainSettings, parse
from fm_gui.data.dataset import Dataset
from fm_gui.data.samples import get_sample
from fm_gui.errors import UserError
from fm_gui.models import hub
from fm_gui.models.catalog import ARCHITECTURES, USUAL_SIZE, architectures_for, get_architecture, size_hint
from fm_gui.tasks import TASKS, get_task
from fm_gui.ui.form import field_names, form_values
from fm_gui.workspace import Workspace

PRESETS = ("quick", "balanced", "best")
SIZES = tuple(ARCHITECTURES[0].sizes)
TRAIN_FIELDS = field_names(TrainSettings, without=("preset", "minutes"))  # these two have their own place on the page
OPTION_FIELDS = {task.name: field_names(task.Options) for task in TASKS}
MAIN = ("data", "task", "start", "other", "architecture", "size", "vocab-size", "preset", "minutes", "filled")
NAMES = (
    *MAIN,
    *(f"train-{name}" for name in TRAIN_FIELDS),
    *(f"option-{task}-{name}" for task, names in OPTION_FIELDS.items() for name in names),
)


@dataclass(frozen=True)
class Choice:
    """Everything chosen. ``filled`` is what the fields of Advanced and the size showed before anyone changed them."""

    data: str | None = None
    task: str | None = None
    start: str | None = None  # as ModelSpec.start, or "other"
    other: str = ""
    architecture: str = ""
    size: str = USUAL_SIZE
    vocab_size: int = 0
    preset: str = "balanced"  # or "minutes"
    minutes: float | None = 10
    filled: dict[str, Any] = field(default_factory=dict)  # {"train": {...}, "options": {...}, "size": "1m"}
    train: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def model_start(self) -> str:
        """The value for ModelSpec.start; what was typed under "other" is a folder if it looks like a path."""
        if self.start != "other":
            return self.start or "scratch"
        typed = self.other.strip()
        if not typed:
            raise UserError("start-missing")
        looks_local = typed[0] in "/~.\\" or typed[1:2] == ":"
        return f"folder:{typed}" if looks_local else f"hub:{typed.removeprefix('hub:')}"


def read(args) -> Choice:
    """The Choice in the widgets' values, given in the order of NAMES."""
    values = dict(zip(NAMES, args, strict=True))
    return Choice(
        data=values["data"] or None,
        task=values["task"] or None,
        start=values["start"] or None,
        other=values["other"] or "",
        architecture=values["architecture"] or "",
        size=SIZES[int(values["size"])],
        vocab_size=int(values["vocab-size"] or 0),
        preset=values["preset"] or "balanced",
        minutes=values["minutes"],
        filled=json.loads(values["filled"] or "{}"),
        train=form_values(TrainSettings, TRAIN_FIELDS, [values[f"train-{name}"] for name in TRAIN_FIELDS]) | {"device": values["train-device"] or "auto"},
        options={
            task.name: form_values(
                task.Options, OPTION_FIELDS[task.name], [values[f"option-{task.name}-{name}"] for name in OPTION_FIELDS[task.name]]
            )
            for task in TASKS
        },
    )


def settle(workspace: Workspace, choice: Choice) -> Choice:
    """``choice`` with what does not fit replaced by what does: a data set that exists, a task it teaches, a start that fits."""
    specs = {spec.name: spec for spec in workspace.datasets()}
    data = choice.data if choice.data in specs else next(iter(specs), None)
    if data is None:
        return choice
    fits = [task.name for task, missing in tasks.offers(specs[data]) if not missing]
    if sample := specs[data].provenance.get("sample"):
        fits = [name for name in get_sample(sample).tasks if name in fits] + fits  # a sample knows what it is best for
    task = choice.task if choice.task in fits else next(iter(fits), None)
    choice = replace(choice, data=data, task=task)
    if task is None:
        return choice
    known = [start.value for start in hub.list_starts(workspace, get_task(task))]
    kinds = [one.name for one in architectures_for(get_task(task).head)]
    settled = replace(
        choice,
        start=choice.start if choice.start in (*known, "other") else known[0],
        architecture=choice.architecture if choice.architecture in kinds else kinds[0],
    )
    untouched = choice.size == choice.filled.get("size", USUAL_SIZE)
    return replace(settled, size=_usual_size(workspace, settled)) if untouched else settled


def _start(workspace: Workspace, choice: Choice) -> str:
    """The value for ModelSpec.start. Raises UserError for a folder that this page must not open."""
    demo.check_folder(choice.model_start, workspace.root)
    return choice.model_start


def preset_values(workspace: Workspace, choice: Choice) -> dict[str, dict[str, Any]]:
    """Preset -> what it sets, for this choice; {} while no start is given."""
    if choice.start == "other" and not choice.other.strip():
        return {}
    return get_task(choice.task).presets(_model(workspace, choice), Dataset(workspace, choice.data).spec.rows)


def _model(workspace: Workspace, choice: Choice) -> ModelSpec:
    scratch = choice.start == "scratch"
    return ModelSpec(start=_start(workspace, choice), **({"architecture": choice.architecture, "size": choice.size} if scratch else {}))


def _usual_size(workspace: Workspace, choice: Choice) -> str:
    """The size from scratch that nobody has to choose."""
    if choice.start != "scratch":
        return choice.size
    return plan.usual_size(Dataset(workspace, choice.data), get_task(choice.task), get_architecture(choice.architecture), choice.vocab_size)


def fill(workspace: Workspace, choice: Choice) -> dict[str, Any]:
    """What the fields of Advanced and the size show for this choice, before anyone changes them."""
    preset = "balanced" if choice.preset == "minutes" else choice.preset
    values, task = preset_values(workspace, choice), get_task(choice.task)
    options = task.Options(**(task.preset_options(_model(workspace, choice), preset) if values else {}))
    settings = parse(TrainSettings, {"preset": preset} | values.get(preset, {})).model_dump(mode="json", exclude={"preset", "minutes"})
    return {"train": settings, "options": options.model_dump(mode="json"), "size": _usual_size(workspace, choice)}


def config_of(workspace: Workspace, choice: Choice) -> RunConfig:
    """The RunConfig asked for. Only what a person changed in Advanced is passed on, so that the preset decides the rest."""
    if choice.data is None:
        raise UserError("train-no-data")
    if choice.task is None:
        raise UserError("train-no-task", name=choice.data)
    scratch = choice.start == "scratch"
    by_minutes = choice.preset == "minutes"
    if by_minutes and not choice.minutes:
        raise UserError("train-minutes")
    return plan.make_config(
        workspace,
        task=choice.task,
        data=choice.data,
        start=_start(workspace, choice),
        architecture=choice.architecture if scratch else "",
        size=choice.size,
        vocab_size=choice.vocab_size if scratch else 0,
        preset="balanced" if by_minutes else choice.preset,
        minutes=choice.minutes if by_minutes else None,
        train=_changed(choice.train, choice.filled.get("train", {})),
        options=_changed(choice.options.get(choice.task, {}), choice.filled.get("options", {})),
    )


def _changed(values: dict[str, Any], filled: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in filled or value != filled[name]}


def from_run(workspace: Workspace, run_id: str) -> Choice:
    """The Choice that made a run, to run it again with changes; its settings only if its data can still teach its task."""
    config = workspace.run(run_id).config
    known = config.model.start == "scratch" or not config.model.start.startswith(("folder:", "hub:"))
    by_minutes = config.train.minutes is not None
    choice = Choice(
        data=config.data.name,
        task=config.task,
        start=config.model.start if known else "other",
        other="" if known else config.model.start.split(":", 1)[1],
        architecture=config.model.architecture,
        size=config.model.size if config.model.size in SIZES else USUAL_SIZE,
        vocab_size=config.model.vocab_size,
        preset="minutes" if by_minutes else config.train.preset,
        minutes=config.train.minutes or 10,
        train=config.train.model_dump(mode="json", exclude={"preset", "minutes"}),
    )
    settled = replace(settle(workspace, choice), size=choice.size)
    if (settled.data, settled.task) != (choice.data, choice.task):
        return replace(settled, train={})
    options = {config.task: get_task(config.task).Options().model_dump(mode="json") | config.options}
    return replace(settled, options=options, filled=fill(workspace, settled))


def size_of(workspace: Workspace, choice: Choice) -> tuple[int, bool]:
    """(about how many parameters the model from scratch will have, is that clearly more than this text can feed?).

    Before its tokenizer is trained the vocabulary is guessed from the amount of text, as the training itself will do.
    """
    architecture = get_architecture(choice.architecture)
    vocabulary, in_training = plan.guess_vocabulary(Dataset(workspace, choice.data), architecture, choice.vocab_size)
    count = architecture.parameters(choice.size, vocabulary, 0, get_task(choice.task).head)
    return count, size_hint(count, in_training, choice.size == SIZES[0]) is not None
