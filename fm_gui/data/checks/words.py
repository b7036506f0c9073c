"""Texts as bags of words, Chinese included, for the checks that learn a simple model."""

import re

PIECES = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+|[^\w\s]{2,}")


def words(text: str) -> list[str]:
    """The words of a text in small letters, runs of signs too; of Chinese, every two neighbours (or a character alone)."""
    found = []
    for piece in PIECES.findall(text.casefold()):
        if "\u3400" <= piece[0] <= "\u9fff" and len(piece) > 1:
            found += [piece[place : place + 2] for place in range(len(piece) - 1)]
        else:
            found.append(piece)
    return found


def phrases(text: str) -> list[str]:
    """The words of a text and every two of them in a row: "not good" says more than "not" and "good"."""
    single = words(text)
    return single + [f"{a} {b}" for a, b in zip(single, single[1:])]
