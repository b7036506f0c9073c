"""A text file line by line, never more than one line in memory."""

from collections.abc import Iterator
from pathlib import Path

from fm_gui.data.formats.source import LONGEST, Source
from fm_gui.errors import UserError


def read_lines(path: Path, source: Source) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends (\\n, \\r\\n or \\r), with progress told.

    Not str.splitlines, which also cuts at characters (U+2028, form feed) that may stand inside a text or a JSON string.
    Raises UserError for a line of more than LONGEST characters.
    """
    size = max(1, path.stat().st_size)
    with open(path, encoding="utf-8-sig") as file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise UserError("line-long", file=source.name, line=number, limit=LONGEST)
            if number % 4_096 == 0:
                source.tell(file.buffer.tell() / size)
            yield line.removesuffix("\n")


def whole_text(path: Path, source: Source, limit: int) -> str:
    """All of a UTF-8 file. Raises UserError if it has more than ``limit`` bytes."""
    if path.stat().st_size > limit:
        raise UserError("file-large", file=source.name, limit=limit // 2**20)
    return path.read_text(encoding="utf-8-sig")
