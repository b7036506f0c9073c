"""A real throw-away process: what it finds is sane, it ends with its asker or at a sign, and its memory is bounded for real."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fm_gui import preflight
from fm_gui.data.adding import add_dataset
from fm_gui.plan import make_config, start
from fm_gui.train.preflight import reserved
from tests.train.jobs import toy_config

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits on memory as Linux has them")

ASKER = """
import sys
from pathlib import Path
from fm_gui import preflight
from fm_gui.workspace import Workspace
from tests.train.jobs import toy_config
preflight.measure(Workspace(Path(sys.argv[1])), toy_config(Workspace(Path(sys.argv[1])), "causal-lm", max_steps=100_000))
"""

def long_texts(workspace, **train):
    """The smallest classifier on 160 texts of 128 tokens."""
    if not (workspace.root / "datasets" / "long").exists():
        file = workspace.root / "long.csv"
        lines = [f"{'good' if n % 2 else 'bad'},{n} {'a quick brown fox jumps over it ' * 20}" for n in range(160)]
        file.write_text("\n".join(["label,text", *lines]), encoding="utf-8")
        add_dataset(workspace, [file], name="long")
    settings = {"device": "cpu", "precision": "fp32", "batch_size": 96, "max_steps": 4} | train
    return make_config(workspace, task="text-classification", data="long", start="scratch", size="1m", train=settings, options={"max_length": 128})


def python(code: str, *words: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def measuring(workspace) -> list[psutil.Process]:
    """The throw-away processes at work for this workspace."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "fm_gui.train.preflight" in words and str(workspace.root) in words[-1]:
            found.append(process)
    return found


def gone(workspace, patience: float = 20) -> bool:
    end = time.monotonic() + patience
    while measuring(workspace):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.timeout(400)
def test_what_is_measured_is_sane_and_compared_with_the_run(workspace):
    config, told = toy_config(workspace, "text-classification", max_steps=20), []
    result = preflight.measure(workspace, config, lambda share, key: told.append((share, key)))
    assert result.fits and result.advice == [] and result.device == "cpu"
    assert result.steps == 20 and result.seconds.low < result.seconds.mid < result.seconds.high
    assert result.seconds.mid > result.launch_seconds + result.start_seconds + 20 * result.seconds_per_step
    assert 2e8 < result.peak_memory < result.available_memory <= psutil.virtual_memory().total
    assert 0 < result.checkpoint_bytes < result.disk_needed < result.disk_free
    assert 8 < result.longest <= 32
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert {"preflight.doing.start", "preflight.doing.steps"} <= {key for _, key in told}
    assert preflight.cached(workspace, config) == result
    assert [path.name for path in (workspace.root / "cache").glob("preflight-*")] == [f"preflight-{preflight.fingerprint(config)}.json"]
    assert workspace.runs() == []  # nothing is kept of it

    run = start(workspace, config, "after")
    assert run.wait(240).state == "done", run.log_tail(3000)
    [entry] = preflight.history(workspace)
    assert entry["run"] == "after" and entry["steps"] == 20 and not entry["ran_out"]
    assert entry["actual_memory"] == pytest.approx(entry["predicted_memory"], rel=0.1)
    checkpoint = sum(path.stat().st_size for path in (run.path / "checkpoint").iterdir())
    assert checkpoint == pytest.approx(result.checkpoint_bytes, rel=0.05)
    used = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert used < result.disk_needed


@pytest.mark.timeout(120)
def test_it_ends_with_its_asker(workspace):
    toy_config(workspace, "causal-lm")
    asker = python(ASKER, str(workspace.root))
    try:
        while not measuring(workspace):
            assert asker.poll() is None, asker.stderr.read()
            time.sleep(0.05)
        asker.kill()
        asker.wait()
        assert gone(workspace)
    finally:
        asker.kill()
        asker.communicate()


class Enough(Exception):
    pass


@pytest.mark.timeout(120)
def test_what_progress_raises_ends_it_and_leaves_nothing(workspace):
    def stop(share: float, key: str) -> None:
        if key == "preflight.doing.start":
            raise Enough

    with pytest.raises(Enough):
        preflight.measure(workspace, toy_config(workspace, "masked-lm"), stop)
    assert measuring(workspace) == [] and list((workspace.root / "cache").glob("preflight-*")) == []


@linux
@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_memory_cannot_hold_does_not_fit_until_the_advice_is_taken(workspace):
    """96 long rows at once need more than the process may have from when it loads the model; what is advised leads to what fits."""

    def limit(share: float, key: str) -> None:
        if key == "preflight.doing.model":
            for process in measuring(workspace):
                if process.pid not in bounded:
                    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 1_000_000_000,) * 2)
                    bounded.add(process.pid)

    settings, seen, bounded = {"micro_batch_size": 96}, [], set()
    while not (result := preflight.measure(workspace, long_texts(workspace, **settings), limit)).fits:
        seen.append(settings["micro_batch_size"])
        advice = result.advice[0].settings
        assert 0 < advice["micro_batch_size"] < settings["micro_batch_size"] and result.seconds is None and len(seen) < 5
        settings |= advice
    assert seen[0] == 96  # at first it did not
    assert result.seconds.mid > 0 and result.peak_memory > 3e8


@linux
def test_a_limit_on_the_process_is_what_is_available():
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (10**9,) * 2); from fm_gui.memory import memory; print(*memory())"
    total, available = map(int, python(code).communicate(timeout=60)[0].split())
    assert total == 10**9 and 8e8 < available < total


@linux
def test_reserved_address_space_is_not_memory():
    assert 0 < reserved() < 64 * 2**40
