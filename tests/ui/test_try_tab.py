"""The Try tab's handlers on real models: what is shown, what is answered, what is refused."""

import csv
import time

import pytest

from fm_gui.errors import UserError
from fm_gui.tasks import TASKS, Kind
from fm_gui.ui import try_, widgets, work
from fm_gui.ui.try_parts import ASKED, KNOBS
from tests.trained import small_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return small_runs(tmp_path_factory.getbasetemp())


def values(text: str, **changed) -> list:
    """What the page sends: the text in every input, every knob at its default or as ``changed``."""
    knobs = []
    for task in TASKS:
        for name in KNOBS.get(task.name, ()):
            knobs.append(changed.get(name, task.PredictOptions.model_fields[name].default))
    return [text] * len(ASKED) + knobs


def shown(view: dict) -> set[str]:
    """The names that a view makes visible."""
    return {name for name, update in view.items() if isinstance(update, dict) and update.get("visible") is True}


def test_an_empty_workspace_says_what_to_do(workspace):
    view = try_.show(workspace, "en", None, [], [])
    assert view["empty"]["visible"] and not view["main"]["visible"]


def test_the_newest_or_the_asked_or_the_open_models_are_picked(runs):
    assert try_.show(runs, "en", None, [], [])["runs"]["value"] == ["writer"]
    assert try_.show(runs, "en", "sorter", ["filler"], [])["runs"]["value"] == ["sorter"]
    assert try_.show(runs, "en", None, ["filler"], [])["runs"]["value"] == ["filler"]
    assert try_.show(runs, "en", "sorter,sorter-2,writer", [], [])["runs"]["value"] == ["sorter", "sorter-2"]
    with pytest.warns(UserWarning, match="no run named"):
        assert try_.show(runs, "en", "nobody", [], [])["runs"]["value"] == ["writer"]


@pytest.mark.parametrize(("name", "kind", "output"), [("sorter", Kind.TEXT, Kind.LABEL), ("filler", Kind.MASKED, Kind.CANDIDATES), ("writer", Kind.PROMPT, Kind.STREAM)])
def test_inputs_outputs_and_knobs_are_those_of_the_kind(runs, name, kind, output):
    seen = shown(try_.show(runs, "en", name, [], []))
    assert {one for one in seen if one.startswith("ask-")} == {f"ask-text-{kind}"}
    assert {one for one in seen if one.startswith("out-") and one.endswith("-0")} == {f"out-{output}-0"}
    assert ("stop" in seen) == (output == Kind.STREAM) and ("file-fold" in seen) == (output != Kind.STREAM)


def test_a_model_that_learned_something_else_is_shown_alone_and_it_is_said(runs):
    view = try_.pick(runs, "en", ["sorter", "writer"], ["sorter"], [])
    assert view["runs"]["value"] == ["writer"] and "writer is shown alone" in view["note"]
    view = try_.pick(runs, "zh", ["sorter", "sorter-2"], ["sorter"], [])
    assert view["runs"]["value"] == ["sorter", "sorter-2"] and not view["note"] and {"card-0", "card-1"} <= shown(view)
    assert "Pick a model" in try_.pick(runs, "en", [], ["sorter"], [])["note"]


def test_the_first_answer_says_that_the_model_is_loaded_then_answers_side_by_side(runs):
    views = list(try_.answer(runs, "en", ["sorter", "sorter-2"], None, [], *values("The lamp number 7 was awful and broken today")))
    assert "Loading the model" in views[0]["foot-0"] and views[0]["go"]["interactive"] is False
    answered = {name: value for view in views for name, value in view.items()}
    assert "complaint" in answered["out-label-0"].split("</li>")[0] and "%" in answered["out-label-1"]
    assert answered["go"]["interactive"] is True and answered["tries"][0]["answer"].startswith("sorter: complaint")


def test_the_true_label_is_told_for_an_example_and_only_for_it(runs):
    rows = try_.show(runs, "en", "sorter", [], [])["rows"]
    assert {row["truth"] for row in rows[:3]} == {"praise", "complaint", "question"}  # one of each before a second of any
    filled = try_.use_example(runs, "en", 0, rows)
    told = list(try_.answer(runs, "en", ["sorter"], filled["example"], [], *values(rows[0]["inputs"]["text"])))[-1]["foot-0"]
    assert f"The true label is “{rows[0]['truth']}”" in told and ("✓" in told or "✗" in told)
    assert "true label" not in list(try_.answer(runs, "en", ["sorter"], filled["example"], [], *values("another text")))[-1]["foot-0"]


def test_candidates_stand_in_their_place(runs):
    final = {k: v for view in try_.answer(runs, "en", ["filler"], None, [], *values("The [MASK] was [MASK] & late")) for k, v in view.items()}
    html = final["out-candidates-0"]
    assert html.count("<mark>") == 2 and html.count("<ol") == 2 and html.count("<li>") == 20 and "&amp; late" in html and "Gap 2" in html


def test_a_stream_grows_and_is_not_told_more_than_20_times_a_second(runs):
    begin, texts = time.monotonic(), []
    for view in try_.answer(runs, "en", ["writer", "writer"], None, [], *values("The lamp", max_new_tokens=40, temperature=1.0)):
        texts += [view["out-stream-0"]] if "out-stream-0" in view else []
    assert texts[0].startswith("The lamp") and all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:]))
    assert len(texts) <= (time.monotonic() - begin) / try_.UPDATE + 2


@pytest.mark.parametrize(("name", "text", "code"), [("sorter", "  ", "try-empty"), ("filler", "no gap here", "try-no-mask"), ("filler", "", "try-empty")])
def test_what_cannot_be_answered_is_said_before_a_model_is_loaded(runs, name, text, code):
    with pytest.raises(UserError) as told:
        next(try_.answer(runs, "en", [name], None, [], *values(text)))
    assert told.value.code == code


def test_no_model_and_a_knob_outside_its_limits_are_refused(runs):
    with pytest.raises(UserError, match="No model is picked"):
        next(try_.answer(runs, "en", [], None, [], *values("x")))
    with pytest.raises(UserError) as told:
        next(try_.answer(runs, "en", ["writer"], None, [], *values("x", temperature=99)))
    assert told.value.code.startswith("setting-")


def test_the_last_tries_are_kept_once_each_and_come_back(runs):
    tries = []
    for text in [f"text {number}" for number in range(22)] + ["text 21", "text 5"]:
        tries = list(try_.answer(runs, "en", ["sorter"], None, tries, *values(text)))[-1]["tries"]
    assert len(tries) == 20 and tries[0]["inputs"] == {"text": "text 5"} and tries[1]["inputs"] == {"text": "text 21"}
    assert try_.again(runs, "en", 1, ["sorter"], tries)["in-text-text"] == "text 21"
    assert try_.show(runs, "en", "filler", [], tries)["tries-fold"]["visible"] is False  # they were another task's


def test_a_file_comes_back_with_predictions(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    path = tmp_path / "new.csv"
    path.write_text("message,number\nThe lamp number 7 was broken and awful today,1\nwhere and when,2\n", encoding="utf-8")
    views = list(try_.answer_file(runs, "en", ["sorter"], str(path)))
    assert "progress" in views[1]["file-note"] and views[-1]["file-done"]["visible"]
    with open(views[-1]["file-done"]["value"], encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2"] and rows[0]["prediction"] == "complaint"


def test_what_a_person_or_a_model_writes_is_never_markup():
    bars = widgets.OUTPUTS[Kind.LABEL].show({"label": "<b>x", "scores": {"<b>x": 0.9, "y": 0.1}}, {}, "en")
    assert "<b>x" not in bars and "&lt;b&gt;x" in bars
    gap = widgets.OUTPUTS[Kind.CANDIDATES].show([[("<i>", 1.0)]], {"text": "<u>[MASK]"}, "en")
    assert "<i>" not in gap and "<u>" not in gap


def test_many_labels_are_folded():
    output = {"label": "0", "scores": {str(number): 1 / 30 for number in range(30)}}
    assert "22 more" in widgets.OUTPUTS[Kind.LABEL].show(output, {}, "en")


def test_shares_are_never_falsely_certain():
    assert [widgets.percent(share) for share in (0.97, 0.9996, 0.0004, 0.034, 0.996)] == ["97%", ">99.9%", "<0.1%", "3.4%", "99.6%"]


@pytest.mark.parametrize(("kind", "text"), [(Kind.MASKED, "今天天气很好。"), (Kind.MASKED, "The kettle sings"), (Kind.PROMPT, "今天天气很好，我们去公园。")])
def test_examples_hide_something_real(kind, text):
    given, truth = widgets.INPUTS[kind].example(text)
    assert truth and truth in text and (given.replace("[MASK]", truth) == text if kind == Kind.MASKED else given + truth == text)


def test_every_kind_of_every_task_has_a_widget():
    assert {kind for task in TASKS for kind in task.inputs.values()} <= widgets.INPUTS.keys()
    assert {task.output for task in TASKS} <= widgets.OUTPUTS.keys()


def test_work_ends_when_nobody_follows_it():
    told = []

    def endless(tell):
        while True:
            told.append(1)
            tell(0.5)
            time.sleep(0.01)

    following = iter(work.Job(endless, "try.file.working", every=0.02))
    for _ in range(3):
        share, key, seconds = next(following)
    assert key == "try.file.working" and seconds >= 0
    with pytest.raises(work.Stopped):
        following.throw(work.Stopped)
    count = len(told)
    time.sleep(0.1)
    assert len(told) == count
