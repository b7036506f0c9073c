"""Ours beside the peer: turns in one process (A B, B A, ...), medians and spread of the ratio, one table or one JSON object.

A bench measures ``rounds(ours, peer, count)``, puts the pairs into a ``Result`` and ends with ``tell(options, result)``. Machines
are noisy: whatever else runs hits both turns of a round, so that the ratio of a round is steadier than any of its speeds.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Pair = tuple[float, float]  # (ours, peer)
ROUNDS, QUICK_ROUNDS = 5, 2
SEEDS = 3


def parser(doc: str) -> argparse.ArgumentParser:
    """What every comparison understands: ``--quick --json --rounds --seeds``; the defaults of the last two follow ``--quick``."""
    made = _Parser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="smaller, under two minutes: a first impression, not a figure to quote")
    made.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    made.add_argument("--rounds", type=int, help=f"turns of each side; {ROUNDS} unless said, {QUICK_ROUNDS} with --quick")
    made.add_argument("--seeds", type=int, help=f"trainings to the end of each side; {SEEDS} unless said, 1 with --quick")
    return made


class _Parser(argparse.ArgumentParser):
    def parse_known_args(self, args=None, namespace=None):
        options, rest = super().parse_known_args(args, namespace)
        options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
        options.seeds = options.seeds or (1 if options.quick else SEEDS)
        return options, rest


def rounds(ours: Callable[[], float], peer: Callable[[], float], count: int) -> list[Pair]:
    """``count`` pairs of what both measure, e.g. items a second; who begins changes from round to round."""
    pairs = []
    for number in range(count):
        if number % 2:
            second, first = peer(), ours()
        else:
            first, second = ours(), peer()
        pairs.append((first, second))
    return pairs


def timed(work: Callable[[], Any]) -> float:
    """Seconds that ``work`` takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def quartiles(values: list[float]) -> list[float]:
    """[25th, 75th percentile]; of a single value, itself twice."""
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


@dataclass
class Result:
    """What a comparison found. ``pairs`` are (ours, peer) of the unit, more is better; ``to_score`` are (our, the peer's) seconds
    to the peer's final validation score, one a seed, fewer is better. ``rows`` are further lines of the table."""

    name: str
    unit: str
    pairs: list[Pair]
    rows: list[dict[str, Any]] = field(default_factory=list)
    to_score: list[Pair] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [ours / peer for ours, peer in self.pairs]

    @property
    def seconds_ratios(self) -> list[float]:
        return [ours / peer for ours, peer in self.to_score]

    def values(self) -> dict[str, Any]:
        """The figures: ratios are medians of the rounds' (the seeds') ratios, spreads their quartiles; None where nothing was measured."""
        known = {"ratio": self.ratios, "ratio_seconds_to_score": self.seconds_ratios}
        figures: dict[str, Any] = {}
        for name, values in known.items():
            figures[name] = statistics.median(values) if values else None
            figures[f"{name}_spread"] = quartiles(values) if values else None
        return {"name": self.name, "unit": self.unit} | figures | {"rows": self._rows()}

    def _rows(self) -> list[dict[str, Any]]:
        kept = [{"round": n, "ours": a, "peer": b, "ratio": a / b} for n, (a, b) in enumerate(self.pairs, 1)]
        kept += [{"seed": n, "ours, seconds to score": a, "peer, seconds": b, "ratio": a / b} for n, (a, b) in enumerate(self.to_score, 1)]
        return kept + self.rows

    def json(self) -> str:
        """One JSON object."""
        return json.dumps(self.values(), ensure_ascii=False)

    def show(self) -> str:
        """The table, to be printed."""
        lines = [self.name]
        for values, unit, pairs in ((self.ratios, self.unit, self.pairs), (self.seconds_ratios, "seconds to the peer's score", self.to_score)):
            if values:
                ours, peer = (statistics.median(side) for side in zip(*pairs))
                low, high = quartiles(values)
                count = f"{len(values)} {'rounds' if pairs is self.pairs else 'seeds'}"
                lines.append(f"  {unit:<28} ours {_short(ours):>9}   peer {_short(peer):>9}   ratio {median_of(values)} ({low:.3g} to {high:.3g}, {count})")
        return "\n".join(lines + ["  " + "   ".join(f"{name}: {_short(value)}" for name, value in row.items()) for row in self.rows])


def median_of(values: list[float]) -> str:
    return f"{statistics.median(values):.3g}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def tell(options: argparse.Namespace, *results: Result) -> None:
    """Print what was found as asked for; of several results as JSON, the first is the object and the others are its ``more``."""
    if options.json:
        first, *more = [result.values() for result in results]
        print(json.dumps(first | ({"more": more} if more else {}), ensure_ascii=False))
        return
    for result in results:
        print(result.show())


def peak_flops(device="cpu") -> float:
    """The machine's measured limit: FLOP a second of large matrix products (fp32; bf16 on CUDA), best of several."""
    import torch

    device = torch.device(device)
    cuda = device.type == "cuda"
    size = 8192 if cuda else 2048
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16 if cuda else torch.float32) for _ in range(2))
    out, times = torch.empty_like(a), []
    for _ in range(8):
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        if cuda:
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / min(times)


def mfu(flops_per_second: float, peak: float) -> str:
    """Model FLOPs utilisation in words."""
    return f"{flops_per_second / peak:.0%} of the machine's matmul limit ({peak / 1e9:,.0f} GFLOP/s)"
