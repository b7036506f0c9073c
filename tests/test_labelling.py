"""Labelling by hand: what is asked first, answers that nothing loses, and the step they become."""

import json
import threading
import time

import numpy as np
import pytest

from fm_gui.config import StepSpec
from fm_gui.data import history
from fm_gui.data.dataset import Dataset
from fm_gui.data.recipe import row_key
from fm_gui.errors import UserError
from fm_gui.labelling import SKIPPED, answers, ask, forget_skipped, give, take_over
from tests.data.added import added
from tests.trained import small_runs

LABELS = ["good", "", "bad", "", "good", ""]


@pytest.fixture
def data(workspace):
    """Twelve texts, half of them without a label; two rows have the same text, one row has none."""
    rows = [(f"text number {n}", LABELS[n % 6]) for n in range(12)] + [("text number 0", ""), ("", "good")]
    return added(workspace, "reviews", "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))


def refused(code, function, *args, **more):
    with pytest.raises(UserError) as caught:
        function(*args, **more)
    assert caught.value.code == code and caught.value.say("zh") != str(caught.value)


def texts(dataset, rows):
    return [row["text"] for row in dataset.rows(list(rows))]


def again(dataset):
    return Dataset(dataset.workspace, dataset.spec.name)


def test_rows_without_a_label_come_first(data):
    task = ask(data)
    assert task.total == 12 and task.answered == 0 and task.labels == ["good", "bad"]
    labels = [data.rows([row])[0]["label"] for row in task.rows]
    assert len(task.rows) == 12 and labels[:7] == [""] * 7 and all(labels[7:])  # text 0 by its row that has none
    assert len(set(texts(data, task.rows))) == 12 and task.rows.tolist() == ask(again(data)).rows.tolist()
    assert task.rows.tolist() != sorted(task.rows.tolist())  # not in the order of the file
    only = ask(data, only_empty=True)
    assert only.total == len(only.rows) == 7


def test_an_answer_is_not_asked_again_and_can_be_taken_back(data):
    row = int(ask(data).rows[0])
    give(data, row, "  very   good ")
    task = ask(again(data))
    assert row not in task.rows and (task.answered, task.labels, task.recent) == (1, ["good", "bad", "very good"], [row])
    assert answers(data) == {row_key(texts(data, [row])[0]): "very good"}
    give(data, row, None)
    assert answers(data) == {} and row in ask(data).rows
    give(data, 12, SKIPPED)  # one answer for all rows with this text
    assert {0, 12}.isdisjoint(ask(data).rows.tolist()) and ask(data).answered == 1
    forget_skipped(data)
    assert ask(data).answered == 0


def test_what_cannot_be_is_refused(data, workspace):
    refused("label-long", give, data, 0, "x" * 101)
    refused("row-unknown", give, data, 14, "good")
    refused("row-unknown", give, data, -1, "good")
    refused("label-none", take_over, data)
    assert answers(data) == {} and not (data.path / "labels.jsonl").exists()
    plain = added(workspace, "numbers", "a,b\n1,2\n3,4\n")
    plain.set_roles({})
    refused("label-no-text", ask, plain)
    refused("label-no-text", give, plain, 0, "good")


def test_answers_become_a_step_that_can_be_undone(data):
    give(data, 1, "good")
    give(data, 12, "bad")  # also row 0, which has the same text
    give(data, 3, SKIPPED)
    fresh = take_over(data)
    labels = fresh.column("label")
    assert (labels[0], labels[1], labels[12], labels[3], labels[2]) == ("bad", "good", "bad", "", "bad")
    assert answers(fresh) == {} and fresh.spec.recipe[-1].step == "set-labels"
    task = ask(fresh)
    assert task.answered == 2 and {0, 1, 12}.isdisjoint(task.rows.tolist()) and 3 in task.rows
    assert len(ask(fresh, again=True).rows) == 12
    back = history.undo(fresh)
    assert back.column("label")[0] == "good" and ask(back).answered == 3  # the answers wait again, and the skipped row
    redone = history.redo(back)
    assert redone.column("label")[0] == "bad" and answers(redone) == {}


def test_answers_are_not_lost_when_their_step_is(data):
    """Labelled, taken over, taken back, and another step taken: the step is gone for good, the answers are not."""
    give(data, 1, "good")
    give(data, 12, "bad")
    back = history.undo(take_over(data))
    other = history.apply(back, [StepSpec(step="case", settings={"to": "upper"})])
    assert sorted(answers(other).values()) == ["bad", "good"] and ask(other).answered == 2
    give(other, 1, "worse")  # a second thought counts
    fresh = take_over(other)
    assert fresh.column("label")[:2] == ["bad", "worse"] and answers(again(fresh)) == {}
    assert sorted(answers(history.undo(fresh)).values()) == ["bad", "worse"]


def test_answers_that_agree_with_what_stands_there_are_done_with(data):
    give(data, 2, "bad")
    fresh = take_over(data)
    assert answers(fresh) == {} and fresh.spec.recipe == []


def test_data_without_labels_gets_a_column_for_them(workspace):
    data = added(workspace, "plain", "a first line\na second line\na third line\n", ".txt")
    assert "label" not in data.spec.roles and ask(data).labels == []
    give(data, 1, "二")
    fresh = take_over(data)
    assert again(fresh).column("label") == ["", "二", ""] and fresh.spec.roles["label"].column == "label"
    assert "label" not in history.undo(again(fresh)).spec.roles
    assert history.redo(again(fresh)).column("label") == ["", "二", ""]


def test_a_column_that_only_happens_to_be_called_label_is_not_touched(data):
    data.set_roles({"text": "text"})
    give(data, 1, "good")
    refused("label-column", take_over, data)
    assert len(answers(data)) == 1  # kept until it is decided


def test_answers_to_texts_that_a_step_took_out_wait(data):
    give(data, 1, "good")
    give(data, 2, "good")
    fewer = history.apply(data, [StepSpec(step="drop-rows", settings={"keys": [row_key("text number 1")]})])
    assert ask(fewer).strange == 1 and ask(fewer).answered == 1
    fresh = take_over(fewer)
    assert fresh.column("label")[1] == "good"  # row 2 of before
    assert list(answers(fresh).values()) == ["good"]
    refused("label-elsewhere", take_over, fresh)
    back = history.go_to(fresh, 0)
    assert ask(back).strange == 0 and ask(back).answered == 2  # the one taken over waits again too
    assert take_over(back).column("label")[1] == "good"


def _replaced(data, old="number 1$", new="number one"):
    return history.apply(data, [StepSpec(step="replace", settings={"pattern": old, "replacement": new})])


def test_answers_go_with_their_texts_through_steps_and_back(data):
    give(data, 1, "good")
    give(data, 3, SKIPPED)
    one = _replaced(data)
    assert answers(one) == {row_key("text number one"): "good", row_key("text number 3"): SKIPPED}
    assert (ask(one).strange, ask(one).answered, ask(one).recent) == (0, 2, [1, 3])
    give(one, 1, "bad")  # corrected, and one more
    give(one, 5, "good")
    two = _replaced(_replaced(one, "text", "line"), "line number", "no.")
    assert answers(two) == {row_key("no. one"): "bad", row_key("no. 3"): SKIPPED, row_key("no. 5"): "good"}
    give(two, 7, "odd")
    start = history.go_to(again(data), 0)
    there = {row_key(f"text number {n}"): label for n, label in {1: "bad", 3: SKIPPED, 5: "good", 7: "odd"}.items()}
    assert answers(start) == there and ask(start).strange == 0
    give(start, 8, "late")
    give(start, 3, None)
    assert list(answers(history.redo(again(data))).values()) == ["bad", "good", "odd", "late"]
    end = history.go_to(again(data), 3)
    assert ask(end).strange == 0 and ask(end).answered == 4
    fresh = take_over(end)
    assert [fresh.column("label")[row] for row in (1, 5, 7, 8)] == ["bad", "good", "odd", "late"] and answers(fresh) == {}
    assert ask(_replaced(fresh, "no", "nr")).answered == 4  # those taken over are known by their new texts too


def test_answers_that_a_step_makes_one_are_two_again_without_it(workspace):
    data = added(workspace, "cases", "text,label\nHello there,\nhello there,\nHELLO there,\ngood day,x\ngood night,y\n")
    give(data, 0, "x")
    give(data, 1, "y")
    lower = history.apply(data, [StepSpec(step="case", settings={"to": "lower"})])
    assert answers(lower) == {row_key("hello there"): "y"}
    assert list(answers(history.undo(lower)).values()) == ["x", "y"]
    give(history.redo(again(data)), 2, "z")  # said of all three, as they read the same
    assert set(answers(history.undo(again(data))).values()) == {"z"} and len(answers(again(data))) == 3


def test_answers_go_through_a_cut_and_a_join(workspace):
    data = added(workspace, "long", "text,note\n" + "".join(f"a rather long text {n % 3},note {n}\n" for n in range(6)) + "short,x\n")
    data.set_roles({"text": "text"})
    give(data, 1, "a")
    cut = StepSpec(step="length-limits", settings={"shortest": 8, "longest": 200, "too_long": "cut"})
    join = StepSpec(step="join-columns", settings={"columns": ["text", "note"], "into": "text"})
    fresh = history.apply(data, [join, cut.model_copy(update={"settings": cut.settings | {"longest": 24}})])
    assert fresh.spec.rows == 6 and answers(fresh) == {row_key("a rather long text 1 not"): "a"}
    assert answers(history.go_to(fresh, 1)) == {row_key(f"a rather long text 1 note {n}"): "a" for n in (1, 4)}
    assert answers(history.go_to(again(data), 0)) == {row_key("a rather long text 1"): "a"}


def test_answers_to_a_column_that_is_not_the_text_any_more(workspace):
    data = added(workspace, "two", "title,body\n" + "".join(f"title {n},the body of number {n}\n" for n in range(4)))
    data.set_roles({"text": "title"})
    give(data, 0, "a")
    data.set_roles({"text": "body"})
    refused("label-elsewhere", take_over, again(data))
    again(data).set_roles({"text": "title"})
    assert take_over(again(data)).column("label") == ["a", "", "", ""]


def test_a_cut_line_costs_one_answer_at_most(data):
    give(data, 1, "good")
    file = data.path / "labels.jsonl"
    with open(file, "ab") as end:
        end.write(b'{"key": "0123", "la')  # the power failed here
    give(data, 3, "line\u2028end")
    give(data, 5, "bad")
    assert list(answers(data).values()) == ["good", "line end", "bad"]
    lines = file.read_bytes().split(b"\n")
    lines[2] = json.dumps({"key": "k", "label": "a\u2028b"}, ensure_ascii=False).encode()
    file.write_bytes(b"\n".join(lines))
    assert answers(data)["k"] == "a\u2028b"


def test_two_windows_lose_nothing(data):
    """One answers while the other takes over, again and again."""
    stop = threading.Event()

    def taking():
        while not stop.is_set():
            try:
                take_over(again(data))
            except UserError as problem:
                assert problem.code == "label-none"

    thread = threading.Thread(target=taking)
    thread.start()
    for row in range(12):
        give(again(data), row, f"mine {row}")
        time.sleep(0.02)
    stop.set()
    thread.join()
    if answers(again(data)):
        take_over(again(data))
    assert again(data).column("label")[:12] == [f"mine {row}" for row in range(12)]


def test_an_answer_is_to_the_text_that_was_seen(data):
    """What another window changed meanwhile matters only if the row holds another text now."""
    from fm_gui.config import SplitSpec

    seen = again(data)
    again(data).set_split(SplitSpec(test=0.3))
    give(seen, 3, "good")
    changed = history.apply(again(data), [StepSpec(step="case", settings={"to": "upper"})])
    refused("dataset-moved-on", give, seen, 4, "bad")
    assert list(answers(changed).values()) == ["good"] and take_over(changed).column("label")[3] == "good"


def test_doubtful_rows_first(data, monkeypatch):
    """Ranked by the margin between the two likeliest classes; the run's classes are offered as labels too."""
    sure = {f"text number {n}": 0.5 + n / 30 for n in range(12)}

    class Stand:
        def predict(self, rows):
            return [{"label": "good", "scores": {"good": sure[row["text"]], "odd": 1 - sure[row["text"]]}} for row in rows]

    class Config:
        task = "text-classification"

    class Run:
        id, config = "sorter", Config

    monkeypatch.setattr("fm_gui.predict.load", lambda run: Stand())
    told = []
    task = ask(data, Run(), progress=lambda share, key: told.append((share, key)))
    assert texts(data, task.rows) == [f"text number {n}" for n in range(12)] and told == [(0.0, "label.ranking")]
    assert task.labels == ["good", "bad", "odd"] and task.guesses[int(task.rows[1])] == ("good", pytest.approx(0.5 + 1 / 30))
    Config.task = "causal-lm"
    refused("label-run", ask, data, Run())


def test_answering_is_quick_with_many_rows(workspace):
    data = added(workspace, "many", "text,label\n" + "".join(f"text {n} of many about {n * 7919 % 1000},{'ab'[n % 2]}\n" for n in range(100_000)))
    begin = time.perf_counter()
    task = ask(data)
    assert len(task.rows) == 100_000 and time.perf_counter() - begin < 5  # once for hundreds of answers
    times = []
    for row in task.rows[:20]:
        begin = time.perf_counter()
        give(Dataset(workspace, "many"), int(row), "a")
        times.append(time.perf_counter() - begin)
    assert np.median(times) < 0.1, times


@pytest.mark.slow
def test_a_real_run_says_what_it_is_unsure_of(tmp_path_factory):
    """The rows it asks for first are those that a few words do not give away."""
    workspace = small_runs(tmp_path_factory.getbasetemp())
    task = ask(Dataset(workspace, "tickets"), workspace.run("sorter"))
    shares = [task.guesses[int(row)][1] for row in task.rows]
    assert len(task.rows) == task.total > 200 and set(task.labels) == {"praise", "complaint", "question"}
    assert np.mean(shares[:20]) < np.mean(shares[-20:])
    refused("label-run", ask, Dataset(workspace, "tickets"), workspace.run("writer"))
