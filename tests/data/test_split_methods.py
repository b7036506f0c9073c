"""Other ways to hold rows back: by group, by time, in folds, near-copies together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.config import SplitSpec
from fm_gui.data.split import PARTS, split_rows
from fm_gui.errors import UserError

TEXTS = [f"text number {n}" for n in range(100)]
LABELS = [("a", "b", "b", "b")[n % 4] for n in range(100)]


def whole(parts, rows=100):
    """Each row is in one part."""
    return sorted(np.concatenate([parts[part] for part in PARTS]).tolist()) == list(range(rows))


@given(st.lists(st.integers(0, 12), min_size=100, max_size=100), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_a_group_is_never_in_two_parts(authors, seed):
    groups = [f"author {n}" if n else "" for n in authors]
    parts = split_rows(TEXTS, LABELS, None, SplitSpec(method="group", split_seed=seed), groups)
    assert whole(parts)
    for name in set(groups) - {""}:
        assert sum(any(groups[row] == name for row in parts[part]) for part in PARTS) == 1


def test_groups_and_equal_texts_hang_together():
    texts = list(TEXTS)
    texts[0] = texts[50] = "the same"  # of authors 0 and 5, so all of both stay together
    groups = [str(n // 10) for n in range(100)]
    for seed in range(8):
        parts = split_rows(texts, None, None, SplitSpec(method="group", split_seed=seed, test=0.2, validation=0.2), groups)
        assert whole(parts) and all(len(parts[part]) for part in PARTS)
        assert sum(any(row // 10 in (0, 5) for row in parts[part]) for part in PARTS) == 1


def test_the_newest_rows_judge():
    dates = [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(100)]
    dates[7] = "no date"
    parts = split_rows(TEXTS, LABELS, None, SplitSpec(method="time", test=0.2, validation=0.1), None, dates)
    assert whole(parts) and 7 in parts["train"]
    newest = {part: max(dates[row] for row in parts[part] if row != 7) for part in PARTS}
    oldest = {part: min(dates[row] for row in parts[part] if row != 7) for part in PARTS}
    assert newest["train"] < oldest["validation"] <= newest["validation"] < oldest["test"]
    assert 18 <= len(parts["test"]) <= 26


@pytest.mark.parametrize("days", [1, 2, 3])
def test_few_dates_leave_rows_to_learn_from(days):
    """A date of very many rows is cut within, by chance, so that each part has its share."""
    dates = [f"2024-01-{1 + n % days:02d}" for n in range(100)]
    parts, other = (split_rows(TEXTS, LABELS, None, SplitSpec(method="time", split_seed=seed), None, dates) for seed in (1, 2))
    assert whole(parts) and [len(parts[part]) for part in PARTS] == [80, 10, 10]
    assert parts["test"].tolist() != other["test"].tolist()
    assert {dates[row] for row in parts["test"]} == {max(dates)}


def test_each_row_judges_in_one_fold():
    judged = []
    for fold in range(1, 5):
        parts = split_rows(TEXTS, LABELS, None, SplitSpec(method="k-fold", folds=4, fold=fold))
        assert whole(parts) and len(parts["validation"]) >= 5
        assert 0.15 <= np.mean([LABELS[row] == "a" for row in parts["test"]]) <= 0.35  # stratified
        judged += parts["test"].tolist()
    assert sorted(judged) == list(range(100))


def test_near_copies_stay_together():
    words = [f"{syllable}{ending}" for syllable in ("ban", "cor", "del", "fim", "gup", "hax", "jol", "kem", "lor", "mip") for ending in ("a", "ot", "ery", "ing", "us")]
    dice = np.random.default_rng(5)
    texts = [" ".join(dice.choice(words, 25)) for _ in range(30)]
    texts = [copy for text in texts for copy in (text, text + " today")] + [" ".join(dice.choice(words, 25)) for _ in range(40)]
    apart = 0
    for seed in range(4):
        parts = split_rows(texts, None, None, SplitSpec(keep_similar=True, split_seed=seed, test=0.2))
        part_of = {row: part for part in PARTS for row in parts[part]}
        assert whole(parts) and all(part_of[n] == part_of[n + 1] for n in range(0, 60, 2))
        parts = split_rows(texts, None, None, SplitSpec(split_seed=seed, test=0.2))
        part_of = {row: part for part in PARTS for row in parts[part]}
        apart += sum(part_of[n] != part_of[n + 1] for n in range(0, 60, 2))
    assert apart > 20  # without it they are torn apart


def test_random_ignores_labels():
    parts = split_rows(TEXTS, LABELS, None, SplitSpec(method="random", test=0.2))
    assert whole(parts) and len(parts["test"]) == 20


def test_what_a_method_needs():
    for spec, code in ((SplitSpec(method="group"), "split-needs-role"), (SplitSpec(method="time"), "split-needs-role"), (SplitSpec(method="k-fold", fold=6), "split-fold")):
        with pytest.raises(UserError) as problem:
            split_rows(TEXTS, LABELS, None, spec)
        assert problem.value.code == code
