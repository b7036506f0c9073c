"""What a reader is given (Source), where it puts rows (Rows), and what comes of it (Reading).

Rows go to an Arrow file batch by batch, so memory does not grow with the file; the table that is given back is mapped from it.
"""

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui.data.formats.cells import cast, column, common_type, unique_names
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.tables import open_table
from fm_gui.errors import UserError
from fm_gui.files import disk_guard

if TYPE_CHECKING:
    import pyarrow as pa

LISTED = 1_000  # skipped rows kept in a data set's record; detected["skipped"] counts them all
MOST_COLUMNS = 10_000
MOST_CELLS = 2_000_000_000
REFUSED_SHARE = 0.1  # of rows that do not fit, above which a file is refused rather than those rows skipped
# In a tiny file a single bad row is more than that share, and whoever reads the list of so few sees each: they are skipped too,
# unless they are so large a part that the whole file was probably taken for what it is not (a wrong separator).
FEW_BAD, FEW_SHARE = 3, 1 / 3
BATCH_ROWS, BATCH_SIZE = 16_384, 2**24  # what is collected before it is written: rows, characters
LONGEST = 2**26  # characters in one line, cell or JSON item
DAMAGED = "\ufdd0"  # stands, in what readers get, for bytes that are no character; Unicode keeps it free for such use

Progress = Callable[[float, str], None]  # (share done, 0 to 1; key of what is being done); may raise to cancel


@dataclass
class Reading:
    """What was read: the rows, what was detected on the way, and the first rows that could not be read (``detected["skipped"]`` counts them)."""

    table: "pa.Table"
    detected: dict[str, Any] = field(default_factory=dict)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    keeper: tempfile.TemporaryDirectory | None = field(default=None, repr=False)  # the folder of the table's file lives as long as this
    file: Path | None = None  # the Arrow file that holds just this table, where there is one


@dataclass
class Budget:
    """How much was unpacked from one file, shared by all that is nested in it."""

    packed: int  # bytes of the file itself
    depth: int = 0
    spent: list[int] = field(default_factory=lambda: [0])  # bytes unpacked, counted together at every depth

    def deeper(self) -> "Budget":
        """The same account, one archive further in."""
        return Budget(self.packed, self.depth + 1, self.spent)


@dataclass
class Source:
    """One file to read: where it is, what to call it, and how."""

    path: Path
    name: str
    options: ReadOptions
    folder: Path  # for whatever has to be written on the way
    progress: Progress
    budget: Budget
    limit: int | None = None  # rows, for a preview
    cut: bool = False  # the file is only the first part of a larger one
    damaged: bool = False  # there are DAMAGED characters in its text
    mixed: dict[str, Any] | None = None  # some lines are in another encoding: which one, and how many lines

    @property
    def size(self) -> int:
        return max(1, self.path.stat().st_size)

    @property
    def ending(self) -> str:
        return Path(self.name).suffix.lower()

    def new_path(self, ending: str = "") -> Path:
        """A path in the scratch folder where nothing is yet."""
        return self.folder / f"{uuid.uuid4().hex}{ending}"

    def other(self, path: Path, name: str, **changes) -> "Source":
        """The same wishes for another file."""
        return replace(self, path=path, name=name, **({"damaged": False, "mixed": None} | changes))

    def tell(self, share: float) -> None:
        self.progress(min(1.0, max(0.0, share)), "reading.rows")


class _Enough(Exception):  # noqa: N818
    """A preview has its rows."""


class Rows:
    """The table being written. ``with Rows(source) as rows: ...`` ends early when a preview has enough; then ``rows.reading()``."""

    def __init__(self, source: Source, **detected):
        self.source, self.detected = source, detected | ({"mixed": source.mixed} if source.mixed else {})
        self.skipped: list[dict[str, Any]] = []
        self.bad, self.lost, self.written = 0, 0, 0
        self._held: list[dict[str, Any]] = []
        self._size = 0
        self._segments: list[Path] = []  # one for each run of batches with the same columns and types
        self._writer = self._file = None

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, kind, problem, trace) -> bool:
        try:
            if kind is None and self.lost and self.too_many_bad:
                raise UserError("encoding-damaged", file=self.source.name, line=self.skipped[0]["row"], bad=self.lost)
            if kind is None or kind is _Enough:
                self._flush()
        except _Enough:
            pass
        finally:
            self._end_segment()
        return kind is _Enough

    @property
    def count(self) -> int:
        """Rows so far."""
        return self.written + len(self._held)

    def add(self, row: dict[str, Any], size: int) -> None:
        """One row as column -> value; ``size`` is about how many characters it has."""
        self._held.append(row)
        self._size += size + 8 * len(row)
        if len(self._held) >= BATCH_ROWS or self._size >= BATCH_SIZE or self.source.limit and self.count >= self.source.limit:
            self._flush()

    def skip(self, row: int, code: str, **values) -> None:
        """Say that row (line, item ...) ``row`` could not be read: ``code`` is a key of the words, ``values`` its places."""
        self.bad += 1
        if len(self.skipped) < LISTED:
            name = self.source.name
            self.skipped.append({"file": name, "row": row, "code": code, "values": {"file": name, "row": row, **values}})

    def skip_damaged(self, row: int, *texts: str) -> bool:
        """Skip row ``row`` if one of its ``texts`` holds a character that could not be read; True if so."""
        if not self.source.damaged or not any(DAMAGED in text for text in texts):
            return False
        self.lost += 1
        self.skip(row, "skipped.damaged")
        return True

    @property
    def too_many_bad(self) -> bool:
        return self.bad > (FEW_SHARE if self.bad <= FEW_BAD else REFUSED_SHARE) * (self.count + self.bad)

    def write(self, batch: "pa.RecordBatch") -> None:
        """Rows as columns of text, int64, float64, bool or null. Raises UserError if the table gets too large."""
        import pyarrow as pa

        check_columns(batch.num_columns, self.source.name)
        left = self.source.limit - self.written if self.source.limit else None
        batch = batch if left is None else batch.slice(0, left)
        if (self.written + batch.num_rows) * batch.num_columns > MOST_CELLS:
            raise UserError("table-large", file=self.source.name, limit=MOST_CELLS)
        with disk_guard(self.source.folder, batch.nbytes):
            if self._writer is None or self._writer_schema != batch.schema:
                self._end_segment()
                self._segments.append(self.source.new_path(".arrow"))
                self._file = pa.OSFile(str(self._segments[-1]), "wb")
                self._writer, self._writer_schema = pa.ipc.new_file(self._file, batch.schema), batch.schema
            self._writer.write_batch(batch)
        self.written += batch.num_rows
        if self.source.limit and self.written >= self.source.limit:
            raise _Enough

    def restart(self) -> None:
        """Forget all rows, to read them in another way."""
        self._end_segment()
        for path in self._segments:
            path.unlink()
        self._segments, self._held, self._size, self.written, self.bad, self.lost, self.skipped = [], [], 0, 0, 0, 0, []

    def reading(self) -> Reading:
        """What was read. Raises UserError if there is no row."""
        if not self.written:
            raise UserError("file-header-only", file=self.source.name)
        tables, file = [open_table(path) for path in self._segments], self._segments[0]
        if len(tables) > 1 or any(str(kind) == "null" for kind in tables[0].schema.types):
            file = self._unified(tables)
            tables = [open_table(file)]
        names = unique_names(tables[0].column_names)
        renamed = names != tables[0].column_names
        table = tables[0].rename_columns(names) if renamed else tables[0]
        return Reading(table, dict(self.detected, skipped=self.bad), self.skipped, file=None if renamed else file)

    def _flush(self) -> None:
        import pyarrow as pa

        held, self._held, self._size = self._held, [], 0
        if not held:
            return
        keys = list(dict.fromkeys(key for row in held for key in row))
        check_columns(len(keys), self.source.name)
        if not any(key.strip() for key in keys):
            raise UserError("json-no-fields")
        # a field of a table in memory for each cell: few rows at a time where there are many columns
        step = max(1, 8_000_000 // len(keys))
        for start in range(0, len(held), step):
            rows = held[start : start + step]
            self.write(pa.RecordBatch.from_arrays([column([row.get(key) for row in rows]) for key in keys], names=keys))

    def _end_segment(self) -> None:
        if self._writer is not None:
            with disk_guard(self.source.folder):
                self._writer.close()
                self._file.close()
        self._writer = self._file = None

    def _unified(self, tables: "list[pa.Table]") -> Path:
        """The file of all segments below each other, with every column in a type that holds all its cells, rewritten batch by batch."""
        import pyarrow as pa

        types: dict[str, list] = {}
        for table in tables:
            for name, kind in zip(table.column_names, table.schema.types):
                types.setdefault(name, []).append(kind)
        check_columns(len(types), self.source.name)
        if self.written * len(types) > MOST_CELLS:
            raise UserError("table-large", file=self.source.name, limit=MOST_CELLS)
        schema = pa.schema([(name, common_type(kinds)) for name, kinds in types.items()])
        path = self.source.new_path(".arrow")
        with disk_guard(self.source.folder), open(path, "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for table in tables:
                for batch in table.to_batches():
                    have = dict(zip(batch.schema.names, batch.columns))
                    cells = [cast(have[f.name], f.type) if f.name in have else pa.nulls(batch.num_rows, f.type) for f in schema]
                    writer.write_batch(pa.RecordBatch.from_arrays(cells, schema=schema))
        tables.clear()
        for old in self._segments:
            old.unlink(missing_ok=True)
        return path


def check_columns(count: int, file: str) -> None:
    """Raises UserError if a table would have more than MOST_COLUMNS columns."""
    if count > MOST_COLUMNS:
        raise UserError("columns-many", file=file, columns=count, limit=MOST_COLUMNS)
