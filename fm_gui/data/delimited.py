"""CSV and its kin: which delimiter, whether there is a header, and the rows, with those that do not fit named.

Row numbers are as a spreadsheet shows them: the header is row 1, a cell of several lines is still one row.
All cells are read as text, exactly as in the file: a label "001" stays "001".
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = (",", ";", "\t", "|")
NONE = "\x1f"  # "unit separator": stands in for the delimiter of a file with one column
SAMPLE = 256 * 1024  # characters in which delimiter and header are looked for
REFUSED_SHARE = 0.1  # of rows that do not fit, above which the file is refused rather than those rows skipped
NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|\.\d+)([eE][+-]?\d+)?%?\s*")
KNOWN_NAMES = re.compile(
    r"(?i)(.*_)?(text|label|class|category|sentiment|target|review|comment|content|sentence|title|id|name|split|score|rating|date)s?"
)
KNOWN_CHINESE = re.compile(r".{0,4}(文本|正文|内容|评论|评价|标签|类别|类型|分类|情感|标题|划分|编号|名称|姓名|日期|评分|序号)")


def read_delimited(text: str, file: str, delimiter: str | None = None, tab_first: bool = False) -> tuple["pa.Table", dict, list[dict]]:
    """(table, detected, skipped rows) of delimited text; ``delimiter`` "" means one column.

    Raises UserError if it has no rows, an open quotation mark, or too many rows that do not fit.
    """
    if told := re.match(r"sep=(.)\r?\n", text):  # how some spreadsheets name it, in a line that they do not show
        delimiter, text = delimiter or told[1], text[told.end() :]
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)  # as typed on a command line
    if delimiter is None:
        delimiter = find_delimiter(text, tab_first)
    elif len(delimiter) > 1 or delimiter in '"\r\n' and delimiter:
        raise UserError("delimiter", delimiter=delimiter[:20])
    head = _sample_rows(text, delimiter)
    if not head:
        raise UserError("file-empty", file=file)
    header = looks_like_header(head)
    names = unique_names(head[0]) if header else [f"column_{n}" for n in range(1, len(head[0]) + 1)]
    table, skipped = _read_fast(text, names, delimiter, header), []
    if table is None:
        table, skipped = _read_carefully(text, file, names, delimiter, header)
    if not table.num_rows:
        raise UserError("file-header-only", file=file)
    return table, {"delimiter": delimiter, "header": header}, skipped


def find_delimiter(text: str, tab_first: bool = False) -> str:
    """The delimiter with which most rows have as many fields as the first; "" if none cuts the first row."""
    best, best_score = "", (0.0, 0, 0)
    for place, delimiter in enumerate(("\t", ",", ";", "|") if tab_first else DELIMITERS):
        rows = _sample_rows(text, delimiter)
        width = len(rows[0]) if rows else 1
        if width < 2:
            continue
        score = (round(sum(len(row) == width for row in rows) / len(rows), 2), width, -place)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def looks_like_header(rows: list[list[str]]) -> bool:
    """False only if the first row clearly is data: a long sentence, a number among numbers, or a label seen again."""
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not rest or any(KNOWN_NAMES.fullmatch(cell.strip()) or KNOWN_CHINESE.fullmatch(cell.strip()) for cell in first):
        return True
    for place, cell in enumerate(cell.strip() for cell in first):
        below = [row[place].strip() for row in rest]
        if len(cell) > 60 or (cell.endswith((".", "!", "?", "。", "！", "？")) and len(cell) > 15):
            return False
        if (
            NUMBER.fullmatch(cell)
            and not re.fullmatch("(19|20)[0-9]{2}", cell)
            and sum(map(bool, map(NUMBER.fullmatch, below))) > 0.9 * len(below)
        ):
            return False
        # the first row's label turns up again in its column; a header repeated whole (files pasted together) does not count
        if cell and len(set(below)) <= len(below) / 2 and sum(row[place].strip() == cell and row != first for row in rest) > 1:
            return False
    return True


def unique_names(names: Iterable[str]) -> list[str]:
    """Column names without blanks and repetitions: "", "a", "a" -> "column_1", "a", "a_2"; "#" is kept for row numbers."""
    unique: list[str] = []
    for place, name in enumerate((name.strip() for name in names), 1):
        name = name if name not in ("", "#") else f"column_{place}"
        stem, number = name, 2
        while name in unique:
            name, number = f"{stem}_{number}", number + 1
        unique.append(name)
    return unique


def _records(text: str, delimiter: str, strict: bool = False):
    csv.field_size_limit(2**31 - 1)  # the module's only setting for this; its default refuses cells over 128 KB
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or NONE, strict=strict)


def _sample_rows(text: str, delimiter: str) -> list[list[str]]:
    rows = [row for row in _records(text[:SAMPLE], delimiter) if row]
    return rows[:-1] if len(text) > SAMPLE and len(rows) > 2 else rows  # the last one may be cut


def _read_fast(text: str, names: list[str], delimiter: str, header: bool) -> "pa.Table | None":
    """The table by Arrow's reader if the file is strictly regular, else None."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    quotes = text.count('"')
    if quotes % 2:
        return None
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(text.lstrip("\r\n").encode("utf-8")),  # an empty line would be skipped in the header's place
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows_after_names=int(header), block_size=2**22),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter or NONE, newlines_in_values=quotes > 0),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None


def _read_carefully(text: str, file: str, names: list[str], delimiter: str, header: bool) -> tuple["pa.Table", list[dict]]:
    """The table and the rows that do not fit, by Python's reader, row by row."""
    import pyarrow as pa

    rows, bad, width = [], [], len(names)
    records = _records(text, delimiter)
    number, row, lines, started = 0, [], 0, 0
    for number, row in enumerate(records, 1):
        started, lines = lines, records.line_num
        if not row or row == [""] or len(row) == 1 < width and not row[0].strip():
            continue
        if header:
            header = False  # the first row that is not blank was it
        elif len(row) == width:
            rows.append(row)
        elif len(row) > width and not any(row[width:]):
            rows.append(row[:width])  # delimiters at the end of the line, as some spreadsheets write them
        else:
            bad.append(
                {
                    "file": file,
                    "row": number,
                    "code": "skipped.ragged",
                    "values": {"file": file, "row": number, "found": len(row), "expected": width},
                }
            )
    if _is_open(text, delimiter, started):
        raise UserError("csv-quote", file=file, row=number)
    if len(bad) > REFUSED_SHARE * (len(rows) + len(bad)):
        shown = {"\t": "Tab", "": ","}.get(delimiter, delimiter)
        raise UserError("csv-ragged", **bad[0]["values"], delimiter=shown, bad=len(bad))
    return pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}), bad


def _is_open(text: str, delimiter: str, line: int) -> bool:
    """True if the last record, which starts after ``line`` lines, holds a quotation mark that is never closed."""
    last = "".join(part for place, part in enumerate(io.StringIO(text, newline="")) if place >= line)
    try:
        for _ in _records(last, delimiter, strict=True):
            pass
    except csv.Error as problem:
        return "unexpected end" in str(problem)
    return False
