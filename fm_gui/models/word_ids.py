"""Token ids of ASCII texts from a table of words: the same as the Rust library's, at twice its speed on two cores.

A tokenizer cuts a text into words first and each word into tokens by itself, so a word that was met before need not be cut
again. The library keeps account of where every byte of a text went, which takes most of its time and is not needed here. Where
ASCII text is cut is simple; that is done here for the two ways of cutting that the catalog uses, GPT's and BERT's. Whatever
is not plain (another script, a special token typed in the text, another tokenizer) is the library's business.
"""

import re
from collections.abc import Callable
from functools import cache
from itertools import chain

MOST_WORDS, LONGEST_WORD = 2**18, 64  # kept: about 60 MB
MOST_ADDED = 16  # added tokens that are looked for in each text

GPT = r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+"
BERT = r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]"
NOT_BERT = r"[^\t\n\r -~]"  # control characters, which BERT removes


class WordIds(dict):
    """Word -> its token ids, asked of the tokenizer when a word is met for the first time."""

    def __init__(self, backend, split: str, odd: str, lower: bool, added: list[str]):
        super().__init__()
        self.backend, self.lower, self.added = backend, lower, [token.lower() if lower else token for token in added]
        self.split: Callable[[str], list[str]] = re.compile(split, re.ASCII).findall
        self.odd = re.compile(odd).search if odd else None
        mask = (probe := backend.encode("a")).special_tokens_mask
        at = mask.index(0)
        self.before, self.after = probe.ids[:at], probe.ids[len(mask) - mask[::-1].index(0) :]  # what is put around a text

    def __missing__(self, word: str) -> list[int]:
        ids = self.backend.encode(word, add_special_tokens=False).ids
        if len(word) <= LONGEST_WORD:
            if len(self) >= MOST_WORDS:
                self.clear()
            self[word] = ids
        return ids

    def ids(self, text: str) -> list[int] | None:
        """The ids of a text without those put around it; None of one that is not plain."""
        if not text.isascii() or (self.odd and self.odd(text)):
            return None
        text = text.lower() if self.lower else text
        if any(token in text for token in self.added):
            return None
        return list(chain.from_iterable(map(self.__getitem__, self.split(text))))


def words_of(tokenizer) -> WordIds | None:
    """The tokenizer's table, kept on it while it stays as it is; None if it cuts texts in a way that is not known here."""
    backend = tokenizer.backend_tokenizer
    state = (len(tokenizer), repr(backend.normalizer), repr(backend.pre_tokenizer), repr(backend.post_processor))
    known = tokenizer.__dict__.get("_fm_gui_words")
    if known is None or known[0] != state:
        known = tokenizer.__dict__["_fm_gui_words"] = (state, _made(tokenizer))
    return known[1]


def _made(tokenizer) -> WordIds | None:
    backend = tokenizer.backend_tokenizer
    added = [token.content for token in tokenizer.added_tokens_decoder.values()]
    way = _ways().get((repr(backend.normalizer), repr(backend.pre_tokenizer)))
    if way is None or len(added) > MOST_ADDED or getattr(backend.model, "dropout", None):
        return None
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(backend.to_str())  # whatever others have theirs cut or pad to
    own.no_truncation()
    own.no_padding()
    return WordIds(own, *way, added)


@cache
def _ways() -> dict[tuple[str, str], tuple[str, str, bool]]:
    """(normalizer, pre-tokenizer) as the library writes them -> (where words are, what is not plain, whether letters are made small)."""
    from tokenizers import normalizers, pre_tokenizers

    from fm_gui.models.tokenizers import untrained_bpe

    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ways = {(repr(None), repr(one)): (GPT, "", False) for one in (bytes_, untrained_bpe().pre_tokenizer)}
    for accents in (None, True, False):
        for lower in (True, False):
            normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=accents, lowercase=lower)
            ways[repr(normalizer), repr(pre_tokenizers.BertPreTokenizer())] = (BERT, NOT_BERT, lower)
    return ways
