"""How much arithmetic training takes: the model FLOPs per token, which over the machine's peak give its utilisation (MFU).

Chowdhery et al. 2022, "PaLM", appendix B: six a weight that a token is multiplied with, and 12 x layers x width x context for
the attention. What an implementation does besides (padding, recomputing, the head where nothing is predicted) does not count.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


def flops_per_token(model: "torch.nn.Module | PretrainedConfig", context: int, head: float | None = None) -> float:
    """FLOPs of the forward and the backward pass for one token of a sequence of ``context`` tokens.

    ``head`` is the share of the tokens for which the output layer is computed: left out, all of them for a language model and
    one a sequence for any other (a masked language model's is the share of hidden tokens). Looking an embedding up is none.
    Of a config, the model that its ``architectures`` names is meant, or without one the body alone.
    """
    if not hasattr(model, "named_parameters"):
        model = _shape_of(model)
    body, output = _body_weights(model), _head_weights(model)
    if head is None:
        head = 1.0 if model.get_output_embeddings() is not None else 1.0 / context
    return body + head * output + _attention(model.config, context)


def _shape_of(config: "PretrainedConfig"):
    """The config's model without weights, on torch's meta device."""
    import torch
    import transformers

    name = (config.architectures or [""])[0]
    with torch.device("meta"):
        return getattr(transformers, name)(config) if hasattr(transformers, name) else transformers.AutoModel.from_config(config, trust_remote_code=False)


def _body_weights(model) -> float:
    """FLOPs a token of the body's matrices."""
    embeddings, config, total = _embeddings(model), model.config, 0.0
    for name, weight in model.base_model.named_parameters():
        if weight.ndim == 2 and id(weight) not in embeddings and "pooler" not in name:  # it pools once a sequence: part of the head
            shared = "layer_groups" in name  # ALBERT's layers are used again and again
            total += _flops(weight) * (config.num_hidden_layers / config.num_hidden_groups if shared else 1)
    return total


def _head_weights(model) -> float:
    """FLOPs of the output layer where it is computed, with the vocabulary's matrix also where it is the embedding's."""
    inside, output = {id(weight) for weight in model.base_model.parameters()}, model.get_output_embeddings()
    pooler = [weight for name, weight in model.base_model.named_parameters() if "pooler" in name]
    outside = [weight for weight in model.parameters() if id(weight) not in inside] if model.base_model is not model else []
    matrices = {id(weight): weight for weight in [*pooler, *outside] if weight.ndim == 2}
    if output is not None:
        matrices[id(output.weight)] = output.weight
    return sum(_flops(weight) for weight in matrices.values())


def _flops(weight) -> float:
    """Two in the forward pass, two for what goes further back, two for the weight's own gradient if it learns."""
    return weight.numel() * (6.0 if weight.requires_grad else 4.0)


def _embeddings(model) -> set[int]:
    import torch

    return {id(weight) for module in model.modules() if isinstance(module, torch.nn.Embedding) for weight in module.parameters()}


def _attention(config, context: int) -> float:
    """FLOPs a token of queries against keys and of weights times values, forward and backward; local layers see their window."""
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    window = getattr(config, "local_attention", None) or getattr(config, "sliding_window", None) or context
    return sum(12.0 * width * (min(context, window) if kind == "sliding_attention" else context) for kind in kinds)
