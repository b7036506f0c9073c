"""Masked-language pretraining from scratch (BERT, 4 layers x 256, context 128) beside transformers' Trainer as run_mlm.py uses it.

    python -m tests.bench mlm [--quick] [--json] [--rounds 5] [--seeds 3] [--form packed|lines] [--tokens 1000000] [--rate 5e-5]
                              [--text FILE] [--only speed|score] [--ours dropout=0.1 ...]

Two forms of the peer: "packed" joins the texts and cuts them to the context (group_texts), vocabulary 8,192; "lines" has a text a row,
padded to the longest of its batch (--line_by_line), vocabulary 30,522 (15,000 with --quick). Ours is the Balanced preset on the same texts with the same
tokenizer. Both hide tokens and not whole words, as the peer's collator does by default (ours by the option of that name).
Trainer: its defaults: batch 8, AdamW, rate 5e-5, linear without warm-up, the model's dropout of 0.1. The preset: batch 16, no dropout;
so there are turns without the peer's dropout, too. --rate search takes the peer's best of a grid, each at a quarter of the length.

Tokens a second are those of texts: padding does not count. The score is the loss on the held-back texts at the end of --tokens (of
texts that the peer reads), the same tokens hidden for both. The peer is shown them as it was trained: packed, texts see each other.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from fm_gui.flops import flops_per_token
from fm_gui.models.catalog import set_dropout
from tests.bench.bench_finetune import StepClock
from tests.bench.compare import Result, mfu, parser, peak_flops, rounds, tell
from tests.bench.pretraining import QUICK_SHARES, SHARES, Case, OurTurns, asks, parameters, speeds, to_loss

VOCABULARY = {"packed": 8_192, "lines": 30_522}
CHARACTERS, QUICK_LINES = 4_000_000, 15_000  # of the texts with --quick, and the vocabulary that so few offer the lines
RATE, BATCH, DROPOUT = 5e-5, 8, 0.1  # the peer's defaults
GRID = (3e-4, 1e-3, 3e-3)
TOKENS, QUICK_TOKENS = 1_000_000, {"packed": 50_000, "lines": 20_000}
TURN, QUICK_TURN = 16_384, 4_096  # tokens of a turn


class Peer:
    """Trainer on the case's texts in one of its two forms."""

    def __init__(self, case: Case, form: str):
        self.case, self.form, self.at = case, form, 0
        stream = case.data["train"]["input_ids"]
        if form == "packed":
            whole = len(stream.values) // case.context * case.context
            self.rows = [self.row(ids) for ids in np.asarray(stream.values[:whole]).reshape(-1, case.context)]
        else:
            self.rows = [self.row(stream[i][: case.context]) for i in range(len(stream))]
        np.random.default_rng(3).shuffle(self.rows)
        self.lengths = np.array([len(row["input_ids"]) for row in self.rows])

    def row(self, ids: np.ndarray) -> dict[str, list[int]]:
        """A row as run_mlm.py has it, with what its collator would else have to find out."""
        special = np.isin(ids, self.case.tokenizer.all_special_ids).astype(int)
        return {"input_ids": ids.tolist(), "attention_mask": [1] * len(ids), "special_tokens_mask": special.tolist()}

    def model(self, seed: int = 1, dropout: float = DROPOUT):
        """The architecture of ours with fresh weights."""
        from transformers import AutoConfig, AutoModelForMaskedLM

        torch.manual_seed(seed)
        ours = self.case.job.model.config
        config = AutoConfig.for_model(**ours.to_dict())
        set_dropout(config, dropout)
        return AutoModelForMaskedLM.from_config(config)

    def train(self, rows: list[dict], steps: int, seed: int = 1, rate: float = RATE, dropout: float = DROPOUT):
        """(the trained model, seconds from the first step to the last)."""
        from transformers import DataCollatorForLanguageModeling, PrinterCallback, Trainer, TrainingArguments

        clock = StepClock()
        with tempfile.TemporaryDirectory() as out:
            settings = TrainingArguments(
                out, max_steps=steps, learning_rate=rate, seed=seed, save_strategy="no", report_to="none", disable_tqdm=True,
                per_device_train_batch_size=BATCH, use_cpu=not torch.cuda.is_available(),
            )  # fmt: skip
            collator = DataCollatorForLanguageModeling(self.case.tokenizer)
            trainer = Trainer(self.model(seed, dropout), settings, collator, rows, processing_class=self.case.tokenizer, callbacks=[clock.callback()])
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        return trainer.model, clock.seconds

    def turn(self, tokens: int, dropout: float = DROPOUT) -> float:
        """Tokens of texts a second over about ``tokens`` of them, other ones each time."""
        count = max(1, round(tokens / BATCH / self.lengths.mean())) * BATCH
        some = [self.rows[(self.at + i) % len(self.rows)] for i in range(count)]
        self.at += count
        _, seconds = self.train(some, count // BATCH, dropout=dropout)
        return sum(len(row["input_ids"]) for row in some) / seconds

    def to_end(self, tokens: int, seed: int, rate: float) -> tuple[float, float]:
        """(final validation loss, seconds) of a training on about ``tokens``."""
        model, seconds = self.train(self.rows, self.steps(tokens), seed, rate)
        return self.case.loss(model, self.view), seconds

    def steps(self, tokens: int) -> int:
        return max(1, round(tokens / BATCH / self.lengths.mean()))

    def view(self, batch: dict) -> dict:
        """A judging batch as this form trains: packed, positions run on and texts see each other; else as it is."""
        if self.form == "lines":
            return batch
        ids = batch["input_ids"]
        return batch | {"documents": None, "positions": torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)}

    def best_rate(self, tokens: int) -> float:
        losses = {rate: self.to_end(tokens, 1, rate)[0] for rate in GRID}
        print(f"{self.form}: the peer's rates after {tokens:,} tokens: {losses}", file=sys.stderr, flush=True)
        return min(losses, key=losses.get)


def measured(case: Case, form: str, options: argparse.Namespace) -> Iterator[Result]:
    """The peer's defaults, then its turns without dropout."""
    peer, rows = Peer(case, form), [case.tokens()]
    rows[0] |= {"peer's parameters": parameters(peer.model()), "the peer's tokens a row, mean": round(float(peer.lengths.mean()), 1)}
    turn, words = options.turn or (QUICK_TURN if options.quick else TURN), f"BERT 4 x 256, vocabulary {len(case.tokenizer):,}, beside Trainer, {form}"
    found, more = Result(f"{words}: each with its defaults", "tokens/s", [], rows), None
    if options.only != "score":
        ours = OurTurns(case, max(1, turn // case.step_tokens))
        found.pairs = speeds(ours, lambda: peer.turn(turn), options.rounds, form)
        flops, peak = flops_per_token(case.job.model, case.context, case.job.config.options["mask_probability"]), peak_flops(case.device)
        rows += [{f"MFU of {side}": mfu(float(np.median(speed)) * flops, peak)} for side, speed in zip(("ours", "the peer"), zip(*found.pairs))]
        if not options.quick:
            more = Result(f"{words}: no dropout on either side", "tokens/s", rounds(ours, lambda: peer.turn(turn, 0.0), options.rounds))
    if options.only != "speed":
        tokens = options.tokens or (QUICK_TOKENS[form] if options.quick else TOKENS)
        rate = peer.best_rate(tokens // 4) if options.rate == "search" else float(options.rate)
        for seed in range(1, options.seeds + 1):
            wanted, seconds = peer.to_end(tokens, seed, rate)
            reached, tries = to_loss(case, seed, wanted, seconds, QUICK_SHARES if options.quick else SHARES)
            found.to_score.append((reached, seconds))
            rows.append({"seed": seed, "the peer's rate": rate, "its tokens": tokens, "its final loss": wanted, **tries})
    yield found
    if more:
        yield more


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--form", choices=tuple(VOCABULARY), help="one of the two forms of the peer")
    asked.add_argument("--tokens", type=int, default=0, help=f"how many tokens the peer reads on its way to its score; {TOKENS:,} unless said")
    asked.add_argument("--turn", type=int, default=0, help=f"tokens of a turn; {TURN:,} unless said")
    asked.add_argument("--rate", default=str(RATE), help="the peer's learning rate, or 'search' to take its best of a grid")
    asks(asked)
    options, results = asked.parse_args(argv), []
    for form in [options.form] if options.form else VOCABULARY:
        with tempfile.TemporaryDirectory() as folder:
            case = Case(
                Path(folder), options, CHARACTERS if options.quick else 0, False, task="masked-lm", architecture="bert", size="5m",
                vocab_size=min(VOCABULARY[form], QUICK_LINES if options.quick else 10**9), options={"whole_word": False},
            )  # fmt: skip
            results += measured(case, form, options)
    tell(options, *results)


if __name__ == "__main__":
    main()
