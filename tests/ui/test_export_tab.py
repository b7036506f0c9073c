"""The Export tab's handlers: what is in the zip, the card, and a download that was checked."""

import zipfile
from pathlib import Path

import pytest

from fm_gui.ui import export, export_view
from tests.trained import small_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return small_runs(tmp_path_factory.getbasetemp())


def test_an_empty_workspace_says_what_to_do(workspace):
    view = export.show(workspace, "en", None, None)
    assert view["empty"]["visible"] and not view["main"]["visible"]


def test_it_tells_what_is_inside_before_the_download(runs):
    (runs.run("filler").path / "export.json").unlink(missing_ok=True)  # other tests may have exported this shared run
    view = export.show(runs, "en", "filler", None)
    for name in ("model.safetensors", "predict.py", "README.md", "requirements.txt", "config.json"):
        assert f"<code>{name}</code>" in view["inside"]
    assert "how text is cut into tokens" in view["inside"].split("tokenizer_config.json")[1].split("</tr>")[0]
    assert "fill-mask" in view["snippet"] and view["card"].startswith("# filler") and str(runs.run("filler").path / "model") in view["folder"]
    assert "Checked with each download" in view["checked"]


def test_the_download_is_packed_checked_and_handed_over(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    views = list(export.pack(runs, "en", "sorter"))
    assert views[0]["go"]["interactive"] is False and "progress" in views[0]["busy"]
    path = Path(views[-1]["file"]["value"])
    assert path.name == "sorter.zip" and path.is_relative_to(tmp_path / "served") and zipfile.is_zipfile(path)
    assert "8 of 8 answers identical" in views[-1]["checked"]
    assert export.settled(runs, "en")["go"]["interactive"]


def test_the_card_in_the_zip_is_the_card_on_the_page(runs):
    from fm_gui.export import contents

    assert contents(runs.run("filler"), "zh")["README.md"].endswith(export.choose(runs, "zh", "filler")["card"])


def test_sizes():
    assert [export_view.bytes_text(count) for count in (7, 870, 1_240, 91_200_000, 999_600, 4_100_000_000)] == ["7 B", "870 B", "1.2 kB", "91 MB", "1.0 MB", "4.1 GB"]


def test_a_classifier_offers_its_forms_and_others_do_not(runs):
    view = export.show(runs, "en", "sorter", None)
    assert view["form"]["visible"] and [value for _, value in view["form"]["choices"]] == ["whole", "onnx", "int8"] and "transformers" in view["about"]
    view = export.choose(runs, "zh", "writer")
    assert not view["form"]["visible"] and view["about"] == "" and view["figures"] == ""
    assert "8 位整数" in export.choose_form(runs, "zh", "sorter", "int8")["about"]


def test_a_small_form_is_packed_with_its_figures_beside_the_whole_model(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    views = list(export.pack(runs, "en", "sorter", "int8"))
    assert "progress" in views[0]["busy"] and Path(views[-1]["file"]["value"]).name == "sorter-int8.zip"
    for words in ("Macro-F1", "Texts a second", "Size on disk", "answers on held-out rows are those of the whole model"):
        assert words in views[-1]["figures"]
    assert "from predict import Model" in views[-1]["snippet"]
    assert "ONNX Runtime alone: 8 of 8" in views[-1]["checked"] and "model.onnx" in views[-1]["inside"]
    whole = export.choose_form(runs, "en", "sorter", "whole")
    assert whole["figures"] == "" and "model.safetensors" in whole["inside"] and "Checked with each download" in whole["checked"]
