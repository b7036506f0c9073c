"""Parquet, Arrow and Feather files, batch by batch: memory does not grow with the file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fm_gui.data.formats.cells import plain
from fm_gui.data.formats.chat import messages_of
from fm_gui.data.formats.source import Reading, Rows, Source, check_columns
from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 8_192  # rows of a Parquet file in memory at once


def read_parquet(source: Source) -> Reading:
    """A Parquet file. Raises UserError if it is broken or empty."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    with Rows(source, format="parquet") as rows:
        try:
            with parquet.ParquetFile(source.path, memory_map=False, thrift_string_size_limit=2**28, thrift_container_size_limit=2**24) as file:
                check_columns(len(file.schema_arrow.names), source.name)
                total = max(1, file.metadata.num_rows)
                _take(file.iter_batches(BATCH), rows, total)
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise UserError("parquet-broken", file=source.name) from None
    return rows.reading()


def read_arrow(source: Source) -> Reading:
    """An Arrow file or stream (Feather is one). Raises UserError if it is broken or empty."""
    import pyarrow as pa
    import pyarrow.feather as feather

    with Rows(source, format="arrow") as rows:
        try:
            with pa.OSFile(str(source.path)) as file:
                magic = file.read(6)
                if magic[:4] == b"FEA1":  # Feather as it was before Arrow had files of its own
                    table = feather.read_table(str(source.path))
                    check_columns(len(table.column_names), source.name)
                    _take(iter(table.to_batches(BATCH)), rows, table.num_rows)
                elif magic == b"ARROW1":
                    reader = pa.ipc.open_file(file)
                    check_columns(len(reader.schema.names), source.name)
                    _take((reader.get_batch(place) for place in range(reader.num_record_batches)), rows, 0, reader.num_record_batches)
                else:
                    file.seek(0)
                    reader = pa.ipc.open_stream(file)
                    check_columns(len(reader.schema.names), source.name)
                    _take(iter(reader), rows, 0)
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise UserError("arrow-broken", file=source.name) from None
    return rows.reading()


def _take(batches: "Iterator[pa.RecordBatch]", rows: Rows, total: int, pieces: int = 0) -> None:
    import pyarrow as pa

    for number, batch in enumerate(batches, 1):
        batch.validate(full=True)  # a damaged file can hold offsets that point outside it, and text that is not UTF-8
        for start in range(0, batch.num_rows, BATCH):
            part = batch.slice(start, BATCH)
            names, columns = list(part.schema.names), []
            for place, column in enumerate(part.columns):
                names[place], column = _talk(names, place, column)
                columns.append(plain(column))
            rows.write(pa.RecordBatch.from_arrays(columns, names=names))
        rows.source.tell(rows.written / total if total else number / pieces if pieces else 0.5)


def _talk(names: list[str], place: int, column: "pa.Array") -> "tuple[str, pa.Array]":
    """Nested ``messages``, and ShareGPT's ``conversations`` under that name, as from JSON; other columns as they are."""
    import pyarrow as pa

    name = names[place]
    known_name = name == "messages" or name in ("conversations", "conversation") and "messages" not in names
    if not known_name or not pa.types.is_nested(column.type):
        return name, column
    talks = column.to_pylist()
    known = [messages_of(talk) for talk in talks]
    if any(talk is not None and not messages for talk, messages in zip(talks, known)):
        return name, column
    from fm_gui.data.formats.cells import as_text

    return "messages", pa.array([as_text(messages) if messages else None for messages in known], pa.string())
