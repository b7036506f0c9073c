"""A model spread over two real processes learns what one process teaches it, and is saved whole."""

import pytest

from fm_gui.config import TrainSettings
from fm_gui.errors import UserError
from fm_gui.train import sharded
from fm_gui.train.ranks import Ranks
from fm_gui.workspace import Workspace
from tests.train.sharded_work import NAMES, made
from tests.train.together import together


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharded")
    Workspace(folder / "工作 区")
    for name in NAMES:
        made(folder, name)  # data, tokenizer and numbers, so that the ranks only read them
    return together(folder, "tests.train.sharded_work", ["steps", "round_trip", "missing", "looked"])


@pytest.mark.parametrize("name", NAMES)
def test_three_steps_are_those_of_one_process(told, name):
    first, second = (rank[name] for rank in told["steps"])
    for one in (first, second):
        for found, expected in zip(one["found"], one["expected"], strict=True):
            assert found == pytest.approx(expected, rel=2e-5)
    assert first["found"] == second["found"]
    assert first["weights"] < 2e-4 and first["state"] < 2e-4 and first["whole"]
    assert second["nothing"] == [0, 0]  # the others hold nothing that they do not write


@pytest.mark.parametrize("name", NAMES)
def test_each_holds_its_share(told, name):
    assert all(0.3 < rank[name]["held"] < 0.7 and rank[name]["blocks"] > 1 for rank in told["steps"])
    assert sum(rank[name]["held"] for rank in told["steps"]) == pytest.approx(1, abs=0.01)


def test_what_was_saved_goes_on_in_one_process_and_in_two(told):
    for rank in told["round_trip"]:
        assert rank["resumed"] == rank["unbroken"]
        assert rank["single"] == pytest.approx(rank["unbroken"], rel=2e-5)
    assert told["round_trip"][0]["same"]


def test_a_file_that_lacks_a_weight_is_refused(told):
    assert told["missing"] == ["missing weights: NAME"] * 2


def test_a_check_between_steps_sees_the_model_and_leaves_it_spread(told):
    for rank in told["looked"]:
        assert rank["seen"] == pytest.approx(rank["expected"], rel=1e-5) and rank["shares"]
        assert rank["seen"][1] < rank["seen"][0]


def test_muon_is_refused_in_a_sentence():
    sharded.check(TrainSettings(optimizer="muon"), Ranks())
    sharded.check(TrainSettings(), Ranks(world=2, sharded=True))
    with pytest.raises(UserError, match="adamw"):
        sharded.check(TrainSettings(optimizer="muon"), Ranks(world=2, sharded=True))
