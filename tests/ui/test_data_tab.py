"""The Data tab's handlers, on real files."""

import json

import gradio as gr
import pytest

from fm_gui.config import SplitSpec
from fm_gui.data import adding
from fm_gui.data.checks.finding import Finding
from fm_gui.data.dataset import Dataset
from fm_gui.data.formats.options import ReadOptions
from fm_gui.errors import UserError
from fm_gui.ui import data, data_acts, data_read, data_rows, data_view, health_cache
from fm_gui.ui.data_rows import PAGE, SEEN

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


def last(views):
    """What the page shows in the end: a handler's only answer, or all it answers on its way, later ones over earlier ones."""
    if isinstance(views, dict):
        return views
    shown: dict = {}
    for view in views:
        shown |= view
    return shown


def add(workspace, *files, lang="en", validation=None, test=None, delimiter="", encoding="auto"):
    return last(data_acts.add_files(workspace, lang, list(files), validation, test, delimiter, encoding))


def seen(**changes):
    """The values of the components that say which rows are shown, in their order."""
    values = dict.fromkeys(SEEN, "") | {"page": 1} | {f"rows-{key}" if key != "page" else key: value for key, value in changes.items()}
    return [values[key] for key in SEEN]


def numbers(view):
    return [row[0] for row in view["preview"]["value"]["data"]]


def roles(**columns):
    return [columns.get(role) for role in data_view.ALL_ROLES]


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
    assert view["inner"]["selected"] == "rows" and view["add-busy"] == "" and view["add-stop"]["visible"] is False
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
    assert numbers(first) == list(range(1, PAGE + 1))
    assert first["previous"]["interactive"] is False and first["next"]["interactive"] is True
    second = data_rows.turn_on(workspace, "en", name, *seen(page=first["page"]))
    assert numbers(second) == list(range(51, 61))
    assert second["page-line"] == "Rows 51 to 60 of 60" and second["next"]["interactive"] is False
    assert data_rows.turn_to(workspace, "en", name, *seen(page=99))["page"] == 2
    assert data_rows.turn_back(workspace, "en", name, *seen(page=1))["page"] == 1
    assert data_rows.turn_to(workspace, "en", name, *seen(page=None))["page"] == 1


def test_rows_are_searched_and_filtered_with_their_own_numbers(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    view = data_rows.find(workspace, "en", name, *seen(text="  SOUP ", page=2))
    assert numbers(view) == list(range(1, 61, 3)) and view["page"] == 1
    assert view["page-line"] == "1 to 20 of 20 found, in 60 rows"
    view = data_rows.choose_column(workspace, "zh", name, *seen(column="rating", value="=gone"))
    assert view["rows-value"]["visible"] is True and view["rows-value"]["value"] == "" and len(numbers(view)) == PAGE
    assert [label for label, _ in view["rows-value"]["choices"]] == ["不限值", "空（0）", "good（40）", "bad（20）"]
    good = [value for label, value in view["rows-value"]["choices"] if label.startswith("good")][0]
    view = data_rows.find(workspace, "zh", name, *seen(column="rating", value=good, text="order 1"))
    assert numbers(view) == [n for n, (text, label) in enumerate(ROWS, 1) if label == "good" and "order 1" in text]
    assert "找到 22 行" in view["page-line"]
    assert len(numbers(data_rows.find(workspace, "en", name, *seen(column="note", value="empty")))) == PAGE
    nothing = data_rows.find(workspace, "en", name, *seen(column="rating", value="empty"))
    assert numbers(nothing) == [] and nothing["page-line"] == "None of the 60 rows fits."
    parts = Dataset(workspace, name).parts()
    test = data_rows.find(workspace, "en", name, *seen(part="test"))
    assert numbers(test) == [row + 1 for row in parts["test"]]
    both = data_rows.find(workspace, "en", name, *seen(part="train", text="soup"))
    assert numbers(both) == [row + 1 for row in parts["train"] if "soup" in ROWS[row][0]]
    # pages of what was found
    view = data_rows.turn_on(workspace, "en", name, *seen(text="the", page=1))
    assert numbers(view) == list(range(51, 61)) and view["page-line"] == "51 to 60 of 60 found, in 60 rows"


def test_rows_another_tab_points_at(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    view = data_rows.show_rows(workspace, "en", name, "9,1,5,5,999,x")
    assert numbers(view) == [1, 5, 9] and view["inner"]["selected"] == "rows" and view["rows-chip-box"]["visible"] is True
    assert "Rows shown: 3." in view["rows-chip"]
    # search and filters look among them, and Back to this data set leaves them as they are
    picked = seen(picked=view["rows-picked"], text="staff")
    assert numbers(data_rows.find(workspace, "en", name, *picked)) == [5]
    again = data_acts.show(workspace, "en", name, name, *picked)
    assert numbers(again) == [5] and again["rows-chip-box"]["visible"] is True and "inner" not in again
    everything = data_rows.show_all(workspace, "en", name)
    assert len(numbers(everything)) == PAGE and everything["rows-picked"] == "" and everything["rows-chip-box"]["visible"] is False
    # the rows have changed since: the numbers would mean others
    stale = data_acts.show(workspace, "en", name, name, *seen(picked="other:1,5"))
    assert len(numbers(stale)) == PAGE and stale["rows-chip-box"]["visible"] is False
    gone = data_rows.show_rows(workspace, "en", name, "code:no-such-finding")
    assert len(numbers(gone)) == PAGE and gone["inner"]["selected"] == "rows"


def test_rows_of_a_finding_are_named_after_it(workspace, reviews):
    import numpy as np

    name = add(workspace, reviews)["list"]["value"]
    dataset = Dataset(workspace, name)
    finding = Finding("short-texts", "note", np.array([3, 7]), {"count": 2, "limit": 3}, [])
    told = finding.__dict__ | {"rows": [3, 7], "count": 2, "fixes": []}
    told["words"] = {"en": {"what": "2 texts are <short>."}, "zh": {"what": "2 条文字很短。"}}
    health_cache.keep(workspace, dataset.spec, "", [told])
    for asked in ("code:short-texts", "4,8"):
        view = data_rows.show_rows(workspace, "en", name, asked)
        assert numbers(view) == [4, 8] and "2 texts are &lt;short&gt;." in view["rows-chip"]
    assert "2 条文字很短。" in data_rows.show_rows(workspace, "zh", name, "4,8")["rows-chip"]
    assert "short" not in data_rows.show_rows(workspace, "en", name, "4")["rows-chip"]


def test_another_data_set_opens_at_its_rows_without_filters(workspace, reviews):
    first, second = (add(workspace, reviews)["list"]["value"] for _ in range(2))
    view = data_acts.show(workspace, "en", first, second, *seen(text="soup"))  # Back, or a link
    assert view["inner"]["selected"] == "rows" and view["rows-text"] == "" and len(numbers(view)) == PAGE
    view = data_acts.choose(workspace, "en", second)
    assert view["list"]["value"] == second and view["inner"]["selected"] == "rows" and view["rows-column"]["value"] == ""
    same = data_acts.show(workspace, "en", second, second, *seen(text="soup", column="rating", value="=bad", part="train"))
    assert same["rows-text"] == "soup" and same["rows-value"]["value"] == "=bad" and same["rows-part"]["value"] == "train"
    lost = data_acts.show(workspace, "en", second, second, *seen(column="no such column", value="=bad"))
    assert lost["rows-column"]["value"] == "" and len(numbers(lost)) == PAGE


def test_a_wrong_guess_can_be_corrected(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]

    def choose(**columns):
        return data_acts.set_roles(workspace, "en", name, *roles(**columns))

    view = choose(text="comment")
    assert "label" not in Dataset(workspace, name).spec.roles
    assert view["role-label"]["value"] == "" and view["inner"]["selected"] == "rows"
    assert "Still missing" in view["teaches"] and "data-missing" in view["teaches"]
    view = choose(text="comment", label="rating")
    assert view["role-label"]["value"] == "rating" and "Still missing" not in view["teaches"]
    view = choose(text="rating", label="rating")  # the text was chosen anew: the two swap
    assert (view["role-text"]["value"], view["role-label"]["value"]) == ("rating", "comment")
    view = choose(text="rating", label="rating")  # now the label
    assert (view["role-text"]["value"], view["role-label"]["value"]) == ("comment", "rating")
    view = choose(text="rating")
    assert (view["role-text"]["value"], view["role-label"]["value"]) == ("rating", "")
    with pytest.raises(UserError):
        choose(text="no such column")


def test_other_columns_play_their_roles_too(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    view = data_acts.set_roles(workspace, "en", name, *roles(text="comment", label="rating", group="note"))
    assert view["role-group"]["value"] == "note" and "in use: 1" in view["roles-others"]["label"]
    assert "已用 1 个" in data_acts.show(workspace, "zh", name, None)["roles-others"]["label"]
    assert Dataset(workspace, name).spec.roles["group"].column == "note"
    assert view["role-date"]["value"] == "" and "newest" in view["role-date"]["info"]
    view = data_acts.set_roles(workspace, "en", name, *roles(text="comment", label="note", group="note"))  # chosen anew: they swap
    assert (view["role-label"]["value"], view["role-group"]["value"]) == ("note", "rating")
    view = data_acts.set_roles(workspace, "en", name, *roles(text="comment", label="rating"))
    assert view["role-group"]["value"] == "" and "group" not in Dataset(workspace, name).spec.roles


def test_roles_without_a_drop_down_stay(workspace, reviews, monkeypatch):
    name = add(workspace, reviews)["list"]["value"]
    Dataset(workspace, name).set_roles({"text": "comment", "label": "rating", "id": "note"})
    monkeypatch.setattr(data_view, "ALL_ROLES", ("text", "label", "split"))
    data_acts.set_roles(workspace, "en", name, "comment", None, None)
    kept = Dataset(workspace, name).spec.roles
    assert kept["id"].column == "note" and "label" not in kept


def test_what_is_held_back_can_be_set(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    before = Dataset(workspace, name).spec.fingerprint
    values = SplitSpec().model_dump() | {"validation": 0.3, "test": 0.2, "split_seed": 5}
    view = data_acts.set_split(workspace, "en", name, *(values[field] for field in data_acts.SPLIT_FIELDS))
    parts = Dataset(workspace, name).parts()
    assert len(parts["validation"]) == 18 and len(parts["test"]) == 12 and view["split-validation"] == 0.3
    assert Dataset(workspace, name).spec.fingerprint != before
    with pytest.raises(UserError) as problem:
        data_acts.set_split(workspace, "en", name, *({**values, "test": 0.9}[field] for field in data_acts.SPLIT_FIELDS))
    assert problem.value.values["name"] == "test"


def test_folds_are_asked_for_only_where_there_are_some(workspace, reviews):
    name = add(workspace, reviews)["list"]["value"]
    assert data_acts.show(workspace, "en", name, None)["split-folds"]["visible"] is False
    assert data_acts.choose_method(workspace, "en", "k-fold")["split-fold"]["visible"] is True
    values = SplitSpec().model_dump() | {"method": "k-fold", "folds": 4, "fold": 2}
    view = data_acts.set_split(workspace, "en", name, *(values[field] for field in data_acts.SPLIT_FIELDS))
    assert view["split-folds"]["visible"] is True and view["split-folds"]["value"] == 4 and view["split-method"] == "k-fold"
    assert len(Dataset(workspace, name).parts()["test"]) == 15


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


def test_how_it_was_read_can_be_looked_at_and_overruled(workspace, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text("text|label\n" + "".join(f"one; two; three {i}|{'yes' if i % 2 else 'no'}\n" for i in range(30)), encoding="utf-8")
    view = add(workspace, str(file))
    name = view["list"]["value"]
    assert view["role-text"]["value"] == "text" and "“|”" in view["read-facts"] and "CSV" in view["read-facts"]
    assert view["read-delimiter"]["visible"] is True and view["read-unit"]["visible"] is False and view["read-again"]["visible"] is True
    assert view["read-delimiter"]["choices"][0] == ("Found out: “|”", "") and view["read-delimiter"]["label"] == "Separator"
    assert "自动识别：“|”" in str(data_acts.show(workspace, "zh", name, None)["read-delimiter"]["choices"])
    form = {field: data_read.ReadOptions.model_fields[field].default for field in data_read.FIELDS}
    # the first rows, as they would be
    look = data_read.look(workspace, "en", name, *form.values())
    assert look["read-preview"]["value"]["headers"] == ["#", "text", "label"] and len(look["read-preview"]["value"]["data"]) == data_read.ROWS
    look = data_read.look(workspace, "en", name, *(form | {"delimiter": "none"}).values())
    assert look["read-preview"]["value"]["headers"] == ["#", "text|label"] and "columns: 1" in look["read-note"]
    wrong = data_read.look(workspace, "en", name, *(form | {"encoding": "klingon"}).values())
    assert "klingon" in wrong["read-note"] and wrong["read-preview"]["visible"] is False and wrong["read-again"]["interactive"] is False
    assert Dataset(workspace, name).spec.rows == 30  # nothing was changed by looking
    view = last(data_acts.read_again(workspace, "en", name, *(form | {"header": "no"}).values()))
    assert Dataset(workspace, name).spec.rows == 31 and "31 rows" in view["head"] and view["read-stop"]["visible"] is False
    assert [spec.name for spec in workspace.datasets()] == [name]


def test_what_was_not_kept_cannot_be_read_again(workspace):
    view = data_acts.use_sample(workspace, "en", "tickets")
    assert "was not kept" in view["read-note"] and view["read-again"]["visible"] is False
    assert not any(view[f"read-{field}"]["visible"] for field in data_read.FIELDS)
    name = view["list"]["value"]
    assert data_read.look(workspace, "en", name, *(None for _ in data_read.FIELDS)) == {}
    assert "没有保留原文件" in data_acts.show(workspace, "zh", name, None)["read-note"]


def test_a_list_inside_a_file_can_be_chosen(workspace, tmp_path):
    file = tmp_path / "two.json"
    long, short = [{"text": f"row {i}", "label": str(i % 2)} for i in range(20)], [{"text": f"few {i}"} for i in range(3)]
    file.write_text(json.dumps({"many": long, "few": short}), encoding="utf-8")
    view = add(workspace, str(file))
    assert view["read-items"]["visible"] is True and [value for _, value in view["read-items"]["choices"]] == ["", "many", "few"]
    form = {field: data_read.ReadOptions.model_fields[field].default for field in data_read.FIELDS} | {"items": "few"}
    last(data_acts.read_again(workspace, "en", view["list"]["value"], *form.values()))
    assert Dataset(workspace, view["list"]["value"]).spec.rows == 3


def test_adding_shows_how_far_it_is_and_can_be_stopped(workspace, reviews):
    views = data_acts.add_files(workspace, "en", [reviews], None, None, "", "auto")
    first = next(views)
    assert "<progress" in first["add-busy"] and first["add-stop"]["visible"] is True
    views.close()  # what the Stop button does
    assert data_acts.stopped(workspace, "en")["files"] is None
    options = data_acts.forget_file(workspace, "en")["options"]
    assert options["open"] is True and options["elem_classes"] == []  # seen on an empty page too


def test_a_data_set_of_the_hub(workspace, tmp_path, monkeypatch):
    with pytest.raises(UserError) as problem:
        last(data_acts.add_from_hub(workspace, "en", "  ", "", ""))
    assert problem.value.code == "hub-data-empty"
    asked = []

    def add_hub(workspace, name, config, part, progress):  # the hub itself is tested with the readers
        asked.append((name, config, part))
        file = tmp_path / "imdb.csv"
        file.write_text("text,label\n" + "".join(f"film {i} was fine,{i % 2}\n" for i in range(20)), encoding="utf-8")
        return adding.add_dataset(workspace, [file], progress=progress)

    monkeypatch.setattr(data_acts, "add_hub", add_hub)
    view = last(data_acts.add_from_hub(workspace, "en", " https://huggingface.co/datasets/org/imdb ", "plain", " test "))
    assert asked == [("org/imdb", "plain", "test")] and view["list"]["value"] == "imdb" and view["hub-id"] == ""


def test_pasted_tables_keep_their_columns(workspace):
    view = data_acts.add_pasted(workspace, "en", "comment\tstars\nfine soup\t5\nbad soup\t1\n")
    assert view["preview"]["value"]["headers"] == ["#", "comment", "stars"] and view["preview"]["value"]["data"][0] == [1, "fine soup", "5"]
    view = data_acts.add_pasted(workspace, "en", "A line.\nAnother, with a comma.\nA third, too.")
    assert view["preview"]["value"]["headers"] == ["#", "text"] and len(view["preview"]["value"]["data"]) == 3


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


def test_long_cells_and_many_columns_stay_light(workspace, tmp_path):
    file = tmp_path / "wide.csv"
    file.write_text("text,label\n" + "".join(f"{'long words ' * 400}{i},label{i % 40:02}\n" for i in range(200)), encoding="utf-8")
    view = add(workspace, str(file))
    assert len(json.dumps(view["preview"]["value"], ensure_ascii=False)) < 40_000
    file = tmp_path / "broad.csv"
    file.write_text(",".join(f"c{i}" for i in range(300)) + "\n" + (",".join(f"word {i}" for i in range(300)) + "\n") * 60, encoding="utf-8")
    view = add(workspace, str(file))
    assert len(view["preview"]["value"]["headers"]) == data_view.MOST_COLUMNS + 1 and "The first 60 of 300 columns" in view["page-line"]


def test_the_first_rows_show_while_a_file_is_added(workspace, tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("text;label\n" + "".join(f"film {n} was fine;{n % 2}\n" for n in range(400_000)), encoding="utf-8")
    views = list(data_acts.add_files(workspace, "en", [str(file)], None, None, "", "auto"))
    shown = [place for place, view in enumerate(views) if view.get("coming", {}).get("visible")]
    assert shown == shown[:1] and shown[0] < len(views) - 1  # once, before all rows were read
    view = views[shown[0]]
    assert view["coming-rows"]["value"]["data"][0][1:] == ["film 0 was fine", "0"] and "reviews.csv" in view["coming-facts"] and "“;”" in view["coming-facts"]
    assert views[-1]["coming"]["visible"] is False and views[-1]["main"]["visible"] is True
    assert workspace.datasets()[0].rows == 400_000


def test_adding_that_is_stopped_or_refused_takes_the_first_rows_away(workspace, reviews):
    assert data_acts.stopped(workspace, "en")["coming"]["visible"] is False and data_acts.stopped(workspace, "en")["main"]["visible"] is False
    add(workspace, reviews)
    assert data_acts.forget_file(workspace, "en")["main"]["visible"] is True


def test_options_for_the_next_file(workspace, tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"long": [{"a": 1}, {"a": 2}], "short": [{"b": 3}]}', encoding="utf-8")
    values = [ReadOptions.model_fields[name].default for name in data_read.NEXT]
    values[data_read.NEXT.index("items")] = "short"
    view = last(data_acts.add_files(workspace, "en", [str(file)], None, None, "", "auto", *values))
    assert workspace.datasets()[0].rows == 1 and view["next-items"] == ""
    values[data_read.NEXT.index("items")] = "gone"
    with pytest.raises(UserError) as problem:
        last(data_acts.add_files(workspace, "en", [str(file)], None, None, "", "auto", *values))
    assert problem.value.code == "json-items"


def test_a_pair_of_files_can_be_overruled(workspace, tmp_path):
    for language, greeting in (("de", "Grüße"), ("en", "Greetings")):
        (tmp_path / f"corpus.{language}").write_text(f"{greeting}\n" * 20, encoding="utf-8")
    view = add(workspace, str(tmp_path / "corpus.de"), str(tmp_path / "corpus.en"))
    assert view["read-encoding"]["visible"] is True
    values = [ReadOptions.model_fields[name].default for name in data_read.FIELDS]
    looked = data_read.look(workspace, "en", workspace.datasets()[0].name, *values)
    assert looked["read-preview"]["value"]["data"][0][1:] == ["Grüße", "Greetings"]
