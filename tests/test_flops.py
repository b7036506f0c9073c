"""FLOPs a token against figures worked out by hand."""

import pytest
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
    NanoChatConfig,
    NanoChatForCausalLM,
)

from fm_gui.flops import flops_per_token

WIDTH, LAYERS, HIDDEN, VOCABULARY, CONTEXT = 64, 3, 256, 1000, 32
ATTENTION = 12 * LAYERS * WIDTH * CONTEXT
COMMON = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": HIDDEN, "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
LAYER = 4 * WIDTH * WIDTH + 2 * WIDTH * HIDDEN  # weights of a layer's matrices


def test_gpt2():
    config = GPT2Config(n_embd=WIDTH, n_layer=LAYERS, n_head=4, vocab_size=VOCABULARY, n_positions=CONTEXT)
    assert flops_per_token(GPT2LMHeadModel(config), CONTEXT) == 6 * (LAYERS * LAYER + VOCABULARY * WIDTH) + ATTENTION
    assert flops_per_token(GPT2LMHeadModel(config), 2 * CONTEXT, head=0) == 6 * LAYERS * LAYER + 2 * ATTENTION


def test_nanochat_and_its_config():
    config = NanoChatConfig(**COMMON, num_key_value_heads=2, tie_word_embeddings=False)
    layer = 2 * WIDTH * WIDTH + 2 * WIDTH * WIDTH // 2 + 2 * WIDTH * HIDDEN  # half as many heads of keys and values
    whole = 6 * (LAYERS * layer + VOCABULARY * WIDTH) + ATTENTION
    assert flops_per_token(NanoChatForCausalLM(config), CONTEXT) == whole
    config.architectures = ["NanoChatForCausalLM"]
    assert flops_per_token(config, CONTEXT) == whole
    config.architectures = None
    assert flops_per_token(config, CONTEXT) == whole - 6 * VOCABULARY * WIDTH


def test_bert_computes_its_head_where_tokens_are_hidden():
    config = BertConfig(**COMMON)
    head = WIDTH * WIDTH + VOCABULARY * WIDTH
    assert flops_per_token(BertForMaskedLM(config), CONTEXT, head=0.15) == pytest.approx(6 * (LAYERS * LAYER + 0.15 * head) + ATTENTION)
    classifier = BertForSequenceClassification(config)  # pools and classifies one token of each text
    assert flops_per_token(classifier, CONTEXT) == pytest.approx(6 * (LAYERS * LAYER + (WIDTH * WIDTH + 2 * WIDTH) / CONTEXT) + ATTENTION)


def test_local_layers_see_their_window():
    special = dict.fromkeys(("pad_token_id", "eos_token_id", "bos_token_id", "cls_token_id", "sep_token_id"), 0)
    config = ModernBertConfig(**COMMON, **special, global_attn_every_n_layers=3, local_attention=8)
    layer, head = 4 * WIDTH * WIDTH + 3 * WIDTH * HIDDEN, WIDTH * WIDTH + VOCABULARY * WIDTH
    attention = 12 * WIDTH * (CONTEXT + 2 * 8)
    assert flops_per_token(ModernBertForMaskedLM(config), CONTEXT) == 6 * (LAYERS * layer + head) + attention


def test_shared_layers_count_as_often_as_they_are_used():
    config = AlbertConfig(**COMMON, embedding_size=16)
    body = 6 * LAYERS * LAYER + ATTENTION
    got = flops_per_token(AlbertForMaskedLM(config), CONTEXT, head=0)
    assert got == body + 6 * 16 * WIDTH  # its embedding is widened once


def test_frozen_weights_take_no_gradient():
    config = BertConfig(**COMMON)
    model = BertForMaskedLM(config).requires_grad_(False)
    assert flops_per_token(model, CONTEXT, head=0) == 4 * LAYERS * LAYER + ATTENTION
