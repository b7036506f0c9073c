"""Data sets: added whole or not at all, paged, split, corrected; their fingerprint follows what they mean."""

import json

import pytest

from fm_gui import files, labelling
from fm_gui.config import DatasetSpec, SplitSpec, StepSpec
from fm_gui.data import adding as module
from fm_gui.data import history
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.data.readers import ReadOptions
from fm_gui.data.recipe import row_key
from fm_gui.errors import UserError
from tests.data.added import added


def csv_text(count=40, start=0):
    return "text,label,other\n" + "".join(
        f"this is text number {n},{'good' if n % 2 else 'bad'},{n}\n" for n in range(start, start + count)
    )


@pytest.fixture
def file(tmp_path):
    def write(name="My Reviews.csv", content=None):
        path = tmp_path / name
        path.write_text(csv_text() if content is None else content, encoding="utf-8")
        return path

    return write


def refused(code, remedy, function, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        function(*args, **kwargs)
    assert caught.value.code == code and remedy.lower() in str(caught.value).lower()
    assert caught.value.say("zh") != str(caught.value)
    return caught.value


def leftovers(workspace):
    return [path.name for path in (*workspace.root.glob("datasets/*"), *workspace.root.glob("cache/*"))]


def test_add_and_read(workspace, file):
    path = file()
    spec = add_dataset(workspace, [path])
    assert (spec.name, spec.source, spec.rows) == ("my-reviews", "My Reviews.csv", 40)
    assert {role: guess.column for role, guess in spec.roles.items()} == {"text": "text", "label": "label"}
    assert workspace.datasets() == [spec] and leftovers(workspace) == ["my-reviews"]
    path.unlink()  # the source is not needed any more
    data = Dataset(workspace, "my-reviews")
    assert data.spec == spec
    assert data.page(38, 10) == [
        {"#": 39, "text": "this is text number 38", "label": "bad", "other": "38"}, {"#": 40, "text": "this is text number 39", "label": "good", "other": "39"}
    ]  # fmt: skip
    assert data.page(1_000, 5) == [] and len(data.page(-3, 2)) == 2
    assert data.rows([3, 0]) == [{"text": "this is text number 3", "label": "good"}, {"text": "this is text number 0", "label": "bad"}]
    assert data.rows([]) == [] and data.label_counts() == {"bad": 20, "good": 20}
    parts = data.parts()
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [24, 8, 8]  # few rows: a fifth each
    assert list(data.texts("test")) == [f"this is text number {row}" for row in parts["test"]]


def test_names(workspace, file):
    assert [add_dataset(workspace, [file()]).name for _ in range(3)] == ["my-reviews", "my-reviews-2", "my-reviews-3"]
    assert add_dataset(workspace, [file()], name="评论").name == "评论"
    refused("dataset-exists", "another name", add_dataset, workspace, [file()], name="评论")
    refused("name", "use letters", add_dataset, workspace, [file()], name="../up")
    assert len(leftovers(workspace)) == 4


def test_nothing_is_left_behind(workspace, file):
    refused("file-header-only", "add rows", add_dataset, workspace, [file(content="text,label\n")])
    refused("file-missing", "add it again", add_dataset, workspace, [file().with_name("gone.csv")])
    refused("cells-empty", "fill in", add_dataset, workspace, [file(content="text,label\n ,\n,\n")])
    refused("texts-empty", "fill that column", add_dataset, workspace, [file(content="text,label\n,good\n,bad\n,good\n,bad\n")])
    refused("role-column", "choose one of its columns: text, label, other", add_dataset, workspace, [file()], roles={"text": "body"})
    refused("split-too-large", "choose shares", add_dataset, workspace, [file()], split=SplitSpec(validation=0.5, test=0.5))
    assert leftovers(workspace) == []


def test_full_disk(workspace, file, monkeypatch, tmp_path):
    def write_to_full_disk(folder, file):
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(b"x")

    monkeypatch.setattr(module, "adopt", write_to_full_disk)  # the error is the system's own, only the place is ours
    problem = refused("disk-full", "make room", add_dataset, workspace, [file()])
    assert problem.values["path"] == str(workspace.root) and problem.values["needed"] > problem.values["free"]
    assert leftovers(workspace) == []
    with pytest.raises(PermissionError), files.disk_guard(tmp_path):
        raise PermissionError(13, "not a full disk")


def test_roles(workspace, file):
    data = Dataset(workspace, add_dataset(workspace, [file()], roles={"label": "other"}).name)
    assert data.spec.roles["label"].column == "other" and data.spec.roles["label"].reason == "reason.chosen"
    prints = [data.spec.fingerprint]
    prints.append(data.set_roles({"text": "text", "label": "label"}).fingerprint)
    prints.append(data.set_roles({"text": "text", "label": ""}).fingerprint)
    assert data.column("label") is None and data.label_counts() == {} and data.rows([0]) == [{"text": "this is text number 0"}]
    assert data.set_roles({"text": "text"}).fingerprint == prints[-1]
    assert data.set_roles({"text": "text", "label": "label"}).fingerprint == prints[1]
    assert Dataset(workspace, data.spec.name).spec.roles == data.spec.roles
    prints.append(data.set_split(SplitSpec(split_seed=2)).fingerprint)
    assert len(set(prints)) == 4
    refused("role-column", "choose one", data.set_roles, {"text": "nothing"})
    refused("role-unknown", "known: text", data.set_roles, {"texts": "text"})
    refused("role-twice", "different column", data.set_roles, {"text": "text", "label": "text"})
    refused("split-values", "use the words train", data.set_roles, {"text": "text", "split": "label"})
    refused("split-too-large", "choose shares", data.set_split, SplitSpec(validation=0.5, test=0.4))
    assert Dataset(workspace, data.spec.name).spec == data.spec  # refused changes change nothing


def test_no_text_column(workspace, file):
    spec = add_dataset(workspace, [file("n.csv", "a,b\n1,2\n3,4\n5,6\n")])
    assert spec.roles == {} and all(len(rows) == 0 for rows in Dataset(workspace, spec.name).parts().values())


def test_equal_rows_equal_fingerprint(workspace, file):
    first, second = (add_dataset(workspace, [file()]) for _ in range(2))
    third = add_dataset(workspace, [file(content=csv_text(41))])
    assert first.fingerprint == second.fingerprint != third.fingerprint


def test_labels_of_any_type_become_text(workspace, file):
    rows = [{"text": f"row {n}", "label": n % 2 == 0} for n in range(20)]
    spec = add_dataset(workspace, [file("a.json", json.dumps(rows))])
    assert Dataset(workspace, spec.name).label_counts() == {"true": 10, "false": 10}
    rows = [{"text": f"row {n}", "label": n % 3} for n in range(30)]
    spec = add_dataset(workspace, [file("b.json", json.dumps(rows))])
    assert Dataset(workspace, spec.name).label_counts() == {"0": 10, "1": 10, "2": 10}


def test_own_validation_and_test_files(workspace, file):
    train, validation, test = file(), file("dev.csv", csv_text(6, 100)), file("test.csv", csv_text(8, 200))
    spec = add_dataset(workspace, [train], validation_file=validation, test_file=test)
    assert spec.roles["split"].column == "split" and spec.roles["split"].reason == "reason.split-files"
    parts = Dataset(workspace, spec.name).parts()
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [40, 6, 8] and parts["test"].tolist() == list(range(46, 54))
    spec = add_dataset(workspace, [train], test_file=test)
    parts = Dataset(workspace, spec.name).parts()
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [32, 8, 8]
    problem = refused("columns-differ", "rename", add_dataset, workspace, [train], test_file=file("t.csv", "text,tag\na,b\n"))
    assert problem.values["file"] == "t.csv"


def test_a_run_keeps_its_own_view(workspace, file):
    then = add_dataset(workspace, [file()], name="d")
    Dataset(workspace, "d").set_roles({"text": "other", "label": "label"})
    assert Dataset(workspace, "d", DatasetSpec(**then.model_dump())).rows([0])[0]["text"] == "this is text number 0"
    workspace.delete_dataset("d")
    refused("dataset-unknown", "known", Dataset, workspace, "d")
    add_dataset(workspace, [file(content=csv_text(7))], name="d")
    refused("dataset-changed", "new run", Dataset, workspace, "d", then)


def test_reading_again_takes_the_same_files_in_the_same_order(workspace, tmp_path):
    """Two files of one name do not hide each other; the first of a pair stays the source language."""
    for folder, first in (("one", 0), ("two", 50)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rows.csv").write_text(csv_text(10, first), encoding="utf-8")
    spec = add_dataset(workspace, [tmp_path / "two" / "rows.csv", tmp_path / "one" / "rows.csv"], name="same")
    before = Dataset(workspace, "same").table.to_pylist()
    fresh = module.reread(workspace, "same", ReadOptions())
    assert fresh.rows == spec.rows == 20 and Dataset(workspace, "same").table.to_pylist() == before
    for language, line in (("en", "a line of text number {}"), ("de", "eine Zeile Text Nummer {}")):
        (tmp_path / f"pair.{language}").write_text("".join(line.format(n) + "\n" for n in range(20)), encoding="utf-8")
    for order in (["de", "en"], ["en", "de"]):
        spec = add_dataset(workspace, [tmp_path / f"pair.{language}" for language in order])
        first = Dataset(workspace, spec.name).rows([0])
        fresh = module.reread(workspace, spec.name, ReadOptions())
        assert fresh.detected["languages"] == spec.detected["languages"] == order and Dataset(workspace, spec.name).rows([0]) == first


def test_reading_again_keeps_what_a_person_chose(workspace, tmp_path):
    rows = "".join(f"title {n};this is the body of number {n};{'good' if n % 2 else 'bad'};author {n % 7}\n" for n in range(40))
    path = tmp_path / "reviews.csv"
    path.write_text("title;body;label;author\n" + rows, encoding="utf-8")
    data = Dataset(workspace, add_dataset(workspace, [path], name="reviews").name)
    assert {"text", "label"} <= data.spec.roles.keys()
    data.set_roles({"text": "title", "group": "author"})  # and no label
    data.set_split(SplitSpec(method="group", test=0.3))
    history.apply(Dataset(workspace, "reviews"), [StepSpec(step="case", settings={"to": "upper"})])
    labelling.give(Dataset(workspace, "reviews"), 3, "odd")
    spec = module.reread(workspace, "reviews", ReadOptions(delimiter=";"))
    assert {role: guess.column for role, guess in spec.roles.items()} == {"text": "title", "group": "author"}
    assert spec.roles["text"].reason == "reason.chosen" and (spec.split.method, spec.split.test) == ("group", 0.3) and spec.recipe == []
    assert labelling.answers(Dataset(workspace, "reviews")) == {row_key("title 3"): "odd"}
    spec = module.reread(workspace, "reviews", ReadOptions(delimiter="|"))  # their columns are gone, and the method's with them
    assert len(spec.columns) == 1 and spec.split.method == "stratified" and "group" not in spec.roles


def test_a_split_that_leaves_nothing_to_learn_from_is_refused(workspace):
    data = added(workspace, "same", "text,label\n" + "the same text,a\n" * 10)
    before = data.spec.model_dump()
    with pytest.raises(UserError) as problem:
        data.set_split(SplitSpec(method="k-fold", folds=2, fold=1))
    assert problem.value.code == "split-leaves-nothing"
    assert data.spec.model_dump() == Dataset(workspace, "same").spec.model_dump() == before
