"""Tokenizers: trained on text, lossless where promised, loaded by plain transformers, refused when the text is too small."""

import json
import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_models import CHINESE, TEXTS, bpe, wordpiece

from fm_gui.errors import UserError
from fm_gui.models import tokenizers

SENTENCE = "Hello, the café isn't open — 今天天气很好！ 🎉\n\n  Zürich"
MIXED = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("abc ABC \n\t'.,，。你好世界天气ไทยかなé🎉👩‍👩‍👧")), max_size=60)


@settings(max_examples=200, deadline=None)
@given(MIXED)
@example("👩‍👩‍👧 你好 hello  \n\n\t ")
@example("<|endoftext|>")
def test_byte_level_bpe_gives_any_text_back(text):
    tokenizer = bpe()
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_bpe_never_joins_han_characters_and_has_one_special_token():
    tokenizer = tokenizers.train_tokenizer(["今天天气很好。"] * 200, "bpe", 400, exact=False)
    pieces = [piece for piece, _ in tokenizers.show(tokenizer, "今天天气很好。")]
    assert pieces == list("今天天气很好。")
    assert tokenizer.all_special_tokens == ["<|endoftext|>"]
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == tokenizer.pad_token_id and tokenizer.unk_token is None


def test_wordpiece_cuts_like_bert_and_decodes_readably():
    tokenizer = wordpiece()
    pieces = [piece for piece, _ in tokenizers.show(tokenizer, "The café isn't 今天天气")]
    assert pieces[0] == "[CLS]" and pieces[-1] == "[SEP]" and pieces[-5:-1] == list("今天天气")
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, 4]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    back = tokenizer.decode(tokenizer("The café, it's late. 今天天气很好，快递")["input_ids"], skip_special_tokens=True)
    assert back == "the café, it's late. 今天天气很好，快递"
    assert tokenizer("a [MASK] b")["input_ids"].count(tokenizer.mask_token_id) == 1


@pytest.mark.parametrize("kind,head,architecture", [
    ("wordpiece", "AutoModelForMaskedLM", "bert"), ("wordpiece", "AutoModelForMaskedLM", "modernbert"),
    ("bpe", "AutoModelForCausalLM", "gpt2"), ("bpe", "AutoModelForCausalLM", "nanochat"),
])
def test_plain_transformers_loads_the_same_tokenizer(tmp_path, kind, head, architecture):
    """In a process without fm_gui, and beside a model, whose type makes AutoTokenizer think of other tokenizer classes."""
    from small_models import save

    _, tokenizer = save(tmp_path / "模 型", architecture, head)
    code = (
        "import json, sys; from transformers import AutoTokenizer;"
        "t = AutoTokenizer.from_pretrained(sys.argv[1]); ids = t(sys.argv[2])['input_ids'];"
        "assert 'fm_gui' not in sys.modules;"
        "print(json.dumps([ids, t.decode(ids), t.backend_tokenizer.to_str(), t.model_max_length, t.padding_side, t.special_tokens_map]))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "模 型"), SENTENCE], capture_output=True, cwd=tmp_path, check=True, timeout=120)
    ids = tokenizer(SENTENCE)["input_ids"]
    expected = [ids, tokenizer.decode(ids), tokenizer.backend_tokenizer.to_str(), 32, "right", tokenizer.special_tokens_map]
    assert json.loads(run.stdout) == json.loads(json.dumps(expected))


def test_show_gives_readable_pieces():
    # 龘 is not in the training text, so its three bytes are three tokens
    pieces = tokenizers.show(bpe(), "the 龘")
    assert [piece for piece, _ in pieces][-4:] == [" ", "<E9>", "<BE>", "<98>"]
    assert "".join(piece for piece, _ in pieces[:-4]) == "the"
    assert [i for _, i in pieces] == bpe()("the 龘")["input_ids"]
    assert tokenizers.show(bpe(), "<|endoftext|>") == [("<|endoftext|>", 0)]
    assert tokenizers.show(bpe(), "") == []
    assert tokenizers.show_ids(wordpiece(), [2, 3]) == [("[CLS]", 2), ("[SEP]", 3)]


@pytest.mark.parametrize("n_bytes,size", [(200_000, 2048), (1_000_000, 4096), (10_000_000, 8192), (100_000_000, 16384), (10**9, 32768)])
def test_vocabulary_grows_with_the_text(n_bytes, size):
    for kind in ("wordpiece", "bpe"):
        assert tokenizers.choose_vocab_size(n_bytes, kind) == pytest.approx(size, rel=0.02)
        assert tokenizers.choose_vocab_size(n_bytes, kind) % 64 == 0


def test_vocabulary_has_bounds():
    assert tokenizers.choose_vocab_size(0, "bpe") == 512 and tokenizers.choose_vocab_size(10, "wordpiece") == 256
    assert tokenizers.choose_vocab_size(10**15, "bpe") == 65_536
    sizes = [tokenizers.choose_vocab_size(10**n, "bpe") for n in range(12)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_a_vocabulary_larger_than_the_text_allows_is_refused_with_the_largest(kind):
    with pytest.raises(UserError) as problem:
        tokenizers.train_tokenizer(TEXTS, kind, 30_000)
    largest = problem.value.values["largest"]
    assert problem.value.code == "tokenizer-vocab" and f"{largest:,}" in str(problem.value) and f"{largest:,}" in problem.value.say("zh")
    assert len(tokenizers.train_tokenizer(TEXTS, kind, largest)) == largest  # the advice works
    assert len(tokenizers.train_tokenizer(TEXTS, kind, 30_000, exact=False)) == largest


@pytest.mark.parametrize("texts", [[], [""], ["   "], ["ok"] * 3])
def test_text_too_short_is_refused(texts):
    with pytest.raises(UserError) as problem:
        tokenizers.train_tokenizer(texts, "bpe", 400, exact=False)
    assert problem.value.code == "tokenizer-text"


def test_training_reads_a_stream_in_batches_and_reports_documents():
    seen, pulled = [], []

    def texts():
        for number in range(1200):
            pulled.append(number)
            yield f"document {number} about {CHINESE[number % 4]}"

    tokenizers.train_tokenizer(tokenizers.Reread(texts), "bpe", 400, lambda documents: seen.append((documents, len(pulled))), exact=False)
    assert [documents for documents, _ in seen] == [500, 1000, 1200]
    assert seen[0][1] <= 501  # it had not read ahead


def test_training_can_be_ended_by_its_progress():
    class Stop(Exception):
        pass

    def stop(documents):
        raise Stop

    with pytest.raises(Stop):
        tokenizers.train_tokenizer(TEXTS, "wordpiece", 320, stop)


def test_half_characters_do_not_break_training():
    tokenizers.train_tokenizer([*TEXTS, "broken \ud83d half"], "bpe", 400, exact=False)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_the_same_text_gives_the_same_tokenizer(kind):
    """Left to itself, the tokenizers library breaks ties between WordPiece merges by chance."""
    one, *others = [tokenizers.train_tokenizer(TEXTS, kind, 30_000, exact=False).backend_tokenizer.to_str() for _ in range(4)]
    assert all(other == one for other in others)


def test_many_characters_do_not_overrun_the_vocabulary():
    chinese = ["".join(chr(0x4E00 + (7 * n + k) % 3000) for k in range(50)) for n in range(400)]
    tokenizer = tokenizers.train_tokenizer([*chinese, *TEXTS], "wordpiece", 1024, exact=False)
    assert 700 <= len(tokenizer) <= 1024
    assert len(tokenizers.train_tokenizer(TEXTS, "wordpiece", 64)) == 64


def test_cache_trains_once_and_tells_apart_what_differs(workspace):
    calls = []

    def texts():
        calls.append(1)
        return iter(TEXTS)

    first = tokenizers.cached(workspace, "abc", texts, "bpe", 400, max_length=77)
    assert len(calls) == 1 and first.model_max_length == 77
    again = tokenizers.cached(workspace, "abc", texts, "bpe", 400)
    assert len(calls) == 1 and again.backend_tokenizer.to_str() == first.backend_tokenizer.to_str()
    tokenizers.cached(workspace, "abd", texts, "bpe", 400)
    chosen = tokenizers.cached(workspace, "abc", texts, "wordpiece")  # 0 takes what comes
    assert len(calls) > 2 and 200 < len(chosen) <= 640
    assert chosen.backend_tokenizer.to_str() != first.backend_tokenizer.to_str()
    assert not list((workspace.root / "cache").glob("*.new"))


def test_cache_survives_a_failure_halfway(workspace):
    with pytest.raises(UserError):
        tokenizers.cached(workspace, "abc", lambda: iter(TEXTS), "bpe", 30_000)
    leftover = next((workspace.root / "cache").glob("*.lock")).with_suffix(".new")
    leftover.mkdir()
    (leftover / "tokenizer.json").write_text("half", encoding="utf-8")
    with pytest.raises(UserError):
        tokenizers.cached(workspace, "abc", lambda: iter(TEXTS), "bpe", 30_000)
    assert len(tokenizers.cached(workspace, "abc", lambda: iter(TEXTS), "bpe", 400)) == 400


def test_two_processes_train_one_tokenizer(workspace):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from small_models import TEXTS\n"
        "from fm_gui.models.tokenizers import cached; from fm_gui.workspace import Workspace\n"
        "import time\n"
        "def texts():\n    print('trained', flush=True); time.sleep(1); return iter(TEXTS)\n"
        "print(len(cached(Workspace(sys.argv[1]), 'abc', texts, 'bpe', 400)))"
    )
    here = str(__import__("pathlib").Path(__file__).parent)
    command = [sys.executable, "-c", code, str(workspace.root), here]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].split() for process in both]
    assert sorted(map(len, outputs)) == [1, 2] and {output[-1] for output in outputs} == {"400"}


def test_training_a_megabyte_is_quick():
    texts = [f"{sentence} {number * 7919 % 10007}" for number in range(2500) for sentence in TEXTS[:8]]
    start = time.monotonic()
    tokenizers.train_tokenizer(texts, "bpe", 2048, exact=False)
    assert time.monotonic() - start < 20
