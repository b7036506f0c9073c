"""Label rows by hand, most useful first; every answer is on disk before the next row is shown.

Answers stand in the data set's ``labels.jsonl``, one line each, by the row's text: a reload, another window or a change
of the rows loses nothing. ``take_over`` makes them a step of the recipe; while that step is taken back, they wait again.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.dataset import Dataset
from fm_gui.data.moved import ANSWERS, Moves, lines
from fm_gui.data.recipe import row_key
from fm_gui.errors import UserError
from fm_gui.files import disk_guard, write_text

LOOKED_AT = 2_000  # texts that a model ranks: enough to find the doubtful ones, in seconds
AT_ONCE = 64  # of them between two signs of progress
LONGEST_LABEL = 100  # characters
RECENT = 20  # answers that can be taken back one after the other
SKIPPED = ""  # an answer that says: not this one
COLUMN = "label"  # what the step set-labels calls the column that it makes


@dataclass(frozen=True)
class Task:
    """What there is to label and how far it is. Counted in texts: all rows with the same text get the same label."""

    rows: np.ndarray  # row numbers from 0 in the order to ask, the first row of each text that is not answered yet
    answered: int  # of ``total``: by answers that wait, and by those taken over before
    labels: list[str]  # known ones, commonest first
    total: int = 0
    guesses: dict[int, tuple[str, float]] = field(default_factory=dict)  # row -> the run's likeliest label and its probability
    recent: list[int] = field(default_factory=list)  # rows answered last, newest at the end
    strange: int = 0  # labels given to texts that are not in the rows any more, kept in case they come back


def answers(dataset: Dataset) -> dict[str, str]:
    """Row key -> label, of the answers that were given and not taken over, in order; the last one for a text counts."""
    found, moves = {}, Moves(dataset)
    for answer in lines(dataset, ANSWERS):
        if answer.get("taken") in moves.now:
            continue
        for key in moves.keys(answer["key"], answer.get("steps", [])):
            found.pop(key, None)
            if answer["label"] is not None:
                found[key] = answer["label"]
    return found


def give(dataset: Dataset, row: int, label: str | None) -> None:
    """Answer for ``row`` (from 0): a label, SKIPPED, or None to take the answer back. Raises UserError for what cannot be."""
    label = label if label is None else " ".join(label.split())
    if label and len(label) > LONGEST_LABEL:
        raise UserError("label-long", most=LONGEST_LABEL, found=len(label))
    if not 0 <= row < dataset.spec.rows:
        raise UserError("row-unknown", row=row + 1, rows=dataset.spec.rows, name=dataset.spec.name)
    if "text" not in dataset.spec.roles:
        raise UserError("label-no-text", name=dataset.spec.name)
    with dataset.workspace.editing(dataset.spec.name):
        now, text = Dataset(dataset.workspace, dataset.spec.name), dataset.rows([row])[0]["text"]
        if row >= now.spec.rows or now.rows([row])[0].get("text") != text:  # somebody changed the rows since they were seen
            raise UserError("dataset-moved-on", name=dataset.spec.name)
        _append(now, {row_key(text): label})


def forget_skipped(dataset: Dataset) -> None:
    """Take back every "not this one", so that those rows are asked again."""
    with dataset.workspace.editing(dataset.spec.name):
        dataset = Dataset(dataset.workspace, dataset.spec.name)
        _append(dataset, {key: None for key, label in answers(dataset).items() if label == SKIPPED})


def ask(
    dataset: Dataset, run=None, only_empty: bool = False, progress: Callable[[float, str], None] | None = None, again: bool = False
) -> Task:
    """Which rows to ask for, most useful first.

    With ``run`` (a finished text classification) those it is least sure of come first (least margin between its two
    likeliest classes: Scheffer et al. 2001), out of at most 2,000 evenly spread ones; without, rows that have no label,
    then all others, in a fixed random order. ``only_empty`` leaves out rows that have a label; ``again`` asks once more
    for those answered and taken over before. Raises UserError without a text column or a model that fits.
    """
    if run is not None and run.config.task != "text-classification":
        raise UserError("label-run", name=run.id)
    texts, labels = dataset.column("text"), dataset.column("label")
    if texts is None:
        raise UserError("label-no-text", name=dataset.spec.name)
    given, before = answers(dataset), set() if again else _taken_over(dataset)
    empty = [True] * len(texts) if labels is None else [not label for label in labels]
    keys = [row_key(text) if text.strip() else "" for text in texts]
    first: dict[str, int] = {}  # of each text the row to ask for: one without a label, if there is one
    for wanted in (True, False):
        if wanted or not only_empty:
            for row, key in enumerate(keys):
                if key and empty[row] is wanted:
                    first.setdefault(key, row)
    left = np.array(sorted(row for key, row in first.items() if key not in given and key not in before), np.int64)
    order, guesses, known = _empty_first(left, empty, dataset.spec.split.split_seed), {}, list(dataset.label_counts())
    if run is not None:
        looked = left[np.unique(np.linspace(0, len(left) - 1, min(LOOKED_AT, len(left))).astype(np.int64))] if len(left) else left
        scores = _scores(run, [texts[row] for row in looked], progress)
        order = looked[np.argsort([_margin(one) for one in scores], kind="stable")]
        guesses = {int(row): max(one.items(), key=lambda pair: pair[1]) for row, one in zip(looked, scores)}
        known += sorted({label for one in scores[:1] for label in one})
    known += [label for label in given.values() if label]
    rows_of = {key: row for row, key in reversed(list(enumerate(keys))) if key}
    return Task(
        order,
        sum(1 for key in first if key in given or key in before),
        [label for label in dict.fromkeys(known) if len(label) <= LONGEST_LABEL],
        len(first),
        guesses,
        [rows_of[key] for key in list(given)[-RECENT:] if key in rows_of],
        sum(1 for key, label in given.items() if label and key not in rows_of),
    )


def _empty_first(rows: np.ndarray, empty: list[bool], seed: int) -> np.ndarray:
    shuffled = np.random.default_rng(seed).permutation(rows)
    return shuffled[np.argsort([not empty[row] for row in shuffled], kind="stable")]


def _scores(run, texts: list[str], progress: Callable[[float, str], None] | None) -> list[dict[str, float]]:
    """For each text the run's probability of each class."""
    from fm_gui.predict import load

    predictor, found = load(run), []
    for start in range(0, len(texts), AT_ONCE):
        if progress:
            progress(start / len(texts), "label.ranking")
        found += [answer["scores"] for answer in predictor.predict([{"text": text} for text in texts[start : start + AT_ONCE]])]
    return found


def _margin(scores: dict[str, float]) -> float:
    """How far the likeliest class leads the next one, 0 to 1."""
    first, second = sorted(scores.values(), reverse=True)[:2]
    return first - second


def _taken_over(dataset: Dataset) -> set[str]:
    """Row keys of the answers that are in the rows as they are now."""
    moves, found = Moves(dataset), set()
    for number, step in enumerate(dataset.spec.recipe):
        if step.step == "set-labels":
            found |= {new for key in step.settings["labels"] for new in moves.keys(key, moves.now[:number])}
    return found


def take_over(dataset: Dataset) -> Dataset:
    """Make the answers a step of the recipe, and start with none; skipped rows will be asked again.

    Taking that step back brings the answers back. Those to texts that are not in the rows now (a step took them out) wait on. Raises
    UserError if there is nothing to take over, or if no column is the label but one that is called so is in the way.
    """
    from fm_gui.data import history

    with dataset.workspace.editing(dataset.spec.name):
        given = answers(dataset)
        here = {row_key(text) for text in dataset.column("text") or []}
        labels = {key: label for key, label in given.items() if label != SKIPPED and key in here}
        if not labels:
            if waiting := sum(1 for key, label in given.items() if label and key not in here):
                raise UserError("label-elsewhere", name=dataset.spec.name, count=waiting)
            raise UserError("label-none", name=dataset.spec.name)
        if "label" not in dataset.spec.roles and COLUMN in dataset.table.column_names:
            raise UserError("label-column", name=dataset.spec.name, column=COLUMN)
        try:
            dataset = history.apply(dataset, [StepSpec(step="set-labels", settings={"labels": labels})])
        except UserError as problem:
            if problem.code != "step-changes-nothing":  # all answers agree with what stands there
                raise
            _settle(dataset, here, None)
        else:
            _settle(dataset, here, dataset.spec.recipe[-1].time)
    return dataset


# -- the file


def _file(dataset: Dataset) -> Path:
    return dataset.path / ANSWERS


def _append(dataset: Dataset, given: dict[str, str | None]) -> None:
    told = [{"key": key, "label": label, "steps": [step.time for step in dataset.spec.recipe]} for key, label in given.items()]
    with disk_guard(dataset.path), open(_file(dataset), "a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a power failure cut the last line: the next one must not hang on to it
                file.write(b"\n")
        file.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def _settle(dataset: Dataset, here: set[str], step: float | None) -> None:
    """Write beside the answers to texts that are ``here`` (row keys) which step holds them; without one, forget them."""
    moves, left = Moves(dataset), []
    for one in lines(dataset, ANSWERS):
        waits = one.get("taken") not in moves.now and not here.isdisjoint(moves.keys(one["key"], one.get("steps", [])))
        if not waits or step is not None:
            left.append(one | {"taken": step} if waits else one)
    with disk_guard(dataset.path):
        write_text(_file(dataset), "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in left))
