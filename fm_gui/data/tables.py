"""A data set's rows on disk: Arrow files named by what is in them, so that an older version stays what it was."""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.config import DatasetSpec
from fm_gui.files import sync_to_disk

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 65_536  # rows per batch of the Arrow file


def write_table(folder: Path, table: "pa.Table") -> str:
    """Write ``table`` below ``folder`` and return its name, a hash of the file; the same rows give the same name."""
    import pyarrow as pa

    beside = folder / f".{uuid.uuid4().hex}"
    try:
        with open(beside, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=CHUNK)
        return adopt(folder, beside)
    finally:
        beside.unlink(missing_ok=True)


def adopt(folder: Path, file: Path) -> str:
    """Move an Arrow file that is already written (on the same disk) to its place below ``folder``; returns its name."""
    with open(file, "rb") as stream:
        name = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    sync_to_disk(file)
    os.replace(file, folder / f"{name}.arrow")
    sync_to_disk(folder)
    return name


def open_table(path: Path) -> "pa.Table":
    """The rows of an Arrow file, mapped from disk: opening costs no memory."""
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def fingerprint(spec: DatasetSpec) -> str:
    """What a data set means, in 64 characters: it changes with the rows, the roles and the split."""
    roles = {role: guess.column for role, guess in spec.roles.items()}
    meaning = [spec.table, roles, spec.split.model_dump()]
    return hashlib.sha256(json.dumps(meaning, sort_keys=True, ensure_ascii=False).encode("utf-8")).hexdigest()


def is_whole(file: Path) -> bool:
    """True if a table is what was written: its name is a hash of it. False too if the disk cannot read it."""
    try:
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16] == file.stem
    except OSError:
        return False
