"""A language model that reads on, token by token, with what it has read kept: what generation needs, at little more than its sums.

A small model spends most of a token's time between its sums, in modules, masks and caches that fit every model.
"""

import torch
import torch.nn.functional as F
from transformers import DynamicCache, NanoChatForCausalLM


def writer_of(model) -> "Writer":
    """The fastest writer for this model."""
    return NanoChatWriter(model) if NanoChatWriter.fits(model) else Writer(model)


class Writer:
    """Any causal language model, through its own forward. ``length`` is how many tokens it has read."""

    def __init__(self, model):
        self.model = model
        self.restart()

    def restart(self) -> None:
        """Forget all that was read."""
        self.cache = DynamicCache(config=self.model.config)

    @property
    def length(self) -> int:
        return self.cache.get_seq_length()

    def read(self, ids: list[int]) -> torch.Tensor:
        """Read on; returns the logits of the token after the last (float32, one per token of the vocabulary)."""
        tokens = torch.tensor([ids], device=self.model.device)
        return self.model(input_ids=tokens, past_key_values=self.cache, use_cache=True, logits_to_keep=1).logits[0, -1].float()


class NanoChatWriter(Writer):
    """NanoChat's forward as plain sums on its own weights, keys and values in a cache of fixed size.

    The same numbers as transformers' NanoChatForCausalLM in fp32, to float tolerance.
    """

    @staticmethod
    def fits(model) -> bool:
        config = model.config
        alike = isinstance(model, NanoChatForCausalLM) and model.dtype == torch.float32
        return alike and config.rope_parameters["rope_type"] == "default" and config.hidden_act == "relu2"

    def __init__(self, model):
        config, body = model.config, model.model
        self.dim, self.eps, self.cap = body.layers[0].self_attn.head_dim, config.rms_norm_eps, config.final_logit_softcapping
        self.heads, self.grouped = config.num_attention_heads, config.num_attention_heads != config.num_key_value_heads
        positions = torch.arange(config.max_position_embeddings, device=model.device)
        cos, sin = body.rotary_emb(body.embed_tokens.weight[:1], positions[None])
        sin[..., self.dim // 2 :].neg_()  # with it, turning half the numbers is a roll
        self.cos, self.sin = cos[0, :, None], sin[0, :, None]  # positions x 1 x dim
        size = (config.num_hidden_layers, config.num_key_value_heads, config.max_position_embeddings, self.dim)
        self.keys, self.values = torch.zeros(2, *size, device=model.device, dtype=model.dtype)
        super().__init__(model)

    def restart(self) -> None:
        self._length = 0

    @property
    def length(self) -> int:
        return self._length

    def read(self, ids: list[int]) -> torch.Tensor:
        body = self.model.model
        x = self._norm(F.embedding(torch.tensor(ids, device=self.keys.device), body.embed_tokens.weight))
        for number, layer in enumerate(body.layers):
            x = self._attend(layer.self_attn, self._norm(x), number).add_(x)
            x = F.linear(F.linear(self._norm(x), layer.mlp.fc1.weight).relu_().square_(), layer.mlp.fc2.weight).add_(x)
        self._length += len(ids)
        logits = F.linear(self._norm(x[-1]), self.model.lm_head.weight).float()
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        return x.square().mean(-1, True).add_(self.eps).rsqrt_().mul(x)  # F.rms_norm takes thrice as long on a CPU

    def _attend(self, own, x: torch.Tensor, number: int) -> torch.Tensor:
        begin, end = self._length, self._length + len(x)
        query, key, value = (F.linear(x, part.weight, part.bias) for part in (own.q_proj, own.k_proj, own.v_proj))
        turned = self._turned(torch.cat((query, key), -1).view(len(x), -1, self.dim)).transpose(0, 1)
        query, keys, values = turned[: self.heads], self.keys[number, :, :end], self.values[number, :, :end]
        keys[:, begin:], values[:, begin:] = turned[self.heads :], value.view(len(x), -1, self.dim).transpose(0, 1)
        mask = None if begin == 0 or len(x) == 1 else torch.ones(len(x), end, dtype=torch.bool, device=x.device).tril(begin)
        found = F.scaled_dot_product_attention(query[None], keys[None], values[None], mask, is_causal=begin == 0 and len(x) > 1, scale=own.scaling, enable_gqa=self.grouped)
        return F.linear(found[0].transpose(0, 1).reshape(len(x), -1), own.o_proj.weight, own.o_proj.bias)

    def _turned(self, x: torch.Tensor) -> torch.Tensor:
        """Rotary positions, then the norm."""
        at = slice(self._length, self._length + len(x))
        return self._norm(torch.addcmul(x * self.cos[at], x.roll(self.dim // 2, -1), self.sin[at]))
