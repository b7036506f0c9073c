"""The shape of a table in text: separator, quotation mark, lines before the header, and whether there is one; from a sample."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.formats.source import LONGEST
from fm_gui.errors import UserError

DELIMITERS = (",", ";", "\t", "|")
RARE = ("^", "~", "\x01")  # tried where those cut nothing; each row has to have the same number
GIVEN = {"\\t": "\t", "tab": "\t", "\\x01": "\x01", "^a": "\x01"}  # how people write them
NONE = "\x1f"  # "unit separator": stands in for the delimiter of a file with one column
SAMPLE = 256 * 1024  # characters in which the shape is looked for
TINY = 20  # rows up to which a label that turns up once more below says that the first row is data
MOST_PREAMBLE = 40  # lines before the header that are looked at
NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|\.\d+)([eE][+-]?\d+)?%?\s*")
KNOWN_NAMES = re.compile(
    r"(?i)(.*_)?(text|label|class|category|sentiment|target|review|comment|content|sentence|title|id|name|split|score|rating|date)s?"
)
KNOWN_CHINESE = re.compile(r".{0,4}(文本|正文|内容|评论|评价|标签|类别|类型|分类|情感|标题|划分|编号|名称|姓名|日期|评分|序号)")


@dataclass
class Shape:
    """How delimited text is laid out; ``delimiter`` is one character or a few, ``quote`` is one; "" for none."""

    delimiter: str
    quote: str = '"'
    header: bool = True
    skip_lines: int = 0  # lines before the header that belong to no table
    preamble: list[str] = field(default_factory=list)  # those lines
    hidden: int = 0  # lines before those, which a spreadsheet would not show: "sep=;"
    escape: str = ""  # the backslash, where it stands before quotation marks that are part of a text (MySQL, Spark)

    def records(self, lines: Iterable[str], strict: bool = False) -> Iterator[list[str]]:
        """Rows of cells. Raises csv.Error for a cell of more than LONGEST characters."""
        csv.field_size_limit(LONGEST)  # the module's only setting for this; its default refuses cells over 128 KB
        style = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        if self.escape:  # not csv's escapechar, which also takes away backslashes that are part of a text
            lines = (re.sub(rf"(\\+){re.escape(self.quote)}", self._plain_quote, line) for line in lines)
        if len(self.delimiter) < 2:
            return csv.reader(lines, delimiter=self.delimiter or NONE, strict=strict, **style)
        rows = csv.reader((line.replace(self.delimiter, NONE) for line in lines), delimiter=NONE, strict=strict, **style)
        return ([cell.replace(NONE, self.delimiter) for cell in row] for row in rows)

    def _plain_quote(self, found: re.Match) -> str:
        """Backslashes and a quotation mark, as other files write them: an even number of backslashes stands for half as many."""
        return "\\" * (len(found[1]) // 2) + self.quote * (1 + len(found[1]) % 2)

    def detected(self) -> dict:
        """What to show, under the names of ReadOptions."""
        told = {"delimiter": self.delimiter or "none", "header": "yes" if self.header else "no"}
        if self.quote != '"':
            told["quote"] = self.quote or "none"
        if self.escape:
            told["escape"] = self.escape
        return told | ({"skip_lines": self.skip_lines, "preamble": self.preamble} if self.skip_lines else {})


def find_shape(text: str, options: ReadOptions, tab_first: bool = False) -> Shape:
    """The shape of a file that begins with ``text``; what ``options`` say is taken at its word. Raises UserError for a bad character."""
    shape = Shape("", _character(options.quote, "quote-mark"))
    delimiter = _character(GIVEN.get(options.delimiter.lower(), options.delimiter), "delimiter")
    if told := re.match(r"\ufeff?sep=(.)\r?\n", text):  # how some spreadsheets name it, in a line that they do not show
        delimiter, text, shape.hidden = delimiter or told[1], text[told.end() :], 1
    if not options.quote:
        shape.quote = _find_quote(text)
    if options.quote == "none" or delimiter == shape.quote:
        shape.quote = ""
    if shape.quote and is_escaped(text, shape.quote):
        shape.escape = "\\"
    if options.skip_lines is not None:
        shape.skip_lines = options.skip_lines
        text = _without(text, shape.skip_lines)
    shape.delimiter = ("" if delimiter == NONE else delimiter) or ("" if options.delimiter == "none" else find_delimiter(text, tab_first, shape.quote))
    if options.skip_lines is None and shape.delimiter:
        shape.skip_lines = _find_preamble(text, shape)
        shape.preamble = [line[:200] for line in text.splitlines()[: min(shape.skip_lines, 5)]]
        text = _without(text, shape.skip_lines)
    rows = _sample_rows(text, shape)
    shape.header = looks_like_header(rows) if options.header == "auto" and rows else options.header != "no"
    return shape


def find_delimiter(text: str, tab_first: bool = False, quote: str = '"') -> str:
    """The delimiter with which most rows have as many fields as the first; "" if none cuts it.

    Where none cuts the first row, it may stand before the table: then the delimiter that nearly all later rows agree on.
    """
    best, best_score = "", (0.0, 0, 0)
    later, later_score = "", (0.0, 0, 0)
    escape = "\\" if quote and is_escaped(text, quote) else ""
    for place, delimiter in enumerate(("\t", ",", ";", "|") if tab_first else DELIMITERS):
        rows = _sample_rows(text, Shape(delimiter, quote, escape=escape))
        if not rows:
            continue
        width = len(rows[0])
        score = (round(sum(len(row) == width for row in rows) / len(rows), 2), width, -place)
        if width > 1 and score > best_score:
            doubled = width > 2 and width % 2 and all(not any(row[1::2]) for row in rows)  # "||"
            best, best_score = delimiter * 2 if doubled else delimiter, score
        before = _preamble_rows(rows)
        if before and (score := (1.0, len(rows[before]), -place)) > later_score:
            later, later_score = delimiter, score
    if best_score[0] < 0.9 and not later:
        for delimiter in RARE:
            rows = _sample_rows(text, Shape(delimiter, quote, escape=escape))
            if len(rows) > 2 and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows) and all(cell.strip() for cell in rows[0]):
                return delimiter
    return later if later and best_score[0] < 0.9 else best


def is_escaped(text: str, quote: str) -> bool:
    """True if quotation marks inside texts are written with a backslash before them, and never as two."""
    mark = re.escape(quote)
    doubled = re.search(rf"[^,;\t|\r\n\\{mark}]{mark}{mark}[^,;\t|\r\n{mark}]", text)
    return not doubled and re.search(rf"\\{mark}[^,;\t|\r\n{mark}]", text) is not None


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
        again = sum(row[place].strip() == cell and row != first for row in rest)
        few = len({cell, *below}) <= (len(below) + 1) / 2
        if cell and few and again > (0 if len(rest) < TINY else 1):
            return False
    return True


def _character(value: str, code: str) -> str:
    """One character (a delimiter may be up to four), "" for the two words that are none."""
    if value == "none":
        return ""
    if len(value) > (4 if code == "delimiter" else 1) or set(value) & set("\r\n\0") or code == "delimiter" and '"' in value:
        raise UserError("delimiter" if code == "delimiter" else "quote-mark", delimiter=value[:20])
    return value


def _without(text: str, lines: int) -> str:
    for _ in range(lines):
        found = re.search(r"\r\n|\n|\r", text)
        if not found:
            return ""
        text = text[found.end() :]
    return text


def _find_quote(text: str) -> str:
    """The single quotation mark if it, and never the double one, stands around the cells; else the double one."""
    lines = text.split("\n")[1:200]
    around = sum(line.startswith("'") and bool(re.search(r"'\s*[,;\t|]\s*'?", line)) for line in lines)
    return "'" if '"' not in text and around and around > 0.8 * sum(map(bool, lines)) else '"'


def _sample_rows(text: str, shape: Shape) -> list[list[str]]:
    try:
        rows = [row for row in shape.records(io.StringIO(text[:SAMPLE], newline="")) if row]
    except csv.Error:
        return []
    return rows[:-1] if len(text) >= SAMPLE and len(rows) > 2 else rows  # the last one may be cut


def _preamble_rows(rows: list[list[str]]) -> int:
    """How many rows stand before the header: with one filled cell at most, before rows that all have the same, larger width."""
    if len(rows) < 3 or KNOWN_NAMES.fullmatch(rows[0][0].strip()) or KNOWN_CHINESE.fullmatch(rows[0][0].strip()):
        return 0
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    before = 0
    while before < min(MOST_PREAMBLE, len(rows) - 2) and (
        sum(bool(cell.strip()) for cell in rows[before]) < 2
        or len(rows[before]) != width and (before or rows[before][0].startswith("#"))
        or before and rows[before][0].startswith("#") and rows[before - 1][0].startswith("#")  # one more line of a comment
    ):
        before += 1
    head, rest = rows[before], rows[before:]
    filled = [cell.strip() for cell in head]
    regular = sum(len(row) == width for row in rest) >= 0.9 * len(rest) and all(filled) and len(set(filled)) == width and max(map(len, filled)) < 60
    told = width > 2 or before > 1 or any(KNOWN_NAMES.fullmatch(cell) or KNOWN_CHINESE.fullmatch(cell) for cell in filled)
    return before if before and width > 1 and regular and told and looks_like_header(rest) else 0


def _find_preamble(text: str, shape: Shape) -> int:
    """The number of lines (blank ones too) before the header."""
    before = _preamble_rows(_sample_rows(text, shape))
    if not before:
        return 0
    records, count, lines = shape.records(io.StringIO(text[:SAMPLE], newline="")), 0, 0
    for row in records:
        if row and count == before:
            break
        count, lines = count + bool(row), records.line_num
    return lines
