"""Writing 200 tokens with a GPT of about 10M and of about 100M parameters, beside transformers' generate().

    python -m tests.bench generate [--quick] [--json] [--rounds 5] [--size 12m]

Both write greedily from the same prompt with the same weights (random ones: how fast it goes does not depend on them), in fp32; that
both write the same tokens is checked. Ours is what Try does: decoded text after each token. Beside it the time to the first token
of a model that is loaded, and both sides sampling as Try does unless told otherwise.
"""

import tempfile
import time
from pathlib import Path

import torch

from fm_gui import machine, plan
from fm_gui.data.samples import add_sample
from fm_gui.tasks.causal_lm import PredictOptions, border, write
from fm_gui.train import worker
from fm_gui.train.job import bare_job
from fm_gui.train.report import Report
from fm_gui.workspace import Workspace
from tests.bench.compare import Result, parser, rounds, tell

SIZES = ("12m", "85m")
TOKENS, QUICK_TOKENS = 200, 60
PROMPT = "The model reads a line of text and"


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--size", help=f"of the catalog; {' and '.join(SIZES)} unless said, the first with --quick")
    options = asked.parse_args(argv)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in [options.size] if options.size else SIZES[:1] if options.quick else SIZES:
            results += compared(Path(folder) / size, size, QUICK_TOKENS if options.quick else TOKENS, options.rounds)
    tell(options, *results)


def compared(folder: Path, size: str, tokens: int, count: int) -> list[Result]:
    """Greedy, then sampling."""
    job = a_model(Workspace(folder), size)
    parameters = sum(weight.numel() for weight in job.model.parameters()) / 1e6
    found = []
    for way, knobs in (("greedy", {"temperature": 0, "repetition_penalty": 1}), ("sampling as in Try", {})):
        knobs = PredictOptions(max_new_tokens=tokens, **knobs)
        ours, peer = Ours(job, knobs), Peer(job, knobs)
        if way == "greedy" and ours.ids() != peer.ids():
            raise SystemExit(f"{size}: other tokens than generate() writes")
        ours.turn(), peer.turn()
        pairs = rounds(ours.turn, peer.turn, count)
        row = {"parameters": f"{parameters:.1f}M", "device": str(job.device), "first token, ms": 1000 * min(ours.first() for _ in range(count))}
        found.append(Result(f"write {tokens} tokens, {way}, GPT {size}", "tokens/s", pairs, [row]))
    return found


def a_model(workspace: Workspace, size: str):
    """A run's model and tokenizer, its weights shaken so that none is zero and no two tokens are alike."""
    name = add_sample(workspace, "english-docs").name
    device = torch.device(machine.pick("auto"))
    run = workspace.new_run(plan.make_config(workspace, task="causal-lm", data=name, size=size, train={"device": str(device)}))
    worker.set_up(str(device))
    job = bare_job(workspace, run, device, Report(run))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in job.model.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=noise).to(device))
        job.model.lm_head.weight[border(job.processor)[1]] = 0.0  # nothing ends early
    job.model.eval()
    return job


class Ours:
    def __init__(self, job, knobs: PredictOptions):
        self.job, self.knobs = job, knobs

    def texts(self):
        return self.job.task.predict(self.job.model, self.job.processor, [{"text": PROMPT}], self.knobs)

    def ids(self) -> list[int]:
        *_, written = write(self.job.model, self.job.processor, start_of(self.job), self.knobs)
        return written

    def turn(self) -> float:
        begin = time.perf_counter()
        written = sum(1 for _ in self.texts()) - 1  # the prompt comes first
        return written / (time.perf_counter() - begin)

    def first(self) -> float:
        """Seconds until the first token stands there as text."""
        begin, texts = time.perf_counter(), self.texts()
        next(texts), next(texts)
        return time.perf_counter() - begin


class Peer:
    def __init__(self, job, knobs: PredictOptions):
        self.job, end = job, border(job.processor)[1]
        self.more = {"max_new_tokens": knobs.max_new_tokens, "eos_token_id": end, "pad_token_id": end, "do_sample": knobs.temperature > 0}
        if knobs.temperature > 0:
            self.more |= {name: getattr(knobs, name) for name in ("temperature", "top_k", "top_p", "repetition_penalty")}

    def ids(self) -> list[int]:
        with torch.inference_mode():
            return self.job.model.generate(torch.tensor([start_of(self.job)], device=self.job.device), **self.more)[0].tolist()

    def turn(self) -> float:
        begin = time.perf_counter()
        written = self.ids()
        self.job.processor.decode(written)
        return (len(written) - len(start_of(self.job))) / (time.perf_counter() - begin)


def start_of(job) -> list[int]:
    return [border(job.processor)[0], *job.processor(PROMPT, add_special_tokens=False)["input_ids"]]
