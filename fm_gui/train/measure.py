"""Measured, not guessed: the precision that is fast here, and how many steps fit a time budget."""

import copy
import time

import torch


def pick_precision(setting: str, device: torch.device) -> str:
    """"bf16" or "fp32"; auto multiplies two matrices in each and takes bf16 where it is clearly faster."""
    if setting != "auto":
        return setting
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "fp32"
    times = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(1024, 1024, device=device).to(dtype)
        a @ a  # the first call pays for setting up
        begin = time.perf_counter()
        for _ in range(3):
            a = a @ a
        a.float().sum().item()  # waits for the device
        times[dtype] = time.perf_counter() - begin
    return "bf16" if times[torch.bfloat16] < 0.8 * times[torch.float32] else "fp32"


def micro_tokens(device: torch.device) -> int:
    """Tokens in memory at once that keep the device busy: measured best on a CPU; on a GPU by its memory."""
    if device.type != "cuda":
        return 1024
    return max(4096, int(torch.cuda.get_device_properties(device).total_memory / 2**30) * 512)


def seconds_per_step(take_step, steps, model, optimizers, budget: float, beat) -> float:
    """Seconds of a real step, by doing some and undoing them; at least 1, for at most a tenth of ``budget`` seconds.

    ``take_step(step)`` does forward, backward and update. The weights and the optimizers are as before afterwards.
    """
    weights = copy.deepcopy(model.state_dict())
    states = copy.deepcopy([optimizer.state_dict() for optimizer in optimizers])
    times: list[float] = []
    begin = time.perf_counter()
    for step in steps:
        started = time.perf_counter()
        take_step(step)
        if next(model.parameters()).is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
        beat()
        if len(times) >= 20 or (len(times) >= 2 and time.perf_counter() - begin > min(budget / 10, 20)):
            break
    model.load_state_dict(weights)
    for optimizer, state in zip(optimizers, states):
        optimizer.load_state_dict(state)
        optimizer.zero_grad(set_to_none=True)
    times = times[1:]  # the first step pays for setting up
    return sum(times) / len(times)


