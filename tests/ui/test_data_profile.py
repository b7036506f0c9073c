"""The Profile inner tab's handlers, on real files."""

import gradio as gr
import pytest

from fm_gui.config import SplitSpec
from fm_gui.data.adding import add_dataset
from fm_gui.errors import UserError
from fm_gui.text import say
from fm_gui.ui import data_profile, data_profile_view


@pytest.fixture
def name(workspace, tmp_path):
    """60 reviews in two classes, a near empty column, three exact copies, one label missing."""
    file = tmp_path / "reviews.csv"
    rows = [(f"The <b>soup</b> number {i} was cold and bland, sadly", "bad") for i in range(20)]
    rows += [(f"Our waiter {i} was kind and the evening was wonderful", "good") for i in range(36)]
    rows += [rows[0]] * 3 + [("Nobody said what they thought of this one", "")]
    text = "comment,rating,note\n" + "".join(f'"{comment}",{rating},{"x" if i == 5 else ""}\n' for i, (comment, rating) in enumerate(rows))
    file.write_text(text, encoding="utf-8")
    return add_dataset(workspace, [file], split=SplitSpec(validation=0.1, test=0.1)).name


def last(views):
    shown: dict = {}
    for view in views:
        shown |= view
    return shown


def test_everything_is_told_in_both_languages(workspace, name):
    view = last(data_profile.show(workspace, "en", name, "none", ""))
    assert view["box"]["visible"] is True and view["busy"] == "" and view["stop"]["visible"] is False
    assert "<dd>60</dd>" in view["facts"] and "text in “comment”: 3 (5.0%)" in view["facts"]
    assert "comment" in view["columns"] and "1.7%" in view["columns"]
    assert "<td>59</td>" in view["columns"]  # empty cells of the note
    assert "English" in view["languages"]
    assert "wonderful" in view["words"] and "bland" in view["words"]
    assert "&lt;b&gt;soup" in view["samples"] and "<b>soup" not in view["samples"]  # a text is text, never HTML
    assert view["tokens-box"]["visible"] is False and view["labels-box"]["visible"] is True
    assert "good" in view["labels-line"] and "61%" in view["labels-line"] and "without an answer: 1" in view["labels-line"]
    chinese = last(data_profile.show(workspace, "zh", name, "none", ""))
    assert "英语" in chinese["languages"] and "与前面的完全相同" in chinese["facts"] and "1 行没有答案" in chinese["labels-line"]
    assert chinese["characters"]["title"] == "文字有多长"


def test_what_stands_there_is_not_looked_at_again(workspace, name, monkeypatch):
    view = last(data_profile.show(workspace, "en", name, "none", ""))
    monkeypatch.setattr(data_profile, "profile", None)  # would fail if it were called
    again = last(data_profile.show(workspace, "en", name, "none", view["shown"]))
    assert "facts" not in again and "box" not in again
    assert list(data_profile.show(workspace, "en", None, "none", "")) == []


def test_a_large_profile_is_kept_until_the_data_changes(workspace, name, monkeypatch):
    monkeypatch.setattr(data_profile, "KEPT", 10)
    first = last(data_profile.show(workspace, "en", name, "none", ""))
    monkeypatch.setattr(data_profile, "profile", None)
    second = last(data_profile.show(workspace, "zh", name, "none", ""))
    assert second["labels"]["data"][0]["x"] == first["labels"]["data"][0]["x"]


def test_tokens_are_counted_against_the_models_limit(workspace, name):
    views = data_profile.show(workspace, "en", name, "minilm", "")
    first = next(views)
    assert ("MiniLM (English)", "minilm") in first["model"]["choices"] and first["model"]["value"] == "minilm"
    view = last(views)
    assert view["tokens-box"]["visible"] is True and "All of them fit" in view["tokens-line"]
    assert sum(view["tokens"]["data"][0]["y"]) == 60


def test_a_cut_is_shown_in_figure_and_sentence():
    found = {"bins": [0, 10, 20, 30], "counts": [5, 3, 2], "mean": 9.0, "median": 8.0, "max": 29, "of": 10, "limit": 20, "over": 0.2, "lost": 0.004}
    figure = data_profile_view.lengths_figure(found, "tokens", "en")
    assert figure["data"][0]["marker"]["color"] == [data_profile_view.BAR, data_profile_view.BAR, data_profile_view.BEYOND]
    assert figure["layout"]["shapes"][0]["x0"] == 20 and figure["layout"]["annotations"][0]["text"] == "limit 20"
    line = data_profile_view.tokens_line(found, "en")
    assert "20% of the texts" in line and "0.4% of all tokens" in line and "fm-attention" in line
    assert "20% 的文字" in data_profile_view.tokens_line(found, "zh")
    assert say("data.profile.tokens.endless", "en") in data_profile_view.tokens_line(found | {"limit": None}, "en")


def test_many_labels_stay_light(workspace, tmp_path):
    file = tmp_path / "wide.csv"
    file.write_text("text,label\n" + "".join(f"a text of row {i},label{i % 40:02}\n" for i in range(200)), encoding="utf-8")
    figure = last(data_profile.show(workspace, "en", add_dataset(workspace, [file]).name, "none", ""))["labels"]
    assert len(figure["data"][0]["x"]) == data_profile_view.MOST_BARS + 1 and sum(figure["data"][0]["x"]) == 200
    assert "16 others" in figure["layout"]["yaxis"]["ticktext"][-1]


def test_rows_without_text_or_labels(workspace, tmp_path):
    file = tmp_path / "numbers.csv"
    file.write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(30)), encoding="utf-8")
    view = last(data_profile.show(workspace, "en", add_dataset(workspace, [file]).name, "none", ""))
    assert view["labels-box"]["visible"] is False and view["characters-box"]["visible"] is False
    assert "No column holds text" in view["facts"] and view["words"] == view["samples"] == view["languages"] == ""


def test_a_model_that_is_gone_is_left_out(workspace, name):
    view = last(data_profile.show(workspace, "en", name, "run:gone", ""))
    assert view["model"]["value"] == "none" and view["tokens-box"]["visible"] is False
    with pytest.raises(UserError):
        data_profile._key(workspace, data_profile.Dataset(workspace, name), "run:gone")


def test_it_can_be_stopped(workspace, name):
    views = data_profile.show(workspace, "en", name, "none", "")
    next(views)
    busy = next(views)
    assert "<progress" in busy["busy"] and busy["stop"]["visible"] is True
    views.close()
    assert "Stopped" in data_profile.stopped(workspace, "en")["busy"] and data_profile.settled(workspace, "zh")["shown"] == ""


def test_every_event_is_private(workspace):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Profile") as tab:
        data_profile.build(workspace, tab, gr.Radio([]))
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())
