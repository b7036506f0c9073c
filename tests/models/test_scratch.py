"""New models: the same from the same seed, initialised as said, and every token can learn."""

import random

import numpy as np
import pytest
from small_models import bpe, small, wordpiece

from fm_gui.config import ModelSpec
from fm_gui.errors import UserError
from fm_gui.models.catalog import ARCHITECTURES, CAUSAL, CLASSIFY, MASKED
from fm_gui.models.scratch import build_scratch, init_weights

torch = pytest.importorskip("torch")

CASES = [(a.name, head) for a in ARCHITECTURES for head in a.heads]


def differ(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return [name for (name, a), b in pairs if not torch.equal(a, b)]


@pytest.mark.parametrize("name,head", CASES)
def test_same_seed_same_model_and_the_global_random_state_is_left_alone(name, head):
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    one, tokenizer = small(name, head, seed=3)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1]
    assert torch.equal(before[0], after[0]) and before[1] == after[1] and (before[2] == after[2]).all()
    torch.rand(7)  # what others draw must not matter
    two, _ = small(name, head, seed=3)
    other, _ = small(name, head, seed=4)
    assert not differ(one, two)
    assert len(differ(one, other)) > 5
    assert next(one.parameters()).dtype == torch.float32
    assert one.config.vocab_size == len(tokenizer) and tokenizer.model_max_length == 32


@pytest.mark.parametrize("name,head", CASES)
def test_a_new_model_has_a_finite_loss_near_chance_and_gradients_everywhere(name, head):
    classes = {"num_labels": 3} if head == CLASSIFY else {}
    model, tokenizer = small(name, head, **classes)
    batch = tokenizer(["The parcel arrived late.", "今天天气很好"], padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    labels = torch.tensor([2, 0]) if head == CLASSIFY else batch["input_ids"]
    loss = model(**batch, labels=labels).loss
    loss.backward()
    chance = np.log(3 if head == CLASSIFY else len(tokenizer))
    assert abs(loss.item() - chance) < 0.6
    # the output projections are zero at first, so what stands before them gets its gradient one step later
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert not missing


def test_nanochat_starts_as_its_recipe_says():
    model, _ = small("nanochat", CAUSAL)
    width = model.config.hidden_size
    layer = model.model.layers[0]
    assert model.model.embed_tokens.weight.std().item() == pytest.approx(0.8, rel=0.05)
    assert model.lm_head.weight.std().item() == pytest.approx(0.001, rel=0.05)
    for matrix, std in [(layer.self_attn.q_proj, 1), (layer.self_attn.k_proj, 1), (layer.self_attn.v_proj, 1), (layer.mlp.fc1, 0.4)]:
        assert matrix.weight.std().item() == pytest.approx(std * width**-0.5, rel=0.05)
        assert matrix.weight.abs().max().item() <= std * (3 / width) ** 0.5
    for block in model.model.layers:
        assert not block.self_attn.o_proj.weight.any() and not block.mlp.fc2.weight.any()
    assert model.model.embed_tokens.weight is not model.lm_head.weight


@pytest.mark.parametrize("name,head", [("bert", MASKED), ("gpt2", CAUSAL), ("nanochat", CAUSAL)])
def test_init_weights_starts_anew(name, head):
    model, _ = small(name, head, seed=5)
    fresh = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1)
    init_weights(model, name, 5)
    changed = [key for key, value in model.state_dict().items() if not torch.equal(value, fresh[key])]
    assert not changed


@pytest.mark.parametrize("name", ["gpt2", "nanochat"])
def test_the_token_between_documents_learns(name):
    model, tokenizer = small(name, CAUSAL)
    end = tokenizer.eos_token_id
    assert end == tokenizer.pad_token_id
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.02)  # zero projections pass nothing on
    ids = torch.tensor([[end, 300, 301, 302]])
    model(input_ids=ids, labels=ids).loss.backward()
    assert model.get_input_embeddings().weight.grad[end].abs().sum() > 0


def test_overrides_reach_the_config_and_what_does_not_fit_is_refused():
    names = ["no", "maybe", "yes"]
    model, _ = small("gpt2", CLASSIFY, num_labels=3, id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})
    assert model.config.num_labels == 3 and model.config.id2label[2] == "yes" and model.score.out_features == 3
    with pytest.raises(UserError) as problem:
        build_scratch(ModelSpec(architecture="nanochat", size="1m"), CLASSIFY, bpe(), seed=1)
    assert problem.value.code == "model-head"
    assert build_scratch(ModelSpec(size="1m"), MASKED, wordpiece(), seed=1).config.model_type == "modernbert"
