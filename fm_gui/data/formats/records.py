"""JSON and JSON lines: objects to rows; objects inside objects become columns such as "user.name", lists stay JSON text."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fm_gui.data.decoding import utf8_file
from fm_gui.data.formats.cells import as_text, flatten
from fm_gui.data.formats.chat import known_row, squad_rows
from fm_gui.data.formats.lines import read_lines, whole_text
from fm_gui.data.formats.source import LONGEST, Reading, Rows, Source
from fm_gui.data.shape import KNOWN_CHINESE, KNOWN_NAMES, looks_like_header
from fm_gui.errors import UserError

LARGEST = 2**28  # bytes of a JSON file that is one object: it has to be held in memory (a list of objects has not)
DEEPEST_LIST = 4  # objects inside objects in which lists of rows are looked for
PIECE = 2**20  # characters of a JSON list that are read at a time
SPACE = re.compile(r"[ \t\r\n]*")


def read_jsonl(source: Source) -> Reading:
    """One object a line; other lines are skipped by number. Raises UserError if there are many, or the first is none."""
    path, encoding = utf8_file(source)
    with Rows(source, format="jsonl", encoding=encoding) as rows:
        for number, line in enumerate(read_lines(path, source), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if rows.skip_damaged(number, line):
                continue
            if isinstance(row, dict):
                _add(rows, row, len(line))
                continue
            if not rows.count and line.lstrip()[:1] == "{":
                with contextlib.suppress(UserError):  # objects of several lines; if that breaks too, the first line is what to tell
                    return _read_items(_one_after_the_other(path, source), Rows(source, format="json", encoding=encoding))
            rows.skip(number, "skipped.json-line")
            if not rows.count:
                break  # a broken first line means that this is no JSONL at all
    if rows.bad and (not rows.count or rows.too_many_bad):
        raise UserError("jsonl-broken", file=source.name, line=rows.skipped[0]["row"])
    return rows.reading()


def read_json(source: Source) -> Reading:
    """A list of objects, read piece by piece; or an object that holds such lists somewhere, of which one is read."""
    path, encoding = utf8_file(source)
    rows = Rows(source, format="json", encoding=encoding)
    if (first := _first(path)) == "[":
        return _read_items(_list_items(path, source), rows)
    if source.cut:  # only a whole object can be parsed
        path, _ = utf8_file(replace(source, limit=None, cut=False))
    try:
        value = json.loads(whole_text(path, source, LARGEST))
    except json.JSONDecodeError as problem:
        if problem.msg == "Extra data" and first == "{":
            return read_jsonl(source)  # one object a line, under the wrong ending
        repaired = re.sub(r",(?=\s*[]}]\s*\Z)", "", whole_text(path, source, LARGEST))  # a comma after the last item
        with contextlib.suppress(ValueError, RecursionError):
            return _read_object(json.loads(repaired), rows)
        raise UserError("json-broken", file=source.name, line=problem.lineno, column=problem.colno) from None
    except (RecursionError, ValueError):
        raise UserError("json-shape", file=source.name) from None
    return _read_object(value, rows)


def _first(path: Path) -> str:
    with open(path, encoding="utf-8-sig") as file:
        return file.read(4_096).lstrip()[:1]


def _read_object(value: Any, rows: Rows) -> Reading:
    if not isinstance(value, dict):
        raise UserError("json-shape", file=rows.source.name)
    wanted, lists = rows.source.options.items, dict(_lists(value))
    if wanted and wanted not in lists:
        raise UserError("json-items", file=rows.source.name, items=wanted[:80], known=", ".join(list(lists)[:20]) or "-")
    table = _split_table(value)
    if not lists or table:
        if table:
            return _read_items(enumerate(table, 1), rows)
        return _read_items(enumerate(_columns_as_rows(value, rows.source.name), 1), rows)
    taken = wanted or max(lists, key=lambda name: len(lists[name]))  # the first of the longest
    rows.detected["items"] = taken
    if len(lists) > 1:
        rows.detected["choices"] = {"items": list(lists)[:100]}
    items = lists[taken]
    if any(isinstance(item, dict) and isinstance(item.get("paragraphs"), list) for item in items[:3]):
        rows.detected["kind"] = "squad"
        items = list(squad_rows(items))
    return _read_items(enumerate(items, 1), rows)


def _lists(value: dict, before: str = "", depth: int = 0) -> Iterator[tuple[str, list]]:
    """(dotted name, list) of every list of objects inside an object."""
    for key, item in value.items():
        if isinstance(item, list) and item and sum(isinstance(one, dict) for one in item) >= 0.9 * len(item):
            yield before + key, item
        elif isinstance(item, dict) and depth < DEEPEST_LIST:
            yield from _lists(item, f"{before}{key}.", depth + 1)


def _columns_as_rows(value: dict, file: str) -> list[dict]:
    """{"text": ["a", "b"], "label": [0, 1]} (or {"0": "a", "1": "b"} for each) and {"id1": {...}, "id2": {...}} as rows."""
    cells = list(value.values())
    if cells and all(isinstance(cell, list) for cell in cells) and len({len(cell) for cell in cells}) == 1:
        return [dict(zip(value, row)) for row in zip(*cells)]
    if cells and all(isinstance(cell, dict) and cell for cell in cells):
        inner = [list(cell) for cell in cells]
        if all(keys == inner[0] for keys in inner) and all(key.isdigit() for key in inner[0]):
            return [dict(zip(value, row)) for row in zip(*(cell.values() for cell in cells))]
        if len(inner[0]) > 1 and sum(keys == inner[0] for keys in inner) > 0.8 * len(inner):
            return [{"key": key, **cell} for key, cell in value.items()]
    if len(cells) > 1 and all(isinstance(cell, (str, int, float)) for cell in cells) and any(" " in key for key in value):
        return [{"text": key, "label": cell} for key, cell in value.items()]  # {"a text": "its label"}
    raise UserError("json-shape", file=file)


def _split_table(value: dict) -> list[dict]:
    """The rows of {"columns": ["text", "label"], "data": [["a", 1], ...]}, which pandas calls "split"; [] if it is something else."""
    names, body = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(body, list) or not all(isinstance(name, str) for name in names):
        return []
    return [dict(zip(names, row)) for row in body if isinstance(row, list) and len(row) == len(names)] if len(body) and isinstance(body[0], list) else []


def _as_objects(items: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """``items``; lists of plain values among them become objects: the first, if it is all names, names the columns of the others."""
    names: list[str] | None = None
    for number, item in items:
        if isinstance(item, list) and item and not any(isinstance(cell, (list, dict)) for cell in item):
            if names is None:
                is_header = looks_like_header([[str(cell) for cell in item]]) and any(KNOWN_NAMES.fullmatch(str(c)) or KNOWN_CHINESE.fullmatch(str(c)) for c in item)
                names = [str(cell) for cell in item] if is_header else [f"column_{place}" for place in range(1, len(item) + 1)]
                if is_header:
                    continue
            item = dict(zip(names, item)) if len(item) == len(names) else item
        yield number, item


def _read_items(items: Iterator[tuple[int, Any]], rows: Rows) -> Reading:
    """The objects among ``items`` (number from 1, item); or texts, if the first is one."""
    texts = None
    with rows:
        for number, item in _as_objects(items):
            if texts is None:
                texts = isinstance(item, str)
            if texts and isinstance(item, str):
                item = {"text": item}
            if rows.source.damaged and rows.skip_damaged(number, as_text(item)):
                continue
            if isinstance(item, dict):
                _add(rows, item, 64)
            else:
                rows.skip(number, "skipped.json-item")
    if not rows.count or rows.too_many_bad:
        raise UserError("json-shape", file=rows.source.name)
    return rows.reading()


def _add(rows: Rows, row: dict, size: int) -> None:
    kind, row = known_row(row)
    if kind and not rows.count:
        rows.detected["kind"] = kind
    row = flatten(row)
    rows.add(row, size + sum(len(cell) for cell in row.values() if isinstance(cell, str)))


class _Text:
    """JSON text read piece by piece: what was used up is dropped."""

    def __init__(self, file: io.TextIOWrapper, source: Source, size: int):
        self.file, self.source, self.size = file, source, max(1, size)
        self.text, self.at, self.line, self.column, self.ended = "", 0, 1, 1, False
        self.decoder = json.JSONDecoder()

    def more(self, characters: int) -> None:
        """Drop what is behind, read ``characters`` on."""
        lines = self.text.count("\n", 0, self.at)
        self.line += lines
        self.column = self.at - self.text.rfind("\n", 0, self.at) if lines else self.column + self.at
        new = self.file.read(characters)
        self.text, self.at, self.ended = self.text[self.at :] + new, 0, not new
        self.source.tell(self.file.buffer.tell() / self.size)

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            self.at = SPACE.match(self.text, self.at).end()
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more(PIECE)

    def value(self) -> Any:
        """The value that begins at the next character. Raises UserError if there is none, or it is too long."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as problem:
                if self.ended or len(self.text) - self.at > LONGEST:
                    raise self.broken(problem.pos) from None
            except (RecursionError, ValueError):
                raise self.broken(self.at) from None
            else:
                if end < len(self.text) or self.ended:  # a number at the end of the piece may go on
                    self.at = end
                    return value
            self.more(max(PIECE, len(self.text) - self.at))

    def broken(self, place: int) -> UserError:
        lines = self.text.count("\n", 0, place)
        column = place - self.text.rfind("\n", 0, place) if lines else self.column + place
        return UserError("json-broken", file=self.source.name, line=self.line + lines, column=column)


def _list_items(path: Path, source: Source) -> Iterator[tuple[int, Any]]:
    """(number from 1, item) of a file that is one JSON list, one item in memory at a time. Raises UserError where it breaks."""
    with open(path, encoding="utf-8-sig") as file:
        text = _Text(file, source, path.stat().st_size)
        text.peek()
        text.at, number = text.at + 1, 0  # the opening bracket
        try:
            while not (text.peek() == "]" and not number):
                number += 1
                yield number, text.value()
                mark = text.peek()
                if mark == "]":
                    break
                if mark != ",":
                    raise text.broken(text.at)
                text.at += 1
                if text.peek() == "]":
                    break  # a comma after the last item
            text.at += 1
            if text.peek():
                raise text.broken(text.at)
        except UserError:
            if not source.cut:
                raise


def _one_after_the_other(path: Path, source: Source) -> Iterator[tuple[int, Any]]:
    """(number from 1, item) of a file of JSON values below or beside each other, with or without commas. Raises UserError where it breaks."""
    with open(path, encoding="utf-8-sig") as file:
        text, number = _Text(file, source, path.stat().st_size), 0
        try:
            while text.peek():
                number += 1
                yield number, text.value()
                text.at += text.peek() == ","
        except UserError:
            if not source.cut:
                raise
