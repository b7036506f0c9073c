"""Spreadsheets (.xlsx, .xls, .ods) by calamine, in a process of its own (sheet_worker.py) with a limit on its memory."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fm_gui.data.formats.cells import as_text, unique_names
from fm_gui.data.formats.source import Reading, Rows, Source, check_columns
from fm_gui.data.formats.unpack import charge
from fm_gui.data.shape import KNOWN_CHINESE, KNOWN_NAMES, looks_like_header
from fm_gui.errors import UserError

MOST_CELLS = 50_000_000  # of one sheet, blank ones between them too: all are in memory at once
MEMORY = 2**32  # bytes of address space that the process may have
SECONDS = 600  # of computing that it may take
SEEN = 200  # rows in which the header is looked for


def read_sheet(source: Source) -> Reading:
    """One sheet of a spreadsheet. Raises UserError if it cannot be opened, is locked, too large or has no rows."""
    if zipfile.is_zipfile(source.path):
        with zipfile.ZipFile(source.path) as archive:
            charge(source, sum(info.file_size for info in archive.infolist()))
    command = [sys.executable, "-I", str(Path(__file__).with_name("sheet_worker.py"))]
    command += [str(source.path), source.options.sheet, str(MOST_CELLS), str(MEMORY), str(SECONDS)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            told = json.loads(_first_line(process, source) or b'{"error": "sheet-broken"}')
            lines = (json.loads(line) for line in process.stdout)
            if "error" in told:
                known = ", ".join(told.get("sheets", [])[:20])
                given = {"sheet": source.options.sheet[:80], "known": known} if known else {}
                limit = {"limit": MOST_CELLS} if told["error"] == "sheet-large" else {}
                raise UserError(told["error"], file=source.name, **given, **limit)
            with Rows(source, format=source.ending[1:] if source.ending in (".xlsx", ".xls", ".ods", ".xlsm", ".xlsb") else "xlsx", sheet=told["sheet"]) as rows:
                if told["merged"]:
                    rows.detected["merged"] = told["merged"]
                if len(told["sheets"]) > 1:
                    rows.detected["choices"] = {"sheet": told["sheets"]}
                count = _read_rows(lines, rows, told)
                if process.wait() != 0 or count != told["rows"]:
                    raise UserError("sheet-broken", file=source.name)
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise UserError("sheet-broken", file=source.name) from None
        finally:
            with contextlib.suppress(OSError):
                process.kill()
    return rows.reading()


def _first_line(process: subprocess.Popen, source: Source) -> bytes:
    """What the process says first, after it opened the file, which may take long: progress is told meanwhile, so that it can be cancelled."""
    said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=lambda: said.put(process.stdout.readline()), daemon=True).start()
    while True:
        try:
            return said.get(timeout=0.2)
        except queue.Empty:
            source.tell(0)


def _read_rows(lines: Iterator[list], rows: Rows, told: dict[str, Any]) -> int:
    """The sheet's rows after the header; returns how many the sheet has, with those before."""
    options, source = rows.source.options, rows.source
    seen = list(islice(lines, SEEN))
    before = options.skip_lines if options.skip_lines is not None else _preamble(seen)
    if before:
        rows.detected |= {"skip_lines": before, "preamble": [" ".join(as_text(cell) for cell in row if cell is not None)[:200] for row in seen[:before][:5]]}
    count, names, header = 0, None, options.header != "no"
    if options.header == "auto":
        as_cells = [[as_text(cell) for cell in row] for row in seen[before:] if any(cell is not None for cell in row)]
        header = not as_cells or looks_like_header(as_cells)
    rows.detected["header"] = "yes" if header else "no"
    for count, row in enumerate(chain(seen, lines), 1):
        if count <= before or all(cell is None for cell in row):
            continue
        if names is None:
            check_columns(len(row), source.name)
            names = unique_names(as_text(cell) for cell in row) if header else [f"column_{n}" for n in range(1, len(row) + 1)]
            if header:
                continue
        rows.add(dict(zip(names, row)), sum(len(cell) for cell in row if isinstance(cell, str)))
        if count % 4_096 == 0:
            source.tell(count / told["rows"])
    return count


def _preamble(rows: list[list]) -> int:
    """How many rows with one filled cell at most stand before a header whose cells are all filled, with names in them."""
    filled = [[as_text(cell).strip() for cell in row if cell is not None] for row in rows]
    before = next((place for place, cells in enumerate(filled) if len(cells) > 1), 0)
    if not before or len(filled) < before + 2:
        return 0
    head, width = filled[before], max(map(len, filled[before:]))
    names = len(set(head)) == len(head) and all(isinstance(cell, str) for cell in rows[before] if cell is not None) and max(map(len, head)) < 60
    told = before > 1 or width > 2 or any(KNOWN_NAMES.fullmatch(cell) or KNOWN_CHINESE.fullmatch(cell) for cell in head)
    return before if names and told and len(head) >= width else 0
