"""Measuring from the page: the handlers as the page calls them; the throw-away process is real where there is one."""

import time

import gradio as gr
import psutil
import pytest

from fm_gui import preflight
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.preflight_advice import Advice
from fm_gui.text import say
from fm_gui.ui import train, train_acts, train_choice, train_preflight
from tests.test_preflight import concluded
from tests.ui.test_train_tab import args, opened, page, prose, reviews, take, told  # noqa: F401 - fixtures among them


def config_of(workspace, values):
    return train_choice.config_of(workspace, train_choice.read(args(values)))


def remember(workspace, values, **found) -> preflight.Preflight:
    """As if that had been measured for what is chosen."""
    config = config_of(workspace, values)
    result = concluded(workspace, config, **found)
    write_json(preflight._path(workspace, config), result.model_dump())
    return result


def test_before_it_is_measured_the_plan_says_what_measuring_is(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    card = told(workspace, values)
    assert say("preflight.about") in card["measured"] and "train-measured" not in card["measured"]
    assert card["measure"]["interactive"] is True and card["measure"]["value"] == say("preflight.measure")


def test_a_long_run_is_told_to_be_measured_first(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    card = told(workspace, values | {"preset": "minutes", "minutes": 90})
    assert "about 1 h 30 min" in card["measured"] and "fm-warn" in card["measured"]


def test_without_a_plan_nothing_can_be_measured(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    card = told(workspace, values | {"train-learning_rate": 7.0})
    assert card["measured"] == "" and card["measure"]["interactive"] is False
    with pytest.raises(UserError, match="learning_rate"):
        list(train_preflight.measure(workspace, "en", *args(values | {"train-learning_rate": 7.0})))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_was_measured_stands_with_the_plan_until_the_form_changes(workspace, reviews, lang):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    remember(workspace, values)
    card = told(workspace, values, lang)
    for key in ("preflight.fits", "preflight.title", "preflight.time"):
        assert say(key, lang) in card["measured"]
    assert card["measure"]["value"] == say("preflight.again", lang)
    assert "5.0 GB" in card["measured"] and "data-advice" not in card["measured"]
    assert "train-measured" not in told(workspace, values | {"train-batch_size": 5}, lang)["measured"]


def test_what_will_not_fit_comes_with_a_button_for_each_advice_that_a_form_can_follow(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    result = remember(workspace, values, available_memory=3 * 10**9)
    html = told(workspace, values)["measured"]
    assert say("preflight.fits-not") in html and "fm-failed" in html
    assert html.count("<li>") == len(result.advice) and html.count("data-advice=") == len(result.advice) - 1  # a smaller start is chosen by hand
    for advice in result.advice:
        assert say(advice.code, **advice.values) in html


def test_how_often_it_was_right_is_told(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    run = workspace.new_run(config_of(workspace, values), "first")
    before = concluded(workspace, run.config).model_dump()
    preflight.record(workspace, run, {"preflight": before, "actual_steps": 1000, "eval_every": 84, "actual_total": 580.0, "actual_memory": 9 * 10**9})
    assert say("preflight.hits", time=1, memory=0, count=1) in told(workspace, values)["measured"]


def test_advice_changes_the_form(workspace, prose):  # noqa: F811
    values, _ = opened(workspace, data=prose)
    values = take(values, train_acts.change(workspace, "en", *args(values | {"task": "causal-lm", "size": 2})))
    choice = train_choice.read(args(values))
    for settings in ({"micro_batch_size": 4}, {"activation_checkpointing": True}, {"context": 64}, {"size": "5m"}):
        after = take(values, train_preflight.changed_fields(choice, settings))
        assert after != values
        assert config_of(workspace, after).train == train_choice.config_of(workspace, train_preflight.changed(choice, settings)).train
        config = config_of(workspace, after)
        found = config.train.model_dump() | config.options | config.model.model_dump()
        assert {name: found[name] for name in settings} == settings


def test_advice_for_other_settings_is_refused(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    remember(workspace, values, available_memory=3 * 10**9)
    of = preflight.fingerprint(config_of(workspace, values))
    with pytest.raises(UserError) as problem:
        list(train_preflight.apply(workspace, "en", f'{{"of": "{of}", "advice": 0}}', *args(values | {"train-batch_size": 5})))
    assert problem.value.code == "preflight-stale"


@pytest.mark.timeout(300)
def test_applied_and_measured_again_until_it_fits(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    values = take(values, train_acts.change(workspace, "en", *args(values | {"start": "scratch", "preset": "quick"})))
    values |= {"size": 0, "vocab-size": 100}
    known = remember(workspace, values, available_memory=3 * 10**9)
    assert known.advice[0].settings == {"micro_batch_size": 16}
    of, views = preflight.fingerprint(config_of(workspace, values)), []
    for view in train_preflight.apply(workspace, "en", f'{{"of": "{of}", "advice": 0}}', *args(values)):
        views.append(view)
        values = take(values, view)
    assert values["train-micro_batch_size"] == 16
    assert any("fm-working" in view.get("measuring", "") for view in views) and views[-1]["measuring"] == "" and views[-1]["plan-now"]
    html = told(workspace, values)["measured"]
    assert say("preflight.fits") in html and "data-advice" not in html


@pytest.mark.timeout(120)
def test_who_stops_measuring_leaves_no_process(workspace, reviews):  # noqa: F811
    values, _ = opened(workspace, data=reviews)
    going = train_preflight.measure(workspace, "en", *args(values))
    for view in going:
        if say("preflight.doing.start") in view.get("measuring", ""):
            break
    assert any("fm_gui.train.preflight" in child.cmdline() for child in psutil.Process().children())
    begin = time.monotonic()
    going.close()  # as Gradio does for cancels=, and when the page is closed
    assert time.monotonic() - begin < 20
    assert not any("fm_gui.train.preflight" in child.cmdline() for child in psutil.Process().children())
    assert train_preflight.settled(workspace, "en")["measure"]["visible"] is True


def test_no_sentence_is_cut_off_from_html(workspace, reviews):  # noqa: F811
    config = config_of(workspace, opened(workspace, data=reviews)[0])
    result = concluded(workspace, config).model_copy(update={"advice": [Advice(code="preflight.advice.disk", values={"missing": "1 GB", "path": "<b>"})]})
    assert "&lt;b&gt;" in train_preflight.card(result, "x", "en")


def test_start_ends_a_measurement(workspace):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Train", id="train") as tab:
        train.build(workspace, blocks, tab)
    ids = {block.elem_id: number for number, block in blocks.blocks.items() if getattr(block, "elem_id", None)}
    for button in ("train-start", "train-measure-stop"):
        assert any(fn.cancels for fn in blocks.fns.values() if (ids[button], "click") in fn.targets), button
