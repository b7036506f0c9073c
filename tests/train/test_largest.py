"""What a whole planned run has to do, looked at without doing it, equals what its real batches hold."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
import torch

from fm_gui.config import RunConfig
from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import Prepared, prepare
from fm_gui.tasks import TASKS, Task, get_task
from fm_gui.train.largest import mean_step, micro_sizes, planned_work
from fm_gui.train.measure import micro_tokens
from tests.train.jobs import toy_config


@dataclass(frozen=True)
class Planned:
    """As much of a Job as a plan needs."""

    task: Task
    config: RunConfig
    data: Prepared
    device: torch.device
    processor: object

    def cut(self) -> RunConfig:
        return self.config

    def walked(self, steps: int) -> list[list[tuple[int, int]]]:
        """The (rows, longest) of every micro-batch of the first real steps."""
        batches = self.task.batches(self.processor, self.data["train"], self.config, 0, micro_tokens(self.device))
        return [[tuple(batch["input_ids"].shape) for batch in step.micro] for step in islice(batches, steps)]


def planned(workspace, task_name: str, **settings) -> Planned:
    config, task = toy_config(workspace, task_name, **settings), get_task(task_name)
    data = Dataset(workspace, config.data.name, config.data)
    processor = task.processor(config, data, workspace)
    return Planned(task, config, prepare(workspace, config, task, data, processor), torch.device("cpu"), processor)


@pytest.mark.parametrize("settings", [
    {}, {"micro_batch_size": 3}, {"batch_size": 7}, {"batch_size": 256, "processes": 3}, {"batch_size": 16, "micro_batch_size": 5, "processes": 2}, {"batch_size": 4096},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_the_planned_work_is_that_of_the_real_batches(workspace, task, settings):
    """Over three epochs, short last steps included."""
    job = planned(workspace, task, **settings)
    steps = 3 * job.task.steps_per_epoch(job.data["train"], job.config)
    work, at = planned_work(job, steps)
    real = job.walked(steps)
    assert work.tolist() == [sum(rows * longest for rows, longest in micro) for micro in real][: len(work)]
    assert len(work) == steps or len(set(job.task.lengths(job.data["train"], job.config))) == 1
    largest = [max((rows * longest, longest) for rows, longest in micro) for micro in real]
    assert largest[at] == max(largest)


def test_micro_sizes_cut_as_micro_batches_do():
    from fm_gui.data.batching import micro_batches

    dice = np.random.default_rng(0)
    for _ in range(200):
        lengths = dice.integers(1, 200, int(dice.integers(1, 40)))
        tokens, rows, pieces = int(dice.integers(50, 2000)), int(dice.choice([0, 0, 1, 5])), int(dice.choice([1, 1, 3]))
        cuts = micro_batches(np.arange(len(lengths)), lengths, tokens, rows, pieces)
        shapes = [(len(cut) * int(lengths[cut].max()), int(lengths[cut].max())) for cut in cuts]
        padded = np.zeros((1, len(lengths) + 3), np.int64)
        padded[0, : len(lengths)] = lengths
        cells, biggest, longest = micro_sizes(padded, tokens, rows, pieces)
        assert (cells[0], biggest[0], longest[0]) == (sum(size for size, _ in shapes), *max(shapes))


def test_the_mean_step_of_a_run_from_steps_that_were_not_typical():
    """Twenty of 5,000 steps are timed; the times follow the work, with noise, and the timed ones are the shorter ones."""
    dice = np.random.default_rng(1)
    work = dice.integers(500, 2500, 5000)
    seconds = (0.02 + 1e-4 * work) * dice.normal(1, 0.03, len(work))
    timed = np.argsort(work)[:2500][dice.permutation(2500)[:20]]
    found, spread = mean_step(seconds[timed].tolist(), work[timed].tolist(), float(work.mean()))
    assert found == pytest.approx(seconds.mean(), rel=0.06)
    assert abs(seconds[timed].mean() / seconds.mean() - 1) > 0.2  # what their mean alone would have said
    assert 0 < spread < 0.05


def test_steps_of_one_length_and_a_single_timed_step():
    assert mean_step([2.0, 4.0], [100, 100], 100.0) == (3.0, pytest.approx(1 / 3))
    assert mean_step([2.0], [100], 150.0) == (pytest.approx(3.0), 0.15)  # in proportion, as nothing else is known; and unsure


def test_times_that_fall_with_the_work_are_noise():
    assert mean_step([3.0, 2.0, 1.0], [100, 200, 300], 400.0)[0] == pytest.approx(2.0)
