"""Rows that say the same, or nearly, as another row: twice over, under two labels, or on both sides of the split."""

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.finding import EXAMPLES, Finding, examples, shown
from fm_gui.data.checks.looked import Looked
from fm_gui.data.recipe import row_key
from fm_gui.data.split import PARTS

SIMILARITY = 0.8  # share of shingles in common from which on two texts are near copies
MANY = 0.01  # share of the rows from which on copies ask for attention
MANY_CONFLICTS, MANY_LEAKS = 0.05, 0.01  # shares of the rows, and of the held-out rows, from which on it is serious


def exact_duplicates(looked: Looked) -> list[Finding]:
    """Rows whose text (and label) an earlier row has, but for blanks at the ends; not those that balancing repeated."""
    wanted = any(step.step == "balance" and step.settings.get("how") == "up" for step in looked.dataset.spec.recipe)
    if looked.text is None or wanted:
        return []
    first = _first_of(_with_label(looked, looked.equal))
    rows = np.flatnonzero((first != np.arange(looked.count)) & (looked.equal >= 0))
    if not len(rows):
        return []
    return [
        Finding(
            "exact-duplicates", "attention" if len(rows) >= MANY * looked.count else "note", rows,
            {"count": len(rows), "of": looked.count}, examples(looked, rows, twin=(first[rows] + 1).tolist()),
            [StepSpec(step="deduplicate", settings={"near": False, "keep_per_label": looked.labels is not None})],
        )
    ]  # fmt: skip


def near_duplicates(looked: Looked) -> list[Finding]:
    """Rows that say almost what an earlier row of their label says; exact copies are told apart (exact_duplicates)."""
    if looked.text is None:
        return []
    seen, groups = looked.near
    first = seen[_first_of(_with_label(looked, groups, seen))]
    near = (first != seen) & (looked.equal[first] != looked.equal[seen])
    rows, twins = seen[near], first[near]
    if not len(rows):
        return []
    values = {"count": len(rows), "looked": len(seen), "of": looked.count}
    told = examples(looked, rows, twin=(twins + 1).tolist(), twin_text=(shown(looked.text_at(twin)) for twin in twins))
    severity = "attention" if len(rows) >= MANY * len(seen) else "note"
    return [Finding("near-duplicates", severity, rows, values, told, [_deduplicate_near(looked)])]


def conflicting_labels(looked: Looked) -> list[Finding]:
    """Rows with one text and different labels; the label that most of them have is proposed where there is one."""
    if looked.text is None or looked.labels is None:
        return []
    at = np.flatnonzero((looked.equal >= 0) & (looked.labels >= 0))
    names = len(looked.label_names)
    pairs, counts = np.unique(looked.equal[at] * names + looked.labels[at], return_counts=True)
    texts = pairs // max(names, 1)
    two = np.zeros(looked.count + 1, bool)
    two[texts[1:][texts[1:] == texts[:-1]]] = True
    rows = np.flatnonzero(two[looked.equal])  # those without a label too: a fix by text reaches them
    if not len(rows):
        return []
    most: dict[int, tuple[int, str]] = {}  # text -> (rows, label) of its most frequent label, "" while two are as frequent
    for text, label, count in zip(texts[two[texts]].tolist(), (pairs % names)[two[texts]].tolist(), counts[two[texts]].tolist()):
        known, _ = most.get(text, (0, ""))
        if count >= known:
            most[text] = (count, "" if count == known else looked.label_names[label])
    keys = dict(zip(looked.equal[rows].tolist(), (row_key(text) for text in looked.says.take(rows).to_pylist())))
    settled = {keys[text]: label for text, (_, label) in most.items() if label}
    remove = StepSpec(step="drop-rows", settings={"keys": sorted(set(keys.values()))})
    vote = StepSpec(step="set-labels", settings={"labels": settled})
    fixes = [vote, remove] if len(settled) == len(most) else [remove]
    severity = "serious" if len(rows) >= MANY_CONFLICTS * looked.count else "attention"
    values = {"count": len(rows), "texts": len(most), "settled": len(settled), "of": looked.count}
    return [Finding("conflicting-labels", severity, rows, values, _both_labels(looked, rows), fixes)]


def _both_labels(looked: Looked, rows: np.ndarray) -> list[dict]:
    """Examples of conflicts, a text each: a row, and another one with another label."""
    shown_rows, twins, texts = [], [], set()
    for row in rows.tolist():
        if looked.equal[row] not in texts:
            texts.add(looked.equal[row])
            shown_rows.append(row)
            same = rows[looked.equal[rows] == looked.equal[row]]
            twins.append(int(same[looked.labels[same] != looked.labels[row]][0]))
        if len(shown_rows) == EXAMPLES:
            break
    return examples(looked, shown_rows, twin=[twin + 1 for twin in twins], twin_label=[looked.label_at(twin) for twin in twins])


def overlap(looked: Looked) -> list[Finding]:
    """Held-out rows whose text also stands in a part before theirs, as the split was brought (fm_gui's own never does that)."""
    if looked.text is None or "split" not in looked.roles:
        return []
    rows, held, twins = _across(looked.parts, looked.equal)
    if not len(rows):
        return []
    total = int((looked.parts > 0).sum())
    values = {"count": len(rows), "held": len(held), "of": total}
    severity = "serious" if len(held) >= MANY_LEAKS * total else "attention"
    fix = StepSpec(step="deduplicate", settings={"near": False, "keep_per_label": False})
    return [Finding("overlap", severity, rows, values, _sides(looked, held, twins), [fix])]


def near_overlap(looked: Looked) -> list[Finding]:
    """Held-out rows that say almost what a row of their label in a part before theirs says."""
    if looked.text is None:
        return []
    seen, groups = looked.near
    exact = _across(looked.parts, looked.equal)[0] if "split" in looked.roles else np.zeros(0, np.int64)
    other = ~np.isin(seen, exact)
    seen, groups = seen[other], _with_label(looked, groups, seen)[other]
    rows, held, twins = _across(looked.parts[seen], groups)
    if not len(rows):
        return []
    rows, held, twins = seen[rows], seen[held], seen[twins]
    total = int((looked.parts[seen] > 0).sum())
    values = {"count": len(rows), "held": len(held), "of": total, "split": "" if "split" in looked.roles else "similar"}
    severity = "serious" if len(held) >= MANY_LEAKS * total else "attention"
    return [Finding("near-overlap", severity, rows, values, _sides(looked, held, twins), [_deduplicate_near(looked)])]


def _across(part: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups with rows in two parts: (all their places; those held out with a twin in an earlier part; that twin of each)."""
    at = np.flatnonzero((part >= 0) & (group >= 0))
    order = at[np.lexsort((part[at], group[at]))]  # each group together, training rows first
    starts = np.r_[True, group[order][1:] != group[order][:-1]] if len(order) else np.zeros(0, bool)
    head = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))] if len(order) else order
    leaked = part[order] > part[head]
    places = at[np.isin(group[at], group[order[leaked]])]
    by_row = np.argsort(order[leaked])
    return places, order[leaked][by_row], head[leaked][by_row]


def _sides(looked: Looked, rows: np.ndarray, twins: np.ndarray) -> list[dict]:
    names = [PARTS[looked.parts[row]] for row in rows[:EXAMPLES]], [PARTS[looked.parts[twin]] for twin in twins[:EXAMPLES]]
    texts = [shown(looked.text_at(twin)) for twin in twins[:EXAMPLES]]
    return examples(looked, rows, part=names[0], twin=(twins + 1).tolist(), twin_part=names[1], twin_text=texts)


def _deduplicate_near(looked: Looked) -> StepSpec:
    return StepSpec(step="deduplicate", settings={"near": True, "similarity": SIMILARITY, "keep_per_label": looked.labels is not None})


def _with_label(looked: Looked, groups: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Groups told apart by label too, where there are labels."""
    if looked.labels is None:
        return groups
    labels = looked.labels if rows is None else looked.labels[rows]
    return np.where(groups >= 0, groups * (len(looked.label_names) + 1) + labels + 1, -1)


def _first_of(group: np.ndarray) -> np.ndarray:
    """The first place of each place's group."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return first[inverse]
