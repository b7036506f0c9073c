"""The Clean inner tab's handlers, on real files."""

import gradio as gr
import pytest

from fm_gui.config import StepSpec, parse
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.data.steps import STEPS, get_step
from fm_gui.errors import UserError
from fm_gui.text import table
from fm_gui.ui import data_clean, data_steps_form
from fm_gui.ui.data_steps_form import FIELDS, OFFERED, SETTINGS
from fm_gui.ui.form import build_form, field_type, form_values

ROWS = [
    ("The soup was  cold <b>and</b> bland", "bad"), ("Write to jane.doe@example.org about the soup", "bad"), ("cafÃ© staff were kind", "good"),
    ("Kind and quick staff", "Good "), ("Kind and quick staff", "Good "), ("The zero\u200bwidth room was bright", "good"), ("   ", "bad"),
]  # fmt: skip


@pytest.fixture
def name(workspace, tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS), encoding="utf-8")
    return add_dataset(workspace, [file], roles={"text": "text", "label": "label"}).name


def values(**chosen):
    """The values of all forms: defaults, but for ``<step>__<field>=...`` (dashes as _)."""
    given = {tuple(key.split("__")): value for key, value in chosen.items()}
    given = {(step.replace("_", "-"), field): value for (step, field), value in given.items()}
    return [given.get((step, field), get_step(step).model_fields[field].default) for step, field in SETTINGS]


def last(views):
    """The parts as they stand after all Views of a generator."""
    whole = {}
    for view in views:
        whole |= view
    return whole


def texts(workspace, name):
    return Dataset(workspace, name).column("text")


def test_every_event_is_private_and_every_answer_fits(workspace):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Clean") as tab:
        name = gr.Radio([])
        data_clean.build(workspace, tab, name)
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())
    ids = [block.elem_id for block in blocks.blocks.values() if block.elem_id]
    assert len(ids) == len(set(ids)) and {"data-clean-step", "data-clean-apply", "data-clean-versions"} <= set(ids)


def test_every_step_but_those_that_name_rows_has_a_form():
    assert {step.name for step in STEPS} - {step.name for step in OFFERED} == {"drop-rows", "set-labels"}
    for step in OFFERED:
        with gr.Blocks(analytics_enabled=False):
            form = build_form(step, prefix="test", without=("columns",))
        kinds = {field_type(step.model_fields[field])[0] for field in form.names}
        assert kinds <= {str, int, float, bool, list, dict}
        shown = [step.model_fields[field].default if isinstance(one, gr.Dataframe) else one.value for field, one in zip(form.names, form.components)]
        assert parse(step, form.values(*shown)) == step()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_tab_shows_steps_and_versions(workspace, name, lang):
    view = data_clean.show(workspace, lang, name)
    column = ("en", "zh").index(lang)
    assert len(view["step"]["choices"]) == len(OFFERED)
    assert table()["step.mask"][column] in {key: shown for shown, key in view["step"]["choices"]}["mask"]
    assert view["versions"]["value"] == "0" and len(view["versions"]["choices"]) == 1
    assert view["undo"]["interactive"] is False and view["redo"]["interactive"] is False and view["replay-fold"]["visible"] is False
    assert table()["step.repair-unicode"][column] in view["safe-help"]


def test_nothing_open_shows_nothing(workspace):
    assert data_clean.show(workspace, "en", None) == {"main": gr.update(visible=False)}
    with pytest.raises(UserError) as problem:
        data_clean.undo(workspace, "en", None)
    assert problem.value.code == "no-data-open"


def test_a_step_that_can_hurt_says_so(workspace, name):
    assert "fm-warn" in data_clean.choose(workspace, "en", name, "stop-words")["about"]
    assert "fm-warn" not in data_clean.choose(workspace, "en", name, "whitespace")["about"]


def test_the_form_knows_the_data(workspace, name):
    view = data_clean.choose(workspace, "en", name, "merge-labels")
    assert view["columns"]["visible"] is False and view["form-merge-labels"]["visible"] is True and view["form-mask"]["visible"] is False
    assert view["merge-labels-names"]["value"]["data"] == [["bad", "bad"], ["good", "good"], ["Good", "Good"]]
    view = data_clean.choose(workspace, "zh", name, "mask")
    assert view["columns"]["choices"] == ["text", "label"] and view["columns"]["value"] == []
    assert ("电子邮箱", "email") in view["mask-kinds"]["choices"]
    assert ("German", "de") in data_clean.choose(workspace, "en", name, "keep-language")["keep-language-languages"]["choices"]
    assert data_clean.choose(workspace, "en", name, "drop-columns")["columns"]["label"] == "Columns to take out"


def test_the_preview_marks_what_changes_and_is_html_safe(workspace, name):
    shown = data_clean.try_live(workspace, "en", name, "strip-html", [], *values())["preview"]
    assert "&lt;b&gt;" in shown and "<b>and</b>" not in shown and "Cells changed: 1" in shown
    shown = data_clean.try_live(workspace, "en", name, "mask", [], *values())["preview"]
    assert "<ins>" in shown and "EMAIL" in shown and "Row 2, text" in shown
    gone = data_clean.try_live(workspace, "zh", name, "drop-empty", [], *values())["preview"]
    assert "删除 1 行" in gone and "该行被删除" in gone
    assert "‹200B›" in data_clean.try_live(workspace, "en", name, "control-characters", [], *values())["preview"]
    assert texts(workspace, name) == [text for text, _ in ROWS]  # nothing was taken


def test_a_setting_that_cannot_be_is_told_in_place(workspace, name):
    shown = data_clean.try_live(workspace, "en", name, "replace", [], *values(replace__pattern="(", replace__replacement=""))["preview"]
    assert "cannot be searched for" in shown and "clean-preview" not in shown
    assert "Fill in the settings" in data_clean.choose(workspace, "en", name, "replace")["preview"]
    assert "Fill it in" in data_clean.try_live(workspace, "en", name, "replace", [], *values())["preview"]


def test_large_data_is_tried_when_asked(workspace, name, monkeypatch):
    monkeypatch.setattr(data_clean, "LIVE", 3)
    assert "EMAIL" in data_clean.try_live(workspace, "en", name, "mask", [], *values())["preview"]  # tried on the first rows, so at once
    assert "press Preview" in data_clean.try_live(workspace, "en", name, "drop-empty", [], *values())["preview"]
    view = last(data_clean.try_all(workspace, "en", name, "drop-empty", [], *values()))
    assert "Rows removed: 1" in view["preview"] and view["busy"] == "" and view["stop"]["visible"] is False


def test_a_step_is_taken_back_and_brought_again(workspace, name):
    view = last(data_clean.apply(workspace, "en", name, "mask", ["text"], *values()))
    assert texts(workspace, name)[1] == "Write to [EMAIL] about the soup"
    assert view["versions"]["value"] == "1" and "Mask personal data" in view["versions"]["choices"][1][0]
    last(data_clean.apply(workspace, "en", name, "drop-empty", [], *values()))
    assert Dataset(workspace, name).spec.rows == 6
    view = data_clean.undo(workspace, "en", name)
    assert view["versions"]["value"] == "1" and "taken back" in view["versions"]["choices"][2][0] and view["redo"]["interactive"] is True
    assert data_clean.redo(workspace, "en", name)["versions"]["value"] == "2"
    view = data_clean.go_to(workspace, "zh", name, "0")
    assert texts(workspace, name) == [text for text, _ in ROWS]
    assert "读入时的样子" in view["versions"]["choices"][0][0] and view["undo"]["interactive"] is False and view["redo"]["interactive"] is True
    with pytest.raises(UserError) as problem:
        data_clean.go_to(workspace, "en", name, "7")
    assert problem.value.code == "version-unknown"


def test_a_step_that_changes_nothing_is_refused(workspace, name):
    with pytest.raises(UserError) as problem:
        last(data_clean.apply(workspace, "en", name, "full-width", [], *values()))
    assert problem.value.code == "step-changes-nothing" and not Dataset(workspace, name).spec.recipe


def test_labels_are_renamed_in_a_table(workspace, name):
    names = [["bad", ""], ["good", "good"], ["Good", "good"]]
    last(data_clean.apply(workspace, "en", name, "merge-labels", [], *values(merge_labels__names=names)))
    dataset = Dataset(workspace, name)
    assert dataset.spec.recipe[0].settings == {"names": {"bad": "", "Good": "good"}}
    assert dataset.label_counts() == {"good": 4}


def test_a_blank_between_columns_is_kept(workspace, name):
    last(data_clean.apply(workspace, "en", name, "join-columns", ["label", "text"], *values(join_columns__separator=" - ", join_columns__into="text")))
    assert texts(workspace, name)[0].startswith("bad - The soup")
    assert form_values(get_step("join-columns"), ("separator",), (" ",)) == {"separator": " "}


def test_safe_clean_up_takes_only_what_changes_something(workspace, name):
    steps = [step.step for step in data_clean.safe_steps(Dataset(workspace, name))]
    assert {"repair-unicode", "control-characters", "drop-empty"} <= set(steps)
    view = last(data_clean.clean_safely(workspace, "en", name))
    dataset = Dataset(workspace, name)
    assert [step.step for step in dataset.spec.recipe] == steps and view["versions"]["value"] == str(len(steps))
    assert "café staff were kind" in dataset.column("text") and dataset.spec.rows == 6
    last(data_clean.clean_safely(workspace, "en", name))  # nothing is left to do
    assert len(Dataset(workspace, name).spec.recipe) == len(steps)


def test_steps_are_taken_on_another_data_set(workspace, name, tmp_path):
    file = tmp_path / "new.csv"
    file.write_text("text,label\nAsk bob@example.org,bad\nFine,good\n", encoding="utf-8")
    other = add_dataset(workspace, [file], roles={"text": "text", "label": "label"}).name
    view = last(data_clean.apply(workspace, "en", name, "mask", [], *values()))
    assert view["replay-fold"]["visible"] is True and view["other"]["choices"] == [other]
    with pytest.raises(UserError) as problem:
        last(data_clean.replay(workspace, "en", name, None))
    assert problem.value.code == "replay-choose"
    last(data_clean.replay(workspace, "en", name, other))
    assert texts(workspace, other) == ["Ask [EMAIL]", "Fine"] and texts(workspace, name)[1] == "Write to [EMAIL] about the soup"


def test_a_step_in_one_line():
    line = data_steps_form.step_line
    assert line(StepSpec(step="mask"), "en") == "Mask personal data"
    assert line(StepSpec(step="deduplicate", settings={"near": True, "keep_per_label": False}), "en") == "Remove copies (Near copies too: yes)"
    assert line(StepSpec(step="balance", settings={"how": "down"}), "zh", every=True) == "平衡类别（方式：减少大类的行数）"
    assert line(StepSpec(step="join-columns", settings={"columns": ["a", "b"], "separator": " ", "into": "id"}), "en").endswith("Name of the new column: “id”)")
    assert line(StepSpec(step="keep-language", settings={"languages": ["de", "xx"]}), "zh") == "只保留某些语言（语言：德语、xx）"
    assert line(StepSpec(step="drop-rows", settings={"keys": ["a"] * 1500}), "en") == "Remove chosen rows (Rows: 1,500 of them)"


def test_every_step_can_be_chosen_in_both_languages(workspace, name):
    for step in OFFERED:
        for lang in ("en", "zh"):
            view = data_clean.choose(workspace, lang, name, step.name)
            assert view["about"] and {f"{step.name}-{field}" for field in FIELDS[step.name]} <= view.keys()
