"""Real texts of mixed length with 12 classes: passages of SciPy's and scikit-learn's docstrings, and what they are about.

Their lengths are those of what people write (log-normal: half are under 75 characters, one in a hundred reaches 600); whole pages are
held back to validate and to test, as passages of one page share their words.
"""

import csv
import math
import random
import re
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path

from fm_gui.config import DatasetSpec, SplitSpec
from fm_gui.data import sample_sources
from fm_gui.data.adding import add_dataset
from fm_gui.data.samples import TOPICS
from fm_gui.workspace import Workspace

SHORTEST, MEDIAN, LONGEST, SPREAD = 25, 75, 700, 0.9  # characters; of the logarithm


def add(workspace: Workspace, rows: int, file: str | None = None) -> DatasetSpec:
    """About ``rows`` texts as the data set "topics", a tenth each for validation and test; or ``file`` with columns text and label, as it is."""
    if file:
        return add_dataset(workspace, [file], name="topics", roles={"text": "text", "label": "label"})
    made = workspace.root / "topics.csv"
    write(made, rows)
    roles = {"text": "text", "label": "label", "group": "page"}
    return add_dataset(workspace, [made], name="topics", roles=roles, split=SplitSpec(method="group", validation=0.1, test=0.1))


def write(file: Path, rows: int) -> None:
    """``rows`` texts, as many of each topic as it has, in turns."""
    dice = random.Random(7)
    topics = [[(text, topic, page) for text, page in texts(places, dice).items()] for topic, places in TOPICS.items()]
    for one in topics:
        dice.shuffle(one)
    chosen = list(islice((row for row in chain.from_iterable(zip_longest(*topics)) if row), rows))
    with open(file, "w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("text", "label", "page"), *chosen])


def texts(places: tuple[tuple[str, ...], ...], dice: random.Random) -> dict[str, str]:
    """text -> page, of one topic."""
    found: dict[str, str] = {}
    for page, docstring in chain.from_iterable(sample_sources.docstrings(*place) for place in places):
        words = " ".join(paragraphs(docstring))
        while len(words) > SHORTEST:
            goal = round(min(LONGEST, max(SHORTEST, MEDIAN * math.exp(dice.gauss(0, SPREAD)))))
            text = words if len(words) <= goal else words[:goal].rsplit(" ", 1)[0]
            found.setdefault(text, page)
            words = words[len(text) :].strip()
    return found


def paragraphs(docstring: str) -> Iterator[str]:
    """Those of a docstring that are mostly words, its parameters' descriptions among them; no examples."""
    for part in re.split(r"\n\s*\n", docstring):
        text = re.sub(r"\s+", " ", part).strip()
        letters = sum(character.isalpha() or character == " " for character in text)
        if ">>>" not in text and letters > 0.75 * len(text):
            yield text
