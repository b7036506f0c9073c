"""Near copies are found, all of them and nothing else, in English and Chinese, and short texts are left apart."""

import random

import numpy as np
import pytest

from fm_gui.data import similar
from fm_gui.data.similar import near_duplicates, plain
from tests.data.health_rows import reviews


def grouped(*texts: str, **options) -> list[int]:
    found = near_duplicates(texts, **options)
    assert found.dtype == np.int64 and len(found) == len(texts)
    return found.tolist()


def test_groups():
    text = "The parcel came on Tuesday and the lamp inside was not broken at all, which surprised me."
    assert grouped() == [] and grouped("") == [0] and grouped(text) == [0]
    assert grouped(text, "Another text that has nothing to do with it, really nothing.", text) == [0, 1, 0]
    assert grouped(text, text.upper(), f"  {text}  ", text.replace(" ", "\n"), text.replace("parcel", "parcels")) == [0] * 5
    assert grouped(text, text.replace("lamp inside was not broken", "phone inside had a crack")) == [0, 1]
    chinese = "包裹星期二就到了，里面的台灯完全没有损坏，真让我感到意外，下次还会再来买。"
    assert grouped(chinese, chinese.replace("星期二", "星期三"), chinese.replace("，", ","), "这本书写得很好，推荐给所有喜欢历史的朋友，值得一读再读。") == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("good product", "Good product!", True),
        ("good product", "good products!", False),
        ("not good", "so good", False),
        ("I like it", "I like it?", False),
        ("很好用", "很好用。", True),
        ("很好用", "不好用", False),
        ("ＯＫ", "ok", True),
        ("C++", "C#", False),
        ("+1", "-1", False),
        ("version 3.5", "version 35", False),
        ("!!!", "???", False),
        ("👍", "👎", False),
    ],
)
def test_short_texts_are_near_only_if_they_say_the_same(one, other, same):
    assert (len(set(grouped(one, other))) == 1) == same


def edited(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) - 3)
    return text[:at] + rng.choice(("", "x", text[at] * 2)) + text[at + 1 :]


@pytest.mark.parametrize("chinese", [False, True])
def test_planted_copies_and_nothing_else(chinese):
    """1,500 rows, of which 200 copy an earlier one but for a letter: recall 0.99, precision 1."""
    rng = random.Random(2)
    texts, _ = reviews(1_300, chinese=chinese)
    sources = rng.sample(range(1_300), 200)
    found = near_duplicates(texts + [edited(texts[source], rng) for source in sources])
    hits = sum(found[1_300 + place] == found[source] for place, source in enumerate(sources))
    assert hits >= 198
    assert len(set(found[:1_300].tolist())) == 1_300  # the grammar's own rows stay apart


def test_agrees_with_all_pairs():
    """Against the true overlap of all pairs: no pair of a group with its first text is below the similarity, none above is missed."""
    rng = random.Random(3)
    texts, _ = reviews(120)
    for source in rng.sample(range(120), 60):
        words = texts[source].split()
        for _ in range(rng.randrange(1, 8)):
            words[rng.randrange(len(words))] = rng.choice(("very", "quite", "rather"))
        texts.append(" ".join(words))

    def shingles(text):
        text = plain(text)
        return {text[place : place + 5] for place in range(len(text) - 4)}

    sets = [shingles(text) for text in texts]
    for similarity in (0.6, 0.8, 0.9):
        leaders: list[int] = []
        expected = []
        for mine in range(len(sets)):
            near = [one for one in leaders if len(sets[mine] & sets[one]) >= similarity * len(sets[mine] | sets[one])]
            expected.append(near[0] if near else mine)
            leaders += [] if near else [mine]
        found = near_duplicates(texts, similarity)
        first = [int(np.flatnonzero(found == group)[0]) for group in found]
        assert np.mean(np.array(first) == expected) >= 0.99


def test_does_not_chain():
    """Texts that change a word at a time: the last has little of the first, and is not in its group."""
    words = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(80)]
    texts = [" ".join(words[start : start + 40]) for start in range(40)]
    found = near_duplicates(texts)
    assert found[0] == found[1] and found[0] != found[39]


def test_progress_and_cancel():
    told = []
    near_duplicates(reviews(200)[0], progress=told.append)
    assert told == sorted(told) and told[-1] == 1

    class Stop(Exception):
        pass

    def stop(share):
        raise Stop

    with pytest.raises(Stop):
        near_duplicates(["a b c d e f"] * 3, progress=stop)


def test_bands_find_what_is_asked_for():
    for similarity in (0.5, 0.7, 0.8, 0.9, 0.95):
        bands, width = similar._bands(similarity)
        assert bands * width <= similar.PERMUTATIONS and 1 - (1 - similarity**width) ** bands >= similar.SURE
