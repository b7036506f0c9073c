"""Muon on stacked matrices against torch's, and against a plain computation matrix by matrix."""

import pytest
import torch

from fm_gui.train import muon
from fm_gui.train.muon import Muon

SHAPES = [(8, 8), (8, 24), (24, 8), (8, 24), (8, 8), (16, 4), (8, 24)]
SETTINGS = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1, "adjust_lr_fn": "original"}
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


def matrices(seed: int, device: str = "cpu") -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=random).to(device) for shape in SHAPES]


def weights(device: str = "cpu") -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(matrix) for matrix in matrices(0, device)]


def take(optimizer: torch.optim.Optimizer, steps: range) -> list[torch.Tensor]:
    """The weights after steps whose gradients depend on their numbers alone."""
    mine = optimizer.param_groups[0]["params"]
    for step in steps:
        for weight, gradient in zip(mine, matrices(100 + step)):
            weight.grad = gradient.to(weight.device)
        optimizer.step()
    return [weight.detach().clone() for weight in mine]


def moved(after: list[torch.Tensor]) -> list[torch.Tensor]:
    return [one - first.to(one.device) for one, first in zip(after, matrices(0))]


def plain(steps: int) -> list[torch.Tensor]:
    """Keller Jordan's update in fp64, one matrix after the other."""
    found = []
    for number, weight in enumerate(matrix.double() for matrix in matrices(0)):
        momentum = torch.zeros_like(weight)
        for step in range(steps):
            gradient = matrices(100 + step)[number].double()
            momentum = 0.95 * momentum + 0.05 * gradient
            x = 0.05 * gradient + 0.95 * momentum
            x = x / x.norm()
            x = x.T if len(weight) > weight.shape[1] else x
            for _ in range(5):
                gram = x @ x.T
                x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
            x = x.T if len(weight) > weight.shape[1] else x
            weight = weight * (1 - 0.02 * 0.1) - 0.02 * max(1, weight.shape[0] / weight.shape[1]) ** 0.5 * x
        found.append(weight)
    return found


@pytest.mark.parametrize("pieces", [1, 400, 2**18])
def test_the_update_is_the_plain_one(monkeypatch, pieces):
    monkeypatch.setitem(muon.PIECE, "cpu", pieces)
    for got, right in zip(take(Muon(weights(), **SETTINGS), range(4)), plain(4)):
        torch.testing.assert_close(got.double(), right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("options", [{}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}], ids=["as-used", "otherwise"])
def test_it_does_what_torchs_does(device, options):
    ours, torchs = (moved(take(kind(weights(device), **SETTINGS | options), range(4))) for kind in (Muon, torch.optim.Muon))
    for got, right in zip(ours, torchs):
        assert (got - right).norm() < 0.03 * right.norm()  # torch's arithmetic is bf16


@GPU
def test_the_processor_does_not_wait_for_the_gpu():
    optimizer = Muon(weights("cuda"), **SETTINGS)
    take(optimizer, range(1))
    torch.cuda.set_sync_debug_mode("error")
    try:
        optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_it_goes_on_from_what_torchs_left():
    begun, whole = torch.optim.Muon(weights(), **SETTINGS), Muon(weights(), **SETTINGS)
    take(begun, range(3))
    take(whole, range(3))
    after = Muon([torch.nn.Parameter(weight.detach().clone()) for weight in whole.param_groups[0]["params"]], **SETTINGS)
    after.load_state_dict(begun.state_dict())
    for got, right in zip(take(after, range(3, 5)), take(whole, range(3, 5))):
        torch.testing.assert_close(got, right)
    assert all(state["momentum_buffer"].dtype == torch.float32 for state in after.state.values())


def test_a_matrix_without_gradient_stays_as_it_is():
    mine = weights()
    optimizer = Muon(mine, **SETTINGS)
    mine[2].grad = matrices(1)[2]
    optimizer.step()
    assert [bool((now != before).any()) for now, before in zip(mine, matrices(0))] == [number == 2 for number in range(len(SHAPES))]
