"""`fm-gui train | preflight`: from a data set and a model to a run, or to what it would take."""

from typing import TYPE_CHECKING, Annotated

import typer

from fm_gui.cli.base import AsJson, Folder, at, number, opened, pairs, put, put_json, put_note, tell
from fm_gui.cli.follow import finish, follow
from fm_gui.cli.preflight import measured, put_preflight, start_if_it_fits
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.plan import Plan
    from fm_gui.workspace import Workspace


Data = Annotated[str, typer.Option(metavar="NAME", help=tell("cli.option.data"))]
TaskName = Annotated[str, typer.Option(help=tell("cli.option.task"))]
Model = Annotated[str, typer.Option(help=tell("cli.option.model"))]
Preset = Annotated[str, typer.Option(metavar="quick|balanced|best", help=tell("cli.option.preset"))]
Minutes = Annotated[float | None, typer.Option(help=tell("cli.option.minutes"))]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="SETTING=VALUE", help=tell("cli.option.set"))]


def train(
    data: Data,
    task: TaskName = "",
    model: Model = "",
    preset: Preset = "balanced",
    minutes: Minutes = None,
    settings: Settings = None,
    name: Annotated[str, typer.Option(metavar="RUN", help=tell("cli.option.run-name"))] = "",
    wait: Annotated[bool, typer.Option("--wait", help=tell("cli.option.wait"))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tell("cli.option.dry-run"))] = False,
    if_it_fits: Annotated[bool, typer.Option("--preflight", help=tell("cli.option.preflight"))] = False,
    nproc: Annotated[int | None, typer.Option("--nproc", metavar="N", help=tell("cli.option.nproc"))] = None,
    devices: Annotated[str | None, typer.Option("--devices", metavar="cuda:0,cuda:1|cpu", help=tell("cli.option.devices"))] = None,
    shard: Annotated[bool, typer.Option("--shard", help=tell("cli.option.shard"))] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help=tell("cli.option.no-start"))] = False,
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui import plan

    space = opened(workspace)
    given = together(nproc, devices, shard) | pairs(settings or [], "--set")
    asked = arguments(space, task=task, data=data, model=model, preset=preset, minutes=minutes, settings=given)
    config = plan.make_config(space, **asked)
    if dry_run:
        return put_plan(plan.plan(space, config), as_json)
    if if_it_fits:
        start_if_it_fits(space, config)
    run = plan.make(space, config, name) if no_start else plan.start(space, config, name)
    if no_start or not wait:
        if as_json:
            return put_json({"run": run.id, "folder": str(run.path)})
        put(run.id)
        return put_note(tell("cli.train.made" if no_start else "cli.train.started", run=run.id, at=at(space)))
    put_note(tell("cli.train.waiting", run=run.id))
    raise typer.Exit(finish(run, follow(run, quiet=as_json), as_json))


def preflight(
    data: Data, task: TaskName = "", model: Model = "", preset: Preset = "balanced", minutes: Minutes = None, settings: Settings = None,
    workspace: Folder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    from fm_gui import plan

    space = opened(workspace)
    asked = arguments(space, task=task, data=data, model=model, preset=preset, minutes=minutes, settings=pairs(settings or [], "--set"))
    put_preflight(space, measured(space, plan.make_config(space, **asked)), as_json)


def together(nproc: int | None, devices: str | None, shard: bool) -> dict[str, str]:
    """The settings behind --nproc, --devices and --shard; one that was not given stays as the preset has it."""
    given = {"processes": nproc, "device": devices, "shard": shard or None}
    return {name: str(value) for name, value in given.items() if value is not None}


def arguments(space: "Workspace", *, task: str, data: str, model: str, preset: str, minutes: float | None, settings: dict[str, str]) -> dict:
    """What was typed as the keyword arguments of ``plan.make_config``.

    Without a task it is the first that this data can teach. ``--set`` takes training settings, the model's and the
    task's own alike. Raises UserError naming the known ones for any other.
    """
    from fm_gui.config import ModelSpec, TrainSettings
    from fm_gui.models.starts import read_start
    from fm_gui.tasks import get_task

    learned = get_task(task or first_task(space, data))
    start, architecture, size = read_start(space, model, local=True)
    asked = {
        "task": learned.name, "data": data, "start": start, "architecture": architecture, "size": size,
        "preset": preset, "minutes": minutes, "train": {}, "options": {},
    }
    of_model = ModelSpec.model_fields.keys() - {"start"}
    of_run = {"preset", "minutes"}
    known = TrainSettings.model_fields.keys() | learned.Options.model_fields.keys() | of_model
    for name, text in settings.items():
        value = None if text.lower() in ("", "none") else text
        if name not in known:
            raise UserError("setting-unknown", name=name, known=", ".join(sorted(known)))
        if name in learned.Options.model_fields:
            asked["options"][name] = value
        elif name in of_model | of_run:
            asked[name] = value
        else:
            asked["train"][name] = value
    return asked


def first_task(space: "Workspace", data: str) -> str:
    """The first task that this data set can teach. Raises UserError if there is none."""
    from fm_gui.data.dataset import Dataset
    from fm_gui.tasks import offers

    for task, missing in offers(Dataset(space, data).spec):
        if not missing:
            return task.name
    raise UserError("cli-no-task", name=data)


def put_plan(planned: "Plan", as_json: bool) -> None:
    """What will happen: rows, steps, parameters, the examples as the model sees them, and what to mind."""
    if as_json:
        facts = ("rows", "steps", "steps_per_epoch", "parameters", "tokens_per_step", "truncated", "unreadable", "examples", "command")
        warnings = [{"code": key, "values": values, "sentence": tell(key, **values)} for key, values in planned.warnings]
        return put_json({fact: getattr(planned, fact) for fact in facts} | {"warnings": warnings})
    rows = planned.rows
    put(tell("cli.data.parts", train=rows["train"], validation=rows["validation"], test=rows["test"]))
    key = "cli.plan.steps" if planned.steps is not None else "cli.plan.steps-measured"
    put(tell(key, steps=planned.steps, per_epoch=planned.steps_per_epoch))
    put(tell("cli.plan.parameters", count=number(planned.parameters)))
    for example in planned.examples:
        pieces = " ".join(piece for piece, _ in example["input"])
        put(tell("cli.plan.example", input=pieces[:300], target=str(example["target"])[:120]))
    for key, values in planned.warnings:
        put_note(tell(key, **values))
    put(planned.command)
