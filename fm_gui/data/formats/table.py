"""The kinds of files that can be read: one function and one line each. A function takes a Source and returns a Reading."""

from collections.abc import Callable

from fm_gui.data.delimited import read_csv
from fm_gui.data.formats.archives import read_folder, read_tar, read_zip
from fm_gui.data.formats.columnar import read_arrow, read_parquet
from fm_gui.data.formats.kinds import kind_of
from fm_gui.data.formats.pairs import read_tmx
from fm_gui.data.formats.prose import read_conll, read_html, read_markdown, read_text
from fm_gui.data.formats.records import read_json, read_jsonl
from fm_gui.data.formats.sheets import read_sheet
from fm_gui.data.formats.source import Reading, Source
from fm_gui.data.formats.sqlite import read_sqlite
from fm_gui.data.formats.unpack import read_packed

FORMATS: dict[str, Callable[[Source], Reading]] = {
    "csv": read_csv,
    "json": read_json,
    "jsonl": read_jsonl,
    "text": read_text,
    "markdown": read_markdown,
    "html": read_html,
    "conll": read_conll,
    "tmx": read_tmx,
    "parquet": read_parquet,
    "arrow": read_arrow,
    "sheet": read_sheet,
    "sqlite": read_sqlite,
    "packed": read_packed,
    "zip": read_zip,
    "tar": read_tar,
    "folder": read_folder,
}


def read_source(source: Source) -> Reading:
    """The rows of one file, whatever it is. Raises UserError."""
    return FORMATS[kind_of(source)](source)
