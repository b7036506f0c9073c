"""A model that reads on token by token gives the numbers of its own forward."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, NanoChatConfig, NanoChatForCausalLM

from fm_gui.models.writers import NanoChatWriter, writer_of

SHAPE = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "max_position_embeddings": 32, "vocab_size": 61, "pad_token_id": 0}


def nanochat(**more):
    torch.manual_seed(0)
    model = NanoChatForCausalLM(NanoChatConfig(**SHAPE | {"num_key_value_heads": 4, "tie_word_embeddings": False} | more)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    return model


MODELS = {
    "nanochat": nanochat,
    "capped": lambda: nanochat(final_logit_softcapping=15.0),
    "grouped": lambda: nanochat(num_key_value_heads=2),
    "biased": lambda: nanochat(attention_bias=True),
    "tied": lambda: nanochat(tie_word_embeddings=True),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(n_embd=48, n_layer=2, n_head=4, n_positions=32, vocab_size=61)).eval(),
}


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_the_whole_model(name):
    model, ids = MODELS[name](), torch.randint(0, 61, (32,), generator=torch.Generator().manual_seed(1)).tolist()
    with torch.inference_mode():
        wanted = model(input_ids=torch.tensor([ids])).logits[0].float()
        writer = writer_of(model)
        assert isinstance(writer, NanoChatWriter) == (name != "gpt2")
        for _ in range(2):  # again after a restart: nothing of before is seen
            writer.restart()
            for begin, end in ((0, 7), (7, 8), (8, 20), *((n, n + 1) for n in range(20, 32))):
                got = writer.read(ids[begin:end])
                assert writer.length == end and torch.allclose(got, wanted[end - 1], atol=1e-4), (begin, end)


def test_other_positions_or_activations_take_the_models_own_forward():
    assert not NanoChatWriter.fits(nanochat(hidden_act="gelu"))
    assert not NanoChatWriter.fits(nanochat(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}))
