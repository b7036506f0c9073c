"""The Evaluate tab's handlers: scores with their baselines and doubt, classes, confusion, mistakes, checking again."""

import pytest

from fm_gui.files import write_json
from fm_gui.ui import evaluate, evaluate_view
from tests.trained import small_runs, without_its_data


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return small_runs(tmp_path_factory.getbasetemp())


@pytest.fixture
def judged(runs, workspace):
    """A run whose evaluation has a markup label, 60 mistakes and a word-count baseline that wins."""
    run = without_its_data(workspace, runs.run("sorter"), "judged")
    (run.path / "model").mkdir()
    write_json(run.path / "model" / "config.json", {"model_type": "bert"})
    write_json(run.path / "evaluation.json", {
        "part": "test", "rows": 1000, "metrics": {"loss": 0.4, "accuracy": 0.9, "macro_f1": 0.88},
        "baselines": [{"name": "guessing", "metric": "macro_f1", "value": 0.3}, {"name": "word-counts", "metric": "macro_f1", "value": 0.89}],
        "per_class": [{"label": "<i>good", "precision": 1.0, "recall": 0.9, "f1": 0.95, "rows": 600}, {"label": "bad", "precision": 0.8, "recall": 0.9, "f1": 0.85, "rows": 400}],
        "confusion": {"labels": ["<i>good", "bad"], "matrix": [[540, 60], [40, 360]]},
        "mistakes": [{"row": n + 1, "text": f"text <u>{n}", "label": "<i>good", "predicted": "bad", "probability": 0.99 - n / 100} for n in range(60)],
    })  # fmt: skip
    return run


def test_an_empty_workspace_says_what_to_do(workspace):
    view = evaluate.show(workspace, "en", None, None)
    assert view["empty"]["visible"] and not view["main"]["visible"]


def test_a_run_that_nobody_judged_says_how_to(runs):
    view = evaluate.show(runs, "en", "writer", None)
    assert "Check again" in view["figures"] and view["confusion-box"]["visible"] is False and view["mistakes-box"]["visible"] is False


def test_figures_stand_beside_the_simple_methods_and_the_sentence_is_honest(judged, workspace):
    view = evaluate.show(workspace, "en", "judged", None)
    assert "0.880" in view["figures"] and "guessing <b>0.300" in view["figures"] and "loss" not in view["figures"].lower()
    assert "A simple method does as well: word counts" in view["figures"]
    assert "900 answers were right" in view["sure"] and "88% and 92%" in view["sure"] and "wide" not in view["sure"]


def test_labels_and_texts_are_never_markup(judged, workspace):
    view = evaluate.show(workspace, "en", "judged", None)
    for name in ("classes", "mistakes", "sure", "figures"):
        assert "<i>good" not in view[name] and "<u>" not in view[name]
    assert "<i>good" not in str(view["confusion"]["data"]) + str(view["confusion"]["layout"])  # Plotly reads tags


def test_the_weakest_label_comes_first(judged):
    html = evaluate_view.classes(judged.evaluation()["per_class"], "en")
    assert html.index("bad") < html.index("good")


def test_the_picture_counts_rows_and_colours_shares(judged):
    figure = evaluate_view.confusion_figure(judged.evaluation()["confusion"], "en")
    assert figure["data"][0]["text"] == [[540, 60], [40, 360]] and figure["data"][0]["z"] == [[0.9, 0.1], [0.1, 0.9]]
    assert figure["table"][2] == ["bad", 40, 360] and figure["pick"] == "evaluate-cell"


def test_a_cell_lists_its_rows_and_all_come_back(judged, workspace):
    view = evaluate.open_cell(workspace, "en", "judged", "0,1")
    assert "60 got the answer" in view["mistakes"] and view["mistakes"].count("<tr>") == 1 + 50 and "50" in view["mistakes"] and view["all"]["visible"]
    empty = evaluate.open_cell(workspace, "en", "judged", "1,0")
    assert "40 got the answer" in empty["mistakes"] and "<tr>" not in empty["mistakes"]
    assert "360 got the right answer" in evaluate.open_cell(workspace, "en", "judged", "1,1")["mistakes"]
    assert evaluate.open_all(workspace, "en", "judged")["all"]["visible"] is False


def test_both_languages(judged, workspace):
    view = evaluate.show(workspace, "zh", "judged", None)
    assert "宏平均" in view["figures"] and "答对 900 行" in view["sure"] and "真实类别" in view["mistakes"]
    assert "Macro" not in view["figures"]


def test_checking_again_gives_the_same_figures(runs):
    before = runs.run("sorter").evaluation()
    views = list(evaluate.check(runs, "en", "sorter"))
    assert "progress" in views[0]["busy"] and "0." in views[-1]["figures"]
    assert runs.run("sorter").evaluation()["metrics"] == pytest.approx(before["metrics"], abs=1e-6)
    assert evaluate.settled(runs, "en")["check"]["visible"]


def test_language_models_show_perplexity_beside_their_baseline(runs, workspace):
    run = without_its_data(workspace, runs.run("writer"), "lm")
    write_json(run.path / "evaluation.json", {"part": "test", "rows": 24, "metrics": {"loss": 2.0, "perplexity": 7.39, "bits_per_byte": 1.5}, "baselines": [
        {"name": "unigram", "metric": "loss", "value": 3.0}, {"name": "trigram", "metric": "bits_per_byte", "value": 1.9}]})  # fmt: skip
    html = evaluate_view.figures(run, run.evaluation(), "en")
    assert "7.39" in html and "20.1" in html and "1.90" in html and "Better than every simple method" in html
    assert "expect between" not in evaluate_view.sure(run.evaluation(), "en")
