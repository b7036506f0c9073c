"""Labels: one written in several ways, missing ones, classes with too few rows, classes far smaller than others."""

import re
import unicodedata

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.finding import EXAMPLES, Finding, examples
from fm_gui.data.checks.looked import Looked

MOST_LABELS = 2_000  # names compared with each other; a column with more holds no classes
RARER = 10  # times as many rows as a misspelling needs the label that is meant; less where the texts of others can speak against it
RARER_BY_TEXTS, OTHERS = 4, 3
OUTSIDE = " .,;:!。，；：！、\"'`“”‘’„«»「」『』《》"  # signs around a label that are no part of it; not "?", "+", "-" or brackets
LETTERS = 4  # of a word at least, for one letter less to be a slip: "cat" and "car" are two words
SAME_TEXTS = 0.5  # share of a misspelling's texts that must resemble those of the label that is meant
PROFILE_ROWS = 20_000  # rows that tell what the texts of a label are like
FEW_ROWS = 10  # rows below which a class is too small: of one held-out row in ten, one is left to judge by
RATIO = 10  # times the rows of another class from which on classes are badly imbalanced
MOST_COPIES = 10  # of a row, when balancing up
WORD_LANGUAGES = ("en", "de", "fr", "es")


def label_spelling(looked: Looked) -> list[Finding]:
    """Labels that differ only in case, width, script, blanks, quotes or punctuation around them, ".0", or one slip of the finger.

    A slip is one letter more, less, other or swapped with its neighbour, in one word of 4 letters or more that no
    dictionary knows, in a label ten times rarer than the one it is taken for (four times where there are four labels or
    more), whose texts resemble that one's; among four labels or more, a plural beside a ten times commoner singular, or the other way round, is one
    too. Digits, single letters and Chinese characters are never taken for slips: "1 star" and "2 stars" stay two labels.
    """
    names = _renamed(looked)
    if names is None:
        return []
    raw = looked.cells(looked.roles["label"]).dictionary_encode()
    written, place = raw.dictionary.to_pylist(), raw.indices.to_numpy()
    target = [names.get(name.strip(), name.strip()) for name in written]
    changed = np.array([bool(after) and after != before for before, after in zip(written, target)])
    rows = np.flatnonzero(changed[place]) if len(written) else np.zeros(0, np.int64)
    if not len(rows):
        return []
    names |= {after: after for before, after, moved in zip(written, target, changed) if moved and before.strip() == after}  # blanks alone
    ways: dict[str, list[str]] = {}
    for before, after, moved in zip(written, target, changed):
        if moved:
            ways.setdefault(after, []).append(f"“{before}”")
    told = "; ".join(f"{', '.join(before)} → {after}" for after, before in ways.items())
    values = {"count": len(rows), "labels": len(ways), "ways": told if len(told) <= 300 else told[:299] + "…"}
    more = {"written": (written[place[row]] for row in rows), "becomes": (target[place[row]] for row in rows)}
    severity = "serious" if any(before.strip() != after for before, after in zip(written, target) if after) else "note"
    return [Finding("label-spelling", severity, rows, values, examples(looked, rows, **more), [StepSpec(step="merge-labels", settings={"names": names})])]


def _renamed(looked: Looked) -> dict[str, str] | None:
    """Label -> how it is usually written, for those written otherwise; None without labels or with too many for classes."""
    if looked.labels is None or len(looked.label_names) > MOST_LABELS:
        return None
    counts = {name: int(count) for name, count in zip(looked.label_names, looked.label_counts) if name}
    meant = _same_spelling(counts)
    merged: dict[str, int] = {}
    for name, count in counts.items():
        merged[meant[name]] = merged.get(meant[name], 0) + count
    slips = _slips(looked, merged)
    names = {name: slips.get(meant[name], meant[name]) for name in counts}
    return {name: target for name, target in names.items() if name != target}


def _same_spelling(counts: dict[str, int]) -> dict[str, str]:
    """Label -> the most frequent label that is spelled the same but for case, width, script and what stands between words."""
    from opencc import OpenCC

    simplify = OpenCC("t2s").convert
    known: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: -counts[name]):
        known.setdefault(_key(name, simplify), name)
    return {name: known[_key(name, simplify)] for name in counts}


def _key(name: str, simplify) -> str:
    name = unicodedata.normalize("NFKC", simplify(name)).casefold().strip()
    name = name.strip(OUTSIDE) or name
    name = re.sub(r"^([+-]?\d+)\.0+$", r"\1", name)  # a table's 5 that a program made 5.0
    name = re.sub(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])", "", name)
    return re.sub(r"(?<=[^\W\d])[\s_-]+(?=\w)|(?<=\w)[\s_-]+(?=[^\W\d])", " ", name)  # not between digits: 1-2 is not 12


def _slips(looked: Looked, counts: dict[str, int]) -> dict[str, str]:
    """Rare label -> the frequent label it is a slip of."""
    frequent = sorted(counts, key=lambda name: -counts[name])
    likely, slips = {}, RARER_BY_TEXTS if looked.text is not None and len(counts) > OTHERS else RARER

    def taken_for(name: str, other: str) -> bool:
        times = counts[other] / counts[name]
        return times >= slips and _is_slip(name, other) or times >= RARER > slips and _is_plural(name, other)

    for name in counts:
        meant = next((other for other in frequent if taken_for(name, other)), None)
        if meant:
            likely[name] = meant
    return {name: meant for name, meant in likely.items() if _resembles(looked, name, meant, [other for other in counts if other not in likely])}


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+|\d+|[^\w\s]", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


def _is_slip(name: str, meant: str) -> bool:
    """True if one word of ``name`` is that of ``meant`` but for one letter, and no word itself."""
    differ = _one_word(name, meant)
    return differ is not None and _one_edit(*differ) and not _is_word(differ[0])


def _is_plural(name: str, meant: str) -> bool:
    """True if one word of ``name`` is the plural of that of ``meant``, or the other way round."""
    differ = sorted(_one_word(name, meant) or ("", ""), key=len)
    return bool(differ[0]) and differ[1] in (differ[0] + "s", differ[0] + "es")


def _one_word(name: str, meant: str) -> tuple[str, str] | None:
    """The one word in which the labels differ (of letters, 4 or more), in small letters; None if they differ otherwise."""
    ours, theirs = _words(name), _words(meant)
    differ = [(a.casefold(), b.casefold()) for a, b in zip(ours, theirs) if a.casefold() != b.casefold()]
    if len(ours) != len(theirs) or len(differ) != 1:
        return None
    return differ[0] if all(word.isalpha() and word < "\u0e00" and len(word) >= LETTERS for word in differ[0]) else None


def _one_edit(a: str, b: str) -> bool:
    """True if one letter inserted, left out, changed or swapped with the next turns ``a`` into ``b`` (Damerau, 1964)."""
    if len(a) > len(b):
        a, b = b, a
    at = next((place for place in range(len(a)) if a[place] != b[place]), len(a))
    if len(a) == len(b):
        return a[at + 1 :] == b[at + 1 :] or a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :]
    return len(b) - len(a) == 1 and a[at:] == b[at + 1 :]


def _is_word(word: str) -> bool:
    import simplemma

    return any(simplemma.is_known(word, lang=language) for language in WORD_LANGUAGES)


def _resembles(looked: Looked, name: str, meant: str, others: list[str]) -> bool:
    """True if most texts of the label ``name`` are more like those of ``meant`` than like those of any other label.

    Like: the cosine between a text's character counts (2 to 4 letters, log, hashed) and the mean of a label's texts.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    if looked.text is None or len(others) < 2:
        return True
    codes = {label: number for number, label in enumerate(looked.label_names)}
    own = looked.sample(np.flatnonzero(looked.labels == codes[name]), 200)
    each = max(5, PROFILE_ROWS // len(others))
    count = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=2**16, alternate_sign=False)
    means = []
    for label in others:
        rows = looked.sample(np.flatnonzero(looked.labels == codes[label]), min(each, 500))
        mean = np.asarray(count.transform(looked.texts(rows)).sqrt().mean(axis=0)).ravel()
        means.append(mean / (np.linalg.norm(mean) or 1))
    alike = count.transform(looked.texts(own)).sqrt() @ (np.stack(means) - np.mean(means, axis=0)).T
    return (alike.argmax(axis=1) == others.index(meant)).mean() >= SAME_TEXTS


def missing_labels(looked: Looked) -> list[Finding]:
    """Rows with a text and no label, where other rows have one."""
    if looked.labels is None or looked.text is None:
        return []
    rows = np.flatnonzero((looked.labels < 0) & (looked.lengths > 0))
    if not len(rows) or not (looked.labels >= 0).any():
        return []
    return [Finding("missing-labels", "note", rows, {"count": len(rows), "of": looked.count}, examples(looked, rows))]


def _classes(looked: Looked) -> np.ndarray | None:
    """Rows of each class; None where the labels are no classes: fewer than two, or a new one in every second row."""
    if looked.labels is None:
        return None
    counts = looked.label_counts
    return counts if 2 <= (counts > 0).sum() <= counts.sum() / 2 else None


def small_classes(looked: Looked) -> list[Finding]:
    """Classes with fewer than 10 rows; not another way to write a larger one (label_spelling)."""
    counts = _classes(looked)
    if counts is None:
        return []
    small = np.flatnonzero((counts > 0) & (counts < FEW_ROWS))
    if len(small):
        renamed = _renamed(looked) or {}
        small = np.array([code for code in small if looked.label_names[code] not in renamed], np.int64)
    rows = np.flatnonzero(np.isin(looked.labels, small))
    if not len(rows):
        return []
    small = small[np.argsort(counts[small], kind="stable")]
    names = ", ".join(f"{looked.label_names[code]} ({counts[code]})" for code in small[:5]) + (", …" if len(small) > 5 else "")
    fixes = []
    # two classes must be left to tell apart; rows are taken out by their text, so no other row may say the same
    alone = looked.text is not None and np.isin(looked.said, looked.said[rows]).sum() == len(rows)
    if alone and (counts >= FEW_ROWS).sum() >= 2:
        fixes = [StepSpec(step="drop-rows", settings={"keys": looked.keys(rows)})]
    told = {"count": len(rows), "classes": len(small), "names": names, "least": FEW_ROWS}
    shown = [rows[looked.labels[rows] == code][0] for code in small[:EXAMPLES]]
    told_of = examples(looked, shown, class_rows=[int(counts[code]) for code in small])
    return [Finding("small-classes", "serious" if counts[small[0]] < 3 else "attention", rows, told, told_of, fixes, "" if fixes else "finding.small-classes.keep")]


def imbalance(looked: Looked) -> list[Finding]:
    """Classes (of 10 rows or more) of which the largest has ten times the rows of another. Rows: those of the small ones."""
    counts = _classes(looked)
    if counts is None:
        return []
    if "split" in looked.roles:  # what was brought to judge by may be as it is in life
        trained = looked.labels[(looked.labels >= 0) & (looked.parts <= 0)]
        counts = np.bincount(trained, minlength=len(counts))
    largest = int(counts.argmax())
    rare = np.flatnonzero((counts >= FEW_ROWS) & (counts * RATIO <= counts[largest]))
    if not len(rare):
        return []
    smallest = int(rare[counts[rare].argmin()])
    rows = np.flatnonzero(np.isin(looked.labels, rare))
    values = {
        "count": len(rows), "classes": len(rare), "large": looked.label_names[largest], "large_rows": int(counts[largest]),
        "small": looked.label_names[smallest], "small_rows": int(counts[smallest]), "ratio": round(float(counts[largest] / counts[smallest]), 1),
        "guess": round(float(counts[largest] / counts.sum()), 3),
    }  # fmt: skip
    enough = counts[largest] <= RATIO * MOST_COPIES * counts[smallest]  # repeating rows is milder, but it ends somewhere
    fixes = [StepSpec(step="balance", settings={"how": how}) for how in (("up", "down") if enough else ("down", "up"))]
    return [Finding("imbalance", "attention", rows, values, examples(looked, rows), fixes)]
