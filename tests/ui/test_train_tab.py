"""The Train tab's handlers, on real data; starting a run is left to tests of the whole journey."""

import json

import gradio as gr
import pytest

from fm_gui import plan
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.machine import Device
from fm_gui.tasks import TASKS
from fm_gui.ui import train, train_acts, train_choice, train_view
from fm_gui.ui.train_choice import NAMES, OPTION_FIELDS, SIZES, TRAIN_FIELDS

WORDS = ["kind", "quick", "bright", "warm", "cold", "slow", "dull", "noisy", "fresh", "stale"]


@pytest.fixture
def reviews(workspace, tmp_path):
    file = tmp_path / "reviews.csv"
    rows = [
        (f"The {noun} was {word} on day {i}", "good" if word in WORDS[:4] else "bad")
        for i in range(12)
        for noun in ("soup", "staff")
        for word in WORDS
    ]
    file.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return add_dataset(workspace, [file]).name


@pytest.fixture
def prose(workspace, tmp_path):
    file = tmp_path / "prose.txt"
    file.write_text(
        "".join(
            f"On day {i} the {WORDS[i % 10]} wind came over the {WORDS[i % 7]} hill and the old house stood still.\n" for i in range(800)
        ),
        encoding="utf-8",
    )
    return add_dataset(workspace, [file]).name


def page() -> dict:
    """What the widgets hold when the page opens."""
    values = {
        "data": None,
        "task": None,
        "start": None,
        "other": "",
        "architecture": None,
        "size": 1,
        "vocab-size": 0,
        "preset": "balanced",
        "minutes": 10,
        "filled": "",
    }
    for name in NAMES[len(train_choice.MAIN) :]:
        values[name] = None
    return values


def take(values: dict, view: dict) -> dict:
    """The widgets after a handler's answer."""
    values = dict(values)
    for name, update in view.items():
        if name in values:
            values[name] = (
                update["value"] if isinstance(update, dict) and "value" in update else values[name] if isinstance(update, dict) else update
            )
    return values


def args(values: dict) -> list:
    return [values[name] for name in NAMES]


def opened(workspace, lang="en", data="", run="", before=None) -> tuple[dict, dict]:
    values = before or page()
    view = train_acts.show(workspace, lang, data, run, "", *args(values))
    return take(values, view), view


def told(workspace, values, lang="en") -> dict:
    *_, last = train_acts.foretell(workspace, lang, *args(values))
    return last


def test_without_data_it_says_what_to_do(workspace):
    _, view = opened(workspace)
    assert view["empty"]["visible"] is True and view["main"]["visible"] is False
    card = told(workspace, page())
    assert card["go"] == card["measure"] == gr.update(interactive=False)


def test_the_defaults_can_be_started_as_they_are(workspace, reviews):
    values, view = opened(workspace, data=reviews)
    assert (values["data"], values["task"], values["start"], values["preset"]) == (reviews, "text-classification", "minilm", "balanced")
    assert view["scratch"]["visible"] is False and view["options-text-classification"]["visible"] is True
    card = told(workspace, values)
    assert card["go"]["interactive"] is True
    parts = Dataset(workspace, reviews).parts()
    assert f"{len(parts['train']):,}" in card["plan"] and f"{len(parts['validation'])} + {len(parts['test'])}" in card["plan"]
    assert card["examples"].count("<li>") == 3 and "[CLS]" in card["examples"] and "fm-special" in card["examples"]
    assert card["command"]["value"].startswith("fm-gui train --task text-classification --data reviews --model minilm --preset balanced")
    assert "--set" not in card["command"]["value"]  # nothing was changed, so the preset decides everything


def test_the_form_shows_what_the_preset_sets(workspace, reviews):
    values, _ = opened(workspace, data=reviews)
    for preset in ("quick", "best"):
        values["preset"] = preset
        values = take(values, train_acts.change(workspace, "en", *args(values)))
        config = train_choice.config_of(workspace, train_choice.read(args(values)))
        assert values["train-epochs"] == config.train.epochs and config.train.preset == preset
        assert config.train.model_dump(mode="json", include=set(TRAIN_FIELDS)) == {name: values[f"train-{name}"] for name in TRAIN_FIELDS}


def test_what_a_person_changes_is_kept_and_passed_on(workspace, reviews):
    values, _ = opened(workspace, data=reviews)
    values |= {"train-epochs": 2.0, "option-text-classification-max_length": 16}
    view = train_acts.show(workspace, "en", reviews, "", "", *args(values))  # left the tab and came back
    assert "train-epochs" not in view
    config = train_choice.config_of(workspace, train_choice.read(args(values)))
    assert config.train.epochs == 2.0 and config.options["max_length"] == 16
    assert "--set epochs=2.0" in told(workspace, values)["command"]["value"]


def test_a_preset_chosen_a_moment_ago_is_not_taken_for_changed_fields(workspace, reviews):
    """Start pressed before the form was filled anew: the old values are the old preset's, not the person's."""
    values, _ = opened(workspace, data=reviews)
    values["preset"] = "best"
    config = train_choice.config_of(workspace, train_choice.read(args(values)))
    assert config.train.epochs == TASKS[0].presets(config.model, len(Dataset(workspace, reviews).parts()["train"]))["best"]["epochs"]


def test_my_own_minutes(workspace, reviews):
    values, _ = opened(workspace, data=reviews)
    values |= {"preset": "minutes", "minutes": 3}
    view = train_acts.change(workspace, "en", *args(values))
    assert view["minutes"]["visible"] is True
    values = take(values, view)
    assert train_choice.config_of(workspace, train_choice.read(args(values))).train.minutes == 3
    assert "--minutes 3" in told(workspace, values)["command"]["value"]
    card = told(workspace, values | {"minutes": None})
    assert "how many minutes" in card["plan"] and card["go"]["interactive"] is False
    assert "-1" in told(workspace, values | {"minutes": -1})["plan"]


@pytest.mark.parametrize(("changed", "says"), [
    ({"train-learning_rate": 7.0}, "learning_rate"),
    ({"train-batch_size": None}, "batch_size"),
    ({"start": "other", "other": ""}, "No model is named"),
    ({"start": "other", "other": "/no/such/folder <b>"}, "/no/such/folder &lt;b&gt;"),
    ({"option-text-classification-max_length": 1}, "max_length"),
])  # fmt: skip
def test_a_mistake_stands_in_the_card_and_nothing_can_start(workspace, reviews, changed, says):
    values, _ = opened(workspace, data=reviews)
    values |= changed
    card = told(workspace, values)
    assert says in card["plan"] and card["go"]["interactive"] is False
    if "folder" not in says:  # a folder is looked at by the plan and by the worker, which says the same
        with pytest.raises(UserError):
            train_acts.start(workspace, "en", "", *args(values))
    assert workspace.runs() == []


def test_only_what_the_data_teaches_is_offered(workspace, prose):
    values, view = opened(workspace, data=prose)
    assert {value for _, value in view["task"]["choices"]} == {"masked-lm", "causal-lm"}
    assert view["rest-fold"]["visible"] is True and "Sort texts" in view["rest"]
    assert values["start"] == "scratch" and view["scratch"]["visible"] is True


def test_from_scratch_shows_its_size(workspace, prose):
    values, view = opened(workspace, data=prose)
    values["task"] = "causal-lm"
    values = take(values, train_acts.change(workspace, "en", *args(values)))
    assert values["architecture"] == "nanochat"
    small = train_acts.resize(workspace, "en", *args(values | {"size": 0}))["size-line"]
    large = train_acts.resize(workspace, "en", *args(values | {"size": len(SIZES) - 1}))["size-line"]
    assert small != large and "fm-warn" in large  # a few kilobytes cannot feed hundreds of millions
    values["architecture"] = "gpt2"
    values |= {"size": 0, "vocab-size": 300}
    config = train_choice.config_of(workspace, train_choice.read(args(values)))
    assert (config.model.architecture, config.model.size, config.model.vocab_size) == ("gpt2", "1m", 300)
    card = told(workspace, values)
    assert card["go"]["interactive"] is True, card
    assert "gpt2:1m" in card["command"]["value"]


def test_the_tokenizer_view(workspace, reviews, prose):
    values, _ = opened(workspace, data=reviews)
    view = train_acts.cut(workspace, "en", "A <kind> house", *args(values))
    assert "[CLS]" in view["pieces"] and "house" in view["pieces"] and "<kind>" not in view["pieces"]
    assert "[CLS]" in train_acts.cut(workspace, "en", "", *args(values))["pieces"]  # the first row
    values, _ = opened(workspace, data=prose)
    values |= {"vocab-size": 100_000}
    assert "fm-problem" in train_acts.cut(workspace, "en", "hill", *args(values))["pieces"]


def test_run_again_with_changes(workspace, reviews):
    config = plan.make_config(
        workspace,
        task="text-classification",
        data=reviews,
        start="scratch",
        architecture="bert",
        size="1m",
        preset="best",
        train={"epochs": 4, "seed": 9},
        options={"max_length": 24},
    )
    run = workspace.new_run(config, "first")
    values, view = opened(workspace, run="first")
    assert view["prefilled"] == "first"
    again = train_choice.config_of(workspace, train_choice.read(args(values)))
    assert (again.task, again.model, again.train, again.options) == (
        run.config.task,
        run.config.model,
        run.config.train,
        run.config.options,
    )


def test_run_again_when_its_data_is_gone(workspace, reviews, prose):
    config = plan.make_config(workspace, task="text-classification", data=reviews)
    workspace.new_run(config, "first")
    Dataset(workspace, reviews).set_roles({"text": "text"})
    values, _ = opened(workspace, run="first")
    assert values["data"] == reviews and values["task"] in ("masked-lm", "causal-lm")
    assert told(workspace, values)["plan"]


def test_every_handler_answers_only_what_the_page_has(workspace, reviews):
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Train", id="train") as tab:
        train.build(workspace, blocks, tab)
    assert blocks.fns and all(event.api_visibility == "private" for event in blocks.fns.values())
    ids = {block.elem_id for block in blocks.blocks.values() if getattr(block, "elem_id", None)}
    assert {"train-start", "train-refresh", "train-command", "train-data"} <= ids
    assert {f"train-setting-{name}" for name in TRAIN_FIELDS} <= ids
    assert all(f"train-option-{task}-{name}" in ids for task, names in OPTION_FIELDS.items() for name in names)


def test_the_size_follows_the_text_until_someone_chooses_one(workspace, prose):
    values, view = opened(workspace, data=prose)
    assert SIZES[values["size"]] == "1m" and "Size 1M: about" in view["size-line"]
    config = plan.make_config(workspace, task=values["task"], data=prose)
    assert (config.model.start, config.model.size) == ("scratch", "1m")
    chosen = train_choice.settle(workspace, train_choice.read(args(values | {"size": SIZES.index("30m"), "architecture": "bert"})))
    assert chosen.size == "30m"


def test_settled_values_survive_the_browser(workspace, reviews):
    values, _ = opened(workspace, data=reviews)
    assert json.loads(values["filled"]).keys() == {"train", "options", "size"}
    assert args(json.loads(json.dumps(values))) == args(values)


def test_several_gpus_can_be_chosen_to_work_together(workspace, reviews):
    gpus = [Device("cuda:0", "H100", 80), Device("cuda:1", "H100", 80), Device("cuda:2", "old", 8, ("machine.kernel-wrong", {"device": "old"}))]
    choices = dict(train_view.device_choices([*gpus, Device("cpu", "a CPU", 16)], "en"))
    assert choices == {"auto: a free GPU, or the CPU": "auto", "all 2 GPUs together": "cuda:0,cuda:1", "cuda:0: H100": "cuda:0", "cuda:1: H100": "cuda:1", "cpu: a CPU": "cpu"}
    assert "all" not in " ".join(dict(train_view.device_choices(gpus[:1], "en")))
    for device, processes in (("cuda:0,cuda:1", 2), ("cuda:1", 1), ("auto", 1), ("cpu", 1), (None, 1)):
        assert train_acts.pick_device(workspace, "en", device) == {"train-processes": processes}


def test_this_machines_devices_are_offered_and_the_chosen_one_is_used(workspace, reviews):
    values, view = opened(workspace, data=reviews)
    assert "cpu" in [value for _, value in view["train-device"]["choices"]] and values["train-device"] == "auto"
    values |= {"train-device": "cpu", "train-processes": 2}
    train_settings = train_choice.config_of(workspace, train_choice.read(args(values))).train
    assert (train_settings.device, train_settings.processes) == ("cpu", 2)
