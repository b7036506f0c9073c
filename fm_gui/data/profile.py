"""What is in a data set, in numbers: columns, lengths, labels, languages, telling words, duplicates, samples."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fm_gui.config import ColumnInfo
from fm_gui.data.columns import describe_column, evenly, fingerprints, lengths, take
from fm_gui.data.languages import detect
from fm_gui.data.telling import telling_words

if TYPE_CHECKING:
    import pyarrow as pa

    from fm_gui.data.dataset import Dataset

READ_FROM = ("text", "context", "source", "question", "messages", "tokens", "chosen")  # the column whose texts are looked at: the first of these
TOKENISED = 20_000  # rows at most whose tokens are counted
LANGUAGE_ROWS = 2_000
WORD_ROWS = 20_000
CLASSES = 50  # most frequent ones that get words and samples
LABELS = 200  # most frequent ones that are counted by name
COMMON = 5  # most common values of a column
BINS = 40
CUT = 100_000  # characters of a text that are tokenised
SHOWN = 400  # characters of a sample or a common value
NO_LIMIT = 1_000_000  # tokens: tokenizers without a limit claim a huge one


@dataclass
class Profile:
    """What is in a data set: numbers and data, no words. Rows are numbered from 0.

    - ``columns``: name, role ("" for none), kind, filled, missing (null or blank), distinct, mean_length, and ``common``:
      [value, rows] of the values that repeat most.
    - ``read_from``: the column whose texts ``characters``, ``tokens``, ``languages``, ``telling_words``, ``duplicates`` and
      ``samples`` are about; "" if there is no text, and these are then empty.
    - ``characters``: {"bins": edges, one more than "counts", "mean", "median", "max", "of": filled texts}; the last bin also
      counts the few that are far longer.
    - ``tokens``: the same in tokens of the tokenizer, with "limit" (None: no limit), "over" (share of texts beyond it),
      "lost" (share of all tokens beyond it); "of" says how many texts were counted. None without a tokenizer.
    - ``labels``: {"counts": label -> rows, most frequent first, "distinct", "missing", "other": rows of labels not named};
      None without a label.
    - ``languages``: share of texts by ISO 639-1 code, most frequent first; "" are those that cannot be told.
    - ``telling_words``: label -> its most typical words. ``duplicates``: texts that repeat an earlier one, but for blanks
      at the ends. ``samples``: label ("" without labels) -> {"row", "text"} of two rows of middle length.
    - ``parts``: rows in train, validation and test.
    """

    rows: int
    columns: list[dict[str, Any]]
    read_from: str
    characters: dict[str, Any] | None
    tokens: dict[str, Any] | None
    labels: dict[str, Any] | None
    languages: dict[str, float]
    telling_words: dict[str, list[str]]
    duplicates: int
    samples: dict[str, list[dict[str, Any]]]
    parts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return asdict(self)


def profile(
    dataset: "Dataset", tokenizer: Callable | None = None, limit: int | None = None, progress: Callable[[float], None] | None = None
) -> Profile:
    """Look at all rows of a data set, with little memory; languages, words and tokens are counted on an even sample.

    ``tokenizer`` is one of Hugging Face's, ``limit`` the most tokens its model reads. ``progress`` is called with the share
    done (0 to 1); what it raises ends the work.
    """
    tell = progress or (lambda share: None)
    table, roles = dataset.table, {role: guess.column for role, guess in dataset.spec.roles.items()}
    columns, prints = [], {}
    for number, name in enumerate(table.column_names):
        tell(0.6 * number / len(table.column_names))
        own = fingerprints(table[name])
        info = describe_column(name, table[name], own)
        columns.append((info, _common(table[name], own)))
        if name in roles.values() or info.kind == "text":
            prints[name] = own
    read_from = _read_from([info for info, _ in columns], roles)
    tell(0.6)
    about = _Texts(table, read_from, prints.get(read_from), roles.get("label"), prints.get(roles.get("label", "")))
    tell(0.65)
    tokens = _tokens(about, tokenizer, limit, lambda share: tell(0.65 + 0.15 * share)) if tokenizer and read_from else None
    languages = about.languages()
    tell(0.85)
    words, samples = about.words(), about.samples()
    tell(0.95)
    found = Profile(
        rows=table.num_rows, columns=[_column(info, common, roles, table.num_rows) for info, common in columns], read_from=read_from,
        characters=histogram(about.lengths[about.filled]) if read_from else None, tokens=tokens, labels=about.labels(),
        languages=languages, telling_words=words, duplicates=about.duplicates(), samples=samples,
        parts={part: len(rows) for part, rows in dataset.parts().items()},
    )  # fmt: skip
    tell(1.0)
    return found


def _read_from(columns: list[ColumnInfo], roles: dict[str, str]) -> str:
    """The column whose texts are looked at: by its role, else the one with the longest texts; "" if none has text."""
    longest = max((column for column in columns if column.kind == "text"), key=lambda column: column.mean_length, default=None)
    return next((roles[role] for role in READ_FROM if role in roles), longest.name if longest else "")


def _column(info: ColumnInfo, common: list, roles: dict[str, str], rows: int) -> dict[str, Any]:
    role = next((role for role, column in roles.items() if column == info.name), "")
    return info.model_dump() | {"role": role, "missing": rows - info.filled, "common": common}


def _common(column: "pa.ChunkedArray", prints: np.ndarray) -> list[list[Any]]:
    """[value, rows] of the values that repeat most, most frequent first."""
    rows = np.flatnonzero(prints)
    _, first, counts = np.unique(prints[rows], return_index=True, return_counts=True)
    best = np.lexsort((first, -counts))[:COMMON]
    best = best[counts[best] > 1]
    return [[str(value).strip()[:SHOWN], int(count)] for value, count in zip(take(column, rows[first[best]]), counts[best])]


def histogram(values: np.ndarray) -> dict[str, Any]:
    """How ``values`` (whole numbers) spread: edges and counts, mean, median, max, and of how many."""
    if not len(values):
        return {"bins": [0, 1], "counts": [0], "mean": 0.0, "median": 0.0, "max": 0, "of": 0}
    top = max(1, int(np.quantile(values, 0.99)))
    edges = np.arange(0, top + 2 * -(-top // BINS), max(1, -(-top // BINS)))
    counts, _ = np.histogram(np.minimum(values, edges[-1] - 1), bins=edges)
    return {
        "bins": edges.tolist(), "counts": counts.tolist(), "mean": float(values.mean()), "median": float(np.median(values)),
        "max": int(values.max()), "of": len(values),
    }  # fmt: skip


def _tokens(about: "_Texts", tokenizer: Callable, limit: int | None, tell: Callable[[float], None]) -> dict[str, Any]:
    """Lengths in tokens against the limit, of an even sample of the filled texts."""
    texts = about.texts(evenly(about.filled, TOKENISED))
    counts = np.zeros(len(texts), np.int64)
    for start in range(0, len(texts), 1_000):
        tell(start / len(texts))
        cut = [text[:CUT] for text in texts[start : start + 1_000]]
        counts[start : start + 1_000] = [len(ids) for ids in tokenizer(cut)["input_ids"]]
    limit = limit if limit and limit < NO_LIMIT else None
    beyond = np.maximum(counts - limit, 0) if limit else np.zeros_like(counts)
    over, lost = (float((beyond > 0).mean()), float(beyond.sum() / max(1, counts.sum()))) if len(counts) else (0.0, 0.0)
    return histogram(counts) | {"limit": limit, "over": over, "lost": lost}


class _Texts:
    """The texts of a column and the classes of their rows, without holding them."""

    def __init__(self, table: "pa.Table", column: str, prints: np.ndarray | None, label: str | None, label_prints: np.ndarray | None):
        self.table, self.column, self.label = table, column, label
        self.prints = prints if prints is not None else np.zeros(table.num_rows, np.int64)
        self.filled = np.flatnonzero(self.prints)
        self.lengths = lengths(table[column]) if column else np.zeros(table.num_rows, np.int32)
        self.classes: list[tuple[str, np.ndarray]] = []  # (label, its rows), most frequent first, LABELS at most
        self.distinct = self.unlabelled = 0
        if label is not None:
            self._find_classes(label_prints)

    def _find_classes(self, prints: np.ndarray) -> None:
        order = np.argsort(prints, kind="stable")
        order = order[prints[order] != 0]
        _, starts, counts = np.unique(prints[order], return_index=True, return_counts=True)
        best = np.lexsort((order[starts], -counts))[:LABELS] if len(order) else []
        names = take(self.table[self.label], [order[starts[at]] for at in best])
        self.classes = [(name.strip(), order[starts[at] : starts[at] + counts[at]]) for name, at in zip(names, best)]
        self.distinct, self.unlabelled = len(counts), len(prints) - len(order)

    def _different(self, rows: np.ndarray) -> np.ndarray:
        """Those of ``rows`` whose texts are not missing and do not repeat an earlier one's, in no order."""
        rows = rows[self.prints[rows] != 0]
        return rows[np.unique(self.prints[rows], return_index=True)[1]]

    def texts(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        return [text or "" for text in take(self.table[self.column], rows)]

    def labels(self) -> dict[str, Any] | None:
        if self.label is None:
            return None
        counts = {name: len(rows) for name, rows in self.classes}
        other = self.table.num_rows - self.unlabelled - sum(counts.values())
        return {"counts": counts, "distinct": self.distinct, "missing": self.unlabelled, "other": other}

    def languages(self) -> dict[str, float]:
        found = Counter(detect(self.texts(evenly(self.filled, LANGUAGE_ROWS)))) if self.column else {}
        total = sum(found.values())
        return {code: count / total for code, count in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))}

    def duplicates(self) -> int:
        return len(self.filled) - len(self._different(self.filled))

    def words(self) -> dict[str, list[str]]:
        """Of an even sample of each class's different texts, as many of each class if there are."""
        classes = self.classes[:CLASSES] if self.column else []
        if len(classes) < 2:
            return {}
        rows = [evenly(np.sort(self._different(own)), WORD_ROWS // len(classes)) for _, own in classes]
        names = [name for (name, _), own in zip(classes, rows) for _ in own]
        return telling_words(self.texts(np.concatenate(rows)), names)

    def samples(self) -> dict[str, list[dict[str, Any]]]:
        """Two rows of each class whose texts are of middle length and differ."""
        found = {}
        for name, own in (self.classes[:CLASSES] if self.label else [("", self.filled)]) if self.column else []:
            own = self._different(own)
            if not len(own):
                continue
            far = np.abs(self.lengths[own] - np.median(self.lengths[own]))
            best = own[np.lexsort((own, far))[:2]]
            found[name] = [{"row": int(row), "text": text[:SHOWN]} for row, text in zip(best, self.texts(best))]
        return found
