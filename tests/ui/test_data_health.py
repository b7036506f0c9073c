"""The Health check inner tab's handlers, on real files with planted faults."""

import json
import re

import gradio as gr
import pytest

from fm_gui.data import health
from fm_gui.data.adding import add_dataset
from fm_gui.data.checks.finding import SEVERITIES
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.ui import data_health, data_health_view, health_cache

GOOD = ("lovely", "kind", "quick", "bright", "friendly", "delicious", "generous", "charming")
BAD = ("rude", "cold", "slow", "filthy", "broken", "bland", "noisy", "awful")
THINGS = ("soup", "staff", "room", "garden", "breakfast", "music", "parking", "view", "shower", "price")


def reviews(count=160):
    """(text, label): plain sentences, no two alike, two balanced classes that words tell apart."""
    rows = []
    for number in range(count):
        words, label = (GOOD, "good") if number % 2 else (BAD, "bad")
        one, two, place = words[number % 8], words[(number // 8 + 3) % 8], THINGS[number % 10]
        other, third = THINGS[(number // 10) % 10], words[(number // 3) % 8]
        rows.append((f"On visit {number * 37 % 991} we found the {place} {one}, the {other} {two} and all in all a {third} house", label))
    return rows


@pytest.fixture
def add(workspace, tmp_path):
    def written(rows, stem="reviews"):
        file = tmp_path / f"{stem}.csv"
        file.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows), encoding="utf-8")
        return add_dataset(workspace, [file], roles={"text": "text", "label": "label"}).name

    return written


@pytest.fixture
def faulty(add):
    """A data set with an empty text, a copy and personal data."""
    rows = reviews()
    return add([*rows, ("", "good"), rows[3], ("Write to jane.doe@example.org about the <b>soup</b> & the music", "bad")])


def last(views):
    whole = {}
    for view in views:
        whole |= view
    return whole


def asked(workspace, name, code, do="fix", fix=0, picked=None):
    """What the page sends when a button of the finding ``code`` is clicked."""
    spec = Dataset(workspace, name).spec
    codes = [found["code"] for found in health_cache.kept(workspace, spec)["findings"]]
    return json.dumps({"of": spec.fingerprint, "do": do, "finding": codes.index(code), "fix": fix, "picked": picked or {}})


def codes(cards):
    return re.findall(r'data-code="([^"]+)"', cards)


def test_every_event_is_private_and_every_answer_fits(workspace):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Check") as tab:
        data_health.build(workspace, tab, gr.Radio([]))
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())
    ids = {block.elem_id for block in blocks.blocks.values()}
    clicked = re.findall(r"'(data-health-[a-z]+)'", data_health.CLICKED)
    assert clicked and set(clicked) <= ids  # the buttons that the page's script clicks are there


def test_small_data_is_checked_when_the_tab_opens(workspace, faulty):
    view = last(data_health.show(workspace, "en", faulty))
    assert {"empty-texts", "exact-duplicates", "personal-data"} <= set(codes(view["cards"]))
    assert view["check"]["visible"] is True and view["stop"]["visible"] is False and view["busy"] == ""
    severities = re.findall(r'data-severity="([^"]+)"', view["cards"])
    assert severities == sorted(severities, key=SEVERITIES.index)
    assert "jane.doe@example.org" in view["cards"] and "E-mail addresses" in view["cards"]
    assert "<b>soup</b>" not in view["cards"] and "&lt;b&gt;soup" in view["cards"]  # what a person wrote is text, never HTML


def test_the_card_says_what_and_why_and_shows_rows(workspace, faulty):
    found = health.check(Dataset(workspace, faulty))
    for lang in ("en", "zh"):
        cards = last(data_health.show(workspace, lang, faulty))["cards"]
        assert len(codes(cards)) == len(found)
        for one in found:
            assert data_health_view.esc(one.sentence(lang)) in cards and data_health_view.esc(one.why(lang)) in cards
    copies = next(one for one in found if one.code == "exact-duplicates")
    assert f'data-rows="{",".join(str(row + 1) for row in copies.rows)}"' in cards


def test_reopening_does_not_look_again(workspace, faulty, monkeypatch):
    first = last(data_health.show(workspace, "en", faulty))["cards"]
    monkeypatch.setattr(health, "check", lambda *_: pytest.fail("looked again"))
    assert last(data_health.show(workspace, "en", faulty))["cards"] == first
    chinese = last(data_health.show(workspace, "zh", faulty))["cards"]
    assert codes(chinese) == codes(first) and "查看这些行" in chinese


def test_large_data_waits_to_be_asked(workspace, faulty, monkeypatch):
    monkeypatch.setattr(data_health, "AT_ONCE", 10)
    view = last(data_health.show(workspace, "en", faulty))
    assert "was not checked yet" in view["cards"]
    assert "中途停止" in data_health.stopped(workspace, "zh", faulty)["cards"]
    assert "empty-texts" in codes(last(data_health.check(workspace, "en", faulty, ""))["cards"])


def test_a_clean_set_is_told_in_one_sentence(workspace, add):
    name = add(reviews())
    view = last(data_health.show(workspace, "en", name))
    assert "looks healthy" in view["cards"] and "160 rows" in view["cards"] and "<section" not in view["cards"]
    assert "很健康" in last(data_health.show(workspace, "zh", name))["cards"]


def test_a_fix_is_previewed_applied_and_taken_back(workspace, faulty):
    before = last(data_health.show(workspace, "en", faulty))["cards"]
    view = last(data_health.show_fix(workspace, "en", faulty, asked(workspace, faulty, "personal-data", "preview")))
    assert "<ins>" in view["cards"] and "EMAIL" in view["cards"] and Dataset(workspace, faulty).spec.recipe == []
    view = last(data_health.fix(workspace, "en", faulty, asked(workspace, faulty, "personal-data"), ""))
    dataset = Dataset(workspace, faulty)
    assert [step.step for step in dataset.spec.recipe] == ["mask"] and "[EMAIL]" in dataset.column("text")[-1]
    assert view["banner-box"]["visible"] is True and "Fixed: Mask personal data" in view["banner"]
    assert "personal-data" not in codes(view["cards"]) and "empty-texts" in codes(view["cards"])
    view = last(data_health.undo(workspace, "zh", faulty, view["steps"], ""))
    assert Dataset(workspace, faulty).spec.recipe == [] and codes(view["cards"]) == codes(before) and "已撤销" in view["banner"]


def test_findings_of_older_rows_are_refused(workspace, faulty):
    last(data_health.show(workspace, "en", faulty))
    old = asked(workspace, faulty, "empty-texts")
    last(data_health.fix(workspace, "en", faulty, asked(workspace, faulty, "exact-duplicates"), ""))
    with pytest.raises(UserError) as problem:
        last(data_health.fix(workspace, "en", faulty, old, ""))
    assert problem.value.code == "health-stale"


def test_suspicious_labels_are_settled_one_by_one(workspace, add):
    rows = reviews(400)
    wrong = [20, 51, 90]
    for row in wrong:
        rows[row] = (rows[row][0], {"good": "bad", "bad": "good"}[rows[row][1]])
    name = add(rows)
    view = last(data_health.show(workspace, "en", name))
    assert "suspicious-labels" in codes(view["cards"]) and re.search(r"You said \w+; a simple model is \d+% sure it is \w+\.", view["cards"])
    kept = health_cache.kept(workspace, Dataset(workspace, name).spec)
    doubts = next(found for found in kept["findings"] if found["code"] == "suspicious-labels")["doubts"]
    assert {doubt["row"] - 1 for doubt in doubts} >= set(wrong)
    by_row = {doubt["row"] - 1: doubt for doubt in doubts}
    nothing = {doubt["key"]: "keep" for doubt in doubts}
    with pytest.raises(UserError) as problem:
        last(data_health.fix(workspace, "en", name, asked(workspace, name, "suspicious-labels", "choices", picked=nothing), ""))
    assert problem.value.code == "health-nothing-chosen"
    picked = nothing | {by_row[20]["key"]: "accept", by_row[51]["key"]: "remove"}
    view = last(data_health.fix(workspace, "en", name, asked(workspace, name, "suspicious-labels", "choices", picked=picked), ""))
    dataset = Dataset(workspace, name)
    labels = dict(zip(dataset.column("text"), dataset.column("label")))
    assert labels[rows[20][0]] == by_row[20]["suggested"] != rows[20][1]
    assert rows[51][0] not in labels and labels[rows[90][0]] == rows[90][1] and len(labels) == 399
    assert "labels accepted: 1, rows removed: 1" in view["banner"] and view["steps"] == 2
    last(data_health.undo(workspace, "en", name, view["steps"], ""))
    assert Dataset(workspace, name).spec.recipe == [] and Dataset(workspace, name).spec.rows == 400


def test_two_fixes_of_one_step_are_told_apart():
    found = {"fixes": [{"step": "balance", "settings": {"how": "up"}}, {"step": "balance", "settings": {"how": "down"}}]}
    for lang in ("en", "zh"):
        assert len(set(data_health_view.fix_titles(found, lang))) == 2


def test_lengths_are_measured_for_models(workspace, faulty):
    shown = data_health.model_choices(workspace, "en")
    assert shown[0][1] == "" and ("minilm", "minilm") in shown


def test_stopping_ends_the_work(workspace, faulty, monkeypatch):
    seen = []

    def slow(dataset, tokenizer, limit, tell):
        import time

        for share in range(200):
            seen.append(share)
            tell(share / 200, "check.done")
            time.sleep(0.02)
        return []

    monkeypatch.setattr(health, "check", slow)
    views = data_health.check(workspace, "en", faulty, "")
    next(views), next(views)
    views.close()
    assert len(seen) < 100 and health_cache.kept(workspace, Dataset(workspace, faulty).spec) is None


def test_a_chat_is_checked_and_numbers_are_not(workspace, tmp_path):
    turns = [[{"role": "user", "content": f"Question {n} of this day, please"}, {"role": "assistant", "content": f"Answer {n * 7}"}] for n in range(20)]
    (tmp_path / "chat.jsonl").write_text("\n".join(json.dumps({"messages": one}) for one in [*turns, turns[3]]), encoding="utf-8")
    spec = add_dataset(workspace, [tmp_path / "chat.jsonl"])
    cards = last(data_health.show(workspace, "en", spec.name))["cards"]
    assert 'data-code="exact-duplicates"' in cards and "Question 3 of this day" in cards and 'data-do="fix"' in cards
    view = last(data_health.fix(workspace, "en", spec.name, asked(workspace, spec.name, "exact-duplicates", "fix"), ""))
    assert Dataset(workspace, spec.name).spec.rows == 20 and 'data-code="exact-duplicates"' not in view["cards"]
    (tmp_path / "numbers.csv").write_text("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(30)), encoding="utf-8")
    spec = add_dataset(workspace, [tmp_path / "numbers.csv"], roles={"text": ""})
    cards = last(data_health.show(workspace, "en", spec.name))["cards"]
    assert "were not checked" in cards and "healthy" not in cards
