"""What this machine can do, found out by doing it: every device runs a real kernel before it is offered.

``torch`` is imported inside the functions; the first call of :func:`devices` costs seconds, the next nothing.
A waiting worker must stay small: :func:`usable` reads what another process found out.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.memory import memory as memory
from fm_gui.processes import boot
from fm_gui.text import say

if TYPE_CHECKING:
    import torch

Words = tuple[str, dict[str, Any]]  # a key of the table of words and its values

GB = 1_000_000_000
_LOW_DISK = 5 * GB
_LOW_MEMORY = 4 * GB


@dataclass(frozen=True)
class Device:
    """One place to compute. ``problem`` says why it cannot be used; None means a kernel ran there."""

    name: str  # "cpu", "cuda:0", "mps"
    title: str  # what its maker calls it
    memory: int  # bytes; of the CPU the machine's
    problem: Words | None = None


@dataclass(frozen=True)
class Check:
    """One line of ``doctor``: what was looked at, how it stands, and a sentence (with the fix, if one is needed)."""

    name: str
    state: Literal["good", "attention", "failed"]
    words: Words

    def say(self, lang: str = "en") -> str:
        key, values = self.words
        return say(key, lang, **values)


@cache
def devices() -> tuple[Device, ...]:
    """Every device torch sees, GPUs first, the CPU last, each tried with a real kernel."""
    import torch

    found = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            found.append(Device(f"cuda:{index}", properties.name, properties.total_memory, _try_kernel(f"cuda:{index}", properties.name)))
    elif torch.backends.mps.is_available():
        found.append(Device("mps", platform.processor() or "Apple", memory()[0], _try_kernel("mps", "Apple")))
    found.append(Device("cpu", cpu_name(), memory()[0], _try_kernel("cpu", cpu_name())))
    return tuple(found)


def _try_kernel(name: str, title: str) -> Words | None:
    """None if a matrix product on the device gives the right answer, else why not."""
    import torch

    try:
        ones = torch.ones(64, 64, device=name)
        right = (ones @ ones).sum().item() == 64.0**3  # .item() waits for the device
    except (RuntimeError, NotImplementedError) as problem:  # no kernel image for this GPU, out of memory, broken driver
        text = str(problem).strip().splitlines()
        return "machine.kernel-failed", {"device": title, "reason": (text[0] if text else type(problem).__name__)[:160]}
    return None if right else ("machine.kernel-wrong", {"device": title})


def why_no_gpu() -> Words | None:
    """Why no GPU is used, with the fix; None if one works."""
    import torch

    gpus = [device for device in devices() if device.name != "cpu"]
    if any(device.problem is None for device in gpus):
        return None
    if gpus:
        return gpus[0].problem
    if sys.platform == "darwin":
        return "machine.no-metal", {}
    driver = nvidia_driver()
    if driver is None:
        return ("machine.rocm-build", {}) if torch.version.hip else ("machine.no-driver", {})
    if torch.version.cuda is None:
        return "machine.cpu-build", {"driver": driver}
    if os.environ.get("CUDA_VISIBLE_DEVICES") is not None and not os.environ["CUDA_VISIBLE_DEVICES"].strip(" -1,"):
        return "machine.gpu-hidden", {"value": os.environ["CUDA_VISIBLE_DEVICES"]}
    return "machine.driver-old", {"driver": driver, "cuda": torch.version.cuda}


@cache
def nvidia_driver() -> str | None:
    """The NVIDIA driver's version ("?" if it does not say), or None where there is none."""
    try:
        line = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").splitlines()[0]
        return next((word for word in line.split() if word[:1].isdigit() and "." in word), "?")
    except (OSError, IndexError):
        pass
    if not shutil.which("nvidia-smi"):
        return None
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "?"
    return (asked.stdout.strip().splitlines() or ["?"])[0] if asked.returncode == 0 else None


def usable(cache: Path, small: bool = False) -> list[str]:
    """The names of the devices on which a kernel ran, GPUs first, "cpu" last.

    Found out once and kept in the folder ``cache`` until the machine, its driver or torch is another; a process that
    must stay ``small`` has another one import torch.
    """
    from filelock import FileLock

    path, key = cache / f"devices-{socket.gethostname()}.json", _key()
    with FileLock(cache / ".devices.lock"):  # of many workers that start together, one asks
        if path.exists() and (kept := read_json(path))["key"] == key:
            return kept["usable"]
        tried = _tried_elsewhere() if small else [(device.name, device.problem is None) for device in devices()]
        found = [name for name, good in tried if good]
        if len(found) == len(tried):  # a GPU that failed is tried again: it may only have been full
            write_json(path, {"key": key, "usable": found})
        return found


def _tried_elsewhere() -> list[tuple[str, bool]]:
    """Every device's name and whether it can be used, found out by a process of its own."""
    code = "import json; from fm_gui import machine; print(json.dumps([(d.name, d.problem is None) for d in machine.devices()]))"
    here = Path(__file__).resolve().parent.parent
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True, cwd=here)
    return json.loads(told.stdout.splitlines()[-1])


def _key() -> list[str | None]:
    """What the usable devices depend on."""
    from importlib.metadata import version

    return [boot(), version("torch"), os.environ.get("CUDA_VISIBLE_DEVICES"), nvidia_driver()]


def pick(setting: str) -> str:
    """The device a run shall use: "auto" takes the first GPU that works, else the CPU; of several, with commas between, the first.

    Raises UserError if one of them cannot be used.
    """
    usable = [device.name for device in devices() if device.problem is None]
    if setting == "auto":
        return usable[0]
    wanted = ["cuda:0" if name.strip() == "cuda" else name.strip() for name in setting.split(",")]
    if any(name not in usable for name in wanted):
        raise UserError("device", name=setting, known=", ".join(usable))
    return wanted[0]


def peak_flops(cache: Path, device: "torch.device", precision: str) -> float:
    """FLOP/s of large matrix products on ``device`` in "fp32" or "bf16", which nothing here outruns; takes less than half a second.

    The most that was ever measured is kept in the folder ``cache``, for this machine, its number of threads and this version
    of torch: what else runs on a machine can only make it slower.
    """
    import torch
    from filelock import FileLock

    path = cache / f"peak-{socket.gethostname()}.json"
    title = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{cpu_name()}, {torch.get_num_threads()}"
    key = f"{device.type}: {title}: {precision}: {torch.__version__}"
    now = _time_products(device, torch.bfloat16 if precision == "bf16" else torch.float32)
    with FileLock(cache / ".peak.lock"):
        known = read_json(path) if path.exists() else {}
        if now > known.get(key, 0.0):
            known[key] = now
            write_json(path, known)
        return known[key]


def _time_products(device: "torch.device", dtype: "torch.dtype", seconds: float = 0.35) -> float:
    """FLOP/s of the best of several products of ever larger matrices, as many as ``seconds`` allow."""
    import torch

    end, rate = time.perf_counter() + seconds, 0.0
    for size in (1024, 2048, 4096, 8192):  # smaller ones would tell more of other programs than of this machine
        if rate and 2 * 2 * size**3 / rate > end - time.perf_counter():
            break
        one = torch.rand(size, size, device=device).to(dtype)
        out = one @ one  # the first call pays for setting up
        enough = time.perf_counter() + seconds / 4
        while (started := time.perf_counter()) < enough:
            torch.mm(one, one, out=out)
            out[0, 0].item()  # waits for the device
            rate = max(rate, 2 * size**3 / (time.perf_counter() - started))
    return rate


def cores() -> int:
    """CPU cores this process may use (a container's share counts)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return count
    return count if quota == "max" else max(1, min(count, round(int(quota) / int(period))))


@cache
def cpu_name() -> str:
    """What the CPU calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def gigabytes(size: int) -> str:
    """Bytes as "23 GB", "1.4 GB"."""
    return f"{size / GB:.0f} GB" if size >= 10 * GB else f"{size / GB:.1f} GB"


def size(count: int) -> str:
    """Bytes as "340 MB" or, from 1 GB on, "2.1 GB"."""
    return gigabytes(count) if count >= GB else f"{max(1, round(count / 1_000_000))} MB"


def summary(lang: str) -> str:
    """One short line for the top of the page: the device that will be used, and its memory."""
    best = next((device for device in devices() if device.problem is None), devices()[-1])
    if best.name != "cpu":
        same = sum(device.title == best.title and device.problem is None for device in devices())
        return say("machine.gpu", lang, title=best.title if same < 2 else f"{same} × {best.title}", memory=gigabytes(best.memory))
    return say("machine.cpu", lang, cores=cores(), memory=gigabytes(best.memory))


def checks(workspace_root: Path | None = None) -> list[Check]:
    """What ``doctor`` tells: program versions, processor, memory, GPU, disk."""
    from importlib.metadata import version

    total, available = memory()
    found = [
        Check(
            "python",
            "good",
            (
                "machine.check.python",
                {"python": platform.python_version(), "torch": version("torch"), "transformers": version("transformers")},
            ),
        ),
        Check("cpu", "good", ("machine.check.cpu", {"title": cpu_name(), "cores": cores()})),
        Check(
            "memory",
            "good" if available > _LOW_MEMORY else "attention",
            (
                "machine.check.memory" if available > _LOW_MEMORY else "machine.check.memory-low",
                {"total": gigabytes(total), "available": gigabytes(available)},
            ),
        ),
    ]
    for device in devices():
        if device.problem:
            found.append(Check(device.name, "failed", device.problem))
        elif device.name != "cpu":
            found.append(Check(device.name, "good", ("machine.check.gpu", {"title": device.title, "memory": gigabytes(device.memory)})))
    why = why_no_gpu()
    if why and why not in [check.words for check in found]:
        found.append(Check("gpu", "attention", why))
    if workspace_root is not None:
        free = shutil.disk_usage(workspace_root).free
        key = "machine.check.disk" if free > _LOW_DISK else "machine.check.disk-low"
        found.append(
            Check("disk", "good" if free > _LOW_DISK else "attention", (key, {"free": gigabytes(free), "path": str(workspace_root)}))
        )
    return found
