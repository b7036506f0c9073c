"""The Label tab inside Data: one text after the other, by its handlers, on real files."""

import json
import re
import time
from html import unescape

import gradio as gr
import pytest

from fm_gui import labelling
from fm_gui.config import StepSpec
from fm_gui.data import history
from fm_gui.data.dataset import Dataset
from fm_gui.data.recipe import row_key
from fm_gui.errors import UserError
from fm_gui.ui import data_label
from fm_gui.ui.data_label import EMPTY
from tests.data.added import added
from tests.trained import small_runs


@pytest.fixture
def reviews(workspace):
    """Ten texts: the first six have labels, one holds markup."""
    rows = [(f"review <b>{n}</b> & more", ["good", "good", "bad <i>"][n % 3] if n < 6 else "") for n in range(10)]
    return added(workspace, "reviews", "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))


class Page:
    """What a browser does: it keeps each component's last value and sends them with the next event."""

    def __init__(self, workspace, name="reviews", lang="en"):
        self.workspace, self.name, self.lang, self.shown = workspace, name, lang, {"order": None, "only": False, "kept": ""}

    def take(self, *views):
        for view in views:
            for name, update in view.items():
                self.shown[name] = update if not isinstance(update, dict) else {**(self.shown.get(name) if isinstance(self.shown.get(name), dict) else {}), **update}

    def open(self, order=None, only=None):
        before = self.shown["order"]["value"] if isinstance(self.shown["order"], dict) else self.shown["order"]
        self.shown["only"] = self.shown["only"] if only is None else only
        self.take(*data_label.show(self.workspace, self.lang, self.name, order or before, self.shown["only"], self.shown["kept"]))
        return self

    def act(self, handler, *values):
        found = handler(self.workspace, self.lang, self.name, self.shown["kept"], *values)
        self.take(*([found] if isinstance(found, dict) else found))
        return self

    def answer(self, label):
        return self.act(data_label.answer, label)

    @property
    def at(self) -> int:
        return int(re.search(r'data-at="(\d+)"', self.shown["row"])[1])

    @property
    def text(self) -> str:
        return unescape(re.search(r"label-text[^>]*>(.*?)</div>", self.shown["row"], re.S)[1])

    @property
    def keys(self) -> list[str]:
        return [unescape(label) for label in re.findall(r'data-label="([^"]*)"', self.shown["choices"])]


def given(workspace, name="reviews"):
    return list(labelling.answers(Dataset(workspace, name)).values())


def refused(code, function, *args):
    with pytest.raises(UserError) as caught:
        function(*args)
    assert caught.value.code == code


@pytest.fixture(autouse=True)
def toasts(monkeypatch):
    told = []
    for kind in ("Info", "Success", "Warning"):
        monkeypatch.setattr(gr, kind, lambda text, *args, **more: told.append(text))
    return told


def test_a_row_is_shown_with_what_is_known_of_it(workspace, reviews):
    page = Page(workspace).open()
    assert page.at in range(6, 10) and page.text == f"review <b>{page.at}</b> & more"  # a row without a label, as text and not as HTML
    assert "&lt;b&gt;" in page.shown["row"] and f"Row {page.at + 1}" in page.shown["row"] and "No label yet" in page.shown["row"]
    assert page.keys == ["good", "bad <i>"] and page.shown["choices"].count("<kbd>") == 2
    assert "0 of 10 texts answered" in page.shown["progress"] and page.shown["put"]["interactive"] is False
    assert page.shown["main"]["visible"] is True and page.shown["undo"]["interactive"] is False
    assert page.shown["order"]["choices"] == [("Rows without a label first", EMPTY)]
    chinese = Page(workspace, lang="zh").open()
    assert f"第 {page.at + 1} 行" in chinese.shown["row"] and "还没有标签" in chinese.shown["row"] and "已标注 0 条，共 10 条" in chinese.shown["progress"]


def test_every_answer_is_on_disk_before_the_next_row_is_shown(workspace, reviews):
    page, rows = Page(workspace).open(), []
    for label in ("good", "bad <i>", "neutral"):
        rows.append(page.at)
        page.answer(label)
        assert page.at not in rows and given(workspace)[-1] == label
    assert page.keys == ["good", "bad <i>", "neutral"]  # a new one comes last, so the others keep their keys
    assert "Answers not yet in the data set: 3" in page.shown["progress"] and 'value="3"' in page.shown["progress"]
    assert page.shown["put"]["interactive"] is True and page.shown["typed"]["visible"] is True
    reloaded = Page(workspace).open()
    assert reloaded.at not in rows and "3 of 10" in reloaded.shown["progress"] and set(reloaded.keys) == {"good", "bad <i>", "neutral"}
    reloaded.act(data_label.take_back)  # also after a reload
    assert reloaded.at == rows[-1] and len(given(workspace)) == 2


def test_typed_labels(workspace, reviews):
    page = Page(workspace).open()
    first = page.at
    assert data_label.answer(workspace, "en", "reviews", page.shown["kept"], "   ") == {} and given(workspace) == []
    refused("label-long", data_label.answer, workspace, "en", "reviews", page.shown["kept"], "x" * 101)
    page.answer("  Good ")  # the known one, in other capitals
    assert given(workspace) == ["good"] and page.at != first and page.shown["typed"]["value"] == ""


def test_skip_and_take_back(workspace, reviews, toasts):
    page = Page(workspace).open()
    first = page.at
    page.act(data_label.skip)
    second = page.at
    assert second != first and "skipped: 1" in page.shown["progress"] and page.shown["put"]["interactive"] is False
    page.answer("good").act(data_label.take_back)
    assert page.at == second and given(workspace) == [""]
    page.act(data_label.take_back)
    assert page.at == first and given(workspace) == []
    page.act(data_label.take_back)
    assert toasts == ["There is no answer to take back."] and page.at == first


def test_two_windows_do_not_clobber_each_other(workspace, reviews, toasts):
    one, other = Page(workspace).open(), Page(workspace).open()
    same = one.at
    assert other.at == same
    one.answer("good")
    other.answer("bad <i>")  # for a row that the first window answered meanwhile
    assert given(workspace) == ["good"] and "another window" in toasts[0] and other.at == one.at != same
    other.answer("bad <i>")
    one.act(data_label.skip)  # that row, too, was answered meanwhile
    assert given(workspace) == ["good", "bad <i>"] and one.at == other.at
    assert "2 of 10" in one.shown["progress"] and "2 of 10" in other.shown["progress"]


def test_rows_that_changed_meanwhile_are_not_answered_by_number(workspace, reviews):
    page = Page(workspace).open()
    history.apply(Dataset(workspace, "reviews"), [StepSpec(step="drop-rows", settings={"keys": [row_key("review <b>0</b> & more")]})])
    refused("dataset-moved-on", data_label.answer, workspace, "en", "reviews", page.shown["kept"], "good")
    assert given(workspace) == []
    page.open()  # what the page does next
    page.answer("good")
    assert given(workspace) == ["good"]


def test_answers_go_into_the_data_set_and_can_be_taken_out_again(workspace, reviews, toasts):
    page, rows = Page(workspace).open(), {}
    for label in ("good", "new", "new"):
        rows[page.at] = label
        page.answer(label)
    page.act(data_label.skip)
    after = page.at
    page.act(data_label.put)
    labels = Dataset(workspace, "reviews").column("label")
    assert {row: labels[row] for row in rows} == rows and given(workspace) == [] and toasts == ["Labels written into the data set: 3."]
    assert page.at == after and "3 of 10" in page.shown["progress"] and "All your answers are in the data set" in page.shown["progress"]
    page.answer("good")  # the queue goes on
    assert Page(workspace).open().at not in rows and "4 of 10" in page.shown["progress"]
    history.undo(Dataset(workspace, "reviews"))
    assert "not yet in the data set: 4" in Page(workspace).open().shown["progress"]  # the three are answers again
    page = Page(workspace).open()
    for _ in range(5):  # four answers and the skip
        page.act(data_label.take_back)
    refused("label-none", data_label.put, workspace, "en", "reviews", page.shown["kept"])


def test_to_the_end_and_once_more(workspace, reviews):
    page = Page(workspace).open(only=True)
    for _ in range(3):
        page.answer("good")
    page.act(data_label.skip)
    assert 'data-at="end"' in page.shown["row"] and "skipped 1" not in page.shown["row"] and "Skipped: 1" in page.shown["row"]
    assert page.shown["choices"] == "" and page.shown["typed"]["visible"] is False and page.shown["again"]["value"] == "Ask the skipped ones again"
    page.act(data_label.ask_again)
    assert page.shown["again"]["visible"] is False
    page.answer("good").act(data_label.put)
    assert "Every text has an answer" in page.shown["row"]
    page.open(only=False)
    assert page.at < 6 and "Label now: " in page.shown["row"] and "label-current" in page.shown["choices"]
    for _ in range(6):
        page.answer("good")
    page.act(data_label.put)
    assert page.shown["again"] == {**page.shown["again"], "visible": True, "value": "Go through all of them again"}
    page.act(data_label.ask_again)
    assert page.at in range(10) and "0 of 10" in page.shown["progress"]


def test_the_queue_is_filled_again(workspace, reviews, monkeypatch):
    monkeypatch.setattr(data_label, "NEXT", 3)
    page, seen = Page(workspace).open(), []
    for n in range(10):
        if "data-refill" in page.shown["row"]:
            assert "Looking for the next texts" in page.shown["row"]
            page.open()
        seen.append(page.at)
        page.answer("good" if n % 2 else "bad <i>")
    assert sorted(seen) == list(range(10)) and "Every text has an answer" in page.shown["row"] and "data-refill" not in page.shown["row"]


def test_an_answer_follows_its_text_through_a_cleaning_step(workspace, reviews):
    page = Page(workspace).open()
    page.answer("good")
    history.apply(Dataset(workspace, "reviews"), [StepSpec(step="case", settings={"to": "upper"})])
    page.open()
    assert "cleaning" not in page.shown["progress"] and "1 of 10" in page.shown["progress"]
    assert page.shown["put"]["interactive"] is True and page.text == f"REVIEW <B>{page.at}</B> & MORE"


def test_what_a_cleaning_step_removed_is_said(workspace, reviews):
    page = Page(workspace).open()
    answered = page.text
    page.answer("good")
    history.apply(Dataset(workspace, "reviews"), [StepSpec(step="drop-rows", settings={"keys": [row_key(answered)]})])
    page.open()
    assert "a cleaning step changed or removed: 1." in page.shown["progress"] and "0 of 9" in page.shown["progress"]
    assert page.shown["put"]["interactive"] is False
    history.undo(Dataset(workspace, "reviews"))
    page.open()
    assert "cleaning" not in page.shown["progress"] and "1 of 10" in page.shown["progress"] and page.shown["put"]["interactive"] is True


def test_data_without_a_text_or_without_labels(workspace):
    plain = added(workspace, "plain", "a first line\na second line\na third line\n", ".txt")
    page = Page(workspace, "plain").open()
    assert "Type the first label" in page.shown["choices"] and page.keys == []
    page.answer("新")
    assert page.keys == ["新"]
    page.act(data_label.put)
    assert sorted(Dataset(workspace, "plain").column("label")) == ["", "", "新"]
    added(workspace, "numbers", "a,b\n1,2\n3,4\n").set_roles({})
    empty = Page(workspace, "numbers").open()
    assert empty.shown["main"]["visible"] is False and "numbers" in empty.shown["nothing"]
    assert list(data_label.show(workspace, "en", None, None, False, ""))[-1].keys() == {"order"}
    assert plain.spec.name == "plain"


def test_long_texts_and_many_labels_stay_light(workspace):
    added(workspace, "wide", "text,label\n" + "".join(f"{'long words ' * 3000}{n},label {n % 60:02}\n" for n in range(120)))
    page = Page(workspace, "wide").open()
    assert len(page.shown["row"]) < 6_000 and "more characters" in page.shown["row"] and "label-long" in page.shown["row"]
    assert len(page.keys) == data_label.MOST_LABELS and page.shown["choices"].count("<kbd>") == 9 and "20 more labels" in page.shown["choices"]


def test_answering_feels_instant(workspace):
    added(workspace, "many", "text,label\n" + "".join(f"text {n} of many,{'ab'[n % 2]}\n" for n in range(100_000)))
    page, times = Page(workspace, "many").open(), []
    assert len(page.shown["kept"]) < 20_000
    for _ in range(20):
        begin = time.perf_counter()
        page.answer("a")
        times.append(time.perf_counter() - begin)
    assert sorted(times)[10] < 0.1, times


@pytest.mark.slow
def test_a_run_says_where_it_is_least_sure(tmp_path_factory):
    workspace = small_runs(tmp_path_factory.getbasetemp())
    page = Page(workspace, "tickets").open()
    choices = [value for _, value in page.shown["order"]["choices"]]
    assert {"run:sorter", "run:sorter-2"} <= set(choices) and not {"run:filler", "run:writer"} & set(choices)
    page.open(order="run:sorter")
    guess = re.search(r"The model(?:'|&#x27;)s guess: (\w+), (\d+)%", page.shown["row"])
    assert guess and int(guess[2]) < 60 and f"<small>{guess[2]}%</small>" in page.shown["choices"]
    assert json.loads(page.shown["kept"])["order"] == "run:sorter" and page.shown["busy"] == ""
    at = page.at
    page.open()  # chosen again: where it was, without asking the model anew
    assert page.at == at
    assert data_label.settled(workspace, "en", page.shown["kept"])["order"] == "run:sorter"


def test_every_event_is_private(workspace):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Label", id="labels") as tab:
        data_label.build(workspace, tab, gr.Radio([]))
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())
