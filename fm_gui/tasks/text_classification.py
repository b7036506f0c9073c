"""Text classification: a text in, one of the person's classes out (fine-tuning a pretrained model, or from scratch)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from fm_gui.config import ModelSpec, RunConfig, Settings, setting
from fm_gui.data.prepare import Part
from fm_gui.errors import UserError
from fm_gui.tasks.base import Kind, Step, Task
from fm_gui.tasks.features import cached
from fm_gui.tasks.heads import MOST_ROWS, fit_head, fit_layer, freeze_all_but, last_linear

EVAL_TOKENS = 2048  # in memory at once while judging
LONGEST = 1 << 20  # tokens: no text is cut there; a tokenizer that knows no limit names a number no library takes
STEP = 4  # tokens: batches are padded to a multiple of it, as libraries keep memory for every shape they meet (a third of a run's, in bf16)


class Options(Settings):
    max_length: int = setting(128, "Longest text (tokens)", "Longer texts are cut here; longer limits see more but cost time and memory.", ge=4, le=8192)
    class_weights: Literal["none", "balanced"] = setting("none", "Class weights", "Balanced makes rare classes count as much as common ones; it finds more of the rare at the price of some false alarms.")
    head_first: bool = setting(True, "Fit the new layer first", "Fits the output layer to what a pretrained model knows before all weights are trained: a better start, in seconds; off starts it at random.")
    trained: Literal["all", "head"] = setting("all", "Trained part", "Head trains the last layer alone, on a frozen model that reads each text once (linear probe): seconds in place of minutes, at the price of some quality.")
    label_smoothing: float = setting(0.0, "Label smoothing", "Asks the model to stay a little unsure; more is gentler on wrong labels.", ge=0, lt=1)


class TextClassification(Task):
    """Fine-tuning as in BERT (Devlin et al. 2019): a linear head on the encoder, all weights trained."""

    name = "text-classification"
    columns = {"text": Kind.TEXT, "label": Kind.LABEL}
    inputs = {"text": Kind.TEXT}
    output = Kind.LABEL
    families = ("encoder", "decoder")
    head = "AutoModelForSequenceClassification"
    metric = "macro_f1"
    higher_is_better = True
    name_of_default_start = "minilm"
    Options = Options

    def presets(self, model: ModelSpec, rows: int):
        names = ("quick", "balanced", "best")
        if model.start == "scratch":
            common = {"batch_size": 32, "learning_rate": 1e-3, "dropout": 0.1}
            return {name: common | {"epochs": epochs} for name, epochs in zip(names, (3, 10, 25))}
        # a small model takes larger steps; not too large, as its head is fitted before (see heads.py)
        rate = 1e-4 if model.start == "minilm" else 2e-4 if model.start.startswith("run:") else 3e-5
        common = {"batch_size": 16, "learning_rate": rate}
        epochs = (1, 3, 8) if rows >= 1_000 else (3, 6, 12)
        # without dropout a step is 1.4 times as fast on a CPU; it pays only when the same rows come again and again
        made = {name: common | {"epochs": n, "dropout": p} for name, n, p in zip(names, epochs, (0.0, 0.0, 0.1))}
        return made | {"quick": {"batch_size": 256, "learning_rate": 1e-3, "epochs": 3, "dropout": 0.0}}  # of the head alone

    def preset_options(self, model: ModelSpec, preset: str):
        return {"trained": "head"} if preset == "quick" and model.start != "scratch" else {}

    def check(self, data):
        counts = data.label_counts()
        rows = sum(counts.values())
        if not rows:
            raise UserError("no-usable-rows", name=data.spec.name)
        column = data.spec.roles["label"].column
        if len(counts) < 2:
            raise UserError("one-class", column=column, label=next(iter(counts)))
        if rows < len(counts) * 2 or len(counts) > max(2, rows // 2):
            raise UserError("too-many-classes", column=column, classes=len(counts), rows=rows)

    def labels(self, data):
        return sorted(data.label_counts())

    def complete(self, options, model, workspace):
        from fm_gui.models import hub

        if model.start == "scratch" or options["max_length"] != Options.model_fields["max_length"].default:
            return options
        return options | {"max_length": min(options["max_length"], hub.load_tokenizer(workspace, model.start).model_max_length)}

    def limit(self, config):
        return config.options["max_length"]

    def build(self, config: RunConfig, labels, processor, workspace):
        names = {"num_labels": len(labels), "id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
        model = self.make(config, processor, workspace, **names)
        if self._probes(config):
            if config.train.shard and config.train.processes > 1:
                raise UserError("shard-head")
            if (layer := last_linear(model, len(labels))) is None:
                raise UserError("model-no-layer", name=config.model.start)
            freeze_all_but(model, layer)
        return model

    @staticmethod
    def _probes(config: RunConfig) -> bool:
        """Whether the head is all that is trained; a model from scratch knows nothing that a head could use."""
        return config.options.get("trained") == "head" and config.model.start != "scratch"

    def precompute(self, model, processor, data, config, device, workspace, beat, tokens=0):
        if not self._probes(config):
            return data
        layer, folder = last_linear(model, len(data.labels)), workspace.root / "cache" / "features"

        def with_features(part: Part) -> Part:
            return Part(part.columns | {"features": cached(folder, model, layer, lambda ids: pad(ids, processor), part["input_ids"], device, beat, tokens or EVAL_TOKENS)}, part.rows)

        return replace(data, parts=data.parts | {name: with_features(data[name]) for name in ("train", "validation")})

    def encode(self, rows, processor, config, labels):
        from fm_gui.models.tokenizers import ids_within

        ids, cut = ids_within(processor, [row["text"] for row in rows], self.limit(config))
        encoded = {"input_ids": ids, "cut": [int(c) for c in cut]}
        if "label" in rows[0]:
            index = {name: i for i, name in enumerate(labels)}
            encoded["label"] = [index[row["label"]] for row in rows]
        return encoded

    def example(self, encoded, i, processor, config, labels):
        from fm_gui.models.tokenizers import show_ids

        return {"input": show_ids(processor, encoded["input_ids"][i]), "target": labels[encoded["label"][i]]}

    # -- batches: rows, shuffled per epoch

    def steps_per_epoch(self, part, config):
        return -(-len(part) // config.train.batch_size)

    def lengths(self, part, config):
        if "features" in part.columns:  # a vector a row: nothing to save by cutting
            return np.ones(len(part), np.int64)
        return np.minimum(-(-part["input_ids"].lengths // STEP) * STEP, self.limit(config))

    def batches(self, processor, part, config, at, micro_tokens):
        from fm_gui.data.batching import micro_batches, steps

        train, per_epoch = config.train, self.steps_per_epoch(part, config)
        weights = self._weights(part, config)
        lengths = self.lengths(part, config)
        for index, _, rows in steps(train.seed, len(part), train.batch_size, at):
            cuts = micro_batches(rows, lengths, micro_tokens, train.micro_batch_size, train.processes)
            yield Step(index, (index + 1) / per_epoch, [self._collate(processor, part, cut, int(lengths[cut].max()), weights, config) for cut in cuts])

    def _weights(self, part, config):
        """Weight of each class, mean 1 over the rows: n / (classes x count)."""
        if config.options["class_weights"] == "none":
            return None
        counts = np.bincount(part["label"])
        return (len(part) / (len(counts) * np.maximum(counts, 1))).astype(np.float32)

    def _collate(self, processor, part, rows, longest, weights, config):
        import torch

        batch = pad([part["input_ids"][i] for i in rows], processor, longest)
        if "label" in part.columns:
            labels = part["label"][rows]
            batch["labels"] = torch.from_numpy(np.asarray(labels, np.int64))
            batch["weights"] = torch.from_numpy(weights[labels]) if weights is not None else torch.ones(len(rows))
            batch["smoothing"] = config.options["label_smoothing"]
        if "features" in part.columns:
            batch["features"] = torch.from_numpy(part["features"][rows])
        return batch

    def warm_start(self, model, processor, data, config, device, beat, tokens=0):
        if config.model.start == "scratch" or not config.options["head_first"]:
            return
        part, balanced = data["train"], config.options["class_weights"] == "balanced"
        rows, labels = spread(len(part), MOST_ROWS), np.asarray(part["label"])
        if "features" in part.columns:
            held, layer = data["validation"], last_linear(model, model.config.num_labels)
            if len(np.unique(labels[rows])) > 1:
                fit_layer(layer, part["features"][rows], labels[rows], (held["features"], np.asarray(held["label"])), balanced, beat)
            return
        fit_head(model, lambda ids: pad(ids, processor), [part["input_ids"][i] for i in rows], labels[rows], model.config.num_labels, device, beat, balanced, tokens or EVAL_TOKENS)

    def loss(self, model, batch):
        import torch.nn.functional as F

        if "features" in batch:
            logits = last_linear(model, model.config.num_labels)(batch["features"])
        else:
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        losses = F.cross_entropy(logits.float(), batch["labels"], reduction="none", label_smoothing=batch["smoothing"])
        return (losses * batch["weights"]).sum(), len(losses)

    # -- judging

    def _probabilities(self, model, processor, sequences, device, beat=lambda: None, micro_tokens=EVAL_TOKENS):
        """Class probabilities (rows x classes, float32), computed in batches of like length, in the given order."""
        import torch

        def logits(batch):
            return model(**{key: value.to(device) for key, value in batch.items()}).logits

        model.eval()
        with torch.inference_mode():
            return chances_of(logits, sequences, model.config.num_labels, processor, beat, micro_tokens)

    def _of_features(self, model, features: np.ndarray, device):
        """The same from the inputs of the last layer."""
        import torch

        with torch.inference_mode():
            return last_linear(model, model.config.num_labels)(torch.from_numpy(features).to(device)).float().softmax(-1).cpu().numpy()

    def metrics(self, model, processor, part, config, device, limit, beat, tokens=0):
        rows = spread(len(part), limit)
        truth = np.asarray(part["label"])[rows]
        if "features" in part.columns:
            chances = self._of_features(model, part["features"][rows], device)
        else:
            chances = self._probabilities(model, processor, [part["input_ids"][i] for i in rows], device, beat, tokens or EVAL_TOKENS)
        loss = -np.log(np.maximum(chances[np.arange(len(truth)), truth], 1e-12)).mean()
        return {"loss": float(loss)} | scores_of(truth, chances.argmax(-1))

    def report(self, model, processor, part, config, device, labels, texts):
        from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

        truth = np.asarray(part["label"])
        chances = self._probabilities(model, processor, [part["input_ids"][i] for i in range(len(part))], device)
        guess = chances.argmax(-1)
        indices = np.arange(len(labels))
        precision, recall, f1, rows = precision_recall_fscore_support(truth, guess, labels=indices, zero_division=0)
        wrong = sorted(np.flatnonzero(guess != truth), key=lambda i: -chances[i, guess[i]])[:200]
        return {
            "per_class": [
                {"label": name, "precision": float(precision[i]), "recall": float(recall[i]), "f1": float(f1[i]), "rows": int(rows[i])}
                for i, name in enumerate(labels)
            ],
            "confusion": {"labels": labels, "matrix": confusion_matrix(truth, guess, labels=indices).tolist()},
            "mistakes": [
                {"row": int(part.rows[i]) + 1, "text": texts[i][:500], "label": labels[truth[i]], "predicted": labels[guess[i]], "probability": float(chances[i, guess[i]])}
                for i in wrong
            ],
        }

    def baselines(self, dataset, data, part):
        from fm_gui.baselines import classification_baselines

        return classification_baselines(dataset, data, part)

    # -- using

    def predict(self, model, processor, inputs, knobs):
        yield from answers(self._probabilities(model, processor, read(processor, inputs), model.device), model.config.id2label)

    def toy(self):
        good = ["a joy to use", "works very well", "lovely and quick", "happy with it", "great value", "so pretty", "I like it a lot", "very good"]
        bad = ["broke at once", "waste of money", "slow and ugly", "never again", "does not work", "awful smell", "very bad", "I want it gone"]
        return [{"text": text, "label": label} for pair in zip(good, bad) for text, label in zip(pair, ("good", "bad"))]


def read(processor, inputs: list[dict]) -> list[list[int]]:
    """The tokens of each input's text, cut at model_max_length, which was set when the tokenizer was saved."""
    from fm_gui.models.tokenizers import ids_within

    return ids_within(processor, [str(one["text"]) for one in inputs], min(processor.model_max_length, LONGEST))[0]


def chances_of(logits_of: Callable, sequences, classes: int, processor, beat=lambda: None, micro_tokens: int = EVAL_TOKENS) -> np.ndarray:
    """Class probabilities (rows x classes, float32) in the given order; ``logits_of`` is asked in batches of like length."""
    from fm_gui.data.batching import micro_batches

    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    result = np.zeros((len(sequences), classes), np.float32)
    for rows in micro_batches(np.arange(len(sequences)), lengths, micro_tokens):
        result[rows] = logits_of(pad([sequences[i] for i in rows], processor)).float().softmax(-1).cpu().numpy()
        beat()
    return result


def answers(chances: np.ndarray, names: dict[int, str]) -> Iterator[dict]:
    """What Try and files show of each row of probabilities: the likeliest label, and all of them in falling order."""
    for row in chances:
        ranked = sorted(((names[i], float(p)) for i, p in enumerate(row)), key=lambda pair: -pair[1])
        yield {"label": ranked[0][0], "scores": dict(ranked)}


def scores_of(truth: np.ndarray, guess: np.ndarray) -> dict[str, float]:
    """Accuracy, and F1 averaged over the classes."""
    from sklearn.metrics import accuracy_score, f1_score

    return {"accuracy": float(accuracy_score(truth, guess)), "macro_f1": float(f1_score(truth, guess, average="macro", zero_division=0))}


def pad(sequences, processor, least: int = 1):
    """Token sequences as ``input_ids`` and ``attention_mask`` (rows x longest, or ``least`` if that is more), padded on the right."""
    import torch

    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    mask = np.arange(max(least, int(lengths.max()))) < lengths[:, None]
    ids = np.full(mask.shape, processor.pad_token_id, np.int64)
    ids[mask] = np.concatenate(sequences)  # row by row, as the mask is read
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


def spread(count: int, limit: int | None) -> np.ndarray:
    """At most ``limit`` of ``count`` rows, evenly spread: the same ones every time."""
    return np.arange(count) if limit is None or count <= limit else np.linspace(0, count - 1, limit).astype(np.int64)

