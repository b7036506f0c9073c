"""What this machine can do, found by doing it."""

import sys

import pytest

from fm_gui import machine
from fm_gui.errors import UserError


def test_the_cpu_runs_a_kernel_and_is_last():
    assert machine.devices()[-1].name == "cpu" and machine.devices()[-1].problem is None
    assert machine.pick("cpu") == "cpu" and machine.pick("auto") in {device.name for device in machine.devices()}


def test_a_device_that_is_not_there_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="cuda:7.*cpu"):
        machine.pick("cuda:7")


def test_a_kernel_that_fails_says_why():
    key, values = machine._try_kernel("meta", "Card")  # a device whose numbers cannot be read back
    assert key == "machine.kernel-failed" and values["reason"]


@pytest.mark.parametrize("driver, cuda, hip, expected", [
    (None, None, None, "machine.no-driver"), (None, "12.8", None, "machine.no-driver"), (None, None, "6.2", "machine.rocm-build"),
    ("550.54", None, None, "machine.cpu-build"), ("470.1", "12.8", None, "machine.driver-old"),
])  # fmt: skip
def test_why_no_gpu_tells_driver_from_build(monkeypatch, driver, cuda, hip, expected):
    import torch

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "devices", lambda: (machine.Device("cpu", "CPU", 1),))
    monkeypatch.setattr(machine, "nvidia_driver", lambda: driver)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)
    assert machine.why_no_gpu()[0] == expected


def test_a_hidden_gpu_is_told(monkeypatch):
    import torch

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(machine, "devices", lambda: (machine.Device("cpu", "CPU", 1),))
    monkeypatch.setattr(machine, "nvidia_driver", lambda: "550.54")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert machine.why_no_gpu() == ("machine.gpu-hidden", {"value": "-1"})


def test_a_found_but_failing_gpu_gives_its_own_reason(monkeypatch):
    broken = ("machine.kernel-failed", {"device": "Old card", "reason": "no kernel image"})
    monkeypatch.setattr(machine, "devices", lambda: (machine.Device("cuda:0", "Old card", 1, broken), machine.Device("cpu", "CPU", 1)))
    assert machine.why_no_gpu() == broken and machine.pick("auto") == "cpu"


def test_checks_and_summary_speak_both_languages(workspace):
    checks = machine.checks(workspace.root)
    assert {"python", "cpu", "memory", "disk"} <= {check.name for check in checks}
    assert all(check.say("en") != check.say("zh") or check.name == "python" for check in checks)
    assert machine.summary("en") != machine.summary("zh")
    total, available = machine.memory()
    assert 0 < available <= total and machine.cores() >= 1
