"""The catalog's counts and configs against the models that transformers really builds."""

import subprocess
import sys

import pytest
from small_models import bpe, wordpiece

from fm_gui.errors import UserError
from fm_gui.models.catalog import (
    ARCHITECTURES,
    CAUSAL,
    CLASSIFY,
    MASKED,
    PACKAGED,
    architectures_for,
    find_architecture,
    get_architecture,
    recommended,
    short,
    size_hint,
    usual_size,
)


def tokenizer_for(architecture):
    return {"wordpiece": wordpiece, "bpe": bpe}[architecture.tokenizer]()


CASES = [(a.name, size, head) for a in ARCHITECTURES for size in ("1m", "30m", "350m") for head in a.heads]


@pytest.mark.parametrize("name,size,head", CASES)
def test_parameters_are_those_of_the_real_model(name, size, head):
    import torch
    import transformers

    architecture = get_architecture(name)
    config = architecture.config(size, 1234, 77, tokenizer_for(architecture))
    config.num_labels = 5
    with torch.device("meta"):
        model = getattr(transformers, head).from_config(config)
    assert model.num_parameters() == architecture.parameters(size, 1234, 77, head, labels=5)


@pytest.mark.parametrize("name,size", [(a.name, size) for a in ARCHITECTURES for size in a.sizes])
def test_sizes_are_named_by_their_parameters(name, size):
    named = float(size[:-1]) * 1e6
    assert get_architecture(name).parameters(size, 4096 if size == "1m" else 8192) == pytest.approx(named, rel=0.13)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_shapes_are_sound(architecture):
    assert list(architecture.sizes) == ["1m", "5m", "12m", "30m", "85m", "350m"]
    for size in architecture.sizes.values():
        assert size.width // size.heads in (32, 64) and size.width % size.heads == 0
    contexts = [architecture.context(size) for size in architecture.sizes]
    assert contexts == ([128, 128, 128, 256, 512, 512] if architecture.family == "encoder" else [256, 256, 256, 512, 1024, 1024])


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
def test_config_takes_special_tokens_and_dropout_as_given(architecture):
    tokenizer = tokenizer_for(architecture)
    config = architecture.config("1m", len(tokenizer), 0, tokenizer, dropout=0.25)
    assert config.model_type == architecture.name and config.vocab_size == len(tokenizer)
    assert config.max_position_embeddings == architecture.context("1m")
    assert config.pad_token_id == tokenizer.pad_token_id
    if architecture.name == "modernbert":
        assert (config.cls_token_id, config.sep_token_id) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
        assert config.layer_types == ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
    if architecture.family == "decoder":
        assert config.bos_token_id == config.eos_token_id == tokenizer.eos_token_id
    dropped = {name: value for name, value in config.to_dict().items() if ("dropout" in name or name.endswith("pdrop")) and "summary" not in name}
    assert dropped and set(dropped.values()) <= {0.25, None}
    still = architecture.config("1m", len(tokenizer), 0, tokenizer).to_dict()
    assert {still[name] for name in dropped} <= {0.0, None}


def test_heads_are_those_of_transformers():
    from transformers.models.auto import modeling_auto as auto

    real = {
        MASKED: auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        CAUSAL: auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        CLASSIFY: auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    }
    for architecture in ARCHITECTURES:
        there = {head for head, names in real.items() if architecture.name in names}
        if architecture.family == "encoder":
            there -= {CAUSAL}  # transformers has BertLMHeadModel; an encoder never continues text here
        assert set(architecture.heads) == there


def test_recommended_architectures():
    assert [a.name for a in architectures_for(MASKED)] == ["modernbert", "bert"]
    assert [a.name for a in architectures_for(CAUSAL)] == ["nanochat", "gpt2"]
    assert [a.name for a in architectures_for(CLASSIFY)] == ["modernbert", "bert", "gpt2"]
    assert recommended(CLASSIFY).name == "modernbert"
    assert [a.family for a in ARCHITECTURES if a.recommended] == ["encoder", "decoder"]


def test_unknown_names_list_the_known():
    with pytest.raises(UserError, match="bert, nanochat, gpt2"):
        get_architecture("lstm")
    with pytest.raises(UserError, match="1m, 5m, 12m"):
        get_architecture("bert").parameters("7b", 8192)
    assert find_architecture("lstm") is None


def test_packaged_parameters_are_those_of_the_file():
    from importlib import import_module
    from pathlib import Path

    from fm_gui.models.hub import count_parameters

    for packaged in PACKAGED.values():
        folder = Path(getattr(import_module(packaged.module), packaged.function)())
        assert count_parameters(folder) == packaged.parameters


def test_size_hint_speaks_of_the_text_and_the_model():
    key, values = size_hint(5_360_000, 3_000_000)
    assert (key, values) == ("hint.model-size", {"text": "3 MB", "supported": "1M", "parameters": "5.36M"})
    assert size_hint(1_100_000, 3_000_000) is None
    assert size_hint(1_100_000, 0) is not None
    assert size_hint(1_270_000, 1_620_000, smallest=True) is None  # a smaller one cannot be chosen
    assert size_hint(1_270_000, 10_000, smallest=True)[0] == "hint.little-text"


@pytest.mark.parametrize("number,text", [(999, "999"), (1_234, "1.23k"), (1_100_000, "1.1M"), (337_000_000, "337M"), (1.2e9, "1.2B")])
def test_short(number, text):
    assert short(number) == text


def test_words_of_every_architecture_and_packaged_model():
    from fm_gui.text.models import WORDS

    for name in [f"architecture.{a.name}" for a in ARCHITECTURES] + [f"start.{p}" for p in (*PACKAGED, "scratch", "run")]:
        for key in (name, name + ".about"):
            assert all(WORDS[key]) and WORDS[key][1] != ""


def test_the_page_part_imports_no_torch():
    code = (
        "import sys; from fm_gui.models import catalog, hub, scratch, tokenizers;"
        "[a.parameters('5m', 8192) for a in catalog.ARCHITECTURES]; hub.supports('bert', catalog.CAUSAL);"
        "assert not {'torch', 'transformers', 'tokenizers'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.name)
def test_the_usual_size_is_one_that_the_text_can_feed(architecture):
    sizes = [usual_size(architecture, 4096, text, architecture.heads[0]) for text in (10_000, 3_000_000, 20_000_000, 10**12)]
    assert sizes == ["1m", "1m", "5m", "5m"]
    for size, text in zip(sizes[1:], (3_000_000, 20_000_000, 10**12)):
        assert size_hint(architecture.parameters(size, 4096), text) is None
