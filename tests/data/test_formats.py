"""Every kind of file gives the table it means, says what it detected, and can be overruled."""

import bz2
import gzip
import io
import json
import lzma
import socket
import sqlite3
import stat
import tarfile
import time
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
import zstandard

from fm_gui.data.readers import ReadOptions, preview, read, read_hub, read_parts
from fm_gui.errors import UserError
from fm_gui.text import say

CSV = "text,label\ngood film,1\nbad film,0\n"
ROWS = [{"text": "good film", "label": "1"}, {"text": "bad film", "label": "0"}]


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def rows(path, **options):
    return read([path], ReadOptions(**options)).table.to_pylist()


def refused(code, paths, scratch, **options) -> UserError:
    """The error, after making sure that nothing is left behind and that it can be said in both languages."""
    scratch.mkdir(exist_ok=True)
    with pytest.raises(UserError) as caught:
        read(paths if isinstance(paths, list) else [paths], ReadOptions(**options), scratch=scratch)
    assert caught.value.code == code, str(caught.value)
    assert not list(scratch.iterdir())
    assert caught.value.say("zh") != str(caught.value)
    json.dumps(caught.value.to_dict())
    return caught.value


def zipped(members: dict[str, bytes | str], how=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


# -- delimited text, more


def test_preamble_is_skipped_and_told(file):
    body = "Quarterly export\nmade by: shop\n\nname,stars,note\nAnn,5,good\nBob,1,bad\nEve,3,fair\n"
    reading = read([file("a.csv", body)])
    assert reading.table.column_names == ["name", "stars", "note"] and reading.table.num_rows == 3
    assert reading.detected["skip_lines"] == 3 and reading.detected["preamble"][0] == "Quarterly export"
    ragged = read([file("b.csv", body + "x,2,fine\n" * 30 + "too,many,cells,here\n")])
    assert [row["row"] for row in ragged.skipped] == [38]  # as the spreadsheet counts


def test_preamble_with_a_separator_in_it(file):
    body = "".join(f"hello world {n},{'ab'[n % 2]},{n}\n" for n in range(20))
    reading = read([file("a.csv", "Sales report\nregion: north, south\nmade by A, B, C, D\ntext,label,score\n" + body)])
    assert reading.table.column_names == ["text", "label", "score"] and reading.table.num_rows == 20 and not reading.skipped
    assert reading.detected["skip_lines"] == 3 and reading.detected["preamble"][1] == "region: north, south"
    commented = "# made on 1 May, by hand\n# source: X\nid;text;label\n" + "".join(f"{n};hello, world {n};a\n" for n in range(9))
    reading = read([file("b.csv", commented)])
    assert reading.detected["skip_lines"] == 2 and reading.table.to_pylist()[8] == {"id": "8", "text": "hello, world 8", "label": "a"}


def test_preamble_and_header_can_be_overruled(file):
    path = file("a.csv", "first thing\nsecond thing\nname,stars\nAnn,5\n")
    assert rows(path, skip_lines=2) == [{"name": "Ann", "stars": "5"}]
    assert rows(path, skip_lines=2, header="no") == [{"column_1": "name", "column_2": "stars"}, {"column_1": "Ann", "column_2": "5"}]
    assert rows(path, delimiter="none", skip_lines=0, header="no")[2] == {"column_1": "name,stars"}


def test_quotes(file):
    single = "'text','label'\n'fine, really','1'\n'bad','0'\n"
    reading = read([file("a.csv", single)])
    assert reading.detected["quote"] == "'" and reading.table["text"].to_pylist() == ["fine, really", "bad"]
    assert rows(file("b.csv", 'text;label\n"quoted";1\n'), quote="none")[0]["text"] == '"quoted"'
    assert rows(file("c.csv", "text^label\n~a^b~^1\n"), delimiter="^", quote="~") == [{"text": "a^b", "label": "1"}]
    assert rows(file("d.csv", "text→label\na→1\n"), delimiter="→") == [{"text": "a", "label": "1"}]


def test_formula_cells_stay_text(file):
    assert rows(file("a.csv", 'text,label\n=cmd|\' /C calc\'!A0,1\n"=HYPERLINK(""http://x"")",0\n'))[1]["text"] == '=HYPERLINK("http://x")'


def test_an_accent_after_a_megabyte_of_ascii(file):
    raw = ("text,label\n" + "plain words here,a\n" * 90_000 + "déjà vu,b\n").encode("cp1252")
    reading = read([file("a.csv", raw)])
    assert reading.detected["encoding"] == "cp1252" and reading.table["text"][-1].as_py() == "déjà vu"


def test_a_million_columns_and_a_huge_cell(file, tmp_path):
    wide = ",".join(map(str, range(1_000_000)))
    assert refused("columns-many", file("a.csv", f"{wide}\n{wide}\n"), tmp_path / "s").values["limit"] == 10_000
    refused("columns-many", file("b.json", json.dumps([{str(n): 1 for n in range(20_000)}])), tmp_path / "s")
    huge = "long " * 2_000_000
    assert rows(file("c.csv", f'text,label\n"{huge}",1\n')) == [{"text": huge, "label": "1"}]


def test_many_rows_stream_to_one_file(file, tmp_path):
    scratch = tmp_path / "s"
    path = file("a.csv", "text,label\n" + "".join(f"some words number {n},{n % 2}\n" for n in range(200_000)))
    told = []
    reading = read([path], scratch=scratch, progress=lambda share, key: told.append((share, key)))
    assert reading.table.num_rows == 200_000 and len(list(scratch.rglob("*.arrow"))) == 1
    assert pa.total_allocated_bytes() < reading.table.nbytes / 2  # mapped, not held
    assert len(told) >= 3 and all(0 <= share <= 1 and say(key) for share, key in told)


def test_cancelling_leaves_nothing(file, tmp_path):
    class Cancelled(RuntimeError):
        pass

    def stop(share, key):
        if share > 0:
            raise Cancelled

    scratch = tmp_path / "s"
    scratch.mkdir()
    bodies = {"a.csv": "text,label\n" + "words,1\n" * 99_999, "a.jsonl": '{"a": 1}\n' * 99_999, "a.txt": "line\n" * 99_999}
    for name, body in bodies.items():
        with pytest.raises(Cancelled):
            read([file(name, body)], scratch=scratch, progress=stop)
        assert not list(scratch.iterdir())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "cp1252"])
def test_preview_reads_only_the_beginning(file, encoding):
    body = "text,label\n" + "".join(f"row {n} — words,x\n" for n in range(200_000)).replace("—", {"utf-8": "—", "gb18030": "这些词很好"}.get(encoding, "é"))
    path = file("big.csv", body.encode(encoding))
    seen = preview(path, rows=5)
    assert seen.table.num_rows == 5 and seen.table["text"][4].as_py().startswith("row 4 ") and seen.detected["encoding"] == encoding
    packed = file("big.csv.gz", gzip.compress(path.read_bytes()))
    assert preview(packed, rows=5).table.equals(seen.table)


# -- JSON, chat, questions


def test_nested_json(file):
    item = {"user": {"name": "Ann", "home": {"city": "Rome"}}, "tags": ["x", "y"], "user.name": "clash"}
    assert rows(file("a.json", json.dumps([item]))) == [{"user.name": "Ann", "user.home.city": "Rome", "tags": '["x", "y"]', "user.name_": "clash"}]


def test_choose_the_list(file):
    path = file("a.json", json.dumps({"meta": {"v": 1}, "few": [{"x": 1}], "data": {"many": [{"y": 1}, {"y": 2}]}}))
    reading = read([path])
    assert reading.detected["items"] == "data.many" and reading.detected["choices"] == {"items": ["few", "data.many"]}
    assert rows(path, items="few") == [{"x": 1}]
    with pytest.raises(UserError, match="few, data.many"):
        rows(path, items="none")


def test_json_by_columns_and_by_key(file):
    assert rows(file("a.json", '{"text": ["a", "b"], "label": [0, 1]}')) == [{"text": "a", "label": 0}, {"text": "b", "label": 1}]
    assert rows(file("b.json", '{"text": {"0": "a", "1": "b"}, "label": {"0": 0, "1": 1}}'))[1] == {"text": "b", "label": 1}


def test_long_json_lists_are_read_in_pieces(file):
    items = [{"n": n, "text": "é\\\"]," * 20} for n in range(20_000)]
    table = read([file("a.json", json.dumps(items, indent=1))]).table
    assert table.num_rows == 20_000 and table.to_pylist()[-1] == items[-1]
    numbers = "[" + ",".join(f'"{n}"' for n in range(300_000)) + "]"
    assert read([file("b.json", numbers)]).table["text"].to_pylist() == [str(n) for n in range(300_000)]
    body = json.dumps(items, indent=1)
    with pytest.raises(UserError) as caught:
        read([file("c.json", body[:-30] + "oops")])
    assert caught.value.code == "json-broken" and caught.value.values["line"] == body[:-30].count("\n") + 1


def test_columns_that_change_their_kind_late(file):
    lines = [json.dumps({"n": 1, "late": None})] * 40_000 + [json.dumps({"n": "x", "late": 2.5, "new": True})]
    table = read([file("a.jsonl", "\n".join(lines))]).table
    assert table.slice(39_999).to_pylist() == [{"n": "1", "late": None, "new": None}, {"n": "x", "late": 2.5, "new": True}]


def test_chats(file):
    wanted = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    openai = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "Hello"}], "id": 7}
    sharegpt = {"id": "a", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
    alpaca = {"instruction": "Hi", "input": "", "output": "Hello"}
    for name, item, kept in (("openai", openai, {"id": 7}), ("sharegpt", sharegpt, {"id": "a"}), ("alpaca", alpaca, alpaca)):
        reading = read([file(f"{name}.jsonl", json.dumps(item))])
        (row,) = reading.table.to_pylist()
        assert json.loads(row.pop("messages")) == wanted and row == kept and reading.detected["kind"] == name


def test_chats_with_calls_of_tools(file, tmp_path):
    turns = [{"role": "user", "content": None}, {"role": "assistant", "tool_calls": [{"id": 1}]}, {"role": "tool", "content": "4"}]
    wanted = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}, {"role": "tool", "content": "4"}]
    reading = read([file("a.jsonl", json.dumps({"messages": turns}) + "\n" + json.dumps({"messages": turns}))])
    assert reading.detected["kind"] == "openai" and [json.loads(cell) for cell in reading.table["messages"].to_pylist()] == [wanted] * 2
    parquet.write_table(pa.table({"messages": [turns]}), tmp_path / "a.parquet")
    assert json.loads(rows(tmp_path / "a.parquet")[0]["messages"]) == wanted
    assert "kind" not in read([file("b.jsonl", json.dumps({"messages": [{"role": "user"}]}))]).detected  # says nothing at all


def test_squad(file):
    answers = [{"text": "Rome", "answer_start": 3}]
    asked = [{"id": "q1", "question": "Where?", "answers": answers}, {"id": "q2", "question": "Why?", "answers": [], "is_impossible": True}]
    path = file("a.json", json.dumps({"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": "In Rome.", "qas": asked}]}]}))
    assert rows(path)[0] == {"id": "q1", "title": "T", "question": "Where?", "context": "In Rome.", "answer": "Rome", "answer_start": 3}
    assert rows(path)[1]["answer"] is None
    several = [{"id": "q", "question": "Where?", "answers": [*answers, {"text": "In Rome", "answer_start": 0}, answers[0]]}]
    path = file("c.json", json.dumps({"data": [{"title": "T", "paragraphs": [{"context": "In Rome.", "qas": several}]}]}))
    (row,) = rows(path)
    assert (row["answer"], row["answer_start"], json.loads(row["answers"])) == ("Rome", 3, ["Rome", "In Rome", "Rome"])
    assert rows(file("b.jsonl", json.dumps({"question": "?", "answers": {"text": ["Rome"], "answer_start": [3]}})))[0]["answer_start"] == 3


# -- tables of other programs


def test_spreadsheets(tmp_path, file):
    import datetime

    import openpyxl
    import xlwt

    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("Data")
    for row in (["text", "stars", "when"], ["=1+1", 5, datetime.date(2024, 5, 6)], ["plain", 2.5, None]):
        sheet.append(row)
    sheet["A2"] = "a 'formula'"
    book.active.append(["only one note"])
    book.active.append(["and another"])
    book.save(tmp_path / "a.xlsx")
    reading = read([tmp_path / "a.xlsx"], ReadOptions(sheet="Data"))
    assert reading.table.to_pylist() == [
        {"text": "a 'formula'", "stars": 5.0, "when": "2024-05-06"},
        {"text": "plain", "stars": 2.5, "when": None},
    ]
    assert reading.detected["choices"] == {"sheet": ["Notes", "Data"]} and read([tmp_path / "a.xlsx"]).detected["sheet"] == "Notes"
    assert refused("sheet-unknown", tmp_path / "a.xlsx", tmp_path / "s", sheet="X").values["known"] == "Notes, Data"
    assert read([file("lies.csv", (tmp_path / "a.xlsx").read_bytes())], ReadOptions(sheet="Data")).table.num_rows == 2
    old = xlwt.Workbook()
    page = old.add_sheet("One")
    for r, row in enumerate((["My report", ""], ["", ""], ["text", "label"], ["good", 1], ["bad", 0])):
        for c, value in enumerate(row):
            page.write(r, c, value) if value != "" else None
    old.save(str(tmp_path / "b.xls"))
    reading = read([tmp_path / "b.xls"])
    assert reading.table.to_pylist() == [{"text": "good", "label": 1}, {"text": "bad", "label": 0}] and reading.detected["skip_lines"] == 2


def test_a_sheet_with_a_cover(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["Reviews of May, made by the shop"])
    sheet = book.create_sheet("Data")
    for row in (["text", "label"], ["good", "pos"], ["bad", "neg"], ["fair", "pos"]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    reading = read([tmp_path / "a.xlsx"])
    assert reading.detected["sheet"] == "Data" and reading.table.to_pylist()[0] == {"text": "good", "label": "pos"}
    sheet.insert_rows(1, 2)
    sheet["A1"] = "My report"
    book.save(tmp_path / "b.xlsx")
    reading = read([tmp_path / "b.xlsx"], ReadOptions(sheet="Data"))
    assert reading.detected["skip_lines"] == 2 and reading.table.column_names == ["text", "label"] and reading.table.num_rows == 3


def test_a_long_sheet_that_starts_in_the_middle(tmp_path):
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("S")
    for row in [[]] * 3 + [[None, "text", "n"]] + [[None, f"row {n}", n] for n in range(3_000)]:
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read([tmp_path / "a.xlsx"]).table
    assert table.column_names == ["text", "n"] and table["n"].to_pylist() == list(range(3_000))
    assert preview(tmp_path / "a.xlsx", rows=4).table.num_rows == 4


def test_ods(tmp_path):
    from odf.opendocument import OpenDocumentSpreadsheet
    from odf.table import Table, TableCell, TableRow
    from odf.text import P

    document, table = OpenDocumentSpreadsheet(), Table(name="S")
    for row in (["text", "label"], ["gut", "1"], ["schlecht", "0"]):
        line = TableRow()
        for value in row:
            cell = TableCell(valuetype="string")
            cell.addElement(P(text=value))
            line.addElement(cell)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    document.save(tmp_path / "a.ods")
    assert rows(tmp_path / "a.ods") == [{"text": "gut", "label": "1"}, {"text": "schlecht", "label": "0"}]


def test_a_sheet_that_claims_the_whole_grid(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "a", "b"
    book.save(tmp_path / "a.xlsx")
    assert refused_code(tmp_path / "a.xlsx") in ("sheet-broken", "sheet-large")


def refused_code(path) -> str:
    with pytest.raises(UserError) as caught:
        read([path])
    return caught.value.code


def test_arrow_and_feather(tmp_path, file):
    table = pa.table({"text": ["a", "b"], "n": pa.array([1, 2], pa.uint8()), "m": pa.array([{"x": 1}, None])})
    feather.write_feather(table, tmp_path / "a.feather")
    with pa.ipc.new_stream(str(tmp_path / "b.arrow"), table.schema) as writer:
        writer.write_table(table)
    for name in ("a.feather", "b.arrow"):
        assert rows(tmp_path / name) == [{"text": "a", "n": 1, "m": '{"x": 1}'}, {"text": "b", "n": 2, "m": None}]
    parquet.write_table(table, tmp_path / "c.csv")
    assert read([tmp_path / "c.csv"]).detected["format"] == "parquet"
    whole = (tmp_path / "a.feather").read_bytes()
    refused("arrow-broken", file("d.feather", whole[: len(whole) // 2]), tmp_path / "s")


def test_sqlite(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE small (a)")
        database.execute('CREATE TABLE "big ""one""" (text, label INTEGER, raw BLOB)')
        database.executemany('INSERT INTO "big ""one""" VALUES (?, ?, ?)', [("x", 1, b"12"), ("y", None, None)])
        database.execute("CREATE VIEW trap AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT n FROM r")
    database.close()
    reading = read([tmp_path / "a.db"])
    assert reading.detected["table"] == 'big "one"' and reading.detected["choices"] == {"table": ["small", 'big "one"']}
    assert reading.table.to_pylist() == [{"text": "x", "label": 1, "raw": '"(2 bytes)"'}, {"text": "y", "label": None, "raw": None}]
    refused("sqlite-table", tmp_path / "a.db", tmp_path / "s", table="trap")
    refused("file-header-only", tmp_path / "a.db", tmp_path / "s", table="small")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "s"]  # no journal


# -- texts


def test_units_of_text(file):
    path = file("a.txt", "one\ntwo\n\nthree\n")
    assert [row["text"] for row in rows(path)] == ["one", "two", "three"]
    assert [row["text"] for row in rows(path, unit="paragraph")] == ["one\ntwo", "three"]
    assert [row["text"] for row in rows(path, unit="file")] == ["one\ntwo\n\nthree"]


def test_markdown_and_html(file):
    markdown = "---\ntitle: x\n---\n# Head *line*\n\nA [link](http://x) and `code`\ngoes on.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n"
    assert [row["text"] for row in rows(file("a.md", markdown))] == ["Head line", "A link and code goes on.", "one", "two", "a", "b", "c", "d"]
    html = "<!doctype html><title>T</title><style>p{}</style><p>One <b>two</b>&amp;</p><div>three<br>four<script>x()</script></div>"
    assert [row["text"] for row in rows(file("a.html", html))] == ["One two&", "three", "four"]


def test_conll(file):
    body = "-DOCSTART- -X- O O\n\nAnn NNP B-PER\nslept VBD O\n\n# a comment\nRome NNP B-LOC\n\n"
    wanted = [{"tokens": '["Ann", "slept"]', "tags": '["B-PER", "O"]'}, {"tokens": '["Rome"]', "tags": '["B-LOC"]'}]
    assert rows(file("a.conll", body)) == rows(file("b.txt", body)) == wanted
    reading = read([file("c.iob", body * 10 + "lonely\n\n" + body)])
    assert reading.table.num_rows == 22 and [row["row"] for row in reading.skipped] == [81]
    universal = "# text = It's\n1-2\tIt's\t_\t_\t_\t_\t_\t_\t_\t_\n1\tIt\tit\tPRON\t_\t_\t_\t_\t_\t_\n2\t's\tbe\tAUX\t_\t_\t_\t_\t_\t_\n\n"
    assert rows(file("d.conllu", universal)) == [{"tokens": '["It", "\'s"]', "tags": '["PRON", "AUX"]'}]


def test_translations(file, tmp_path):
    english, german = file("corpus.en", "One\nTwo\n\n"), file("corpus.de", "Eins\nZwei\n\n")
    reading = read([english, german])
    assert reading.table.to_pylist() == [{"source": "One", "target": "Eins"}, {"source": "Two", "target": "Zwei"}]
    assert reading.detected["languages"] == ["en", "de"]
    assert refused("pair-lengths", [english, file("corpus.fr", "Un\n")], tmp_path / "s").values["shorter"] == "corpus.fr"
    unit = '<tu><tuv xml:lang="en"><seg>Hi <bpt>b</bpt></seg></tuv><tuv xml:lang="de"><seg>Hallo</seg></tuv></tu>'
    tmx = f'<?xml version="1.0"?><tmx version="1.4"><header srclang="en"/><body>{unit * 20}<tu><tuv xml:lang="en"><seg>x</seg></tuv></tu></body></tmx>'
    reading = read([file("a.tmx", tmx)])
    assert reading.table.to_pylist()[0] == {"source": "Hi", "target": "Hallo"} and [row["row"] for row in reading.skipped] == [21]
    lone = '<tu><tuv xml:lang="en"><seg>only</seg></tuv></tu>'
    for number, units in ((5, unit * 4 + lone), (1, lone + unit * 4)):
        reading = read([file("c.tmx", f'<tmx version="1.4"><body>{units}</body></tmx>')])
        assert reading.table.to_pylist() == [{"source": "Hi", "target": "Hallo"}] * 4 and [row["row"] for row in reading.skipped] == [number]
    refused("tmx-empty", file("d.tmx", f'<tmx version="1.4"><body>{unit + lone}</body></tmx>'), tmp_path / "s")  # half of it
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><tmx>&b;</tmx>'
    refused("tmx-broken", file("b.tmx", bomb), tmp_path / "s")


# -- folders and archives


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress])
def test_compressed(file, pack):
    ending = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}.get(pack, "zst")
    reading = read([file(f"a.csv.{ending}", pack(CSV.encode()))])
    assert reading.table.to_pylist() == ROWS and reading.detected["packed"] == ending and reading.detected["format"] == "csv"
    assert rows(file("b.csv", pack(CSV.encode()))) == ROWS  # under a name that lies
    assert refused_code(file(f"c.csv.{ending}", pack(CSV.encode() * 50)[:-9])) == "archive-broken"


REVIEWS = {f"set/{part}/{label}/{n}.txt": f"{label} text {n}\nmore" for part in ("train", "test") for label in ("pos", "neg") for n in range(2)}


def test_folders_of_text_files(file, tmp_path):
    for name, text in REVIEWS.items():
        file(name, text)
    file("set/README", "about")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(tmp_path / "set", "set")
    for path in (tmp_path / "set", file("z.zip", zipped({**REVIEWS, "set/README": "about"})), file("t.tar.gz", gzip.compress(out.getvalue()))):
        reading = read([path])
        table = sorted(reading.table.to_pylist(), key=lambda row: row["file"])
        assert len(table) == 8 and reading.detected["part"] == "split" and len(reading.detected["ignored"]) == 1
        assert (table[0]["label"], table[0]["split"], table[0]["text"]) == ("neg", "test", "neg text 0\nmore")
    assert len(rows(tmp_path / "set", unit="line")) == 16


def test_zip_of_tables_by_part(file):
    members = {"data/train.csv": CSV, "data/dev.csv": CSV, "data/notes.txt": "hello", "__MACOSX/data/._train.csv": "x"}
    reading = read([file("a.zip", zipped(members))])
    assert reading.table.column_names == ["text", "label", "split"] and reading.detected["part"] == "split"
    assert sorted(reading.table["split"].to_pylist()) == ["train", "train", "validation", "validation"]
    assert reading.detected["ignored"] == ["data/notes.txt"]
    assert rows(file("one.zip", zipped({"a.csv": CSV}))) == ROWS == rows(file("nested.txt", zipped({"in.zip": zipped({"a.csv.gz": gzip.compress(CSV.encode())})})))


def test_chinese_names_in_a_zip_from_windows(file):
    raw = zipped({"aaaa/1.txt": "x", "bbbb/2.txt": "y", "bbbb/3.txt": "z"})
    raw = raw.replace(b"aaaa", "好评".encode("gbk")).replace(b"bbbb", "差评".encode("gbk"))
    assert [row["label"] for row in rows(file("a.zip", raw))] == ["好评", "差评", "差评"]


def test_short_chinese_texts_in_a_zip_share_an_encoding(file):
    texts = {"好评": ["很好的产品我喜欢", "好", "不错"], "差评": ["很差的产品不喜欢", "差", "退货"]}
    raw = zipped({f"{'ab'[n]}/{m}.txt": text.encode("gbk") for n, some in enumerate(texts.values()) for m, text in enumerate(some)})
    reading = read([file("a.zip", raw)])
    assert reading.detected["encoding"] == "gb18030"
    assert sorted(reading.table["text"].to_pylist()) == sorted(text for some in texts.values() for text in some)


def test_hostile_archives(file, tmp_path):
    scratch = tmp_path / "s"
    zeros = b"0" * (2**26 + 2**20)
    bomb = zipped({"a.csv": zeros})
    refused("archive-bomb", file("bomb.zip", bomb), scratch)
    refused("archive-bomb", file("bomb.csv.gz", gzip.compress(zeros)), scratch)
    refused("archive-bomb", file("inner.zip", zipped({"a.zip": bomb, "b.zip": bomb}, zipfile.ZIP_STORED)), scratch)
    many = {f"{n}.csv": "x\n" + "0" * 2**23 for n in range(9)}  # each small, together not
    refused("archive-bomb", file("many.zip", zipped(many)), scratch)
    for name in ("../evil.csv", "/etc/evil.csv", "a\\..\\..\\evil.csv", "C:/evil.csv"):
        assert refused("archive-path", file("path.zip", zipped({"ok.csv": CSV, name: CSV})), scratch).values["member"]
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    refused("archive-path", file("link.zip", out.getvalue()), scratch)
    deep = zipped({"a.csv": CSV})
    for n in range(6):
        deep = zipped({f"{n}.zip": deep})
    refused("archive-nested", file("deep.zip", deep), scratch)
    refused("archive-bomb", file("bomb.xlsx", zipped({"xl/workbook.xml": "", "xl/sharedStrings.xml": zeros})), scratch)
    locked = bytearray(zipped({"a.csv": CSV}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    refused("archive-locked", file("locked.zip", bytes(locked)), scratch)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link.txt").symlink_to(Path(__file__))
    refused("archive-path", tmp_path / "folder", scratch)
    refused("archive-no-data", file("pictures.zip", zipped({"a.bmp": "x"})), scratch)
    refused("file-ending", file("a.docx", zipped({"word/document.xml": "x", "[Content_Types].xml": ""})), scratch)


# -- several files, the box, the hub


def test_parts_by_name(file, tmp_path):
    train, dev = file("reviews_train.csv", CSV), file("reviews-dev.csv", CSV)
    reading = read([train, dev])
    assert reading.detected["part"] == "split" and reading.table["split"].to_pylist() == ["train"] * 2 + ["validation"] * 2
    assert read([file("情感训练集.csv", CSV), file("情感测试集.csv", CSV)]).table["split"].to_pylist() == ["train"] * 2 + ["test"] * 2
    assert "part" not in read([train, file("more.csv", CSV)]).detected
    assert read([file("train/a.csv", CSV), file("test/a.csv", CSV)]).table["split"].to_pylist() == ["train"] * 2 + ["test"] * 2
    told = read_parts({"train": [file("x.csv", CSV), train], "test": [dev]})
    assert told.table["split"].to_pylist() == ["train"] * 4 + ["test"] * 2
    with_split = file("s.csv", "text,split\na,1\n")
    assert read_parts({"train": [with_split], "test": [with_split]}).detected["part"] == "part"


def test_a_failing_second_file_leaves_nothing(file, tmp_path):
    refused("file-empty", [file("a.csv", CSV), file("b.csv", "")], tmp_path / "s")


def test_a_file_without_an_ending_is_what_is_in_it(tmp_path):
    def pasted(text):
        (tmp_path / "pasted").write_text(text, encoding="utf-8", newline="")
        return read([tmp_path / "pasted"])

    assert pasted("text\tlabel\na, b\t1\nc\t2\nd\t3").table.to_pylist()[0] == {"text": "a, b", "label": "1"}
    assert pasted("Just a sentence.\nAnd, well, another.").table.num_rows == 2
    assert pasted('[{"a": 1}]').table.to_pylist() == [{"a": 1}]
    assert pasted('{"a": 1}\n{"a": 2}\n').detected["format"] == "jsonl"


def test_kinds_without_an_ending(file):
    assert read([file("one.json", '{"text": "x"}\n')]).table.to_pylist() == [{"text": "x"}]
    assert read([file("lines.json", '{"text": ["x"]}\n\n{"text": ["y"]}\n')]).detected["format"] == "jsonl"
    assert read([file("data", CSV + "fine,1\n")]).detected["format"] == "csv"
    assert read([file("page", "<html><body><p>Hi</p>")]).detected["format"] == "html"
    assert read([file("a.csv", '{"text": "x"}\n{"text": "y"}\n')]).detected["format"] == "jsonl"
    assert rows(file("a.txt", "text\tlabel\na\t1\n"), format="csv") == [{"text": "a", "label": "1"}]
    assert read([file("a.xls", "text\tlabel\na\t1\nb\t2\n")]).detected["delimiter"] == "\t"  # as many web pages export


def test_hub(file, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    file("set/train.csv", CSV)
    file("set/test.csv", CSV)
    reading = read_hub(str(tmp_path / "set"))
    assert reading.table.num_rows == 4 and reading.detected["part"] == "split" and set(reading.detected["choices"]) == {"split"}
    one = read_hub(str(tmp_path / "set"), split="test")
    assert one.table.to_pylist()[0] == {"text": "good film", "label": 1}
    with pytest.raises(UserError, match="train, test"):
        read_hub(str(tmp_path / "set"), split="dev")
    for place in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(place, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError) as caught:
        read_hub("nobody/nothing-at-all")
    assert caught.value.code == "dataset-hub-offline"


@pytest.mark.parametrize("answers", [False, True])
def test_a_hub_that_cannot_be_reached_is_told_soon_and_once(answers, tmp_path, monkeypatch, caplog):
    import datasets.config
    import huggingface_hub.constants

    from fm_gui.data.formats import hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, and never answers
        port = silent.getsockname()[1] if answers else 9
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(hub, "SECONDS", 1.0)
        began = time.monotonic()
        with pytest.raises(UserError) as caught:
            read_hub("nobody/nothing-at-all")
    assert caught.value.code == "dataset-hub-offline" and time.monotonic() - began < 4
    assert not [record for record in caplog.records if record.name.startswith("huggingface_hub")]


# -- what a fresh review found


@pytest.mark.parametrize(("delimiter", "given"), [("^", "^"), ("~", "~"), ("\x01", "\\x01"), ("||", "||"), ("::", "::")])
def test_rare_separators(file, delimiter, given):
    path = file("a.csv", f"text{delimiter}label\na, b, c{delimiter}x\nd, e{delimiter}y\nf{delimiter}x\n")
    wanted = [{"text": "a, b, c", "label": "x"}, {"text": "d, e", "label": "y"}, {"text": "f", "label": "x"}]
    assert rows(path, delimiter=given) == wanted
    if delimiter != "::":
        assert rows(path) == wanted and read([path]).detected["delimiter"] == delimiter


def test_rare_separators_are_not_seen_in_texts(file):
    assert read([file("a.csv", "text\nabout ~5 of them\nx ^ y\nplain ~ text\n")]).detected["delimiter"] == "none"


def test_quotation_marks_after_a_backslash(file):
    path = file("a.csv", 'text,label\n"he said \\"hi\\", ok",x\n"bye \\"now\\"",y\n"C:\\new",x\n"ends in \\\\",y\n')
    assert [row["text"] for row in rows(path)] == ['he said "hi", ok', 'bye "now"', "C:\\new", "ends in \\"]
    plain = file("b.csv", 'text,label\n"C:\\dir\\",x\n"a ""b"" c",y\n')
    assert [row["text"] for row in rows(plain)] == ["C:\\dir\\", 'a "b" c']


@pytest.mark.parametrize("ending", ["tsv", "csv", "txt"])
def test_conll_under_another_ending(file, ending):
    reading = read([file(f"a.{ending}", "EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n")])
    assert reading.detected["format"] == "conll" and reading.table.num_rows == 2
    table = read([file(f"b.{ending}", "word\ttag\nEU\tB-ORG\nrejects\tO\nPeter\tB-PER\n")])
    assert table.detected["format"] != "conll" or ending == "txt"


def test_codes_in_a_translation_memory_are_no_text(file):
    body = "<tmx version='1.4'><body>" + "".join(
        f"<tu><tuv xml:lang='en'><seg>Hello <bpt i='1'>&lt;b&gt;</bpt><hi>big</hi><ept i='1'>&lt;/b&gt;</ept> <ph>{{0}}</ph>world {n}</seg></tuv>"
        f"<tuv xml:lang='de'><seg>Hallo große Welt {n}</seg></tuv></tu>"
        for n in range(3)
    )
    assert rows(file("a.tmx", body + "</body></tmx>"))[0] == {"source": "Hello big world 0", "target": "Hallo große Welt 0"}


def test_comment_lines_before_a_header(file):
    reading = read([file("a.csv", "# comment line one\n# comment two, with, commas\nid,text,label\n1,hello,x\n2,bye,y\n3,ok,x\n")])
    assert reading.table.column_names == ["id", "text", "label"] and reading.detected["skip_lines"] == 2


def test_times_without_useless_zeros(tmp_path):
    import datetime

    days = [datetime.datetime(2024, 1, day) for day in (1, 2)]
    parquet.write_table(pa.table({"day": days, "time": [day.replace(hour=8, minute=30) for day in days]}), tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet")[0] == {"day": "2024-01-01", "time": "2024-01-01 08:30:00"}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('{"columns": ["text", "label"], "index": [0, 1], "data": [["hi", "x"], ["bye", "y"]]}', [{"text": "hi", "label": "x"}, {"text": "bye", "label": "y"}]),
        ('{"hi there": "x", "bye now": "y"}', [{"text": "hi there", "label": "x"}, {"text": "bye now", "label": "y"}]),
        ('[["text", "label"], ["hi", "x"], ["bye", "y"]]', [{"text": "hi", "label": "x"}, {"text": "bye", "label": "y"}]),
        ('[["hi", "x"], ["bye", "y"]]', [{"column_1": "hi", "column_2": "x"}, {"column_1": "bye", "column_2": "y"}]),
        ('{"text": "a"}{"text": "b"} {"text": "c"}', [{"text": "a"}, {"text": "b"}, {"text": "c"}]),
        ('{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n', [{"text": "a"}, {"text": "b"}]),
        ('[{"text": "a"}, {"text": "b"},\n]', [{"text": "a"}, {"text": "b"}]),
        ('{"rows": [{"text": "a"}, {"text": "b"}],}', [{"text": "a"}, {"text": "b"}]),
        ('{"id1": {"text": "a", "n": 1}, "id2": {"text": "b", "n": 2}}', [{"key": "id1", "text": "a", "n": 1}, {"key": "id2", "text": "b", "n": 2}]),
    ],
)
def test_json_as_others_write_it(file, body, wanted):
    assert rows(file("a.json", body)) == wanted
    if body.startswith('{\n  "text"'):
        assert rows(file("b.jsonl", body)) == wanted


def test_feather_of_version_one(tmp_path):
    table = pa.table({"text": ["a", "b"], "n": [1, 2]})
    feather.write_feather(table, str(tmp_path / "a.feather"), version=1)
    assert rows(tmp_path / "a.feather") == table.to_pylist()


def test_merged_cells_hold_the_value_above(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["text", "label"], ["a", "good"], ["b", None], ["c", None], ["d", "bad"], ["e", None]):
        book.active.append(row)
    book.active.merge_cells("B2:B4")
    book.save(tmp_path / "a.xlsx")
    reading = read([tmp_path / "a.xlsx"])
    assert reading.table["label"].to_pylist() == ["good", "good", "good", "bad", None] and reading.detected["merged"] == 2
