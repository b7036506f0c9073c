"""Optimizers: AdamW, or Muon for the matrices with AdamW for the rest."""

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from fm_gui.config import TrainSettings
from fm_gui.schedule import rate as rate
from fm_gui.train.muon import Muon


def make_optimizers(model, settings: TrainSettings) -> list[torch.optim.Optimizer]:
    """One or two optimizers over all trainable weights; each group keeps its full rate in ``base_lr``.

    AdamW: Loshchilov & Hutter 2019, no weight decay on norms, biases and other vectors. Muon: Jordan et al. 2024,
    for the matrices of the blocks; the embedding, the head and the vectors stay with AdamW at rates in proportion.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    fused = {"fused": True} if named[0][1].device.type in ("cuda", "cpu") else {}
    if settings.optimizer == "adamw":
        groups = [
            {"params": [p for _, p in named if p.ndim >= 2], "lr": settings.learning_rate, "weight_decay": settings.weight_decay},
            {"params": [p for _, p in named if p.ndim < 2], "lr": settings.learning_rate, "weight_decay": 0.0},
        ]
        made = [torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.98 if settings.learning_rate >= 1e-3 else 0.999), eps=1e-8, **fused)]
    else:
        made = _muon(model, named, settings, fused)
    for optimizer in made:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return made


def _muon(model, named, settings: TrainSettings, fused) -> list[torch.optim.Optimizer]:
    embeddings = {id(p) for m in model.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    output = model.get_output_embeddings()
    head = {id(p) for p in output.parameters()} - embeddings if output is not None else set()
    matrices = [p for _, p in named if p.ndim == 2 and id(p) not in embeddings | head]
    # the rates that suit a unit-variance embedding and a near-zero head differ from those for transformers' usual
    # small initialisation, where both share one scale (measured in the project's time-to-loss notes)
    wide = any(p.detach().std() > 0.2 for p in model.get_input_embeddings().parameters())
    rates = {"embedding": 7.5, "head": 0.4, "vector": 0.5} if wide else {"embedding": 0.15, "head": 0.15, "vector": 0.15}
    lr = settings.learning_rate
    groups = [
        {"params": [p for _, p in named if id(p) in embeddings], "lr": lr * rates["embedding"]},
        {"params": [p for _, p in named if id(p) in head], "lr": lr * rates["head"]},
        {"params": [p for _, p in named if p.ndim < 2 and id(p) not in head], "lr": lr * rates["vector"]},
    ]
    rest = torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, **fused)
    # of sharded matrices a stack would be gathered whole at once: torch's goes through them one by one
    kind = torch.optim.Muon if any(isinstance(p, DTensor) for p in matrices) else Muon
    return [kind(matrices, lr=lr, momentum=0.95, weight_decay=settings.weight_decay, adjust_lr_fn="original"), rest]


def set_rate(optimizers, share: float) -> None:
    """Set every group's rate to ``share`` of its full one."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * share


def clip_and_scale(parameters, items: int, limit: float) -> torch.Tensor:
    """Turn summed gradients into means over ``items``, clipped to norm ``limit`` (0: not); returns the norm before clipping.

    Of a sharded model every rank scales its own share; the norm is that of all.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    shares = [g.to_local() if isinstance(g, DTensor) else g for g in gradients]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(shares)))
    if isinstance(gradients[0], DTensor):
        squared = norm.square()
        dist.all_reduce(squared, group=gradients[0].device_mesh.get_group())
        norm = squared.sqrt()
    norm = norm / items
    share = torch.clamp(limit / (norm + 1e-6), max=1.0) / items if limit else torch.full_like(norm, 1 / items)
    torch._foreach_mul_(shares, share)
    return norm
