"""The cheap methods that a trained model must beat to be worth its time, on the very rows it is judged by."""

import numpy as np


def classification_baselines(dataset, data, part: str) -> list[dict]:
    """Always the commonest class; and word counts (TF-IDF of words and pairs of words) with logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline

    train, held = np.asarray(data["train"]["label"]), np.asarray(data[part]["label"])
    # words for spaced scripts, single characters for Chinese and Japanese, whose words no space separates
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[぀-ヿ㐀-鿿]|[^\W぀-ヿ㐀-鿿]+", max_features=200_000)
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=300))
    model.fit([row["text"] for row in dataset.rows(data["train"].rows)], train)
    guesses = {
        "guessing": np.full(len(held), np.bincount(train).argmax()),
        "word-counts": model.predict([row["text"] for row in dataset.rows(data[part].rows)]),
    }
    return [
        {"name": name, "metric": metric, "value": float(score)}
        for name, guess in guesses.items()
        for metric, score in (
            ("accuracy", accuracy_score(held, guess)),
            ("macro_f1", f1_score(held, guess, average="macro", zero_division=0)),
        )
    ]


def unigram_baseline(data, part: str) -> list[dict]:
    """Guessing each hidden token by how common it is (add-one smoothing): mean loss in nats."""
    train, held = data["train"]["input_ids"].values, data[part]["input_ids"].values
    size = int(max(train.max(), held.max())) + 1
    chances = (np.bincount(train, minlength=size) + 1) / (len(train) + size)
    return [{"name": "unigram", "metric": "loss", "value": float(-np.log(chances[held]).mean())}]


def ngram_baselines(data, part: str) -> list[dict]:
    """Unigram and interpolated trigram over the same tokens, as bits per byte and mean loss in nats.

    Jelinek & Mercer 1980: a mixture of trigram, bigram, unigram and uniform, its weights found by EM on the validation
    part, one set per count class of the history.
    """
    train, held, tune = (data[name]["input_ids"] for name in ("train", part, "validation"))
    size = int(max(stream.values.max() for stream in (train, held, tune))) + 1
    tables = _counts(train, size)
    histories, mixtures = _mixtures(tables, train, tune, size)
    weights = _em(histories, mixtures)
    classes, chances = _mixtures(tables, train, held, size)
    trigram = -np.log((weights[classes] * chances).sum(1))
    unigram = -np.log(0.999 * chances[:, 2] + 0.001 * chances[:, 3])
    size_bytes = int(np.asarray(data[part]["bytes"], np.int64).sum())
    result = []
    for name, nats in (("unigram", unigram), ("trigram", trigram)):
        result.append({"name": name, "metric": "loss", "value": float(nats.mean())})
        result.append({"name": name, "metric": "bits_per_byte", "value": float(nats.sum() / np.log(2) / size_bytes)})
    return result


def _grams(stream) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(two before, one before, token) of every predicted token; before a document's begin stands its border token."""
    tokens = np.asarray(stream.values, np.int64)
    first = np.zeros(len(tokens), bool)
    first[stream.offsets[:-1]] = True
    one = np.r_[tokens[:1], tokens[:-1]]
    two = np.where(np.r_[False, first[:-1]], one, np.r_[tokens[:2], tokens[:-2]][: len(tokens)])
    return two[~first], one[~first], tokens[~first]


def _table(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.unique(keys, return_counts=True)


def _look(table, keys: np.ndarray) -> np.ndarray:
    """The counts of ``keys`` in a table of sorted keys; 0 where absent."""
    known, counts = table
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, counts[at], 0)


def _counts(train, size: int) -> dict[str, tuple]:
    a, b, c = _grams(train)
    return {"abc": _table((a * size + b) * size + c), "ab": _table(a * size + b), "bc": _table(b * size + c), "b": _table(b), "c": _table(c)}


def _mixtures(tables, train, stream, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(class of each history by its count, chances under trigram, bigram, unigram, uniform: tokens x 4)."""
    a, b, c = _grams(stream)
    ab, bs = _look(tables["ab"], a * size + b), _look(tables["b"], b)
    total = tables["c"][1].sum()
    chances = np.stack([
        _look(tables["abc"], (a * size + b) * size + c) / np.maximum(ab, 1),
        _look(tables["bc"], b * size + c) / np.maximum(bs, 1),
        _look(tables["c"], c) / total,
        np.full(len(c), 1 / size),
    ], axis=1)  # fmt: skip
    return np.minimum(np.log2(ab + 1).astype(np.int64), 7), chances


def _em(classes: np.ndarray, chances: np.ndarray, rounds: int = 20) -> np.ndarray:
    """Mixture weights (8 classes x 4) that make the tuning tokens likeliest."""
    weights = np.full((8, 4), 0.25)
    for _ in range(rounds):
        share = weights[classes] * chances
        share /= share.sum(1, keepdims=True)
        sums = np.stack([np.bincount(classes, share[:, k], minlength=8) for k in range(4)], axis=1) + 1e-3
        weights = sums / sums.sum(1, keepdims=True)
    return weights
