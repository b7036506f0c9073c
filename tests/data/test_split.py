"""Rows are held back by seed: apart for good, each class in its share, nothing seen twice."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.config import SplitSpec
from fm_gui.data.split import PARTS, part_of, split_rows

SPEC = SplitSpec()


def of(names, parts, part):
    return [names[row] for row in parts[part]]


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([" ", "a", "b ", "b", *map(str, range(40))]), st.sampled_from(["x", "y", "z", "", "rare"])), max_size=80
    ),
    labelled=st.booleans(),
    brought=st.none() | st.lists(st.sampled_from(["train", "Dev", "test", "", "what"]), min_size=80, max_size=80),
    seed=st.integers(0, 9),
    share=st.sampled_from([0.01, 0.1, 0.3]),
)
def test_properties(rows, labelled, brought, seed, share):
    texts, labels = [text for text, _ in rows], [label for _, label in rows] if labelled else None
    brought = brought[: len(rows)] if brought else None
    spec = SplitSpec(validation=share, test=share, split_seed=seed)
    parts = split_rows(texts, labels, brought, spec)
    again = split_rows(texts, labels, brought, spec)
    assert all(
        (parts[part] == again[part]).all() and (np.diff(parts[part]) > 0).all() for part in PARTS
    )  # deterministic, sorted, no row twice
    everywhere = np.concatenate([parts[part] for part in PARTS])
    assert len(set(everywhere.tolist())) == len(everywhere)
    usable = {row for row, text in enumerate(texts) if text.strip() and (labels is None or labels[row])}
    assert set(everywhere.tolist()) <= usable
    words = {part: {texts[row].strip() for row in parts[part]} for part in PARTS}
    assert not words["train"] & words["test"] and not words["train"] & words["validation"] and not words["test"] & words["validation"]
    if brought is None:
        assert set(everywhere.tolist()) == usable
        if labelled:
            assert {labels[row] for row in parts["train"]} == {labels[row] for row in usable}
        elif len({texts[row].strip() for row in usable}) >= 3:
            assert all(len(parts[part]) for part in PARTS)
    else:
        for part in ("validation", "test"):  # what was brought to judge by is never trained on
            assert all(part_of(brought[row]) in (None, "train", part) for row in parts[part])


def test_stratified_and_in_shares():
    labels = ["a"] * 700 + ["b"] * 200 + ["c"] * 100
    parts = split_rows([f"text {n}" for n in range(1000)], labels, None, SplitSpec(validation=0.1, test=0.2))
    assert [len(parts[part]) for part in PARTS] == [700, 100, 200]
    assert all(abs(Counter(of(labels, parts, "test"))[label] - wanted) <= 1 for label, wanted in {"a": 140, "b": 40, "c": 20}.items())
    assert all(abs(Counter(of(labels, parts, "validation"))[label] - wanted) <= 1 for label, wanted in {"a": 70, "b": 20, "c": 10}.items())


def test_seed_changes_the_rows():
    texts = [str(n) for n in range(200)]
    first, other = (split_rows(texts, None, None, SplitSpec(split_seed=seed))["test"] for seed in (1, 2))
    assert len(first) == len(other) == 20 and first.tolist() != other.tolist()


@pytest.mark.parametrize("count", [3, 4, 7, 12])
def test_tiny(count):
    parts = split_rows([str(n) for n in range(count)], None, None, SPEC)
    assert all(len(parts[part]) for part in PARTS) and sum(map(len, parts.values())) == count
    labels = [str(n % 2) for n in range(count)]
    parts = split_rows([str(n) for n in range(count)], labels, None, SPEC)
    assert set(of(labels, parts, "train")) == {"0", "1"}
    assert count < 4 or all(len(parts[part]) for part in PARTS)


@pytest.mark.parametrize(
    ("texts", "labels"), [([], None), ([" ", ""], None), (["a"], ["x"]), (["a", "a", "a"], None), (["a", "b"], ["x", "y"])]
)
def test_too_little_trains(texts, labels):
    parts = split_rows(texts, labels, None, SPEC)
    assert len(parts["train"]) == sum(bool(text.strip()) for text in texts) and not len(parts["validation"]) and not len(parts["test"])


def test_every_class_trains_even_where_texts_contradict():
    texts = ["same"] * 4 + [f"t{n}" for n in range(60)]
    labels = ["x", "x", "x", "only here"] + ["x", "y"] * 30
    for seed in range(20):
        parts = split_rows(texts, labels, None, SplitSpec(split_seed=seed))
        assert set(of(labels, parts, "train")) == set(labels)


def test_a_text_repeated_a_lot_trains():
    texts = ["spam"] * 300 + [str(n) for n in range(700)]
    for seed in range(10):
        parts = split_rows(texts, None, None, SplitSpec(split_seed=seed))
        assert "spam" in of(texts, parts, "train") and abs(len(parts["test"]) - 70) <= 1


def test_brought_split_wins():
    texts = [str(n) for n in range(100)] + ["5"]  # the last row repeats a training text in the test part
    brought = ["训练"] * 60 + [" Valid"] * 10 + ["TEST"] * 20 + ["unlabelled"] * 5 + [""] * 5 + ["test"]
    parts = split_rows(texts, None, brought, SPEC)
    assert parts["validation"].tolist() == list(range(60, 70)) and parts["test"].tolist() == [*range(70, 90), 100]
    assert parts["train"].tolist() == [n for n in [*range(60), *range(95, 100)] if n != 5]


def test_missing_part_is_split_off_training():
    texts = [str(n) for n in range(110)]
    parts = split_rows(texts, None, ["train"] * 100 + ["test"] * 10, SPEC)
    assert parts["test"].tolist() == list(range(100, 110)) and len(parts["validation"]) == 10 and len(parts["train"]) == 90


def test_part_names():
    assert [part_of(word) for word in ("Train", "训练集", "dev", "验证", "测试 ", "held-out", "other", "", None)] == [
        "train", "train", "validation", "validation", "test", "test", None, None, None,
    ]  # fmt: skip


def test_fast():
    texts, labels = [f"text {n % 90_000}" for n in range(100_000)], [str(n % 20) for n in range(100_000)]
    started = time.process_time()
    split_rows(texts, labels, None, SPEC)
    assert time.process_time() - started < 3
