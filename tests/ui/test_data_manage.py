"""The Copies and export tab inside Data, by its handlers, on real files."""

from pathlib import Path

import gradio as gr
import pytest

from fm_gui.config import StepSpec
from fm_gui.data import history
from fm_gui.data.dataset import Dataset
from fm_gui.data.readers import read
from fm_gui.errors import UserError
from fm_gui.ui import data_manage
from tests.data.added import added


@pytest.fixture
def reviews(workspace):
    return added(workspace, "reviews", "text,label\n" + "".join(f"review number {n},{'good' if n % 4 else 'bad'}\n" for n in range(40)))


@pytest.fixture(autouse=True)
def toasts(monkeypatch):
    told = []
    for kind in ("Info", "Success", "Warning"):
        monkeypatch.setattr(gr, kind, lambda text, *args, **more: told.append(text))
    return told


def refused(code, function, *args):
    with pytest.raises(UserError) as caught:
        function(*args)
    assert caught.value.code == code


def test_fields_suit_the_data_set(workspace, reviews):
    view = data_manage.show(workspace, "en", "reviews")
    assert view["rename-name"] == "reviews" and view["sample-rows"] == {**view["sample-rows"], "value": 19, "info": "From 1 to 39"}
    assert view["merge-with"]["visible"] is False and view["merge-none"]["visible"] is True and view["merge-do"]["interactive"] is False
    added(workspace, "more", "text,label\none more,good\nand one,bad\n")
    view = data_manage.show(workspace, "zh", "reviews")
    assert view["merge-with"]["choices"] == ["more"] and view["sample-rows"]["info"] == "1 到 39" and view["merge-do"]["interactive"] is True
    assert data_manage.show(workspace, "en", None) == {}


def test_rename(workspace, reviews, toasts):
    assert data_manage.rename(workspace, "en", "reviews", "reviews") == {"opened": ""}
    assert data_manage.rename(workspace, "en", "reviews", " 评论 ") == {"opened": "评论"}
    assert [spec.name for spec in workspace.datasets()] == ["评论"] and toasts == ["“reviews” is now called “评论”."]
    refused("name", data_manage.rename, workspace, "en", "评论", "<b>")


def test_copy_sample_merge(workspace, reviews, toasts):
    assert data_manage.copy(workspace, "zh", "reviews", "") == {"opened": "reviews-2"} and toasts == ["副本名为“reviews-2”。"]
    assert data_manage.copy(workspace, "en", "reviews", "mine") == {"opened": "mine"}
    assert data_manage.sample(workspace, "en", "reviews", 8.0, 1.0, "few") == {"opened": "few"}
    assert Dataset(workspace, "few").spec.rows == 8 and toasts[-1] == "The sample “few” has 8 rows."
    refused("sample-size", data_manage.sample, workspace, "en", "reviews", None, None, "")
    refused("sample-size", data_manage.sample, workspace, "en", "reviews", 40, 1, "")
    refused("setting-least", data_manage.sample, workspace, "en", "reviews", 3, -1, "")
    assert data_manage.merge(workspace, "en", "reviews", ["few", "mine"], "all") == {"opened": "all"}
    assert Dataset(workspace, "all").spec.rows == 88 and toasts[-1] == "“all” has 88 rows of 3 data sets."
    refused("merge-few", data_manage.merge, workspace, "en", "reviews", None, "")
    refused("dataset-exists", data_manage.merge, workspace, "en", "reviews", ["few"], "all")


@pytest.mark.parametrize("kind", [value for _, value in data_manage.FORMATS])
def test_export(workspace, reviews, kind):
    history.apply(reviews, [StepSpec(step="case", settings={"to": "upper"})])
    views = list(data_manage.write_rows(workspace, "en", "reviews", kind))
    last = views[-1]
    file = Path(last["file"]["value"])
    assert file.name == f"reviews.{kind}" and read([file]).table["text"][0].as_py() == "REVIEW NUMBER 0"
    assert f"reviews.{kind} is ready: 40 rows" in last["busy"] and last["export-do"]["interactive"] is True and last["stop"]["visible"] is False
    assert all("progress" in view["busy"] and view["stop"]["visible"] is True for view in views[:-1])


def test_buttons_come_back(workspace):
    assert data_manage.failed(workspace, "en")["busy"] == "" and data_manage.failed(workspace, "en")["export-do"]["interactive"] is True
    assert "已停止" in data_manage.stopped(workspace, "zh")["busy"]


def test_every_event_is_private(workspace):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Copies", id="manage") as tab:
        data_manage.build(workspace, tab, gr.Radio([]))
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())
