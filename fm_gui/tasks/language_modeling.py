"""What masked and causal language modelling share: documents packed into blocks, none seeing another.

All documents of a part stand after each other; a block is ``length`` tokens of that stream. Positions restart at each
document, and attention stays inside it (block-diagonal mask), so packing changes the speed, not what is learned:
Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination".
"""

import numpy as np

from fm_gui.errors import UserError
from fm_gui.tasks.base import Kind, Step, Task

EVAL_TOKENS = 4096  # in memory at once while judging


def blocks_in(tokens: int, length: int) -> int:
    """Whole blocks in a stream, the last one possibly short; at least 1."""
    return max(1, -(-tokens // length))


def block(stream, number: int, length: int, shift: int = 0, extra: int = 0):
    """(tokens, document numbers, positions), each ``length + extra`` long, of block ``number``.

    The stream is read as a ring, so every block is full and every token is seen once an epoch whatever the shift.
    The end of the ring starts a document anew: positions never run on from the last document into the first.
    """
    total = len(stream.values)
    at = (np.arange(length + extra) + number * length + shift) % total
    document = np.searchsorted(stream.offsets, at, side="right") - 1
    # a document cut by the block's start counts its positions from there, as the model never saw what stood before
    begins = np.flatnonzero(np.r_[True, (document[1:] != document[:-1]) | (at[1:] < at[:-1])])
    starts = np.zeros(len(at), np.int64)
    starts[begins] = begins
    positions = np.arange(len(at)) - np.maximum.accumulate(starts)
    return np.asarray(stream.values[at], np.int64), np.cumsum(positions == 0), positions


def borders(documents: np.ndarray):
    """The document numbers (rows x length) as a tensor; None if no block holds more than one, so that nothing need be masked."""
    import torch

    return None if (documents == documents[:, :1]).all() else torch.from_numpy(documents)


def packed_mask(config, documents, causal: bool):
    """Attention mask (rows, 1, length, length), True where a token may look: its own document (and, causal, its past).

    ``documents`` (rows x length) as ``borders`` gives them: None where the model's own mask says the same, which is faster.
    Models with local layers (ModernBERT) get one mask a layer type.
    """
    import torch

    if documents is None:
        return None
    same = documents[:, :, None] == documents[:, None, :]
    if causal:
        same &= torch.ones(same.shape[-2:], dtype=torch.bool, device=same.device).tril()
    mask = same[:, None]
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()) and not causal:
        places = torch.arange(documents.shape[1], device=documents.device)
        near = (places[:, None] - places[None, :]).abs() <= config.local_attention // 2
        return {"full_attention": mask, "sliding_attention": mask & near}
    return mask


def cap_of(model) -> float | None:
    """Within what a model keeps its logits (Gemma 2's soft capping), if it does."""
    return getattr(model.config, "final_logit_softcapping", None)


class LanguageModeling(Task):
    """Base of the two language-modelling tasks: one text column, blocks as items of a batch."""

    columns = {"text": Kind.TEXT}

    def check(self, data):
        if data.spec.rows and not len(data.parts()["train"]):
            raise UserError("no-usable-rows", name=data.spec.name)

    def check_prepared(self, data, config):
        tokens, needed = len(data["train"]["input_ids"].values), self.fewest_tokens(config)
        if tokens < needed:
            raise UserError("text-too-short", name=config.data.name, tokens=tokens, needed=needed)

    def fewest_tokens(self, config):
        return 2 * self.context(config)

    def complete(self, options, model, workspace):
        from fm_gui.models import hub
        from fm_gui.models.catalog import get_architecture

        if options["context"]:
            return options
        if model.start == "scratch":
            return options | {"context": get_architecture(model.architecture).size(model.size).context}
        return options | {"context": min(256, hub.load_tokenizer(workspace, model.start).model_max_length)}

    def context(self, config) -> int:
        """Tokens in a block."""
        return config.options["context"]

    def limit(self, config):
        return self.context(config)

    def build(self, config, labels, processor, workspace):
        return self.make(config, processor, workspace)

    def documents(self, rows, processor, config) -> list[list[int]]:
        """The token ids of each row's text, with the special tokens that the task puts around a document."""
        raise NotImplementedError

    def encode(self, rows, processor, config, labels):
        return {"input_ids": self.documents(rows, processor, config), "bytes": [len(row["text"].encode()) for row in rows]}

    def lengths(self, part, config):
        length = self.context(config)
        return np.full(blocks_in(len(part["input_ids"].values), length), length)

    def steps_per_epoch(self, part, config):
        return -(-len(self.lengths(part, config)) // config.train.batch_size)

    def batches(self, processor, part, config, at, micro_tokens):
        from fm_gui.data.batching import generator, micro_batches, steps

        train, stream, length = config.train, part["input_ids"], self.context(config)
        lengths, per_epoch = self.lengths(part, config), self.steps_per_epoch(part, config)
        for index, epoch, mine in steps(train.seed, len(lengths), train.batch_size, at):
            # each epoch cuts the stream elsewhere, so that the same text comes in other blocks
            shift = int(generator(train.seed, epoch, 1).integers(length))
            cuts = micro_batches(mine, lengths, micro_tokens, train.micro_batch_size, train.processes)
            micro = [self.collate(processor, stream, cut, length, shift, (train.seed, epoch), config) for cut in cuts]
            yield Step(index, (index + 1) / per_epoch, micro)

    def eval_batches(self, processor, part, config, micro_tokens, limit):
        """Micro-batches over (``limit`` evenly spread) blocks of a part, always the same."""
        from fm_gui.data.batching import micro_batches
        from fm_gui.tasks.text_classification import spread

        stream, length = part["input_ids"], self.context(config)
        length = min(length, len(stream.values))
        # only whole blocks: the ring would else count the first tokens twice
        blocks = spread(max(1, len(stream.values) // length), limit)
        for cut in micro_batches(blocks, np.full(int(blocks.max()) + 1, length), micro_tokens, 0):
            yield self.collate(processor, stream, cut, length, 0, (config.train.seed, 2**31), config)

    def collate(self, processor, stream, blocks, length, shift, key, config):
        """Blocks as a micro-batch of tensors; random choices depend on ``key`` and the block alone."""
        raise NotImplementedError

    def _mean_loss(self, model, processor, part, config, device, limit, beat, tokens=0):
        """(mean loss in nats, share predicted exactly) over a part."""
        import torch

        from fm_gui.tasks.vocabulary_loss import judged

        total = hits = items = 0.0
        model.eval()
        with torch.inference_mode():
            for batch in self.eval_batches(processor, part, config, tokens or EVAL_TOKENS, limit):
                batch = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
                hidden, targets = self.predicted(model, batch)
                loss, right = judged(hidden, model.get_output_embeddings(), targets, cap_of(model))
                total, hits, items = total + float(loss), hits + float(right), items + batch["items"]
                beat()
        return total / max(1, items), hits / max(1, items)

    def loss(self, model, batch):
        from fm_gui.tasks.vocabulary_loss import summed

        hidden, targets = self.predicted(model, batch)
        return summed(hidden, model.get_output_embeddings(), targets, cap_of(model)), batch["items"]

    def predicted(self, model, batch):
        """(what goes into the output layer, tokens x width; targets, -100 where none counts) of a batch with ``items`` that do."""
        raise NotImplementedError

    def toy(self):
        animals = ["cat", "dog", "hen", "cow"]
        places = ["in the house", "on the hill", "by the river", "under the old tree"]
        return [{"text": f"The {a} sleeps {p} and dreams of a warm day. The {a} is {p} again tomorrow. " * 12} for a in animals for p in places]
