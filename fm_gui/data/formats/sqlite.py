"""SQLite files: one table, opened read-only; nothing that a hostile file could run is run (no views, no triggers)."""

import sqlite3
from contextlib import closing
from urllib.parse import quote

from fm_gui.data.formats.cells import unique_names
from fm_gui.data.formats.source import LONGEST, Reading, Rows, Source, check_columns
from fm_gui.errors import UserError

MOST_TABLES = 1_000


def read_sqlite(source: Source) -> Reading:
    """The table that was chosen, or the one with most rows. Raises UserError if the file is broken or has no such table."""
    address = f"file:{quote(str(source.path.resolve()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
                database.execute(f"PRAGMA {pragma}")
            database.set_progress_handler(lambda: source.tell(0), 1_000_000)  # raises to cancel
            return _read(database, source)
    except (sqlite3.Error, OverflowError, MemoryError, UnicodeError):
        raise UserError("sqlite-broken", file=source.name) from None


def _read(database: sqlite3.Connection, source: Source) -> Reading:
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND sql NOT LIKE 'CREATE VIRTUAL%'")
    tables = [name for (name,) in found.fetchmany(MOST_TABLES)]
    if not tables:
        raise UserError("sqlite-empty", file=source.name)
    wanted = source.options.table
    if wanted and wanted not in tables:
        raise UserError("sqlite-table", file=source.name, table=wanted[:80], known=", ".join(tables[:20]))
    sizes = {name: database.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in ([wanted] if wanted else tables)}
    taken = max(sizes, key=sizes.__getitem__)
    if sizes[taken] > source.size:  # a row has a byte at least: pages that point at each other in a circle
        raise UserError("sqlite-broken", file=source.name)
    with Rows(source, format="sqlite", table=taken) as rows:
        if len(tables) > 1:
            rows.detected["choices"] = {"table": tables}
        cursor = database.execute(f"SELECT * FROM {_quoted(taken)}")
        names = unique_names(column[0] for column in cursor.description)
        check_columns(len(names), source.name)
        for number, row in enumerate(cursor, 1):
            rows.add(dict(zip(names, row)), sum(len(cell) for cell in row if isinstance(cell, (str, bytes))))
            if number > source.size:
                raise UserError("sqlite-broken", file=source.name)
            if number % 4_096 == 0:
                source.tell(number / sizes[taken])
    return rows.reading()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
