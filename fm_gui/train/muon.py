"""Muon on many matrices at once."""

import torch

# values that are orthogonalised together; what is held beside the weights is a few times that. A GPU needs many to be busy, while a
# CPU is so with one matrix, and slower where a piece outgrows its caches
PIECE = {"cpu": 2**18, "cuda": 2**26}


class Muon(torch.optim.Muon):
    """torch's Muon (Jordan et al. 2024), of which it takes settings and state: the same update, made of few large operations.

    Matrices of one shape are stacked, where torch goes through them one by one, with dozens of small kernels each. On a CPU the
    arithmetic is fp32, where torch's is bf16, for which few CPUs have instructions: without them it takes forty times as long.
    """

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weights in _pieces([weight for weight in group["params"] if weight.grad is not None]):
                self._update(weights, group)
        return loss

    def _update(self, weights: list[torch.Tensor], group: dict) -> None:
        """One step for matrices that are of one shape once the tall ones are turned; those come last."""
        momenta: list[torch.Tensor] = []
        gradients: list[torch.Tensor] = []
        self._init_group({"params": weights}, [], gradients, momenta)
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, momenta, group["momentum"]) if group["nesterov"] else momenta
        stack = torch.stack([update.mT if _tall(update) else update for update in updates])
        del updates  # a copy as large as the stack
        stack = _orthogonal(stack, group["ns_coefficients"], group["ns_steps"], group["eps"]).to(weights[0].dtype)
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        wide = sum(not _tall(weight) for weight in weights)
        # made contiguous, since _foreach_ops go through others one by one
        for some, turned in ((weights[:wide], stack[:wide]), (weights[wide:], stack[wide:].mT.contiguous())):
            if some:
                torch._foreach_add_(some, turned.unbind(), alpha=-_rate(group, some[0].shape))


def _tall(matrix: torch.Tensor) -> bool:
    return matrix.shape[0] > matrix.shape[1]


def _rate(group: dict, shape: torch.Size) -> float:
    """The rate for a matrix of ``shape``: Keller Jordan's, or Moonshot's (Liu et al. 2025), with which updates are as large as AdamW's."""
    if group["adjust_lr_fn"] == "match_rms_adamw":
        return group["lr"] * 0.2 * max(shape) ** 0.5
    return group["lr"] * max(1, shape[0] / shape[1]) ** 0.5


def _pieces(weights: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    """The matrices that are orthogonalised together: of one shape once the tall ones are turned, the wide ones first."""
    alike: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for weight in sorted(weights, key=_tall):
        alike.setdefault(tuple(sorted(weight.shape)), []).append(weight)
    pieces = []
    for (rows, columns), mine in alike.items():
        most = max(1, PIECE.get(mine[0].device.type, PIECE["cpu"]) // (rows * columns))
        pieces += [mine[i : i + most] for i in range(0, len(mine), most)]
    return pieces


def _orthogonal(stack: torch.Tensor, coefficients: tuple[float, float, float], steps: int, least: float) -> torch.Tensor:
    """The nearest orthogonal matrices, roughly, by Newton-Schulz; ``stack`` is matrices x rows x columns, and is spent."""
    a, b, c = coefficients
    x = stack.float() if stack.device.type == "cpu" else stack.bfloat16()
    x.div_(torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=least))
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
