"""Masked language modelling: learn a language by filling in hidden words (BERT-style self-supervised pretraining)."""

import numpy as np

from fm_gui.config import ModelSpec, Settings, setting
from fm_gui.tasks.base import Kind
from fm_gui.tasks.language_modeling import LanguageModeling, block, borders, packed_mask

STEP = 32  # predicted tokens: padded to a multiple of it (with targets that are ignored), as memory for logits of ever other sizes is not used again


class Options(Settings):
    context: int = setting(0, "Context (tokens)", "How many tokens the model sees at once; more costs time and memory; 0 takes what suits the size.", ge=0, le=8192)
    mask_probability: float = setting(0.15, "Share of hidden tokens", "How much of the text is hidden; more gives more to learn from each text but less to guess by.", gt=0, le=0.8)
    whole_word: bool = setting(True, "Hide whole words", "Hides all pieces of a word together, so that it cannot be guessed from its own rest.")


class PredictOptions(Settings):
    top_k: int = setting(10, "Candidates (top-k)", "How many of the likeliest words are considered or shown.", ge=1, le=200)


class MaskedLM(LanguageModeling):
    """BERT's masked language model (Devlin et al. 2019): 80 % [MASK], 10 % random, 10 % kept; fresh choices each epoch."""

    name = "masked-lm"
    inputs = {"text": Kind.MASKED}
    output = Kind.CANDIDATES
    families = ("encoder",)
    head = "AutoModelForMaskedLM"
    metric = "loss"
    higher_is_better = False
    Options = Options
    PredictOptions = PredictOptions

    def presets(self, model: ModelSpec, rows: int):
        scratch = model.start == "scratch"
        common = {
            "batch_size": 16, "learning_rate": 1e-3 if scratch else 1e-4, "weight_decay": 0.01,
            "schedule": "wsd" if scratch else "linear", "warmup": 0.05, "dropout": 0.0, "patience": 6,
        }
        return {name: common | {"minutes": minutes} for name, minutes in (("quick", 2.0), ("balanced", 10.0), ("best", 60.0))}

    def documents(self, rows, processor, config):
        from fm_gui.models.tokenizers import ids_of

        return ids_of(processor, [row["text"] for row in rows])  # the context limit is the blocks' business, not the tokenizer's

    def example(self, encoded, i, processor, config, labels):
        from fm_gui.data.prepare import Ragged

        ids = encoded["input_ids"][i][: self.context(config)]
        stream = Ragged(np.array(ids, np.int32), np.array([0, len(ids)]))
        batch = self.collate(processor, stream, [0], len(ids), 0, (config.train.seed, 0), config)
        seen = batch["input_ids"][0].tolist()
        hidden = [ids[j] for j in batch["chosen"].tolist()[: batch["items"]]]
        return {"input": list(zip(processor.convert_ids_to_tokens(seen), seen)), "target": " ".join(processor.convert_ids_to_tokens(hidden))}

    def collate(self, processor, stream, blocks, length, shift, key, config):
        import torch

        from fm_gui.data.batching import generator

        starts, special, vocabulary = _vocabulary(processor)
        rows = [block(stream, int(b), length, shift) for b in blocks]
        tokens = np.stack([row[0] for row in rows])
        targets, seen = tokens.copy(), tokens.copy()
        chosen = np.zeros(tokens.shape, bool)
        for i, b in enumerate(blocks):
            random = generator(*key, int(b), 2)
            chosen[i] = choose(tokens[i], starts, special, config.options, random)
            fate = random.random(length)
            seen[i][chosen[i] & (fate < 0.8)] = processor.mask_token_id
            swapped = chosen[i] & (fate >= 0.9)
            seen[i][swapped] = random.choice(vocabulary, int(swapped.sum()))
        where = np.flatnonzero(chosen)  # flat positions of the tokens to predict
        spare = -len(where) % STEP
        return {
            "input_ids": torch.from_numpy(seen),
            "documents": borders(np.stack([row[1] for row in rows])),
            "positions": torch.from_numpy(np.stack([row[2] for row in rows])),
            "chosen": torch.from_numpy(np.pad(where, (0, spare))),
            "targets": torch.from_numpy(np.pad(targets.ravel()[where], (0, spare), constant_values=-100)),
            "items": len(where),
        }

    def predicted(self, model, batch):
        from fm_gui.models.hub import first_position

        mask = packed_mask(model.config, batch["documents"], causal=False)
        positions = batch["positions"] + first_position(model.config.model_type, model.config.pad_token_id)
        body = model.base_model(input_ids=batch["input_ids"], attention_mask=mask, position_ids=positions)
        hidden = body.last_hidden_state.flatten(0, 1)[batch["chosen"]]  # the vocabulary head is the dearest part: only where needed
        return transform(model)(hidden), batch["targets"]

    def metrics(self, model, processor, part, config, device, limit, beat, tokens=0):
        loss, accuracy = self._mean_loss(model, processor, part, config, device, limit, beat, tokens)
        return {"loss": loss, "perplexity": float(np.exp(min(loss, 50))), "masked_accuracy": accuracy}

    def baselines(self, dataset, data, part):
        from fm_gui.baselines import unigram_baseline

        return unigram_baseline(data, part)

    def predict(self, model, processor, inputs, knobs):
        import torch

        from fm_gui.models.tokenizers import show_ids

        model.eval()
        for one in inputs:
            text = str(one["text"]).replace("[MASK]", processor.mask_token)
            batch = processor(text, truncation=True, return_tensors="pt").to(model.device)
            with torch.inference_mode():
                chances = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[0].float().softmax(-1)
            places = (batch["input_ids"][0] == processor.mask_token_id).nonzero().flatten()
            best = [chances[place].topk(min(knobs.top_k, chances.shape[-1])) for place in places]
            yield [[(piece, p) for (piece, _), p in zip(show_ids(processor, top.indices.tolist()), top.values.tolist())] for top in best]


def transform(model):
    """What a masked language model does to hidden states before its output layer gives the vocabulary's logits.

    transformers names it differently in each architecture and offers no accessor; AssertionError for an unknown one.
    """
    if hasattr(model, "cls"):  # BERT, MiniLM
        return model.cls.predictions.transform
    if hasattr(model, "lm_head"):  # RoBERTa and its kin
        return lambda h: model.lm_head.layer_norm(_gelu(model.lm_head.dense(h)))
    if hasattr(model, "generator_predictions"):  # ELECTRA
        return model.generator_predictions
    if hasattr(model, "predictions"):  # ALBERT
        return lambda h: model.predictions.LayerNorm(model.predictions.activation(model.predictions.dense(h)))
    if hasattr(model, "vocab_transform"):  # DistilBERT
        return lambda h: model.vocab_layer_norm(model.activation(model.vocab_transform(h)))
    assert hasattr(model, "head") and hasattr(model, "decoder"), f"no masked-LM head known for {type(model).__name__}"
    return model.head  # ModernBERT


def _gelu(hidden):
    import torch.nn.functional as F

    return F.gelu(hidden)


def choose(tokens, starts, special, options, random):
    """Which tokens of one block to predict (bool, same shape): by word if ``whole_word``, never special ones, at least one."""
    usable = ~special[tokens]
    words = np.cumsum(starts[tokens] | ~usable) if options["whole_word"] else np.arange(len(tokens))
    drawn = random.random(int(words[-1]) + 1)
    chosen = (drawn < options["mask_probability"])[words] & usable
    if not chosen.any() and usable.any():
        chosen = (words == words[usable][drawn[words[usable]].argmin()]) & usable
    return chosen


def _vocabulary(processor):
    """(starts a word?, is special?, ids of ordinary tokens), by token id; cached on the tokenizer, which is the owner."""
    known = processor.__dict__.get("_fm_gui_vocabulary")
    if known is None:
        pieces = processor.convert_ids_to_tokens(list(range(len(processor))))
        # byte-level BPE and sentencepiece mark a word's beginning, WordPiece what is not one
        begin = next((mark for mark in ("Ġ", "▁") if any(piece.startswith(mark) for piece in pieces)), None)
        starts = np.array([piece.startswith(begin) if begin else not piece.startswith("##") for piece in pieces])
        special = np.zeros(len(pieces), bool)
        special[processor.all_special_ids] = True
        known = processor.__dict__["_fm_gui_vocabulary"] = (starts, special, np.flatnonzero(~special))
    return known
