"""Tokenising: the numbers are the tokenizer's own, whatever is done for speed; little is in memory; a stop is heard."""

import random
import threading
import tracemalloc

import numpy as np
import pytest

from fm_gui.data import prepare as prepare_module
from fm_gui.data.batching import ahead
from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import PARTS, prepare
from fm_gui.models import hub, word_ids
from fm_gui.models.tokenizers import ids_of, ids_within
from fm_gui.models.word_ids import words_of
from fm_gui.tasks import get_task
from tests.models.small_models import CHINESE, ENGLISH, bpe, wordpiece
from tests.train.jobs import toy_config

TEXTS = [*ENGLISH, *CHINESE, "", " ", "\n\n", "[SEP] and <|endoftext|> typed by hand [MASK]", "naïve Ünïcode 👩‍👩‍👧 \u200b end", " ".join(ENGLISH * 30), "。".join(CHINESE * 20)]


def tokenizers(workspace):
    """One of every kind that the catalog uses, and with other borders and sides."""
    from tokenizers import processors

    plain, left, roberta = bpe(), wordpiece(), bpe()
    left = type(left).from_pretrained(_saved(left, workspace), truncation_side="left")
    roberta = type(roberta).from_pretrained(_saved(roberta, workspace))
    end = (roberta.eos_token, roberta.eos_token_id)
    roberta.backend_tokenizer.post_processor = processors.RobertaProcessing(end, end, trim_offsets=True, add_prefix_space=False)
    return {"wordpiece": wordpiece(), "bpe": plain, "minilm": hub.load_tokenizer(workspace, "minilm"), "left": left, "roberta": roberta}


def _saved(tokenizer, workspace):
    folder = workspace.root / "cache" / f"saved-{random.random()}"
    tokenizer.save_pretrained(folder)
    return folder


def test_ids_are_those_of_the_tokenizer_itself(workspace):
    """Whole and cut, with and without special tokens, for every kind of tokenizer; padding or cutting it did before does not matter."""
    for name, tokenizer in tokenizers(workspace).items():
        tokenizer(TEXTS[:2], truncation=True, max_length=7, padding="max_length")
        for special in (True, False):
            assert ids_of(tokenizer, TEXTS, special=special) == tokenizer(TEXTS, add_special_tokens=special, verbose=False)["input_ids"], name
        for limit in (4, 5, 9, 17, 128):
            ids, cut = ids_within(tokenizer, TEXTS, limit)
            assert ids == tokenizer(TEXTS, truncation=True, max_length=limit)["input_ids"], (name, limit)
            assert cut == [len(whole) > limit for whole in tokenizer(TEXTS, verbose=False)["input_ids"]], (name, limit)


def test_words_looked_up_give_the_tokenizers_ids_for_any_ascii(workspace):
    """Blanks, control characters, signs and words in any order; special tokens typed by hand; twice, as the second time all words are known."""
    dice = random.Random(3)
    pieces = [*"aZ09 '.,!-_[](){}\t\n\r\x0b\x0c\x1c\x1f\x00\x7f~`", "  ", "\n\n", "'s", "'ll", "'RE", "it's", "Hello", " world", "12ab", "x" * 150, "...", "[MASK]", "[mask]", "<|endoftext|>", "##ing"]
    texts = ["".join(dice.choices(pieces, k=dice.randrange(40))) for _ in range(800)]
    for name, tokenizer in tokenizers(workspace).items():
        assert words_of(tokenizer) is not None, name
        for _ in range(2):
            for special in (True, False):
                assert ids_of(tokenizer, texts, special=special) == tokenizer(texts, add_special_tokens=special, verbose=False)["input_ids"], name
            assert ids_within(tokenizer, texts, 11)[0] == tokenizer(texts, truncation=True, max_length=11)["input_ids"], name
        assert words_of(tokenizer).keys()


def test_the_table_of_words_stays_small_and_follows_the_tokenizer(monkeypatch):
    import copy

    tokenizer = copy.deepcopy(bpe())
    monkeypatch.setattr(word_ids, "MOST_WORDS", 50)
    ids_of(tokenizer, [f"word{n}" for n in range(500)] + ["y" * 200])
    assert 0 < len(words_of(tokenizer)) <= 50 and "y" * 200 not in words_of(tokenizer)
    tokenizer.add_tokens(["word7"])
    assert ids_of(tokenizer, ["a word7 b"]) == tokenizer(["a word7 b"])["input_ids"]


@pytest.mark.parametrize("task_name", ["text-classification", "masked-lm", "causal-lm"])
def test_what_is_read_back_is_what_the_task_encoded(workspace, task_name):
    config = toy_config(workspace, task_name)
    task, data = get_task(task_name), Dataset(workspace, task_name)
    processor = task.processor(config, data, workspace)
    told = []
    prepared = prepare(workspace, config, task, data, processor, lambda *at: told.append(at))
    assert told[-1] == (data.spec.rows, data.spec.rows)
    for part in PARTS:
        plain = task.encode(data.rows(data.parts()[part]), processor, config, prepared.labels)
        for column, values in plain.items():
            kept = prepared[part][column]
            assert [np.asarray(kept[i]).tolist() for i in range(len(values))] == values
        assert prepared[part]["input_ids"].values.dtype == np.uint16  # half the disk and memory, as the vocabulary is small
        assert type(prepared[part]["input_ids"].values) is np.ndarray and not prepared[part]["input_ids"].values.flags.writeable
    processor(["a text that is cut"], truncation=True, max_length=4)  # leaves a trace in the tokenizer, but not in what it means
    assert prepare(workspace, config, task, data, processor, lambda *at: told.append("again")).labels == prepared.labels
    assert "again" not in told


class Rows:
    """``count`` rows, each a text of ``size`` characters, without a file."""

    def __init__(self, size: int):
        self.size, self.most = size, 0

    def rows(self, numbers):
        self.most = max(self.most, len(numbers))
        return [{"text": "many words " * (self.size // 11)} for _ in numbers]


def test_memory_does_not_grow_with_the_rows():
    """Long texts come fewer at a time; the most in memory is that of a piece, not of all."""
    encode = lambda rows: {"input_ids": [[1, 2, 3] for _ in rows]}  # noqa: E731

    def most(count: int) -> int:
        tracemalloc.start()
        for _ in prepare_module._encoded(Rows(100_000), np.arange(count), encode):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(200)
    assert most(800) < 1.2 * most(200)
    short = Rows(11)
    assert sum(len(rows) for rows, _, _ in prepare_module._encoded(short, np.arange(10_000), encode)) == 10_000
    assert short.most == prepare_module.MOST_ROWS


def test_a_stop_is_heard_between_pieces_and_leaves_nothing(workspace, monkeypatch):
    config = toy_config(workspace, "causal-lm")
    task, data = get_task("causal-lm"), Dataset(workspace, "causal-lm")
    processor = task.processor(config, data, workspace)

    class Stopped(Exception):
        pass

    def stop(done, total):
        raise Stopped

    with pytest.raises(Stopped):
        prepare(workspace, config, task, data, processor, stop)
    assert list((workspace.root / "cache" / "tokens").iterdir()) == []


def test_items_made_ahead_keep_their_order_and_their_errors():
    def items():
        yield from range(3)
        raise KeyError("at its place")

    seen = []
    with pytest.raises(KeyError):
        for item in ahead(items()):
            seen.append(item)
    assert seen == [0, 1, 2]
    threads = threading.active_count()
    for _ in ahead(iter(range(5))):
        break
    assert threading.active_count() == threads
    assert list(ahead(iter([]))) == []
