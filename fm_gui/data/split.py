"""Which rows teach, which steer and which judge: split once, by seed, and kept apart for good."""

from typing import Literal

import numpy as np

from fm_gui.config import SplitSpec

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
PART_NAMES: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training", "trn", "tr", "learn", "训练", "训练集", "訓練"),
    "validation": (
        "validation",
        "valid",
        "val",
        "dev",
        "development",
        "eval",
        "evaluation",
        "验证",
        "验证集",
        "开发集",
        "校验",
        "校验集",
        "驗證",
    ),
    "test": ("test", "testing", "tst", "te", "holdout", "held-out", "heldout", "测试", "测试集", "測試"),
}


def part_of(value: str | None) -> Part | None:
    """The part a brought split column's value stands for: "Dev" -> "validation", "训练集" -> "train"; None if unknown."""
    word = (value or "").strip().lower()
    return next((part for part, words in PART_NAMES.items() if word in words), None)


def split_rows(texts: list[str], labels: list[str] | None, brought: list[str] | None, spec: SplitSpec) -> dict[Part, np.ndarray]:
    """Row numbers (from 0, sorted) of each part; the same for the same rows and spec.

    - Rows with an empty text, or an empty label where there are labels, are in no part.
    - Equal texts (but for blanks at the ends) are never in two parts.
    - Every class keeps the share ``spec`` asks for, to a row, and at least one training row. Every part has a row
      if there are texts enough (three that no class needs for training).
    - ``brought`` wins where it is given: rows with an empty value train, with an unknown value are in no part. A text
      that was brought for two parts stays in the one that judges (test before validation before train). A part that
      was not brought at all is split off the training rows.
    """
    usable = np.fromiter((bool(text.strip()) for text in texts), bool, len(texts))
    if labels is not None:
        usable &= np.fromiter((bool(label.strip()) for label in labels), bool, len(labels))
    rows = np.flatnonzero(usable)
    group_of = _codes([texts[row].strip() for row in rows])
    class_of = _codes([labels[row].strip() for row in rows]) if labels is not None else np.zeros(len(rows), int)
    part, fixed = _brought_parts(brought, rows, group_of)
    missing = [name for name in ("test", "validation") if name not in fixed]
    if missing:
        open_rows = np.flatnonzero(part == 0)
        shares = {PARTS.index(name): getattr(spec, name) for name in missing}
        if len(open_rows):
            part[open_rows] = _split_groups(group_of[open_rows], class_of[open_rows], shares, np.random.default_rng(spec.split_seed))
    return {name: rows[part == number] for number, name in enumerate(PARTS)}


def _codes(values: list[str]) -> np.ndarray:
    """Equal values -> equal small numbers, in the order of first sight."""
    known: dict[str, int] = {}
    return np.fromiter((known.setdefault(value, len(known)) for value in values), int, len(values))


def _brought_parts(brought: list[str] | None, rows: np.ndarray, group_of: np.ndarray) -> tuple[np.ndarray, set[str]]:
    """(part number of each usable row, -1 for none; the held-out parts that were brought)."""
    if brought is None:
        return np.zeros(len(rows), int), set()
    numbers = {value: PARTS.index(part_of(value)) if part_of(value) else (-1 if value.strip() else 0) for value in set(brought)}
    part = np.fromiter((numbers[brought[row]] for row in rows), int, len(rows))
    if len(rows):
        judged = np.full(group_of.max() + 1, -1)
        np.maximum.at(judged, group_of, part)
        part = np.where(part == judged[group_of], part, -1)
    return part, {PARTS[number] for number in set(part.tolist()) if number > 0}


def _split_groups(group_of: np.ndarray, class_of: np.ndarray, shares: dict[int, float], rng: np.random.Generator) -> np.ndarray:
    """Part number of each row, whole groups (rows of one text) at a time, each class cut in the same shares."""
    _, group_of, sizes = np.unique(group_of, return_inverse=True, return_counts=True)
    groups = len(sizes)
    rarity = np.bincount(class_of)[class_of]
    # a text under two labels counts for the rarer one, which needs it more
    by_rarity = np.lexsort((rarity, group_of))
    class_of_group = class_of[by_rarity][np.searchsorted(group_of[by_rarity], np.arange(groups))]
    order = np.lexsort((rng.random(groups), class_of_group))
    first_of_class = np.r_[True, np.diff(class_of_group[order]) != 0]
    free = order[~first_of_class]  # one text of each class always trains
    # a text repeated so often that it alone would be much of a part says little as a test: it trains
    modest = sizes[free] <= max(1.0, min(shares.values()) * len(group_of) / 4)
    if modest.sum() >= len(shares):
        free = free[modest]
    part_of_group = np.zeros(groups, int)
    for left, (part, share) in zip(range(len(shares) - 1, -1, -1), shares.items()):
        count = min(max(1, round(share * groups)), len(free) - left if len(free) > left else len(free))
        if count <= 0:
            continue
        # every so-many-th of the groups ordered by class: each class gives its share, to one
        taken = ((np.arange(count) + rng.random()) * len(free) / count).astype(int)
        part_of_group[free[taken]] = part
        free = np.delete(free, taken)
    return _teach_every_class(part_of_group[group_of], group_of, class_of)


def _teach_every_class(part: np.ndarray, group_of: np.ndarray, class_of: np.ndarray) -> np.ndarray:
    """Move to training what holds the only rows of a class (a text under two labels can hide one)."""
    taught = np.zeros(class_of.max() + 1, bool)
    taught[class_of[part == 0]] = True
    for missing in np.setdiff1d(np.unique(class_of), np.flatnonzero(taught)):
        part[group_of == group_of[np.flatnonzero(class_of == missing)[0]]] = 0
    return part
