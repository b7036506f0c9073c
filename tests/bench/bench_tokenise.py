"""How fast is text made into numbers on disk? ``python -m tests.bench tokenise``, 100 MB unless ``--megabytes`` says otherwise.

Ours is what a run does before its first step (data/prepare.py: encode, cache, memory-mapped); the peer is ``datasets.map(batched=True)``
followed by the group_texts of transformers' examples, with one and with two processes: the quicker counts. Both read the same Arrow rows and
use the same tokenizer. The text is this machine's own documentation, over and over with words exchanged, or ``--file``. A second table
compares the training of a byte-level BPE, fed from the rows a few at a time, with the Rust library reading a file of the same text by itself.
"""

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

import psutil
import transformers

from fm_gui import plan
from fm_gui.data.adding import add_dataset
from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import prepare
from fm_gui.models import tokenizers
from fm_gui.tasks import get_task
from fm_gui.workspace import Workspace
from tests.bench.compare import Result, parser, rounds, tell

CONTEXT = 256
VOCABULARY = 8_192
FULL, QUICK = 100, 8  # megabytes


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--file", help="text to use, in place of this machine's documentation")
    asked.add_argument("--megabytes", type=float, default=0.0)
    options = asked.parse_args(argv)
    size = int(1e6 * (options.megabytes or (QUICK if options.quick else FULL)))
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder), texts(options.file), size)
        result = case.preparing(options.rounds)
        tell(options, result, case.training(options.rounds, min(size, 20_000_000)))


# -- the text


def texts(file: str | None) -> list[str]:
    """Paragraphs of real text: of ``file``, or of the documentation that came with the libraries."""
    if file:
        return paragraphs(Path(file).read_text(encoding="utf-8", errors="replace"))
    import numpy
    import torch

    found: list[str] = []
    for library in (numpy, torch):
        for path in sorted(Path(library.__file__).parent.rglob("*.py")):
            found += [part for part in paragraphs(path.read_text(encoding="utf-8", errors="replace")) if part.count(" ") > len(part) / 12]
            if sum(map(len, found)) > 12e6:
                return found
    return found


def paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if len(part.strip()) > 60]


def varied(parts: list[str], size: int) -> Iterator[str]:
    """``size`` bytes of these paragraphs, over and over; from the second time on one word in twelve is another one of the text."""
    dice, words = random.Random(1), " ".join(parts[:2_000]).split()
    again = False
    while True:
        for part in parts:
            if again:
                some = part.split(" ")
                for _ in range(len(some) // 12 + 1):
                    some[dice.randrange(len(some))] = dice.choice(words)
                part = " ".join(some)
            yield part
            size -= len(part.encode()) + 1
            if size <= 0:
                return
        again = True


# -- the work


class Case:
    """One text as a data set of a workspace, with the tokenizer that both sides use."""

    def __init__(self, folder: Path, parts: list[str], size: int):
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.folder, self.workspace = folder, Workspace(folder / "workspace")
        rows = list(varied(parts, size))
        self.megabytes = sum(len(row.encode()) for row in rows) / 1e6
        pq.write_table(pa.table({"text": rows}), folder / "rows.parquet")
        del rows
        add_dataset(self.workspace, [folder / "rows.parquet"], name="rows")
        self.config = plan.make_config(
            self.workspace, task="causal-lm", data="rows", start="scratch", architecture="gpt2", size="1m", vocab_size=VOCABULARY, options={"context": CONTEXT}
        )
        self.task, self.data = get_task("causal-lm"), Dataset(self.workspace, "rows")
        some = list(islice(self.data.texts("train"), 3_000))
        self.tokenizer = tokenizers.train_tokenizer(some, "bpe", VOCABULARY, exact=False)

    def preparing(self, count: int) -> Result:
        from datasets import Dataset as Theirs
        from datasets import disable_progress_bars

        disable_progress_bars()
        transformers.logging.set_verbosity_error()  # that a text is longer than the model reads is what group_texts is for
        Theirs.from_dict({"text": self.data.column("text")}).save_to_disk(self.folder / "theirs")
        memory: dict[str, list[float]] = {"ours": [], "peer": []}
        processes = min((1, 2), key=lambda n: self.seconds(lambda: self.theirs(n)))
        ours = lambda: self.megabytes / self.seconds(self.ours, memory["ours"])  # noqa: E731
        peer = lambda: self.megabytes / self.seconds(lambda: self.theirs(processes), memory["peer"])  # noqa: E731
        pairs = rounds(ours, peer, count)
        rows = [
            {"megabytes of text": round(self.megabytes, 1), "peer's processes": processes},
            {"most memory more than before, ours (MB)": round(max(memory["ours"])), "peer (MB)": round(max(memory["peer"]))},
        ]
        return Result("tokenise and cache", "MB/s", pairs, rows=rows)

    def ours(self) -> None:
        self.tokenizer.__dict__.pop("_fm_gui_words", None)  # a run meets every word for the first time
        prepare(self.workspace, self.config, self.task, self.data, self.tokenizer, lambda *_: None)
        shutil.rmtree(self.workspace.root / "cache" / "tokens")

    def theirs(self, processes: int) -> None:
        """As in transformers' run_clm.py."""
        from datasets import load_from_disk

        tokenizer = self.tokenizer

        def tokenise(examples):
            return tokenizer(examples["text"])

        def group_texts(examples):
            joined = {key: list(chain(*examples[key])) for key in examples}
            total = len(joined["input_ids"]) // CONTEXT * CONTEXT
            result = {key: [values[i : i + CONTEXT] for i in range(0, total, CONTEXT)] for key, values in joined.items()}
            result["labels"] = result["input_ids"].copy()
            return result

        cache, rows = self.folder / "cache", load_from_disk(str(self.folder / "theirs"))
        cache.mkdir()
        many = {"batched": True, "num_proc": processes if processes > 1 else None, "load_from_cache_file": False}
        tokenised = rows.map(tokenise, remove_columns=["text"], cache_file_name=str(cache / "1.arrow"), **many)
        tokenised.map(group_texts, cache_file_name=str(cache / "2.arrow"), **many)
        shutil.rmtree(cache)

    def seconds(self, work: Callable[[], None], memory: list[float] | None = None) -> float:
        """How long ``work`` takes; the most memory it needs at a time (MB, files mapped from disk left out) is added to ``memory``."""
        over, most, before = threading.Event(), [0.0], own_memory()

        def look() -> None:
            while not over.wait(0.05):
                most[0] = max(most[0], own_memory() - before)

        watcher = threading.Thread(target=look)
        watcher.start()
        begin = time.perf_counter()
        work()
        took = time.perf_counter() - begin
        over.set()
        watcher.join()
        if memory is not None:
            memory.append(most[0])
        return took

    def training(self, count: int, size: int) -> Result:
        """Training a tokenizer on the first ``size`` bytes: from rows on disk with progress, and by the library from a file."""
        share = size / 1e6 / self.megabytes
        documents = max(1, int(len(self.data.parts()["train"]) * min(1.0, share)))
        first = lambda: islice(self.data.texts("train"), documents)  # noqa: E731
        file = self.folder / "text.txt"
        file.write_text("\n".join(first()), encoding="utf-8")
        megabytes, memory = file.stat().st_size / 1e6, []

        def ours() -> float:
            work = lambda: tokenizers.train_tokenizer(tokenizers.Reread(first), "bpe", VOCABULARY, lambda _: None, exact=False)  # noqa: E731
            return megabytes / self.seconds(work, memory)

        def library() -> float:
            backend, trainer = tokenizers.untrained_bpe(), tokenizers.bpe_trainer(VOCABULARY)
            return megabytes / self.seconds(lambda: backend.train([str(file)], trainer))

        pairs = rounds(ours, library, count)
        rows = [{"most memory more than before, ours (MB)": round(max(memory))}]
        return Result(f"train a BPE of {VOCABULARY:,} on {megabytes:.0f} MB", "MB/s", pairs, rows=rows)


def own_memory() -> float:
    """MB that this process and its children have for themselves."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            told = process.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += (told.rss - getattr(told, "shared", 0)) / 1e6
    return total


if __name__ == "__main__":
    main()
