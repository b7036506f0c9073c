"""Checkpoints: all that a run needs to go on from the very step; written beside, synced, renamed, so always whole.

checkpoint/            state.json (LoopState), model.safetensors, optimizer.safetensors and .json, manifest.json (sizes and hashes)
checkpoint.previous/   the one before, used when the newest is damaged
best/                  model.safetensors of the best check so far, best.json (what was scored), manifest.json
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fm_gui.errors import UserError
from fm_gui.files import bring_back, damaged, measured, put_in_place, read_json, sync_to_disk, write_json
from fm_gui.train.sharded import put_state, put_weights, whole_state, whole_weights

DAMAGE = (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, EOFError)


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
    checked: dict[str, Any] | None = None  # the last check: {"step", "loss", "metric", "value", "tokens"}
    changes: int = 0  # entries of changes.json that are in force
    # what backoff.py changed, kept over a resume
    rate_scale: float = 1.0  # of the learning rate, halved when training diverged
    rollbacks: int = 0
    micro_tokens: int = 0  # tokens in memory at once; 0: as many as suit the device
    micro_rows: int = 0  # rows in memory at once; 0: as set
    check_tokens: int = 0  # tokens in memory at once while scoring; 0: the task's own
    activation_checkpointing: bool = False


@dataclass
class Snapshot:
    """Tensors on the CPU, and what stands beside them as JSON (file name -> value): what a folder will hold."""

    tensors: dict[str, dict[str, torch.Tensor]]  # file name -> name -> tensor
    json: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes on disk, about."""
        return sum(t.numel() * t.element_size() for one in self.tensors.values() for t in one.values()) + 64 * 1024

    @property
    def finite(self) -> bool:
        """False if a weight is no longer a number."""
        weights = [t for t in self.tensors["model.safetensors"].values() if t.is_floating_point() and t.numel()]
        return bool(torch.isfinite(torch.stack([norm.float() for norm in torch._foreach_norm(weights)])).all()) if weights else True


# -- what is saved


def snapshot(model, optimizers, state: LoopState, copied: bool = True) -> Snapshot:
    """All of a run at this moment; ``copied`` so that training may go on while it is written.

    Of a sharded model every rank must ask, and only rank 0 gets the whole.
    """
    tensors, plain = {}, []
    for number, optimizer in enumerate(optimizers):
        saved, rest = whole_state(optimizer), {}
        for key, values in saved["state"].items():
            for name, value in values.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"{number}/{key}/{name}"] = _held(value, copied)
                else:
                    rest[f"{key}/{name}"] = value
        plain.append({"groups": saved["param_groups"], "rest": rest})
    return Snapshot(
        {"model.safetensors": weights_of(model, copied), "optimizer.safetensors": tensors},
        {"state.json": asdict(state), "optimizer.json": plain},
    )


def weights_of(model, copied: bool = True) -> dict[str, torch.Tensor]:
    """The model's weights on the CPU, tied ones once; of a sharded model on rank 0 only, though every rank must ask."""
    kept, seen = {}, set()
    for name, value in whole_weights(model).items():
        where = (value.data_ptr(), tuple(value.shape), tuple(value.stride()))
        if value.numel() and where in seen:
            continue
        seen.add(where)
        kept[name] = _held(value, copied)
    return kept


def _held(value: torch.Tensor, copied: bool) -> torch.Tensor:
    value = value.detach()
    return value.to("cpu", copy=copied).contiguous()


@dataclass(frozen=True)
class Sizes:
    """Bytes on disk that a run will take, known before it starts."""

    weights: int
    checkpoint: int  # weights and optimizer state

    @property
    def total(self) -> int:
        """At the worst moment: two checkpoints and a third being written, the best weights twice for the same reason, and model/."""
        return 3 * self.checkpoint + 3 * self.weights


def sizes(model, optimizers) -> Sizes:
    """What ``model`` and the full-grown state of ``optimizers`` will take: AdamW keeps two numbers a weight, Muon one."""
    weights = sum(t.numel() * t.element_size() for t in {t.data_ptr(): t for t in model.state_dict().values()}.values())
    state = 0
    for optimizer in optimizers:
        numbers = 1 if isinstance(optimizer, torch.optim.Muon) else 2
        state += sum(numbers * p.numel() * p.element_size() for group in optimizer.param_groups for p in group["params"])
    return Sizes(weights, weights + state)


# -- writing


def write_snapshot(folder: Path, saved: Snapshot, aside: Path) -> None:
    """Make ``folder`` hold ``saved``; what stood there becomes ``aside``. Raises OSError or SafetensorError on a full disk; nothing is then changed."""
    beside = beside_of(folder)
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir()
        for name, tensors in saved.tensors.items():
            save_file(tensors, beside / name)
        for name, value in saved.json.items():
            write_json(beside / name, value)
        seal(beside)
    except (OSError, SafetensorError):
        shutil.rmtree(beside, ignore_errors=True)
        raise
    put_in_place(beside, folder, aside)


def seal(folder: Path) -> None:
    """Write manifest.json, the size and hash of every file, and sync all of them to the disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        sync_to_disk(path)
    write_json(folder / "manifest.json", {path.relative_to(folder).as_posix(): measured(path) for path in files})
    sync_to_disk(folder)


def verify(folder: Path) -> None:
    """Raises ValueError or OSError if a file of a sealed folder is not what was written."""
    if broken := damaged(folder, read_json(folder / "manifest.json")):
        raise ValueError(f"{broken[0]} is not what was saved")


def previous_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.previous")


def beside_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.new")


def aside_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def recover(run_path: Path) -> None:
    """After a kill in the middle of a save: whatever was whole last stands in its place again, and no half of anything is left."""
    bring_back(run_path / "checkpoint", previous_of(run_path / "checkpoint"))
    for name in ("best", "model"):
        bring_back(run_path / name, aside_of(run_path / name))
        shutil.rmtree(aside_of(run_path / name), ignore_errors=True)
    for name in ("checkpoint", "best", "model"):
        shutil.rmtree(beside_of(run_path / name), ignore_errors=True)


# -- reading


def load_checkpoint(folder: Path, model, optimizers) -> LoopState:
    """Put the saved weights and state back. Raises UserError if the checkpoint is damaged."""
    try:
        state = LoopState(**read_json(folder / "state.json"))
        plain, tensors = read_json(folder / "optimizer.json"), load_file(folder / "optimizer.safetensors")
        saved = [_optimizer_state(number, one, tensors) for number, one in enumerate(plain)]
        put_weights(model, folder / "model.safetensors")
        for optimizer, one in zip(optimizers, saved, strict=True):
            put_state(optimizer, one)
    except DAMAGE as problem:
        raise UserError("checkpoint-damaged", name=folder.parent.name, reason=reason(problem)) from problem
    return state


def _optimizer_state(number: int, plain: dict, tensors: dict[str, torch.Tensor]) -> dict:
    state: dict[Any, dict] = {}
    values = [(name.split("/", 1)[1], value) for name, value in tensors.items() if name.startswith(f"{number}/")]
    for name, value in [*values, *plain["rest"].items()]:
        key, entry = name.rsplit("/", 1)
        state.setdefault(int(key) if key.isdigit() else key, {})[entry] = value
    return {"state": state, "param_groups": plain["groups"]}


def load_newest(folder: Path, model, optimizers, report) -> LoopState:
    """The newest whole checkpoint: the one before, with an incident, if the newest is damaged. Raises UserError if both are."""
    report.ranks.share(lambda: _choose_whole(folder, report))
    return load_checkpoint(folder, model, optimizers)


def _choose_whole(folder: Path, report) -> None:
    """Let ``folder`` be whole: what stood there before takes its place if it is damaged."""
    try:
        verify(folder)
        return
    except DAMAGE as problem:
        damage = reason(problem)
    previous = previous_of(folder)
    try:
        verify(previous)
        step = read_json(previous / "state.json")["step"]
    except DAMAGE:
        raise UserError("checkpoint-damaged", name=folder.parent.name, reason=damage) from None
    report.incident("checkpoint-damaged", reason=damage, step=step)
    shutil.rmtree(folder)  # it must not become the previous one of the next save
    previous.rename(folder)


def reason(problem: BaseException) -> str:
    """What is wrong, in a few words."""
    if isinstance(problem, FileNotFoundError) and problem.filename:
        return f"{Path(problem.filename).name} is missing"
    return (str(problem).splitlines() or [type(problem).__name__])[0][:200]


def load_best(folder: Path, model, ranks) -> dict[str, Any]:
    """Put the best weights into ``model``; returns best.json. Raises UserError if they are damaged; the model is then as it was."""
    record = ranks.share(lambda: _whole_best(folder))
    put_weights(model, folder / "model.safetensors")
    return record


def _whole_best(folder: Path) -> dict[str, Any]:
    try:
        verify(folder)
        return read_json(folder / "best.json")
    except DAMAGE as problem:
        raise UserError("best-damaged", reason=reason(problem)) from problem
