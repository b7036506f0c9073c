"""How a step is cut into micro-batches: every row once, within the budget, with little padding."""

import numpy as np
import pytest

from fm_gui.data.batching import LARGE, batch_cost, first_cut, micro_batches

BUDGET = 1024


def cost(lengths, cuts):
    return sum(len(cut) * int(lengths[cut].max()) + batch_cost(BUDGET) for cut in cuts)


def uncut(lengths):
    """By the budget alone."""
    rows, cuts = np.argsort(-lengths, kind="stable"), []
    while len(rows):
        fits = max(1, BUDGET // int(lengths[rows[0]]))
        cuts.append(rows[:fits])
        rows = rows[fits:]
    return cuts


@pytest.mark.parametrize("seed", range(5))
def test_every_row_once_within_the_budget_and_for_less_than_uncut(seed):
    dice = np.random.default_rng(seed)
    lengths = np.exp(dice.normal(3, 0.9, 200)).clip(4, 128).astype(np.int64)
    saved = []
    for at in range(0, 200, 20):
        part = lengths[at : at + 20]
        cuts = micro_batches(np.arange(20), part, BUDGET)
        assert sorted(np.concatenate(cuts)) == list(range(20))
        assert all(len(cut) == 1 or len(cut) * part[cut].max() <= BUDGET for cut in cuts)
        saved.append(cost(part, cuts) / cost(part, uncut(part)))
    assert np.mean(saved) < 0.75 and max(saved) < 1.05


def test_rows_of_one_length_are_not_torn_apart():
    lengths = np.full(30, 32)
    assert [len(cut) for cut in micro_batches(np.arange(30), lengths, BUDGET)] == [30]
    assert first_cut(np.array([33, 32, 32, 32]), 32) == 4  # three tokens saved are no reason


def test_a_long_row_goes_alone_when_the_others_are_short():
    cuts = micro_batches(np.arange(5), np.array([10, 128, 12, 11, 10]), BUDGET)
    assert [len(cut) for cut in cuts] == [1, 4] and cuts[0][0] == 1


def test_on_a_gpu_a_small_step_stays_whole():
    lengths = np.array([128, 64, 40, 30, *[20] * 12])
    assert len(micro_batches(np.arange(16), lengths, BUDGET)) > 2 and len(micro_batches(np.arange(16), lengths, 8 * LARGE)) == 1


def test_a_number_of_rows_that_was_asked_for_is_kept():
    lengths = np.array([128, 4, 4, 4, 4, 4])
    assert [len(cut) for cut in micro_batches(np.arange(6), lengths, BUDGET, 3)] == [3, 3]
