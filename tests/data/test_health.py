"""The report as a whole: clean data raises nothing, values are JSON, words are there, progress is told, faults are found from a file."""

import csv
import json

import pytest

from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.data.health import CHECKS, CODES, Finding, check, code_of
from fm_gui.data.sample_tickets import tickets
from fm_gui.text.health import WORDS
from tests.data.health_rows import reviews, rows


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
    keys |= {"check.done", "finding.serious", "finding.attention", "finding.note"}
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
