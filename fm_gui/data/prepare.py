"""From a data set and a task to numbers on disk: tokenised once, cached by fingerprint, memory-mapped.

cache/tokens/KEY/ holds, per part and column, bare numbers: ``part.column.bin``, one value a row, or for columns of
sequences all values after each other, with where each begins in ``part.column.offsets.bin``; ``done.json`` says of which
kind they are. Rows are read, turned into numbers and written a piece at a time, so memory does not grow with the data.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from fm_gui.config import RunConfig
from fm_gui.data.batching import ahead
from fm_gui.errors import UserError, is_panic
from fm_gui.files import read_json, sync_to_disk, write_json

PARTS = ("train", "validation", "test")
RECIPE = 3  # counts up when what is written here changes, so that caches of older recipes are not used
MOST_ROWS, MOST_CHARACTERS = 2_000, 1_000_000  # at once: keeps memory flat and progress moving; the Rust tokenizer is at full speed long before


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths: row i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: np.ndarray  # uint16 where the vocabulary allows, else int32
    offsets: np.ndarray  # int64, one more than rows

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Part:
    """One part of a data set as numbers; row i of every column belongs together."""

    columns: dict[str, Ragged | np.ndarray]
    rows: np.ndarray  # row numbers in the data set's table

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str):
        return self.columns[column]


@dataclass(frozen=True)
class Prepared:
    """A data set ready for a task: its parts as numbers, and its class names."""

    parts: dict[str, Part]
    labels: list[str]
    skipped: tuple[int, ...] = ()  # row numbers that could not be encoded, and are in no part

    def __getitem__(self, part: str) -> Part:
        return self.parts[part]


def prepare(workspace, config: RunConfig, task, data, processor, progress: Callable[[int, int], None] | None = None) -> Prepared:
    """``data`` encoded by ``task`` with ``processor``; from the cache when the same was done before.

    ``progress(done, total)`` is called per batch of rows and may raise to stop.
    """
    labels = task.labels(data)
    key = _key(config, task, processor, labels)
    folder = workspace.root / "cache" / "tokens" / key
    splits = data.parts()
    for part in PARTS:
        if not len(splits[part]):
            raise UserError("part-empty", name=config.data.name, part=part)
    if not (folder / "done.json").exists():
        _encode_all(folder, config, task, data, splits, processor, labels, progress)
    done = read_json(folder / "done.json")
    left = {part: splits[part][~np.isin(splits[part], done["skipped"])] for part in PARTS}
    return Prepared({part: _open(folder, part, done["columns"], left[part]) for part in PARTS}, labels, tuple(done["skipped"]))


def _key(config: RunConfig, task, processor, labels) -> str:
    """Whatever changes the numbers changes the key; where a tokenizer last cut or padded to is not its own, but set anew for each text."""
    tokenizer = json.loads(processor.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
    parts = [RECIPE, config.data.fingerprint, task.name, tokenizer, config.options, labels]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _encode_all(folder: Path, config, task, data, splits, processor, labels, progress) -> None:
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    beside.mkdir(parents=True)
    total, done, kinds, skipped = sum(len(splits[part]) for part in PARTS), 0, {}, []
    ids = np.uint16 if max(processor.get_vocab().values()) < 2**16 else np.int32
    try:
        for part in PARTS:
            writers: dict[str, _Writer] = {}
            # the next rows are read and encoded, on all cores, while these are written
            for rows, encoded, broken in ahead(_encoded(data, splits[part], lambda rows: task.encode(rows, processor, config, labels))):
                skipped += [int(rows[i]) for i in broken]
                for column, values in encoded.items():
                    if column not in writers:
                        ragged = isinstance(values[0], list)
                        writers[column] = _Writer(beside / f"{part}.{column}", ragged, ids if ragged else np.int32)
                    writers[column].write(values)
                done += len(rows)
                if progress:
                    progress(done, total)
            for column, writer in writers.items():
                kinds[column] = writer.close()
            if not writers:
                raise UserError("rows-unreadable", name=config.data.name, part=part, row=skipped[0] + 1)
        write_json(beside / "done.json", {"columns": kinds, "skipped": skipped})
        for file in beside.iterdir():  # before it has its name: a power cut must not leave half of it there
            sync_to_disk(file)
        try:
            beside.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was quicker, with the same
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _encoded(data, rows: np.ndarray, encode: Callable[[list[dict]], dict[str, list]]) -> Iterator[tuple[np.ndarray, dict[str, list], list[int]]]:
    """(row numbers, their numbers, which of them cannot be encoded), a piece at a time; where rows are long texts, fewer at once."""
    at, count = 0, 100
    while at < len(rows):
        piece = data.rows(rows[at : at + count])
        yield rows[at : at + count], *_encode(piece, encode)
        at += count
        mean = sum(len(value) for row in piece for value in row.values()) / len(piece)
        count = max(1, min(MOST_ROWS, int(MOST_CHARACTERS / max(1.0, mean))))


def _encode(rows: list[dict], encode: Callable[[list[dict]], dict[str, list]]) -> tuple[dict[str, list], list[int]]:
    """The rows as numbers, and which of them cannot be: one row that a tokenizer stumbles over must not end a run."""
    try:
        return encode(rows), []
    except (UserError, OSError, MemoryError):
        raise
    except BaseException as problem:  # tokenizers' own errors have no class in common
        if not (isinstance(problem, Exception) or is_panic(problem)):
            raise
        if len(rows) == 1:
            return {}, [0]
    whole: dict[str, list] = {}
    broken = []
    for i, row in enumerate(rows):
        encoded, failed = _encode([row], encode)
        broken += [i] if failed else []
        for column, values in encoded.items():
            whole.setdefault(column, []).extend(values)
    return whole, broken


class _Writer:
    """Appends numbers to a file, and for sequences where each ends to another."""

    def __init__(self, path: Path, ragged: bool, kind: type):
        self.ragged, self.kind, self.total = ragged, np.dtype(kind), 0
        self.values = open(f"{path}.bin", "wb")  # noqa: SIM115 - closed in close()
        self.offsets = open(f"{path}.offsets.bin", "wb") if ragged else None  # noqa: SIM115
        if ragged:
            np.zeros(1, np.int64).tofile(self.offsets)

    def write(self, values: list) -> None:
        if self.ragged:
            ends = self.total + np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
            ends.tofile(self.offsets)
            values = np.fromiter(chain.from_iterable(values), self.kind, int(ends[-1]) - self.total)
            self.total = int(ends[-1])
        np.asarray(values, self.kind).tofile(self.values)

    def close(self) -> dict:
        """What must be known to open the column: {"ragged", "kind"}."""
        self.values.close()
        if self.ragged:
            self.offsets.close()
        return {"ragged": self.ragged, "kind": self.kind.name}


def _open(folder: Path, part: str, kinds: dict[str, dict], rows: np.ndarray) -> Part:
    columns: dict[str, Ragged | np.ndarray] = {}
    for column, kind in kinds.items():
        values = _mapped(folder / f"{part}.{column}.bin", kind["kind"])
        columns[column] = Ragged(values, _mapped(folder / f"{part}.{column}.offsets.bin", "int64")) if kind["ragged"] else values
    return Part(columns, rows)


def _mapped(path: Path, kind: str) -> np.ndarray:
    """The numbers in a file, read from disk as they are looked at; as a plain array, of which rows are cut faster than of numpy's memmap."""
    if not path.stat().st_size:  # which cannot be mapped
        return np.empty(0, kind)
    return np.memmap(path, kind, "r").view(np.ndarray)
