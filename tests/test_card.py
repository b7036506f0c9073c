"""The model card: the hub reads its head, a person its body, and neither learns where it was made."""

import pytest
from huggingface_hub import ModelCard

from fm_gui.card import card_body, card_text, redo, snippet, write_card
from fm_gui.config import ModelSpec
from fm_gui.plan import make_config
from fm_gui.scores import certainty, interval, number, scores
from fm_gui.tasks import TASKS
from tests.trained import small_runs, without_its_data


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return small_runs(tmp_path_factory.getbasetemp())


def test_the_hub_can_read_its_head(runs):
    card = ModelCard(card_text(runs.run("sorter")))
    assert card.data.library_name == "transformers" and card.data.pipeline_tag == "text-classification"
    assert card.data.metrics[0] == "macro_f1" and "fm_gui" in card.data.tags
    assert ModelCard(card_text(runs.run("writer"))).data.pipeline_tag == "text-generation"


def test_scores_stand_beside_their_baselines_and_their_doubt(runs):
    run = runs.run("sorter")
    evaluation, body = run.evaluation(), card_body(runs.run("sorter"))
    main = scores(run, evaluation)[0]
    assert main.metric == "macro_f1" and [name for name, _ in main.baselines] == ["guessing", "word-counts"]
    assert f"**Macro-F1**: {number(evaluation['metrics']['macro_f1'])} (guessing: " in body
    assert certainty(evaluation, "en") in body and "rough" in body  # 24 rows
    for label in ("praise", "complaint", "question"):
        assert f"| {label} | " in body


def test_both_languages_and_every_part(runs):
    for name in ("sorter", "filler", "writer"):
        english, chinese = card_body(runs.run(name)), card_body(runs.run(name), "zh")
        assert english.count("\n## ") == chinese.count("\n## ") == 6
        assert "How good it is" in english and "效果如何" in chinese and "How good" not in chinese


def test_it_names_no_folder_of_this_machine(runs):
    text = card_text(runs.run("sorter"))
    assert str(runs.root) not in text and "tickets.csv" in text


def test_a_local_start_is_named_without_its_place(runs):
    config = runs.run("sorter").config.model_copy(update={"model": ModelSpec(start="folder:/home/ada/models/my-bert")})
    assert "--model folder:my-bert" in redo(config) and "/home" not in redo(config)


def test_the_command_makes_the_same_configuration_again(runs):
    """What stands after "How to make it again" is read back by the command line's own rules."""
    import shlex

    from fm_gui.cli.base import pairs
    from fm_gui.cli.learn import arguments

    run = runs.run("sorter")
    words = shlex.split(redo(run.config))
    options = {name: [words[i + 1] for i, word in enumerate(words) if word == name] for name in ("--task", "--data", "--model", "--preset", "--set")}
    minutes = float(words[words.index("--minutes") + 1]) if "--minutes" in words else None
    asked = arguments(
        runs, task=options["--task"][0], data=options["--data"][0], model=options["--model"][0], preset=options["--preset"][0], minutes=minutes,
        settings=pairs(options["--set"], "--set"),
    )
    again = make_config(runs, **asked)
    assert again.train == run.config.train and again.options == run.config.options
    assert (again.model.architecture, again.model.size, again.model.vocab_size) == ("bert", "1m", 150)


@pytest.mark.parametrize("name", ["sorter", "filler", "writer"])
def test_the_snippet_runs(runs, name, capsys):
    code = snippet(runs.run(name), str(runs.run(name).path / "model")).replace("max_new_tokens=60", "max_new_tokens=3")
    exec(compile(code, "snippet", "exec"), {})
    assert capsys.readouterr().out.startswith("[{")


def test_a_label_cannot_break_the_card(runs, workspace):
    run = without_its_data(workspace, runs.run("sorter"), "odd")
    (run.path / "evaluation.json").write_text(
        '{"part": "test", "rows": 4, "metrics": {"accuracy": 0.5, "macro_f1": 0.5}, "baselines": [], '
        '"per_class": [{"label": "<script>a|b\\nc", "precision": 1.0, "recall": 0.0, "f1": 0.0, "rows": 2}]}',
        encoding="utf-8",
    )
    body = card_body(run)
    assert "<script>" not in body and "| &lt;script>a\\|b c | " in body


def test_it_is_written_into_the_run(runs):
    assert write_card(runs.run("filler")).read_text(encoding="utf-8") == card_text(runs.run("filler"))


def test_a_data_set_that_is_gone_leaves_its_facts(runs, workspace):
    run = without_its_data(workspace, runs.run("sorter"), "orphan")
    body = card_body(run)
    assert "tickets.csv" in body and "Rows used" not in body


def test_every_task_has_a_pipeline_and_an_example():
    from fm_gui.card import PIPELINES
    from fm_gui.text import table

    for task in TASKS:
        assert task.head in PIPELINES and f"card.limit.{task.output}" in table()
        assert all(f"card.example.{kind}" in table() for kind in task.inputs.values())


def test_wilson_interval():
    assert interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-3)
    low, high = interval(1.0, 10)
    assert high == 1.0 and low == pytest.approx(0.7225, abs=1e-3)
    assert interval(0.0, 10)[0] == 0.0


def test_numbers():
    assert [number(value) for value in (0.9124, 1.0, 23.41, 1240.4, float("inf"), 0.05)] == ["0.912", "1.00", "23.4", "1,240", "∞", "0.0500"]
