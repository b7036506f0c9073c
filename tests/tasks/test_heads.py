"""A head fitted first: it knows at once what the features tell, and nothing else of the model moves."""

import copy

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2ForSequenceClassification

from fm_gui.tasks.heads import fit_head, last_linear
from fm_gui.tasks.text_classification import pad

SMALL = {"vocab_size": 60, "num_labels": 3}


class Processor:
    pad_token_id = 0


def bert(labels=3):
    torch.manual_seed(1)
    return BertForSequenceClassification(BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, **SMALL | {"num_labels": labels}))


def gpt2():
    torch.manual_seed(1)
    return GPT2ForSequenceClassification(GPT2Config(n_embd=32, n_layer=2, n_head=2, pad_token_id=0, **SMALL))


def texts(count=120, classes=3):
    """Sequences of 3 to 12 tokens; the class decides which tokens they are made of and how they end."""
    dice = np.random.default_rng(3)
    labels = np.arange(count) % classes
    return [(1 + 15 * label + dice.integers(0, 15, dice.integers(3, 13))).tolist() for label in labels], labels


def guesses(model, sequences):
    with torch.inference_mode():
        return np.array([model.eval()(torch.tensor([ids])).logits[0].argmax().item() for ids in sequences])


@pytest.mark.parametrize("make", (bert, gpt2))
def test_it_knows_at_once_and_only_the_head_moves(make):
    model, (sequences, labels) = make(), texts()
    before = copy.deepcopy(model.state_dict())
    chance = (guesses(model, sequences) == labels).mean()
    assert fit_head(model, lambda ids: pad(ids, Processor), sequences, labels, 3, torch.device("cpu"), lambda: None)
    assert (guesses(model, sequences) == labels).mean() > max(0.8, chance + 0.2)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and moved <= {"classifier.weight", "classifier.bias", "score.weight"}


def test_two_classes_and_a_class_without_rows():
    model, (sequences, labels) = bert(), texts(classes=2)
    assert fit_head(model, lambda ids: pad(ids, Processor), sequences, labels, 3, torch.device("cpu"), lambda: None)
    told = guesses(model, sequences)
    assert set(told) <= {0, 1} and (told == labels).mean() > 0.65  # never the class that was not seen
    model = bert(labels=2)
    assert fit_head(model, lambda ids: pad(ids, Processor), sequences, labels, 2, torch.device("cpu"), lambda: None)
    assert (guesses(model, sequences) == labels).mean() > 0.65  # of random weights


def test_it_is_left_alone_where_there_is_nothing_to_fit():
    model, (sequences, labels) = bert(), texts()
    assert last_linear(model, 7) is None
    assert not fit_head(model, lambda ids: pad(ids, Processor), sequences, labels, 7, torch.device("cpu"), lambda: None)
    assert not fit_head(model, lambda ids: pad(ids, Processor), sequences, np.zeros_like(labels), 3, torch.device("cpu"), lambda: None)


def test_it_can_be_stopped():
    def stop():
        raise KeyboardInterrupt

    model, (sequences, labels) = bert(), texts()
    with pytest.raises(KeyboardInterrupt):
        fit_head(model, lambda ids: pad(ids, Processor), sequences, labels, 3, torch.device("cpu"), stop)
    assert not last_linear(model, 3)._forward_pre_hooks
