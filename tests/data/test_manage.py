"""Data sets as wholes: another name, copies, samples, several in one, and rows written so that they read back the same."""

import errno
import json
from collections import Counter

import pytest

from fm_gui import labelling
from fm_gui.config import SplitSpec, StepSpec
from fm_gui.data import history, manage
from fm_gui.data.dataset import Dataset
from fm_gui.data.readers import read
from fm_gui.errors import UserError
from tests.data.added import added

ODD = ['a "quoted", text', "two\nlines", "  blanks  ", "=1+1", "表情 😀 文字", "tab\there", "it's", "\u2028 line sign"]


def refused(code, function, *args, **more):
    with pytest.raises(UserError) as caught:
        function(*args, **more)
    assert caught.value.code == code and caught.value.say("zh") != str(caught.value)
    return caught.value


@pytest.fixture
def reviews(workspace):
    rows = "".join(f"review number {n},{'good' if n % 4 else 'bad'},{n}\n" for n in range(40))
    return added(workspace, "reviews", "text,label,stars\n" + rows)


def columns(dataset):
    return {role: guess.column for role, guess in dataset.spec.roles.items()}


def names(workspace):
    return {spec.name for spec in workspace.datasets()}


def left(workspace):
    """What half-done work leaves behind."""
    return [path.name for path in (workspace.root / "cache").iterdir() if path.name.startswith("adding-")]


def test_rename(workspace, reviews):
    before = reviews.table.to_pylist()
    labelling.give(reviews, 0, "good")
    assert manage.rename(workspace, "reviews", "评论").name == "评论"
    fresh = Dataset(workspace, "评论")
    assert names(workspace) == {"评论"} and fresh.table.to_pylist() == before and len(labelling.answers(fresh)) == 1
    added(workspace, "other", "text\na line\nb line\n")
    refused("dataset-exists", manage.rename, workspace, "评论", "other")
    refused("name", manage.rename, workspace, "评论", "../up")
    refused("dataset-unknown", manage.rename, workspace, "gone", "here")


def test_a_name_that_runs_know_stays(workspace, reviews):
    from fm_gui import plan

    config = plan.make_config(workspace, task="text-classification", data="reviews", start="scratch", architecture="bert", size="1m")
    workspace.new_run(config, "reader")
    assert "reader" in str(refused("dataset-rename-used", manage.rename, workspace, "reviews", "new"))
    assert names(workspace) == {"reviews"}


def test_the_folder_names_a_data_set(workspace, reviews, monkeypatch):
    """So a rename is one step for the disk too, and needs no room on it."""

    def full(*given, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("fm_gui.data.dataset.write_json", full)
        assert manage.rename(workspace, "reviews", "new").name == "new"
    assert names(workspace) == {"new"} and Dataset(workspace, "new").set_split(SplitSpec(test=0.2)).name == "new"
    refused("dataset-unknown", reviews.set_split, SplitSpec(test=0.3))  # another window still calls it by the old name


def test_a_copy_goes_its_own_way(workspace, reviews):
    history.apply(reviews, [StepSpec(step="case", settings={"to": "upper"})])
    copy = manage.duplicate(workspace, "reviews")
    assert copy.name == "reviews-2" and [step.step for step in copy.recipe] == ["case"]
    history.undo(Dataset(workspace, "reviews-2"))
    assert Dataset(workspace, "reviews-2").table["text"][0].as_py() == "review number 0"
    assert Dataset(workspace, "reviews").table["text"][0].as_py() == "REVIEW NUMBER 0"
    assert manage.duplicate(workspace, "reviews", "mine").name == "mine"
    refused("dataset-exists", manage.duplicate, workspace, "reviews", "mine")
    assert workspace.datasets()[0].name == "mine" and left(workspace) == []


def test_a_sample_keeps_the_labels_shares(workspace, reviews):
    spec = manage.sample(workspace, "reviews", 12, seed=3)
    drawn = Dataset(workspace, spec.name)
    assert spec.name == "reviews-sample" and spec.rows == 12 and columns(drawn) == columns(reviews)
    assert Counter(drawn.column("label")) == {"good": 9, "bad": 3}
    numbers = [int(stars) for stars in drawn.table["stars"].to_pylist()]
    assert numbers == sorted(set(numbers))  # each row at most once, in the order of the file
    same = Dataset(workspace, manage.sample(workspace, "reviews", 12, seed=3, new="same").name)
    other = Dataset(workspace, manage.sample(workspace, "reviews", 12, seed=4, new="other").name)
    assert same.table.equals(drawn.table) and not other.table.equals(drawn.table)
    for rows in (0, 40, -2):
        refused("sample-size", manage.sample, workspace, "reviews", rows)
    refused("setting-least", manage.sample, workspace, "reviews", 3, -1)
    assert manage.sample(workspace, "reviews", 39, new="most").rows == 39 and left(workspace) == []


def test_a_role_taken_away_stays_away_in_a_sample(workspace, reviews):
    reviews.set_roles({"text": "text"})
    reviews.set_split(SplitSpec(validation=0.3, test=0.2))
    drawn = manage.sample(workspace, "reviews", 20)
    assert set(drawn.roles) == {"text"} and drawn.split.validation == 0.3


def test_merging_matches_columns_by_role_then_by_name(workspace, reviews):
    lines = [json.dumps({"stars": n + 0.5, "body": f"a second review {n}", "verdict": "fine", "own": "x"}) for n in range(8)]
    second = added(workspace, "more", "\n".join(lines), ".jsonl")
    second.set_roles({"text": "body", "label": "verdict"})
    reviews.set_roles({"text": "text", "label": "label"})
    spec = manage.merge(workspace, ["reviews", "more", "reviews"])
    merged = Dataset(workspace, spec.name)
    assert spec.name == "reviews-merged" and spec.rows == 48
    assert merged.table.column_names == ["text", "label", "stars", "own", "from"]
    assert merged.table["own"].to_pylist() == [None] * 40 + ["x"] * 8  # in one only: empty in the rows of the other
    assert merged.column("text")[40] == "a second review 0" and merged.column("label")[40] == "fine"
    assert merged.table["stars"].to_pylist()[39:41] == ["39", "0.5"] and Counter(merged.table["from"].to_pylist()) == {"reviews": 40, "more": 8}
    assert columns(merged) == {"text": "text", "label": "label"} and spec.source == "reviews, more"


def test_merged_rows_stay_in_the_part_that_a_person_brought(workspace, reviews):
    """Test rows of either data set never become training rows, and those without a part are no test rows."""
    rows = "".join(f"brought text {n},{'good' if n % 2 else 'bad'},{'test' if n < 6 else 'train'},a{n}\n" for n in range(20))
    own = added(workspace, "own", "text,label,split,author\n" + rows)
    assert columns(own)["split"] == "split"
    for order in (["own", "reviews"], ["reviews", "own"]):
        merged = Dataset(workspace, manage.merge(workspace, order).name)
        test = [merged.table["text"][int(row)].as_py() for row in merged.parts()["test"]]
        assert sorted(test) == [f"brought text {n}" for n in range(6)] and columns(merged)["split"] == "split"
        assert merged.table["author"].null_count == 40


def test_a_column_called_like_one_of_another_role_is_kept_under_another_name(workspace, reviews):
    lines = [json.dumps({"body": f"a second review {n}", "verdict": "fine", "text": n, "split": f"fold {n}", "stars": True}) for n in range(8)]
    second = added(workspace, "more", "\n".join(lines), ".jsonl")
    second.set_roles({"text": "body", "label": "verdict"})
    third = added(workspace, "third", "text,label,split\n" + "".join(f"third {n},good,{'test' if n < 3 else 'train'}\n" for n in range(9)))
    reviews.set_roles({"text": "text", "label": "label"})
    third.set_roles({"text": "text", "label": "label", "split": "split"})
    merged = Dataset(workspace, manage.merge(workspace, ["reviews", "more", "third"]).name)
    assert merged.table.column_names == ["text", "label", "stars", "text-2", "split-2", "split", "from"]
    assert merged.table["text-2"].to_pylist()[40:48] == list(range(8)) and merged.table["split-2"][40].as_py() == "fold 0"
    assert merged.table["stars"].to_pylist()[39:42] == ["39", "true", "true"] and len(merged.parts()["test"]) == 3
    assert columns(merged) == {"text": "text", "label": "label", "split": "split"}


def test_what_cannot_be_merged(workspace, reviews):
    plain = added(workspace, "plain", "text\na first line\na second line\n")
    refused("merge-few", manage.merge, workspace, ["reviews", "reviews"])
    assert refused("merge-role", manage.merge, workspace, ["reviews", "plain"]).values["role"] == "label"
    plain.set_roles({})
    numbers = added(workspace, "numbers", "a,b\n1,2\n3,4\n")
    numbers.set_roles({})
    refused("merge-nothing", manage.merge, workspace, ["numbers", "plain"])
    refused("dataset-exists", manage.merge, workspace, ["plain", "reviews"], "plain")
    assert names(workspace) == {"reviews", "plain", "numbers"} and left(workspace) == []


@pytest.mark.parametrize("kind", manage.FORMATS)
def test_what_is_written_reads_back_the_same(workspace, tmp_path, kind):
    lines = [json.dumps({"text": text, "label": "x" if n % 2 else None, "number": n / 2, "yes": n % 2 == 0}) for n, text in enumerate(ODD)]
    data = added(workspace, "odd", "\n".join(lines), ".jsonl")
    told = []
    path = manage.export(data, tmp_path / f"导出 rows.{kind}", progress=lambda share, key: told.append((share, key)))
    assert path.exists() and told == [(0.0, "manage.writing")] and [file.name for file in tmp_path.iterdir() if "rows" in file.name] == [path.name]
    again = read([path]).table
    assert again["text"].to_pylist() == ODD and again.num_rows == data.spec.rows
    if kind == "csv":
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    else:
        assert again.to_pylist() == data.table.to_pylist()


def test_cells_that_a_spreadsheet_would_run_are_counted(workspace):
    cells = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-A1", "-3", "+49 30 1234", "- a list", "a = b", "-2.5%"]
    data = added(workspace, "sheet", "\n".join(json.dumps({"text": cell}) for cell in cells), ".jsonl")
    assert manage.formula_cells(data.table) == 4


def test_rows_are_written_as_they_are_now(workspace, reviews, tmp_path):
    history.apply(reviews, [StepSpec(step="case", settings={"to": "upper"})])
    path = manage.export(Dataset(workspace, "reviews"), tmp_path / "rows", "jsonl")
    first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert first["text"] == "REVIEW NUMBER 0" and first["stars"] == "0"


def test_what_cannot_be_written(reviews, tmp_path):
    refused("export-kind", manage.export, reviews, tmp_path / "rows.xlsx")
    refused("export-write", manage.export, reviews, tmp_path / "no such folder" / "rows.csv")
    (tmp_path / "old.csv").write_text("old", encoding="utf-8")

    class Stopped(Exception):
        pass

    def stop(share, key):
        raise Stopped

    with pytest.raises(Stopped):
        manage.export(reviews, tmp_path / "old.csv", progress=stop)
    assert (tmp_path / "old.csv").read_text(encoding="utf-8") == "old" and not list(tmp_path.glob(".*"))
