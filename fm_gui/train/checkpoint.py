"""Checkpoints: all that a run needs to go on from the very step; written beside, synced, renamed, so always whole.

checkpoint/   state.json (LoopState), model.safetensors, optimizer.pt (tensors only, read with weights_only)
best/         model.safetensors of the best check so far
"""

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model

from fm_gui.errors import UserError
from fm_gui.files import disk_guard, read_json, write_json


@dataclass
class LoopState:
    """Where the loop stands; with the weights and the optimizers' state, everything it knows."""

    step: int = 0  # steps done
    steps: int = 0  # steps planned
    seconds: float = 0.0  # of training, over all sessions
    best: float | None = None  # best main metric on the validation part
    best_step: int | None = None
    misses: int = 0  # checks without improvement since
    finished: bool = False  # all steps done, or stopped early
    early_stopped: bool = False
    check_due: bool = False  # the validation part is still to be scored at this step


def save_checkpoint(folder: Path, model, optimizers, state: LoopState) -> None:
    """Replace ``folder`` with the present state. Raises UserError when the disk is full; the old one then stays."""
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    with disk_guard(folder.parent):
        beside.mkdir()
        save_weights(beside, model)
        torch.save([optimizer.state_dict() for optimizer in optimizers], beside / "optimizer.pt")
        write_json(beside / "state.json", asdict(state))
        _sync(beside)
        _swap(beside, folder)


def load_checkpoint(folder: Path, model, optimizers) -> LoopState:
    """Put the saved weights and state back. Raises UserError if the checkpoint is damaged."""
    try:
        state = LoopState(**read_json(folder / "state.json"))
        load_model(model, folder / "model.safetensors")
        saved = torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True)
        for optimizer, one in zip(optimizers, saved, strict=True):
            optimizer.load_state_dict(one)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, EOFError) as problem:
        raise UserError("checkpoint-damaged", name=folder.parent.name, reason=str(problem).splitlines()[0][:200]) from problem
    return state


def save_best(folder: Path, model) -> None:
    """Replace ``folder`` with the present weights."""
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    with disk_guard(folder.parent):
        beside.mkdir()
        save_weights(beside, model)
        _swap(beside, folder)


def save_weights(folder: Path, model) -> None:
    """The weights of ``model`` in ``folder``/model.safetensors, tied ones once."""
    save_model(model, str(folder / "model.safetensors"))


def load_weights(folder: Path, model) -> None:
    """Put the weights of ``folder``/model.safetensors into ``model``."""
    load_model(model, folder / "model.safetensors")


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _swap(new: Path, old: Path) -> None:
    """Put ``new`` in the place of ``old``; at every moment one of them is whole (see ``recover``)."""
    aside = old.with_name(f".{old.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        os.rename(old, aside)
    os.rename(new, old)
    shutil.rmtree(aside, ignore_errors=True)


def recover(folder: Path) -> None:
    """After a kill between the two renames of a swap: bring the old one back."""
    aside = folder.with_name(f".{folder.name}.old")
    if not folder.exists() and aside.exists():
        os.rename(aside, folder)
