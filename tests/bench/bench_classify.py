"""Classifying 10,000 texts of mixed length with a fine-tuned MiniLM, whole and as int8, beside eager transformers padded to 128.

    python -m tests.bench classify [--quick] [--json] [--rounds 5] [--texts 10000] [--rows 5000] [--batch 16] [--file rows.csv]

The texts of ``finetune`` train one classifier of 12 classes, by the Quick preset; then both sides are given the same texts, as often
as it takes to make that many, and tokenising them counts on both. Ours is ``Predictor.predict`` and the same of the int8 form. The
peer is the script that every tutorial has: in the order given, padding="max_length", no gradients. Points lost are macro-F1 of 100 on
the run's test part, by the form's own figures.
"""

import random
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from fm_gui import plan, predict, small
from fm_gui.data.dataset import Dataset
from fm_gui.runs import Run
from fm_gui.workspace import Workspace
from tests.bench import topics
from tests.bench.compare import Result, parser, tell, timed

ROWS, QUICK_ROWS = 5_000, 600  # to train and to judge on
TEXTS, QUICK_TEXTS = 10_000, 400  # of one turn
LENGTH = 128
PATIENCE = 1_800  # seconds for the training


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--file", help="your texts: a table with the columns text and label")
    asked.add_argument("--texts", type=int, default=0, help=f"texts of one turn; {TEXTS:,} unless said")
    asked.add_argument("--rows", type=int, default=0, help=f"texts to train and judge on; {ROWS:,} unless said")
    asked.add_argument("--batch", type=int, default=16, help="the peer's batch")
    asked.add_argument("--preset", default="quick", choices=("quick", "balanced", "best"), help="how the classifier is trained")
    options = asked.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        run = classifier(Path(folder), options.rows or (QUICK_ROWS if options.quick else ROWS), options.file, options.preset)
        tell(options, *measured(run, options))


def classifier(folder: Path, rows: int, file: str | None, preset: str) -> Run:
    """A finished run of the preset."""
    workspace = Workspace(folder)
    topics.add(workspace, rows, file)
    run = plan.start(workspace, plan.make_config(workspace, task="text-classification", data="topics", start="minilm", preset=preset), "classifier")
    assert run.wait(PATIENCE).state == "done", run.log_tail(3000)
    return run


def measured(run: Run, options) -> list[Result]:
    texts = given(run, options.texts or (QUICK_TEXTS if options.quick else TEXTS))
    whole, form = predict.load(run, "cpu"), small.load(run, "int8")
    inputs = [{"text": text} for text in texts]
    sides = {
        "whole": lambda: whole.predict(inputs),
        "int8": lambda: form.predict(inputs),
        "peer": lambda: padded(whole, texts, options.batch),
    }

    def speed(name: str) -> float:
        found = len(texts) / timed(sides[name])
        print(f"{name} {found:.1f} texts/s", file=sys.stderr, flush=True)
        return found

    whole.predict(inputs[:32]), form.predict(inputs[:32]), padded(whole, texts[:32], options.batch)  # the first calls pay for setting up
    found = small.figures(run, "int8")
    lengths = [len(ids) for ids in whole.processor(texts, truncation=True)["input_ids"]]
    about = {"texts": len(texts), "tokens a text, mean": round(sum(lengths) / len(lengths), 1), "longest": max(lengths), "the peer's batch": options.batch}
    metric = found["metric"]
    held = {
        "held-out rows": found["rows"], f"{metric}, whole": found["whole"][metric], f"{metric}, int8": found["small"][metric],
        "points lost": found["lost"], "answers the same": found["same"],
    }
    sizes = {"whole, MB": found["whole_bytes"] / 1e6, "int8, MB": found["small_bytes"] / 1e6}
    # three sides in turn, so that int8 and the whole model meet the same peer
    triples = []
    for turn in range(options.rounds):
        order = ("whole", "int8", "peer") if turn % 2 == 0 else ("peer", "int8", "whole")
        speeds = {name: speed(name) for name in order}
        triples.append((speeds["whole"], speeds["int8"], speeds["peer"]))
    return [
        Result("Classifying with the whole model (fp32)", "texts/s", [(ours, peer) for ours, _, peer in triples], [about]),
        Result("... with the small form (int8)", "texts/s", [(ours, peer) for _, ours, peer in triples], [held, sizes]),
    ]


def given(run: Run, count: int) -> list[str]:
    """Texts of the data set in mixed order, repeated until there are enough."""
    dataset = Dataset(Workspace(run.workspace_root), run.config.data.name, run.config.data)
    texts = [text for part in ("test", "validation", "train") for text in dataset.texts(part)]
    random.Random(3).shuffle(texts)
    return list(islice(cycle(texts), count))


def padded(whole: predict.Predictor, texts: list[str], batch: int) -> list[int]:
    """The tutorial's answers."""
    import torch

    found = []
    with torch.inference_mode():
        for at in range(0, len(texts), batch):
            inputs = whole.processor(texts[at : at + batch], truncation=True, max_length=LENGTH, padding="max_length", return_tensors="pt")
            found += whole.model(**inputs).logits.softmax(-1).argmax(-1).tolist()
    return found


if __name__ == "__main__":
    main()
