"""What the Train tab does: plain values in (asked ones first, then those of NAMES), a View (component name -> update) out."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from fm_gui import machine, plan
from fm_gui.data.dataset import Dataset
from fm_gui.models import tokenizers
from fm_gui.tasks import TASKS, get_task
from fm_gui.text import say
from fm_gui.ui import train_choice, train_preflight, train_view
from fm_gui.ui.train_choice import SIZES, Choice
from fm_gui.ui.view import View, or_sentence
from fm_gui.ui.work import Job, bar
from fm_gui.workspace import Workspace

LONG = 0.8  # seconds of planning, from which on it shows how far it is


def show(workspace: Workspace, lang: str, asked_data: str | None, asked_run: str | None, prefilled: str | None, *args) -> View:
    """The whole tab: what the address asks for, else what was chosen before; ``prefilled`` is the run shown already."""
    if asked_run and asked_run != prefilled:
        choice = train_choice.from_run(workspace, asked_run)
        return _with_devices(_view(workspace, lang, choice, filled_before=None if choice.train else {}), lang) | {"prefilled": asked_run}
    choice = train_choice.read(args)
    if asked_data:
        choice = replace(choice, data=asked_data)
    return _with_devices(choose(workspace, lang, choice), lang) | {"prefilled": asked_run or ""}


def _with_devices(view: View, lang: str) -> View:
    """``view`` with the devices of this machine to choose from."""
    if not view["main"]["visible"]:  # asking costs the import of torch
        return view
    shown = {"value": view["train-device"]} if "train-device" in view else {}
    return view | {"train-device": gr.update(choices=train_view.device_choices(machine.devices(), lang), **shown)}


def pick_device(workspace: Workspace, lang: str, device: str | None) -> View:
    """After devices were chosen: a process for each GPU."""
    gpus = [name for name in (device or "").split(",") if name.strip() not in ("", "auto", "cpu")]
    return {"train-processes": max(1, len(gpus))}


def change(workspace: Workspace, lang: str, *args) -> View:
    """After a choice was made: what else it changes. Nothing while no data set is shown: that is not a person's choice."""
    choice = train_choice.read(args)
    return choose(workspace, lang, choice) if choice.data else {}


def choose(workspace: Workspace, lang: str, choice: Choice) -> View:
    """The tab for ``choice``, made to fit together."""
    return _view(workspace, lang, train_choice.settle(workspace, choice), filled_before=choice.filled)


def _view(workspace: Workspace, lang: str, choice: Choice, filled_before: dict | None) -> View:
    """``filled_before`` None: the fields of Advanced show ``choice.train`` and ``.options``; else the preset's, if that changed."""
    specs = workspace.datasets()
    view: View = {"empty": gr.update(visible=not specs), "main": gr.update(visible=bool(specs)), "plan-now": _stamp()}
    if not specs:
        return view
    spec = next((spec for spec in specs if spec.name == choice.data), specs[0])
    rest = train_view.task_rest(spec, lang)
    view |= {
        "data": gr.update(
            choices=[(say("train.data.line", lang, name=one.name, rows=one.rows), one.name) for one in specs], value=spec.name
        ),
        "task": gr.update(choices=train_view.task_choices(spec, lang), value=choice.task),
        "rest-fold": gr.update(visible=bool(rest)),
        "rest": rest,
        "steps": gr.update(visible=choice.task is not None),
    }
    return view | (_start_view(workspace, lang, choice) | _length_view(workspace, lang, choice, filled_before) if choice.task else {})


def _start_view(workspace: Workspace, lang: str, choice: Choice) -> View:
    scratch = choice.start == "scratch"
    return {
        "start": gr.update(choices=train_view.start_choices(workspace, choice, lang), value=choice.start),
        "scratch": gr.update(visible=scratch),
        "vocab-size": gr.update(value=choice.vocab_size, visible=scratch),
        "other": gr.update(value=choice.other, visible=choice.start == "other"),
        "architecture": gr.update(
            choices=train_view.architecture_choices(choice, lang),
            value=choice.architecture,
            info=train_view.architecture_about(choice, lang),
        ),
        "size": SIZES.index(choice.size),
        "size-line": train_view.size_line(workspace, choice, lang) if scratch else "",
    }


def _length_view(workspace: Workspace, lang: str, choice: Choice, filled_before: dict | None) -> View:
    view: View = {
        "preset": gr.update(choices=train_view.preset_choices(train_choice.preset_values(workspace, choice), lang), value=choice.preset),
        "minutes": gr.update(value=choice.minutes, visible=choice.preset == "minutes"),
        **{
            f"options-{task.name}": gr.update(visible=task.name == choice.task and bool(train_choice.OPTION_FIELDS[task.name]))
            for task in TASKS
        },
    }
    filled = train_choice.fill(workspace, choice)
    train, options = (filled["train"], filled["options"]) if filled_before is not None else (choice.train, choice.options[choice.task])
    if filled != filled_before:
        view |= {"filled": json.dumps(filled)}
    if any(filled[part] != (filled_before or {}).get(part) for part in ("train", "options")):
        view |= {f"train-{name}": train[name] for name in train_choice.TRAIN_FIELDS}
        view |= {f"option-{choice.task}-{name}": options[name] for name in train_choice.OPTION_FIELDS[choice.task]}
    return view


def _stamp() -> str:
    # any new value: its change asks for the plan (see _events)
    return str(time.monotonic_ns())


def resize(workspace: Workspace, lang: str, *args) -> View:
    """While the size slider moves: the parameters it means."""
    choice = train_choice.read(args)
    if choice.task is None or choice.data is None:
        return {}
    return {"size-line": train_view.size_line(workspace, choice, lang), "plan-now": _stamp()}


def foretell(workspace: Workspace, lang: str, *args) -> Iterator[View]:
    """What will happen; or, in its place, the sentence that says why it cannot start. Shows how far it is when it takes long."""
    choice = train_choice.read(args)
    if choice.data is None:
        yield {"go": gr.update(interactive=False)} | train_preflight.nothing()
        return

    def work(tell) -> View:
        config = train_choice.config_of(workspace, choice)
        told = plan.plan(workspace, config, lambda done, total: tell(done / max(total, 1)))
        return planned(told, lang) | train_preflight.beside(workspace, config, told, lang)

    job = Job(lambda tell: or_sentence(lang, lambda: work(tell)), "train.planning", every=0.1)
    for share, key, seconds in job:
        if seconds > LONG:
            yield {"plan": bar(share, key, seconds, lang)}
    view, sentence = job.result
    no_plan = {"plan": train_view.problem(sentence), "examples": "", "command": gr.update(visible=False), "go": gr.update(interactive=False)}
    yield view or no_plan | train_preflight.nothing()


def planned(told: plan.Plan, lang: str) -> View:
    """The card of a plan."""
    return {
        "plan": train_view.plan_card(told, lang),
        "examples": train_view.examples(told, lang),
        "command": gr.update(value=told.command, visible=True),
        "go": gr.update(interactive=True),
    }


def start(workspace: Workspace, lang: str, name: str, *args) -> View:
    """Start the run; its id goes to the hidden box that sends the page to Watch."""
    run = plan.start(workspace, train_choice.config_of(workspace, train_choice.read(args)), name=(name or "").strip())
    return {"started": run.id, "name": ""}


def cut(workspace: Workspace, lang: str, sentence: str, *args) -> View:
    """How the tokenizer of this choice cuts a sentence (by default the first row's text)."""
    choice = train_choice.read(args)

    def ask() -> str:
        config = train_choice.config_of(workspace, choice)
        dataset = Dataset(workspace, choice.data)
        processor = get_task(choice.task).processor(config, dataset, workspace)
        text = sentence.strip() or next(iter(dataset.texts("train")))[:200]
        pieces = tokenizers.show(processor, text)
        summary = say("train.cut.line", lang, tokens=len(pieces), characters=len(text), vocabulary=len(processor))
        return f'<p class="fm-muted">{summary}</p>{train_view.tokens_html(pieces)}'

    html, problem = or_sentence(lang, ask)
    return {"pieces": html or train_view.problem(problem)}
