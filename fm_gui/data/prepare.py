"""From a data set and a task to numbers on disk: tokenised once, cached by fingerprint, memory-mapped.

cache/tokens/KEY/ holds, per part and column, flat ``.npy`` files: one value a row (``part.column.npy``), or for
columns of sequences all values after each other plus offsets (``part.column.npy``, ``part.column.offsets.npy``).
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fm_gui.config import RunConfig
from fm_gui.errors import UserError, is_panic
from fm_gui.files import read_json, write_json

PARTS = ("train", "validation", "test")
RECIPE = 2  # counts up when what is written here changes, so that caches of older recipes are not used
ROWS_AT_ONCE = 1_000  # keeps memory flat and progress moving; the Rust tokenizer is at full speed from ~100


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths: row i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: np.ndarray  # int32
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
    """Whatever changes the numbers changes the key."""
    parts = [RECIPE, config.data.fingerprint, task.name, processor.backend_tokenizer.to_str(), config.options, labels]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _encode_all(folder: Path, config, task, data, splits, processor, labels, progress) -> None:
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    beside.mkdir(parents=True)
    total, done, kinds, skipped = sum(len(splits[part]) for part in PARTS), 0, {}, []
    try:
        for part in PARTS:
            writers: dict[str, _Writer] = {}
            for start in range(0, len(splits[part]), ROWS_AT_ONCE):
                rows = splits[part][start : start + ROWS_AT_ONCE]
                encoded, broken = _encode(data.rows(rows), lambda rows: task.encode(rows, processor, config, labels))
                skipped += [int(rows[i]) for i in broken]
                for column, values in encoded.items():
                    if column not in writers:
                        writers[column] = _Writer(beside / f"{part}.{column}", isinstance(values[0], list))
                    writers[column].write(values)
                done += len(rows)
                if progress:
                    progress(done, total)
            for column, writer in writers.items():
                kinds[column] = writer.ragged
                writer.close()
            if not writers:
                raise UserError("rows-unreadable", name=config.data.name, part=part, row=skipped[0] + 1)
        write_json(beside / "done.json", {"columns": kinds, "skipped": skipped})
        try:
            beside.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was quicker, with the same
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


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
    """Appends int32 values to a raw file, and offsets for sequences."""

    def __init__(self, path: Path, ragged: bool):
        self.path, self.ragged, self.lengths = path, ragged, []
        self.file = open(path.with_name(path.name + ".raw"), "wb")  # noqa: SIM115 - closed in close()

    def write(self, values: list) -> None:
        if self.ragged:
            self.lengths.extend(map(len, values))
            values = np.concatenate([np.asarray(v, np.int32) for v in values])
        np.asarray(values, np.int32).tofile(self.file)

    def close(self) -> None:
        self.file.close()
        raw = self.file.name
        count = Path(raw).stat().st_size // 4
        np.save(f"{self.path}.npy", np.memmap(raw, np.int32, "r", shape=(count,)) if count else np.empty(0, np.int32))
        Path(raw).unlink()
        if self.ragged:
            np.save(f"{self.path}.offsets.npy", np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)]))


def _open(folder: Path, part: str, kinds: dict[str, bool], rows: np.ndarray) -> Part:
    columns: dict[str, Ragged | np.ndarray] = {}
    for column, ragged in kinds.items():
        values = np.load(folder / f"{part}.{column}.npy", mmap_mode="r")
        columns[column] = Ragged(values, np.load(folder / f"{part}.{column}.offsets.npy")) if ragged else values
    return Part(columns, rows)
