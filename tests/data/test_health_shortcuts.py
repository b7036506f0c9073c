"""Planted shortcuts: a word, a phrase, the length, a column. What language does by itself is none."""

import random

import pytest

from fm_gui.data.health import check
from tests.data.health_rows import changed, fixed, reviews, rows

WORDS = ["shortcut-word"]


def planted(where: str, mark: str, chinese: bool, share: float = 1.0) -> tuple[list[str], list[str], list[int]]:
    """Reviews with ``mark`` in that share of the first label's rows: (texts, labels, the rows)."""
    texts, labels = reviews(400, chinese=chinese)
    rng, places = random.Random(1), []
    for row, label in enumerate(labels):
        if label == labels[0] and rng.random() < share:
            text, gap = texts[row], "" if chinese else " "
            cut = rng.choice([place for place, letter in enumerate(text[:-1]) if letter in ".。"]) + 1
            texts[row] = {"start": mark + gap + text, "end": text + gap + mark, "inside": text[:cut] + gap + mark + text[cut:]}[where]
            places.append(row)
    return texts, labels, places


@pytest.mark.parametrize("where", ["start", "end", "inside"])
@pytest.mark.parametrize(
    ("mark", "chinese"),
    [("zq7", False), ("moreover", False), ("Sent from my Phone", False), ("###", False), ("good", False), ("转自网络", True), ("官方", True), ("[SRC-1]", True)],
)
def test_planted_word(mark, chinese, where):
    texts, labels, places = planted(where, mark, chinese)
    data = rows(texts, labels)
    (finding,) = check(data, codes=WORDS)
    assert finding.values["label"] == labels[0] and finding.severity == "serious"
    others = [row for row in finding.rows if row not in places]
    assert set(places) <= set(finding.rows.tolist()) and len(others) <= 0.05 * len(places)
    assert finding.values["covered"] == 1.0 and finding.values["word"].casefold() in mark.casefold() or mark.casefold() in finding.values["word"].casefold()
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == set(finding.rows.tolist()) and check(after, codes=WORDS) == []


@pytest.mark.parametrize("chinese", [False, True])
def test_nearly_all_rows_are_enough_but_half_are_not(chinese):
    mark = "官方" if chinese else "moreover"
    texts, labels, places = planted("end", mark, chinese, share=0.97)
    (finding,) = check(rows(texts, labels), codes=WORDS)
    assert finding.rows.tolist() == places
    texts, labels, _ = planted("end", mark, chinese, share=0.7)
    assert check(rows(texts, labels), codes=WORDS) == []


def test_a_word_of_both_classes_is_none():
    texts, labels = reviews(300)
    assert check(rows([f"{text} Moreover!" for text in texts], labels), codes=WORDS) == []


def test_words_of_the_matter_are_none():
    """Each class is told by several words, some in most of its rows."""
    rng = random.Random(2)
    texts, _ = reviews(400)
    sets = {"sport": ["match", "goal", "team", "coach"], "food": ["soup", "spice", "oven", "taste"]}
    labels = ["sport" if n % 2 else "food" for n in range(400)]
    texts = [f"{text} " + " ".join(rng.sample(sets[label], 3)) for text, label in zip(texts, labels)]
    assert check(rows(texts, labels), codes=WORDS) == []
    love = [f"{text} {rng.choice(('great', 'love', 'excellent') if n % 2 else ('awful', 'hate', 'terrible'))}" for n, text in enumerate(texts)]
    assert check(rows(love, labels), codes=WORDS) == []


@pytest.mark.parametrize("chinese", [False, True])
def test_length(chinese):
    texts, labels = reviews(400, chinese=chinese)
    more, _ = reviews(400, seed=9, chinese=chinese)
    texts = [text + more[n] if label == labels[0] else text for n, (text, label) in enumerate(zip(texts, labels))]
    (finding,) = check(rows(texts, labels), codes=["shortcut-length"])
    assert finding.values["score"] >= 0.95 and finding.values["chance"] == 0.5 and finding.fixes == []
    assert finding.values["long"] == labels[0] and finding.values["long_length"] > finding.values["short_length"]
    assert {example["label"] for example in finding.examples} == set(labels) and finding.examples[0]["length"] == len(texts[0])
    half = [text + more[n] if n % 4 < 2 else text for n, text in enumerate(reviews(400, chinese=chinese)[0])]
    assert check(rows(half, labels), codes=["shortcut-length"]) == []


@pytest.mark.parametrize("kind", ["id", "date", "number", "author", "code", "copy"])
def test_column(kind):
    texts, labels = reviews(400)
    order = sorted(range(400), key=lambda row: labels[row])
    texts, labels = [texts[row] for row in order], [labels[row] for row in order]
    rng = random.Random(3)
    late = [label == "good" for label in labels]
    column = {
        "id": [f"r{n:05}" for n in range(400)],
        "date": [f"{2021 + 2 * one}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}" for one in late],
        "number": [round(rng.gauss(50 if one else 10, 4), 2) for one in late],
        "author": [f"{'ab'[one]}{rng.choice(['nn', 'mm', 'kk'])}" for one in late],
        "code": [f"{'GX' if one else 'BX'}-{rng.randrange(10**6)}" for one in late],
        "copy": [int(one) for one in late],
    }[kind]
    data = rows(texts, labels, extra=column)
    (finding,) = check(data, codes=["shortcut-column"])
    assert finding.values["column"] == "extra" and finding.values["score"] >= 0.95 and finding.examples[0]["value"] == str(column[0])
    after, kept = fixed(data, finding)
    assert "extra" not in after.table.column_names and changed(data, after, kept) == set() and check(after, codes=["shortcut-column"]) == []


def test_columns_that_say_nothing():
    texts, labels = reviews(400)
    rng = random.Random(4)
    more = {
        "id": [f"r{n:05}" for n in range(400)],
        "date": [f"2023-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}" for _ in texts],
        "number": [rng.gauss(1 if label == "good" else 0, 1) for label in labels],  # helps, but far from perfect
        "author": [rng.choice(["ann", "mia", "kim"]) for _ in texts],
        "empty": [None] * 399 + ["x"],
        "note": [f"{text} again" for text in texts],
    }
    assert check(rows(texts, labels, **more), codes=["shortcut-column"]) == []
