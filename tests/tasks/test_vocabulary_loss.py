"""The loss in pieces against torch's plain one: values, gradients, ignored targets, capped logits, bf16."""

import pytest
import torch
import torch.nn.functional as F

from fm_gui.tasks import vocabulary_loss
from fm_gui.tasks.vocabulary_loss import judged, summed

WIDTH, VOCABULARY, TOKENS = 24, 50, 33


def problem(bias: bool = False):
    """(hidden states, output layer, targets, some of them ignored)."""
    random = torch.Generator().manual_seed(1)
    layer = torch.nn.Linear(WIDTH, VOCABULARY, bias=bias)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=random)
    targets = torch.randint(0, VOCABULARY, (TOKENS,), generator=random)
    targets[[0, 5, 6, TOKENS - 1]] = -100
    return torch.randn(TOKENS, WIDTH, generator=random).requires_grad_(), layer, targets


def plain(hidden, layer, targets, cap):
    logits = layer(hidden).float()
    return F.cross_entropy(cap * (logits / cap).tanh() if cap else logits, targets, reduction="sum")


def with_gradients(loss, hidden, layer):
    hidden.grad = None
    layer.zero_grad()
    (2.5 * loss).backward()
    return [loss.detach(), hidden.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("rows", [1, 8, 100])
@pytest.mark.parametrize("cap", [None, 4.0])
@pytest.mark.parametrize("bias", [False, True])
def test_loss_and_gradients_equal_the_plain_ones(rows, cap, bias, monkeypatch):
    monkeypatch.setitem(vocabulary_loss.VALUES, "cpu", rows * VOCABULARY)
    hidden, layer, targets = problem(bias)
    expected = with_gradients(plain(hidden, layer, targets, cap), hidden, layer)
    for got, right in zip(with_gradients(summed(hidden, layer, targets, cap), hidden, layer), expected):
        torch.testing.assert_close(got, right, rtol=1e-5, atol=1e-4)
    loss, hits = judged(hidden, layer, targets, cap)
    assert loss.item() == pytest.approx(expected[0].item(), rel=1e-5)
    assert hits == (layer(hidden).argmax(-1) == targets).sum()


def test_logits_far_apart_lose_nothing():
    """Where a probability is smaller than fp32 knows, the loss is still the logits' difference."""
    hidden, layer, targets = problem()
    with torch.no_grad():
        layer.weight.mul_(100)
    assert summed(hidden, layer, targets).item() == pytest.approx(plain(hidden, layer, targets, None).item(), rel=1e-5)


def test_nothing_to_predict_is_no_loss():
    hidden, layer, targets = problem()
    loss = summed(hidden, layer, torch.full_like(targets, -100))
    loss.backward()
    assert loss == 0 and not hidden.grad.any() and not layer.weight.grad.any()


def test_half_precision_sums_in_full(monkeypatch):
    monkeypatch.setitem(vocabulary_loss.VALUES, "cpu", 8 * VOCABULARY)
    hidden, layer, targets = problem(bias=True)
    exact = with_gradients(plain(hidden, layer, targets, None), hidden, layer)
    with torch.autocast("cpu", torch.bfloat16):
        loss = summed(hidden, layer, targets)
    rounded = with_gradients(loss, hidden, layer)
    assert loss.dtype == torch.float32
    for got, right in zip(rounded, exact):
        assert got.dtype == torch.float32
        assert (got - right).norm() < 0.02 * right.norm()


@pytest.mark.parametrize("frozen", ["hidden", "weight"])
def test_what_does_not_learn_gets_no_gradient(frozen):
    hidden, layer, targets = problem()
    (hidden if frozen == "hidden" else layer.weight).requires_grad_(False)
    summed(hidden, layer, targets).backward()
    assert (hidden.grad is None) == (frozen == "hidden") and (layer.weight.grad is None) == (frozen == "weight")
