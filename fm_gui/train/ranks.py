"""The processes that train one run together, under torchrun. Alone, every question here answers itself.

torch.distributed directly, without Accelerate's or DistributedDataParallel's wrapper: a task's loss calls parts of the
model (the vocabulary head on a few positions only), past the ``forward`` that a wrapper watches; and what is left to do
is one sum a step. Losses, items and gradients are sums over items, so ranks add up to what one process would have.
"""

import ctypes
import itertools
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from fm_gui.errors import UserError

BUCKET = 2**23  # values sent at once (32 MB in fp32): few large sums instead of one for each tensor
# that a rank waits for another in the middle of a sum: one that dies ends all at once, but a machine that loses its power or
# its network says nothing. What may take longer (see ``share``) is waited for otherwise
PATIENCE = timedelta(minutes=30)
LOOK_EVERY = 0.02  # seconds between two looks for what rank 0 tells; doubled at each look, to at most 0.5


@dataclass(frozen=True)
class Ranks:
    """This process among the ``world`` that work on one run; rank 0 is the only one that writes the run folder."""

    rank: int = 0
    world: int = 1
    local: int = 0  # this process among those of this machine: it takes the GPU of this place
    local_world: int = 1
    sharded: bool = False  # each holds a share of the weights (see sharded.py), which adds the gradients by itself
    store: Any = None  # torchrun's key-value store, for what may take longer than a collective should
    told: Iterator[int] = field(default_factory=itertools.count)  # numbers what is shared: the same on all ranks

    @property
    def first(self) -> bool:
        return self.rank == 0

    @classmethod
    def meet(cls, purpose: str, environment: Mapping[str, str] = os.environ) -> "Ranks":
        """This process's place by the variables that torchrun sets; it can ``share``, for this purpose, and nothing else yet."""
        if int(environment.get("WORLD_SIZE", 1)) == 1:
            return cls()
        end_with_the_launcher()
        store, rank, world = next(dist.rendezvous("env://", timeout=PATIENCE))
        return cls(rank, world, int(environment["LOCAL_RANK"]), int(environment["LOCAL_WORLD_SIZE"]), store=dist.PrefixStore(purpose, store))

    @classmethod
    def join(cls, environment: Mapping[str, str] = os.environ) -> "Ranks":
        """Meet the others, if there are any, to work with them."""
        ranks = cls.meet("work", environment)
        if ranks.world > 1:
            if ranks.local_world < ranks.world and (network := interface_to(environment["MASTER_ADDR"])):
                os.environ.setdefault("GLOO_SOCKET_IFNAME", network)
            # CPU tensors (flags, counts) always go by gloo, so that asking them does not wait for the GPU
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, store=ranks.store, rank=ranks.rank, world_size=ranks.world, timeout=PATIENCE)
        return ranks

    def leave(self) -> None:
        """Say goodbye, when all is done."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()

    # -- sharing the work of a step

    def mine(self, micro: list[dict]) -> list[tuple[int, dict, int]]:
        """This rank's share of a step's micro-batches: (number in the step, batch, 1), the largest first to the least loaded.

        Sharded, every rank must do as many passes as the others: one with nothing left repeats a small batch with weight 0.
        """
        if self.world == 1:
            return [(number, batch, 1) for number, batch in enumerate(micro)]
        passes, load = -(-len(micro) // self.world), [0] * self.world
        shares: list[list[tuple[int, dict, int]]] = [[] for _ in range(self.world)]
        for number in sorted(range(len(micro)), key=lambda n: -_size(micro[n])):
            least = min((r for r in range(self.world) if len(shares[r]) < passes), key=load.__getitem__)
            shares[least].append((number, micro[number], 1))
            load[least] += _size(micro[number])
        share = sorted(shares[self.rank], key=lambda one: one[0])
        if self.sharded:
            smallest = min(micro, key=_size)
            share += [(0, smallest, 0)] * (passes - len(share))
        return share

    def add(self, total: torch.Tensor, items: int, parameters: Iterable[torch.nn.Parameter]) -> tuple[torch.Tensor, int]:
        """Sum the loss, the items and, in place, the gradients over all ranks."""
        if self.world == 1:
            return total, items
        weights = [p for p in parameters if p.requires_grad]
        # a weight that no rank used keeps no gradient, as in one process: the optimizer leaves it alone
        counts = torch.tensor([items, *(p.grad is not None for p in weights)])
        sums = [dist.all_reduce(counts, async_op=True), dist.all_reduce(total, async_op=True)]
        sums[0].wait()
        if not self.sharded:
            self._add_gradients([p for p, used in zip(weights, counts[1:].tolist(), strict=True) if used])
        sums[1].wait()
        return total, int(counts[0])

    def _add_gradients(self, weights: list[torch.nn.Parameter]) -> None:
        for weight in weights:
            if weight.grad is None:  # this rank had no micro-batch
                weight.grad = torch.zeros_like(weight)
        sums = []
        for bucket in _buckets([weight.grad for weight in weights]):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            sums.append((dist.all_reduce(flat, async_op=True), flat, bucket))  # the next is packed while this one travels
        for work, flat, bucket in sums:
            work.wait()
            _unpack(flat, bucket)

    # -- acting together

    def any(self, flag: bool) -> bool:
        """True if it is true on any rank; every rank must ask."""
        if self.world == 1:
            return flag
        told = torch.tensor([int(flag)])
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return bool(told)

    def least(self, value: int) -> int:
        """The smallest of all ranks' values; every rank must ask."""
        if self.world == 1:
            return value
        told = torch.tensor([value])
        dist.all_reduce(told, dist.ReduceOp.MIN)
        return int(told)

    def share(self, work: Callable[[], Any]) -> Any:
        """What ``work()`` gives on rank 0 (a JSON value), on all ranks; the others wait for it, however long it takes.

        What ends it there (UserError, Stopped) is raised on all.
        """
        if self.world == 1:
            return work()
        key = str(next(self.told))
        return self._tell(key, work) if self.first else self._hear(key)

    def _tell(self, key: str, work: Callable[[], Any]) -> Any:
        from fm_gui.train.report import Stopped  # which knows this module

        outcome: dict[str, Any] = {"error": UserError("rank-lost").to_dict()}
        try:
            value = work()
            outcome = {"value": value}
        except Stopped:
            outcome = {"stopped": True}
            raise
        except UserError as problem:
            outcome = {"error": problem.to_dict()}
            raise
        finally:  # whatever it was: nobody waits for a rank that is gone
            self.store.set(key, json.dumps(outcome))
        return value

    def _hear(self, key: str) -> Any:
        from fm_gui.train.report import Stopped

        pause = LOOK_EVERY
        while not self.store.check([key]):
            time.sleep(pause)
            pause = min(0.5, 2 * pause)
        outcome = json.loads(self.store.get(key))
        if "stopped" in outcome:
            raise Stopped
        if "error" in outcome:
            raise UserError.from_dict(outcome["error"])
        return outcome["value"]

    def align(self, model: torch.nn.Module) -> None:
        """Give every rank rank 0's weights: another machine may have drawn or fitted them with other rounding."""
        if self.world == 1:
            return
        with torch.no_grad():
            for bucket in _buckets([*model.parameters(), *model.buffers()]):
                flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
                dist.broadcast(flat, 0)
                _unpack(flat, bucket)


def end_with_the_launcher() -> None:
    """Let the system end this process like Stop when torchrun is killed, which could not tell it any more (Linux)."""
    if sys.platform.startswith("linux"):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def interface_to(address: str) -> str | None:
    """The network interface by which this machine reaches another, or, if it is that one itself, is reached.

    gloo would take the one that this machine's own name stands for: often only itself (127.0.1.1).
    """
    import psutil

    try:
        family, _, _, _, peer = socket.getaddrinfo(address, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(peer)  # sends nothing
            own = probe.getsockname()[0]
    except OSError:
        return None
    return next((name for name, held in psutil.net_if_addrs().items() if any(one.address.split("%")[0] == own for one in held)), None)


def is_lost(problem: BaseException) -> bool:
    """True for an error that means: another rank ended while this one talked to it (gloo, NCCL or the store broke off)."""
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and (isinstance(problem, dist.DistError) or "gloo" in text or "connection closed by peer" in text)


def _size(batch: dict) -> int:
    return max((value.numel() for value in batch.values() if isinstance(value, torch.Tensor)), default=0)


def _buckets(tensors: list[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """The tensors in order, in groups of one dtype and at most BUCKET values (or one tensor)."""
    group: list[torch.Tensor] = []
    for tensor in tensors:
        if group and (tensor.dtype != group[0].dtype or sum(t.numel() for t in group) + tensor.numel() > BUCKET):
            yield group
            group = []
        group.append(tensor)
    if group:
        yield group


def _unpack(flat: torch.Tensor, bucket: list[torch.Tensor]) -> None:
    torch._foreach_copy_(bucket, [part.view_as(tensor) for part, tensor in zip(flat.split([t.numel() for t in bucket]), bucket, strict=True)])
