"""Whatever a file holds, the outcome is a table or one plain sentence; nothing hangs, crashes, or is left behind."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
import sqlite3
import time
import zipfile

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fm_gui.data.formats.kinds import ENDINGS
from fm_gui.data.readers import Reading, ReadOptions, preview, read
from fm_gui.errors import UserError

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
LIGHT = sorted(ending for ending, kind in ENDINGS.items() if kind != "sheet")  # a spreadsheet costs a process


def outcome(tmp_path, name: str, content: bytes, **options) -> Reading | UserError:
    """What reading gives; after checking that it is whole, that a failure leaves nothing, and that a preview does no worse."""
    path, scratch = tmp_path / name, tmp_path / "scratch"
    path.write_bytes(content)
    scratch.mkdir(exist_ok=True)
    asked = ReadOptions(**options)
    started = time.monotonic()
    try:
        reading = read([path], asked, scratch=scratch)
    except UserError as problem:
        assert not list(scratch.iterdir()), f"left behind after {problem}"
        assert problem.say("zh") and json.dumps(problem.to_dict())
        reading = problem
    else:
        reading.table.validate(full=True)
        assert reading.table.num_rows > 0 and len(set(reading.table.column_names)) == reading.table.num_columns
        assert {str(kind) for kind in reading.table.schema.types} <= {"string", "int64", "double", "bool"}
        assert len(reading.skipped) <= reading.detected["skipped"] and json.dumps([reading.detected, reading.skipped])
        for folder in scratch.iterdir():
            for left in folder.iterdir():
                assert left.suffix == ".arrow"
                left.unlink()
            folder.rmdir()
    assert time.monotonic() - started < 20
    with contextlib.suppress(UserError):  # a sentence is fine too
        assert 0 < preview(path, asked, rows=3).table.num_rows <= 3
    path.unlink()
    return reading


WORDS = st.sampled_from([b"a", b",", b";", b"\t", b'"', b"'", b"\n", b"\r\n", b"\r", b"{", b"}", b"[", b"]", b":", b"1", b"null", b"\xff", b"\xc3\xa9", b"\0", b"text", b"<p>",
                         b"&amp;", b"#", b"```", b"|", b"---", b"B-PER", b" O\n", b"\xb0\xa1", b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"\xff\xfe", b"=1+1", b"\\", b"<tmx", b"\xef\xbb\xbf"])  # fmt: skip


@QUICK
@given(ending=st.sampled_from(LIGHT), content=st.one_of(st.binary(max_size=400), st.lists(WORDS, max_size=60).map(b"".join)))
def test_random_bytes_under_every_ending(tmp_path, ending, content):
    outcome(tmp_path, f"a{ending}", content)


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".ods"])
def test_random_spreadsheets(tmp_path, ending):
    dice = random.Random(1)
    for magic in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x09\x08\x10\0"):
        assert isinstance(outcome(tmp_path, f"a{ending}", magic + dice.randbytes(300)), UserError)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.lists(WORDS, min_size=1, max_size=40).map(b"".join),
    delimiter=st.sampled_from(["", "none", ",", "x", "\0", "→", "::"]), quote=st.sampled_from(["", "none", "'", "a", "ab"]),
    header=st.sampled_from(["auto", "yes", "no"]), skip_lines=st.sampled_from([None, 0, 1, 50]),
    encoding=st.sampled_from(["auto", "utf-8", "utf-16", "gb18030", "latin-1", "hex", "idna", "punycode", "utf-7", "unicode_escape", "\0", "klingon"]),
)  # fmt: skip
def test_any_options(tmp_path, content, **options):
    outcome(tmp_path, "a.csv", content, **options)
    outcome(tmp_path, "a.jsonl", content, encoding=options["encoding"])


def valid_files(tmp_path) -> dict[str, bytes]:
    """One whole file of every format that is not plain text."""
    table = pa.table({"text": [f"words {n}" for n in range(200)], "n": list(range(200)), "l": [[{"x": n}] for n in range(200)]})
    csv = "text,label\n" + "".join(f'"words, {n}",{n % 2}\n' for n in range(200))
    parquet.write_table(table, tmp_path / "v.parquet")
    feather.write_feather(table, tmp_path / "v.feather")
    with sqlite3.connect(tmp_path / "v.db") as database:
        database.execute("CREATE TABLE t (a, b)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(f"words {n}" * 20, n) for n in range(300)])
    database.close()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(5):
            archive.writestr(f"pos/{n}.txt", f"words {n}" * 50)
            archive.writestr(f"neg/{n}.md", f"# words {n}\n\n- {n}" * 50)
    plain = csv.encode()
    items = json.dumps({"data": [{"a": {"b": n}, "messages": [{"role": "user", "content": "x"}]} for n in range(50)]}).encode()
    tmx = '<tmx><body>' + '<tu><tuv xml:lang="en"><seg>a</seg></tuv><tuv xml:lang="de"><seg>b</seg></tuv></tu>' * 20 + "</body></tmx>"
    files = {name: (tmp_path / f"v.{name}").read_bytes() for name in ("parquet", "feather", "db")}
    return files | {
        "zip": packed.getvalue(), "csv.gz": gzip.compress(plain), "csv.bz2": bz2.compress(plain), "csv.xz": lzma.compress(plain),
        "csv.zst": zstandard.ZstdCompressor().compress(plain), "json": items, "tmx": tmx.encode(), "html": b"<div><p>x<b>y</b></p></div>" * 30,
    }  # fmt: skip


def test_truncated_and_damaged_files(tmp_path):
    dice = random.Random(2)
    for name, whole in valid_files(tmp_path).items():
        assert isinstance(outcome(tmp_path, f"a.{name}", whole), Reading), name
        for _ in range(12):
            outcome(tmp_path, f"a.{name}", whole[: dice.randrange(1, len(whole))])
            damaged = bytearray(whole)
            for _ in range(dice.choice([1, 3, 30])):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            outcome(tmp_path, f"a.{name}", bytes(damaged))


def test_truncated_spreadsheets(tmp_path):
    import openpyxl

    book, out, dice = openpyxl.Workbook(), io.BytesIO(), random.Random(3)
    for n in range(50):
        book.active.append([f"words {n}", n])
    book.save(out)
    whole = out.getvalue()
    for _ in range(5):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(damaged))] ^= 255
        outcome(tmp_path, "a.xlsx", bytes(damaged))
        outcome(tmp_path, "a.xlsx", whole[: dice.randrange(len(whole))])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.json", b"[" * 200_000), ("deep.json", b'{"a":' * 200_000), ("deep.jsonl", b'{"a":' * 100_000 + b"\n"), ("deep.tmx", b"<a>" * 200_000),
        ("deep.html", b"<div>" * 100_000), ("deep.md", b"> " * 50_000 + b"x"), ("marks.md", b"*a **b " * 5_000), ("brackets.md", b"[" * 20_000),
        ("cell.csv", b'text,label\n"' + b"x" * 10_000_000 + b'",1\n'), ("open.csv", b'text,label\n"' + b"x\n" * 2_000_000), ("line.txt", b"x" * 10_000_000),
        ("line.csv", b"x" * 10_000_000), ("commas.csv", b"," * 5_000_000), ("lines.csv", b"\n" * 3_000_000 + b"a,b\n"), ("ascii.csv", b"x" * 5_000_000 + b"\xe9\n"),
        ("columns.csv", b",".join(b"%d" % n for n in range(1_000_000)) + b"\n"), ("number.jsonl", b'{"a": ' + b"9" * 100_000 + b"}\n"),
        ("keys.json", b"[{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}]"), ("digits.json", b"[" + b"1" * 5_000_000),
        ("formula.csv", b"text,label\n=1+1,@SUM(1)\n+2,-3\n"), ("nul.csv", b"a,b\n\0,\0\n"), ("crs.csv", b"a,b\r1,2\r3,4\r"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_extremes(tmp_path, name, content):
    outcome(tmp_path, name, content)
