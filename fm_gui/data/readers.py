"""Files to one table, whatever their format and encoding. A new format is one function and one line in formats/table.py.

Rows are written to an Arrow file as they are read, and the table is mapped from it: memory does not grow with the file.
Numbers of rows and lines in errors are those a person counts in the file: a CSV's header is row 1, a JSON file's first line is line 1.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fm_gui.data.formats.cells import as_text
from fm_gui.data.formats.combine import combine, part_in_name, stack
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.formats.source import LISTED, Budget, Progress, Reading, Source
from fm_gui.data.split import Part
from fm_gui.errors import UserError
from fm_gui.files import disk_guard

__all__ = ["LISTED", "ReadOptions", "Reading", "as_text", "combine", "preview", "read", "read_hub", "read_parts", "stack"]


def read(paths: list[Path], options: ReadOptions | None = None, *, scratch: Path | None = None, progress: Progress | None = None) -> Reading:
    """All rows of ``paths`` (files or folders), stacked; two that are a Moses pair are one.

    If every file's name tells a part and one is train, the rows come with a column that says which is whose
    (``detected["part"]``). The rows lie in a new folder below ``scratch``, which is the caller's to delete; without
    ``scratch``, in a temporary one that lives as long as the Reading (``keeper``).
    ``progress(share, words key)`` is called often and may raise to cancel. Raises UserError; then nothing is left behind.
    """
    if not paths:
        raise UserError("no-file")
    with _folder(scratch) as (folder, keeper):
        reading = _read_all([Path(path) for path in paths], options or ReadOptions(), folder, progress or _silent)
        reading.keeper = keeper
        return reading


def read_parts(
    parts: dict[Part, list[Path]], options: ReadOptions | None = None, *, scratch: Path | None = None, progress: Progress | None = None
) -> Reading:
    """Files for train, validation and test, told by the caller: stacked, with a column that says which row is whose (``detected["part"]``)."""
    with _folder(scratch) as (folder, keeper):
        readings, names, whose = [], [], []
        for part, paths in parts.items():
            readings.append(_read_all([Path(path) for path in paths], options or ReadOptions(), folder, progress or _silent, by_name=False))
            names.append(Path(paths[0]).name)
            whose.append(part)
        reading = combine(readings, names, whose)
        reading.keeper = keeper
        return reading


def preview(paths: Path | list[Path], options: ReadOptions | None = None, rows: int = 20, progress: Progress | None = None) -> Reading:
    """The first ``rows`` rows of a file (or a Moses pair), read from its beginning where its format allows. As ``read`` otherwise."""
    paths = [Path(path) for path in paths] if isinstance(paths, list) else [Path(paths)]
    with _folder(None) as (folder, keeper):
        reading = _read_all(paths, options or ReadOptions(), folder, progress or _silent, limit=rows)
        reading.keeper = keeper
        return reading


def read_hub(dataset_id: str, config: str = "", split: str = "", *, scratch: Path | None = None, progress: Progress | None = None) -> Reading:
    """A data set of the Hugging Face hub, or a local folder laid out like one; ``split`` "" reads all of them as parts. Raises UserError."""
    from fm_gui.data.formats.hub import read_hub_into

    with _folder(scratch) as (folder, keeper):
        reading = read_hub_into(dataset_id.strip(), config, split, folder, progress or _silent)
        reading.keeper = keeper
        return reading


def _silent(share: float, key: str) -> None:
    pass


@contextmanager
def _folder(scratch: Path | None) -> Iterator[tuple[Path, tempfile.TemporaryDirectory | None]]:
    """A new folder to write in, gone if what is done in it fails."""
    keeper = None
    if scratch is None:
        keeper = tempfile.TemporaryDirectory(prefix="fm-gui-", ignore_cleanup_errors=True)
        folder = Path(keeper.name)
    else:
        folder = Path(scratch) / f"reading-{uuid.uuid4().hex}"
        with disk_guard(Path(scratch)):
            folder.mkdir(parents=True)
    done = False
    try:
        yield folder, keeper
        for path in folder.iterdir():
            if path.suffix != ".arrow":  # what was unpacked or rewritten on the way
                path.unlink()
        done = True
    finally:
        if not done:
            keeper.cleanup() if keeper else shutil.rmtree(folder, ignore_errors=True)


def _read_all(paths: list[Path], options: ReadOptions, folder: Path, progress: Progress, limit: int | None = None, by_name: bool = True) -> Reading:
    from fm_gui.data.formats.pairs import pair_up, read_pair
    from fm_gui.data.formats.table import read_source

    readings, names = [], []
    groups = pair_up(paths)
    for number, group in enumerate(groups):

        def told(share: float, key: str, number: int = number) -> None:
            progress((number + share) / len(groups), key)

        for path in group:
            if not path.exists():
                raise UserError("file-missing", file=path.name)
        sources = [Source(path, path.name, options, folder, told, Budget(max(1, path.stat().st_size)), limit) for path in group]
        readings.append(read_source(sources[0]) if len(group) == 1 else read_pair(*sources))
        names.append(group[0])
    progress(1.0, "reading.rows")
    same_folder = len({path.parent for path in names}) == 1
    called = [path.name if same_folder else f"{path.parent.name}/{path.name}" for path in names]
    parts = [part_in_name(name) for name in called]
    by_name = by_name and all(parts) and "train" in parts and len(set(parts)) > 1
    return combine(readings, called, parts if by_name else [None] * len(names))
