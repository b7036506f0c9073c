"""A process of its own that opens a spreadsheet: a hostile one may exhaust this process's memory, or crash it, but not ours.

Run as ``python -I sheet_worker.py FILE SHEET CELLS MEMORY SECONDS``; writes JSON lines: first {"sheets", "sheet"} or {"error"}, then a list of cells a row.
It imports nothing of fm_gui.
"""

import datetime
import json
import sys

MOST_MERGED = 100_000  # regions that are looked at


def cell(value):
    """A cell as JSON: whole numbers without ".0", dates and times as ISO text, blank as null."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    return None if value == "" else value


def merged(sheet):
    """{row number: places of its cells that are merged with the one above}; the file keeps the value in the topmost alone."""
    left, below = sheet.start[1], {}
    for (top, first), (bottom, _) in (sheet.merged_cell_ranges or [])[:MOST_MERGED]:
        for number in range(top + 1, min(bottom, sheet.end[0]) + 1):
            below.setdefault(number, []).append(first - left)
    return below


def main(path: str, wanted: str, most_cells: int, memory: int, seconds: int) -> None:
    """Write the rows of sheet ``wanted`` ("" for the first that has more than one, or else any) to stdout."""
    from python_calamine import (
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
        WorksheetNotFound,
        XmlError,
        ZipError,
    )

    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # not on Windows
    out = sys.stdout
    try:
        book = CalamineWorkbook.from_path(path)
        sheets = [sheet.name for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible]
        sheets = sheets or list(book.sheet_names)
        # without a name, first those with rows below a header: a title alone on its sheet is no table
        for name, least in [(wanted, 1)] if wanted else [(name, least) for least in (2, 1) for name in sheets]:
            if name not in book.sheet_names:
                print(json.dumps({"error": "sheet-unknown", "sheets": sheets}), file=out)
                return
            sheet = book.get_sheet_by_name(name)
            if sheet.total_height * sheet.total_width > most_cells:
                print(json.dumps({"error": "sheet-large"}), file=out)
                return
            if sheet.height >= least and sheet.width:
                below = merged(sheet)
                told = {"sheets": sheets, "sheet": name, "rows": sheet.height, "merged": sum(map(len, below.values()))}
                print(json.dumps(told), file=out)
                first, above = sheet.start[0], []
                for number, row in enumerate(sheet.iter_rows()):
                    if number >= first:  # it leaves out blank columns on the left, but not blank rows above
                        cells = [cell(value) for value in row]
                        for place in below.get(number, ()):
                            if place < len(cells) and place < len(above) and cells[place] is None:
                                cells[place] = above[place]
                        above = cells
                        print(json.dumps(cells), file=out)
                return
        print(json.dumps({"error": "file-empty"}), file=out)
    except PasswordError:
        print(json.dumps({"error": "sheet-password"}), file=out)
    except (CalamineError, ZipError, XmlError, WorksheetNotFound, OSError, ValueError):
        print(json.dumps({"error": "sheet-broken"}), file=out)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
