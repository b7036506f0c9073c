"""Training a tokenizer on a person's text, keeping it, and showing how it cuts a sentence.

What is saved is transformers' own format: ``AutoTokenizer.from_pretrained`` loads it without us.
"""

import hashlib
import json
import math
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Literal

from fm_gui.errors import UserError
from fm_gui.models import settle
from fm_gui.models.word_ids import words_of

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

Kind = Literal["wordpiece", "bpe"]

RECIPE = 1  # counts up when training here changes, so that caches of older recipes are not used
WORDPIECE_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
END_OF_TEXT = "<|endoftext|>"
FEWEST_CHARACTERS = 100
CJK = r"[\p{Han}，。！？、；：“”（）《》]"


def choose_vocab_size(n_bytes: int, kind: Kind) -> int:
    """A vocabulary that this much text can fill with tokens that are seen often enough: 1 MB -> 4,096, 1 GB -> 32,768.

    It doubles with every tenfold of text (below 1 MB with every fivefold); a multiple of 64, which GPUs like.
    """
    least = {"wordpiece": 256, "bpe": 512}[kind]  # byte-level BPE starts from 256 bytes
    if n_bytes <= 0:
        return least
    size = 4096 * 2 ** math.log(n_bytes / 1e6, 10 if n_bytes >= 1e6 else 5)
    return min(max(round(size / 64) * 64, least), 65_536)


class Reread:
    """An iterable that can be read again and again, from a function that starts over each time."""

    def __init__(self, start: Callable[[], Iterable[str]]):
        self.start = start

    def __iter__(self) -> Iterator[str]:
        return iter(self.start())


def cached(
    workspace: "Workspace", fingerprint: str, texts: Callable[[], Iterable[str]], kind: Kind, vocab_size: int = 0,
    progress: Callable[[int], None] | None = None, *, max_length: int | None = None,
):
    """The tokenizer trained on the data of this fingerprint, from the workspace's cache if it was trained before.

    ``texts`` gives an iterator over the training texts each time it is called. ``vocab_size`` 0 chooses it from their amount
    and takes what comes; a number asked for must be reached. ``max_length`` becomes the tokenizer's model_max_length.
    """
    from filelock import FileLock
    settle()
    from transformers import PreTrainedTokenizerFast

    key = hashlib.sha256(json.dumps([RECIPE, fingerprint, kind, vocab_size]).encode()).hexdigest()[:24]
    folder = workspace.root / "cache" / f"tokenizer-{key}"
    with FileLock(folder.with_name(folder.name + ".lock")):
        if not folder.exists():
            batches = _read(Reread(texts), None, progress)
            chosen = vocab_size or choose_vocab_size(sum(len(text.encode("utf-8", "replace")) for batch in batches for text in batch), kind)
            tokenizer = train_tokenizer(Reread(texts), kind, chosen, progress, exact=bool(vocab_size))
            beside = folder.with_name(folder.name + ".new")
            shutil.rmtree(beside, ignore_errors=True)  # left by a process that was killed
            tokenizer.save_pretrained(beside)
            os.rename(beside, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    if max_length:
        tokenizer.model_max_length = max_length
    return tokenizer


def check_enough(texts: Iterable[str]) -> None:
    """Raise UserError if ``texts`` are too little to train a tokenizer on; reads no further than it must."""
    characters = 0
    for text in texts:
        characters += len(text.strip())
        if characters >= FEWEST_CHARACTERS:
            return
    raise UserError("tokenizer-text", characters=characters, least=FEWEST_CHARACTERS)


def train_tokenizer(
    texts: Iterable[str], kind: Kind, vocab_size: int, progress: Callable[[int], None] | None = None, *, exact: bool = True
):
    """Train a tokenizer on ``texts``, a batch at a time; ``progress(documents)`` is called after each batch, with 0 while it only looks.

    The same texts give the same tokenizer. ``texts`` is read twice, so it cannot be a generator. The vocabulary ends up
    smaller than asked if the text offers no more; with ``exact`` that is a UserError naming the largest it offers.
    """
    assert not isinstance(texts, Iterator), "texts must be something that can be read twice"
    seen = {"documents": 0, "characters": 0}
    train = {"wordpiece": _wordpiece, "bpe": _bpe}[kind]
    backend = train(vocab_size, lambda: _read(texts, None, progress), _read(texts, seen, progress))
    if seen["characters"] < FEWEST_CHARACTERS:
        raise UserError("tokenizer-text", characters=seen["characters"], least=FEWEST_CHARACTERS)
    # a few tokens short is nobody's concern
    if exact and backend.get_vocab_size() < 0.95 * vocab_size:
        raise UserError("tokenizer-vocab", asked=vocab_size, largest=backend.get_vocab_size())
    return _wrap(backend, kind)


def _read(texts: Iterable[str], seen: dict[str, int] | None = None, progress=None) -> Iterator[list[str]]:
    texts = iter(texts)
    while batch := list(islice(texts, 500)):
        # a lone surrogate (half a character, from broken JSON) cannot become UTF-8
        yield [text.encode("utf-8", "replace").decode("utf-8") for text in batch]
        if seen is not None:
            seen["documents"] += len(batch)
            seen["characters"] += sum(len(text.strip()) for text in batch)
        if progress:
            progress(seen["documents"] if seen else 0)


def _wordpiece(vocab_size: int, first_reading, batches: Iterator[list[str]]):
    """BERT's WordPiece, lower-cased but with accents kept.

    Lower-casing lets a vocabulary of a few thousand spend its entries on words, not on each word's spellings, as in
    BERT-uncased; an encoder's output is not read as text. Accents stay: in many languages they make another word.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    def around(model) -> Tokenizer:
        backend = Tokenizer(model)
        backend.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True)
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.decoder = decoders.Sequence([
            decoders.WordPiece(prefix="##", cleanup=True),
            decoders.Fuse(),
            decoders.Replace(Regex(rf"(?<={CJK}) (?={CJK})"), ""),  # Chinese is written without spaces
            decoders.Replace(Regex(r"(?<=\w) ' (?=(?:s|t|re|ve|m|ll|d)\b)"), "'"),
        ])
        return backend

    untrained = around(models.WordPiece(unk_token="[UNK]"))
    # Left to itself the trainer numbers characters, and so breaks ties, in the random order of a hash table. Naming all of
    # them beforehand makes the same text give the same tokenizer; they are no special tokens, so the result is built anew.
    alphabet, inner = _alphabet(first_reading(), untrained.normalizer, vocab_size)
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=WORDPIECE_SPECIAL + inner, initial_alphabet=alphabet, limit_alphabet=len(alphabet),
        min_frequency=2, show_progress=False,
    )
    untrained.train_from_iterator(batches, trainer)
    backend = around(models.WordPiece(json.loads(untrained.to_str())["model"]["vocab"], unk_token="[UNK]"))
    backend.add_special_tokens(WORDPIECE_SPECIAL)
    return backend


def _alphabet(batches: Iterator[list[str]], normalizer, vocab_size: int) -> tuple[list[str], list[str]]:
    """(characters, "##" + those that can stand inside a word): the commonest, in at most 0.7 of the vocabulary.

    Rarer ones become [UNK]. Chinese needs thousands: each Han character is a word of its own.
    """
    counts = Counter()
    for batch in batches:
        counts.update(normalizer.normalize_str("\n".join(batch)))
    room, alphabet, inner = vocab_size * 7 // 10, [], []
    for character, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if character.isspace():
            continue
        forms = 1 if _stands_alone(character) else 2
        if room < forms:
            break
        room -= forms
        alphabet.append(character)
        inner += ["##" + character] * (forms - 1)
    return sorted(alphabet), sorted(inner)


def _stands_alone(character: str) -> bool:
    """True for what BERT's pre-tokenizer makes a word of its own: punctuation and Han characters."""
    ascii_symbol = character.isascii() and not character.isalnum()
    return ascii_symbol or unicodedata.category(character)[0] == "P" or unicodedata.name(character, "").startswith("CJK ")


def untrained_bpe():
    """GPT's byte-level BPE before it has learned anything: any text comes back exactly, there is no unknown token.

    Han characters are cut apart first, else a whole Chinese sentence that repeats becomes one token.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    backend = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated")
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    backend.decoder = decoders.ByteLevel()
    return backend


def bpe_trainer(vocab_size: int):
    """The Rust library's trainer as it is used here."""
    from tokenizers import pre_tokenizers, trainers

    return trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END_OF_TEXT], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2, max_token_length=32, show_progress=False,  # scripts without spaces (Thai, kana) would give sentences as tokens
    )


def _bpe(vocab_size: int, first_reading, batches: Iterator[list[str]]):
    backend = untrained_bpe()
    backend.train_from_iterator(batches, bpe_trainer(vocab_size))
    return backend


def _wrap(backend, kind: Kind):
    from tokenizers import processors
    settle()
    from transformers import PreTrainedTokenizerFast

    if kind == "bpe":
        special = {"bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT}
    else:
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
        ids = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
        pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
        backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=ids)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=512, padding_side="right", clean_up_tokenization_spaces=False, **special
    )


def ids_of(tokenizer, texts: list[str], *, special: bool = True) -> list[list[int]]:
    """The token ids of each text, whole: what ``tokenizer(texts)`` gives, without the rest that it makes of them, in a fraction of the time."""
    words = words_of(tokenizer)
    known = [words.ids(text) for text in texts] if words is not None else [None] * len(texts)
    others = iter(_encodings(tokenizer, [text for text, ids in zip(texts, known) if ids is None], special, 0))
    before, after = (words.before, words.after) if words is not None and special else ([], [])
    return [next(others).ids if ids is None else [*before, *ids, *after] if special else ids for ids in known]


def ids_within(tokenizer, texts: list[str], limit: int) -> tuple[list[list[int]], list[bool]]:
    """(the ids of each text cut to ``limit``, special tokens included; whether it was cut): each text is read once."""
    words, right = words_of(tokenizer), tokenizer.truncation_side == "right"
    known = [words.ids(text) for text in texts] if words is not None else [None] * len(texts)
    # one token over the limit is enough to know that a text is cut
    others = iter(_encodings(tokenizer, [text for text, ids in zip(texts, known) if ids is None], True, limit + 1))
    found, cut = [], []
    for ids in known:
        if ids is None:
            encoding = next(others)
            cut.append(len(encoding) > limit)
            found.append(_one_less(encoding, right) if cut[-1] else encoding.ids)
        else:
            room = max(0, limit - len(words.before) - len(words.after))
            cut.append(len(ids) > room)
            kept = ids[:room] if right else ids[len(ids) - room :]
            found.append([*words.before, *(kept if cut[-1] else ids), *words.after])
    return found, cut


def _encodings(tokenizer, texts: list[str], special: bool, limit: int) -> list:
    """The Rust library's own answers, made on all cores; ``limit`` 0 cuts nothing."""
    if not texts:
        return []
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.encode_special_tokens = tokenizer.split_special_tokens
    if limit:
        backend.enable_truncation(limit, stride=0, strategy="longest_first", direction=tokenizer.truncation_side)
    else:
        backend.no_truncation()
    try:
        return backend.encode_batch_fast(texts, add_special_tokens=special)
    finally:
        backend.no_truncation()


def _one_less(encoding, right: bool) -> list[int]:
    """The ids without the one of the text at its cut end; those that were put around the text stay."""
    of_text = [i for i, added in enumerate(encoding.special_tokens_mask) if not added]
    gone = of_text[-1 if right else 0]
    return encoding.ids[:gone] + encoding.ids[gone + 1 :]


def show(tokenizer, text: str) -> list[tuple[str, int]]:
    """How ``text`` is cut: (piece, id) of each token, special ones included, byte-level pieces as text.

    A token that is only a part of a character's bytes is shown as those bytes in angle brackets: "<E4 BD>".
    """
    return show_ids(tokenizer, tokenizer(text)["input_ids"])


def show_ids(tokenizer, ids: Iterable[int]) -> list[tuple[str, int]]:
    """The same for token ids."""
    from tokenizers import decoders

    ids = [int(i) for i in ids]
    tokens = tokenizer.convert_ids_to_tokens(ids)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not isinstance(backend.decoder, decoders.ByteLevel):
        return list(zip(tokens, ids, strict=True))
    special = set(tokenizer.all_special_ids)
    table = _bytes_of_characters()
    return [(token if i in special else _readable(token, table), i) for token, i in zip(tokens, ids, strict=True)]


def _readable(token: str, table: dict[str, int]) -> str:
    if not set(token) <= table.keys():  # a token added later, kept as text
        return token
    raw = bytes(table[character] for character in token)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return "<" + raw.hex(" ").upper() + ">"


def _bytes_of_characters() -> dict[str, int]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
