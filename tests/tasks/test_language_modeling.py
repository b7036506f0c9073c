"""Packing, masking and generation against the plain computation."""

import numpy as np
import pytest
import torch

from fm_gui.data.prepare import Ragged
from fm_gui.tasks import causal_lm, masked_lm, vocabulary_loss
from fm_gui.tasks.language_modeling import block, borders, packed_mask
from tests.train.jobs import toy_job


def stream_of(*documents):
    return Ragged(np.concatenate(documents).astype(np.int32), np.cumsum([0, *map(len, documents)]))


def test_blocks_cover_every_token_and_know_their_documents():
    stream = stream_of([1, 2, 3, 4, 5], [6, 7], [8, 9, 10])
    tokens, documents, positions = block(stream, 0, 6)
    assert tokens.tolist() == [1, 2, 3, 4, 5, 6]
    assert documents.tolist() == [1, 1, 1, 1, 1, 2]
    assert positions.tolist() == [0, 1, 2, 3, 4, 0]
    tokens, documents, positions = block(stream, 1, 6)
    assert tokens.tolist() == [7, 8, 9, 10, 1, 2]  # the ring closes, as a new document
    assert documents.tolist() == [1, 2, 2, 2, 3, 3]
    assert positions.tolist() == [0, 0, 1, 2, 0, 1]


def test_one_document_does_not_run_on_into_its_own_beginning():
    _, documents, positions = block(stream_of([1, 2, 3, 4]), 0, 6)
    assert documents.tolist() == [1, 1, 1, 1, 2, 2] and positions.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(("name", "architecture"), [("masked-lm", "bert"), ("masked-lm", "modernbert"), ("causal-lm", "gpt2"), ("causal-lm", "nanochat")])
def test_packed_documents_do_not_see_each_other(workspace, name, architecture):
    job, _ = toy_job(workspace, name, architecture=architecture, options={"context": 192} if architecture == "modernbert" else None)
    model = job.model.eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from zero, so that every path through the model shows
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())) * 0.05)
    long = 150 if architecture == "modernbert" else 20  # beyond ModernBERT's local window
    random = torch.Generator().manual_seed(0)
    one, two = (torch.randint(5, 60, (1, size), generator=random) for size in (long, 12))
    documents = torch.cat([torch.zeros(1, long), torch.ones(1, 12)], 1)
    positions = torch.cat([torch.arange(long), torch.arange(12)])[None]
    mask = packed_mask(model.config, documents, causal=name == "causal-lm")
    with torch.no_grad():
        packed = model(input_ids=torch.cat([one, two], 1), attention_mask=mask, position_ids=positions).logits
        alone = torch.cat([model(input_ids=one).logits, model(input_ids=two).logits], 1)
    assert torch.allclose(packed, alone, atol=1e-4)


@pytest.mark.parametrize(("name", "architecture"), [("masked-lm", "bert"), ("masked-lm", "modernbert"), ("causal-lm", "gpt2"), ("causal-lm", "nanochat")])
def test_blocks_of_one_document_need_no_mask(workspace, name, architecture):
    job, _ = toy_job(workspace, name, architecture=architecture)
    model, causal, long = job.model.eval(), name == "causal-lm", 150  # beyond ModernBERT's local window
    whole = np.ones((2, long), np.int64)
    assert borders(whole) is None
    ids, documents = torch.randint(5, 60, whole.shape, generator=torch.Generator().manual_seed(0)), torch.from_numpy(whole)
    if architecture in ("gpt2", "bert"):  # learned positions end with the context
        ids, documents = ids[:, :32], documents[:, :32]
    with torch.no_grad():
        plain = model(input_ids=ids, attention_mask=packed_mask(model.config, None, causal)).logits
        masked = model(input_ids=ids, attention_mask=packed_mask(model.config, documents, causal)).logits
    assert torch.allclose(plain, masked, atol=1e-4)


def test_positions_of_roberta_begin_after_its_padding():
    """Given from outside they must be those it counts itself, else it trains on places it does not know."""
    from transformers import RobertaConfig, RobertaForMaskedLM

    from fm_gui.models.hub import first_position

    config = RobertaConfig(vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, max_position_embeddings=40)
    model = RobertaForMaskedLM(config).eval()
    ids = torch.arange(5, 25)[None]
    positions = torch.arange(20)[None] + first_position(config.model_type, config.pad_token_id)
    mask = packed_mask(config, torch.zeros(1, 20), causal=False)
    with torch.no_grad():
        ours = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        assert torch.allclose(ours, model(input_ids=ids).logits, atol=1e-5)


@pytest.mark.parametrize("kind", ["Electra", "Albert", "DistilBert", "Roberta"])
def test_the_head_is_found_in_other_families(kind):
    import transformers

    config = getattr(transformers, f"{kind}Config")(vocab_size=60, hidden_size=32, embedding_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    model = getattr(transformers, f"{kind}ForMaskedLM")(config).eval()
    ids = torch.arange(5, 25)[None]
    with torch.no_grad():
        hidden = model.base_model(input_ids=ids).last_hidden_state
        logits = model.get_output_embeddings()(masked_lm.transform(model)(hidden))
        assert torch.allclose(logits, model(input_ids=ids).logits, atol=1e-5)


def full_loss(job, batch):
    """The batch's loss by the model's own forward pass: logits of every token, and torch's cross-entropy."""
    causal = job.task.name == "causal-lm"
    mask = packed_mask(job.model.config, batch["documents"], causal=causal)
    logits = job.model(input_ids=batch["input_ids"], attention_mask=mask, position_ids=batch["positions"]).logits.flatten(0, 1)
    return torch.nn.functional.cross_entropy(logits if causal else logits[batch["chosen"]], batch["targets"].flatten(), reduction="sum")


@pytest.mark.parametrize(("name", "architecture"), [("masked-lm", "bert"), ("masked-lm", "modernbert"), ("causal-lm", "gpt2"), ("causal-lm", "nanochat")])
def test_loss_and_gradients_equal_the_full_head(workspace, name, architecture, monkeypatch):
    job, _ = toy_job(workspace, name, architecture=architecture)
    batch = job.task.collate(job.processor, job.data["train"]["input_ids"], range(6), 32, 0, (1, 0), job.config)
    assert batch["items"] == int((batch["targets"] != -100).sum())
    assert name == "causal-lm" or len(batch["chosen"]) % masked_lm.STEP == 0
    monkeypatch.setitem(vocabulary_loss.VALUES, "cpu", 7 * job.model.config.vocab_size)  # in pieces of seven tokens
    results = []
    for loss in (lambda: full_loss(job, batch), lambda: job.task.loss(job.model, batch)[0]):
        job.model.zero_grad()
        value = loss()
        value.backward()
        results.append((value.item(), torch.cat([p.grad.flatten() for p in job.model.parameters()])))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    assert torch.allclose(results[0][1], results[1][1], atol=1e-4)
    with torch.inference_mode():
        hidden, targets = job.task.predicted(job.model, batch)
        judged, hits = vocabulary_loss.judged(hidden, job.model.get_output_embeddings(), targets)
    assert judged.item() == pytest.approx(results[0][0], rel=1e-5) and 0 <= hits <= batch["items"]


def test_the_first_token_of_the_next_document_is_never_asked_for(workspace):
    job, _ = toy_job(workspace, "causal-lm")
    stream = job.data["train"]["input_ids"]
    _, end = causal_lm.border(job.processor)
    batch = job.task.collate(job.processor, stream, range(60), 64, 0, (1, 0), job.config)
    at_end = (batch["input_ids"] == end) & (batch["positions"] > 0)
    assert at_end.any() and (batch["targets"][at_end] == -100).all()


def test_masking_is_80_10_10_whole_words_and_changes_each_epoch(workspace):
    job, _ = toy_job(workspace, "masked-lm")
    stream, length, blocks = job.data["train"]["input_ids"], 32, range(60)
    batch = job.task.collate(job.processor, stream, blocks, length, 0, (1, 0), job.config)
    chosen, seen, targets = batch["chosen"][: batch["items"]], batch["input_ids"].flatten(), batch["targets"][: batch["items"]]
    share = len(chosen) / seen.numel()
    assert 0.10 < share < 0.20
    masked = (seen[chosen] == job.processor.mask_token_id).float().mean().item()
    kept = (seen[chosen] == targets).float().mean().item()
    assert masked == pytest.approx(0.8, abs=0.07) and kept == pytest.approx(0.1, abs=0.07)
    again = job.task.collate(job.processor, stream, blocks, length, 0, (1, 0), job.config)
    later = job.task.collate(job.processor, stream, blocks, length, 0, (1, 1), job.config)
    assert torch.equal(again["input_ids"], batch["input_ids"]) and not torch.equal(later["input_ids"], batch["input_ids"])
    assert not torch.isin(targets, torch.tensor(job.processor.all_special_ids)).any()


def test_a_word_is_hidden_with_all_its_pieces():
    starts, special = np.array([True, True, False, False, True]), np.array([True, False, False, False, False])
    tokens = np.array([0, 1, 2, 3, 4, 1, 2, 0])  # [special] word+piece+piece word word+piece [special]
    options = {"whole_word": True, "mask_probability": 0.5}
    for seed in range(30):
        chosen = masked_lm.choose(tokens, starts, special, options, np.random.default_rng(seed))
        assert chosen.any() and not chosen[[0, 7]].any()
        assert chosen[1] == chosen[2] == chosen[3] and chosen[5] == chosen[6]


@pytest.mark.parametrize("architecture", ["gpt2", "nanochat"])
def test_greedy_writing_equals_generate_beyond_the_window_too(workspace, architecture):
    job, _ = toy_job(workspace, "causal-lm", architecture=architecture)
    with torch.no_grad():
        for weight in job.model.parameters():  # fresh ones are zero in places, and would hide what is wrong there
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    model = job.model.eval()
    knobs = causal_lm.PredictOptions(temperature=0, repetition_penalty=1.2, max_new_tokens=16)
    ids = job.processor("The cat sleeps")["input_ids"]
    *_, ours = causal_lm.write(model, job.processor, ids, knobs)
    theirs = model.generate(torch.tensor([ids]), do_sample=False, repetition_penalty=1.2, max_new_tokens=16, pad_token_id=0)
    assert ours == theirs[0].tolist()[: len(ours)]
    long = list(causal_lm.write(model, job.processor, ids, causal_lm.PredictOptions(max_new_tokens=80)))
    assert len(long) == 80 or job.processor.eos_token_id is not None
    assert long == list(causal_lm.write(model, job.processor, ids, causal_lm.PredictOptions(max_new_tokens=80)))  # seeded


def test_what_an_untrained_model_writes_differs_from_prompt_to_prompt(workspace):
    job, _ = toy_job(workspace, "causal-lm", architecture="nanochat")

    def written() -> list[str]:
        made = job.task.samples(job.model, job.processor, job.data["validation"], job.config, job.device)
        return [one["text"].removeprefix(one["prompt"]) for one in made]

    first = written()
    assert len(first) == len(set(first)) == 3
    assert written() == first
