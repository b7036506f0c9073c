"""Which language a text is written in: by its script where that tells, else by py3langid; "" where unsure."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LETTERS = 10  # of a Latin, Cyrillic, Arabic ... text, below which nothing is said
SURE = 0.7  # probability, among the languages of the script, below which nothing is said (99.9 % right on the messages of Vim)
LONGEST = 500  # characters looked at; more adds time, not certainty
NO_WORDS = re.compile(r"<[^<>]{1,300}>|https?://[!-~]+|www\.[!-~]+|[!-~]{1,64}@[!-~]+|[@#]\w+|\b\w*\d\w*\b", re.ASCII)  # markup, addresses, codes

# script -> (the languages written in it that can be told apart, ranges of its letters); one language: the script decides
SCRIPTS: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "latin": ("", ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F), (0x1E00, 0x1EFF))),
    "cyrillic": ("ru uk bg sr mk be kk ky mn tg tt ba", ((0x400, 0x52F),)),
    "arabic": ("ar fa ur ps ug ku", ((0x620, 0x64A), (0x66E, 0x6D3), (0x6FA, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC))),
    "devanagari": ("hi mr ne sa", ((0x900, 0x963), (0x970, 0x97F))),
    "bengali": ("bn as", ((0x980, 0x9E3), (0x9F0, 0x9F1))),
    "han": ("zh", ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))),
    "kana": ("ja", ((0x3041, 0x3096), (0x30A1, 0x30FA), (0x30FC, 0x30FE), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))),
    "hangul": ("ko", ((0x1100, 0x11FF), (0x3131, 0x318E), (0xAC00, 0xD7A3))),
    "greek": ("el", ((0x370, 0x373), (0x376, 0x37D), (0x386, 0x3FF), (0x1F00, 0x1FFF))),
    "hebrew": ("he", ((0x5D0, 0x5EA),)),
    "thai": ("th", ((0xE01, 0xE4E),)),
    "lao": ("lo", ((0xE81, 0xECD), (0xEDC, 0xEDF))),
    "khmer": ("km", ((0x1780, 0x17D3),)),
    "burmese": ("my", ((0x1000, 0x103F), (0x1050, 0x109F))),
    "tibetan": ("bo", ((0xF40, 0xFBC),)),
    "georgian": ("ka", ((0x10A0, 0x10FA), (0x1C90, 0x1CBF))),
    "armenian": ("hy", ((0x531, 0x556), (0x560, 0x588))),
    "ethiopic": ("am", ((0x1200, 0x137F),)),
    "gurmukhi": ("pa", ((0xA01, 0xA65), (0xA70, 0xA75))),
    "gujarati": ("gu", ((0xA81, 0xAE5),)),
    "oriya": ("or", ((0xB01, 0xB65),)),
    "tamil": ("ta", ((0xB82, 0xBE5),)),
    "telugu": ("te", ((0xC00, 0xC65),)),
    "kannada": ("kn", ((0xC80, 0xCE5),)),
    "malayalam": ("ml", ((0xD00, 0xD65),)),
    "sinhala": ("si", ((0xD81, 0xDDF),)),
}
NAMES = tuple(SCRIPTS)
BY_START = sorted((first, last, NAMES.index(name)) for name, (_, ranges) in SCRIPTS.items() for first, last in ranges)
STARTS, ENDS, SCRIPT_OF = (np.array(column) for column in zip(*BY_START))
DENSE = {"han": 3, "kana": 2, "hangul": 3}  # letters of an alphabet that one of these says as much as
SAME = {"nn": "no"}  # written forms of one language


def detect(texts: Sequence[str]) -> list[str]:
    """The ISO 639-1 code of each text's main language; "" where unsure: few letters, several languages, or no language at all.

    A script that one language is written in decides; Chinese and Japanese are told apart by kana. The others are told
    apart by py3langid (naive Bayes over byte n-grams: Lui and Baldwin 2012) among the languages of their script. Markup,
    addresses, numbers and handles are not looked at. Each text counts by itself; about 0.1 ms each.
    """
    return [_detect(text) for text in texts]


def name_of(code: str, lang: str = "en") -> str:
    """What the language ``code`` is called in ``lang`` ("en" or "zh"): "de" -> "German", "德语"; the code itself if unknown."""
    import babel

    return babel.Locale(lang).languages.get(code, code)


def _detect(text: str) -> str:
    text = NO_WORDS.sub(" ", text[: 4 * LONGEST])[:LONGEST]
    script, letters = main_script(text)
    if not script:
        return ""
    known = SCRIPTS[script][0].split()
    if len(known) == 1:
        return known[0] if letters >= 2 else ""
    if letters < LETTERS:
        return ""
    chances: dict[str, float] = {}
    for code, chance in _identifier().rank(text):
        if not known or code in known:
            code = SAME.get(code, code)
            chances[code] = chances.get(code, 0.0) + chance
    best = max(chances, key=chances.__getitem__)
    return best if best != "zxx" and chances[best] >= SURE * sum(chances.values()) else ""


def main_script(text: str) -> tuple[str, int]:
    """(name in SCRIPTS, letters of it) of the script that most of ``text`` is in; ("", 0) if none has more than half."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    at = np.maximum(np.searchsorted(STARTS, points, side="right") - 1, 0)
    counts = np.bincount(SCRIPT_OF[at[(points >= STARTS[at]) & (points <= ENDS[at])]], minlength=len(NAMES))
    weights = {name: int(count) * DENSE.get(name, 1) for name, count in zip(NAMES, counts)}
    if weights["kana"] >= 0.1 * weights["han"]:  # Japanese is written in both; a lone kana is an ornament in Chinese
        weights["kana"] += weights.pop("han") if weights["kana"] else 0
    best = max(weights, key=weights.__getitem__)
    if weights[best] * 2 <= sum(weights.values()):
        return "", 0
    return best, weights[best] // DENSE.get(best, 1)


@cache
def _identifier() -> "LanguageIdentifier":
    """The model of py3langid, loaded once per process (1.5 s), kept to languages with a two-letter code and "zxx", no language."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in identifier.labels if len(code) == 2 or code == "zxx"])
    return identifier
