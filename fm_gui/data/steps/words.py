"""Steps on words: stop words, stems, dictionary forms, and the division of Chinese into words.

They help models that count words and very small models trained from scratch; a pretrained Transformer has learned from whole
sentences and does worse without them, which each step's warning says.
"""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Literal, get_args

from fm_gui.config import setting
from fm_gui.data.steps.base import TextStep, language_of

HELP = "The language of the texts, by its two-letter code; auto takes the one most texts of a sample are in."
# what stopwordsiso has a list for and can be found word by word: not Japanese and Thai (no blanks), nor Vietnamese (a word has several)
StopLanguage = Literal[
    "auto", "af", "ar", "bg", "bn", "br", "ca", "cs", "da", "de", "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fr", "ga", "gl", "gu", "ha", "he",
    "hi", "hr", "hu", "hy", "id", "it", "ko", "ku", "la", "lt", "lv", "mr", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "so", "st", "sv",
    "sw", "tl", "tr", "uk", "ur", "yo", "zh", "zu",
]  # fmt: skip
STEMMERS = {  # code -> Snowball's name of the algorithm
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "eo": "esperanto",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
StemLanguage = Literal[
    "auto", "ar", "ca", "cs", "da", "de", "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fr", "ga", "hi", "hu", "hy", "id", "it", "lt", "ne", "nl",
    "no", "pl", "pt", "ro", "ru", "sr", "st", "sv", "ta", "tr", "yi",
]  # fmt: skip
LemmaLanguage = Literal[
    "auto", "ar", "bg", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es", "et", "fa", "fi", "fr", "ga", "gd", "gl", "gv", "he", "hi", "hr", "hu",
    "hy", "id", "is", "it", "ka", "la", "lb", "lt", "lv", "mk", "ml", "ms", "nl", "no", "pl", "pt", "ro", "ru", "se", "sk", "sl", "sq", "sr", "sv",
    "sw", "tl", "tr", "uk",
]  # fmt: skip
SIMPLEMMA = {"no": "nb", "hr": "hbs", "sr": "hbs"}  # simplemma's codes where they differ

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
BLANKS = re.compile(r" [^\S\n]+|[^\S\n ][^\S\n]*")
LONELY = re.compile(r" (?=[,.;:!?…，。；：！？、)\]])")  # the blank that a removed word leaves before a sign


def offered(languages) -> tuple[str, ...]:
    """The codes of one of the lists above, without "auto"."""
    return get_args(languages)[1:]


@cache
def word_pattern() -> re.Pattern:
    """A word: letters, digits and their combining marks (which Python's \\w leaves out: Hindi vowels, Arabic accents), apostrophes inside."""
    marks = "".join(re.escape(chr(code)) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
    return re.compile(rf"[\w{marks}]+(?:['’][\w{marks}]+)*")


def segment(text: str) -> str:
    """``text`` with a blank between Chinese words, and between them and letters or digits beside them."""
    if not HAN.search(text):
        return text
    import rjieba

    def words(match: re.Match) -> str:
        start, end = match.span()
        before = " " if start and text[start - 1].isalnum() else ""
        after = " " if end < len(text) and text[end].isalnum() else ""
        return before + " ".join(rjieba.cut(match[0])) + after

    return HAN.sub(words, text)


class SegmentChinese(TextStep):
    """Blanks between Chinese words, as jieba divides them; other scripts and the punctuation stay as they are."""

    name = "segment-chinese"
    group = "words"
    warning = "step.segment-chinese.warning"

    def converter(self, column, name):
        return segment


class StopWords(TextStep):
    """Words without much meaning of their own out ("the", "und", "的"), by the lists of stopwords-iso; Chinese is segmented before."""

    name = "stop-words"
    group = "words"
    warning = "step.stop-words.warning"

    language: StopLanguage = setting("auto", "Language", HELP, group="common")

    def converter(self, column, name):
        language = language_of(column, name, self.language, offered(StopLanguage), self)
        stops, pattern = _stop_words(language), word_pattern()

        def remove(text: str) -> str:
            divided = segment(text) if language == "zh" else text
            new = pattern.sub(lambda match: "" if match[0].lower().replace("’", "'") in stops else match[0], divided)
            if new == divided:
                return divided
            return "\n".join(LONELY.sub("", BLANKS.sub(" ", line)).strip() for line in new.split("\n"))

        return remove


@cache
def _stop_words(language: str) -> frozenset[str]:
    from stopwordsiso import stopwords

    words = {word.lower() for word in stopwords(language)}
    if language == "zh":  # the list is simplified
        from opencc import OpenCC

        convert = OpenCC("s2t").convert
        words |= {convert(word) for word in words}
    return frozenset(words)


class Stem(TextStep):
    """Words cut to their stem, in small letters ("connections" -> "connect"), by the Snowball algorithms (Porter 2001)."""

    name = "stem"
    group = "words"
    warning = "step.stem.warning"

    language: StemLanguage = setting("auto", "Language", HELP, group="common")

    def converter(self, column, name):
        from snowballstemmer import stemmer

        language = language_of(column, name, self.language, offered(StemLanguage), self)
        stem, pattern = lru_cache(100_000)(stemmer(STEMMERS[language]).stemWord), word_pattern()
        return lambda text: pattern.sub(lambda match: stem(match[0].lower()), text)


class Lemmatise(TextStep):
    """Words to their dictionary form ("mice" -> "mouse"), by the dictionaries of simplemma; unknown words stay."""

    name = "lemmatise"
    group = "words"
    warning = "step.lemmatise.warning"

    language: LemmaLanguage = setting("auto", "Language", HELP, group="common")

    def converter(self, column, name):
        from simplemma import Lemmatizer

        language = language_of(column, name, self.language, offered(LemmaLanguage), self)
        code, pattern = SIMPLEMMA.get(language, language), word_pattern()
        lemma = lru_cache(100_000)(Lemmatizer().lemmatize)
        return lambda text: pattern.sub(lambda match: lemma(match[0], code), text)
