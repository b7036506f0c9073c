"""Samples: built from what is installed, always the same, honestly labelled, and fit to learn from."""

from collections import Counter

import pytest

from fm_gui.data.dataset import Dataset
from fm_gui.data.samples import LANGUAGES, SAMPLES, TOPICS, add_sample, get_sample
from fm_gui.data.similar import near_duplicates
from fm_gui.errors import UserError
from fm_gui.tasks import TASKS
from fm_gui.text import say


@pytest.fixture(scope="module")
def built():
    return {sample.name: sample.build() for sample in SAMPLES}


def test_every_sample_is_described():
    for sample in SAMPLES:
        assert sample.kind in ("real", "synthetic") and sample.origin and sample.licence
        assert set(sample.tasks) <= {task.name for task in TASKS}
        for lang in ("en", "zh"):
            assert say(f"sample.{sample.name}", lang) and say(f"sample.{sample.name}.about", lang)


def test_no_text_twice(built):
    for name, rows in built.items():
        assert len(set(rows["text"])) == len(rows["text"]), name
        assert all(text.strip() for text in rows["text"]), name


def test_no_text_nearly_twice(built):
    for name in ("tickets", "docs-topics"):
        assert len(set(near_duplicates(built[name]["text"]).tolist())) == len(built[name]["text"]), name


def test_languages(built):
    counts = Counter(built["languages"]["label"])
    assert set(counts) == set(LANGUAGES.values()) and set(counts.values()) == {300}
    chinese = [text for text, label in zip(*built["languages"].values()) if label == "Chinese"]
    assert all("、" in text for text in chinese)


def test_docs_topics(built):
    rows = built["docs-topics"]
    counts = Counter(rows["label"])
    assert set(counts) == set(TOPICS) and min(counts.values()) >= 180 and max(counts.values()) <= 300 and len(rows["text"]) > 2_800
    assert all(40 <= len(text) <= 400 for text in rows["text"])
    assert not [text for text in rows["text"] if ">>>" in text or "----" in text or ":math:" in text]


def test_passages_of_one_page_stay_together(workspace):
    data = Dataset(workspace, add_sample(workspace, "docs-topics").name)
    pages, parts = data.column("group"), data.parts()
    seen = {part: {pages[row] for row in rows} for part, rows in parts.items()}
    assert not seen["train"] & seen["validation"] and not (seen["train"] | seen["validation"]) & seen["test"]
    assert min(len(rows) for rows in parts.values()) > 400
    assert all({data.column("label")[row] for row in rows} == set(TOPICS) for rows in parts.values())


def test_tickets(built):
    rows = built["tickets"]
    assert len(rows["text"]) == 3_000 and len(set(rows["label"])) == 11 and min(Counter(rows["label"]).values()) > 260
    assert not [text for text in rows["text"] if "{" in text]


def test_tickets_are_learnable_but_not_trivial(built):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels = built["tickets"]["text"], built["tickets"]["label"]
    words = TfidfVectorizer()
    model = LogisticRegression(max_iter=300, C=10).fit(words.fit_transform(texts[:500]), labels[:500])
    score = model.score(words.transform(texts[500:1500]), labels[500:1500])
    assert 0.6 < score < 0.95


def test_english_docs(built):
    texts = built["english-docs"]["text"]
    assert 1_500_000 < sum(map(len, texts)) <= 4_000_000 and len(texts) > 6_000
    paragraphs = [paragraph for text in texts for paragraph in text.split("\n\n")]
    assert len(set(paragraphs)) == len(paragraphs)
    assert any("with" in text and "context manager" in text for text in texts)


def test_chinese_ui(built):
    texts = built["chinese-ui"]["text"]
    assert len(texts) > 3_500 and sum(map(len, texts)) > 40_000
    assert all(any("一" <= character <= "鿿" for character in text) for text in texts)
    assert any("%1" in text for text in texts)  # places to be filled are kept


def test_the_same_every_time(built):
    for name in ("tickets", "languages", "chinese-ui"):
        assert get_sample(name).build() == built[name]


def test_add_sample(workspace):
    spec = add_sample(workspace, "tickets")
    assert spec.provenance == {"sample": "tickets", "kind": "synthetic", "origin": get_sample("tickets").origin, "licence": "Apache-2.0"}
    assert {role: guess.column for role, guess in spec.roles.items()} == {"text": "text", "label": "label"}
    assert add_sample(workspace, "tickets") == spec and len(workspace.datasets()) == 1
    parts = Dataset(workspace, spec.name).parts()
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [2_400, 300, 300]
    assert set(add_sample(workspace, "chinese-ui").roles) == {"text"}
    with pytest.raises(UserError) as caught:
        add_sample(workspace, "nothing")
    assert "tickets" in str(caught.value)
