"""The steps of a whole planned run, looked at without taking them: how much each has to do, which is the largest."""

import numpy as np

from fm_gui.data.batching import batch_cost

MOST_ROWS = 5_000_000  # that are looked at
FEW, UNSURE = 4, 0.15  # fewer timed steps than this do not show how much they vary: taken for this share at least


def planned_work(job, steps: int) -> tuple[np.ndarray, int]:
    """(tokens of each of the first ``steps`` steps, padding included; the step with the largest micro-batch of them all).

    Which rows make up a step is a pure function of the seed and the step, so this is the run itself, not a sample of it;
    of a run of very many rows its first epochs.
    """
    from fm_gui.data.batching import order
    from fm_gui.train.measure import micro_tokens

    train = job.cut().train
    lengths = np.maximum(1, job.task.lengths(job.data["train"], job.config))
    per_epoch = job.task.steps_per_epoch(job.data["train"], job.config)
    if lengths.min() == lengths.max():  # only an epoch's last step may differ, and be no larger
        steps = min(steps, per_epoch)
    work, largest, at = [], (0, 0), 0
    for epoch in range(min(-(-steps // per_epoch), 1 + MOST_ROWS // len(lengths))):
        rows = np.zeros(per_epoch * train.batch_size, np.int64)
        rows[: len(lengths)] = lengths[order(train.seed, epoch, len(lengths))]
        cells, biggest, longest = micro_sizes(rows.reshape(per_epoch, -1), micro_tokens(job.device), train.micro_batch_size, train.processes)
        taken = min(per_epoch, steps - epoch * per_epoch)
        work.append(cells[:taken])
        best = int(np.lexsort((longest[:taken], biggest[:taken]))[-1])
        if (biggest[best], longest[best]) > largest:
            largest, at = (int(biggest[best]), int(longest[best])), epoch * per_epoch + best
    return np.concatenate(work), at


def micro_sizes(rows: np.ndarray, micro_tokens: int, micro_rows: int, pieces: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of steps (steps x rows: lengths, 0 where there is no row): tokens in all, in the largest micro-batch, in its longest row.

    Cuts as ``batching.micro_batches`` does, for all steps at once.
    """
    rows = -np.sort(-rows, axis=1)
    count, each = (rows > 0).sum(1), np.arange(len(rows))
    cells, biggest, longest, at = (np.zeros(len(rows), np.int64) for _ in range(4))
    most_rows, most_tokens, beside = np.full(len(rows), micro_rows), np.full(len(rows), micro_tokens), batch_cost(micro_tokens)
    if pieces > 1:
        most_rows, most_tokens = np.minimum(most_rows, -(-count // pieces)), np.minimum(most_tokens, -(-rows.sum(1) // pieces))
    while (at < count).any():
        first = rows[each, np.minimum(at, rows.shape[1] - 1)] * (at < count)
        fits = most_rows if micro_rows else np.maximum(1, most_tokens // np.maximum(1, first))
        fits = np.minimum(fits, count - at).clip(0)
        fits = fits if micro_rows else first_cuts(rows, at, fits, beside)
        size = fits * first
        cells += size
        longest = np.where(size > biggest, first, longest)
        biggest = np.maximum(biggest, size)
        at += fits
    return cells, biggest, longest


def first_cuts(rows: np.ndarray, at: np.ndarray, fits: np.ndarray, each: int) -> np.ndarray:
    """``batching.first_cut`` of many steps at once: of ``fits`` rows from ``at`` on, how many to take."""
    before = np.zeros_like(fits)
    while (fits != before).any():
        before, fits = fits, _cut_once(rows, at, fits, each)
    return fits


def _cut_once(rows: np.ndarray, at: np.ndarray, fits: np.ndarray, each: int) -> np.ndarray:
    taken = np.arange(1, max(2, int(fits.max())))
    first = np.take_along_axis(rows, np.minimum(at, rows.shape[1] - 1)[:, None], 1)
    follow = np.take_along_axis(rows, np.minimum(at[:, None] + taken, rows.shape[1] - 1), 1)
    costs = np.where(taken < fits[:, None], taken * first + (fits[:, None] - taken) * follow + each, np.iinfo(np.int64).max)
    return np.where(costs.min(1) < fits * first[:, 0], taken[costs.argmin(1)], fits)


def mean_step(seconds: list[float], work: list[int], mean_work: float) -> tuple[float, float]:
    """(seconds of the run's mean step, its standard error as a share) from timed steps and the run's mean work.

    Steps take longer the more tokens they have, so the timed ones' mean is moved to the whole run's (regression estimator,
    Cochran 1977); the slope lies between none and in proportion.
    """
    times, tokens = np.array(seconds), np.array(work, float)
    mean, spread = float(times.mean()), float(tokens.var())
    slope = float(np.clip(((times - mean) * (tokens - tokens.mean())).mean() / spread, 0, mean / tokens.mean())) if spread else mean / tokens.mean()
    left = times - slope * (tokens - tokens.mean())
    unsure = float(left.std() / max(1, len(left) - 1) ** 0.5 / mean)
    return mean + slope * (mean_work - tokens.mean()), max(unsure, UNSURE) if len(times) < FEW else unsure
