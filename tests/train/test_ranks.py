"""Processes that train together divide the work, add up to what one process has, and agree; two and three real ones."""

import pytest
import torch

from fm_gui.train.ranks import Ranks
from tests.train.rank_work import ROWS, Toy, learn, step
from tests.train.together import together

CASES = ["place", "shares", "gradients", "agreements", "aligned", "shared", "lost"]


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.long)])
def told(request, tmp_path_factory):
    """Case -> what each rank got, of two and of three processes; and the folder they worked in."""
    folder = tmp_path_factory.mktemp("ranks")
    return together(folder, "tests.train.rank_work", CASES, request.param) | {"folder": folder, "world": request.param}


def test_each_knows_its_place(told):
    world = told["world"]
    assert told["place"] == [[rank, world, rank, world] for rank in range(world)]


def test_every_micro_batch_is_taken_exactly_once(told):
    for case, count in enumerate([1, 2, 5, 1, 2, 5]):
        taken = [one for shares in told["shares"] for one in shares[case]]
        assert sorted(number for number, weight in taken if weight) == list(range(count))
        if case >= 3:  # sharded: as many passes on every rank
            assert {len(shares[case]) for shares in told["shares"]} == {-(-count // told["world"])}
        else:
            assert all(weight == 1 for _, weight in taken)


def test_the_work_is_spread(told):
    """No rank has much more to do than its part of the rows."""
    rows = [sum(ROWS[number] for number, _ in shares[2]) for shares in told["shares"]]
    assert sum(rows) == sum(ROWS) and max(rows) <= max(*ROWS, sum(ROWS) / told["world"] + max(ROWS) / 2)


def test_loss_and_gradients_add_up_to_one_process(told):
    for seen in told["gradients"]:
        assert seen["apart"] < 1e-5
        assert seen["loss"][0] == pytest.approx(seen["loss"][1], rel=1e-6)
        assert seen["items"] == [sum(ROWS)] * 2
        assert seen["none"] == ["unused.weight", "unused.bias", "frozen.weight", "frozen.bias"]
    assert len({seen["loss"][0] for seen in told["gradients"]}) == 1


def test_all_agree(told):
    assert told["agreements"] == [[False, True, True, 10, 10 - (told["world"] - 1)]] * told["world"]


def test_all_start_from_the_weights_of_the_first(told):
    first = Toy(10)
    expected = float(sum(tensor.detach().double().sum() for tensor in [*first.parameters(), *first.buffers()]))
    assert told["aligned"] == [expected] * told["world"]


def test_what_one_does_alone_ends_for_all_alike(told):
    first, *others = told["shared"]
    assert first == [{"steps": 12, "name": "数据"}, 0, "device", "Stopped", "ZeroDivisionError"]
    assert others == [[{"steps": 12, "name": "数据"}, 0, "device", "Stopped", "rank-lost"]] * len(others)
    assert [path.name for path in told["folder"].glob("worked-*")] == ["worked-0"]


def test_a_rank_that_is_gone_is_noticed(told):
    assert all(told["lost"])


def test_alone_everything_answers_itself():
    alone, model = Ranks.join({}), Toy(1)
    assert (alone.world, alone.first) == (1, True)
    total, items = learn(model, alone.mine(step()))
    assert alone.add(total, items, model.parameters()) == (total, sum(ROWS))
    assert not alone.any(False) and alone.any(True) and alone.least(3) == 3 and alone.share(lambda: 5) == 5
    before = [weight.clone() for weight in model.parameters()]
    alone.align(model)
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
    alone.leave()
