"""Which column plays which role: guessed from names and contents, in English and Chinese, with the reason."""

import json
import re
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fm_gui.config import ColumnInfo, RoleGuess
from fm_gui.data.dates import read_dates
from fm_gui.data.formats.chat import messages_of
from fm_gui.data.role_names import NAMES, PAIRS, ROLES, SPEECH
from fm_gui.data.split import part_of

if TYPE_CHECKING:
    import pyarrow as pa

FEW = 50  # classes at most in a column that is taken for the label by its contents alone
LABEL_LENGTH = 60  # mean characters above which a column is no label
LOOKED_AT = 200  # cells whose contents are read to tell lists, messages and dates
Guesses = dict[str, RoleGuess]


class Sheet:
    """A table's columns, those that play no role yet, and samples of their cells."""

    def __init__(self, table: "pa.Table", columns: list[ColumnInfo]):
        self.table, self.columns = table, columns
        self.roles: Guesses = {}
        self._cells: dict[str, list[str]] = {}
        self._items: dict[str, list[Any]] = {}

    @property
    def free(self) -> list[ColumnInfo]:
        taken = {guess.column for guess in self.roles.values()}
        return [column for column in self.columns if column.name not in taken]

    def cells(self, name: str) -> list[str]:
        """Filled cells at even distances, as text without blanks at the ends."""
        from fm_gui.data.columns import evenly, take

        if name not in self._cells:
            cells = take(self.table[name], evenly(np.arange(self.table.num_rows), LOOKED_AT))
            self._cells[name] = [cell.strip() for cell in cells if cell and cell.strip()]
        return self._cells[name]

    def items(self, name: str) -> list[Any]:
        """What the sampled cells hold as JSON; [] if more than one of twenty is not a JSON list or object."""
        if name not in self._items:
            cells = self.cells(name)
            found = [_json(cell) for cell in cells] if cells and cells[0][0] in "[{" else []
            self._items[name] = found if sum(item is not None for item in found) > 0.95 * len(cells) else []
        return self._items[name]

    @cached_property
    def labels(self) -> set[str]:
        """Columns that are named like a label and look like one: where there are any, the rows are for telling classes apart."""
        return {column.name for column in self.columns if _named(column.name, NAMES["label"]) and _fits_label(column, self.table.num_rows)}


def guess_roles(table: "pa.Table", columns: list[ColumnInfo]) -> Guesses:
    """The likely column of each role; a role without a likely column is left out, no column plays two.

    Roles that come together (tokens and tags; question, context and answer; source and target; chosen and rejected) are
    guessed together or not at all; questions and pairs not where another column is plainly the label of the texts.
    """
    sheet = Sheet(table, columns)
    for guess in (_split, _preferences, _messages, _tokens, _questions, _pair, _text, _label, _date, _id, _group, _number):
        sheet.roles |= guess(sheet)
    return {role: sheet.roles[role] for role in ROLES if role in sheet.roles}


def _named(name: str, words: str) -> float:
    """How well a name suits: 1 is one of the words, 0.5 contains one ("review_text", "is_spam_label"), 0 does not."""
    pieces = [word for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name) if word]
    plain = {word.lower().removesuffix("s") for word in pieces} | {word.lower() for word in pieces}
    for word in words.split():
        if name.strip().lower() in (word, word + "s"):
            return 1.0
    return 0.5 if any(word in plain or (word > "一" and word in name) for word in words.split()) else 0.0


def _json(cell: str) -> Any:
    try:
        return json.loads(cell) if cell[0] in "[{" else None
    except (ValueError, RecursionError):
        return None


def _best(columns: list[ColumnInfo], words: str) -> ColumnInfo | None:
    """The column named best, the longest of equals; None if none is named so."""
    named = [column for column in columns if _named(column.name, words)]
    return max(named, key=lambda column: (_named(column.name, words), column.mean_length), default=None)


def _exact(columns: list[ColumnInfo], *words: str) -> list[ColumnInfo]:
    """A column called by one of each of these words and no more; [] if one is missing. Such names say more than how often cells repeat."""
    found = [next((column for column in columns if _named(column.name, own) == 1), None) for own in words]
    return [] if None in found else found


def _one(role: str, reason: str, column: ColumnInfo, **values) -> Guesses:
    return {role: RoleGuess(column=column.name, reason=reason, values={"column": column.name, **values})}


def _split(sheet: Sheet) -> Guesses:
    import pyarrow.compute as compute

    for column in sorted(sheet.free, key=lambda column: -_named(column.name, NAMES["split"])):
        if not 2 <= column.distinct <= 12 or column.mean_length > 12:
            continue
        values = [str(value) for value in compute.unique(sheet.table[column.name]).to_pylist() if value is not None and str(value).strip()]
        parts = {part_of(value) for value in values}
        if None not in parts and "train" in parts and len(parts) > 1:
            return _one("split", "reason.split", column, found=", ".join(sorted(values)[:6]))
    return {}


def _preferences(sheet: Sheet) -> Guesses:
    long = [column for column in sheet.free if column.kind == "text"]
    chosen, rejected = _best(long, NAMES["chosen"]), _best(long, NAMES["rejected"])
    if not chosen or not rejected or chosen.name == rejected.name:
        texts = [column for column in sheet.free if column.kind in ("text", "category") and column.distinct > 2]  # not yes and no
        chosen, rejected = _exact(texts, "chosen 选中", "rejected 拒绝") or (None, None)
    if not chosen or not rejected:
        return {}
    better = _one("chosen", "reason.preferred", chosen, other=rejected.name)
    return better | _one("rejected", "reason.rejected", rejected, other=chosen.name)


def _messages(sheet: Sheet) -> Guesses:
    chats = [column for column in sheet.free if (items := sheet.items(column.name)) and sum(messages_of(item) is not None for item in items) > 0.9 * len(items)]
    return _one("messages", "reason.messages", max(chats, key=lambda column: _named(column.name, NAMES["messages"]))) if chats else {}


def _tokens(sheet: Sheet) -> Guesses:
    lists = {column.name: column for column in sheet.free if _plain_lists(sheet.items(column.name))}
    pairs = [pair for pair in combinations(lists, 2) if _same_lengths(sheet.items(pair[0]), sheet.items(pair[1]))]
    if not pairs:
        return {}
    variety = {name: len({str(item) for row in sheet.items(name) if row for item in row}) for name in lists}
    wordy = {name: any(isinstance(item, str) for row in sheet.items(name) if row for item in row) for name in lists}

    def like_tokens(name: str) -> tuple:
        return (wordy[name], _named(name, NAMES["tokens"]) - _named(name, NAMES["tags"]), variety[name])

    ordered = [tuple(sorted(pair, key=like_tokens, reverse=True)) for pair in pairs]
    tokens, tags = max(ordered, key=lambda pair: (_named(pair[0], NAMES["tokens"]) + _named(pair[1], NAMES["tags"]), "ner" in pair[1].lower()))
    if not wordy[tokens]:
        return {}
    return _one("tokens", "reason.tokens", lists[tokens], other=tags) | _one("tags", "reason.tags", lists[tags], other=tokens)


def _plain_lists(items: list[Any]) -> bool:
    rows = [item for item in items if item is not None]
    return any(rows) and all(isinstance(row, list) and all(isinstance(cell, (str, int)) for cell in row) for row in rows)


def _same_lengths(one: list, other: list) -> bool:
    return len(one) == len(other) and sum(a is not None and b is not None and len(a) == len(b) for a, b in zip(one, other)) > 0.95 * len(one)


def _questions(sheet: Sheet) -> Guesses:
    found: dict[str, ColumnInfo] = {}
    for role in ("question", "answer", "context"):
        rest = [c for c in sheet.free if c.filled and c.kind != "number" and c not in found.values() and not _named(c.name, NAMES["id"])]
        plain = [c for c in rest if not sheet.items(c.name)]  # SQuAD with several answers: "answer" beside the list "answers"
        best = _best(plain, NAMES[role]) or _best(rest, NAMES[role])
        if not best or sheet.labels:
            return {}
        found[role] = best
    # answers that repeat are the classes of the questions (yes, no), unless they stand in the passages or the names leave no doubt
    few = 3 if _exact(list(found.values()), "question", "context", "answer") else FEW
    repeat = found["answer"].distinct <= min(few, found["answer"].filled / 2)
    if found["context"].mean_length < found["question"].mean_length or repeat and not _stands_in(sheet, found["answer"].name, found["context"].name):
        return {}
    names = {role: column.name for role, column in found.items()}
    return {role: RoleGuess(column=name, reason=f"reason.{role}", values=dict(names, column=name)) for role, name in names.items()}


def _stands_in(sheet: Sheet, answers: str, contexts: str) -> bool:
    """Whether nearly all answers are words of the context beside them."""
    from fm_gui.data.columns import evenly, take

    rows = evenly(np.arange(sheet.table.num_rows), LOOKED_AT)
    cells = zip(take(sheet.table[answers], rows), take(sheet.table[contexts], rows))
    both = [(answer.strip(), context) for answer, context in cells if answer and answer.strip() and context]
    return sum(bool(re.search(rf"(?i)(?<![a-z0-9]){re.escape(answer)}(?![a-z0-9])", context)) for answer, context in both) > 0.8 * len(both)


def _repeating_pair(sheet: Sheet) -> list[ColumnInfo]:
    """Source and target whose cells repeat, by exactly these names: no text stands beside them, and the target differs about as often as the source."""
    texts = [column for column in sheet.free if column.kind in ("text", "category") and column.filled >= 0.5 * sheet.table.num_rows]
    pair = _exact(texts, "source 源文 原文", "target 译文")
    others = {column.name for column in texts if column.kind == "text"} | sheet.labels
    return pair if pair and others <= {column.name for column in pair} and pair[1].distinct >= max(3, 0.5 * pair[0].distinct) else []


def _source_and_target(source: ColumnInfo, target: ColumnInfo) -> Guesses:
    return _one("source", "reason.source", source, other=target.name) | _one("target", "reason.target", target, other=source.name)


def _pair(sheet: Sheet) -> Guesses:
    if sheet.roles.keys() & {"question", "messages", "tokens", "chosen"}:
        return {}
    if pair := _repeating_pair(sheet):
        return _source_and_target(*pair)
    if sheet.labels:
        return {}
    full = [column for column in sheet.free if column.kind == "text" and column.filled >= 0.5 * sheet.table.num_rows]
    for first, second in PAIRS:
        one, other = _best(full, first), _best(full, second)
        if one and other and one.name != other.name:
            return _source_and_target(one, other)
    spoken = [(column, number) for column in full for number, words in enumerate(SPEECH) if _named(column.name, words)]
    if len(spoken) == 2 and spoken[0][1] != spoken[1][1] and spoken[0][0].name != spoken[1][0].name:
        (one, _), (other, _) = spoken
        source = _one("source", "reason.source-language", one, other=other.name)
        return source | _one("target", "reason.target-language", other, other=one.name)
    return {}


def _text(sheet: Sheet) -> Guesses:
    if sheet.roles.keys() & {"question", "source"}:
        return {}

    def named(column: ColumnInfo) -> float:
        return _named(column.name, NAMES["text"])

    def weight(column: ColumnInfo) -> float:
        # long and different in every row; a telling name counts for a lot, but an id called "text" should not win
        contents = column.mean_length * column.distinct / max(1, column.filled) * {"text": 1, "category": 0.3}.get(column.kind, 0.05)
        return contents * {1.0: 10, 0.5: 4}.get(named(column), 1) * (0.2 if _named(column.name, NAMES["label"]) == 1 else 1)

    columns = [column for column in sheet.free if named(column) == 1 or not sheet.items(column.name)]
    wordy = [column for column in columns if column.kind in ("text", "category") or column.filled and column.kind == "other" and named(column)]
    if sheet.roles.keys() & {"messages", "tokens", "chosen"}:
        kinds = ("text", "category") if "chosen" in sheet.roles else ("text",)  # several answers to one prompt are compared
        wordy = [column for column in wordy if column.kind in kinds and named(column) == 1]
    elif not any(column.kind == "text" for column in wordy):
        exact = [column for column in columns if named(column) == 1 and column.kind != "number"]
        wordy = exact or [column for column in wordy if not _named(column.name, NAMES["label"]) and column.mean_length > 2]
    if not wordy:
        return {}
    best = max(wordy, key=weight)
    length = round(best.mean_length)
    if named(best):
        return _one("text", "reason.text-name", best, length=length)
    if sum(column.kind == "text" for column in columns) <= 1:
        return _one("text", "reason.text-only", best, length=length)
    return _one("text", "reason.text-longest", best, length=length)


def _fits_label(column: ColumnInfo, rows: int) -> bool:
    whole = column.kind != "number" or column.mean_length <= 3
    return 2 <= column.distinct <= min(FEW, column.filled / 2) and column.mean_length <= 30 and whole and column.filled >= 0.5 * rows


def _label(sheet: Sheet) -> Guesses:
    if sheet.roles.keys() & {"question", "source"}:
        return {}

    def named(column: ColumnInfo) -> float:
        return _named(column.name, NAMES["label"])

    def well(column: ColumnInfo) -> bool:
        repeats = column.distinct < column.filled or 0 < column.filled <= FEW and column.kind != "other"
        return repeats and (_fits_label(column, sheet.table.num_rows) or named(column) == 1 and not _measured(sheet, column))

    short = [c for c in sheet.free if c.mean_length <= LABEL_LENGTH and (named(c) == 1 or not sheet.items(c.name))]
    if by_name := [column for column in short if named(column) and well(column)]:
        best = max(by_name, key=lambda c: (_fits_label(c, sheet.table.num_rows), named(c), c.kind == "category", -c.distinct))
        return _one("label", "reason.label-name", best, distinct=best.distinct)
    if sheet.roles.keys() & {"messages", "tokens", "chosen"}:
        return {}
    likely = [column for column in short if _fits_label(column, sheet.table.num_rows) and not _is_aside(sheet, column)]
    best = max(likely, key=lambda column: (column.kind == "category", -column.distinct), default=None)
    return _one("label", "reason.label-few", best, distinct=best.distinct) if best else {}


def _measured(sheet: Sheet, column: ColumnInfo) -> bool:
    """Many different decimals: a quantity, not a class."""
    cells = sheet.cells(column.name) if column.kind == "number" and column.distinct > FEW else []
    return sum("." in cell and "." in cell.rstrip("0").rstrip(".") for cell in cells) > 0.05 * len(cells)


def _is_aside(sheet: Sheet, column: ColumnInfo) -> bool:
    """Named like an author or a document, or a date: said about the text, rarely what is to be learned."""
    return bool(_named(column.name, NAMES["group"])) or _dated(sheet, column)


def _dated(sheet: Sheet, column: ColumnInfo) -> bool:
    cells = sheet.cells(column.name) if column.filled and column.mean_length <= 40 else []
    named = bool(_named(column.name, NAMES["date"]))
    return bool(cells) and np.mean(~np.isnat(read_dates(cells, numbers=named))) > 0.95


def _date(sheet: Sheet) -> Guesses:
    best = max(
        (column for column in sheet.free if _dated(sheet, column)),
        key=lambda column: (_named(column.name, NAMES["date"]), column.filled, column.distinct), default=None,
    )  # fmt: skip
    return _one("date", "reason.date", best, example=sheet.cells(best.name)[0]) if best else {}


def _id(sheet: Sheet) -> Guesses:
    rows = sheet.table.num_rows
    unique = [column for column in sheet.free if 1 < rows == column.filled == column.distinct and column.mean_length <= LABEL_LENGTH]
    likely = [column for column in unique if column.kind == "other" or _named(column.name, NAMES["id"]) and not _measured(sheet, column)]
    best = max(likely, key=lambda column: _named(column.name, NAMES["id"]), default=None)
    return _one("id", "reason.id", best) if best else {}


def _group(sheet: Sheet) -> Guesses:
    def named(column: ColumnInfo) -> float:
        return max(_named(column.name, NAMES["group"]), 0.4 * bool(_named(column.name, "id 编号")))

    likely = [
        column
        for column in sheet.free
        if named(column) and 2 <= column.distinct <= 0.9 * column.filled and column.mean_length <= LABEL_LENGTH and not _measured(sheet, column)
    ]
    best = max(likely, key=lambda column: (named(column), column.distinct), default=None)
    return _one("group", "reason.group", best, distinct=best.distinct) if best else {}


def _number(sheet: Sheet) -> Guesses:
    best = _best([column for column in sheet.free if column.kind == "number" and column.distinct > 2], NAMES["number"])
    return _one("number", "reason.number", best) if best else {}
