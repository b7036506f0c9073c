"""Labels that a simple model, which has not seen the row, is sure are wrong (confident learning)."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.finding import EXAMPLES, Finding, examples
from fm_gui.data.checks.looked import MODEL_ROWS, Looked
from fm_gui.data.checks.words import phrases
from fm_gui.data.recipe import row_key

if TYPE_CHECKING:
    import scipy.sparse

LEAST = 60  # labelled rows from which on a model can say anything
FEW_OF_CLASS = 10  # rows of a class, below which the model has too few to know it
FOLDS = 5
LEARNABLE = 0.5  # how far from guessing (0) to perfect (1) the model must be for its doubts to count
EASY = 0.97  # accuracy on the labels that are not doubted, from which on the model's doubts are as good as proof
# how probable the label that was given may be, against the proposed one: strict where the task is hard, as hard rows look wrong
DOUBT_EASY, DOUBT_HARD = 0.3, 0.05
BY_CHANCE = 0.01  # share of the rows of a hard task of which a model is sure and wrong (measured: 0.3 %)
FEATURES = 50_000
MANY = 0.03  # share of the rows from which on wrong labels are serious


def suspicious_labels(looked: Looked) -> list[Finding]:
    """Rows whose label a model of TF-IDF and logistic regression, trained on the other folds, is sure is another one.

    Twice around: confident learning (Northcutt, Jiang, Chuang 2021; cleanlab) picks doubtful rows, a second model learns
    without them, and where it is sure of another label the row is told, the most suspicious as examples. A hard row must
    not be taken for a wrong one: where the model errs on undoubted rows too it has to be surer, and few rows are no
    finding; nor is a text under two labels (conflicting_labels). Nothing is said where it has hardly learned. On planted errors (5 to 8 %): precision 0.95 and more, recall
    0.9 where texts tell the label, 0.7 where a fifth of them do not.
    """
    if looked.text is None or looked.labels is None:
        return []
    kept = looked.label_counts >= FEW_OF_CLASS
    rows = np.flatnonzero((looked.lengths > 0) & (looked.labels >= 0))
    rows = looked.sample(rows[kept[looked.labels[rows]]], MODEL_ROWS)
    classes, given = np.unique(looked.labels[rows], return_inverse=True)
    if len(rows) < LEAST or len(classes) < 2 or np.bincount(given).min() < FEW_OF_CLASS:
        return []
    features, fold = _features(looked, rows), _folds(looked, rows)
    guessing = np.bincount(given).max() / len(given)
    chances = _out_of_fold(features, given, fold, np.zeros(len(rows), bool), lambda share: looked.tick(share / 2))
    if (chances.argmax(axis=1) == given).mean() - guessing < LEARNABLE / 2 * (1 - guessing):
        return []
    doubted = _doubted(given, chances)
    chances = _out_of_fold(features, given, fold, doubted, lambda share: looked.tick(0.5 + share / 2))
    best = chances.argmax(axis=1)
    right = float((best == given)[~doubted].mean())
    if right - guessing < LEARNABLE * (1 - guessing):
        return []
    doubt = chances[np.arange(len(rows)), given] / chances.max(axis=1)
    at = np.flatnonzero((best != given) & (doubt <= (DOUBT_EASY if right >= EASY else DOUBT_HARD)) & ~_contradicted(looked)[rows])
    at = at[np.argsort(doubt[at], kind="stable")]  # most suspicious first
    if len(at) < (1 if right >= EASY else BY_CHANCE * len(rows)):
        return []
    names = [looked.label_names[classes[code]] for code in best[at]]
    concerned = np.flatnonzero(np.isin(looked.equal, looked.equal[rows[at]]))  # copies that were not looked at get the same label
    labels = {row_key(text): name for text, name in zip(looked.says.take(rows[at]).to_pylist(), names)}
    values = {"count": len(concerned), "looked": len(rows), "of": looked.count, "right": round(right, 3)}
    worst = at[:EXAMPLES]
    more = {"suggested": names[:EXAMPLES], "probability": chances.max(axis=1)[worst].round(3).tolist()}
    fixes = [StepSpec(step="set-labels", settings={"labels": labels}), StepSpec(step="drop-rows", settings={"keys": sorted(labels)})]
    severity = "serious" if len(at) >= MANY * len(rows) else "attention"
    return [Finding("suspicious-labels", severity, concerned, values, examples(looked, rows[worst], **more), fixes)]


def _contradicted(looked: Looked) -> np.ndarray:
    """True for a row whose text stands under another label too: conflicting_labels tells it, and a fix by text would change both."""
    at = np.flatnonzero((looked.equal >= 0) & (looked.labels >= 0))
    pairs = np.unique(np.stack([looked.equal[at], looked.labels[at]]), axis=1)
    texts, labels = np.unique(pairs[0], return_counts=True)
    return np.isin(looked.equal, texts[labels > 1])


def _features(looked: Looked, rows: np.ndarray) -> "scipy.sparse.csr_matrix":
    from sklearn.feature_extraction.text import TfidfVectorizer

    bags = TfidfVectorizer(analyzer=phrases, min_df=2, max_features=FEATURES, sublinear_tf=True, dtype=np.float32)
    return bags.fit_transform(looked.texts(rows))


def _folds(looked: Looked, rows: np.ndarray) -> np.ndarray:
    """The fold of each row; copies share theirs."""
    _, text = np.unique(looked.equal[rows], return_inverse=True)
    return (np.random.default_rng(1).permutation(text.max() + 1) % FOLDS)[text]


def _doubted(given: np.ndarray, chances: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    return find_label_issues(given, chances, filter_by="prune_by_noise_rate", n_jobs=1)


def _out_of_fold(
    features: "scipy.sparse.csr_matrix", given: np.ndarray, fold: np.ndarray, left_out: np.ndarray, tell: Callable[[float], None]
) -> np.ndarray:  # fmt: skip
    """[rows, classes]: the probability of each class, by a model trained on the other folds but for the rows ``left_out``."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    chances = np.zeros((len(given), given.max() + 1))
    for number in range(FOLDS):
        out = fold == number
        model = LogisticRegression(C=10 if left_out.any() else 5, max_iter=60, class_weight="balanced")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # its order of rows is good enough long before
            model.fit(features[~out & ~left_out], given[~out & ~left_out])
        chances[np.ix_(out, model.classes_)] = model.predict_proba(features[out])
        tell((number + 1) / FOLDS)
    return chances
