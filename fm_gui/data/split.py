"""Which rows teach, which steer and which judge: split once, by seed, and kept apart for good."""

from typing import Literal

import numpy as np

from fm_gui.config import SplitSpec
from fm_gui.errors import UserError

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
FEW_GROUPS = 20_000  # below, groups are balanced one by one; above, chance does it
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


def split_rows(
    texts: list[str], labels: list[str] | None, brought: list[str] | None, spec: SplitSpec,
    groups: list[str] | None = None, dates: list[str] | None = None,
) -> dict[Part, np.ndarray]:  # fmt: skip
    """Row numbers (from 0, sorted) of each part; the same for the same rows and spec.

    - Rows with an empty text, or an empty label where there are labels, are in no part.
    - Equal texts (but for blanks at the ends) are never in two parts; with method "group" neither are rows of one group,
      and with ``keep_similar`` neither are near-copies. A row with an empty group stands alone.
    - "stratified": every class keeps the share ``spec`` asks for, to a row, and at least one training row. Every part has
      a row if there are texts enough (three that no class needs for training). "group" comes as near to that as its groups let it; "random" ignores the classes.
    - "time": the newest rows judge, the next newest steer, chance decides within a date; rows without a readable date train.
    - "k-fold": slice ``fold`` of ``folds`` judges, ``validation`` of the rest steers; every row judges in one fold.
    - ``brought`` wins where it is given: rows with an empty value train, with an unknown value are in no part. A text
      that was brought for two parts stays in the one that judges (test before validation before train). A part that
      was not brought at all is split off the training rows.

    Raises UserError if the method needs a column that no role names, or a fold beyond the last.
    """
    check_method(spec, groups is not None, dates is not None)
    usable = np.fromiter((bool(text.strip()) for text in texts), bool, len(texts))
    if labels is not None:
        usable &= np.fromiter((bool(label.strip()) for label in labels), bool, len(labels))
    rows = np.flatnonzero(usable)
    group_of = _groups(rows, texts, groups if spec.method == "group" else None, spec.keep_similar)
    classes = spec.method in ("stratified", "group", "k-fold") and labels is not None
    class_of = _codes([labels[row].strip() for row in rows]) if classes else np.zeros(len(rows), int)
    part, fixed = _brought_parts(brought, rows, group_of)
    missing = [name for name in ("test", "validation") if name not in fixed]
    open_rows = np.flatnonzero(part == 0)
    if missing and len(open_rows):
        shares = {PARTS.index(name): getattr(spec, name) for name in missing}
        inside = group_of[open_rows], class_of[open_rows]
        if spec.method == "time":
            part[open_rows] = _split_by_time(inside[0], [dates[row] for row in rows[open_rows]], shares, spec.split_seed)
        elif spec.method == "k-fold" and "test" in missing:
            part[open_rows] = _split_in_folds(*inside, shares, spec)
        elif spec.method == "group" and inside[0].max() < FEW_GROUPS:
            part[open_rows] = _split_few_groups(*inside, shares, spec.split_seed)
        else:
            part[open_rows] = _split_groups(*inside, shares, np.random.default_rng(spec.split_seed))
    return {name: rows[part == number] for number, name in enumerate(PARTS)}


def check_method(spec: SplitSpec, groups: bool, dates: bool) -> None:
    """Raises UserError if ``spec`` cannot be followed: no column plays the role its method needs, or no such fold."""
    if spec.method == "group" and not groups or spec.method == "time" and not dates:
        raise UserError("split-needs-role", method=spec.method, role={"group": "group", "time": "date"}[spec.method])
    if spec.method == "k-fold" and spec.fold > spec.folds:
        raise UserError("split-fold", fold=spec.fold, folds=spec.folds)


def _groups(rows: np.ndarray, texts: list[str], groups: list[str] | None, similar: bool) -> np.ndarray:
    """A number for each row; rows that must stay together share one."""
    chosen = [texts[row].strip() for row in rows]
    links = [_codes(chosen)]
    if groups is not None:
        links.append(_codes([groups[row].strip() or f"\0{row}" for row in rows]))
    if similar:
        from fm_gui.data.similar import near_duplicates

        links.append(near_duplicates(chosen))
    if len(links) == 1 or not len(rows):
        return links[0]
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # rows and what they share are the two sides of a graph: what hangs together stays together
    offsets = np.cumsum([len(rows), *(link.max() + 1 for link in links)])
    left = np.tile(np.arange(len(rows)), len(links))
    right = np.concatenate([link + offset for link, offset in zip(links, offsets)])
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(offsets[-1], offsets[-1]))
    return connected_components(graph, directed=False)[1][: len(rows)]


def _split_by_time(group_of: np.ndarray, dates: list[str], shares: dict[int, float], seed: int) -> np.ndarray:
    """Part number of each row: the newest share of the dated groups for the first part of ``shares``, the next newest for the next.

    Of groups with one date, chance decides which are newer; the oldest group always trains.
    """
    from fm_gui.data.dates import read_dates

    times = read_dates(dates)
    never = np.iinfo(np.int64).max
    earliest = np.full(group_of.max() + 1, never)
    np.minimum.at(earliest, group_of, np.where(np.isnat(times), never, times.astype(np.int64)))
    dated = np.flatnonzero(earliest < never)  # copies count from the first time they were seen
    order = dated[np.lexsort((np.random.default_rng(seed).random(len(dated)), earliest[dated]))][::-1]
    sizes, part_of_group = np.bincount(group_of), np.zeros(len(earliest), int)
    for number, share in shares.items():
        count = int(np.searchsorted(np.cumsum(sizes[order]), max(1, round(share * len(group_of))))) + 1
        taken, order = np.split(order, [min(count, max(0, len(order) - 1))])
        part_of_group[taken] = number
    return part_of_group[group_of]


def _split_few_groups(group_of: np.ndarray, class_of: np.ndarray, shares: dict[int, float], seed: int) -> np.ndarray:
    """Part number of each row where groups are large and few, so that sizes and classes must be balanced group by group."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    part, open_rows = np.zeros(len(group_of), int), np.arange(len(group_of))
    for number, share in shares.items():
        folds = min(max(2, round(len(open_rows) / (share * len(group_of)))), len(np.unique(group_of[open_rows])))
        if folds < 2 or np.bincount(class_of[open_rows]).max() < folds:
            break  # too few groups to hold one back
        with warnings.catch_warnings(action="ignore"):  # a class with fewer rows than folds cannot be in each; it still trains
            cuts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(open_rows, class_of[open_rows], group_of[open_rows])
            held = [taken for _, taken in cuts]
        best = min(held, key=lambda taken: _unlike(class_of, open_rows[taken], share))
        part[open_rows[best]] = number
        open_rows = np.delete(open_rows, best)
    return _teach_every_class(part, group_of, class_of)


def _unlike(class_of: np.ndarray, taken: np.ndarray, share: float) -> float:
    """How far the classes' counts in ``taken`` are from ``share`` of each class."""
    wanted = np.bincount(class_of) * share
    return float(np.abs(np.bincount(class_of[taken], minlength=len(wanted)) - wanted).sum())


def _split_in_folds(group_of: np.ndarray, class_of: np.ndarray, shares: dict[int, float], spec: SplitSpec) -> np.ndarray:
    """Part number of each row where slice ``spec.fold`` judges; whole groups, each class spread over the folds."""
    rng = np.random.default_rng(spec.split_seed)
    _, group_of = np.unique(group_of, return_inverse=True)
    first_row = np.unique(group_of, return_index=True)[1]
    order = np.lexsort((rng.random(len(first_row)), class_of[first_row]))
    fold_of_group = np.empty(len(first_row), int)
    fold_of_group[order] = np.arange(len(first_row)) % spec.folds
    part = np.where(fold_of_group[group_of] == spec.fold - 1, PARTS.index("test"), 0)
    rest = np.flatnonzero(part == 0)
    steering = {number: share for number, share in shares.items() if number != PARTS.index("test")}
    if steering and len(rest):
        part[rest] = _split_groups(group_of[rest], class_of[rest], steering, rng)
    return part


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
