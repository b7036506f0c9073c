"""Data › Label: one text after the other gets its label, by keys or clicks; the answers then become a step of the recipe."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from fm_gui import labelling
from fm_gui.data.dataset import Dataset
from fm_gui.data.recipe import row_key
from fm_gui.errors import UserError
from fm_gui.labelling import SKIPPED
from fm_gui.text import say
from fm_gui.ui import work
from fm_gui.ui.bind import act, word
from fm_gui.ui.results_view import finished
from fm_gui.ui.view import View, esc, free_choice, spread
from fm_gui.ui.widgets import percent
from fm_gui.workspace import Workspace

EMPTY = "empty"  # the order that needs no run; the others are "run:ID"
NEXT = 500  # rows that the page knows in advance: finding them reads all rows, so not at each answer
KEYS = 9
MOST_LABELS = 40  # buttons; the rest is typed
SHOWN = 5_000  # characters of a text
LONG = 400  # characters above which a text is set smaller


@dataclass
class Sitting:
    """What the page knows of a sitting: kept in a hidden field, sent with each answer."""

    version: list[str]  # data set, table and column that the row numbers speak of
    order: str
    only: bool
    again: bool  # going through answered texts once more
    queue: list[list]  # next ones: [row, the run's guess, its probability]; no guess: ""
    done: list[list]  # answered ones, newest at the end
    more: bool  # there are more than those in the queue
    labels: list[str]  # in the order of their keys, which never changes in a sitting
    total: int
    before: int  # texts answered that are not in the file of answers
    strange: int

    def text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def _read(kept: str | None) -> Sitting | None:
    return Sitting(**json.loads(kept)) if kept else None


def _version(dataset: Dataset) -> list[str]:
    return [dataset.spec.name, dataset.spec.table, dataset.spec.roles["text"].column if "text" in dataset.spec.roles else ""]


def _open(workspace: Workspace, name: str, kept: str) -> tuple[Dataset, Sitting]:
    """The data set and the sitting, if its row numbers still mean the same rows. Raises UserError otherwise."""
    dataset, sitting = Dataset(workspace, name), _read(kept)
    if sitting is None or sitting.version != _version(dataset):
        raise UserError("dataset-moved-on", name=name)
    return dataset, sitting


# -- handlers: plain values in, a View out


def show(workspace: Workspace, lang: str, name: str | None, order: str | None, only: bool, kept: str | None) -> Iterator[View]:
    """The whole tab: where the page was, or a new queue if it asks for another order or the rows are others."""
    runs = [run for run in finished(workspace) if run.config.task == "text-classification"]
    choices = [(say("label.order.empty", lang), EMPTY), *((say("label.order.run", lang, name=run.id), f"run:{run.id}") for run in runs)]
    order = order if order in [value for _, value in choices] else EMPTY
    yield {"order": gr.update(choices=choices, value=order)}
    if not name:
        return
    dataset, sitting = Dataset(workspace, name), _read(kept)
    if sitting and sitting.queue and [sitting.version, sitting.order, sitting.only] == [_version(dataset), order, only]:
        yield _screen(dataset, sitting, lang)
    else:
        yield from _fill(dataset, lang, order, only, sitting if sitting and sitting.version[0] == name else None)


def _fill(dataset: Dataset, lang: str, order: str, only: bool, old: Sitting | None) -> Iterator[View]:
    """A new queue; ``old`` is the sitting that goes on with it."""
    if "text" not in dataset.spec.roles:
        sentence = UserError("label-no-text", name=dataset.spec.name).say(lang)
        yield {"main": gr.update(visible=False), "nothing": f'<p class="fm-muted">{esc(sentence)}</p>', "kept": ""}
        return
    again = bool(old and old.again)
    if order == EMPTY:
        task = labelling.ask(dataset, None, only, again=again)
    else:
        run = dataset.workspace.run(order.removeprefix("run:"))
        job = work.Job(lambda tell: labelling.ask(dataset, run, only, tell, again), "label.ranking")
        for share, key, seconds in job:
            yield {"busy": work.bar(share, key, seconds, lang), "stop": gr.update(visible=True)}
        task = job.result
    entries = [[int(row), *task.guesses.get(int(row), ("", 0.0))] for row in task.rows[:NEXT]]
    known = [label for label in old.labels if label in task.labels] if old else []
    sitting = Sitting(
        version=_version(dataset), order=order, only=only, again=again, queue=entries, done=[[row, "", 0.0] for row in task.recent],
        more=bool(entries) and task.answered + len(entries) < task.total, labels=list(dict.fromkeys(known + task.labels)),
        total=task.total, before=task.answered - len(labelling.answers(dataset)), strange=task.strange,
    )  # fmt: skip
    yield {"busy": "", "stop": gr.update(visible=False)} | _screen(dataset, sitting, lang)


def answer(workspace: Workspace, lang: str, name: str, kept: str, label: str) -> View:
    """Keep the label of the text that is shown, then show the next one."""
    dataset, sitting = _open(workspace, name, kept)
    label = " ".join(label.split())
    if not label or not sitting.queue:
        return {}
    # typed with other capitals it is still the label that is known
    label = next((known for known in sitting.labels if known.casefold() == label.casefold()), label) if label not in sitting.labels else label
    view = _give(dataset, sitting, label, lang)
    return view | {"typed": {**view["typed"], "value": ""}}


def skip(workspace: Workspace, lang: str, name: str, kept: str) -> View:
    """Leave the text without an answer, and show the next one."""
    dataset, sitting = _open(workspace, name, kept)
    return _give(dataset, sitting, SKIPPED, lang) if sitting.queue else {}


def _give(dataset: Dataset, sitting: Sitting, label: str, lang: str) -> View:
    entry = sitting.queue[0]
    if row_key(dataset.rows([entry[0]])[0]["text"]) in labelling.answers(dataset):
        gr.Info(say("label.elsewhere", lang, row=entry[0] + 1))
        return _screen(dataset, sitting, lang)
    labelling.give(dataset, entry[0], label)
    if label and label not in sitting.labels:
        sitting.labels.append(label)
    sitting.done = [*sitting.done, sitting.queue.pop(0)][-labelling.RECENT :]
    return _screen(dataset, sitting, lang)


def take_back(workspace: Workspace, lang: str, name: str, kept: str) -> View:
    """Forget the last answer and ask for that text again."""
    dataset, sitting = _open(workspace, name, kept)
    if not sitting.done:
        gr.Info(say("label.undo.none", lang))
        return {}
    entry = sitting.done.pop()
    labelling.give(dataset, entry[0], None)
    sitting.queue.insert(0, entry)
    return _screen(dataset, sitting, lang)


def put(workspace: Workspace, lang: str, name: str, kept: str) -> View:
    """Make the answers a step of the recipe; the queue goes on where it was, as the step moves no row."""
    dataset, sitting = _open(workspace, name, kept)
    before = labelling.answers(dataset)
    dataset = labelling.take_over(dataset)
    taken = [label for key, label in before.items() if key not in labelling.answers(dataset)]
    count = sum(label != SKIPPED for label in taken)
    sitting.version, sitting.done, sitting.before = _version(dataset), [], sitting.before + count
    sitting.more = sitting.more or len(taken) > count  # skipped ones will be asked again
    gr.Success(say("label.put.done", lang, count=count))
    return _screen(dataset, sitting, lang)


def ask_again(workspace: Workspace, lang: str, name: str, kept: str) -> Iterator[View]:
    """At the end: ask for the skipped texts, or if there are none for all of them."""
    dataset, sitting = _open(workspace, name, kept)
    if SKIPPED in labelling.answers(dataset).values():
        labelling.forget_skipped(dataset)
    else:
        sitting.again = True
    yield from _fill(dataset, lang, sitting.order, sitting.only, sitting)


def settled(workspace: Workspace, lang: str, kept: str | None) -> View:
    """After Stop, or after something went wrong: the order is that of the queue that is shown."""
    sitting = _read(kept)
    return {"busy": "", "stop": gr.update(visible=False), "order": sitting.order if sitting else EMPTY, "only": bool(sitting and sitting.only)}


# -- what they show


def _screen(dataset: Dataset, sitting: Sitting, lang: str) -> View:
    """The next text that nobody answered meanwhile, and how far it is."""
    given, row = labelling.answers(dataset), None
    while sitting.queue and row is None:
        row = dataset.rows([sitting.queue[0][0]])[0]
        if row_key(row["text"]) in given:
            row = sitting.queue.pop(0) and None
    skipped = sum(label == SKIPPED for label in given.values())
    waiting, answered = len(given) - skipped - sitting.strange, sitting.before + len(given)
    asking, over = row is not None, row is None and not sitting.more
    return {
        "kept": sitting.text(), "main": gr.update(visible=True), "nothing": "",
        "row": _card(sitting, row, lang) if asking else _end(sitting, skipped, lang),
        "choices": _choices(sitting, row, lang) if asking else "",
        "typed": gr.update(visible=asking), "skip": gr.update(visible=asking), "undo": gr.update(interactive=bool(sitting.done)),
        "again": gr.update(visible=over and (skipped > 0 or answered > waiting), value=say("label.again.skipped" if skipped else "label.again.all", lang)),
        "progress": _progress(answered, sitting, skipped, waiting, lang),
        "put": gr.update(interactive=waiting > 0),
    }  # fmt: skip


def _card(sitting: Sitting, row: dict[str, str], lang: str) -> str:
    number, guess, share = sitting.queue[0]
    now = row.get("label", "")
    facts = [esc(say("label.now", lang, label=now) if now else say("label.now.none", lang))]
    if guess:
        facts.append(esc(say("label.guess", lang, label=guess, share=percent(share))))
    text = row["text"]
    cut = f'<small class="fm-muted">{esc(say("label.cut", lang, more=len(text) - SHOWN))}</small>' if len(text) > SHOWN else ""
    return (
        f'<article class="label-card" data-at="{number}" aria-live="polite"><header><b>{say("label.row", lang, row=number + 1)}</b>'
        f'{"".join(f"<span>{fact}</span>" for fact in facts)}</header>'
        f'<div class="label-text{" label-long" if len(text) > LONG else ""}" dir="auto" tabindex="0">{esc(text[:SHOWN])}{cut}</div></article>'
    )


def _end(sitting: Sitting, skipped: int, lang: str) -> str:
    if sitting.more:
        return f'<article class="label-card" data-at="end" data-refill><p>{say("label.more.coming", lang)}</p></article>'
    done = say("label.done.skipped", lang, skipped=skipped) if skipped else say("label.done" if sitting.total else "label.done.empty", lang)
    return f'<article class="label-card label-end" data-at="end" role="status"><p>{esc(done)}</p></article>'


def _choices(sitting: Sitting, row: dict[str, str], lang: str) -> str:
    """A button for each known label; the first nine have keys."""
    if not sitting.labels:
        return f'<p class="fm-muted">{say("label.question.first", lang)}</p>'
    _, guess, share = sitting.queue[0]
    buttons = []
    for number, label in enumerate(sitting.labels[:MOST_LABELS], 1):
        classes = "fm-button label-choice" + (" label-current" if label == row.get("label") else "")
        key = f"<kbd>{number}</kbd>" if number <= KEYS else ""
        chance = f"<small>{percent(share)}</small>" if label == guess else ""
        buttons.append(f'<button type="button" class="{classes}" data-label="{esc(label)}">{key}<span dir="auto">{esc(label)}</span>{chance}</button>')
    rest = len(sitting.labels) - MOST_LABELS
    more = f'<p class="fm-muted">{esc(say("label.more", lang, more=rest))}</p>' if rest > 0 else ""
    return f'<div class="label-choices" role="group" aria-label="{say("label.question", lang)}">{"".join(buttons)}</div>{more}'


def _progress(answered: int, sitting: Sitting, skipped: int, waiting: int, lang: str) -> str:
    line = esc(say("label.progress", lang, answered=answered, total=sitting.total))
    line += f" · {esc(say('label.skipped', lang, skipped=skipped))}" if skipped else ""
    told = say("label.waiting", lang, waiting=waiting) if waiting else say("label.waiting.none", lang) if answered - skipped else ""
    strange = f'<p class="fm-warn">{esc(say("label.strange", lang, strange=sitting.strange))}</p>' if sitting.strange else ""
    return (
        f'<div class="label-progress"><progress class="fm-bar" max="{max(1, sitting.total)}" value="{answered}" aria-label="{line}"></progress>'
        f"<span>{line}</span><b>{esc(told)}</b></div>{strange}"
    )


# -- the page


def build(workspace: Workspace, tab: gr.Tab, name: gr.Radio) -> None:
    """Make the inner tab's components and events, inside its gr.Tab."""
    gr.Markdown(word("label.about"), elem_classes="fm-muted")
    parts: dict[str, Any] = {"kept": gr.Textbox(visible="hidden", elem_id="label-kept")}
    with gr.Row(elem_classes="label-order", equal_height=False):
        parts["order"] = free_choice(
            gr.Dropdown([], label=word("label.order"), info=word("label.order.help"), filterable=False, elem_id="label-order", interactive=True)
        )
        parts["only"] = gr.Checkbox(False, label=word("label.only"), elem_id="label-only", interactive=True, scale=0, min_width=240)
    parts["busy"] = gr.HTML(elem_id="label-busy")
    parts["stop"] = gr.Button(word("label.stop"), size="sm", visible=False, elem_id="label-stop")
    parts["nothing"] = gr.HTML(elem_id="label-nothing")
    with gr.Column(visible=False, elem_id="label-main", elem_classes="label-main") as parts["main"]:
        parts["row"] = gr.HTML(elem_id="label-row")
        parts["choices"] = gr.HTML(elem_id="label-choices")
        with gr.Row(elem_classes="label-acts", equal_height=False):
            parts["typed"] = gr.Textbox(max_lines=1, label=word("label.new"), info=word("label.new.help"), elem_id="label-typed", min_width=200, interactive=True)
            parts["skip"] = gr.Button(word("label.skip"), size="md", elem_id="label-skip", scale=0, min_width=112)
            parts["undo"] = gr.Button(word("label.undo"), size="md", elem_id="label-undo", scale=0, min_width=128)
            parts["again"] = gr.Button(visible=False, size="md", elem_id="label-again", scale=0, min_width=200)
        gr.Markdown(word("label.keys"), elem_classes=["fm-muted", "label-keys"])
        parts["progress"] = gr.HTML(elem_id="label-progress")
        with gr.Row(elem_classes="label-put", equal_height=True):
            parts["put"] = gr.Button(word("label.put"), variant="primary", size="md", elem_id="label-put", scale=0, min_width=280)
            gr.Markdown(word("label.put.help"), elem_classes="fm-muted")
    _events(workspace, tab, name, parts)


def _events(workspace: Workspace, tab: gr.Tab, name: gr.Radio, parts: dict[str, Any]) -> None:
    shown, kept = list(parts.values()), parts["kept"]
    asked = [name, parts["order"], parts["only"], kept]

    def on(event, handler, inputs, **more):
        return event(act(workspace, spread(handler, parts)), inputs, shown, api_visibility="private", **({"show_progress": "hidden"} | more))

    def then(event, js: str) -> None:
        event.success(None, None, None, js=js, api_visibility="private")

    refill = gr.Button(visible="hidden", elem_id="label-refill")  # label.js clicks it when the queue ran out
    picked, take = gr.Textbox(visible="hidden"), gr.Button(visible="hidden", elem_id="label-give")  # and this one for a label
    showing = on(lambda *args, **more: gr.on([tab.select, refill.click], *args, **more), show, asked)
    choosing = on(lambda *args, **more: gr.on([parts["order"].input, parts["only"].input], *args, **more), show, asked)
    again = on(parts["again"].click, ask_again, [name, kept])
    for going in (showing, choosing, again):
        on(going.failure, settled, [kept], queue=False)
        then(going, "() => { fm.label.leave(); fm.label.refill() }")
    on(parts["stop"].click, settled, [kept], cancels=[showing, choosing, again], queue=False)
    answering = [
        on(take.click, answer, [name, kept, picked], js="(name, kept) => [name, kept, fm.label.picked]", queue=False),
        on(parts["typed"].submit, answer, [name, kept, parts["typed"]], queue=False),
        on(parts["skip"].click, skip, [name, kept], queue=False),
        on(parts["undo"].click, take_back, [name, kept], queue=False),
    ]
    putting = on(parts["put"].click, put, [name, kept], show_progress="minimal", show_progress_on=parts["progress"])
    for event in [*answering, putting]:
        on(event.failure, show, asked)  # the page shows what is true again
    for event in answering:
        then(event, "() => { fm.label.leave(); fm.label.refill() }")
    then(putting, "() => document.getElementById('data-refresh').click()")
