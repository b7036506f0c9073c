"""The words that tell the classes of a data set apart."""

import re
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

WORD = re.compile(r"(?![a-z]\b)[^\W\d_]+(?:['’][^\W\d_]+)*")  # no single Latin letters: they are names of variables, bullets
HAN = re.compile(r"[\u3400-\u9fff]")
LONGEST = 2_000  # characters of a text that are looked at
PRIOR = 500  # words that the prior weighs as much as
CHANCE = 0.1  # words of a class, on average, that are named though they tell nothing


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without numbers; Chinese is segmented with rjieba."""
    text = text[:LONGEST].lower()
    if not HAN.search(text):
        return WORD.findall(text)
    import rjieba

    return [word for piece in rjieba.cut(text) for word in WORD.findall(piece)]


def telling_words(texts: Sequence[str], classes: Sequence[str], top: int = 8) -> dict[str, list[str]]:
    """The words most typical of each class, most typical first, at most ``top``; what may well be chance is left out.

    Ranked by the z-score of the weighted log-odds ratio of a class against all others, with the words' shares in all
    texts as an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words"). A word counts once per text.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in classes}
    for text, name in zip(texts, classes):
        counts[name].update(set(words_of(text)))
    total: Counter[str] = Counter()
    for own in counts.values():
        total.update(own)
    vocabulary = sorted(word for word, count in total.items() if count >= 3)  # rarer ones are never certain
    everywhere = np.array([total[word] for word in vocabulary], float)
    prior = PRIOR * everywhere / max(1.0, everywhere.sum())
    certain = NormalDist().inv_cdf(1 - CHANCE / max(1, len(vocabulary)))  # of so many words some stand out by chance
    found: dict[str, list[str]] = {}
    for name, own in counts.items():
        inside = np.array([own[word] for word in vocabulary], float)
        z = log_odds(inside, everywhere - inside, prior)
        best = np.argsort(-z, kind="stable")[:top]
        found[name] = [vocabulary[at] for at in best if z[at] > certain]
    return found


def log_odds(inside: np.ndarray, outside: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """z-scores (float of [words]) of the log-odds ratio of word counts in one body of text against another's.

    Equations 16, 20 and 22 of Monroe et al.; ``prior`` are the Dirichlet's pseudo-counts.
    """
    one, other, both = inside + prior, outside + prior, prior.sum()
    delta = np.log(one / np.maximum(inside.sum() + both - one, 1e-12)) - np.log(other / np.maximum(outside.sum() + both - other, 1e-12))
    return delta / np.sqrt(1 / one + 1 / other)
