"""The processes that train one run together. Alone, every question here answers itself."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Ranks:
    """This process among the ``world`` that work on one run; rank 0 is the only one that writes the run folder."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mine(self, micro: list[dict]) -> list[dict]:
        """This rank's share of a step's micro-batches."""
        return micro

    def add(self, total: torch.Tensor, items: int, parameters: Iterable[torch.nn.Parameter]) -> tuple[torch.Tensor, int]:
        """Sum the loss, the items and, in place, the gradients over all ranks."""
        return total, items

    def any(self, flag: bool) -> bool:
        """True if it is true on any rank; every rank must ask."""
        return flag
