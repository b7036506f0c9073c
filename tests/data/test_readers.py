"""Files of every kind are read as they are, and bad ones are refused in one sentence that says where and what to do."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fm_gui.data.formats.cells import unique_names
from fm_gui.data.readers import ReadOptions, read
from fm_gui.data.shape import find_delimiter
from fm_gui.errors import UserError
from fm_gui.text import say

CHINESE = "文本,标签\n这部电影很好看，推荐大家去看,好评\n质量太差了，不会再买,差评\n物流很快，包装也不错,好评\n"
FRENCH = "texte;label\nTrès bon café, déjà goûté;positif\nÇa ne marche pas, à éviter;négatif\nL'été fut agréable – 5 €;positif\n"


def rows(path, **options):
    return read([path], ReadOptions(**options)).table.to_pylist()


def refused(path, code, remedy, **options) -> UserError:
    """The UserError for a file; its English must hold the remedy's key word, its Chinese must exist."""
    with pytest.raises(UserError) as caught:
        read([path], ReadOptions(**options))
    assert caught.value.code == code
    assert remedy.lower() in str(caught.value).lower()
    assert caught.value.say("zh") != str(caught.value)
    json.dumps(caught.value.to_dict())
    return caught.value


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


# -- delimited text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_quotes_and_cells_of_several_lines(file, delimiter):
    cells = [["text", "label"], ['He said "go", then left; a|b\tc', "1"], ["two\nlines, and\r\nthree", "0"], ["", "001"]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(cells)
    reading = read([file("a.csv", out.getvalue())])
    assert reading.detected == {"format": "csv", "delimiter": delimiter, "header": "yes", "encoding": "utf-8", "skipped": 0}
    assert [list(row.values()) for row in reading.table.to_pylist()] == cells[1:]


def test_labels_stay_as_written(file):
    assert [row["label"] for row in rows(file("a.csv", "text,label\nyes,001\nno,1.0\nmaybe,NA\n"))] == ["001", "1.0", "NA"]


def test_one_column_may_hold_commas(file):
    reading = read([file("a.csv", "text\nI like it, really\nNot, ever\nplain\n")])
    assert reading.detected["delimiter"] == "none" and reading.table["text"].to_pylist()[0] == "I like it, really"


def test_header_is_missing(file):
    reading = read([file("a.csv", "great phone I love it,positive\nbad,negative\nnice,positive\nawful,negative\nfine,positive\n")])
    assert reading.detected["header"] == "no"
    assert reading.table.column_names == ["column_1", "column_2"] and reading.table.num_rows == 5


@pytest.mark.parametrize("times", [1, 3])
def test_header_is_missing_in_a_tiny_file(file, times):
    body = "I love this film a lot,pos\nI hate it very much,neg\nIt is ok I guess,pos\nNope not for me,neg\n" * times
    reading = read([file("a.csv", body)])
    assert reading.detected["header"] == "no" and reading.table["column_2"].to_pylist() == ["pos", "neg"] * 2 * times
    # a known name is one, whatever repeats; so is a header that was pasted in with the second half of the rows
    assert read([file("b.csv", "text,pos\na,pos\nb,neg\nc,pos\n")]).detected["header"] == "yes"
    assert read([file("c.csv", "said,mood\na,up\nsaid,mood\nc,up\n")]).detected["header"] == "yes"


@pytest.mark.parametrize("head", ["text,label", "review,stars", "评论,情感", "a,b", "name,2019", "sentence one,y"])
def test_header_is_kept(file, head):
    assert read([file("a.csv", f"{head}\nfine thing,1\nbad thing,0\nok thing,1\n")]).detected["header"] == "yes"


@pytest.mark.parametrize("before", ["\n\n", "\r\n", "sep=,\n"])
def test_what_stands_before_the_header(file, before):
    assert rows(file("a.csv", before + "text,label\nhello,1\nbye,2\n")) == [{"text": "hello", "label": "1"}, {"text": "bye", "label": "2"}]


def test_names_are_made_unique():
    assert unique_names(["a", "", "a", " a ", "#", "a_2"]) == ["a", "column_2", "a_2", "a_3", "column_5", "a_2_2"]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8)),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_round_trip(body, delimiter, quoting, end, tmp_path_factory):
    if quoting == csv.QUOTE_MINIMAL and end == "\n":  # Python's writer then leaves a lone \r unquoted
        body = [[cell.replace("\r", "") for cell in row] for row in body]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    head = [f"text{place}" for place in range(len(body[0]))]
    writer.writerows([head, *body])
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    reading = read([path], ReadOptions(delimiter=delimiter))
    assert not reading.skipped
    assert [list(row.values()) for row in reading.table.to_pylist()] == (body if reading.detected["header"] == "yes" else [head, *body])


@settings(max_examples=60, deadline=None)
@given(
    body=st.lists(st.tuples(st.text("ab cd,;|\"'\n", min_size=1, max_size=30), st.sampled_from(["x", "y"])), min_size=3, max_size=20),
    delimiter=st.sampled_from(",;\t|"),
)
def test_delimiter_is_found_in_quoted_text(body, delimiter):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *body])
    assert find_delimiter(out.getvalue()) == delimiter


def test_few_ragged_rows_are_left_out_and_listed(file):
    lines = ["text,label", *(f"row {n},x" for n in range(2, 40))]
    lines[17] = "one, two, three"  # row 18 of the file
    reading = read([file("reviews.csv", "\n".join(lines))])
    assert reading.table.num_rows == 37 and reading.detected["skipped"] == 1
    skipped = reading.skipped[0]
    assert skipped == {
        "file": "reviews.csv",
        "row": 18,
        "code": "skipped.ragged",
        "values": {"file": "reviews.csv", "row": 18, "found": 3, "expected": 2},
    }
    assert say(skipped["code"], **skipped["values"]).startswith(
        "Row 18 of reviews.csv was left out: its number of fields is 3, where the header has 2."
    )


def test_rows_are_counted_as_a_spreadsheet_does(file):
    # a cell of three lines is one row, an empty line is a row of its own
    body = 'text,label\n"a\nb\nc",x\n\n' + "fine,y\n" * 20 + "a,b,c\n"
    assert read([file("a.csv", body)]).skipped[0]["row"] == 24


def test_surplus_delimiters_at_the_end_of_lines(file):
    assert rows(file("a.csv", "text,label\ngood,1,\nbad,0,\n")) == [{"text": "good", "label": "1"}, {"text": "bad", "label": "0"}]


def test_many_ragged_rows_are_refused(file):
    lines = ["text,label", *(f"row {n},x" for n in range(2, 18)), *["well, then, x"] * 5]
    problem = refused(file("reviews.csv", "\n".join(lines)), "csv-ragged", "quotation marks")
    assert (problem.values["row"], problem.values["found"], problem.values["expected"]) == (18, 3, 2)
    assert str(problem).startswith("Row 18 of reviews.csv has 3 fields where the header has 2")


def test_one_ragged_row_of_a_tiny_file_is_left_out(file):
    reading = read([file("a.csv", "text,label\ngood,1\none, two,0\nbad,0\nfine,1\n")])
    assert reading.table.num_rows == 3 and [row["row"] for row in reading.skipped] == [3]
    refused(file("b.csv", "text,label\ngood,1\none, two,0\none, three,0\nfine,1\n"), "csv-ragged", "quotation marks")  # half of it


def test_open_quotation_mark(file):
    problem = refused(file("a.csv", 'text,label\ngood,1\n"bad,0\nfine,1\nfair,0\n'), "csv-quote", "close it")
    assert problem.values["row"] == 3


def test_quotation_mark_inside_a_text_is_fine(file):
    assert rows(file("a.csv", 'text,label\na 5" pipe,1\nbad,0\n'))[0]["text"] == 'a 5" pipe'


def test_a_cell_larger_than_pythons_limit(file):
    long = "long " * 60_000
    assert rows(file("a.csv", f'text,label\n"{long}",1\nodd " one,2\n'))[0]["text"] == long


@pytest.mark.parametrize("delimiter", [";", "tab", "\\t"])
def test_delimiter_can_be_given(file, delimiter):
    real = {";": ";"}.get(delimiter, "\t")
    assert rows(file("a.csv", f"a,b{real}c\n1,2{real}3\n"), delimiter=delimiter) == [{"a,b": "1,2", "c": "3"}]


def test_bad_delimiter(file):
    refused(file("a.csv", "a,b\n1,2\n"), "delimiter", "choose one", delimiter="\",\"")


# -- encodings


@pytest.mark.parametrize("times", [1, 60])
@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        (CHINESE, "gb18030", "gb18030"), ("текст,метка\nЭто очень хороший фильм и мы смотрели его дважды,да\n", "koi8-r", "koi8-r"), (CHINESE, "gbk", "gb18030"), (FRENCH, "cp1252", "cp1252"), (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE, "utf-16", "utf-16"), (CHINESE, "utf-32", "utf-32"), (FRENCH, "utf-16-le", "utf-16-le"), (FRENCH, "utf-16-be", "utf-16-be"),
        (CHINESE, "utf-8", "utf-8"), ("text;label\nSchöne Grüße;gut\nÄrgerlich;schlecht\n", "cp1252", "cp1252"),
        ("tekst,ocena\n\"Zażółć gęślą jaźń, świetny środek\",dobry\n", "cp1250", "cp1250"),
        ("文字,標籤\n這部電影很好看，推薦大家去看,好評\n", "big5", "big5"), ("テキスト,ラベル\nこの映画はとても面白かったです,良い\n", "cp932", "cp932"),
        ("текст,метка\nЭто очень хороший фильм,да\n", "cp1251", "cp1251"), ("텍스트,라벨\n이 영화는 정말 재미있었습니다,좋음\n", "cp949", "cp949"),
    ],
)  # fmt: skip
def test_encodings(file, text, encoding, found, times):
    head, body = text.split("\n", 1)
    reading = read([file("a.csv", f"{head}\n{body * times}".encode(encoding))])
    assert reading.detected["encoding"] == found
    expected = list(csv.reader(io.StringIO(text), delimiter=reading.detected["delimiter"]))
    assert reading.table.column_names == expected[0]
    assert [list(row.values()) for row in reading.table.to_pylist()[: len(expected) - 1]] == expected[1:]


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("文本,标签\n很好,好\n很差,差\n", "gbk", "gb18030"), ("评论,情感\n质量不错,正面\n太贵了,负面\n", "gbk", "gb18030"),
        ("文章,ラベル\nとても良い,良\n悪い,悪\n", "shift_jis", "cp932"), ("내용,평점\n좋아요,긍정\n싫어요,부정\n", "cp949", "cp949"),
        ("제목,분류\n오늘 날씨,일상\n주식 시장,경제\n", "cp949", "cp949"), ("文本,標籤\n很好,好\n很差,壞\n", "big5", "big5"),
    ],
)  # fmt: skip
def test_encodings_of_few_words(file, text, encoding, found):
    reading = read([file("a.csv", text.encode(encoding))])
    assert reading.detected["encoding"] == found
    assert [reading.table.column_names, *(list(row.values()) for row in reading.table.to_pylist())] == [line.split(",") for line in text.splitlines()]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_chinese_in_utf16_without_a_mark(file, encoding):
    body = "文本，标签\n" + "这个产品非常好用；我很喜欢，好评\n质量太差了完全不能用，差评\n" * 12  # hardly a NUL in it
    reading = read([file("a.csv", body.replace("，", ",").encode(encoding))])
    assert reading.detected["encoding"] == encoding and reading.table.num_rows == 24
    assert reading.table.to_pylist()[0] == {"文本": "这个产品非常好用；我很喜欢", "标签": "好评"}


def test_accents_far_down_a_file_count(file):
    body = "text,label\n" + "plain ascii,a\n" * 20_000 + "déjà vu à l'été,b\n"
    assert rows(file("a.csv", body.encode("cp1252")))[-1]["text"] == "déjà vu à l'été"


def test_wrong_encoding_given(file):
    problem = refused(file("a.csv", "text,label\nok,1\ncafé,2\n".encode("cp1252")), "encoding-wrong", "another encoding", encoding="utf-8")
    assert problem.values["line"] == 3
    refused(file("b.csv", "text\nok\n"), "encoding-unknown", "utf-8", encoding="klingon")
    refused(file("b.csv", "text\nok\n"), "encoding-unknown", "utf-8", encoding="hex")


def test_one_damaged_character(file):
    raw = (CHINESE * 30).encode("utf-8").split(b"\n")
    raw[40] = raw[40][:-1]
    reading = read([file("a.csv", b"\n".join(raw))])
    assert reading.table.num_rows == 118 and [row["row"] for row in reading.skipped] == [41]


# -- JSON, JSONL, Parquet, text


def test_json_shapes(file):
    items = [{"text": "a", "label": 1}, {"text": "b", "more": {"x": [1, "é"]}}]
    assert rows(file("a.json", json.dumps(items))) == [
        {"text": "a", "label": 1, "more.x": None},
        {"text": "b", "label": None, "more.x": '[1, "é"]'},
    ]
    reading = read([file("b.json", json.dumps({"version": 1, "data": items}))])
    assert reading.detected["items"] == "data" and reading.table.num_rows == 2
    assert rows(file("c.json", '["one", "two"]')) == [{"text": "one"}, {"text": "two"}]
    assert len(rows(file("d.json", "\n".join(map(json.dumps, items))))) == 2  # JSON lines under the wrong ending


def test_json_values(file):
    lines = [
        '{"a": 1, "b": 1, "c": true, "d": 1, "e": 12345678901234567890123, "f": "half \\ud83d"}',
        '{"a": 2.5, "b": "x", "c": false, "d": NaN, "f": null}',
    ]
    assert rows(file("a.jsonl", "\n".join(lines))) == [
        {"a": 1.0, "b": "1", "c": True, "d": 1.0, "e": "12345678901234567890123", "f": "half ?"},
        {"a": 2.5, "b": "x", "c": False, "d": None, "e": None, "f": None},
    ]


def test_infinite_numbers_are_missing(file, tmp_path):
    wanted = [{"text": "a", "n": 1.5}, {"text": "b", "n": None}, {"text": "c", "n": None}]
    body = ['{"text": "a", "n": 1.5}', '{"text": "b", "n": 1e999}', '{"text": "c", "n": -Infinity}']
    table = pa.table({"text": ["a", "b", "c"], "n": [1.5, float("inf"), float("-inf")]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    for path in (file("a.json", f"[{','.join(body)}]"), file("a.jsonl", "\n".join(body)), tmp_path / "a.parquet", tmp_path / "a.arrow"):
        assert rows(path) == wanted


def test_a_line_separator_inside_a_json_string_is_no_line_end(file):
    assert rows(file("a.jsonl", '{"text": "a\u2028b"}\r\n\r\n{"text": "c"}\n')) == [{"text": "a\u2028b"}, {"text": "c"}]


def test_broken_jsonl(file):
    good = '{"text": "x"}\n'
    assert refused(file("a.jsonl", '{"text": \n' + good * 30), "jsonl-broken", "correct that line").values["line"] == 1
    assert refused(file("b.jsonl", good * 6 + "oops\n" * 4 + good * 9), "jsonl-broken", "correct that line").values["line"] == 7
    tiny = read([file("d.jsonl", good * 3 + "oops\n" + good)])
    assert tiny.table.num_rows == 4 and [row["row"] for row in tiny.skipped] == [4]
    reading = read([file("c.jsonl", good * 20 + "[1]\n" + good * 20)])
    assert reading.table.num_rows == 40 and [row["row"] for row in reading.skipped] == [21]
    assert say(reading.skipped[0]["code"], **reading.skipped[0]["values"]).startswith("Line 21 of c.jsonl")


def test_broken_json(file):
    assert refused(file("a.json", '[{"text": "a"},\n {"text": "b" "label": 1}]'), "json-broken", "comma").values["line"] == 2
    refused(file("b.json", '{"a": 1, "b": [1, 2]}'), "json-shape", "one object per line")
    refused(file("c.json", "[1, 2]"), "json-shape", "one object per line")
    refused(file("d.jsonl", "{}\n{}\n"), "json-no-fields", "give each a name")


def test_parquet(tmp_path, file):
    table = pa.table({
        "text": pa.array(["a", "b", None]), "n": pa.array([1, 2, 3], pa.int8()), "f": pa.array([1.5, float("nan"), None]), "l": pa.array([[1], [2, 3], None]),
        "c": pa.array(["x", "y", "x"]).dictionary_encode(), "d": pa.array([1, 2, 3], pa.date32()), "raw": pa.array([b"12", b"", None]),
    })  # fmt: skip
    parquet.write_table(table, tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet") == [
        {"text": "a", "n": 1, "f": 1.5, "l": "[1]", "c": "x", "d": "1970-01-02", "raw": '"(2 bytes)"'},
        {"text": "b", "n": 2, "f": None, "l": "[2, 3]", "c": "y", "d": "1970-01-03", "raw": '"(0 bytes)"'},
        {"text": None, "n": 3, "f": None, "l": None, "c": "x", "d": "1970-01-04", "raw": None},
    ]
    whole = (tmp_path / "a.parquet").read_bytes()
    refused(file("b.parquet", whole[: len(whole) // 2]), "parquet-broken", "export it again")
    parquet.write_table(table.slice(0, 0), tmp_path / "c.parquet")
    refused(tmp_path / "c.parquet", "file-header-only", "add rows")


def test_plain_text(file):
    reading = read([file("a.txt", "one, two\r\n\r\n  three\n \nfour\x0cfive")])
    assert reading.table["text"].to_pylist() == ["one, two", "  three", "four\x0cfive"] and reading.detected["format"] == "text"


# -- files


def test_several_files_are_stacked(file):
    first, second = file("a.csv", "text,label\ngood,1\n"), file("b.jsonl", '{"label": 0, "text": "bad"}\n')
    reading = read([first, second])
    assert reading.table.to_pylist() == [{"text": "good", "label": "1"}, {"text": "bad", "label": "0"}]
    assert [(entry["file"], entry["rows"]) for entry in reading.detected["files"]] == [("a.csv", 1), ("b.jsonl", 1)]


def test_unequal_columns(file):
    with pytest.raises(UserError) as caught:
        read([file("a.csv", "text,label\ngood,1\n"), file("b.csv", "text,tag\nbad,0\n")])
    assert caught.value.code == "columns-differ" and "b.csv has text, tag" in str(caught.value) and "Rename" in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.txt", "a.parquet"])
def test_empty_file(file, name):
    refused(file(name, ""), "file-empty", "add it again")
    refused(file(name, b"\xef\xbb\xbf \n\n" if not name.endswith("parquet") else " \n"), "file-empty", "add it again")


def test_header_only(file):
    refused(file("a.csv", "text,label\n"), "file-header-only", "add rows")
    refused(file("b.csv", "text,label\n\n\n"), "file-header-only", "add rows")


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7 rest of a document", bytes(range(256)) * 20, b"\x7fELF\0\0\0\0" * 50, b"text,label\nab\0\0\0\0cd,1\n"]
)
def test_binary_file_named_csv(file, content):
    refused(file("a.csv", content), "file-binary", "save it as csv")


def test_unknown_ending_and_missing_file(file, tmp_path):
    assert ".jsonl" in str(refused(file("a.pdfx", b"%PDF-1.4\n\xff\xfe\0"), "file-ending", "save it as CSV"))
    refused(file("a.xlsx", "x"), "file-content", "or as CSV")
    refused(file("a.csv.zip", b"PK\x03\x04rest of an archive"), "archive-broken", "pack it again")
    refused(tmp_path / "gone.csv", "file-missing", "add it again")
    (tmp_path / "folder.csv").mkdir()
    refused(tmp_path / "folder.csv", "archive-empty", "add it again")
    with pytest.raises(UserError) as caught:
        read([])
    assert caught.value.code == "no-file"
