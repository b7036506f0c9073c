"""A profile counts what a plain Python loop counts, and finds the words, languages and lengths that were put in."""

import json
import math
import random
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.data import profile as module
from fm_gui.data.columns import describe, guess_roles
from fm_gui.data.profile import histogram, profile
from fm_gui.data.telling import PRIOR, log_odds, telling_words, words_of

RNG = random.Random(3)
COMMON = ["the", "and", "with", "from", "that", "this", "have", "been", "were", "will", "about", "there", "which", "their"]
SPECIAL = {"billing": ["invoice", "refund", "charged", "payment", "card"], "delivery": ["parcel", "courier", "late", "address", "box"], "login": ["password", "account", "email", "reset", "code"]}  # fmt: skip


def sentence(topic: str) -> str:
    return " ".join(RNG.choices(COMMON, k=RNG.randrange(6, 12)) + RNG.choices(SPECIAL[topic], k=2))


def held(columns: dict | pa.Table, parts=None, **roles) -> SimpleNamespace:
    """What profile() needs of a data set: a table, roles, parts."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    chosen = {role: SimpleNamespace(column=column) for role, column in roles.items()} or guess_roles(table, describe(table))
    return SimpleNamespace(table=table, spec=SimpleNamespace(roles=chosen), parts=lambda: parts or {})


@pytest.fixture(scope="module")
def tickets():
    topics = ["billing"] * 300 + ["delivery"] * 200 + ["login"] * 100
    texts = [sentence(topic) for topic in topics]
    texts[1], texts[2], texts[3] = texts[0], texts[0] + "  ", "   "
    labels = [*topics[:598], None, " login "]
    return held({"text": texts, "label": labels, "n": list(range(600))}, {"train": np.arange(480), "validation": np.arange(60), "test": np.arange(60)})


def test_numbers(tickets):
    found = profile(tickets)
    texts = tickets.table["text"].to_pylist()
    filled = [text for text in texts if text.strip()]
    assert found.rows == 600 and found.read_from == "text" and found.parts == {"train": 480, "validation": 60, "test": 60}
    columns = {column["name"]: column for column in found.columns}
    assert (columns["text"]["missing"], columns["text"]["filled"], columns["label"]["missing"]) == (1, 599, 1)
    assert columns["text"]["distinct"] == len({text.strip() for text in filled})
    assert columns["text"]["common"][0] == [texts[0], 3] and columns["n"]["common"] == []
    assert columns["label"]["common"] == [["billing", 300], ["delivery", 200], ["login", 99]]
    assert {column["name"]: column["role"] for column in found.columns} == {"text": "text", "label": "label", "n": ""}
    assert found.duplicates == 599 - columns["text"]["distinct"] >= 2
    assert found.labels == {"counts": {"billing": 300, "delivery": 200, "login": 99}, "distinct": 3, "missing": 1, "other": 0}
    lengths = [len(text) for text in filled]
    assert found.characters["of"] == sum(found.characters["counts"]) == 599 and found.characters["max"] == max(lengths)
    assert found.characters["mean"] == pytest.approx(np.mean(lengths)) and found.characters["median"] == np.median(lengths)
    assert found.tokens is None
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_telling_words(tickets):
    found = profile(tickets).telling_words
    for topic, words in SPECIAL.items():
        assert set(found[topic]) == set(words)  # all of them, and no common word by chance


def test_samples(tickets):
    found = profile(tickets).samples
    texts, labels = tickets.table["text"].to_pylist(), tickets.table["label"].to_pylist()
    for topic, rows in found.items():
        assert len(rows) == 2 and rows[0]["text"] != rows[1]["text"]
        assert all(labels[row["row"]].strip() == topic and texts[row["row"]] == row["text"] for row in rows)
        median = np.median([len(text) for text, label in zip(texts, labels) if label and label.strip() == topic and text.strip()])
        assert all(abs(len(row["text"]) - median) <= 3 for row in rows)


def test_tokens_and_the_limit(tickets, monkeypatch):
    calls = []

    def tokenizer(texts):
        calls.append(len(texts))
        return {"input_ids": [text.split() for text in texts]}

    counts = np.array([len(text.split()) for text in tickets.table["text"].to_pylist() if text.strip()])
    found = profile(tickets, tokenizer, 10).tokens
    assert found["of"] == 599 and found["limit"] == 10 and found["max"] == counts.max()
    assert found["over"] == pytest.approx((counts > 10).mean())
    assert found["lost"] == pytest.approx(np.maximum(counts - 10, 0).sum() / counts.sum())
    assert profile(tickets, tokenizer, int(1e30)).tokens["limit"] is None
    monkeypatch.setattr(module, "TOKENISED", 100)
    found = profile(tickets, tokenizer, 10).tokens
    assert found["of"] == 100 == sum(found["counts"]) and abs(found["over"] - (counts > 10).mean()) < 0.15


def test_languages():
    english, german, chinese = "The delivery was late and the box was damaged.", "Die Lieferung kam zu spät an.", "快递送晚了，盒子也坏了。"
    found = profile(held({"text": [f"{text} {n}" for n in range(10) for text in (english, english, german, chinese)] + ["??"] * 10}, text="text"))
    assert found.languages == {"en": 0.4, "": 0.2, "de": 0.2, "zh": 0.2}


def test_chinese_words():
    assert words_of("我的快递还没送到 iPhone 15") == ["我", "的", "快递", "还", "没", "送到", "iphone"]
    texts = [f"我的快递今天{way}送到" for way in ("还没", "又没", "没有", "晚点", "提前")] * 8 + [f"我的密码今天{way}登录" for way in ("不能", "无法", "没有", "可以", "怎么")] * 8
    found = telling_words(texts, ["物流"] * 40 + ["账号"] * 40)
    assert "快递" in found["物流"] and "密码" in found["账号"] and not {"今天", "我", "的"} & {*found["物流"], *found["账号"]}


def test_labels_at_random_have_no_telling_words():
    words = [f"word{letter}{other}" for letter in "abcdefghijklmnopqrstuvwxyz" for other in "abcdefghijklmnopqrst"]
    rng = random.Random(8)
    found = telling_words([" ".join(rng.choices(words, k=20)) for _ in range(1_500)], [rng.choice("xyz") for _ in range(1_500)])
    assert sum(map(len, found.values())) <= 2


def test_log_odds_is_the_formula_of_the_paper():
    inside, outside = np.array([30.0, 2, 5]), np.array([10.0, 20, 6])
    prior = PRIOR * (inside + outside) / (inside + outside).sum()
    for at, z in enumerate(log_odds(inside, outside, prior)):
        (y, n), (x, m), (a, s) = (inside[at], inside.sum()), (outside[at], outside.sum()), (prior[at], prior.sum())
        delta = math.log((y + a) / (n + s - y - a)) - math.log((x + a) / (m + s - x - a))
        assert z == pytest.approx(delta / math.sqrt(1 / (y + a) + 1 / (x + a)))


def test_one_class_many_classes_no_text():
    text = [sentence("login") for _ in range(40)]
    assert profile(held({"text": text, "label": ["same"] * 40})).telling_words == {}
    many = profile(held({"text": [f"{t} {n}" for n in range(13) for t in text], "label": [f"class {n // 2}" for n in range(520)]}, text="text", label="label"))
    assert many.labels["distinct"] == 260 and len(many.labels["counts"]) == 200 and many.labels["other"] == 120
    assert len(many.samples) == len(many.telling_words) == 50
    numbers = profile(held({"n": [1, 2, None], "m": [0.5, 0.25, 0.5]}))
    assert numbers.read_from == "" and numbers.characters is None and numbers.languages == {} and numbers.samples == {} and numbers.duplicates == 0
    empty = profile(held({"text": pa.array([None, " "], pa.string())}, text="text"))
    assert empty.characters["of"] == 0 and empty.samples == {} and empty.languages == {} and empty.duplicates == 0
    nothing = profile(held({"text": pa.array([], pa.string())}, text="text"), lambda texts: {"input_ids": texts}, 5)
    assert nothing.rows == 0 and nothing.tokens["of"] == 0 and nothing.tokens["over"] == 0.0


def test_progress_and_stopping(tickets):
    shares = []
    profile(tickets, progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 4

    def stop(share: float):
        if share > 0.5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        profile(tickets, progress=stop)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.one_of(st.none(), st.text("ab 中", max_size=5)), st.sampled_from(["x", "y ", "", None])), max_size=9), min_size=1, max_size=3))
def test_as_a_plain_count(chunks):
    schema = pa.schema([("t", pa.string()), ("l", pa.string())])
    table = pa.concat_tables([pa.table({"t": pa.array([t for t, _ in c], pa.string()), "l": pa.array([label for _, label in c], pa.string())}, schema) for c in chunks])
    rows = [row for chunk in chunks for row in chunk]
    found = profile(held(table, text="t", label="l"))
    filled = [text for text, _ in rows if text and text.strip()]
    assert found.duplicates == len(filled) - len({text.strip() for text in filled})
    assert found.labels["counts"] == Counter(label.strip() for _, label in rows if label and label.strip())
    repeated = Counter(text.strip() for text in filled)
    assert [count for _, count in found.columns[0]["common"]] == sorted((count for count in repeated.values() if count > 1), reverse=True)[:5]
    assert all(repeated[value] == count for value, count in found.columns[0]["common"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_histogram_counts_every_value(values):
    found = histogram(np.array(values, int))
    assert sum(found["counts"]) == len(values) == found["of"] and len(found["bins"]) == len(found["counts"]) + 1
    assert len(set(np.diff(found["bins"]))) == 1
