"""CSV and its kin: the rows, with those that do not fit named. Fast where the file is regular, else row by row.

Row numbers are as a spreadsheet shows them: the first line is row 1, a cell of several lines is still one row.
All cells are read as text, exactly as in the file: a label "001" stays "001".
"""

import csv
import io
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fm_gui.data.decoding import utf8_file
from fm_gui.data.formats.cells import unique_names
from fm_gui.data.formats.source import DAMAGED, LONGEST, Reading, Rows, Source, check_columns
from fm_gui.data.shape import NONE, SAMPLE, Shape, find_shape
from fm_gui.errors import UserError

FAST_BLOCK = 2**22  # bytes that Arrow parses at a time; a row has to fit


def read_csv(source: Source) -> Reading:
    """Delimited text. Raises UserError if it has no rows, an open quotation mark, or too many rows that do not fit."""
    path, encoding = utf8_file(source, trust=True)
    head = _head(path)
    if not head.strip():
        raise UserError("file-empty", file=source.name)
    shape = find_shape(head, source.options, tab_first=source.ending in (".tsv", ".tab"))
    with Rows(source, format="csv", **shape.detected(), encoding=encoding) as rows:
        if source.damaged or shape.escape or not _read_fast(path, shape, rows):
            if path == source.path:
                path, rows.detected["encoding"] = utf8_file(source)  # what was taken on trust
                rows.detected |= {"mixed": source.mixed} if source.mixed else {}
            _read_carefully(path, shape, rows)
    if rows.too_many_bad:
        shown = {"\t": "Tab", "": ","}.get(shape.delimiter, shape.delimiter)
        raise UserError("csv-ragged", **rows.skipped[0]["values"], delimiter=shown, bad=rows.bad)
    return rows.reading()


def _head(path: Path) -> str:
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        return file.read(SAMPLE)


def _quotes(path: Path, quote: str) -> int:
    """How many quotation marks a file has."""
    mark, count = quote.encode(), 0
    with open(path, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
            first = raw.find(mark) if mark else -1  # often there are none, which is soon known
        if first < 0:
            return 0
        file.seek(first)
        while block := file.read(FAST_BLOCK):
            # of one byte, numpy counts several times as fast as bytes.count where there are many
            count += int(np.count_nonzero(np.frombuffer(block, np.uint8) == mark[0])) if len(mark) == 1 else block.count(mark)
    return count


def _read_fast(path: Path, shape: Shape, rows: Rows) -> bool:
    """All rows by Arrow's reader; False, with no rows, if the file is not strictly regular UTF-8."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names, lines = _names(path, shape, rows.source)
    if not names or any(len(mark.encode()) > 1 for mark in (shape.delimiter, shape.quote)):
        return False
    quotes, done = _quotes(path, shape.quote), 0
    if quotes % 2:
        return False
    keys = unique_names(names) if shape.header else [f"column_{n}" for n in range(1, len(names) + 1)]
    try:
        batches = arrow_csv.open_csv(
            str(path),
            read_options=arrow_csv.ReadOptions(column_names=keys, skip_rows=lines, skip_rows_after_names=int(shape.header), block_size=FAST_BLOCK),
            parse_options=arrow_csv.ParseOptions(delimiter=shape.delimiter or NONE, quote_char=shape.quote or False, newlines_in_values=quotes > 0),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False),
        )
        for batch in batches:
            done += batch.nbytes
            if batch.num_rows:
                rows.write(batch)
            rows.source.tell(done / rows.source.size)
    except pa.ArrowInvalid:
        rows.restart()
        return False
    return True


def _names(path: Path, shape: Shape, source: Source) -> tuple[list[str], int]:
    """(the first row that is not blank, number of lines before it). Raises UserError if it has too many columns."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = _Lines(file, shape, source)
        try:
            started = shape.hidden + shape.skip_lines
            for row in lines.records():
                if any(cell.strip() for cell in row):
                    check_columns(len(row), source.name)
                    return row, started
                started = lines.number
        except csv.Error:
            raise UserError("csv-cell", file=source.name, row=lines.number, limit=LONGEST) from None
    return [], 0


@dataclass
class _Lines:
    """A file's lines from the table's first on, with those of the record that is being read kept."""

    file: io.TextIOBase
    shape: Shape
    source: Source
    number: int = 0
    record: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)  # the lines of the last record, even if it never ended
    size: int = 0

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(LONGEST + 1):
            self.number += 1
            self.size += len(line)
            if self.size > LONGEST:
                raise UserError("csv-cell", file=self.source.name, row=self.number, limit=LONGEST)
            if self.number > self.shape.hidden + self.shape.skip_lines:
                self.record.append(line)
                yield line
            else:
                self.size = 0

    def records(self) -> Iterator[list[str]]:
        for row in self.shape.records(iter(self)):
            self.last, self.record, self.size = self.record, [], 0
            yield row

    def ends_open(self) -> bool:
        """True if the last record holds a quotation mark that is never closed."""
        try:
            for _ in self.shape.records(self.last, strict=True):
                pass
        except csv.Error as problem:
            return "unexpected end" in str(problem)
        return False


def _read_carefully(path: Path, shape: Shape, rows: Rows) -> None:
    """All rows by Python's reader, one by one; those that do not fit are skipped by number."""
    source, names, header = rows.source, [], shape.header
    number = shape.skip_lines
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file, shape, source)
        try:
            for number, row in enumerate(lines.records(), shape.skip_lines + 1):
                if number % 4_096 == 0:
                    source.tell(file.buffer.tell() / source.size)
                if not row or row == [""] or len(row) == 1 < len(names) and not row[0].strip():
                    continue
                if not names:
                    row = [cell.replace(DAMAGED, "\ufffd") for cell in row]
                    check_columns(len(row), source.name)
                    names = unique_names(row) if header else [f"column_{n}" for n in range(1, len(row) + 1)]
                    if header:
                        continue
                width = len(names)
                if rows.skip_damaged(number, *row):
                    continue
                if len(row) == width or len(row) > width and not any(row[width:]):  # separators at the line's end, as some spreadsheets write them
                    rows.add(dict(zip(names, row)), sum(map(len, row)))
                else:
                    rows.skip(number, "skipped.ragged", found=len(row), expected=width)
        except csv.Error:
            raise UserError("csv-cell", file=source.name, row=number + 1, limit=LONGEST) from None
    if not source.cut and lines.ends_open():
        raise UserError("csv-quote", file=source.name, row=number)
