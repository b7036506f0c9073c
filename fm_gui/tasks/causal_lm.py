"""Causal language modelling: learn to write by predicting the next token (GPT-style pretraining, or continuing one)."""

import numpy as np

from fm_gui.config import ModelSpec, Settings, setting
from fm_gui.tasks.base import Kind
from fm_gui.tasks.language_modeling import LanguageModeling, block, borders, packed_mask


class Options(Settings):
    context: int = setting(0, "Context (tokens)", "How many tokens the model sees at once; more costs time and memory; 0 takes what suits the size.", ge=0, le=8192)


class PredictOptions(Settings):
    temperature: float = setting(0.8, "Temperature", "Higher writes more surprising text, lower more predictable; 0 always takes the likeliest token.", group="common", ge=0, le=5)
    max_new_tokens: int = setting(120, "Length (tokens)", "Writing stops after this many tokens, or when the text ends by itself.", group="common", ge=1, le=4096)
    top_p: float = setting(0.95, "Top-p", "Only the likeliest tokens that together reach this probability are considered; lower is safer, 1 considers all.", gt=0, le=1)
    top_k: int = setting(50, "Candidates (top-k)", "How many of the likeliest words are considered or shown.", ge=1, le=200)
    repetition_penalty: float = setting(1.1, "Repetition penalty", "Above 1, tokens already written become less likely; too high makes text wander.", ge=1, le=3)
    seed: int = setting(1, "Seed", "Every random choice comes from it: the same seed, data and settings give the same result.", ge=0, le=2**31 - 1)


class CausalLM(LanguageModeling):
    """GPT's next-token objective (Radford et al. 2018) on packed documents, each begun and ended by a border token."""

    name = "causal-lm"
    inputs = {"text": Kind.PROMPT}
    output = Kind.STREAM
    families = ("decoder",)
    head = "AutoModelForCausalLM"
    metric = "loss"
    higher_is_better = False
    Options = Options
    PredictOptions = PredictOptions

    def presets(self, model: ModelSpec, rows: int):
        common = {"batch_size": 8, "dropout": 0.0, "schedule": "linear", "warmup": 0.05, "weight_decay": 0.1, "learning_rate": 1e-4, "epochs": 3, "patience": 6}
        if model.start == "scratch":
            common |= {"schedule": "wsd", "warmup": 0.03, "batch_size": 16, "learning_rate": 3e-3}
            if model.architecture in ("", "nanochat"):
                common |= {"optimizer": "muon", "learning_rate": 0.02, "weight_decay": 0.0}
        return {name: common | {"minutes": minutes} for name, minutes in (("quick", 2.0), ("balanced", 10.0), ("best", 60.0))}

    def documents(self, rows, processor, config):
        from fm_gui.models.tokenizers import ids_of

        begin, end = border(processor)
        return [[begin, *ids, end] for ids in ids_of(processor, [row["text"] for row in rows], special=False)]

    def example(self, encoded, i, processor, config, labels):
        from fm_gui.models.tokenizers import show_ids

        pieces = show_ids(processor, encoded["input_ids"][i][: self.context(config) + 1])
        return {"input": pieces[:-1], "target": "".join(piece for piece, _ in pieces[1:13]) + (" …" if len(pieces) > 13 else "")}

    def collate(self, processor, stream, blocks, length, shift, key, config):
        import torch

        rows = [block(stream, int(b), length, shift, extra=1) for b in blocks]
        tokens, documents = np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])
        targets = tokens[:, 1:].copy()
        targets[documents[:, 1:] != documents[:, :-1]] = -100  # nobody can know how the next document begins
        return {
            "input_ids": torch.from_numpy(tokens[:, :-1].copy()),
            "targets": torch.from_numpy(targets),
            "documents": borders(documents[:, :-1].copy()),
            "positions": torch.from_numpy(np.stack([row[2] for row in rows])[:, :-1].copy()),
            "items": int((targets != -100).sum()),
        }

    def predicted(self, model, batch):
        mask = packed_mask(model.config, batch["documents"], causal=True)
        body = model.base_model(input_ids=batch["input_ids"], attention_mask=mask, position_ids=batch["positions"], use_cache=False)
        return body.last_hidden_state.flatten(0, 1), batch["targets"].flatten()

    def metrics(self, model, processor, part, config, device, limit, beat, tokens=0):
        loss, _ = self._mean_loss(model, processor, part, config, device, limit, beat, tokens)
        predicted, size = len(part["input_ids"].values) - len(part), int(np.asarray(part["bytes"], np.int64).sum())
        return {"loss": loss, "perplexity": float(np.exp(min(loss, 50))), "bits_per_byte": loss / np.log(2) * predicted / size}

    def baselines(self, dataset, data, part):
        from fm_gui.baselines import ngram_baselines

        return ngram_baselines(data, part)

    def samples(self, model, processor, part, config, device):
        prompts = ["", *(processor.decode(part["input_ids"][i][1:9]) for i in range(min(2, len(part))))]
        texts = []
        for number, prompt in enumerate(prompts):
            # each has its own luck: a model that has learned nothing yet would continue all alike
            knobs = PredictOptions(max_new_tokens=48, seed=PredictOptions().seed + number)
            texts.append({"prompt": prompt, "text": list(self.predict(model, processor, [{"text": prompt}], knobs))[-1]})
        return texts

    def predict(self, model, processor, inputs, knobs):
        model.eval()
        for one in inputs:
            begin, _ = border(processor)
            ids = [begin, *processor(str(one["text"]), add_special_tokens=False, verbose=False)["input_ids"]]
            yield str(one["text"])
            for written in write(model, processor, ids, knobs):
                yield processor.decode(written[1:], skip_special_tokens=True).rstrip("\ufffd")  # half a character is not shown


def border(processor) -> tuple[int, int]:
    """(token that begins a document, token that ends it): bos and eos, one standing in where the other is missing."""
    begin, end = processor.bos_token_id, processor.eos_token_id
    return (end if begin is None else begin), (begin if end is None else end)


def write(model, processor, ids: list[int], knobs: PredictOptions):
    """Continue ``ids`` token by token: yields all ids so far. Sampling has its own generator; temperature 0 is greedy."""
    import torch

    from fm_gui.models.writers import writer_of

    dice = torch.Generator(model.device).manual_seed(knobs.seed)
    context, end = model.config.max_position_embeddings, border(processor)[1]
    with torch.inference_mode():  # not around a yield: it is the thread's, and would stay on in whoever asks
        writer = writer_of(model)
    fresh = ids[-context:]
    for _ in range(knobs.max_new_tokens):
        if writer.length + len(fresh) > context:
            # the window is full: go on from its newer half, as the model knows no later positions
            writer.restart()
            fresh = ids[-max(1, context // 2) :]
        with torch.inference_mode():
            token = _choose(writer.read(fresh), ids, knobs, dice)
        if token == end:
            return
        ids, fresh = [*ids, token], [token]
        yield ids


def _choose(logits, ids: list[int], knobs: PredictOptions, dice) -> int:
    """The next token. What is not among the likeliest top-k takes no part, so that only they are sorted for top-p."""
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor, TopPLogitsWarper

    scores = logits[None]
    if knobs.repetition_penalty > 1:
        scores = RepetitionPenaltyLogitsProcessor(knobs.repetition_penalty)(torch.tensor([ids], device=logits.device), scores)
    if knobs.temperature == 0:
        return int(scores.argmax())
    values, tokens = (scores / knobs.temperature).topk(min(knobs.top_k, scores.shape[-1]))
    if knobs.top_p < 1:
        values = TopPLogitsWarper(knobs.top_p)(None, values)
    return int(tokens[0, torch.multinomial(values[0].softmax(-1), 1, generator=dice)])
