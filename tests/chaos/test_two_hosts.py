"""Two machines that share a folder: network namespaces with names of their own, joined by a virtual cable."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fm_gui import plan
from fm_gui.launch import Elsewhere, script
from fm_gui.runs import Run
from fm_gui.train import loop
from fm_gui.train.checkpoint import LoopState
from tests.chaos.test_ranks import ALIKE, EVERY, STEPS, assert_alike, at_step, wait_for
from tests.train.jobs import toy_config, toy_job

HOSTS = {"fm-one": "10.213.77.1", "fm-two": "10.213.77.2"}


def ip(*words: str) -> None:
    """Run ``ip``; skips the test where that is not allowed."""
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("this system has no ip (Debian: iproute2)")
    if done.returncode:
        pytest.skip(f"network namespaces are not allowed here: {done.stderr.strip()}")


@pytest.fixture
def hosts():
    try:
        for name in HOSTS:
            ip("netns", "add", name)
        ip("link", "add", "fm-wire-1", "netns", "fm-one", "type", "veth", "peer", "name", "fm-wire-2", "netns", "fm-two")
        for number, (name, address) in enumerate(HOSTS.items(), 1):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", f"fm-wire-{number}")
            ip("-n", name, "link", "set", f"fm-wire-{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield list(HOSTS)
    finally:
        for name in HOSTS:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@contextmanager
def launched(run: Run, file: Path) -> Iterator[list[subprocess.Popen]]:
    """The script, started on both hosts; each is a process group of its own."""
    machines = [
        subprocess.Popen(
            ["ip", "netns", "exec", name, "unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", f'hostname {name}; exec bash "$0" {number} {HOSTS["fm-one"]}', str(file)],
        )
        for number, name in enumerate(HOSTS)
    ]  # fmt: skip
    try:
        wait_for(lambda: run.status().state in Run.ACTIVE, 200)
        yield machines
    finally:
        for machine in machines:
            machine.kill()  # with --kill-child all that runs on it ends
            machine.wait()


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_two_hosts_train_the_very_run_folder(workspace, hosts, tmp_path):
    job, report = toy_job(workspace, "text-classification", "alone", **ALIKE)
    loop.train(job, LoopState(steps=STEPS), report, EVERY)
    run = plan.make(workspace, toy_config(workspace, "text-classification", checkpoint_steps=2, **ALIKE), "two-hosts")
    file = tmp_path / "start 脚本.sh"
    file.write_text(script(run, "torchrun", Elsewhere(machines=2, python=sys.executable)), encoding="utf-8")

    with launched(run, file) as machines:  # stopped from here, through the shared folder
        at_step(run, 3)
        assert run.status().host == "fm-one" and run.has_worker
        run.stop()
        assert run.wait(120).state == "stopped", run.log_tail()
        assert [machine.wait(120) for machine in machines] == [0, 0]

    with launched(run, file) as (_, other):  # one machine is lost
        at_step(run, 6)
        other.kill()
        wait_for(lambda: run._told().state not in Run.ACTIVE, 120)
        assert run.status().state == "failed" and run.status().error["code"] == "rank-lost"
        assert run.checkpoint_step >= 4

    with launched(run, file) as machines:
        assert run.wait(600).state == "done", run.log_tail()
        assert [machine.wait(120) for machine in machines] == [0, 0]
    assert_alike(run, job.run)
    assert (run.path / "log-1.txt").exists()
