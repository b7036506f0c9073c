"""Planted faults of texts: exactly the faulty rows are found, the fix changes only them, and the finding is gone."""

import random

import pytest

from fm_gui.data.health import check
from fm_gui.data.sample_tickets import tickets
from tests.data.health_rows import changed, fixed, reviews, rows

GERMAN = (
    "Der Wasserkocher war schon nach zwei Tagen kaputt und niemand wollte mir helfen.",
    "Ich bin mit dem Rucksack sehr zufrieden und würde ihn jederzeit wieder kaufen.",
    "Leider ist die Lampe viel zu dunkel, man kann damit abends nicht lesen.",
)
HTML = ("<p>{}</p>", "<div class='review'><b>{}</b></div>", "{}<br/>", "{} &amp; so on", '<a href="https://example.org/x">{}</a>', "<!-- note --><p>{}</p>")
PERSONAL = (
    ("email", "Write to anna.miller@example.org please."), ("phone", "Call me at +49 30 901820 today."), ("card", "My card is 4111 1111 1111 1111."),
    ("id", "My account is DE89 3704 0044 0532 0130 00."),
)  # fmt: skip


def mojibake(text: str, chinese: bool) -> str:
    return text.encode("utf-8").decode("latin-1") if chinese else text.replace("e", "é").encode("utf-8").decode("cp1252")


def plant(code: str, texts: list[str], places: list[int], chinese: bool) -> None:
    for number, place in enumerate(places):
        text = texts[place]
        texts[place] = {
            "empty-texts": ("", "   ", "\n\t", "\u3000")[number % 4],
            "short-texts": ("ok", "!!!!", "好", "a b", "…", ":-)")[number % 6],
            "garbled": mojibake(text, chinese),
            "unreadable": (text[:10] + "\ufffd\ufffd" + text[10:], text + "锟斤拷")[number % 2],
            "markup": HTML[number % len(HTML)].format(text),
            "other-language": GERMAN[number % 3] if chinese else "这个水壶第二天就坏了，没有人愿意帮我处理。" + str(number),
            "personal-data": f"{text} {PERSONAL[number % 4][1]}",
        }[code]


@pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])
@pytest.mark.parametrize("code", ["empty-texts", "short-texts", "garbled", "unreadable", "markup", "other-language", "personal-data"])
def test_planted(code, chinese):
    texts, labels = reviews(300, chinese=chinese)
    places = sorted(random.Random(4).sample(range(300), 24))
    plant(code, texts, places, chinese)
    data = rows(texts, labels)
    (finding,) = check(data, codes=[code])
    assert finding.rows.tolist() == places  # precision and recall 1
    after, kept = fixed(data, finding)
    assert changed(data, after, kept) == set(places)
    assert check(after, codes=[code]) == []
    if code == "personal-data":
        assert all(finding.values[kind] == 6 for kind in ("email", "phone", "card", "id"))


def test_repaired_text_is_what_was_written():
    texts, _ = reviews(60, chinese=True)
    written = list(texts)
    plant("garbled", texts, [3, 30], True)
    data = rows(texts)
    after, _ = fixed(data, check(data, codes=["garbled"])[0])
    assert after.table["text"].to_pylist() == written


def test_chinese_read_as_gbk():
    """UTF-8 opened as GBK, as Excel does; what cannot be turned back is replaced on the way."""
    texts, _ = reviews(200, chinese=True)
    places = [5, 50, 150]
    for place in places:
        texts[place] = texts[place].encode("utf-8").decode("gb18030", "replace").replace("\ufffd", "?")
    (finding,) = check(rows(texts), codes=["unreadable"])
    assert finding.rows.tolist() == places


def test_what_only_looks_like_a_fault():
    texts = [text for text, _ in tickets(200)]
    texts[:12] = [
        "I <3 this lamp, and 2 < 3 but 5 > 4, says <John> of R&D", "Café naïve Ångström — “quoted” … €5", "It costs 1,240.50 since 2024-03-05 12:30",
        "version 1.2.3.4 of order no. 123456", "Tom & Jerry; A & B", "Москва слезам не верит совсем никогда"[:9], "très bien", "Yes, no, 👍👍👍 great lamp",
        "C++ and C# are languages", "@anna thanks for the hint", "x" * 50, "a=b; c<d",
    ]  # fmt: skip
    codes = ["markup", "garbled", "unreadable", "personal-data", "short-texts"]
    assert check(rows(texts), codes=codes) == []


def test_short_texts_are_usual_among_keywords():
    assert check(rows(["up", "down", "go", "on", "off"] * 20), codes=["short-texts"]) == []


def test_empty_texts_that_look_filled():
    texts, labels = reviews(100)
    for row, text in ((3, "null"), (40, "N/A"), (41, "n/a"), (60, "\u200b\u200b"), (70, "None")):
        texts[row] = text
    data = rows(texts, labels)
    found = check(data, codes=["empty-texts", "short-texts", "exact-duplicates"])
    assert [(one.code, one.rows.tolist()) for one in found] == [("empty-texts", [3, 40, 41, 60, 70])]
    after, kept = fixed(data, found[0])
    assert changed(data, after, kept) == {3, 40, 41, 60, 70}


def test_languages_are_called_by_their_names():
    texts = reviews(100)[0]
    texts[5] = GERMAN[0]
    (finding,) = check(rows(texts), codes=["other-language"])
    assert "English" in finding.sentence() and "German (1)" in finding.sentence()
    assert "英语" in finding.sentence("zh") and "德语 (1)" in finding.sentence("zh")


def test_two_languages_by_design():
    assert check(rows(reviews(100)[0] + reviews(60, chinese=True)[0]), codes=["other-language"]) == []


def test_truncated():
    texts, labels = reviews(200)
    lengths = [len(text.split()) for text in texts]
    limit = sorted(lengths)[-20]
    over = [place for place, length in enumerate(lengths) if length > limit]
    data = rows(texts, labels)
    (finding,) = check(data, tokenizer=lambda batch: {"input_ids": [text.split() for text in batch]}, limit=limit, codes=["truncated"])
    assert finding.rows.tolist() == over and finding.values["share"] == len(over) / 200 and finding.fixes == []
    lost = sum(lengths[place] - limit for place in over) / sum(lengths)
    assert finding.values["lost"] == pytest.approx(lost, abs=1e-4) and finding.examples[0]["tokens"] == lengths[over[0]]
    assert check(data, tokenizer=lambda batch: {"input_ids": [[1] for _ in batch]}, limit=limit, codes=["truncated"]) == []
    assert check(data, codes=["truncated"]) == []


def test_a_sample_is_never_silent(monkeypatch):
    from fm_gui.data.checks import looked, personal, texts

    for module, name in ((personal, "PERSONAL_ROWS"), (looked, "LANGUAGE_ROWS"), (texts, "GARBLED_ROWS"), (looked, "NEAR_ROWS")):
        monkeypatch.setattr(module, name, 50)
    rows_of, _ = reviews(200)
    data = rows([text + " Write to anna@example.org, café Ã¤h." for text in rows_of])
    for code in ("personal-data", "garbled"):
        (finding,) = check(data, codes=[code])
        assert len(finding.rows) == finding.values["looked"] == 50 and finding.values["of"] == 200
        assert finding.rows.tolist() == list(range(0, 200, 4))
