"""Steps that leave out or repeat rows."""

from typing import Literal

import numpy as np

from fm_gui.config import setting
from fm_gui.data.recipe import Result, Step, row_key
from fm_gui.data.split import part_of
from fm_gui.data.steps.base import CHAT_ROLES, as_texts, check_filled, is_text, keep_rows, main_text, row_texts, said, says_nothing, slices
from fm_gui.errors import UserError

NEEDED = ("text", "question", "source", "target", *CHAT_ROLES)  # roles without whose text a row teaches nothing; a context or an answer may be empty
LEAST = 20  # rows of a class that balancing down leaves, however small the smallest class is
COPIES = 10  # times that balancing up has a row at most: more would be learned by heart


class DropEmpty(Step):
    """Rows without text out: blank in the text, question, source, target or chat; where no column plays these, blank in all columns.

    Signs without width are blanks; so is a text that only says null, none, NaN or N/A.
    """

    name = "drop-empty"
    group = "rows"
    safe = True

    def apply(self, table, roles):
        named = [role for role in NEEDED if role in roles]
        blank = np.array([_blank(table[roles[role]], role) for role in named] or [_blank(column, "") for column in table.columns])
        return keep_rows(table, ~(blank.any(axis=0) if named else blank.all(axis=0)))


def _blank(column, role: str) -> np.ndarray:
    texts = said(column) if role in CHAT_ROLES and is_text(column.type) else as_texts(column).fill_null("")
    return says_nothing(texts, role)


class LengthLimits(Step):
    """Rows whose text is too short out; those whose text is too long out, or cut (in characters, blanks at the ends not counted)."""

    name = "length-limits"
    group = "rows"

    shortest: int = setting(1, "Shortest text (characters)", "Rows with shorter texts are left out; 0 keeps even empty ones.", group="common", ge=0, le=1_000_000)
    longest: int = setting(0, "Longest text (characters)", "Longer texts are left out or cut, as chosen below; 0 means no limit.", group="common", ge=0, le=100_000_000)
    too_long: Literal["drop", "cut"] = setting("drop", "Texts that are too long", "Drop leaves these rows out; cut keeps their beginning.", group="common")

    def apply(self, table, roles):
        import pyarrow as pa
        import pyarrow.compute as compute

        if self.longest and self.shortest > self.longest:
            raise UserError("step-limits", shortest=self.shortest, longest=self.longest)
        name = main_text(table, roles, self)
        texts = compute.utf8_trim_whitespace(as_texts(table[name]).fill_null(""))
        lengths = compute.utf8_length(texts).to_numpy()
        keep, over = lengths >= self.shortest, (lengths > self.longest) & (self.longest > 0)
        if self.too_long == "drop":
            return keep_rows(table, keep & ~over)
        if over.any():
            short = compute.utf8_slice_codeunits(texts, 0, self.longest)
            cut = compute.if_else(pa.chunked_array([pa.array(over)]), short, as_texts(table[name]))
            kind = table[name].type
            table = table.set_column(
                table.column_names.index(name), name, cut.cast(kind if kind in (pa.string(), pa.large_string()) else pa.string())
            )
        return keep_rows(table, keep)


class Deduplicate(Step):
    """Of rows that say the same, the first stays; rows without text are left alone.

    Exact copies may differ in blanks at the ends only; near copies share most of their word groups (MinHash, Broder 1997).
    """

    name = "deduplicate"
    group = "rows"

    near: bool = setting(False, "Near copies too", "Also leaves out rows that differ in a few words only; off: only exact copies.", group="common")
    similarity: float = setting(0.8, "How alike near copies are", "The share of word groups two texts must have in common; lower leaves out more rows.", ge=0.5, le=1)
    keep_per_label: bool = setting(False, "Keep one for each label", "Copies with different labels are all kept, one for each label; off: the first row decides.", group="common")

    def apply(self, table, roles):
        import pyarrow.compute as compute

        texts = row_texts(table, roles, self)
        if self.near:
            from fm_gui.data.similar import near_duplicates

            groups = near_duplicates(texts.to_pylist(), self.similarity)
        else:
            groups = _codes(texts)
        if self.keep_per_label:
            labels = _codes(compute.utf8_trim_whitespace(as_texts(table[label_column(self, roles)]).fill_null("")))
            groups = np.unique(np.stack([groups, labels]), axis=1, return_inverse=True)[1].reshape(-1)
        keep = np.zeros(table.num_rows, bool)
        keep[np.unique(groups, return_index=True)[1]] = True
        return keep_rows(table, keep | says_nothing(texts, "text" if "text" in roles else ""))


def _codes(texts) -> np.ndarray:
    """A number for each text; equal texts have equal numbers."""
    return texts.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)


def label_column(step: Step, roles: dict[str, str]) -> str:
    """The label's column. Raises UserError if there is none."""
    if "label" not in roles:
        raise UserError("step-no-label", step=step.name)
    return roles["label"]


class DropRows(Step):
    """The rows with these texts out, each named by ``row_key`` of its text; keys of no row do nothing."""

    name = "drop-rows"
    group = "rows"

    keys: list[str] = setting([], "Rows", "Rows chosen in the table or in a finding; every row with the same text goes too.")

    def apply(self, table, roles):
        check_filled(self, "keys")
        keys = set(self.keys)
        mask = [row_key(text) not in keys for piece in slices(row_texts(table, roles, self)) for text in piece.to_pylist()]
        return keep_rows(table, np.array(mask, bool))


class KeepLanguage(Step):
    """Rows in another language out; a text too short to tell stays."""

    name = "keep-language"
    group = "rows"

    languages: list[str] = setting([], "Languages", "Two-letter codes (en, zh, de) of the languages to keep; rows in any other are left out.", group="common")

    def apply(self, table, roles):
        from fm_gui.data.languages import detect

        check_filled(self, "languages")
        kept = {"", *(code.strip().lower() for code in self.languages)}
        column = as_texts(table[main_text(table, roles, self)]).fill_null("")
        mask = [code in kept for piece in slices(column) for code in detect(piece.to_pylist())]
        return keep_rows(table, np.array(mask, bool))


class Balance(Step):
    """As many rows of every class, by leaving out rows at random or by repeating them.

    Down: to the size of the smallest class, but not below LEAST rows. Up: to the size of the largest, a row at most COPIES
    times. Rows without a label stay as they are; where a column says the split, only training rows are balanced.
    """

    name = "balance"
    group = "rows"
    warning = "step.balance.warning"

    how: Literal["down", "up"] = setting("down", "How", "Down leaves out rows of the large classes; up repeats rows of the small ones, which loses nothing but takes longer to train.", group="common")
    seed: int = setting(1, "Seed", "Another seed leaves out, or repeats, other rows.", ge=0, le=2**31 - 1)

    def apply(self, table, roles):
        import pyarrow as pa
        import pyarrow.compute as compute

        labels = compute.utf8_trim_whitespace(as_texts(table[label_column(self, roles)]).fill_null(""))
        counted = ~compute.equal(labels, "").to_numpy().astype(bool)
        if "split" in roles:
            counted &= np.array([part_of(value) in ("train", None) for value in as_texts(table[roles["split"]]).to_pylist()], bool)
        codes, draw = np.where(counted, _codes(labels), -1), np.random.default_rng(self.seed)
        # in the order of their first row, whatever their codes
        classes = [np.flatnonzero(codes == code) for code in dict.fromkeys(codes[counted].tolist())]
        if len(classes) < 2:
            raise UserError("step-one-class", step=self.name)
        sizes = [len(rows) for rows in classes]
        size = max(min(sizes), LEAST) if self.how == "down" else max(sizes)
        if self.how == "down":
            keep = ~counted
            for rows in classes:
                keep[rows if len(rows) <= size else draw.choice(rows, size, replace=False)] = True
            return keep_rows(table, keep)
        kept = np.sort(np.concatenate([np.flatnonzero(~counted), *(_repeated(rows, size, draw) for rows in classes)]))
        return Result(table.take(pa.array(kept)), kept) if len(kept) > table.num_rows else Result(table)


def _repeated(rows: np.ndarray, size: int, draw: np.random.Generator) -> np.ndarray:
    """``rows`` so often that they are ``size``, at most COPIES times: each as often as the others, give or take one."""
    size = min(size, COPIES * len(rows))
    return np.concatenate([np.tile(rows, size // len(rows)), draw.choice(rows, size % len(rows), replace=False)])
