"""What the checks look at, worked out once and shared: texts, labels, parts, equal and similar rows, languages."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.recipe import row_key
from fm_gui.data.said import contents
from fm_gui.data.split import PARTS, part_of
from fm_gui.data.steps import get_step
from fm_gui.data.steps.base import CHAT_ROLES, TEXT_ROLES, TextStep, row_texts, says_nothing
from fm_gui.data.steps.rows import NEEDED

if TYPE_CHECKING:
    import pyarrow as pa

    from fm_gui.data.dataset import Dataset

OTHER_ROLES = (*CHAT_ROLES, "tokens")  # texts too, but mostly as JSON lists; no step changes tokens
BY_TEXT = ("drop-empty", "drop-rows", "deduplicate", "set-labels")  # steps that name rows by what they say
AT_ENDS = r"[.,!;:…。、~\"'“”‘’()\[\]《》「」！，；：（）]"  # around a word these change nothing of what it says

# rows at most that the slow checks look at, evenly spread; above that a finding says of how many
NEAR_ROWS, GARBLED_ROWS, PERSONAL_ROWS, LANGUAGE_ROWS, MODEL_ROWS, TOKEN_ROWS = 100_000, 100_000, 50_000, 10_000, 20_000, 20_000


@dataclass(eq=False)
class Looked:
    """One data set as the checks see it. ``tick`` is called with the share of a slow check that is done; it may raise.

    ``tokenizer`` is called as a Hugging Face one: a list of texts -> {"input_ids": lists}; ``limit`` is in tokens.
    """

    dataset: "Dataset"
    tokenizer: Callable[[list[str]], Any] | None = None
    limit: int | None = None
    tick: Callable[[float], None] = field(default=lambda share: None)

    @cached_property
    def roles(self) -> dict[str, str]:
        """Role -> column."""
        return {role: guess.column for role, guess in self.dataset.spec.roles.items()}

    @property
    def count(self) -> int:
        """Rows of the data set."""
        return self.dataset.table.num_rows

    def cells(self, column: str) -> "pa.Array":
        """A column as text in one piece, an empty text where a cell is missing."""
        return as_text(self.dataset.table[column])

    @cached_property
    def read(self) -> list[str]:
        """The roles whose columns make a row's text: "text" (and the answers to it), else all that hold some (question, messages ...)."""
        wanted = ("text", "chosen", "rejected") if "text" in self.roles else (*TEXT_ROLES, *OTHER_ROLES)
        return [role for role in wanted if role in self.roles]

    @cached_property
    def text(self) -> "pa.Array | None":
        """The texts that are judged, those of one row joined by line ends, blanks at the ends cut off; None if no column plays one."""
        import pyarrow as pa
        import pyarrow.compute as compute

        if not self.read:
            return None
        parts = [self._said(role) for role in self.read]
        return parts[0] if len(parts) == 1 else compute.utf8_trim_whitespace(compute.binary_join_element_wise(*parts, pa.scalar("\n", pa.large_string())))

    def _said(self, role: str) -> "pa.Array":
        """The texts of one role: what is said in a chat, a sentence of its tokens; blanks at the ends cut off."""
        import pyarrow as pa
        import pyarrow.compute as compute

        cells = self.cells(self.roles[role])
        if role in OTHER_ROLES:
            cells = pa.array([contents(cell) for cell in cells.to_pylist()], pa.large_string())
        return compute.utf8_trim_whitespace(cells)

    @cached_property
    def says(self) -> "pa.Array":
        """What each row says: where steps can name rows, as they name them; else the text."""
        if "tokens" in self.read or self.read == ["text"]:
            return self.text
        return as_text(row_texts(self.dataset.table, self.roles, None))

    @cached_property
    def empty(self) -> np.ndarray:
        """True for a row that teaches nothing: blank in a column that it needs (text, question, source, target, chat, tokens)."""
        needed = [role for role in self.read if role in (*NEEDED, "tokens")]
        blank = [says_nothing(self._said(role), role) for role in needed]
        return np.logical_or.reduce(blank) if blank else self.lengths == 0

    def fitted(self, step: StepSpec) -> StepSpec | None:
        """``step`` as it acts on the columns that were read; None where it cannot (tokens are in no step's reach)."""
        if step.step == "keep-language":
            return step if any(role in TEXT_ROLES for role in self.read) else None
        if step.step == "drop-empty" and not any(role in NEEDED for role in self.read):
            return None
        if step.step == "set-labels" and "text" in self.read and len(self.read) > 1:
            return None  # it names rows by their text alone
        return None if "tokens" in self.read and (step.step in BY_TEXT or issubclass(get_step(step.step), TextStep)) else step

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each text; 0 where it says nothing."""
        import pyarrow.compute as compute

        nothing = says_nothing(self.text, "text" if self.read == ["text"] else "")
        return np.where(nothing, 0, compute.utf8_length(self.text).to_numpy())

    def texts(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """The texts of these rows."""
        return self.text.take(np.asarray(rows, np.int64)).to_pylist()

    def keys(self, rows: np.ndarray) -> list[str]:
        """The names of these rows' contents in a step's settings, each once, in the order of the rows."""
        return list(dict.fromkeys(row_key(text) for text in self.says.take(rows).to_pylist()))

    def text_at(self, row: int) -> str:
        return self.text[int(row)].as_py() if self.text is not None else ""

    @cached_property
    def _label_codes(self) -> "tuple[np.ndarray, list[str]] | None":
        import pyarrow.compute as compute

        if "label" not in self.roles:
            return None
        encoded = compute.utf8_trim_whitespace(self.cells(self.roles["label"])).dictionary_encode()
        names, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
        if "" in names:
            codes[codes == names.index("")] = -1
        return codes, names

    @property
    def labels(self) -> np.ndarray | None:
        """The number of each row's label in ``label_names``, -1 where it has none; None if no column plays the label."""
        return self._label_codes[0] if self._label_codes else None

    @property
    def label_names(self) -> list[str]:
        """The labels without blanks at the ends; there may be an empty one, which no row's number stands for."""
        return self._label_codes[1] if self._label_codes else []

    @cached_property
    def label_counts(self) -> np.ndarray:
        """Rows of each of ``label_names``."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.label_names))

    def label_at(self, row: int) -> str:
        code = self.labels[row]
        return self.label_names[code] if code >= 0 else ""

    @cached_property
    def said(self) -> np.ndarray:
        """A number for each row, the same for equal contents, empty ones too: what one step named by text does to one it does to all."""
        return self.says.dictionary_encode().indices.to_numpy().astype(np.int64)

    @cached_property
    def equal(self) -> np.ndarray:
        """A number for each row, the same for equal contents (but for blanks at the ends); -1 where the text is empty."""
        return np.where(self.lengths > 0, self.said, -1)

    @cached_property
    def folded(self) -> np.ndarray:
        """A number for each row, the same for contents that differ in case, width, blanks and marks around words only; -1 where empty."""
        import pyarrow.compute as compute

        encoded = self.says.dictionary_encode()
        texts = compute.utf8_lower(compute.utf8_normalize(encoded.dictionary, form="NFKC"))
        bare = compute.replace_substring_regex(texts, rf"(^|[\s\p{{Z}}]){AT_ENDS}+|{AT_ENDS}+([\s\p{{Z}}]|$)", r"\1\2")
        bare = compute.utf8_trim_whitespace(compute.replace_substring_regex(bare, r"[\s\p{Z}]+", " "))
        codes = compute.if_else(compute.equal(bare, ""), texts, bare).dictionary_encode().indices.to_numpy().astype(np.int64)
        return np.where(self.lengths > 0, codes[encoded.indices.to_numpy()], -1)

    @cached_property
    def near(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows looked at, their groups of near-copies); empty texts are not looked at."""
        from fm_gui.data.similar import near_duplicates

        rows = self.sample(np.flatnonzero(self.lengths > 0), NEAR_ROWS)
        return rows, near_duplicates(self.says.take(rows).to_pylist(), progress=self.tick)

    @cached_property
    def parts(self) -> np.ndarray:
        """The part of each row (0 train, 1 validation, 2 test, -1 none), as it was brought where it was, else as fm_gui splits it."""
        part = np.full(self.count, -1)
        for number, name in enumerate(PARTS):
            part[self.dataset.parts()[name]] = number
        if "split" in self.roles:
            encoded = self.cells(self.roles["split"]).dictionary_encode()
            names = encoded.dictionary.to_pylist()
            brought = np.array([PARTS.index(part_of(name)) if part_of(name) else -1 for name in names])[encoded.indices.to_numpy()]
            part = np.where(brought > 0, brought, np.where(part > 0, part, np.where(brought == 0, 0, part)))
        return part

    @cached_property
    def languages(self) -> tuple[np.ndarray, list[str]]:
        """(rows looked at, the language of each: ISO 639-1, "" where unsure)."""
        from fm_gui.data.languages import detect

        texts = self._said(self.read[0])  # a translation has two: the first one tells, as for keep-language
        rows = self.sample(np.flatnonzero(self.lengths > 0), LANGUAGE_ROWS)
        found: list[str] = []
        for start in range(0, len(rows), 1_000):
            found += detect(texts.take(rows[start : start + 1_000]).to_pylist())
            self.tick(min(1.0, (start + 1_000) / len(rows)))
        return rows, found

    def sample(self, rows: np.ndarray, most: int) -> np.ndarray:
        """``rows``, or ``most`` of them evenly spread."""
        return rows if len(rows) <= most else rows[np.arange(most) * len(rows) // most]


def as_text(column: "pa.ChunkedArray") -> "pa.Array":
    """A column as one array of text (64-bit offsets: it may pass 2 GB), an empty text where a cell is missing."""
    import pyarrow as pa
    import pyarrow.compute as compute

    whole = column.cast(pa.large_string()) if not pa.types.is_floating(column.type) else column
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    if pa.types.is_floating(whole.type):  # 1.0 is "1.0" wherever cells are texts, but "1" to Arrow
        encoded = whole.dictionary_encode()
        names = [None if value is None else json.dumps(value) for value in encoded.dictionary.to_pylist()]
        whole = pa.array(names, pa.large_string()).take(encoded.indices)
    return compute.fill_null(whole, "")
