"""What each of several processes does in test_ranks.py: functions of (ranks, folder) that return JSON values."""

import time
from dataclasses import replace

import torch
from torch.nn.functional import cross_entropy

from fm_gui.errors import UserError
from fm_gui.train import ranks as ranks_module
from fm_gui.train.report import Stopped

ROWS = [5, 3, 9, 1, 4]  # rows of each micro-batch of a step


class Toy(torch.nn.Module):
    """Weights that every row uses, that few rows use, that nobody uses, that are not trained, and of another dtype."""

    def __init__(self, seed: int):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = torch.nn.Embedding(50, 12)
        self.lower = torch.nn.Linear(12, 12).double()
        self.rare = torch.nn.Linear(12, 12)
        self.unused = torch.nn.Linear(12, 12)
        self.frozen = torch.nn.Linear(12, 12).requires_grad_(False)
        self.head = torch.nn.Linear(12, 7)
        self.register_buffer("scale", torch.randn(12))

    def forward(self, batch: dict) -> torch.Tensor:
        inside = self.embedding(batch["input_ids"]).mean(1) * self.scale
        inside = self.frozen(self.lower(inside.double()).float())
        if len(inside) == 1:
            inside = inside + self.rare(inside)
        return cross_entropy(self.head(inside), batch["labels"], reduction="sum")


def step(seed: int = 0) -> list[dict]:
    """The micro-batches of one step, the same on all ranks."""
    torch.manual_seed(seed)
    return [{"input_ids": torch.randint(50, (rows, 6)), "labels": torch.randint(7, (rows,))} for rows in ROWS]


def learn(model: torch.nn.Module, share: list[tuple[int, dict, int]]) -> tuple[torch.Tensor, int]:
    total, items = torch.zeros(()), 0
    for _, batch, weight in share:
        loss = model(batch) * weight
        loss.backward()
        total, items = total + loss.detach(), items + len(batch["labels"]) * weight
    return total, items


# -- one function a test


def shares(ranks, _) -> list[list[list[int]]]:
    """[number, weight] of this rank's micro-batches: of one, of two, of five of unlike size, whole and sharded."""
    steps = [step()[:1], step()[:2], step()]
    return [[[number, weight] for number, _, weight in one.mine(micro)] for one in (ranks, replace(ranks, sharded=True)) for micro in steps]


def place(ranks, _) -> list[int]:
    return [ranks.rank, ranks.world, ranks.local, ranks.local_world]


def gradients(ranks, _) -> dict:
    """The largest relative difference between the sum over ranks and one process's gradient; and who has none at all."""
    alone, model = Toy(1), Toy(1)
    expected, count = learn(alone, [(n, batch, 1) for n, batch in enumerate(step())])
    keep, ranks_module.BUCKET = ranks_module.BUCKET, 200  # several buckets, one tensor larger than a bucket
    total, items = ranks.add(*learn(model, ranks.mine(step())), model.parameters())
    ranks_module.BUCKET = keep
    apart = 0.0
    for (name, one), (_, other) in zip(alone.named_parameters(), model.named_parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None:
            apart = max(apart, float((one.grad - other.grad).abs().max() / one.grad.abs().max()))
    none = [name for name, weight in model.named_parameters() if weight.grad is None]
    return {"apart": apart, "loss": [float(total), float(expected)], "items": [items, count], "none": none}


def agreements(ranks, _) -> list:
    return [ranks.any(False), ranks.any(ranks.rank == 1), ranks.any(True), ranks.least(10 + ranks.rank), ranks.least(10 - ranks.rank)]


def aligned(ranks, _) -> float:
    """The sum of a model's weights that began differently on each rank."""
    model = Toy(10 + ranks.rank)
    ranks.align(model)
    return float(sum(tensor.detach().double().sum() for tensor in [*model.parameters(), *model.buffers()]))


def shared(ranks, folder) -> list:
    """What came of work that rank 0 alone does; a value, then every kind of end."""

    def slow():
        (folder / f"worked-{ranks.rank}").touch()
        time.sleep(0.3)
        return {"steps": 12, "name": "数据"}

    def refused():
        raise UserError("device", name="cuda:7", known="cpu")

    def stopped():
        raise Stopped

    def broken():
        raise ZeroDivisionError("of rank 0")

    told = [ranks.share(slow), ranks.share(lambda: ranks.rank)]
    for work in (refused, stopped, broken):
        try:
            told.append(ranks.share(work))
        except UserError as problem:
            told.append(problem.to_dict()["code"])
        except (Stopped, ZeroDivisionError) as problem:
            told.append(type(problem).__name__)
    return told


def lost(ranks, _) -> bool:
    """Whether the last rank sees that the first one is gone. Asked last."""
    if ranks.first:
        return True
    try:
        while True:
            ranks.any(False)
    except RuntimeError as problem:
        return ranks_module.is_lost(problem)
