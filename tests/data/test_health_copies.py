"""Planted copies: equal, near, under two labels, across the split, of one author. Exactly these are found, and fixed."""

import random

import numpy as np
import pytest

from fm_gui.config import SplitSpec
from fm_gui.data.health import check
from fm_gui.data.sample_sources import help_topics, plain_paragraphs
from fm_gui.data.similar import near_duplicates
from tests.data.health_rows import Rows, changed, fixed, reviews, rows

CHINESE = pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])


def english_prose(count: int) -> list[str]:
    """Paragraphs of Python's help topics, none the same as another or nearly."""
    paragraphs = [text for topic in help_topics() for text in plain_paragraphs(topic)]
    groups = near_duplicates(paragraphs)
    first = np.unique(groups, return_index=True)[1]
    return [paragraphs[place] for place in np.sort(first)[:count]]


def edited(text: str) -> str:
    return text[: len(text) // 2] + "x" + text[len(text) // 2 + 1 :]


@CHINESE
def test_exact_duplicates(chinese):
    texts, labels = reviews(400, chinese=chinese)
    rng = random.Random(1)
    places = sorted(rng.sample(range(200, 400), 30))
    for place in places:
        source = rng.randrange(200)
        texts[place], labels[place] = f" {texts[source]} ", labels[source]
    data = rows(texts, labels)
    (finding,) = check(data, codes=["exact-duplicates", "near-duplicates", "conflicting-labels"])
    assert finding.code == "exact-duplicates" and finding.rows.tolist() == places
    twin = finding.examples[0]["twin"] - 1
    assert texts[twin].strip() == texts[places[0]].strip() and twin < places[0]
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == set(places) and check(after) == []


@CHINESE
def test_near_duplicates(chinese):
    texts, labels = reviews(400, chinese=chinese)
    rng = random.Random(1)
    places = sorted(rng.sample(range(200, 400), 30))
    for place in places:
        source = rng.randrange(200)
        texts[place], labels[place] = edited(texts[source]), labels[source]
    data = rows(texts, labels, split=SplitSpec(keep_similar=True))
    found = {finding.code: finding for finding in check(data, codes=["exact-duplicates", "near-duplicates", "near-overlap"])}
    near = set(found["near-duplicates"].rows.tolist())
    assert near <= set(places) and len(near) >= 29
    assert "near-overlap" not in found  # they are split together
    after, kept = fixed(data, found["near-duplicates"])
    assert changed(data, after, kept) >= near and changed(data, after, kept) <= set(places)
    assert check(after, codes=["near-duplicates"]) == []


@CHINESE
def test_conflicting_labels(chinese):
    texts, labels = reviews(300, chinese=chinese)
    good, bad = labels[:2]
    texts[100], texts[102], labels[100], labels[102] = texts[10], texts[10], labels[10], bad if labels[10] == good else good
    texts[200], texts[202], labels[200], labels[202] = texts[21], texts[21], labels[21], bad if labels[21] == good else good
    data = rows(texts, labels)
    (finding,) = check(data, codes=["conflicting-labels"])
    assert finding.rows.tolist() == [10, 21, 100, 102, 200, 202] and (finding.values["texts"], finding.values["settled"]) == (2, 2)
    assert {finding.examples[0]["label"], finding.examples[0]["twin_label"]} == {good, bad}
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == {102, 202} and check(after, codes=["conflicting-labels"]) == []
    assert after.table["label"][102].as_py() == labels[10]
    after, kept = fixed(data, finding, 1)
    assert changed(data, after, kept) == set(finding.rows.tolist()) and check(after, codes=["conflicting-labels"]) == []


def test_the_same_but_for_one_sign_is_the_same():
    """Prose of Python's help: case, a full stop, a double blank or quotes hide no contradiction; precision and recall 1."""
    texts = english_prose(300)
    labels = ["ab"[n % 2] for n in range(300)]
    variants = (str.upper, lambda text: text + ".", lambda text: text.replace(" ", "  ", 1), lambda text: f"“{text}”", str.lower)
    planted = {}
    for number, change in enumerate(variants * 4):
        texts.append(change(texts[7 * number]))
        labels.append("b" if labels[7 * number] == "a" else "a")
        planted[300 + number] = 7 * number
    data = rows(texts, labels)
    found = {finding.code: finding for finding in check(data, codes=["conflicting-labels", "near-conflicts"])}
    assert found.keys() == {"conflicting-labels"}
    assert found["conflicting-labels"].rows.tolist() == sorted({*planted, *planted.values()})
    after, kept = fixed(data, found["conflicting-labels"])
    assert changed(data, after, kept) == {*planted, *planted.values()} and check(after, codes=["conflicting-labels"]) == []


def test_the_vote_reaches_every_way_to_write_it():
    texts, labels = reviews(60)
    texts += [texts[10].upper(), texts[10] + "!"]
    labels += [labels[10], "good" if labels[10] == "bad" else "bad"]
    data = rows(texts, labels)
    (finding,) = check(data, codes=["conflicting-labels"])
    after, kept = fixed(data, finding)
    assert finding.rows.tolist() == [10, 60, 61] and changed(data, after, kept) == {61}
    assert after.table["label"][61].as_py() == labels[10]


def test_near_conflicts():
    """Prose with one word changed under another label: precision 1, recall 0.9; clean prose raises nothing."""
    texts = [text for text in english_prose(400) if len(text) > 80][:200]
    labels = ["ab"[n % 2] for n in range(len(texts))]
    assert check(rows(texts, labels), codes=["near-conflicts", "conflicting-labels"]) == []
    planted = {}
    for number in range(20):
        texts.append(edited(texts[5 * number]))
        labels.append("b" if labels[5 * number] == "a" else "a")
        planted[len(texts) - 1] = 5 * number
    data = rows(texts, labels)
    (finding,) = check(data, codes=["near-conflicts", "conflicting-labels", "near-duplicates"])
    found = set(finding.rows.tolist())
    assert finding.code == "near-conflicts" and found <= {*planted, *planted.values()} and len(found) >= 36
    assert finding.examples[0]["twin_label"] != finding.examples[0]["label"] and finding.examples[0]["twin_text"]
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == found


def test_a_tie_is_not_decided():
    texts, labels = reviews(100)
    texts[1] = texts[0]
    (finding,) = check(rows(texts, labels), codes=["conflicting-labels"])
    assert finding.rows.tolist() == [0, 1] and [step.step for step in finding.fixes] == ["drop-rows"]


PARTS = ["train"] * 300 + ["dev"] * 50 + ["test"] * 50


@CHINESE
def test_overlap_of_a_brought_split(chinese):
    texts, labels = reviews(400, chinese=chinese)
    for place, source in ((310, 5), (360, 6), (361, 7), (395, 320)):
        texts[place], labels[place] = texts[source], labels[source]
    data = rows(texts, labels, split=None)
    assert check(data, codes=["overlap"]) == []  # fm_gui's own split never does that
    data = rows(texts, labels, set=PARTS, roles={"split": "set"})
    found = {finding.code: finding for finding in check(data, codes=["overlap", "near-overlap"])}
    assert found.keys() == {"overlap"}
    finding = found["overlap"]
    assert finding.rows.tolist() == [5, 6, 7, 310, 320, 360, 361, 395] and (finding.values["held"], finding.values["of"]) == (4, 100)
    assert finding.examples[0] | {"text": "", "twin_text": ""} == {
        "row": 311, "text": "", "label": labels[310], "part": "validation", "twin": 6, "twin_part": "train", "twin_text": "",
    }  # fmt: skip
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == {310, 360, 361, 395} and check(after, codes=["overlap"]) == []


@pytest.mark.parametrize("brought", [False, True])
def test_near_overlap(brought):
    texts, labels = reviews(400)
    data = rows(texts, labels, set=PARTS, roles={"split": "set"} if brought else {})
    parts = data.parts()
    planted = list(zip(parts["test"][:10].tolist(), parts["train"][:10].tolist()))
    for place, source in planted:
        texts[place], labels[place] = edited(texts[source]), labels[source]
    data = rows(texts, labels, set=PARTS, roles={"split": "set"} if brought else {})
    found = check(data, codes=["overlap", "near-overlap"])
    assert [finding.code for finding in found] == ["near-overlap"]
    expected = {place for pair in planted for place in pair}
    if brought:
        assert set(found[0].rows.tolist()) == expected and found[0].values["held"] == 10 and found[0].values["split"] == ""
    else:  # the split is drawn anew when a label changes; what it tears apart must still be planted
        assert set(found[0].rows.tolist()) <= expected and found[0].values["split"] == "similar"
    after, kept = fixed(data, found[0])
    assert changed(data, after, kept) <= expected and check(after, codes=["near-overlap"]) == []


def test_near_overlap_whatever_the_labels():
    texts, labels = reviews(400)
    for place, source in ((360, 6), (361, 7)):
        texts[place], labels[place] = edited(texts[source]), "good" if labels[source] == "bad" else "bad"
    data = rows(texts, labels, set=PARTS, roles={"split": "set"})
    (finding,) = check(data, codes=["overlap", "near-overlap"])
    assert finding.rows.tolist() == [6, 7, 360, 361] and finding.values["held"] == 2
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == {360, 361} and check(after, codes=["near-overlap"]) == []


def test_group_leak():
    texts, labels = reviews(300)
    authors = [f"author {n // 10}" for n in range(300)]
    authors[5], authors[17] = "", None
    data = rows(texts, labels, author=authors, roles={"group": "author"})
    (finding,) = check(data, codes=["group-leak"])
    parts = data.parts()
    part = np.full(300, -1)
    for number, name in enumerate(("train", "validation", "test")):
        part[parts[name]] = number
    torn = {author for author in set(authors) - {"", None} if len({part[n] for n in range(300) if authors[n] == author}) > 1}
    assert finding.rows.tolist() == [n for n in range(300) if authors[n] in torn]
    assert finding.fixes == [] and finding.values["split"] == "group" and finding.values["groups"] == len(torn)
    assert check(rows(texts, labels, author=authors, roles={"group": "author"}, split=SplitSpec(method="group")), codes=["group-leak"]) == []
    own = [str(n) for n in range(300)]
    assert check(rows(texts, labels, author=own, roles={"group": "author"}), codes=["group-leak"]) == []


def test_question_and_context_make_a_row():
    """The same question of two contexts is no copy; the whole row twice is."""
    texts, _ = reviews(60)
    questions = ["What is said about it?"] * 60
    columns = {"question": questions, "context": texts[:59] + texts[:1], "answer": ["it"] * 60}
    data = Rows(columns, {name: name for name in columns})
    data.parts = lambda: {name: np.zeros(0, int) for name in ("train", "validation", "test")}
    (finding,) = check(data, codes=["exact-duplicates"])
    assert finding.rows.tolist() == [59]
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == {59}
