"""Is what fm_gui trains any good? Real runs on the samples, each beside what it has to beat.

    python -m tests.bench quality classification   MiniLM by fm_gui, by Hugging Face's Trainer, and TF-IDF, 3 seeds
    python -m tests.bench quality generation       a GPT from scratch for --minutes beside an interpolated trigram
    python -m tests.bench quality pretraining      BERT pretrained here and then fine-tuned, beside random weights

Everything happens in a temporary workspace; nothing is downloaded. ``--json`` prints one object in place of the table.
"""

import argparse
import json
import statistics
import sys
import tempfile

from fm_gui import plan
from fm_gui.data.dataset import Dataset
from fm_gui.data.samples import add_sample
from fm_gui.workspace import Workspace


def finished(workspace: Workspace, **settings):
    """The evaluation of a run trained to its end by a worker process, and the run."""
    run = plan.start(workspace, plan.make_config(workspace, **settings))
    status = run.wait()
    assert status.state == "done", run.log_tail()
    return run.evaluation(), run


def baseline(evaluation: dict, name: str, metric: str) -> float:
    return next(b["value"] for b in evaluation["baselines"] if b["name"] == name and b["metric"] == metric)


def by_trainer(workspace: Workspace, run, seed: int) -> float:
    """Macro-F1 on the test part of a careful Trainer run: same rows, epochs, batch size, rate and schedule; of a run that trained
    the head alone, one epoch as the Balanced preset has it."""
    import numpy as np
    import torch
    from sklearn.metrics import f1_score
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    from fm_gui.models import hub

    config, data = run.config, Dataset(workspace, run.config.data.name, run.config.data)
    if config.options["trained"] == "head":
        config = plan.make_config(workspace, task=config.task, data=config.data.name, start=config.model.start, train={"epochs": 1})
    labels = sorted(data.label_counts())
    model, tokenizer = hub.load(workspace, config.model.start, "AutoModelForSequenceClassification", seed=seed, num_labels=len(labels))
    parts = data.parts()

    def rows(part):
        encoded = [(tokenizer(r["text"], truncation=True, max_length=config.options["max_length"]), r["label"]) for r in data.rows(parts[part])]
        return [dict(ids) | {"labels": labels.index(label)} for ids, label in encoded]

    with tempfile.TemporaryDirectory() as out:
        settings = TrainingArguments(
            out, num_train_epochs=config.train.epochs, per_device_train_batch_size=config.train.batch_size, learning_rate=config.train.learning_rate,
            warmup_steps=config.train.warmup, weight_decay=config.train.weight_decay, lr_scheduler_type="linear", seed=seed, save_strategy="epoch",
            eval_strategy="epoch", load_best_model_at_end=True, metric_for_best_model="macro_f1", report_to="none", disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        )  # fmt: skip
        score = lambda p: {"macro_f1": f1_score(p.label_ids, np.argmax(p.predictions, -1), average="macro")}  # noqa: E731
        trainer = Trainer(model, settings, DataCollatorWithPadding(tokenizer), rows("train"), rows("validation"), compute_metrics=score)
        trainer.train()
        return trainer.evaluate(rows("test"))["eval_macro_f1"]


def classification(workspace: Workspace, options) -> list[dict]:
    rows, epochs = [], {"epochs": options.epochs} if options.epochs else {}
    for sample in ("docs-topics", "languages"):
        data = add_sample(workspace, sample).name
        ours, theirs = [], []
        for seed in range(1, options.seeds + 1):
            evaluation, run = finished(workspace, task="text-classification", data=data, start="minilm", preset=options.preset, train={"seed": seed, "early_stopping": False} | epochs)
            ours.append(evaluation["metrics"]["macro_f1"])
            theirs.append(by_trainer(workspace, run, seed))
            print(f"{sample} seed {seed}: fm_gui {ours[-1]:.4f}, Trainer {theirs[-1]:.4f}", file=sys.stderr, flush=True)
        spread = statistics.stdev if options.seeds > 1 else lambda values: 0.0
        rows.append({
            "data": sample, "test rows": evaluation["rows"], "guessing": baseline(evaluation, "guessing", "macro_f1"), "TF-IDF": baseline(evaluation, "word-counts", "macro_f1"),
            "Trainer": statistics.mean(theirs), "Trainer spread": spread(theirs), "fm_gui": statistics.mean(ours), "fm_gui spread": spread(ours),
        })  # fmt: skip
    return rows


def generation(workspace: Workspace, options) -> list[dict]:
    rows = []
    for sample, size in (("english-docs", options.size or "1m"), ("chinese-ui", options.size or "1m")):
        evaluation, run = finished(workspace, task="causal-lm", data=add_sample(workspace, sample).name, size=size, minutes=options.minutes)
        samples = [event for event in run.events()[0] if event["kind"] == "sample"]
        rows.append({
            "data": sample, "size": size, "steps": run.status().step, "seconds": round(run.status().seconds),
            "unigram bits/byte": baseline(evaluation, "unigram", "bits_per_byte"), "trigram bits/byte": baseline(evaluation, "trigram", "bits_per_byte"),
            "fm_gui bits/byte": evaluation["metrics"]["bits_per_byte"], "writes": samples[-1]["text"][:80].replace("\n", " "),
        })  # fmt: skip
    return rows


def pretraining(workspace: Workspace, options) -> list[dict]:
    """Pretrain on the raw texts, fine-tune on few labelled rows; the same rows and steps from random weights beside it."""
    corpus, labelled = add_sample(workspace, "english-docs").name, add_sample(workspace, "docs-topics").name
    size, rows = options.size or "5m", []
    _, foundation = finished(workspace, task="masked-lm", data=corpus, size=size, architecture=options.architecture, minutes=options.minutes)
    for seed in range(1, options.seeds + 1):
        train = {"seed": seed, "epochs": 6, "learning_rate": 3e-4, "batch_size": 16}
        common = {"task": "text-classification", "data": labelled, "train": train, "options": {"max_length": 128}}
        own, _ = finished(workspace, start=f"run:{foundation.id}", **common)
        random, _ = finished(workspace, start="scratch", architecture=foundation.config.model.architecture, size=size, **common)
        rows.append({"seed": seed, "random weights": random["metrics"]["macro_f1"], "own foundation model": own["metrics"]["macro_f1"]})
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("classification", "generation", "pretraining"))
    parser.add_argument("--minutes", type=float, default=5.0, help="of (pre)training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--epochs", type=float, default=0.0, help="of classification, if not the preset's")
    parser.add_argument("--size", default="")
    parser.add_argument("--architecture", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = globals()[options.what](Workspace(folder), options)
    if options.json:
        print(json.dumps({"what": options.what, "rows": rows}, ensure_ascii=False))
        return
    for row in rows:
        print("  ".join(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
