"""A model spread over the ranks (FSDP2): each holds a share of every weight and fetches a block's rest while it runs.

Zhao et al. 2023, "PyTorch FSDP". What is saved is whole, so that any other number of processes goes on from it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file, load_model
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from fm_gui.config import TrainSettings
from fm_gui.errors import UserError
from fm_gui.train.ranks import Ranks


class Shell(torch.nn.Module):
    """What is done with a sharded model is done inside its ``forward``: there the weights outside the blocks are whole.

    A task's loss calls parts of the model one by one; FSDP brings weights together for a call of a module it knows.
    """

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, work: Callable[[torch.nn.Module], Any]) -> Any:
        return work(self.model)

    def look(self, work: Callable[[torch.nn.Module], Any]) -> Any:
        """``work(model)`` without a backward pass to follow, which would give the borrowed weights back; every rank must ask."""
        result = self(work)
        self.reshard()
        return result


def check(settings: TrainSettings, ranks: Ranks) -> None:
    """Raises UserError for settings that sharding cannot do."""
    if ranks.sharded and settings.optimizer == "muon":  # it needs each matrix whole
        raise UserError("shard-muon")


def shard(model: torch.nn.Module, device: torch.device, ranks: Ranks) -> Shell:
    """Spread ``model``, which is on the CPU, over the devices of all ranks; it goes there block by block."""
    mesh = init_device_mesh(device.type, (ranks.world,))
    for block in blocks(model):
        fully_shard(block, mesh=mesh)
    shell = Shell(model)
    fully_shard(shell, mesh=mesh)
    for part in _parts(shell):
        part.set_gradient_divide_factor(1.0)  # gradients are sums over items, and stay sums
        part.set_force_sum_reduction_for_comms(True)  # gloo knows no other
        # the buffers for whole weights are made at first use: if that is a check, in inference mode, training could not use them
        part.unshard()
        part.reshard()
    return shell


def blocks(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The model's transformer layers (transformers' own mark for them); one used many times (ALBERT) carries no such mark."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def _parts(shell: Shell) -> Iterator[FSDPModule]:
    return (module for module in shell.modules() if isinstance(module, FSDPModule))


def is_sharded(model: torch.nn.Module) -> bool:
    return any(isinstance(weight, DTensor) for weight in model.parameters())


# -- whole weights and state, for files; of a model that is not sharded they are what they are


def whole_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """``model.state_dict()`` with whole tensors, on the CPU; every rank must ask, and only rank 0 gets it, the others {}."""
    if not is_sharded(model):
        return model.state_dict()
    gathered: dict[int, torch.Tensor | None] = {}  # tied weights are one tensor, as they were
    named = model.state_dict(keep_vars=True)
    for tensor in named.values():
        if id(tensor) not in gathered:
            gathered[id(tensor)] = _gather(tensor)
    return {name: gathered[id(tensor)] for name, tensor in named.items()} if dist.get_rank() == 0 else {}


def whole_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """``optimizer.state_dict()`` with whole tensors, on the CPU if sharded; every rank must ask, and only rank 0 gets the state."""
    saved = optimizer.state_dict()
    state = {index: {name: _gather(value) for name, value in one.items()} for index, one in saved["state"].items()}
    keep = not dist.is_initialized() or dist.get_rank() == 0
    return saved | {"state": state if keep else {}}


def _gather(value: Any) -> Any:
    """The whole of a share, on rank 0; None on the others, which need not hold what they do not write."""
    if not isinstance(value, DTensor):
        return value
    gathered = value.detach().full_tensor()
    return gathered.cpu() if dist.get_rank() == 0 else None


def put_weights(model: torch.nn.Module, file: Path) -> None:
    """Put the weights of a safetensors file into ``model``; of tied ones any name will do. Raises RuntimeError if one is missing."""
    if not is_sharded(model):
        load_model(model, file)
        return
    own = model.state_dict(keep_vars=True)
    weights = load_file(file)  # mapped, not read: each rank takes its share
    known = {id(own[name]) for name in weights if name in own}
    if missing := [name for name, tensor in own.items() if id(tensor) not in known]:
        raise RuntimeError(f"missing weights: {', '.join(missing[:3])}")
    model.load_state_dict({name: _share_of(value, own[name]) for name, value in weights.items()}, strict=False)


def put_state(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """``optimizer.load_state_dict(saved)``; of whole tensors each rank takes its share."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state = {
        index: {name: _share_of(value, weights[index]) for name, value in one.items()}
        for index, one in saved["state"].items()
    }
    optimizer.load_state_dict(saved | {"state": state})


def _share_of(value: Any, like: torch.Tensor) -> Any:
    """This rank's share of the whole tensor ``value``, cut as ``like`` is, if it is sharded; nothing is sent."""
    if not isinstance(like, DTensor) or not torch.is_tensor(value) or value.shape != like.shape:
        return value
    return distribute_tensor(value.to(like.device, like.dtype), like.device_mesh, like.placements, src_data_rank=None)
