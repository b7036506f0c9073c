"""Columns are described by what they hold, and roles guessed by name and contents, with a reason."""

import random

import pyarrow as pa
import pytest

from fm_gui.data.columns import describe, guess_roles
from fm_gui.text import say

RNG = random.Random(1)
WORDS = ["the", "phone", "was", "great", "but", "its", "battery", "dies", "after", "an", "hour", "so", "I", "sent", "it", "back"]
TEXTS = [" ".join(RNG.choices(WORDS, k=RNG.randrange(5, 20))) + f" {n}" for n in range(60)]
LABELS = [("good", "bad", "fair")[n % 3] for n in range(60)]
PARTS = ["train"] * 50 + ["dev"] * 5 + ["test"] * 5


def guessed(**columns) -> dict[str, str]:
    table = pa.table(columns)
    roles = guess_roles(table, describe(table))
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
        ({"id": [str(n) for n in range(60)], "Text": TEXTS, "Class": ["0", "1"] * 30}, {"text": "Text", "label": "Class"}),
        ({"text": TEXTS, "is_spam": ["0", "1"] * 30}, {"text": "text", "label": "is_spam"}),
        ({"text": TEXTS, "label": LABELS, "split": PARTS}, {"text": "text", "label": "label", "split": "split"}),
        ({"文本": TEXTS, "类别": LABELS, "划分": ["训练集"] * 50 + ["测试集"] * 10}, {"text": "文本", "label": "类别", "split": "划分"}),
        ({"text": TEXTS, "usage": PARTS}, {"text": "text", "split": "usage"}),
        ({"text": TEXTS}, {"text": "text"}),
        ({"title": [f"item {n}" for n in range(60)], "body": TEXTS}, {"text": "body"}),
        ({"text_id": [f"t{n}" for n in range(60)], "comment": TEXTS}, {"text": "comment"}),
        ({"price": [str(n) for n in range(60)], "size": [str(n * 1.5) for n in range(60)]}, {}),
        ({"text": TEXTS, "label": ["same"] * 60}, {"text": "text", "label": "label"}),  # the task says that one class is too few
        ({"text": TEXTS, "price": [f"{n}.5" for n in range(60)]}, {"text": "text"}),
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
