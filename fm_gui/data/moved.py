"""Where hand-given labels go when a step changes the texts that they were given to, and when it is taken back.

An answer names its text by ``row_key`` and the steps that were taken when it was given. A step that changes texts writes
down, for those with an answer, which became which (``moved.jsonl``). From the two follows what an answer names in any
version: no answer is ever rewritten, so none is lost.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fm_gui.config import Applied
from fm_gui.data.recipe import row_key
from fm_gui.files import disk_guard

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from fm_gui.data.dataset import Dataset

ANSWERS, MOVED = "labels.jsonl", "moved.jsonl"


def lines(dataset: "Dataset", name: str) -> Iterator[dict[str, Any]]:
    """The lines of a file of ``dataset``, without those that are blank or were cut by a power failure."""
    file = dataset.path / name
    for line in file.read_text(encoding="utf-8").split("\n") if file.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


class Moves:
    """Which texts became which, by every step that ``dataset`` ever took."""

    def __init__(self, dataset: "Dataset"):
        self.now = [step.time for step in dataset.spec.recipe]
        self.forward: dict[float, dict[str, list[str]]] = {}
        self.backward: dict[float, dict[str, list[str]]] = {}
        for line in lines(dataset, MOVED):
            for old, new in line["pairs"]:
                self.forward.setdefault(line["step"], {}).setdefault(old, []).append(new)
                self.backward.setdefault(line["step"], {}).setdefault(new, []).append(old)

    def keys(self, key: str, given: list[float]) -> list[str]:
        """What ``key``, of a text of the version after the steps ``given`` (their times), is in the version in use."""
        back = [self.backward[step] for step in reversed(given) if step not in self.now and step in self.backward]
        on = [self.forward[step] for step in self.now if step not in given and step in self.forward]
        keys = [key]
        for move in back + on:
            keys = list(dict.fromkeys(new for old in keys for new in move.get(old, [old])))
        return keys


def carry(dataset: "Dataset", step: Applied, before: "pa.Table", after: "pa.Table", kept: "np.ndarray | None" = None) -> None:
    """Write down what became of the texts with an answer, in ``step`` from ``before`` to ``after``; ``kept`` as in Result.

    Without ``kept``, tables of different lengths are passed over: a step that takes rows out changes no text.
    """
    old, new = step.roles.get("text"), step.after.get("text")
    if old not in before.column_names or new not in after.column_names or kept is None and before.num_rows != after.num_rows:
        return
    known = {tuple(pair) for line in lines(dataset, MOVED) if line["step"] == step.time for pair in line["pairs"]}
    asked = {line["key"] for line in lines(dataset, ANSWERS)}
    asked |= {key for line in lines(dataset, MOVED) for pair in line["pairs"] for key in pair}
    asked |= {key for one in dataset.spec.recipe if one.step == "set-labels" for key in one.settings["labels"]}
    if not asked:
        return
    was, is_ = _keys(before, old), _keys(after, new)
    was = was if kept is None else [was[row] for row in kept]
    pairs = {pair for pair in zip(was, is_) if pair[0] in asked or pair[1] in asked} - known
    if any(one != other for one, other in pairs):
        line = json.dumps({"step": step.time, "pairs": sorted(pairs)}) + "\n"
        with disk_guard(dataset.path), open(dataset.path / MOVED, "a", encoding="utf-8", newline="\n") as file:
            file.write(line)


def _keys(table: "pa.Table", column: str) -> list[str]:
    from fm_gui.data.formats.cells import as_text

    return [row_key(as_text(cell)) for batch in table.select([column]).to_batches() for cell in batch.column(0).to_pylist()]
