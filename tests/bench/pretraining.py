"""Our side of the comparisons that train a language model from scratch: a run as the presets make it, its speed, its time to a loss.

To a loss: the peer trains to its planned end, with a schedule that ends there. Ours is then given shares of the peer's seconds as its
time budget, small ones first, each a whole run of the preset that begins anew, until one gets to the peer's loss; counted is when that
run got there. Its measuring of steps, its checks and its saves are in its seconds; tokenizing and making the model are in nobody's.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fm_gui import plan
from fm_gui.train import loop, worker
from fm_gui.train.job import make_job
from fm_gui.train.measure import compile_model
from fm_gui.train.report import Report
from fm_gui.workspace import Workspace
from tests.bench import prose
from tests.bench.compare import Pair, rounds, timed

SHARES, QUICK_SHARES = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 1.0), (1 / 3, 1.0)  # of the peer's seconds
BATCH_TOKENS = 4_096  # in memory at once while judging


class Case:
    """Prose in a workspace of its own, and the run of the Balanced preset that learns from it; ``settings`` are make_config's.

    Of what was ``asked``, ``text`` is the file to learn from, and ``ours`` what of the preset is changed.
    """

    def __init__(self, folder: Path, asked: argparse.Namespace, characters: int, pages: bool, **settings):
        self.workspace, self.settings, self.changed = Workspace(folder), settings, dict(one.split("=", 1) for one in asked.ours)
        prose.add(self.workspace, characters, asked.text, pages)
        self.job = self.new_job()[0]
        if self.job.config.train.compile == "on":
            compile_model(self.job.model)
        self.data, self.tokenizer, self.device = self.job.data, self.job.processor, self.job.device
        self.context = self.job.task.context(self.job.config)
        self.batch = self.job.config.train.batch_size

    def new_job(self, minutes: float | None = None, **train) -> tuple[loop.Job, Report]:
        """A new run, prepared: the model is made, nothing is trained."""
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
        config = plan.make_config(self.workspace, data=prose.NAME, start="scratch", preset="balanced", minutes=minutes, train=self.changed | train, **self.settings)
        run = self.workspace.new_run(config)
        report = Report(run)
        worker.set_up(device)
        return make_job(self.workspace, run, torch.device(device), report), report

    @property
    def step_tokens(self) -> int:
        return self.batch * self.context

    def tokens(self) -> dict[str, int]:
        """What there is, as a row of a table."""
        found = {f"tokens to {name}": len(self.data[part]["input_ids"].values) for name, part in (("train", "train"), ("validate", "validation"))}
        return found | {"vocabulary": len(self.tokenizer), "our parameters": parameters(self.job.model)} | {f"ours, {name}": value for name, value in self.changed.items()}

    def judging(self):
        """The batches on which both sides are judged: those of our checks."""
        return self.job.task.eval_batches(self.tokenizer, self.data["validation"], self.job.config, BATCH_TOKENS, loop.CHECK_ITEMS)

    def loss(self, model, view: Callable[[dict], dict] = dict) -> float:
        """Mean validation loss of a model of transformers; ``view`` makes a batch what the model was trained on."""
        from fm_gui.tasks.vocabulary_loss import judged

        total = items = 0.0
        model.eval()
        with torch.inference_mode():
            for batch in self.judging():
                hidden, targets = self.job.task.predicted(model, view({k: v.to(self.device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}))
                total, items = total + float(judged(hidden, model.get_output_embeddings(), targets)[0]), items + batch["items"]
        return total / items


def asks(parser: argparse.ArgumentParser) -> None:
    """What both comparisons understand besides what all do."""
    parser.add_argument("--text", help="your text, paragraphs with blank lines between them; docstrings of installed packages unless said")
    parser.add_argument("--ours", nargs="*", default=[], metavar="NAME=VALUE", help="settings of our run in place of the preset's, e.g. compile=on")
    parser.add_argument("--only", choices=("speed", "score"), help="one of the two parts")


def parameters(model) -> int:
    return sum(weight.numel() for weight in model.parameters())


class OurTurns:
    """Tokens a second of the run's next steps; each call goes on where the last ended."""

    def __init__(self, case: Case, steps: int):
        self.case, self.steps, self.at = case, steps, 0

    def __call__(self) -> float:
        job = self.case.job
        steps = loop.steps_from(job, self.at)
        try:
            seconds = timed(lambda: [loop.take_step(job, next(steps))[0].item() for _ in range(self.steps)])
        finally:
            steps.close()
        self.at += self.steps
        return self.steps * self.case.step_tokens / seconds


def speeds(ours: Callable[[], float], peer: Callable[[], float], count: int, name: str) -> list[Pair]:
    """(ours, the peer's) tokens a second in turns; the first turn of each pays for setting up and is left out."""

    def told(side: str, turn: Callable[[], float]) -> Callable[[], float]:
        def measured() -> float:
            found = turn()
            print(f"{name}: {side} {found:,.0f} tokens/s", file=sys.stderr, flush=True)
            return found

        return measured

    ours, peer = told("ours", ours), told("peer", peer)
    ours(), peer()
    return rounds(ours, peer, count)


def to_loss(case: Case, seed: int, wanted: float, seconds: float, shares: tuple[float, ...]) -> tuple[float, dict]:
    """(our seconds to the peer's loss ``wanted``, which took it ``seconds``; what each budget brought); infinite if none got there."""
    found: dict[str, str] = {}
    for share in shares:
        curve = our_curve(case, seed, share * seconds)
        found[f"ours in {share:.2f} of its seconds"] = f"{min(loss for _, loss in curve):.4f} in {curve[-1][0]:.1f} s"
        print(f"seed {seed}, peer {wanted:.4f} in {seconds:.1f} s: {found}; {[(round(at, 1), round(loss, 4)) for at, loss in curve]}", file=sys.stderr, flush=True)
        if reached := [at for at, loss in curve if loss <= wanted]:
            return reached[0], found
    return float("inf"), found


def our_curve(case: Case, seed: int, seconds: float) -> list[tuple[float, float]]:
    """(seconds since training was asked for, validation loss) at every check of a whole run with that time budget."""
    job, report = case.new_job(minutes=seconds / 60, seed=seed)
    begin = time.time()
    worker.learn(job.run, job, report)
    training = next(event["time"] for event in job.run.events()[0] if event["kind"] == "phase" and event["state"] == "training")
    return [(training - begin + point["seconds"], point["validation/loss"]) for point in job.run.metrics()[0] if "validation/loss" in point]
