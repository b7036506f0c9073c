"""The report as a whole: clean data raises nothing, values are JSON, words are there, progress is told, faults are found from a file."""

import csv
import json

import numpy as np
import pytest

from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.data.health import CHECKS, CODES, Finding, check, code_of, has_text
from fm_gui.data.sample_tickets import tickets
from fm_gui.text.health import WORDS
from tests.data.health_rows import Rows, changed, fixed, reviews, rows


@pytest.mark.parametrize("name", ["english", "chinese", "tickets", "texts alone", "tiny", "empty table", "no roles"])
def test_clean_data_raises_nothing(name):
    sold = tickets(600)
    data = {
        "english": rows(*reviews(600)),
        "chinese": rows(*reviews(600, chinese=True)),
        "tickets": rows([text for text, _ in sold], [label for _, label in sold]),
        "texts alone": rows(reviews(300)[0]),
        "tiny": rows(*reviews(24)),
        "empty table": rows([], []),
        "no roles": rows(["a", "b"], roles={"label": "text"}),
    }[name]
    if name == "no roles":
        data.spec.roles = {}
    assert check(data) == []


def test_words_of_every_check():
    keys = {f"check.{code}" for code in CODES} | {f"finding.{code}{tail}" for code in CODES for tail in ("", ".why", ".fix")}
    keys |= {"check.done", "finding.serious", "finding.attention", "finding.note", "finding.by-hand", "finding.small-classes.keep", "finding.suspicious-labels.look"}
    assert WORDS.keys() == keys and len(set(CODES)) == len(CHECKS)


@pytest.fixture(scope="module")
def faulty():
    """Data with many faults at once, and its report."""
    texts, labels = reviews(400)
    texts[5], texts[6], texts[7] = "", "ok", texts[9]
    texts[20] = texts[20].replace("a", "Ã¤", 2)
    texts[31] += " Write to anna@example.org."
    labels[40], labels[60] = "Good", "god"
    labels[80] = ""
    labels[90:93] = ["fair"] * 3
    data = rows(texts, labels, split=None, id=[str(n) for n in range(400)])
    return data, check(data, tokenizer=lambda batch: {"input_ids": [text.split() for text in batch]}, limit=30)


def test_findings_are_values(faulty):
    data, found = faulty
    codes = [finding.code for finding in found]
    assert {"empty-texts", "short-texts", "exact-duplicates", "garbled", "personal-data", "label-spelling", "missing-labels", "small-classes", "truncated"} <= set(codes)
    order = ["serious", "attention", "note"]
    assert [finding.severity for finding in found] == sorted((finding.severity for finding in found), key=order.index)
    for finding in found:
        assert isinstance(finding, Finding) and finding.rows.dtype == "int64" and list(finding.rows) == sorted(set(finding.rows.tolist()))
        assert finding.rows.min() >= 0 and finding.rows.max() < 400
        assert 1 <= len(finding.examples) <= 3 and all(example["row"] >= 1 and len(example["text"]) <= 300 for example in finding.examples)
        for language in (0, 1):
            for tail in ("", ".why", ".fix"):
                assert WORDS[f"finding.{finding.code}{tail}"][language].format(**finding.values)
        json.dumps([finding.values, finding.examples, [step.model_dump() for step in finding.fixes]], allow_nan=False)


def test_json_form(faulty):
    for finding in faulty[1]:
        told = json.loads(json.dumps(finding.to_dict("zh")))
        assert told["count"] == len(finding.rows) and told["rows"] == finding.rows[:1000].tolist() and told["code"] == finding.code
        assert told["sentence"] != finding.to_dict()["sentence"] and told["why"] and told["fix"]


def test_only_some_codes(faulty):
    data, _ = faulty
    assert {finding.code for finding in check(data, codes=["empty-texts", "garbled"])} == {"empty-texts", "garbled"}
    assert check(data, codes=[]) == []


def test_progress_and_cancel():
    data, told = rows(*reviews(100)), []
    check(data, progress=lambda share, key: told.append((share, key)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and told[-1] == (1.0, "check.done")
    assert {key for _, key in told} == {f"check.{code_of(one)}" for one in CHECKS} | {"check.done"} <= WORDS.keys()

    class Stop(Exception):
        pass

    def stop(share, key):
        if key == "check.near-duplicates":
            raise Stop

    with pytest.raises(Stop):
        check(data, progress=stop)


def test_from_a_file(workspace, tmp_path):
    texts, labels = reviews(60)
    labels[3], texts[10] = "GOOD", texts[9]
    with open(tmp_path / "reviews.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, labels)])
    found = {one.code: one for one in check(Dataset(workspace, add_dataset(workspace, [tmp_path / "reviews.csv"]).name))}
    assert found["label-spelling"].rows.tolist() == [3] and found["conflicting-labels"].rows.tolist() == [9, 10]


# -- data whose text is no single column


def unlike(columns: dict[str, list]) -> Rows:
    """Rows of these roles; fm_gui splits none of them, as none is a text."""
    data = Rows(columns, {name: name for name in columns})
    data.parts = lambda: {part: np.zeros(0, int) for part in ("train", "validation", "test")}
    return data


def chat(*said: str) -> str:
    return json.dumps([{"role": ("user", "assistant")[turn % 2], "content": text} for turn, text in enumerate(said)], ensure_ascii=False)


@pytest.mark.parametrize("kind", ["messages", "tokens", "chosen"])
def test_chats_tokens_and_preferences_are_looked_at(kind):
    texts, others = reviews(80)[0], reviews(80, seed=2)[0]
    texts[20], others[20] = texts[19], others[19]
    texts[30] = others[30] = ""
    texts[40] += " Write to anna@example.org"
    texts[50] = texts[50].replace("a", "Ã¤", 2)
    columns = {
        "messages": {"messages": [chat(text, other) if text else chat("") for text, other in zip(texts, others)]},
        "tokens": {"tokens": [json.dumps(text.split(), ensure_ascii=False) for text in texts]},
        "chosen": {"question": texts, "chosen": others, "rejected": [other[::-1] for other in others]},
    }[kind]
    data = unlike(columns)
    assert has_text(data.roles)
    found = {finding.code: finding for finding in check(data)}
    expected = {"empty-texts": [30], "exact-duplicates": [20], "personal-data": [40], "garbled": [50]}
    assert {code: finding.rows.tolist() for code, finding in found.items() if code in expected} == expected
    assert found.keys() == expected.keys() and "{" not in found["personal-data"].examples[0]["text"]
    for code, finding in found.items():
        if kind != "tokens":  # steps act on what is said in each turn, and name a row by all that it says
            after, kept = fixed(data, finding)
            assert changed(data, after, kept) == set(expected[code]) and code not in {one.code for one in check(unlike(after.columns))}
            if kind == "messages" and code == "personal-data":
                turns = json.loads(after.columns["messages"][40])
                assert [turn["role"] for turn in turns] == ["user", "assistant"] and turns[0]["content"].endswith("Write to [EMAIL]")
        else:  # a list of tokens is in no step's reach
            assert finding.fixes == [] and finding.fix() == WORDS["finding.by-hand"][0] and finding.fix("zh") == WORDS["finding.by-hand"][1]


@pytest.mark.parametrize("role", ["question", "text"])
def test_same_prompt_with_other_answers_is_no_copy(role):
    texts = reviews(40)[0]
    data = unlike({role: ["Tell me about it."] * 40, "chosen": texts, "rejected": texts[::-1]})
    assert check(data, codes=["exact-duplicates"]) == []


def test_pairs_are_looked_at_on_both_sides():
    source, target = reviews(60)[0], reviews(60, chinese=True)[0]
    target[10], target[20] = "", target[20] + "请写信至 anna@example.org"
    data = unlike({"source": source, "target": target})
    found = {finding.code: finding for finding in check(data)}
    assert found.keys() == {"empty-texts", "personal-data"}  # two languages in a row are none too many
    for code, row in (("empty-texts", 10), ("personal-data", 20)):
        after, kept = fixed(data, found[code])
        assert found[code].rows.tolist() == [row] and changed(data, after, kept) == {row}


def test_without_any_text():
    data = unlike({"number": [1.5, 2.5, 3.5]})
    assert not has_text(data.roles) and check(data) == []
