"""Compressed files (.gz, .bz2, .xz, .zst), unpacked to the scratch folder with an eye on how much comes out."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fm_gui.data.formats.source import Reading, Source
from fm_gui.errors import UserError
from fm_gui.files import disk_guard

MOST_UNPACKED = 20 * 2**30  # bytes, of all that is in one file, nested archives too
RATIO, RATIO_FROM = 300, 2**26  # no honest data shrinks to less than 1/300; checked once so many bytes came out
NESTED = 4  # archives inside archives
BLOCK = 2**20
PREVIEW = 2**22  # bytes that a preview unpacks
MEMORY = 2**28  # bytes that a file may ask for to be unpacked
ZST_BLOCK = 1_024  # packed bytes at a time: of zeros, 32 MB come out
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, MemoryError)


def read_packed(source: Source) -> Reading:
    """The file inside a compressed one. Raises UserError if it is broken, or a bomb."""
    from fm_gui.data.formats.kinds import ENDINGS, kind_of
    from fm_gui.data.formats.table import read_source

    inner = enter(source)
    stem = Path(source.name).stem if ENDINGS.get(source.ending) == "packed" else source.name
    stem += ".tar" if source.ending == ".tgz" else ""
    path = source.new_path()
    whole = _write(_chunks(source), path, inner, PREVIEW if source.limit else None)
    there = inner.other(path, stem, cut=not whole)
    if not whole and kind_of(there) not in ("csv", "jsonl", "text", "conll", "markdown"):
        _write(_chunks(source), path, inner, None)
        there.cut = False
    reading = read_source(there)
    path.unlink(missing_ok=True)
    return Reading(reading.table, dict(reading.detected, packed=_kind(source)), reading.skipped)


def enter(source: Source) -> Source:
    """``source`` as an archive that is opened: one level deeper. Raises UserError if that is too deep."""
    if source.budget.depth >= NESTED:
        raise UserError("archive-nested", file=source.name, limit=NESTED)
    return source.other(source.path, source.name, budget=source.budget.deeper())


def charge(source: Source, count: int) -> None:
    """Note that ``count`` bytes came out. Raises UserError if that is more than any honest file holds."""
    spent = source.budget.spent
    spent[0] += count
    if spent[0] > MOST_UNPACKED or spent[0] > RATIO_FROM and spent[0] > RATIO * source.budget.packed:
        raise UserError("archive-bomb", file=source.name, unpacked=spent[0] // 2**20, packed=max(1, source.budget.packed // 2**10))


def copy(stream: BinaryIO, path: Path, source: Source) -> None:
    """A member of an archive, written to ``path``."""
    _write(iter(lambda: stream.read(BLOCK), b""), path, source, None)


def _write(chunks: Iterator[bytes], path: Path, source: Source, most: int | None) -> bool:
    """Write until the end, or until ``most`` bytes; False if there is more."""
    written = 0
    with disk_guard(source.folder), open(path, "wb") as out:
        while True:
            try:
                chunk = next(chunks, b"")
            except BROKEN as problem:
                raise UserError("archive-broken", file=source.name) from problem
            if not chunk:
                return True
            charge(source, len(chunk))
            out.write(chunk)
            written += len(chunk)
            source.progress(0.0, "reading.unpack")
            if most and written >= most:
                return False


def _kind(source: Source) -> str:
    with open(source.path, "rb") as file:
        head = file.read(4)
    return "gz" if head[:2] == b"\x1f\x8b" else "bz2" if head[:3] == b"BZh" else "xz" if head == b"\xfd7zX" else "zst"


def _chunks(source: Source) -> Iterator[bytes]:
    """What comes out, a piece at a time."""
    kind = _kind(source)
    if kind == "xz":
        yield from _xz(source.path)
        return
    with open(source.path, "rb") as packed:
        if kind == "zst":
            yield from _zst(packed)
            return
        with gzip.GzipFile(fileobj=packed) if kind == "gz" else bz2.BZ2File(packed) as stream:
            yield from iter(lambda: stream.read(BLOCK), b"")


def _xz(path: Path) -> Iterator[bytes]:
    # not lzma.open, which has no limit on the memory that a file may ask for
    with open(path, "rb") as packed:
        block = packed.read(BLOCK)
        while block:
            stream = lzma.LZMADecompressor(memlimit=MEMORY)
            while not stream.eof:
                yield from filter(None, [stream.decompress(block, BLOCK)])
                block = b"" if not stream.needs_input else packed.read(BLOCK)
                if not block and stream.needs_input and not stream.eof:
                    raise EOFError("ends within a stream")
            block = stream.unused_data.lstrip(b"\0") or packed.read(BLOCK).lstrip(b"\0")


def _zst(packed: BinaryIO) -> Iterator[bytes]:
    # not its stream_reader, which takes a cut file for a whole one
    import zstandard

    try:
        block = packed.read(ZST_BLOCK)
        while block:
            stream = zstandard.ZstdDecompressor(max_window_size=MEMORY).decompressobj()
            while not stream.eof:
                if not block:
                    raise EOFError("ends within a frame")
                yield from filter(None, [stream.decompress(block)])
                block = stream.unused_data if stream.eof else packed.read(ZST_BLOCK)
            block = block or packed.read(ZST_BLOCK)
    except zstandard.ZstdError as problem:
        raise ValueError(str(problem)) from None
