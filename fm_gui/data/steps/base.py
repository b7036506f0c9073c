"""What the cleaning steps share: finding their columns, changing a text column chunk by chunk, telling its language."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from fm_gui.config import setting
from fm_gui.data.recipe import Result, Step
from fm_gui.data.said import contents, with_contents
from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 65_536  # rows changed at a time, so that memory holds few Python strings whatever the size of the table
SAMPLE = 200  # texts looked at to tell a column's language
TEXT_ROLES = ("text", "question", "context", "answer", "source", "target")
CHAT_ROLES = ("messages", "chosen", "rejected")  # chats as JSON, or plain answers
UNSEEN = r"[\p{Z}\p{Cc}\p{Cf}]*"  # blanks, and signs without width
NOT_GIVEN = r"(?:null|none|nan|#?n/a)?"  # what programs write where nothing is


class TextStep(Step):
    """A step that changes each text by itself; rows stay as many and in order, empty cells (null) stay empty.

    Of a chat it changes what is said in each turn.
    """

    columns: list[str] = setting([], "Columns", "Only these columns are changed; none named: every column that was chosen as a text.")

    def converter(self, column: "pa.ChunkedArray", name: str) -> Callable[[str], str]:
        """The change of one text of ``column``, which is called ``name``. Raises UserError if the settings do not suit it."""
        raise NotImplementedError

    def apply(self, table: "pa.Table", roles: dict[str, str]) -> Result:
        for name in text_columns(self, table, roles):
            column = table[name]
            convert = self.converter(column, name)
            table = table.set_column(table.column_names.index(name), name, changed(column, convert))
        return Result(table)


def is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def text_columns(step: TextStep, table: "pa.Table", roles: dict[str, str]) -> list[str]:
    """The columns that ``step`` changes. Raises UserError for one that is not there or not text, and if there is none."""
    for name in step.columns:
        check_column(table, name, step)
        if not is_text(table[name].type):
            raise UserError("step-column-kind", step=step.name, column=name, kind=str(table[name].type))
    named = step.columns or [name for role in (*TEXT_ROLES, *CHAT_ROLES) if (name := roles.get(role)) and is_text(table[name].type)]
    if not named:
        raise UserError("step-no-text", step=step.name)
    return list(dict.fromkeys(named))


def check_column(table: "pa.Table", name: str, step: Step) -> None:
    """Raises UserError if ``table`` has no column ``name``, which ``step`` needs."""
    if name not in table.column_names:
        raise UserError("step-column", step=step.name, column=name[:80], columns=", ".join(table.column_names)[:300])


def check_filled(step: Step, field: str) -> None:
    """Raises UserError if the setting ``field``, without which there is nothing to do, is empty."""
    if not getattr(step, field):
        raise UserError("step-setting-empty", step=step.name, name=field)


def check_length(step: Step, field: str, most: int) -> None:
    """Raises UserError if the setting ``field`` has more than ``most`` characters."""
    if len(getattr(step, field)) > most:
        raise UserError("step-setting-long", step=step.name, name=field, found=len(getattr(step, field)), most=most)


def changed(column: "pa.ChunkedArray", convert: Callable[[str], str]) -> "pa.ChunkedArray":
    """``column`` with each text, or each turn of a chat, converted; a chunk in which nothing changes is used as it is, without a copy."""
    import pyarrow as pa

    chunks = []
    for chunk in slices(column):
        before = chunk.to_pylist()
        after = [None if text is None else with_contents(text, convert) for text in before]
        if after == before:
            chunks.append(chunk)
        else:
            new = pa.array(after, column.type)  # in several pieces if it holds more than 2 GB
            chunks += new.chunks if isinstance(new, pa.ChunkedArray) else [new]
    return pa.chunked_array(chunks, column.type)


def slices(column: "pa.ChunkedArray"):
    """``column`` in arrays of at most CHUNK rows."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), CHUNK):
            yield chunk.slice(start, CHUNK)


def as_texts(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """``column`` as large_string (which may hold more than 2 GB), numbers and truth values written as elsewhere in fm_gui."""
    import pyarrow as pa

    from fm_gui.data.formats.cells import as_text

    if is_text(column.type):
        return column.cast(pa.large_string())
    pieces = [
        pa.array([None if cell is None else as_text(cell) for cell in piece.to_pylist()], pa.large_string()) for piece in slices(column)
    ]
    return pa.chunked_array(pieces, pa.large_string())


def main_text(table: "pa.Table", roles: dict[str, str], step: Step) -> str:
    """The column of the first text-like role. Raises UserError if there is none."""
    name = next((roles[role] for role in TEXT_ROLES if role in roles), None)
    if name is None:
        raise UserError("step-no-text", step=step.name)
    return name


def row_texts(table: "pa.Table", roles: dict[str, str], step: Step) -> "pa.ChunkedArray":
    """What a row says, without blanks at the ends, as large_string: its text, without that role its question, context ...; and its chats. Joined.

    An empty cell is "". Raises UserError if no column plays such a role.
    """
    import pyarrow as pa
    import pyarrow.compute as compute

    chats = [roles[role] for role in CHAT_ROLES if role in roles and is_text(table[roles[role]].type)]
    if not chats:
        main_text(table, roles, step)
    names = ["text"] if "text" in roles else TEXT_ROLES
    parts = [as_texts(table[name]).fill_null("") for name in dict.fromkeys(roles[role] for role in names if role in roles)]
    parts += [said(table[name]) for name in chats]
    parts = [compute.utf8_trim_whitespace(part) for part in parts]
    if len(parts) == 1:
        return parts[0]
    return compute.utf8_trim_whitespace(compute.binary_join_element_wise(*parts, pa.scalar("\x1f", pa.large_string())))


def said(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """What each cell of a column of chats says, as large_string; an empty cell is ""."""
    import pyarrow as pa

    pieces = [pa.array([contents(cell or "") for cell in piece.to_pylist()], pa.large_string()) for piece in slices(column)]
    return pa.chunked_array(pieces, pa.large_string())


def says_nothing(texts: "pa.Array | pa.ChunkedArray", role: str) -> np.ndarray:
    """True where a text holds only blanks and signs without width; as the text to learn from also "null", "none", "NaN" or "N/A"."""
    import pyarrow.compute as compute

    pattern = rf"(?i)^{UNSEEN}{NOT_GIVEN if role == 'text' else ''}{UNSEEN}$"
    return compute.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def keep_rows(table: "pa.Table", mask: np.ndarray) -> Result:
    """The rows of ``table`` where ``mask`` is true."""
    import pyarrow as pa

    if mask.all():
        return Result(table)
    return Result(table.filter(pa.array(mask)), np.flatnonzero(mask))


def language_of(column: "pa.ChunkedArray", name: str, chosen: str, offered: Collection[str], step: Step) -> str:
    """``chosen``, or for "auto" the language most texts of a sample are in. Raises UserError if it is not ``offered`` or unsure."""
    if chosen != "auto":
        return chosen
    from fm_gui.data.languages import detect

    filled = column.drop_null()
    rows = np.unique(np.linspace(0, len(filled) - 1, SAMPLE).astype(int)) if len(filled) else np.zeros(0, int)
    found = Counter(code for code in detect([contents(filled[int(row)].as_py())[:1_000] for row in rows]) if code)
    if not found:
        raise UserError("step-language-unsure", step=step.name, column=name, known=", ".join(offered))
    language = found.most_common(1)[0][0]
    if language not in offered:
        raise UserError("step-language-found", step=step.name, column=name, language=language, known=", ".join(offered))
    return language
