"""Fine-tuning MiniLM on 5,000 texts of mixed length with 12 classes, beside transformers' Trainer and beside the textbook script.

    python -m tests.bench finetune [--quick] [--json] [--rounds 5] [--seeds 3] [--file rows.csv] [--rate 5e-5]

Speed: both train on the same rows, one epoch a turn, with the model's own dropout (0.1) on both sides; preparing, checks and saves
are in neither. To the score: both train to their end with their own defaults, ours as a run of the Balanced preset in this process.
Preparing (tokens, loading the model) counts on neither side, the fit of our first layer, our checks and our saves count as ours; the
peer's scoring does not count. Trainer: its defaults (batch 8, rate 5e-5, linear, dropout 0.1), 3 epochs, dynamic padding. The textbook
script pads to 128, batch 16, plain AdamW without fusing. Scores are macro-F1 on the validation part, by the same function.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from fm_gui import plan
from fm_gui.models import hub
from fm_gui.tasks.text_classification import pad
from fm_gui.train import loop, worker
from fm_gui.train.around import thin
from fm_gui.train.job import make_job
from fm_gui.train.report import Report
from fm_gui.workspace import Workspace
from tests.bench import topics
from tests.bench.compare import Pair, Result, mfu, parser, peak_flops, rounds, tell, timed

TASK, START = "text-classification", "minilm"
FULL, QUICK = 5_000, 400  # texts
TURN, QUICK_TURN = 480, 64  # rows of one turn
PEER_RATE = 5e-5  # Trainer's default
EPOCHS = 3


class Case:
    """The data in a workspace of its own, and what both sides make of it."""

    def __init__(self, folder: Path, rows: int, file: str | None):
        self.workspace = Workspace(folder)
        topics.add(self.workspace, rows, file)
        self.job = self.new_job(preset="balanced", train={"dropout": None})[0]
        self.data, self.tokenizer = self.job.data, self.job.processor

    def new_job(self, **settings) -> tuple[loop.Job, Report]:
        """A new run, prepared: the model is loaded, nothing is trained."""
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
        config = plan.make_config(self.workspace, task=TASK, data="topics", start=START, **settings)
        run = self.workspace.new_run(config)
        report = Report(run)
        worker.set_up(device)
        return make_job(self.workspace, run, torch.device(device), report), report

    def rows(self, part: str = "train", only: np.ndarray | None = None) -> list[dict]:
        """Rows as Trainer takes them."""
        source = self.data[part]
        numbers = range(len(source)) if only is None else only
        return [{"input_ids": source["input_ids"][i].tolist(), "attention_mask": [1] * len(source["input_ids"][i]), "labels": int(source["label"][i])} for i in numbers]

    def model(self, seed: int = 1, dropout: float | None = None):
        """A fresh model as ``from_pretrained`` gives it."""
        return hub.load(self.workspace, START, "AutoModelForSequenceClassification", seed=seed, dropout=dropout, num_labels=len(self.data.labels))[0]

    def trainer(self, rows: list[dict], out: str, seed: int = 1, rate: float = PEER_RATE, epochs: float = 1.0, callbacks=(), dropout=None):
        """transformers' Trainer with its defaults and dynamic padding; nothing is saved or scored by it."""
        from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

        settings = TrainingArguments(
            out, num_train_epochs=epochs, learning_rate=rate, seed=seed, save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=not torch.cuda.is_available()
        )
        trainer = Trainer(self.model(seed, dropout), settings, DataCollatorWithPadding(self.tokenizer), rows, processing_class=self.tokenizer, callbacks=list(callbacks))
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        return trainer

    def scores(self, model, parts: tuple[str, ...] = ("validation", "test")) -> dict[str, float]:
        """Macro-F1 by part, always through the whole model."""
        job = self.job
        return {
            part: job.task.metrics(model, self.tokenizer, self.data[part], job.config, job.device, loop.CHECK_ITEMS, lambda *_: None)["macro_f1"]
            for part in parts
        }


# -- examples a second


def speeds(case: Case, count: int, turn: int, dropout: float | None, peer: str) -> list[Pair]:
    """(ours, the peer's) examples a second on the same rows, other ones each round."""
    random = np.random.default_rng(5)
    order = [random.choice(len(case.data["train"]), min(turn, len(case.data["train"])), replace=False) for _ in range(count + 1)]
    turns = {"ours": iter(order), "peer": iter(order)}
    work = {"ours": lambda rows: our_epoch(case, rows, dropout), "peer": lambda rows: (trainer_epoch if peer == "Trainer" else textbook_epoch)(case, rows, dropout)}

    def speed(side: str) -> Callable[[], float]:
        def measured() -> float:
            rows = next(turns[side])
            found = len(rows) / work[side](rows)
            print(f"{peer}, dropout {dropout}: {side} {found:.1f} examples/s", file=sys.stderr, flush=True)
            return found

        return measured

    speed("ours")(), speed("peer")()  # the first turn pays for setting up
    return rounds(speed("ours"), speed("peer"), count)


def our_epoch(case: Case, rows: np.ndarray, dropout: float | None) -> float:
    """Seconds of one epoch of our loop's steps."""
    job = case.job
    whole = job.data
    job.data = type(whole)(whole.parts | {"train": thin(whole["train"], np.sort(rows))}, whole.labels)
    set_dropout(job.model, dropout)
    steps = loop.steps_from(job, 0)
    try:
        return timed(lambda: [loop.take_step(job, next(steps))[0] for _ in range(job.task.steps_per_epoch(job.data["train"], job.config))][-1].item())
    finally:
        steps.close()
        job.data = whole


def set_dropout(model, share: float | None) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.1 if share is None else share


def trainer_epoch(case: Case, rows: np.ndarray, dropout: float | None) -> float:
    """Seconds of Trainer's steps over ``rows``: from its first step to its last, without its constructor and set-up."""
    clock = StepClock()
    with tempfile.TemporaryDirectory() as out:
        trainer = case.trainer(case.rows(only=rows), out, callbacks=[clock.callback()], dropout=dropout)
        trainer.train()
    return clock.seconds


class StepClock:
    """Seconds between the beginning of Trainer's first step and the end of its training."""

    def __init__(self):
        self.begin, self.seconds = 0.0, 0.0

    def callback(self):
        from transformers import TrainerCallback

        clock = self

        class Clock(TrainerCallback):
            def on_train_begin(self, *_, **__):
                clock.begin = time.perf_counter()

            def on_train_end(self, *_, **__):
                clock.seconds = time.perf_counter() - clock.begin

        return Clock()


def textbook_epoch(case: Case, rows: np.ndarray, dropout: float | None, batch: int = 16, length: int = 128) -> float:
    """Seconds of the loop that every tutorial has."""
    model = case.model(dropout=dropout).to(case.job.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEER_RATE, foreach=False, fused=False)
    source, labels = case.data["train"], np.asarray(case.data["train"]["label"])

    def epoch() -> None:
        for at in range(0, len(rows), batch):
            some = rows[at : at + batch]
            inputs = {name: value.to(case.job.device) for name, value in pad([source["input_ids"][i] for i in some], case.tokenizer, length).items()}
            loss = model(**inputs, labels=torch.from_numpy(labels[some].astype(np.int64)).to(case.job.device)).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()

    return timed(epoch)


# -- to the score


def to_score(case: Case, seeds: int, rate: float) -> Iterator[tuple[Pair, dict]]:
    """For each seed ((our seconds to the peer's final score, the peer's seconds), what happened)."""
    for seed in range(1, seeds + 1):
        seconds, wanted = peer_to_end(case, seed, rate)
        curve = our_curve(case, seed)
        reached = [at for at, score in curve if score >= wanted]
        best = max(score for _, score in curve)
        row = {"seed": seed, "peer's final macro-F1": wanted, "our best": best, "our last": curve[-1][1], "our whole run, s": curve[-1][0]}
        print(f"seed {seed}: {row}; curve {[(round(at, 1), round(score, 4)) for at, score in curve]}", file=sys.stderr, flush=True)
        yield (reached[0] if reached else float("inf"), seconds), row


def peer_to_end(case: Case, seed: int, rate: float) -> tuple[float, float]:
    """(seconds, final macro-F1) of Trainer."""
    clock = StepClock()
    with tempfile.TemporaryDirectory() as out:
        trainer = case.trainer(case.rows(), out, seed, rate, EPOCHS, [clock.callback()])
        trainer.train()
        return clock.seconds, case.scores(trainer.model, ("validation",))["validation"]


def our_curve(case: Case, seed: int, preset: str = "balanced") -> list[tuple[float, float]]:
    """(seconds since training was asked for, macro-F1) at every check of a whole run of the preset."""
    job, report = case.new_job(preset=preset, train={"seed": seed})
    begin = time.time()
    worker.learn(job.run, job, report)
    return curve_of(job.run, begin)


def curve_of(run, begin: float) -> list[tuple[float, float]]:
    """(seconds since ``begin``, macro-F1) at each check of a run."""
    training = next(event["time"] for event in run.events()[0] if event["kind"] == "phase" and event["state"] == "training")
    return [(training - begin + point["seconds"], point["validation/macro_f1"]) for point in run.metrics()[0] if "validation/macro_f1" in point]


def best_rate(case: Case) -> float:
    """The peer's best rate on seed 1, of those people try."""
    scores = {rate: peer_to_end(case, 1, rate)[1] for rate in (2e-5, 5e-5, 1e-4, 2e-4)}
    print("peer's rates:", scores, file=sys.stderr, flush=True)
    return max(scores, key=scores.get)


def flops_per_row(case: Case) -> float:
    """Model FLOPs of training on one row: 6 for each weight that a token meets, and attention (12 x layers x width x length)."""
    config, lengths = case.job.model.config, case.data["train"]["input_ids"].lengths
    weights = sum(p.numel() for name, p in case.job.model.named_parameters() if ".encoder." in name)
    return float((6 * weights * lengths + 12 * config.num_hidden_layers * config.hidden_size * lengths**2).mean())


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--file", help="your texts: a table with the columns text and label")
    asked.add_argument("--texts", type=int, default=0, help=f"how many texts; {FULL:,} unless said")
    asked.add_argument("--turn", type=int, default=0, help=f"rows of one turn; {TURN} unless said")
    asked.add_argument("--rate", default=str(PEER_RATE), help="the peer's learning rate, or 'search' to take its best of four")
    asked.add_argument("--only", choices=("speed", "score"), help="one of the two parts")
    options = asked.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder), options.texts or (QUICK if options.quick else FULL), options.file)
        tell(options, *measured(case, options))


def measured(case: Case, options: argparse.Namespace) -> list[Result]:
    turn, lengths = options.turn or (QUICK_TURN if options.quick else TURN), case.data["train"]["input_ids"].lengths
    rows = [{"training rows": len(lengths), "tokens a row, mean": round(float(lengths.mean()), 1), "longest": int(lengths.max())}]
    main_result = Result("MiniLM: fine-tuning beside Trainer (dynamic padding), dropout 0.1 on both sides", "examples/s", [], rows)
    found = [main_result]
    if options.only != "score":
        peak = peak_flops(case.job.device)
        main_result.pairs = speeds(case, options.rounds, turn, None, "Trainer")
        ours = float(np.median([pair[0] for pair in main_result.pairs]))
        rows.append({"MFU of ours": mfu(ours * flops_per_row(case), peak)})
        found.append(Result("... without dropout on both sides", "examples/s", speeds(case, options.rounds, turn, 0.0, "Trainer")))
        found.append(Result("... beside the textbook script (pad to 128, batch 16), dropout 0.1", "examples/s", speeds(case, options.rounds, turn, None, "textbook")))
    if options.only != "speed":
        rate = best_rate(case) if options.rate == "search" else float(options.rate)
        for pair, row in to_score(case, options.seeds, rate):
            main_result.to_score.append(pair)
            rows.append(row | {"peer's rate": rate})
    return found


if __name__ == "__main__":
    main()
