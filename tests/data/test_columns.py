"""Columns are described by what they hold, and roles guessed by name and contents, with a reason."""

import json
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fm_gui.data.columns import PIECE, ROLES, describe, evenly, fingerprints, guess_roles, lengths, take
from fm_gui.data.dates import read_dates
from fm_gui.text import say, table

RNG = random.Random(1)
WORDS = ["the", "phone", "was", "great", "but", "its", "battery", "dies", "after", "an", "hour", "so", "I", "sent", "it", "back"]
TEXTS = [" ".join(RNG.choices(WORDS, k=RNG.randrange(5, 20))) + f" {n}" for n in range(60)]
LABELS = [("good", "bad", "fair")[n % 3] for n in range(60)]
PARTS = ["train"] * 50 + ["dev"] * 5 + ["test"] * 5


def guessed(**columns) -> dict[str, str]:
    rows = pa.table(columns)
    roles = guess_roles(rows, describe(rows))
    assert list(roles) == [role for role in ROLES if role in roles]
    for guess in roles.values():  # every reason is a sentence in both languages
        assert guess.column in say(guess.reason, "en", **guess.values) and guess.column in say(guess.reason, "zh", **guess.values)
    return {role: guess.column for role, guess in roles.items()}


def test_describe():
    table = pa.table({
        "text": TEXTS, "label": LABELS, "n": [str(n / 2) for n in range(60)], "money": ["1,240.50"] * 60, "id": [f"row-{n}" for n in range(60)],
        "gaps": ["x", None, " "] * 20, "empty": pa.array([None] * 60, pa.string()), "int": list(range(60)), "bool": [True, False] * 30,
    })  # fmt: skip
    found = {column.name: column for column in describe(table)}
    kinds = {name: column.kind for name, column in found.items()}
    assert kinds == {"text": "text", "label": "category", "n": "number", "money": "number", "id": "other", "gaps": "category", "empty": "other", "int": "number", "bool": "category"}  # fmt: skip
    assert (found["gaps"].filled, found["gaps"].distinct, found["gaps"].mean_length) == (20, 1, 1)
    assert found["label"].distinct == 3 and found["empty"].filled == 0


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"review": TEXTS, "sentiment": LABELS}, {"text": "review", "label": "sentiment"}),
        ({"a": LABELS, "b": TEXTS}, {"text": "b", "label": "a"}),
        ({"评论内容": TEXTS, "情感标签": LABELS}, {"text": "评论内容", "label": "情感标签"}),
        ({"id": [str(n) for n in range(60)], "Text": TEXTS, "Class": ["0", "1"] * 30}, {"text": "Text", "label": "Class", "id": "id"}),
        ({"text": TEXTS, "is_spam": ["0", "1"] * 30}, {"text": "text", "label": "is_spam"}),
        ({"text": TEXTS, "label": LABELS, "split": PARTS}, {"text": "text", "label": "label", "split": "split"}),
        ({"文本": TEXTS, "类别": LABELS, "划分": ["训练集"] * 50 + ["测试集"] * 10}, {"text": "文本", "label": "类别", "split": "划分"}),
        ({"text": TEXTS, "usage": PARTS}, {"text": "text", "split": "usage"}),
        ({"text": TEXTS}, {"text": "text"}),
        ({"title": [f"item {n}" for n in range(60)], "body": TEXTS}, {"text": "body"}),
        ({"text_id": [f"t{n}" for n in range(60)], "comment": TEXTS}, {"text": "comment", "id": "text_id"}),
        ({"price": [str(n) for n in range(60)], "size": [str(n * 1.5) for n in range(60)]}, {"number": "price"}),
        ({"text": TEXTS, "label": ["same"] * 60}, {"text": "text", "label": "label"}),  # the task says that one class is too few
        ({"text": TEXTS, "price": [f"{n}.5" for n in range(60)]}, {"text": "text", "number": "price"}),
        ({"text": ["good", "bad", "good"], "label": ["1", "0", "1"]}, {"text": "text", "label": "label"}),
        ({"text": TEXTS, "split": ["left", "right"] * 30}, {"text": "text", "label": "split"}),  # no part names: a label by its contents
    ],
)
def test_guesses(columns, roles):
    assert guessed(**columns) == roles


def test_reasons_differ():
    table = pa.table({"a": LABELS, "b": TEXTS})
    roles = guess_roles(table, describe(table))
    assert roles["text"].reason == "reason.text-only" and roles["label"].reason == "reason.label-few"
    table = pa.table({"text": TEXTS, "label": LABELS})
    roles = guess_roles(table, describe(table))
    assert roles["text"].reason == "reason.text-name" and roles["label"].reason == "reason.label-name"
    assert roles["label"].values["distinct"] == 3


# -- the other roles

TOKENS = [["John", "lives", "in", "Paris"][: 2 + n % 3] + [f"w{n}"] for n in range(60)]
TAGS = [["B-PER", "O", "O", "B-LOC"][: 2 + n % 3] + ["O"] for n in range(60)]
CHATS = [[{"role": "user", "content": f"hello {n}"}, {"role": "assistant", "content": "how are you?"}] for n in range(60)]
OTHERS = [text.replace("phone", "telephone") + " and more" for text in TEXTS]
SHORT = [" ".join(text.split()[:3]) + f" {n}" for n, text in enumerate(TEXTS)]
FEW = [f"the same words number {n % 10}" for n in range(60)]
CITIES = ["Rome", "Oslo", "Bern"] * 20
DAYS = [f"2024-{1 + n // 6:02d}-{1 + n % 6:02d}" for n in range(60)]
AUTHORS = [f"author {n % 20}" for n in range(60)]
PRICES = [f"{n * 1.37 + 3:.2f}" for n in range(60)]
IDS = [f"doc-{n:04d}" for n in range(60)]


def dumped(rows):
    return [json.dumps(row, ensure_ascii=False) for row in rows]


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"tokens": dumped(TOKENS), "ner_tags": dumped(TAGS)}, {"tokens": "tokens", "tags": "ner_tags"}),
        ({"a": dumped(TAGS), "b": dumped(TOKENS)}, {"tokens": "b", "tags": "a"}),  # the more varied ones are the words
        ({"id": IDS, "tokens": dumped(TOKENS), "pos_tags": dumped([[n % 7 for n in range(len(t))] for t in TOKENS]), "ner_tags": dumped(TAGS)}, {"tokens": "tokens", "tags": "ner_tags", "id": "id"}),
        ({"词语": dumped(TOKENS), "标注": dumped(TAGS)}, {"tokens": "词语", "tags": "标注"}),
        ({"text": TEXTS, "intent": LABELS, "tokens": dumped(TOKENS), "tags": dumped(TAGS)}, {"text": "text", "label": "intent", "tokens": "tokens", "tags": "tags"}),
        ({"text": TEXTS, "vector": dumped([[1, 2, 3]] * 60)}, {"text": "text"}),
        ({"id": IDS, "title": AUTHORS, "question": SHORT, "context": OTHERS, "answers": SHORT}, {"question": "question", "context": "context", "answer": "answers", "id": "id"}),
        ({"问题": SHORT, "材料": TEXTS, "答案": SHORT[::-1]}, {"question": "问题", "context": "材料", "answer": "答案"}),
        ({"question": SHORT, "context": OTHERS}, {"text": "question"}),  # without an answer there is none of the three
        ({"question": SHORT, "answer": OTHERS}, {"source": "question", "target": "answer"}),
        ({"question": SHORT, "context": OTHERS, "answer": SHORT, "label": LABELS}, {"text": "question", "label": "label"}),
        ({"en": TEXTS, "de": OTHERS}, {"source": "en", "target": "de"}),
        ({"中文": TEXTS, "英文": OTHERS}, {"source": "中文", "target": "英文"}),
        ({"text_english": TEXTS, "text_chinese": OTHERS}, {"source": "text_english", "target": "text_chinese"}),
        ({"source": TEXTS, "target": OTHERS}, {"source": "source", "target": "target"}),
        ({"target": TEXTS, "source": OTHERS}, {"source": "source", "target": "target"}),
        ({"instruction": SHORT, "input": [""] * 60, "output": OTHERS}, {"source": "instruction", "target": "output"}),
        ({"文章": TEXTS, "摘要": SHORT}, {"source": "文章", "target": "摘要"}),
        ({"text": TEXTS, "target": LABELS}, {"text": "text", "label": "target"}),  # a label, however it is called
        ({"article": TEXTS, "summary": SHORT, "category": LABELS}, {"text": "article", "label": "category"}),
        ({"en": TEXTS, "de": OTHERS, "fr": SHORT}, {"text": "de"}),  # which of the three is unknown
        ({"messages": dumped(CHATS)}, {"messages": "messages"}),
        ({"conversations": dumped([[{"from": "human", "value": str(n)}] for n in range(60)]), "id": IDS}, {"messages": "conversations", "id": "id"}),
        ({"prompt": SHORT, "chosen": TEXTS, "rejected": OTHERS}, {"text": "prompt", "chosen": "chosen", "rejected": "rejected"}),
        ({"更好": TEXTS, "更差": OTHERS}, {"chosen": "更好", "rejected": "更差"}),
        # cells that repeat, under names that leave no doubt
        ({"prompt": FEW, "chosen": FEW[::-1], "rejected": FEW}, {"text": "prompt", "chosen": "chosen", "rejected": "rejected"}),
        ({"text": TEXTS, "chosen": ["yes", "no"] * 30, "rejected": ["no", "yes"] * 30}, {"text": "text", "label": "chosen"}),
        ({"source": FEW, "target": FEW[::-1]}, {"source": "source", "target": "target"}),
        ({"原文": FEW, "译文": FEW[::-1]}, {"source": "原文", "target": "译文"}),
        ({"text": TEXTS, "source": ["web", "mail", "shop"] * 20, "target": LABELS}, {"text": "text", "label": "target", "group": "source"}),
        ({"source": TEXTS, "target": LABELS}, {"text": "source", "label": "target"}),
        ({"question": FEW, "context": [f"It is said that {cell}, and so on" for cell in FEW], "answer": [cell[-8:] for cell in FEW]}, {"question": "question", "context": "context", "answer": "answer"}),
        ({"query": SHORT, "passage": [f"It is said of {city} that" for city in CITIES], "answer": CITIES}, {"question": "query", "context": "passage", "answer": "answer"}),
        ({"question": SHORT, "passage": OTHERS, "answer": ["yes", "no"] * 30}, {"text": "question", "label": "answer"}),
        ({"question": SHORT, "context": OTHERS, "answer": ["yes", "no"] * 30}, {"text": "question", "label": "answer"}),
        ({"review": TEXTS, "score": PRICES}, {"text": "review", "number": "score"}),
        ({"评论": TEXTS, "价格": PRICES}, {"text": "评论", "number": "价格"}),
        ({"text": TEXTS, "target": [*PRICES[:59], PRICES[0]]}, {"text": "text", "number": "target"}),  # decimals are no classes
        ({"text": TEXTS, "label": LABELS, "date": DAYS}, {"text": "text", "label": "label", "date": "date"}),
        ({"text": TEXTS, "when": [day + "T12:30:00Z" for day in DAYS]}, {"text": "text", "date": "when"}),
        ({"文本": TEXTS, "日期": [f"2024年{1 + n % 12}月{1 + n % 28}日" for n in range(60)]}, {"text": "文本", "date": "日期"}),
        ({"text": TEXTS, "timestamp": list(range(1_700_000_000, 1_700_000_060))}, {"text": "text", "date": "timestamp"}),
        ({"text": TEXTS, "day": ["2024-01-01", "2024-01-02"] * 30}, {"text": "text", "date": "day"}),  # few dates are no label
        ({"text": TEXTS, "author": AUTHORS}, {"text": "text", "group": "author"}),  # nor are few authors
        ({"内容": TEXTS, "标签": LABELS, "作者": AUTHORS, "编号": list(range(60))}, {"text": "内容", "label": "标签", "id": "编号", "group": "作者"}),
        ({"text": TEXTS, "label": LABELS, "doc_id": [f"d{n // 4}" for n in range(60)], "id": IDS}, {"text": "text", "label": "label", "id": "id", "group": "doc_id"}),
        ({"text": TEXTS, "uuid": [f"{RNG.getrandbits(128):032x}" for _ in range(60)]}, {"text": "text", "id": "uuid"}),
        ({"text": [None] * 60, "label": [None] * 60}, {"text": "text"}),  # so that one is told that it is empty
        ({"a": [None] * 60, "b": [" "] * 60}, {}),
        ({"a": [], "b": []}, {}),
    ],
)  # fmt: skip
def test_other_roles(columns, roles):
    assert guessed(**{name: pa.array(cells, pa.string()) if not any(isinstance(cell, int) for cell in cells) else cells for name, cells in columns.items()}) == roles


def test_every_role_has_its_words():
    assert {f"role.{role}{tail}" for role in ROLES for tail in ("", ".about")} <= table().keys()


def test_chats_with_calls_of_tools():
    calls = [{"role": "user", "content": None}, {"role": "assistant", "tool_calls": [{"id": 1}]}]
    assert guessed(talk=dumped([calls] * 60), label=LABELS) == {"label": "label", "messages": "talk"}


def test_broken_json_is_text():
    assert guessed(text=['[{"role": "user"'] * 30 + TEXTS[:30], deep=["[" * 5_000] * 60, odd=['{"a": [1]}', "[]", "null"] * 20).keys() <= {"text", "label"}


# -- dates


def test_dates():
    read = ["2024-03-05", "2024/3/5", "2024-03-05 12:30:15", "2024-03-05T12:30:15.5Z", "2024-03-05T14:30:15+02:00", "5 Mar 2024", "March 5, 2024", "Tue, 5 Mar 2024", "03/05/2024", "25.12.2023", "2024年3月5日", "2024年3月5日 12:30", "2024年3月"]  # fmt: skip
    found = read_dates(read, numbers=False)
    assert not np.isnat(found).any(), [cell for cell, moment in zip(read, found) if np.isnat(moment)]
    days = found.astype("datetime64[D]").astype(str).tolist()
    assert days == ["2024-03-05"] * 9 + ["2023-12-25"] + ["2024-03-05"] * 2 + ["2024-03-01"]
    assert str(found[4]) == "2024-03-05T12:30:15"
    assert read_dates(["2024", "20240305", "1700000000", "1700000000000"]).astype("datetime64[D]").astype(str).tolist() == ["2024-01-01", "2024-03-05", "2023-11-14", "2023-11-14"]
    assert np.isnat(read_dates(["2024", "20240305"], numbers=False)).all()
    assert np.isnat(read_dates(["", "12", "1.5", "1-2", "room 12", "2024-13-45", "20240230", "in March", "May", "9999-99", "一月"])).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("0123456789-/:. TZ年月日marMAR+", max_size=20), max_size=10))
def test_any_cell_is_a_date_or_none(cells):
    assert len(read_dates(cells)) == len(cells)


# -- going through columns

CELLS = st.lists(st.one_of(st.none(), st.text("ab \t中", max_size=4)), max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=4), st.data())
def test_pieces_are_as_the_whole(chunks, data):
    column = pa.chunked_array([pa.array(chunk, pa.string()) for chunk in chunks])
    cells = [cell for chunk in chunks for cell in chunk]
    info = describe(pa.table({"a": column}))[0]
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    assert (info.filled, info.distinct) == (len(filled), len(set(filled)))
    assert info.mean_length == pytest.approx(np.mean([len(cell) for cell in filled]) if filled else 0, abs=0.005)
    assert lengths(column).tolist() == [len(cell or "") for cell in cells]
    prints = fingerprints(column).tolist()
    assert [number == 0 for number in prints] == [not (cell and cell.strip()) for cell in cells]
    assert all((a == b) == ((x or "").strip() == (y or "").strip()) for a, x in zip(prints, cells) for b, y in zip(prints, cells))
    rows = data.draw(st.lists(st.integers(0, len(cells) - 1))) if cells else []
    assert take(column, rows) == [cells[row] for row in rows]


def test_large_tables_are_described_in_pieces():
    rows = 3 * PIECE + 17
    text = pa.array([f"row {n} " * 5 for n in range(rows)])  # one chunk: it is cut up
    large, before = pa.table({"text": text, "n": np.arange(rows), "label": ["a", "b", None] * (rows // 3) + ["a"] * (rows % 3)}), pa.total_allocated_bytes()
    found = {column.name: column for column in describe(large)}
    assert found["text"].distinct == found["n"].distinct == rows and found["label"].distinct == 2
    assert found["label"].filled == rows - rows // 3
    assert pa.total_allocated_bytes() - before < 1_000


def test_even_samples():
    rows = np.arange(10, 20)
    assert evenly(rows, 50).tolist() == rows.tolist() and evenly(rows, 3).tolist() == [10, 13, 16] and evenly(rows, 0).tolist() == []
