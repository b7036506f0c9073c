"""Something else than the meaning gives the label away: one word, the length, another column.

Measured with one half of the rows to find it and the other half to check it, so that chance does not count.
"""

import re

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.finding import Finding, examples
from fm_gui.data.checks.looked import MODEL_ROWS, Looked
from fm_gui.data.checks.words import words

LEAST = 20  # rows of a class, in each half as many as 10, below which nothing can be said
PERFECT = 0.95  # F1 of a word for its class, or balanced accuracy of a column, from which on it is nearly perfect
ORDINARY = 0.7  # F1 that a telling word of a language reaches at most: a class says one thing in several ways
TOGETHER = 0.9  # share of a word's rows in which another word stands too, from which on both are one phrase
BY_LENGTH = 0.9  # balanced accuracy of the length alone
LONGEST_PHRASE = 60  # characters
COLUMN_LENGTH = 60  # mean characters above which a column holds texts
TOLD = 3  # words, of as many classes


def shortcut_word(looked: Looked) -> list[Finding]:
    """A word or phrase that stands in nearly all rows of one class and nearly no others, and that the class does not need.

    Nearly perfect: F1 of 0.95 in both halves. Not needed, one of: it is the label's name; it is no word (digits, signs);
    or it stands alone: no other word, but those that stand beside it, tells the class with F1 over 0.7. In language a
    class is told by many words, each in some of its rows ("great", "love", "excellent"): these are no shortcuts.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    sample = _sample(looked)
    if sample is None or looked.text is None:
        return []
    rows, given, half = sample
    bag = CountVectorizer(analyzer=lambda text: set(words(text)), min_df=LEAST // 2, binary=True)
    try:
        has = bag.fit_transform(looked.texts(rows)).tocsc()
    except ValueError:  # no word in so many rows
        return []
    names, found = bag.get_feature_names_out(), []
    for code in np.unique(given):
        own = given == code
        first, second = _f1(has, own, ~half), _f1(has, own, half)
        best = int(np.minimum(first, second).argmax())
        if min(first[best], second[best]) < PERFECT:
            continue
        label = looked.label_names[code]
        with_best = has[:, [best]].toarray().ravel() > 0
        beside = np.asarray(has[with_best].mean(axis=0)).ravel() >= TOGETHER
        rest = np.where(beside, 0, first).max(initial=0)
        if names[best] == label.casefold() or not names[best].isalpha() or rest <= ORDINARY:
            phrase = _phrase(looked.texts(rows[with_best & own][:200]), names[best])
            found.append((float(second[best]), label, phrase, float(second[best])))
    return [_word_finding(looked, label, phrase, score) for _, label, phrase, score in sorted(found, reverse=True)[:TOLD]]


def _f1(has, own: np.ndarray, within: np.ndarray) -> np.ndarray:
    """F1 of each word as a sign of the class, in one half of the rows."""
    hits = np.asarray(has[within & own].sum(axis=0)).ravel()
    everywhere = np.asarray(has[within].sum(axis=0)).ravel()
    return 2 * hits / np.maximum(1, everywhere + (within & own).sum())


def _phrase(texts: list[str], word: str) -> str:
    """``word`` with what nearly always stands before and after it, cut at whole words."""
    texts = [text.casefold() for text in texts]
    before, after = "", ""
    while letter := _usual_next(texts, rf"(?s)(.){re.escape(before + word)}"):
        before = letter + before
    while letter := _usual_next(texts, rf"(?s){re.escape(before + word + after)}(.)"):
        after += letter
    letters = r"[^\W\u3400-\u9fff]"  # a word half taken along would leave its other half behind
    while before and _share(texts, rf"(?<={letters})(?={letters}){re.escape(before + word)}") > 1 - PERFECT:
        before = before.partition(" ")[2]
    while after and _share(texts, rf"{re.escape(word + after)}(?<={letters})(?={letters})") > 1 - PERFECT:
        after = after.rpartition(" ")[0]
    return (before + word + after).strip()


def _share(texts: list[str], pattern: str) -> float:
    return sum(re.search(pattern, text) is not None for text in texts) / len(texts)


def _usual_next(texts: list[str], pattern: str) -> str:
    """The character that the pattern's group is in nearly all texts; "" if it differs, or the pattern has grown long."""
    found = [match.group(1) for text in texts if (match := re.search(pattern, text))]
    letter = max(set(found), key=found.count, default="")
    return letter if len(pattern) < 2 * LONGEST_PHRASE and found.count(letter) >= PERFECT * len(texts) else ""


def _word_finding(looked: Looked, label: str, phrase: str, score: float) -> Finding:
    import pyarrow.compute as compute

    bounds = [r"\b" if side.isascii() and re.match(r"\w", side) else "" for side in (phrase[0], phrase[-1])]
    signs = re.sub(r"([!-/:-@\[-^`{-~])", r"\\\1", phrase)  # RE2 refuses other escapes
    pattern = f"(?i){bounds[0]}{signs}{bounds[1]}"
    rows = np.flatnonzero(compute.match_substring_regex(looked.text, pattern).to_numpy(zero_copy_only=False).astype(bool))
    own = looked.labels == looked.label_names.index(label)
    values = {
        "count": len(rows), "word": phrase, "label": label, "score": round(score, 3),
        "inside": round(float(own[rows].mean()), 3), "covered": round(len(rows[own[rows]]) / max(1, int(own.sum())), 3),
    }  # fmt: skip
    fix = StepSpec(step="replace", settings={"pattern": pattern, "replacement": ""})
    return Finding("shortcut-word", "serious", rows, values, examples(looked, rows, word=[phrase] * 3), [fix])


def shortcut_length(looked: Looked) -> list[Finding]:
    """The number of characters alone tells the classes apart: balanced accuracy of a small decision tree of 0.9 or more."""
    sample = _sample(looked)
    if sample is None or looked.text is None:
        return []
    rows, given, half = sample
    score = _tree_score(looked.lengths[rows].astype(float), given, half)
    classes = np.unique(given)
    if score < BY_LENGTH:
        return []
    medians = {looked.label_names[code]: int(np.median(looked.lengths[rows[given == code]])) for code in classes}
    least, most = min(medians, key=medians.__getitem__), max(medians, key=medians.__getitem__)
    values = {
        "count": len(rows), "looked": len(rows), "of": looked.count, "score": round(score, 3), "chance": round(1 / len(classes), 3),
        "short": least, "short_length": medians[least], "long": most, "long_length": medians[most],
    }  # fmt: skip
    shown = np.array([rows[given == code][0] for code in classes])
    return [Finding("shortcut-length", "serious", rows, values, examples(looked, shown, length=looked.lengths[shown].tolist()))]


def shortcut_column(looked: Looked) -> list[Finding]:
    """Another column (an id, a date, a number, an author) tells the label: balanced accuracy of 0.95 or more."""
    sample = _sample(looked)
    if sample is None:
        return []
    rows, given, half = sample
    content = {column for role, column in looked.roles.items() if role not in ("group", "id", "date", "number")}
    classes = np.unique(given)
    found = []
    for info in looked.dataset.spec.columns:
        if info.name in content or info.distinct < 2 or info.mean_length > COLUMN_LENGTH or info.filled < 0.9 * looked.count:
            continue
        cells = [cell.strip() for cell in looked.cells(info.name).take(rows).to_pylist()]
        score = max(_tree_score(_numbers(cells), given, half), _value_score(cells, given, half), _value_score([re.sub(r"\d+", "#", c) for c in cells], given, half))
        if score < PERFECT:
            continue
        values = {"count": len(rows), "looked": len(rows), "of": looked.count, "column": info.name, "score": round(score, 3), "chance": round(1 / len(classes), 3)}
        shown = np.array([rows[given == code][0] for code in classes])
        more = {"column": [info.name] * len(shown), "value": [cells[place][:100] for place in np.searchsorted(rows, shown)]}
        fix = StepSpec(step="drop-columns", settings={"columns": [info.name]})
        found.append(Finding("shortcut-column", "note", rows, values, examples(looked, shown, **more), [fix]))
    return found


def _sample(looked: Looked) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(rows, the label number of each, True for the half to check with); None if there are no two classes of enough rows."""
    if looked.labels is None:
        return None
    rows = np.flatnonzero((looked.labels >= 0) & (looked.label_counts[looked.labels] >= LEAST))
    rows = looked.sample(rows, MODEL_ROWS)
    given = looked.labels[rows]
    counts = np.bincount(given) if len(given) else np.zeros(0)
    rows, given = rows[counts[given] >= LEAST], given[counts[given] >= LEAST]
    if len(np.unique(given)) < 2:
        return None
    half = np.zeros(len(rows), bool)
    order = np.random.default_rng(1).permutation(len(rows))
    half[order[np.argsort(given[order], kind="stable")][::2]] = True  # of every class every second row, drawn at random
    return rows, given, half


def _numbers(cells: list[str]) -> np.ndarray:
    """The number in each cell: its own, or all its digits in a row (ids, dates as 2024-03-05); -1 without digits."""
    found = np.full(len(cells), -1.0)
    for place, cell in enumerate(cells):
        plain = cell.replace(",", "")
        digits = re.sub(r"\D", "", cell)[:15]
        found[place] = float(plain) if re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,15})?", plain) else float(digits or -1)
    return found


def _tree_score(numbers: np.ndarray, given: np.ndarray, half: np.ndarray) -> float:
    """Balanced accuracy of a small decision tree on one number, learned on one half of the rows and scored on the other."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=2 * len(np.unique(given)), min_samples_leaf=5, class_weight="balanced", random_state=1)
    return _balanced(tree.fit(numbers[~half, None], given[~half]).predict(numbers[half, None]), given[half])


def _value_score(cells: list[str], given: np.ndarray, half: np.ndarray) -> float:
    """Balanced accuracy of saying for each value the label it mostly had in the other half."""
    _, codes = np.unique(np.array(cells, object).astype(str), return_inverse=True)
    table = np.zeros((codes.max() + 1, given.max() + 1))
    np.add.at(table, (codes[~half], given[~half]), 1 / np.bincount(given)[given[~half]])
    said = np.where(table.any(axis=1), table.argmax(axis=1), -1)
    return _balanced(said[codes[half]], given[half])


def _balanced(said: np.ndarray, given: np.ndarray) -> float:
    return float(np.mean([(said[given == code] == code).mean() for code in np.unique(given)]))
