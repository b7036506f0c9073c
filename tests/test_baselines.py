"""The baselines are what they say they are."""

import numpy as np
import pytest

from fm_gui.baselines import _em, ngram_baselines
from fm_gui.data.prepare import Part, Prepared, Ragged


def prepared(rng, size=12, documents=60, repeat=False):
    """Parts of random documents of token 0 (border) and tokens up to ``size``; with ``repeat`` each text counts up."""

    def part():
        made = []
        for _ in range(documents):
            first = int(rng.integers(1, size))
            body = [(first + i) % (size - 1) + 1 for i in range(20)] if repeat else rng.integers(1, size, 20).tolist()
            made.append([0, *body, 0])
        stream = Ragged(np.concatenate(made).astype(np.int32), np.cumsum([0, *map(len, made)]))
        return Part({"input_ids": stream, "bytes": np.full(documents, 20)}, np.arange(documents))

    return Prepared({name: part() for name in ("train", "validation", "test")}, [])


def score(rows, name, metric):
    return next(row["value"] for row in rows if row["name"] == name and row["metric"] == metric)


def test_random_text_cannot_be_guessed_better_than_its_entropy():
    rows = ngram_baselines(prepared(np.random.default_rng(0), documents=400), "test")
    ideal = 20 / 21 * np.log(11)  # 20 random tokens of 11, and an end that is certain only after them
    assert ideal < score(rows, "trigram", "loss") < np.log(12) * 1.03
    assert score(rows, "unigram", "loss") == pytest.approx(np.log(12), rel=0.05)


def test_text_that_counts_up_is_guessed_by_a_trigram_and_not_by_a_unigram():
    rows = ngram_baselines(prepared(np.random.default_rng(0), repeat=True), "test")
    assert score(rows, "trigram", "loss") < 0.45 < 2 < score(rows, "unigram", "loss")
    nats = score(rows, "trigram", "loss") * 21
    assert score(rows, "trigram", "bits_per_byte") == pytest.approx(nats / np.log(2) / 20, rel=1e-6)


def test_mixture_weights_find_the_model_that_is_right():
    chances = np.tile([0.9, 0.1, 0.1, 0.05], (500, 1))
    assert _em(np.zeros(500, np.int64), chances)[0].argmax() == 0
