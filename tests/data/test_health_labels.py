"""Planted faults of labels: spellings, missing ones, small and rare classes, wrong ones."""

import random

import pytest

from fm_gui.data.checks.labels import _is_slip, _one_edit
from fm_gui.data.health import check
from fm_gui.data.sample_tickets import tickets
from fm_gui.data.samples import docs_topics, get_sample
from tests.data.health_rows import changed, fixed, reviews, rows

CHINESE = pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])
MAIL = {"good": "Spam", "bad": "not spam"}


def respelled(spellings: dict[str, list[str]], names: dict[str, str], seed: int = 1) -> tuple[list[str], list[str], dict[int, str]]:
    """Reviews whose labels are called ``names``; of each name 2 rows for each of its spellings: (texts, labels, row -> name)."""
    texts, labels = reviews(400)
    labels = [names[label] for label in labels]
    places, rng = {}, random.Random(seed)
    for name, ways in spellings.items():
        chosen = rng.sample([row for row, label in enumerate(labels) if label == name and row not in places], 2 * len(ways))
        for number, row in enumerate(chosen):
            labels[row], places[row] = ways[number // 2], name
    return texts, labels, places


def test_spellings():
    """Case, blanks, width, separators and slips: precision and recall 1."""
    ways = {"Spam": ["spam", "SPAM", "spma", "Spaam", " Spam ", "ＳＰＡＭ"], "not spam": ["Not Spam", "not_spam", "not-spam", "not  spam", "not sapm"]}
    texts, labels, places = respelled(ways, MAIL)
    data = rows(texts, labels)
    (finding,) = check(data, codes=["label-spelling", "small-classes"])
    assert finding.code == "label-spelling" and finding.rows.tolist() == sorted(places) and finding.severity == "serious"
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == set(places) and check(after, codes=["label-spelling", "small-classes"]) == []
    assert all(after.table["label"][row].as_py() == name for row, name in places.items())
    assert {"written", "becomes"} <= finding.examples[0].keys()


def test_chinese_spellings():
    texts, labels = reviews(300, chinese=True)
    names = {"好评": "体验好", "差评": "体验差"}
    labels = [names[label] for label in labels]
    labels[3], labels[10], labels[40] = "體驗差", " 体验好", "体验好\u3000"
    data = rows(texts, labels)
    (finding,) = check(data, codes=["label-spelling"])
    assert finding.rows.tolist() == [3, 10, 40]  # 好 and 差 stay apart
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == {3, 10, 40} and check(after, codes=["label-spelling"]) == []


@pytest.mark.parametrize(
    ("name", "ways"),
    [("spam", ["spam.", '"spam"', "'spam'", "“spam”", "Spam!", "spams"]), ("5", ["5.0", "5.00"]), ("物流", ["物 流", "「物流」", "物流。"]),
     ("complaint", ["complaints", "compaint", "complaitn"])],
)  # fmt: skip
def test_signs_around_plurals_and_points(name, ways):
    """Found with precision and recall 1: quotes and punctuation around, .0, blanks between Chinese characters, a plural."""
    texts, _ = reviews(400)
    labels = [name if n % 2 else ("4", "other", "质量")[n % 3] for n in range(400)]
    places = {8 * number + 1: way for number, way in enumerate(ways)}
    for row, way in places.items():
        labels[row] = way
    (finding,) = check(rows(texts, labels), codes=["label-spelling"])
    assert finding.rows.tolist() == sorted(places)
    assert set(finding.fixes[0].settings["names"].values()) == {name}


def test_slips_in_a_fifth_of_a_class():
    """Four labels and texts that tell them apart: a misspelling as frequent as one row in four of its class is still seen."""
    docs = docs_topics()
    topics = ("statistics", "interpolation", "clustering", "optimisation")
    chosen = [n for n, topic in enumerate(docs["label"]) if topic in topics]
    texts, labels = [docs["text"][n] for n in chosen], [docs["label"][n] for n in chosen]
    places = [n for n, label in enumerate(labels) if label == "interpolation"][:50]
    for n in places:
        labels[n] = "interpolaton"
    (finding,) = check(rows(texts, labels), codes=["label-spelling"])
    assert finding.rows.tolist() == places


def test_blanks_alone_are_a_note():
    texts, labels = reviews(100)
    labels[7] = "bad "
    (finding,) = check(rows(texts, labels), codes=["label-spelling"])
    assert finding.rows.tolist() == [7] and finding.severity == "note"


@pytest.mark.parametrize(
    "names",
    ["1 star|2 stars|3 stars", "positive|negative", "sent|send", "male|female", "-1|0|1", "A|B", "class 1|class 2", "like|dislike", "1.0|2.0", "moral|amoral",
     "正面|负面", "typeA|typeB", "B-PER|I-PER", "C|C++", "en|es", "cat|car", "2020-1|2021", "yes|yet", "1-2|12",
     "good|goods|other", "Karl|Carl", ":)|:(", "v1.0|v1.5", "5|50", "(a)|(b)"],
)  # fmt: skip
def test_names_that_are_different(names):
    names = names.split("|")
    texts, _ = reviews(330)
    labels = [names[0]] * 300 + [names[1 + n % (len(names) - 1)] for n in range(30)]
    assert check(rows(texts, labels), codes=["label-spelling"]) == []


def test_texts_decide_on_an_unknown_word():
    """"Qartz" is no word and one letter from "Quartz", but its texts are those of nobody else."""
    english = reviews(360)[0]
    other = ["Quartz", "Basalt"]
    labels = [other[n % 2] for n in range(360)]
    texts = [text + (" Clear crystals sparkle." if label == "Quartz" else " Dark lava cooled.") for text, label in zip(english, labels)]
    own = [f"{text} Dark lava cooled." for text in reviews(372)[0][360:]]
    assert check(rows(texts + own, labels + ["Qartz"] * 12), codes=["label-spelling"]) == []
    own = [f"{text} Clear crystals sparkle." for text in reviews(372)[0][360:]]
    (finding,) = check(rows(texts + own, labels + ["Qartz"] * 12), codes=["label-spelling"])
    assert finding.rows.tolist() == list(range(360, 372))


def test_one_edit():
    for a, b in (("spam", "spma"), ("spam", "spaam"), ("spam", "spm"), ("spam", "spom"), ("ab", "ba"), ("a", "ab")):
        assert _one_edit(a, b) and _one_edit(b, a)
    for a, b in (("spam", "spam "[:2]), ("spam", "maps"), ("abcd", "badc"), ("abc", "cba"), ("", "ab")):
        assert not _one_edit(a, b) and not _one_edit(b, a)
    assert _is_slip("not spma", "not spam") and not _is_slip("spam not", "not spam") and not _is_slip("sent", "send")


def test_missing_labels():
    texts, labels = reviews(200)
    for row, nothing in ((5, ""), (50, None), (150, "  ")):
        labels[row] = nothing
    (finding,) = check(rows(texts, labels), codes=["missing-labels"])
    assert finding.rows.tolist() == [5, 50, 150] and finding.fixes == []
    assert check(rows(texts, [""] * 200), codes=["missing-labels"]) == []


@CHINESE
def test_small_classes(chinese):
    texts, labels = reviews(300, chinese=chinese)
    places = [10, 20, 30, 40]
    for place in places:
        labels[place] = "neutral" if place < 40 else "疑问"
    data = rows(texts, labels)
    (finding,) = check(data, codes=["small-classes", "imbalance"])
    assert finding.code == "small-classes" and finding.rows.tolist() == places and finding.values["classes"] == 2 and finding.severity == "serious"
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == set(places) and check(after, codes=["small-classes"]) == []


def test_numbers_are_no_classes():
    texts, _ = reviews(100)
    assert check(rows(texts, [str(n / 7) for n in range(100)]), codes=["small-classes", "imbalance"]) == []


@pytest.mark.parametrize(("kept", "how"), [(4, ["up", "down"]), (1, ["up", "down"])])
def test_imbalance(kept, how):
    texts, labels = reviews(1_000)
    chosen = [n for n in range(1_000) if labels[n] == "good" or n % 100 < 2 * kept]
    texts, labels = [texts[n] for n in chosen], [labels[n] for n in chosen]
    data = rows(texts, labels)
    (finding,) = check(data, codes=["imbalance", "small-classes"])
    rare = [n for n, label in enumerate(labels) if label == "bad"]
    assert finding.code == "imbalance" and finding.rows.tolist() == rare and [step.settings["how"] for step in finding.fixes] == how
    assert finding.values["large_rows"] == 500 and finding.values["small_rows"] == len(rare)
    for number in (0, 1):
        after, kept_rows = fixed(data, finding, number)
        gone = changed(data, after, kept_rows)
        assert gone == set() if how[number] == "up" else gone and not gone & set(rare)
        assert check(after, codes=["imbalance", "exact-duplicates"]) == []  # copies that were asked for are no fault


def test_balanced_enough():
    texts, labels = reviews(300)
    chosen = [n for n in range(300) if labels[n] == "good" or n % 10 < 4]
    assert check(rows([texts[n] for n in chosen], [labels[n] for n in chosen]), codes=["imbalance"]) == []


def flipped(texts: list[str], labels: list[str], share: float) -> tuple[list[str], dict[int, str]]:
    rng, labels = random.Random(5), list(labels)
    names, truth = sorted(set(labels)), {}
    for row in rng.sample(range(len(texts)), round(share * len(texts))):
        truth[row] = labels[row]
        labels[row] = rng.choice([name for name in names if name != labels[row]])
    return labels, truth


@CHINESE
@pytest.mark.parametrize("share", [0.05, 0.08])
def test_suspicious_labels(chinese, share):
    """600 rows of learnable data with planted wrong labels: precision 0.95, recall 0.9; what is proposed is the truth."""
    texts, right = reviews(600, chinese=chinese)
    labels, truth = flipped(texts, right, share)
    data = rows(texts, labels)
    (finding,) = check(data, codes=["suspicious-labels"])
    found = set(finding.rows.tolist())
    assert len(found & truth.keys()) >= 0.95 * len(found) and len(found & truth.keys()) >= 0.9 * len(truth)
    example = finding.examples[0]
    row = example["row"] - 1
    assert example["label"] == labels[row] and example["suggested"] == right[row] and 0.5 < example["probability"] <= 1
    assert finding.proposals.keys() == found and all(name != labels[row] and 0 < sure <= 1 for row, (name, sure) in finding.proposals.items())
    for number in (0, 1):  # of a click, only what the model is very sure of
        after, kept = fixed(data, finding, number)
        assert changed(data, after, kept) <= found and len(changed(data, after, kept)) == finding.values["sure"]
        assert all(finding.proposals[row][1] >= 0.899 for row in changed(data, after, kept))
    after, kept = fixed(data, finding)
    assert all(after.table["label"][row].as_py() == right[row] for row in changed(data, after, kept) & truth.keys())


def test_suspicious_labels_of_hard_rows():
    """Tickets that mention another class's problem: a fifth is hard, and a hard row must not be taken for a wrong one."""
    texts, right = map(list, zip(*tickets(2_000)))
    assert check(rows(texts, right), codes=["suspicious-labels"]) == []
    labels, truth = flipped(texts, right, 0.06)
    (finding,) = check(rows(texts, labels), codes=["suspicious-labels"])
    found = set(finding.rows.tolist())
    assert len(found & truth.keys()) >= 0.9 * len(found) and len(found & truth.keys()) >= 0.65 * len(truth)
    assert not finding.fixes or finding.values["chance"] <= 0.05 * len(found)  # no click for all where many may be right


NATURAL = {  # share of planted errors -> least precision and recall; None: nothing may be said
    "languages": {0: None, 0.02: (0.9, 0.6), 0.05: (0.9, 0.55), 0.08: (0.9, 0.55)},
    "docs-topics": {0: None, 0.05: (0.8, 0.4), 0.08: (0.85, 0.4)},
}


@pytest.mark.parametrize(
    ("name", "share", "count", "least"),
    [("languages", 0.05, 2_000, (0.9, 0.35)), *(pytest.param(name, share, 5_000, least, marks=pytest.mark.long) for name, of in NATURAL.items() for share, least in of.items())],
)
def test_suspicious_labels_of_natural_texts(name, share, count, least):
    """Texts that nobody wrote for this test, hard rows and all: precision and recall as the docstring of the check states them."""
    sample = get_sample(name).build()
    texts, right = sample["text"][:count], sample["label"][:count]
    labels, truth = flipped(texts, right, share)
    findings = check(rows(texts, labels), codes=["suspicious-labels"])
    if least is None:
        assert findings == []
        return
    (finding,) = findings
    found, (precision, recall) = set(finding.rows.tolist()), least
    assert len(found & truth.keys()) >= precision * len(found) and len(found & truth.keys()) >= recall * len(truth)


@pytest.mark.parametrize("share", [0, 0.05])
def test_few_rows_of_many_classes_are_not_accused(share):
    """200 tickets of 11 classes: a simple model knows too little, so it says nothing, or is right."""
    texts, right = map(list, zip(*tickets(200)))
    labels, truth = flipped(texts, right, share)
    for finding in check(rows(texts, labels), codes=["suspicious-labels"]):
        found = set(finding.rows.tolist())
        assert len(found & truth.keys()) >= 0.9 * len(found)


def test_nothing_is_said_of_what_cannot_be_learned():
    texts, _ = reviews(400)
    rng = random.Random(1)
    assert check(rows(texts, [rng.choice("ab") for _ in texts]), codes=["suspicious-labels"]) == []
    assert check(rows(*reviews(30)), codes=["suspicious-labels"]) == []


def test_copies_of_suspicious_rows():
    """Fixes go by text: what they change is in the finding's rows, and a text under two labels is left to conflicting-labels."""
    texts, right = reviews(400)
    labels, truth = flipped(texts, right, 0.05)
    wrong = sorted(truth)
    texts += [texts[wrong[0]], texts[wrong[1]], texts[wrong[2]]]
    labels += [labels[wrong[0]], right[wrong[1]], ""]  # with the wrong label too, with the right one, with none
    data = rows(texts, labels)
    (finding,) = check(data, codes=["suspicious-labels"])
    found = set(finding.rows.tolist())
    assert {wrong[0], wrong[2], 400, 402} <= found and not found & {wrong[1], 401} and finding.values["count"] == len(found)
    for number in (0, 1):
        after, kept = fixed(data, finding, number)
        assert changed(data, after, kept) <= found


def test_conflict_with_an_unlabelled_copy():
    texts, labels = reviews(100)
    texts[1] = texts[3] = texts[0]
    labels[3] = ""
    data = rows(texts, labels)
    (finding,) = check(data, codes=["conflicting-labels"])
    after, kept = fixed(data, finding)
    assert finding.rows.tolist() == [0, 1, 3] and changed(data, after, kept) == {0, 1, 3}


@pytest.mark.parametrize("why", ["a copy in a large class", "one class left"])
def test_small_classes_that_no_step_takes_out(why):
    texts, labels = reviews(100)
    labels[10] = labels[20] = "neutral"
    if why == "one class left":
        labels = ["good" if label == "bad" else label for label in labels]
    else:
        texts[30] = texts[10]
    (finding,) = check(rows(texts, labels), codes=["small-classes"])
    assert finding.rows.tolist() == [10, 20] and finding.fixes == [] and finding.fix().startswith("Add rows") and finding.to_dict("zh")["fix"].startswith("请补充")
