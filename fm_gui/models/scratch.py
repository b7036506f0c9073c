"""A new model with random weights, from the catalog and a seed."""

import math
from contextlib import contextmanager

from fm_gui.config import ModelSpec
from fm_gui.errors import UserError
from fm_gui.models.catalog import get_architecture, recommended


@contextmanager
def seeded(seed: int):
    """Inside, torch's CPU random numbers come from ``seed``; afterwards the global state is as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def build_scratch(spec: ModelSpec, auto_class: str, tokenizer, *, context: int = 0, dropout: float = 0.0, seed: int, **config_overrides):
    """A model of ``spec.architecture`` (empty: the recommended one) and ``spec.size`` with this head, in fp32 on the CPU.

    ``context`` 0 takes the size's default; the tokenizer's model_max_length is set to it, so that both are saved alike.
    """
    import torch
    import transformers

    architecture = get_architecture(spec.architecture) if spec.architecture else recommended(auto_class)
    if auto_class not in architecture.heads:
        raise UserError("model-head", name=architecture.name, type=architecture.name)
    config = architecture.config(spec.size, len(tokenizer), context, tokenizer, dropout)
    for name, value in config_overrides.items():
        setattr(config, name, value)
    with seeded(seed):
        model = getattr(transformers, auto_class).from_config(config, dtype=torch.float32, trust_remote_code=False)
    init_weights(model, architecture.name, seed)
    learn_every_token(model)
    tokenizer.model_max_length = config.max_position_embeddings
    return model


def init_weights(model, architecture: str, seed: int) -> None:
    """Random weights anew: NanoChat's by the recipe below, the others' by transformers' own rule."""
    import torch

    if architecture == "nanochat":
        _init_nanochat(model, torch.Generator().manual_seed(seed))
    else:
        with seeded(seed):
            model.apply(model._init_weights)


def _init_nanochat(model, generator) -> None:
    """The initialisation with which a small GPT reached a loss in a quarter of the steps of GPT-2's.

    Each block starts as the identity (output projections zero) and the model as a near-uniform guess (tiny output matrix).
    """
    import torch

    bound = math.sqrt(3 / model.config.hidden_size)  # a uniform distribution with this bound has standard deviation width^-0.5
    with torch.no_grad():
        for name, weight in model.named_parameters():
            match name.split(".")[-2]:
                case "embed_tokens":
                    weight.normal_(0, 0.8, generator=generator)
                case "lm_head":
                    weight.normal_(0, 0.001, generator=generator)
                case "q_proj" | "k_proj" | "v_proj":
                    weight.uniform_(-bound, bound, generator=generator)
                case "fc1":
                    weight.uniform_(-0.4 * bound, 0.4 * bound, generator=generator)
                case "o_proj" | "fc2":
                    weight.zero_()
                case other:
                    raise AssertionError(f"no rule to initialise {other} of {name}")


def learn_every_token(model) -> None:
    """Let the embedding of the padding token learn where that token also means something (GPT's end of text).

    torch gives the row at ``padding_idx`` no gradient, so the token between documents would stay at its first value.
    """
    config, embedding = model.config, model.get_input_embeddings()
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    if config.pad_token_id is not None and config.pad_token_id in (config.bos_token_id, *ends):
        embedding.padding_idx = None
