"""Which rows make up which step: pure functions of (seed, epoch, step), so a resume or another split changes nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
LARGE = 4_096  # tokens in memory at once from which on the budget is a GPU's


def generator(*key: int) -> np.random.Generator:
    """A random generator that depends on ``key`` alone (counter-based: Salmon et al. 2011, Philox)."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """The rows of one epoch in the order in which they are seen."""
    return generator(seed, epoch).permutation(rows)


def steps(seed: int, rows: int, batch_size: int, at: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """(global step, epoch, rows of that step) from step ``at`` on, without end; an epoch's last step may be smaller."""
    per_epoch, seen, shuffled = -(-rows // batch_size), None, None
    while True:
        epoch, k = divmod(at, per_epoch)
        if epoch != seen:
            seen, shuffled = epoch, order(seed, epoch, rows)
        yield at, epoch, shuffled[k * batch_size : (k + 1) * batch_size]
        at += 1


def micro_batches(rows: np.ndarray, lengths: np.ndarray, micro_tokens: int, micro_rows: int = 0, pieces: int = 1) -> list[np.ndarray]:
    """The rows of one step cut into micro-batches of like lengths.

    At most ``micro_rows`` rows each; if that is 0, as many as keep rows x longest within ``micro_tokens``, and fewer where that
    saves more padding than another micro-batch costs. Smaller where that gives each of ``pieces`` processes one.
    """
    each = batch_cost(micro_tokens)
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    if pieces > 1:
        micro_rows = min(micro_rows, -(-len(rows) // pieces))  # 0 stays 0
        micro_tokens = min(micro_tokens, -(-int(lengths[rows].sum()) // pieces))
    if micro_rows:
        return [rows[i : i + micro_rows] for i in range(0, len(rows), micro_rows)]
    cuts, start, falling = [], 0, lengths[rows]
    while start < len(rows):
        fits = max(1, micro_tokens // max(1, int(falling[start])))
        fits = first_cut(falling[start : start + fits], each)
        cuts.append(rows[start : start + fits])
        start += fits
    return cuts


def batch_cost(micro_tokens: int) -> int:
    """How many tokens' time a micro-batch takes besides, for calls of kernels, given the token budget; on a GPU, which is so much
    faster than who calls it, most steps are not worth a cut."""
    return micro_tokens // (8 if micro_tokens >= LARGE else 32)


def first_cut(lengths: np.ndarray, each: int) -> int:
    """How many of the rows, longest first, to take at once: all of them, or those that with the rest in a second batch cost the
    fewest tokens, padding included, where every batch costs ``each`` besides; of those, again all or the first."""
    taken = np.arange(1, len(lengths))
    costs = taken * int(lengths[0]) + (len(lengths) - taken) * lengths[1:].astype(np.int64) + each
    if not len(costs) or costs.min() >= len(lengths) * int(lengths[0]):
        return len(lengths)
    return first_cut(lengths[: int(taken[costs.argmin()])], each)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a thread makes the next one ready while this one is used. What it raises is raised in its place."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item
