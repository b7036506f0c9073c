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
    return [Finding("near-duplicates", severity, rows, values, told, [_deduplicate_near(looked.labels is not None)])]


def conflicting_labels(looked: Looked) -> list[Finding]:
    """Rows with one text (but for case, width, blanks and marks around words) and different labels.

    The label that most of them have is proposed where there is one.
    """
    if looked.text is None or looked.labels is None:
        return []
    rows = np.flatnonzero(contradicted(looked))  # those without a label too: a fix by text reaches them
    at = rows[looked.labels[rows] >= 0]
    names = max(1, len(looked.label_names))
    pairs, counts = np.unique(looked.folded[at] * names + looked.labels[at], return_counts=True)
    if not len(rows):
        return []
    most: dict[int, tuple[int, str]] = {}  # text -> (rows, label) of its most frequent label, "" while two are as frequent
    for text, label, count in zip((pairs // names).tolist(), (pairs % names).tolist(), counts.tolist()):
        known, _ = most.get(text, (0, ""))
        if count >= known:
            most[text] = (count, "" if count == known else looked.label_names[label])
    text_of = {row_key(text): code for text, code in zip(looked.says.take(rows).to_pylist(), looked.folded[rows].tolist())}
    settled = sum(bool(label) for _, label in most.values())
    remove = StepSpec(step="drop-rows", settings={"keys": sorted(text_of)})
    vote = StepSpec(step="set-labels", settings={"labels": {key: most[text][1] for key, text in text_of.items()}})
    fixes = [vote, remove] if settled == len(most) else [remove]
    severity = "serious" if len(rows) >= MANY_CONFLICTS * looked.count else "attention"
    values = {"count": len(rows), "texts": len(most), "settled": settled, "of": looked.count}
    return [Finding("conflicting-labels", severity, rows, values, _both_labels(looked, rows, looked.folded[rows]), fixes)]


def contradicted(looked: Looked) -> np.ndarray:
    """True for a row whose text stands under two labels."""
    return np.isin(looked.folded, _with_two_labels(looked, np.arange(looked.count), looked.folded))


def _with_two_labels(looked: Looked, rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The groups of ``rows`` (-1: none) that hold two labels."""
    at = np.flatnonzero((groups >= 0) & (looked.labels[rows] >= 0))
    pairs = np.unique(np.stack([groups[at], looked.labels[rows[at]]]), axis=1)[0]
    return np.unique(pairs[1:][pairs[1:] == pairs[:-1]])


def near_conflicts(looked: Looked) -> list[Finding]:
    """Rows that say almost the same under different labels; the same text is told by conflicting_labels."""
    if looked.text is None or looked.labels is None:
        return []
    seen, groups = looked.near
    at = np.flatnonzero((looked.labels[seen] >= 0) & ~contradicted(looked)[seen])
    seen, groups = seen[at], groups[at]
    at = np.flatnonzero(np.isin(groups, _with_two_labels(looked, seen, groups)))
    rows, groups = seen[at], groups[at]
    if not len(rows):
        return []
    severity = "attention" if len(rows) >= MANY * len(seen) else "note"
    values = {"count": len(rows), "texts": len(np.unique(groups)), "looked": len(looked.near[0]), "of": looked.count}
    alone = np.isin(looked.said, looked.said[rows]).sum() == len(rows)  # rows are taken out by their text
    fixes = [StepSpec(step="drop-rows", settings={"keys": looked.keys(rows)})] if alone else []
    return [Finding("near-conflicts", severity, rows, values, _both_labels(looked, rows, groups), fixes, "" if fixes else "finding.by-hand")]


def _both_labels(looked: Looked, rows: np.ndarray, groups: np.ndarray) -> list[dict]:
    """Examples of conflicts, a text (of one of ``groups``) each: a row, and another one with another label."""
    shown_rows, twins, texts = [], [], set()
    for row, group in zip(rows.tolist(), groups.tolist()):
        if group not in texts and looked.labels[row] >= 0:
            texts.add(group)
            shown_rows.append(row)
            same = rows[(groups == group) & (looked.labels[rows] >= 0)]
            twins.append(int(same[looked.labels[same] != looked.labels[row]][0]))
        if len(shown_rows) == EXAMPLES:
            break
    told = [shown(looked.text_at(twin)) if looked.equal[twin] != looked.equal[row] else "" for row, twin in zip(shown_rows, twins)]
    labels = [looked.label_at(twin) for twin in twins]
    return examples(looked, shown_rows, twin=[twin + 1 for twin in twins], twin_label=labels, twin_text=told)


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
    """Held-out rows that say almost what a row in a part before theirs says, whatever their labels are."""
    if looked.text is None:
        return []
    seen, groups = looked.near
    exact = _across(looked.parts, looked.equal)[0] if "split" in looked.roles else np.zeros(0, np.int64)
    other = ~np.isin(seen, exact)
    seen, groups = seen[other], groups[other]
    rows, held, twins = _across(looked.parts[seen], groups)
    if not len(rows):
        return []
    rows, held, twins = seen[rows], seen[held], seen[twins]
    total = int((looked.parts[seen] > 0).sum())
    values = {"count": len(rows), "held": len(held), "of": total, "split": "" if "split" in looked.roles else "similar"}
    severity = "serious" if len(held) >= MANY_LEAKS * total else "attention"
    apart = looked.labels is not None and not len(_with_two_labels(looked, rows, looked.near[1][np.searchsorted(looked.near[0], rows)]))
    return [Finding("near-overlap", severity, rows, values, _sides(looked, held, twins), [_deduplicate_near(apart)])]


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


def _deduplicate_near(keep_per_label: bool) -> StepSpec:
    return StepSpec(step="deduplicate", settings={"near": True, "similarity": SIMILARITY, "keep_per_label": keep_per_label})


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
