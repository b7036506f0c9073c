"""The Data tab's handlers, on real files."""

import json

import gradio as gr
import pytest

from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.ui import data, data_acts, data_view
from fm_gui.ui.data_view import PAGE

ROWS = [
    (f"The {noun} was {word}, order {i}", label)
    for i in range(20)
    for noun, word, label in (("soup", "cold and bland", "bad"), ("staff", "kind and quick", "good"), ("room", "bright and quiet", "good"))
]


@pytest.fixture
def reviews(tmp_path):
    file = tmp_path / "My <Reviews>.csv"
    file.write_text("comment;rating;note\n" + "".join(f"{text};{label};\n" for text, label in ROWS), encoding="utf-8")
    return str(file)


def add(workspace, *files, lang="en", validation=None, test=None, delimiter="auto", encoding="auto"):
    return data_acts.add_files(workspace, lang, list(files), validation, test, delimiter, encoding)


def test_an_empty_workspace_shows_only_the_ways_in(workspace):
    view = data_acts.show(workspace, "en", "", None)
    assert view["main"]["visible"] is False and view["list"]["visible"] is False
    assert view["welcome"]["visible"] is True and view["samples"]["open"] is True
    assert "head" not in view


def test_a_dropped_file_is_open_at_once(workspace, reviews):
    view = add(workspace, reviews)
    name = view["list"]["value"]
    assert [spec.name for spec in workspace.datasets()] == [name]
    assert view["files"] is None and view["main"]["visible"] is True
    assert "60 rows" in view["head"] and "CSV" in view["head"] and "“;”" in view["head"]
    assert "&lt;Reviews&gt;" in view["head"] and "<Reviews>" not in view["head"]  # a file's name is text, never HTML
    assert view["role-text"]["value"] == "comment" and "comment" in view["role-text"]["info"]
    assert view["role-label"]["value"] == "rating" and "rating" in view["role-label"]["info"]
    assert [value for _, value in view["role-text"]["choices"]] == ["", "comment", "rating", "note"]
    assert view["train"]["interactive"] is True
    assert "67%" in view["labels-line"] and "good" in view["labels-line"]
    parts = Dataset(workspace, name).parts()
    assert all(f"<b>{len(rows)}</b>" in view["parts"] for rows in parts.values())


def test_every_answer_fits_the_page(workspace, reviews):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Data", id="data") as tab:
        data.build(workspace, blocks, tab)
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())


def test_rows_are_paged_on_the_server(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    first = data_acts.show(workspace, "en", name, None)
    assert first["preview"]["value"]["headers"] == ["#", "comment", "rating", "note"]
    assert len(first["preview"]["value"]["data"]) == PAGE and first["preview"]["value"]["data"][0][0] == 1
    assert first["previous"]["interactive"] is False and first["next"]["interactive"] is True
    second = data_acts.turn_on(workspace, "en", name, first["page"])
    assert [row[0] for row in second["preview"]["value"]["data"]] == list(range(51, 61))
    assert second["page-line"] == "Rows 51 to 60 of 60" and second["next"]["interactive"] is False
    assert data_acts.turn_to(workspace, "en", name, 99)["page"] == 2
    assert data_acts.turn_back(workspace, "en", name, 1)["page"] == 1
    assert data_acts.turn_to(workspace, "en", name, None)["page"] == 1


def test_a_wrong_guess_can_be_corrected(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    view = data_acts.set_roles(workspace, "en", name, "comment", None, None)
    assert "label" not in Dataset(workspace, name).spec.roles
    assert view["role-label"]["value"] == "" and view["labels-box"]["visible"] is False
    assert "Still missing" in view["teaches"] and "data-missing" in view["teaches"]
    view = data_acts.set_roles(workspace, "en", name, "comment", "rating", None)
    assert view["role-label"]["value"] == "rating" and "Still missing" not in view["teaches"]
    view = data_acts.set_roles(workspace, "en", name, "rating", "rating", None)  # the text was chosen anew: the two swap
    assert (view["role-text"]["value"], view["role-label"]["value"]) == ("rating", "comment")
    view = data_acts.set_roles(workspace, "en", name, "rating", "rating", None)  # now the label
    assert (view["role-text"]["value"], view["role-label"]["value"]) == ("comment", "rating")
    view = data_acts.set_roles(workspace, "en", name, "rating", None, None)
    assert (view["role-text"]["value"], view["role-label"]["value"]) == ("rating", "")
    with pytest.raises(UserError):
        data_acts.set_roles(workspace, "en", name, "no such column", None, None)


def test_what_is_held_back_can_be_set(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    before = Dataset(workspace, name).spec.fingerprint
    values = {"validation": 0.3, "test": 0.2, "split_seed": 5}
    view = data_acts.set_split(workspace, "en", name, *(values[field] for field in data_acts.SPLIT_FIELDS))
    parts = Dataset(workspace, name).parts()
    assert len(parts["validation"]) == 18 and len(parts["test"]) == 12 and view["split-validation"] == 0.3
    assert Dataset(workspace, name).spec.fingerprint != before
    with pytest.raises(UserError) as problem:
        data_acts.set_split(workspace, "en", name, *({**values, "test": 0.9}[field] for field in data_acts.SPLIT_FIELDS))
    assert problem.value.values["name"] == "test"


def test_own_files_for_the_parts(workspace, reviews, tmp_path):
    test = tmp_path / "judge.csv"
    test.write_text("comment;rating;note\nA fine evening;good;\nA dull evening;bad;\n", encoding="utf-8")
    view = add(workspace, reviews, test=str(test))
    dataset = Dataset(workspace, view["list"]["value"])
    assert [row["text"] for row in dataset.rows(dataset.parts()["test"])] == ["A fine evening", "A dull evening"]
    assert view["role-split"]["value"] and view["test-file"] is None


def test_rows_that_cannot_be_read_are_counted_and_listed(workspace, reviews):
    with open(reviews, "a", encoding="utf-8") as file:
        file.write("one;two;three;four <b>\n")
    view = add(workspace, reviews)
    assert view["skipped-fold"]["visible"] is True
    assert "not readable: 1" in view["head"]
    assert "Row 62" in view["skipped"] and "My &lt;Reviews&gt;.csv" in view["skipped"]


@pytest.mark.parametrize(("text", "suffix"), [
    ("A line.\nAnother, with a comma.\nA third, too.", ".txt"),
    ("comment\tstars\nfine\t5\nbad\t1", ".tsv"),
    ("text,label\n\"Good, really\",yes\nBad,no", ".csv"),
    ('{"text": "a"}\n{"text": "b"}', ".jsonl"),
    ('[{"text": "a"}]', ".json"),
    ("Roses are red, my love\nViolets are blue, my dear", ".txt"),
    ("床前明月光，疑是地上霜。\n举头望明月，低头思故乡。", ".txt"),
])  # fmt: skip
def test_pasted_text_is_recognised(text, suffix):
    assert data_acts.pasted_suffix(text) == suffix


def test_pasted_text_becomes_a_data_set(workspace):
    view = data_acts.add_pasted(workspace, "zh", "床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n")
    assert view["list"]["value"] == "粘贴内容" and "4 行" in view["head"] and view["paste"] == ""
    with pytest.raises(UserError) as problem:
        data_acts.add_pasted(workspace, "en", " \n ")
    assert problem.value.code == "paste-empty"


def test_a_sample_is_labelled_honestly_and_added_once(workspace):
    view = data_acts.use_sample(workspace, "en", "tickets")
    assert "Synthetic data" in view["head"] and "no real customers" in view["head"]
    data_acts.use_sample(workspace, "en", "tickets")
    assert len(workspace.datasets()) == 1
    assert "合成数据" in data_acts.show(workspace, "zh", "", None)["head"]


def test_deleting_can_be_undone(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    view = data_acts.delete(workspace, "en", name)
    assert workspace.datasets() == [] and view["main"]["visible"] is False
    assert name in view["undo"]["value"] and view["undo"]["visible"] is True
    view = data_acts.undo(workspace, "en")
    assert view["list"]["value"] == name and view["undo"]["visible"] is False


def test_the_address_decides_what_is_open(workspace, reviews):
    first = add(workspace, reviews)["list"]["value"]
    second = add(workspace, reviews)["list"]["value"]
    assert first != second
    assert data_acts.show(workspace, "en", first, second)["list"]["value"] == first
    assert data_acts.show(workspace, "en", "", first)["list"]["value"] == first
    assert data_acts.show(workspace, "en", "gone", None)["list"]["value"] == second  # newest, and a warning


def test_long_cells_and_many_labels_stay_light(workspace, tmp_path):
    file = tmp_path / "wide.csv"
    file.write_text("text,label\n" + "".join(f"{'long words ' * 400}{i},label{i % 40:02}\n" for i in range(200)), encoding="utf-8")
    view = add(workspace, str(file))
    assert len(json.dumps(view["preview"]["value"], ensure_ascii=False)) < 40_000
    figure = view["labels"]
    assert len(figure["data"][0]["x"]) == data_view.MOST_BARS + 1 and sum(figure["data"][0]["x"]) == 200
    assert "16 others" in figure["layout"]["yaxis"]["ticktext"][-1]
