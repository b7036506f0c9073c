"""Stop is heard at once, whatever a run is doing, and leaves no process behind."""

import random
import signal
import time

import psutil
import pytest

from fm_gui import plan
from fm_gui.data.adding import add_dataset
from fm_gui.runs import Run
from tests.chaos.test_worker import pid, wait_for
from tests.train.jobs import toy_config

SOON = 6  # seconds: 2 on a quiet machine, and more where others train too


def ours(workspace) -> list[psutil.Process]:
    """Every process that works on this workspace."""
    return [p for p in psutil.process_iter(["cmdline"]) if any(str(workspace.root) in word for word in p.info["cmdline"] or ())]


def stopped_soon(run: Run) -> None:
    begin = time.monotonic()
    run.stop()
    assert run.wait(60, poll=0.05).state == "stopped", run.log_tail()
    assert time.monotonic() - begin < SOON


def corpus(workspace, megabytes: int) -> str:
    """A data set of so much text, with many different words, that a tokenizer takes long to train."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 11))) for _ in range(200_000)]
    file = workspace.root / "corpus.txt"
    with open(file, "w", encoding="utf-8") as handle:
        for _ in range(megabytes * 1000):
            handle.write(" ".join(dice.choices(words, k=140)) + "\n")
    return add_dataset(workspace, [file], name="corpus").name


@pytest.mark.long
def test_a_stop_is_heard_while_a_tokenizer_is_trained(workspace):
    settings = {"device": "cpu", "max_steps": 5, "epochs": 1.0}
    run = plan.start(workspace, plan.make_config(workspace, task="causal-lm", data=corpus(workspace, 40), size="1m", start="scratch", train=settings), "reader")
    wait_for(lambda: run.status().state == "preparing", 120)
    time.sleep(4)
    assert run.status().state == "preparing", run.status()
    stopped_soon(run)
    wait_for(lambda: not ours(workspace), 20)


def test_a_stop_is_heard_while_the_model_is_judged(workspace):
    run = plan.start(workspace, toy_config(workspace, "text-classification", max_steps=3, epochs=100), "judged")
    wait_for(lambda: run.status().state in ("evaluating", *Run.RESUMABLE, "done"), 240)
    assert run.status().state == "evaluating", run.log_tail()
    stopped_soon(run)
    wait_for(lambda: not ours(workspace), 20)
    assert run.has_model
    run.resume()
    assert run.wait(240).state == "done", run.log_tail()


def test_a_killed_worker_takes_its_judge_along(workspace):
    run = plan.start(workspace, toy_config(workspace, "text-classification", max_steps=3, epochs=100), "judged")
    wait_for(lambda: len(ours(workspace)) > 1 or run.status().state not in Run.ACTIVE, 240)
    psutil.Process(pid(run)).send_signal(signal.SIGKILL)
    wait_for(lambda: not ours(workspace), 30)
    assert run.status().state == "interrupted"
