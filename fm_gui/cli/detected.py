"""What `fm-gui data add | show` say of a file: how it was read, which rows could not be, what its rows can teach; and text from a pipe."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fm_gui.cli.base import LANG, put, put_json, put_note, put_table, tell
from fm_gui.errors import UserError
from fm_gui.text import say_setting

if TYPE_CHECKING:
    from fm_gui.config import DatasetSpec
    from fm_gui.data.readers import ReadOptions

SHOWN_SKIPPED = 5
SHOWN_FILES = 10  # of an archive, that were ignored
SHOWN_LINES = 5  # before the header
SHOWN_ROWS = 5
STDIN = "-"


@contextmanager
def with_pasted(files: list[Path]) -> Iterator[list[Path]]:
    """``files``, with what stands on standard input as a file for "-". Raises UserError if there is nothing."""
    if STDIN not in map(str, files):
        yield files
        return
    pasted = sys.stdin.buffer.read()
    if not pasted.strip():
        raise UserError("paste-empty")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / tell("data.paste.name")  # without an ending: what is in it decides
        file.write_bytes(pasted)
        yield [file if str(path) == STDIN else path for path in files]


def put_detected(detected: dict[str, Any]) -> None:
    """What the reader found out: format, encoding, separator, sheet ...; the lines and files that it left out."""
    from fm_gui.data.readers import ReadOptions

    facts = [(say_setting(ReadOptions, name, LANG)[0], _spoken(name, detected)) for name in ReadOptions.model_fields if detected.get(name) not in (None, "")]
    if facts:
        put(tell("cli.data.detected", facts="; ".join(tell("cli.data.fact", name=name, value=value) for name, value in facts)))
    if mixed := detected.get("mixed"):
        put(tell("reading.mixed", lines=mixed["lines"], other=mixed["encoding"], encoding=detected["encoding"]))
    if merged := detected.get("merged"):
        put(tell("reading.merged", cells=merged))
    if lines := detected.get("preamble"):
        put(tell("cli.data.preamble", count=len(lines)))
        for line in lines[:SHOWN_LINES]:
            put("  " + line[:120])
    if ignored := detected.get("ignored"):
        more = ", …" if len(ignored) > SHOWN_FILES else ""
        put(tell("cli.data.ignored", count=len(ignored), files=", ".join(ignored[:SHOWN_FILES]) + more))
    for file in detected.get("files", []):
        put(tell("cli.data.file", file=file["file"], rows=file["rows"]))


def _spoken(name: str, detected: dict[str, Any]) -> str:
    value = detected[name]
    if value == "sample":
        return tell("data.read.value.sample")
    if name == "format":
        return str(value).upper() + (f" ({detected['kind']})" if "kind" in detected else "")
    if value == "\t":
        return tell("data.read.value.tab")
    if value in ("yes", "no", "none", "line", "paragraph", "file") and name in ("header", "unit", "delimiter", "quote"):
        return tell(f"data.read.value.{value}")
    return f"“{value}”" if name in ("delimiter", "quote") else str(value)


def put_skipped(skipped: list[dict[str, Any]], count: int) -> None:
    """The first rows that could not be read, each with its sentence; ``count``: how many there are."""
    if not skipped:
        return
    put_note(tell("cli.data.skipped", rows=count))
    for row in skipped[:SHOWN_SKIPPED]:
        put_note("  " + tell(row["code"], **row["values"]))
    if count > SHOWN_SKIPPED:
        put_note("  " + tell("data.skipped.more", rows=count - SHOWN_SKIPPED))


def put_teaches(spec: "DatasetSpec") -> None:
    """Every task: that the data can teach it, or which columns are missing."""
    from fm_gui import tasks

    put(tell("cli.data.teaches"))
    for task, missing in tasks.offers(spec):
        lacking = ", ".join(tell(f"role.{role}") for role in missing)
        told = tell(f"task.{task.name}")
        put(f"  ○ {task.name}: {told}. " + tell("cli.data.lacks", roles=lacking) if missing else f"  ✓ {task.name}: {told}")


def put_preview(files: list[Path], options: "ReadOptions", as_json: bool) -> None:
    """How each file would be read, and its first rows; nothing is added."""
    from fm_gui.data.readers import preview

    found = []
    for file in files:
        reading = preview(file, options, SHOWN_ROWS)
        rows = reading.table.slice(0, SHOWN_ROWS).to_pylist()
        found.append({"file": file.name, "detected": reading.detected, "columns": reading.table.column_names, "rows": rows, "skipped": reading.skipped})
    if as_json:
        return put_json(found)
    for one in found:
        put(tell("data.read.preview", file=one["file"], columns=len(one["columns"])))
        put_detected(one["detected"])
        put_table(one["columns"], [["" if cell is None else str(cell)[:120] for cell in row.values()] for row in one["rows"]])
        put_skipped(one["skipped"], one["detected"].get("skipped", len(one["skipped"])))
    put_note(tell("cli.data.preview.only"))
