"""What each of several processes does in test_sharded.py: functions of (ranks, folder) that return JSON values."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import prepare
from fm_gui.tasks import TASKS, Step, Task, get_task
from fm_gui.train import sharded
from fm_gui.train.optim import clip_and_scale, make_optimizers
from fm_gui.workspace import Workspace
from tests.train.jobs import toy_config

NAMES = [task.name for task in TASKS]


@dataclass
class Made:
    """A task's model and its first steps, alike on every rank."""

    task: Task
    config: object
    steps: list[Step]
    model: torch.nn.Module


def made(folder: Path, name: str, rows: int = 3) -> Made:
    """``rows`` in a micro-batch: 3 of 8 gives three unlike ones, so that two ranks have unlike shares."""
    workspace = Workspace(folder / "工作 区")
    config = toy_config(workspace, name, optimizer="adamw", learning_rate=5e-5, dropout=0.0, micro_batch_size=rows)
    task, data = get_task(name), Dataset(workspace, config.data.name, config.data)
    processor = task.processor(config, data, workspace)
    prepared = prepare(workspace, config, task, data, processor)
    batches = task.batches(processor, prepared["train"], config, 0, 1024)
    return Made(task, config, [next(batches) for _ in range(3)], task.build(config, prepared.labels, processor, workspace))


def adam(model: torch.nn.Module, config) -> torch.optim.Optimizer:
    """The loop's optimizer, but for a larger eps: Adam would turn the rounding of a gradient that is nearly nothing into a whole step."""
    (optimizer,) = make_optimizers(model, config.train)
    for group in optimizer.param_groups:
        group["eps"] = 1e-3
    return optimizer


def learn(model: torch.nn.Module, optimizer, on_model: Callable, task: Task, share, add: Callable) -> list[float]:
    """One optimizer step as the loop takes it: [loss, norm of the gradient]."""
    model.train()
    total, items = torch.zeros(()), 0
    for _, batch, weight in share:
        loss, count = on_model(lambda whole, batch=batch: task.loss(whole, batch))
        (loss * weight).backward()
        total, items = total + loss.detach() * weight, items + count * weight
    total, items = add(total, items, model.parameters())
    norm = clip_and_scale(model.parameters(), items, 0.5)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return [float(total) / items, float(norm)]


def alone(_total, items, _parameters):
    return _total, items


def apart(one: dict, other: dict) -> float:
    """The largest difference between two dicts of tensors, relative to the largest value."""
    assert one.keys() == other.keys()
    return max(float((one[name].float() - other[name].float()).abs().max() / one[name].float().abs().max().clamp(min=1e-3)) for name in one)


def tensors(state: dict) -> dict:
    return {f"{index}.{name}": value for index, one in state["state"].items() for name, value in one.items()}


# -- one function a test


def steps(ranks, folder) -> dict:
    """Task -> losses, norms, weights and optimizer state after three steps, beside one process's; and how much a rank holds."""
    ranks, seen = replace(ranks, sharded=True), {}
    for name in NAMES:
        mine = made(folder, name)
        plain, model = mine.model, copy.deepcopy(mine.model)
        optimizer = adam(plain, mine.config)
        every = [[(n, batch, 1) for n, batch in enumerate(step.micro)] for step in mine.steps]
        expected = [learn(plain, optimizer, lambda work: work(plain), mine.task, share, alone) for share in every]  # noqa: B023 - called at once
        shell = sharded.shard(model, torch.device("cpu"), ranks)
        split = adam(model, mine.config)
        found = [learn(model, split, shell, mine.task, ranks.mine(step.micro), ranks.add) for step in mine.steps]
        weights, state = sharded.whole_weights(model), sharded.whole_state(split)
        held = sum(weight.to_local().numel() for weight in model.parameters()) / sum(weight.numel() for weight in plain.parameters())
        seen[name] = {"expected": expected, "found": found, "held": held, "blocks": len(sharded.blocks(plain))}
        if not ranks.first:
            seen[name]["nothing"] = [len(weights), len(tensors(state))]
            continue
        whole = not any(isinstance(value, DTensor) for value in [*weights.values(), *tensors(state).values()])
        seen[name] |= {"weights": apart(plain.state_dict(), weights), "state": apart(tensors(optimizer.state_dict()), tensors(state)), "whole": whole}
    return seen


def round_trip(ranks, folder) -> dict:
    """From shares to files, from there into a plain model and into new shares: all go on alike."""
    ranks, mine = replace(ranks, sharded=True), made(folder, "causal-lm")
    fresh, plain = copy.deepcopy(mine.model), copy.deepcopy(mine.model)
    for model in (fresh, plain):
        for weight in model.parameters():
            torch.nn.init.normal_(weight)  # of which nothing may remain
    shell = sharded.shard(mine.model, torch.device("cpu"), ranks)
    split = adam(mine.model, mine.config)
    learn(mine.model, split, shell, mine.task, ranks.mine(mine.steps[0].micro), ranks.add)
    weights, state = sharded.whole_weights(mine.model), sharded.whole_state(split)
    if ranks.first:
        kept = {id(value): (name, value) for name, value in weights.items()}  # tied weights once
        save_file({name: value.contiguous() for name, value in kept.values()}, folder / "model.safetensors")
        torch.save(state, folder / "state.pt")
    ranks.any(False)  # until it is written

    saved = torch.load(folder / "state.pt", weights_only=True)
    again = sharded.shard(fresh, torch.device("cpu"), ranks)
    fresh_optimizer, plain_optimizer = adam(fresh, mine.config), adam(plain, mine.config)
    for model, optimizer in ((fresh, fresh_optimizer), (plain, plain_optimizer)):
        sharded.put_weights(model, folder / "model.safetensors")
        sharded.put_state(optimizer, saved)
    share, every = ranks.mine(mine.steps[1].micro), [(n, batch, 1) for n, batch in enumerate(mine.steps[1].micro)]
    unbroken = learn(mine.model, split, shell, mine.task, share, ranks.add)
    resumed = learn(fresh, fresh_optimizer, again, mine.task, share, ranks.add)
    single = learn(plain, plain_optimizer, lambda work: work(plain), mine.task, every, alone)
    ours, theirs = sharded.whole_weights(mine.model), sharded.whole_weights(fresh)
    return {"unbroken": unbroken, "resumed": resumed, "single": single, "same": not ranks.first or apart(ours, theirs) == 0}


def missing(ranks, folder) -> str:
    """What is said of a file that lacks a weight."""
    mine = made(folder, "masked-lm")
    weights = mine.model.state_dict()
    name = next(name for name, weight in weights.items() if weight.dim() == 2 and "layers.0" in name)
    if ranks.first:
        kept = {value.data_ptr(): (key, value) for key, value in weights.items() if key != name}
        save_file({key: value.contiguous() for key, value in kept.values()}, folder / "lacking.safetensors")
    ranks.any(False)
    sharded.shard(mine.model, torch.device("cpu"), replace(ranks, sharded=True))
    try:
        sharded.put_weights(mine.model, folder / "lacking.safetensors")
    except RuntimeError as problem:
        return str(problem).replace(name, "NAME")
    return "nothing"


def looked(ranks, folder) -> dict:
    """Losses that checks in inference mode see before and after a step, beside a plain model's; and whether shares are left."""
    ranks, mine = replace(ranks, sharded=True), made(folder, "masked-lm")
    plain, step, batch = copy.deepcopy(mine.model), mine.steps[0], mine.steps[1].micro[0]
    shell = sharded.shard(mine.model, torch.device("cpu"), ranks)

    def check(model: torch.nn.Module, on_model: Callable) -> float:
        model.eval()
        with torch.inference_mode():
            return float(on_model(lambda whole: mine.task.loss(whole, batch)[0]))

    every = [(n, one, 1) for n, one in enumerate(step.micro)]
    expected = [check(plain, lambda work: work(plain))]
    learn(plain, adam(plain, mine.config), lambda work: work(plain), mine.task, every, alone)
    expected.append(check(plain, lambda work: work(plain)))
    seen = [check(mine.model, shell.look)]
    learn(mine.model, adam(mine.model, mine.config), shell, mine.task, ranks.mine(step.micro), ranks.add)
    seen.append(check(mine.model, shell.look))
    return {"expected": expected, "seen": seen, "shares": all(isinstance(weight, DTensor) for weight in mine.model.parameters())}
