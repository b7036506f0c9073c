"""Cross-entropy over a vocabulary in pieces: the logits of all tokens never exist at once, and none is computed twice.

The gradient of a piece's logits is known as soon as its loss is, so the forward pass carries it on to the hidden states and the
output layer, and the backward pass only scales them (as in Hsu et al. 2024, "Liger Kernel"). torch's F.linear_cross_entropy does
the same, but knows no capped logits, and sums the losses of a bf16 model in bf16.
"""

import torch
import torch.nn.functional as F

IGNORED = -100  # a target that counts for nothing
VALUES = {"cpu": 2**23, "cuda": 2**27}  # logits in memory at once: pieces large enough that nothing is slower for them


def summed(hidden: torch.Tensor, layer: torch.nn.Module, targets: torch.Tensor, cap: float | None = None) -> torch.Tensor:
    """Sum of the cross-entropies (fp32) of ``layer(hidden)``, tokens x vocabulary, against ``targets`` (tokens).

    ``layer`` has a weight and perhaps a bias; with ``cap`` the logits are bent to stay within it (Gemma 2's soft capping).
    """
    return _Summed.apply(hidden, layer.weight, getattr(layer, "bias", None), targets, cap)


@torch.no_grad()
def judged(hidden: torch.Tensor, layer: torch.nn.Module, targets: torch.Tensor, cap: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """(the same sum, number of tokens predicted exactly), without gradients."""
    loss, hits = hidden.new_zeros((), dtype=torch.float32), hidden.new_zeros((), dtype=torch.long)
    for h, t in zip(*_pieces(layer.weight, hidden, targets)):
        logits, _ = _logits(h, layer.weight, getattr(layer, "bias", None), cap)
        loss += F.cross_entropy(logits, t, reduction="sum", ignore_index=IGNORED)
        hits += (logits.argmax(-1) == t).sum()
    return loss, hits


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, cap):
        device, dtype = hidden.device.type, hidden.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):
            h, w = hidden.to(dtype), weight.to(dtype)
            b = None if bias is None else bias.to(dtype)
            loss = torch.zeros((), device=hidden.device)
            to_hidden, to_weight, to_bias = torch.empty_like(h), torch.zeros_like(weight), None if bias is None else torch.zeros_like(bias)
            for part, out, t in zip(*_pieces(w, h, to_hidden, targets)):
                kept = (t != IGNORED).to(dtype)[:, None]
                lost, slope = _slope(part, w, b, t, cap)
                loss += lost
                slope = slope.to(dtype)
                torch.mm(slope, w, out=out).mul_(kept)
                if dtype == weight.dtype:
                    to_weight.addmm_(slope.T, part * kept)
                else:
                    to_weight += torch.mm(slope.T, part * kept)
                if bias is not None:
                    to_bias += torch.mm(slope.T, kept)[:, 0]
        ctx.save_for_backward(to_hidden.to(hidden.dtype), to_weight, to_bias)
        return loss

    @staticmethod
    def backward(ctx, scale):
        return *(None if gradient is None else gradient * scale.to(gradient.dtype) for gradient in ctx.saved_tensors), None, None


def _pieces(weight: torch.Tensor, *tensors: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    """Tensors of one row a token, cut alike so that a piece's logits have as many values as fit."""
    rows = max(1, VALUES.get(weight.device.type, VALUES["cpu"]) // len(weight))
    return [tensor.split(rows) for tensor in tensors]


def _logits(hidden, weight, bias, cap) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(logits in fp32, how they were bent: the hyperbolic tangent, if they were)."""
    logits = F.linear(hidden, weight, bias).float()
    if not cap:
        return logits, None
    bent = logits.div_(cap).tanh_()
    return bent * cap, bent


def _slope(hidden, weight, bias, targets, cap) -> tuple[torch.Tensor, torch.Tensor]:
    """(sum of the losses, gradient of each token's loss by its linear layer's outputs), ignored tokens' gradients not yet left out."""
    logits, bent = _logits(hidden, weight, bias, cap)
    at = targets.clamp(min=0)[:, None]
    slope = logits.softmax(-1)
    # the likeliest token's probability is one over the sum of exponentials: their logarithm without another pass of exponentials
    losses = logits.amax(-1) - slope.amax(-1).log() - logits.gather(1, at)[:, 0]
    slope.scatter_add_(1, at, slope.new_full(at.shape, -1.0))
    if bent is not None:
        slope.mul_(bent.square_().neg_().add_(1.0))
    return losses.masked_fill(targets == IGNORED, 0.0).sum(), slope
