"""A GPT from scratch (the NanoChat preset) beside nanoGPT's own model.py, trained as its train.py does, on the same tokens.

    python -m tests.bench gpt --peer-repo PATH [--size 5m|30m] [--quick] [--json] [--rounds 5] [--seeds 3] [--tokens 10000000]
                              [--peer-rate search] [--same-shape] [--no-compile] [--text FILE] [--only speed|score] [--ours compile=on ...]

PATH is a checkout of https://github.com/karpathy/nanoGPT; without one nothing is measured. Same tokenizer, context, stream of tokens and
tokens a step on both sides. nanoGPT has the GPT-2 shape of as many parameters (its output layer is its embedding, ours is one of its
own); --same-shape gives it our layers, width and heads, thus the same arithmetic a token and fewer parameters. Its recipe: AdamW with
betas 0.9 and 0.95, weight decay 0.1, cosine to a tenth with 100 steps of warm-up (a tenth of a short training), gradients clipped at 1,
no dropout, no biases, compiled where there is a compiler (compiling counts on neither side). Its rate is the best of a grid, each
tried at a quarter of the length; --quick takes one that did well.

The score is the loss on the held-back pages at the end of --tokens; the first token of a document is nobody's to predict.
"""

import argparse
import contextlib
import importlib.util
import math
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from fm_gui.flops import flops_per_token
from fm_gui.models.catalog import get_architecture
from tests.bench.compare import Result, mfu, parser, peak_flops, tell
from tests.bench.pretraining import QUICK_SHARES, SHARES, Case, OurTurns, asks, parameters, speeds, to_loss

VOCABULARY = 8_192
GRID, QUICK_RATE = (1e-3, 2e-3, 4e-3, 8e-3), 4e-3
WARMUP, LEAST_RATE = 100, 0.1  # steps; share of the full rate at the end
TOKENS, QUICK_TOKENS = 10_000_000, 100_000
TURN, QUICK_TURN = 16_384, 8_192  # tokens of a turn
CHARACTERS = 2_000_000  # of the texts with --quick
MISSING = "Nothing is measured without nanoGPT: git clone https://github.com/karpathy/nanoGPT, then --peer-repo nanoGPT."


class Peer:
    """nanoGPT on the case's tokens."""

    def __init__(self, case: Case, repo: Path, architecture: str, compiled: bool):
        self.case, self.module, self.compiled = case, module_of(repo / "model.py"), compiled
        self.shape = get_architecture(architecture).size(case.job.config.model.size)
        self.stream = case.data["train"]["input_ids"].values
        self.dice = np.random.default_rng(3)
        cuda = case.device.type == "cuda"
        self.precision = torch.autocast("cuda", torch.bfloat16) if cuda else contextlib.nullcontext()
        self.turning = None

    def model(self, seed: int = 1):
        """Fresh weights; its remarks go where they disturb no JSON."""
        torch.manual_seed(seed)
        config = self.module.GPTConfig(self.case.context, len(self.case.tokenizer), self.shape.layers, self.shape.heads, self.shape.width, dropout=0.0, bias=False)
        with contextlib.redirect_stdout(sys.stderr):
            return self.module.GPT(config).to(self.case.device)

    def optimizer(self, model, rate: float):
        with contextlib.redirect_stdout(sys.stderr):
            return model.configure_optimizers(0.1, rate, (0.9, 0.95), self.case.device.type)

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Blocks from anywhere in the stream, as its get_batch takes them."""
        length = self.case.context
        at = self.dice.integers(len(self.stream) - length, size=self.case.batch)
        ids = torch.from_numpy(np.stack([np.asarray(self.stream[i : i + length + 1], np.int64) for i in at])).to(self.case.device, non_blocking=True)
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()

    def start(self, rate: float, seed: int = 1) -> "Training":
        """A training that is ready: compiled, nothing learned."""
        model = self.model(seed)
        training = Training(self, model, torch.compile(model) if self.compiled else model, self.optimizer(model, rate))
        training.gradients(self.batch())
        training.optimizer.zero_grad(set_to_none=True)
        return training

    def turn(self, steps: int) -> float:
        """Tokens a second of the next steps."""
        self.turning = self.turning or self.start(QUICK_RATE)
        return steps * self.case.step_tokens / self.turning.steps(QUICK_RATE, steps, 10**6)

    def to_end(self, tokens: int, seed: int, rate: float) -> tuple[float, float]:
        """(final validation loss, seconds) of a training on about ``tokens``."""
        steps = max(1, round(tokens / self.case.step_tokens))
        training = self.start(rate, seed)
        seconds = training.steps(rate, steps, steps)
        return self.loss(training.model), seconds

    def loss(self, model) -> float:
        """Mean validation loss, on the blocks and targets on which ours is judged."""
        total = items = 0.0
        model.eval()
        with torch.inference_mode():
            for batch in self.case.judging():
                targets = batch["targets"].masked_fill(batch["targets"] == -100, -1)  # what it calls a target that does not count
                loss = model(batch["input_ids"].to(self.case.device), targets.to(self.case.device))[1]
                total, items = total + float(loss) * batch["items"], items + batch["items"]
        return total / items

    def best_rate(self, tokens: int) -> float:
        losses = {rate: self.to_end(tokens, 1, rate)[0] for rate in GRID}
        print(f"nanoGPT's rates after {tokens:,} tokens: {losses}", file=sys.stderr, flush=True)
        return min(losses, key=losses.get)

    def flops(self) -> float:
        """Model FLOPs a token: GPT-2's of that shape."""
        from transformers import GPT2Config

        shape = self.shape
        config = GPT2Config(
            vocab_size=len(self.case.tokenizer), n_positions=self.case.context, n_embd=shape.width, n_layer=shape.layers, n_head=shape.heads,
            architectures=["GPT2LMHeadModel"], bos_token_id=None, eos_token_id=None,
        )  # fmt: skip
        return flops_per_token(config, self.case.context)


class Training:
    """The loop of train.py: one process, no accumulation."""

    def __init__(self, peer: Peer, model, callable_model, optimizer):
        self.peer, self.model, self.run, self.optimizer, self.at = peer, model, callable_model, optimizer, 0

    def gradients(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        self.model.train()
        with self.peer.precision:
            loss = self.run(*batch)[1]
        loss.backward()
        return loss

    def steps(self, rate: float, count: int, planned: int) -> float:
        """Seconds of ``count`` steps of a training of ``planned``."""
        begin, batch = time.perf_counter(), self.peer.batch()
        for _ in range(count):
            for group in self.optimizer.param_groups:
                group["lr"] = rate * share_of_rate(self.at, planned)
            loss = self.gradients(batch)
            batch = self.peer.batch()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            loss.item()  # it logs every step by default
            self.at += 1
        return time.perf_counter() - begin


def share_of_rate(step: int, steps: int) -> float:
    """train.py's get_lr as a share of the full rate."""
    warm = min(WARMUP, max(1, steps // 10))
    if step < warm:
        return (step + 1) / (warm + 1)
    done = (step - warm) / max(1, steps - warm)
    return LEAST_RATE + 0.5 * (1 + math.cos(math.pi * min(1.0, done))) * (1 - LEAST_RATE)


def module_of(file: Path):
    """A file as a module, which torch's compiler can find by its name."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", file)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(case: Case, peer: Peer, options: argparse.Namespace) -> Result:
    words = f"NanoChat {options.size} beside nanoGPT ({'compiled' if peer.compiled else 'not compiled'}, {'our shape' if options.same_shape else 'as many parameters'})"
    found = Result(words, "tokens/s", [], [case.tokens() | {"nanoGPT's parameters": parameters(peer.model())}])
    if options.only != "score":
        steps = max(1, (options.turn or (QUICK_TURN if options.quick else TURN)) // case.step_tokens)
        found.pairs = speeds(OurTurns(case, steps), lambda: peer.turn(steps), options.rounds, f"GPT {options.size}")
        peer.turning, peak = None, peak_flops(case.device)
        work = flops_per_token(case.job.model, case.context), peer.flops()
        for side, flops, speed in zip(("ours", "nanoGPT"), work, zip(*found.pairs)):
            found.rows.append({f"MFU of {side}": mfu(float(np.median(speed)) * flops, peak), "MFLOP a token": round(flops / 1e6, 1)})
    if options.only != "speed":
        tokens = options.tokens or (QUICK_TOKENS if options.quick else TOKENS)
        rate = peer.best_rate(tokens // 4) if options.peer_rate == "search" and not options.quick else float(options.peer_rate.replace("search", str(QUICK_RATE)))
        for seed in range(1, options.seeds + 1):
            wanted, seconds = peer.to_end(tokens, seed, rate)
            reached, tries = to_loss(case, seed, wanted, seconds, QUICK_SHARES if options.quick else SHARES)
            found.to_score.append((reached, seconds))
            found.rows.append({"seed": seed, "nanoGPT's rate": rate, "its tokens": tokens, "its final loss": wanted, **tries})
    return found


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--peer-repo", type=Path, help="a checkout of nanoGPT")
    asked.add_argument("--size", choices=("5m", "30m"), default="5m")
    asked.add_argument("--tokens", type=int, default=0, help=f"how many tokens nanoGPT reads on its way to its score; {TOKENS:,} unless said")
    asked.add_argument("--turn", type=int, default=0, help=f"tokens of a turn; {TURN:,} unless said")
    asked.add_argument("--peer-rate", default="search", help="nanoGPT's learning rate; the best of a grid unless said")
    asked.add_argument("--same-shape", action="store_true", help="nanoGPT has our layers, width and heads")
    asked.add_argument("--no-compile", action="store_true", help="nanoGPT is not compiled")
    asks(asked)
    options = asked.parse_args(argv)
    if not options.peer_repo or not (options.peer_repo / "model.py").is_file():
        return tell(options, Result(MISSING, "tokens/s", []))
    compiled = not options.no_compile and any(map(shutil.which, ("c++", "g++", "clang++", "cl")))
    with tempfile.TemporaryDirectory() as folder:
        case = Case(
            Path(folder), options, CHARACTERS if options.quick else 0, True, task="causal-lm", architecture="nanochat", size=options.size, vocab_size=VOCABULARY
        )
        tell(options, measured(case, Peer(case, options.peer_repo, "nanochat" if options.same_shape else "gpt2", compiled), options))


if __name__ == "__main__":
    main()
