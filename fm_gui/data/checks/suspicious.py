"""Labels that a simple model, which has not seen the row, is sure are wrong (confident learning)."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.duplicates import contradicted
from fm_gui.data.checks.finding import Finding, examples
from fm_gui.data.checks.looked import MODEL_ROWS, Looked
from fm_gui.data.checks.words import phrases
from fm_gui.data.recipe import row_key

if TYPE_CHECKING:
    import scipy.sparse
    import sklearn.base

LEAST = 60  # labelled rows from which on a model can say anything
FEW_OF_CLASS = 10  # rows of a class, below which the model has too few to know it
FOLDS = 5
LEARNABLE = 0.5  # how far from guessing (0) to perfect (1) the model must be for its doubts to count
EASY = 0.97  # accuracy on the labels that are not doubted, from which on the model's doubts are as good as proof
# how probable the label that was given may be, against the proposed one: strict where the task is hard, as hard rows look wrong
DOUBT_EASY, DOUBT_HARD, DOUBT_BOTH = 0.3, 0.05, 0.00033
BY_CHANCE = 0.03  # of the rows on which the model errs, so many look as wrong though they are right (measured: 0.01 to 0.03)
TIMES_CHANCE = 4  # as many rows as would look wrong by chance are needed in a hard task
SURE, TRUSTED = 0.9, 0.95  # a click corrects all rows of which the model is this sure, where so many of the rows found should be wrong
FEATURES = 50_000
MANY = 0.03  # share of the rows from which on wrong labels are serious


def suspicious_labels(looked: Looked) -> list[Finding]:
    """Rows whose label simple models, trained on the other folds, are sure is another one; each with that label and how sure.

    Twice around: confident learning (Northcutt, Jiang, Chuang 2021; cleanlab) picks doubtful rows; then logistic regression
    on words, and naive Bayes on pieces of words, learn without them, and where they are sure of another label the row is
    told, the most suspicious as examples. Naive Bayes counts where it is right more often (languages, short names).
    A hard row must not be taken for a wrong one: where the models err on undoubted rows too they have to be surer, and
    there is no finding unless it has four times the rows that would look wrong by chance; nor is a text under two labels
    one (conflicting_labels). Nothing is said where they have hardly learned.

    Measured with planted errors in 2, 5 and 8 % of the rows (precision / recall; "-": nothing is said):
    where texts tell the label       1.0 / 1.0 each
    4,200 names in 14 languages      0.94 / 0.69   0.96 / 0.63   0.97 / 0.60     2,000 of them: 0.98 / 0.40 (5 %)
    3,000 tickets of 11 classes      0.91 / 0.85   0.96 / 0.85   0.98 / 0.88
    3,400 passages on 12 topics      -             0.83 / 0.47   0.89 / 0.45
    600 tickets, 200 tickets         -             -             1.0 / 0.29, -
    """
    if looked.text is None or looked.labels is None:
        return []
    kept = looked.label_counts >= FEW_OF_CLASS
    rows = np.flatnonzero((looked.lengths > 0) & (looked.labels >= 0))
    rows = looked.sample(rows[kept[looked.labels[rows]]], MODEL_ROWS)
    classes, given = np.unique(looked.labels[rows], return_inverse=True)
    if len(rows) < LEAST or len(classes) < 2 or np.bincount(given).min() < FEW_OF_CLASS:
        return []
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # threads that wait for each other's small products burn the cores and win no time
        judged = _judge(looked, rows, given)
    if judged is None:
        return []
    at, chances, right = judged
    at = at[~contradicted(looked)[rows[at]]]
    chance = 0 if right >= EASY else BY_CHANCE * (1 - right) * len(rows)
    if not len(at) or len(at) < TIMES_CHANCE * chance:
        return []
    proposed, sure = [looked.label_names[classes[code]] for code in chances[at].argmax(axis=1)], chances[at].max(axis=1)
    return [_finding(looked, rows, at, proposed, sure, right, chance)]


def _judge(looked: Looked, rows: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
    """(places whose label looks wrong, most suspicious first; [rows, classes] probabilities; share of undoubted rows that are right).

    None if the labels can hardly be learned.
    """
    features, fold, none = _features(looked, rows), _folds(looked, rows), np.zeros(len(rows), bool)
    guessing = np.bincount(given).max() / len(given)
    chances = _out_of_fold(_regression(5), features, given, fold, none, lambda share: looked.tick(share / 3))
    if (chances.argmax(axis=1) == given).mean() - guessing < LEARNABLE / 2 * (1 - guessing):
        return None
    doubted = _doubted(given, chances)
    chances = _out_of_fold(_regression(10), features, given, fold, doubted, lambda share: looked.tick((1 + share) / 3))
    second = _out_of_fold(_bayes(), _pieces(looked, rows), given, fold, doubted, lambda share: looked.tick((2 + share) / 3))
    right, second_right = (float((one.argmax(axis=1) == given)[~doubted].mean()) for one in (chances, second))
    limit = DOUBT_EASY if right >= EASY else DOUBT_HARD
    others = chances.argmax(axis=1) != given
    if right < EASY and second_right > right:
        others &= second.argmax(axis=1) != given
        chances = chances * second**3 + 1e-30  # as independent witnesses; naive Bayes of sklearn is flat
        chances /= chances.sum(axis=1, keepdims=True)
        right, limit = float((chances.argmax(axis=1) == given)[~doubted].mean()), DOUBT_BOTH
    if right - guessing < LEARNABLE * (1 - guessing):
        return None
    doubt = chances[np.arange(len(rows)), given] / chances.max(axis=1)
    at = np.flatnonzero(others & (chances.argmax(axis=1) != given) & (doubt <= limit))
    return at[np.argsort(doubt[at], kind="stable")], chances, right


def _finding(looked: Looked, rows: np.ndarray, at: np.ndarray, proposed: list[str], sure: np.ndarray, right: float, chance: float) -> Finding:
    concerned = np.flatnonzero(np.isin(looked.equal, looked.equal[rows[at]]))  # copies that were not looked at get the same label
    of_text = {text: (name, round(float(one), 3)) for text, name, one in zip(looked.equal[rows[at]].tolist(), proposed, sure)}
    proposals = {row: of_text[looked.equal[row]] for row in concerned.tolist()}
    keys = [row_key(text) for text in looked.says.take(rows[at]).to_pylist()]
    certain = {key: name for key, name, one in zip(keys, proposed, sure) if one >= SURE}
    fixes = []
    if certain and 1 - chance / len(at) >= TRUSTED:
        fixes = [StepSpec(step="set-labels", settings={"labels": certain}), StepSpec(step="drop-rows", settings={"keys": sorted(certain)})]
    values = {
        "count": len(concerned), "looked": len(rows), "of": looked.count, "right": round(right, 3), "chance": round(chance),
        "sure": len(certain), "least": SURE,
    }  # fmt: skip
    told = examples(looked, rows[at], suggested=proposed, probability=sure.round(3).tolist())
    severity = "serious" if len(at) >= MANY * len(rows) else "attention"
    advice = "" if fixes else "finding.suspicious-labels.look"
    return Finding("suspicious-labels", severity, concerned, values, told, fixes, advice, proposals)


def _features(looked: Looked, rows: np.ndarray) -> "scipy.sparse.csr_matrix":
    from sklearn.feature_extraction.text import TfidfVectorizer

    bags = TfidfVectorizer(analyzer=phrases, min_df=2, max_features=FEATURES, sublinear_tf=True, dtype=np.float32)
    return bags.fit_transform(looked.texts(rows))


def _pieces(looked: Looked, rows: np.ndarray) -> "scipy.sparse.csr_matrix":
    """Runs of 2 to 5 characters within words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    bags = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, max_features=FEATURES, sublinear_tf=True, dtype=np.float32)
    return bags.fit_transform(looked.texts(rows))


def _folds(looked: Looked, rows: np.ndarray) -> np.ndarray:
    """The fold of each row; copies share theirs."""
    _, text = np.unique(looked.equal[rows], return_inverse=True)
    return (np.random.default_rng(1).permutation(text.max() + 1) % FOLDS)[text]


def _doubted(given: np.ndarray, chances: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    return find_label_issues(given, chances, filter_by="prune_by_noise_rate", n_jobs=1)


def _regression(strength: float) -> "sklearn.base.ClassifierMixin":
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=60, class_weight="balanced")


def _bayes() -> "sklearn.base.ClassifierMixin":
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB(alpha=0.3)


def _out_of_fold(
    model: "sklearn.base.ClassifierMixin", features: "scipy.sparse.csr_matrix", given: np.ndarray, fold: np.ndarray, left_out: np.ndarray,
    tell: Callable[[float], None],
) -> np.ndarray:  # fmt: skip
    """[rows, classes]: the probability of each class, by ``model`` trained on the other folds but for the rows ``left_out``."""
    from sklearn.exceptions import ConvergenceWarning

    chances = np.zeros((len(given), given.max() + 1))
    for number in range(FOLDS):
        out = fold == number
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # its order of rows is good enough long before
            model.fit(features[~out & ~left_out], given[~out & ~left_out])
        chances[np.ix_(out, model.classes_)] = model.predict_proba(features[out])
        tell((number + 1) / FOLDS)
    return chances
