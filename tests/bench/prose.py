"""English text without a network: the docstrings of installed packages, or a person's own file; whole pages are held back.

A page is a source file (of an own file: some paragraphs in a row). No paragraph comes twice, whatever its page.
"""

import json
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from fm_gui.config import DatasetSpec, SplitSpec
from fm_gui.data import sample_sources
from fm_gui.data.adding import add_dataset
from fm_gui.workspace import Workspace
from tests.bench.topics import paragraphs

NAME = "prose"
PACKAGES = ("scipy", "sympy", "pandas", "sklearn", "numpy", "networkx", "torch", "transformers", "datasets", "gradio", "huggingface_hub")  # about 27 MB
SHORTEST, PAGE = 20, 4_000  # characters of a paragraph, and of a page at most where pages are documents
IN_A_ROW = 20  # paragraphs of an own file that are held back together
HELD_BACK = 80_000  # characters to validate, and as many to test: some 20,000 tokens, judged in seconds


def add(workspace: Workspace, most: int = 0, file: str | None = None, pages: bool = False) -> DatasetSpec:
    """At most about ``most`` characters (0: all) as the data set "prose": a row is a paragraph, or with ``pages`` a page of them."""
    made, rows, total = workspace.root / "prose.jsonl", cut(own(Path(file)) if file else packaged(), most), 0
    with open(made, "w", encoding="utf-8") as handle:
        for page, text in joined(rows) if pages else rows:
            handle.write(json.dumps({"text": text, "page": page}) + "\n")
            total += len(text)
    held_back = min(0.1, max(0.01, HELD_BACK / max(total, 1)))
    split = SplitSpec(method="group", validation=held_back, test=held_back)
    return add_dataset(workspace, [made], name=NAME, roles={"text": "text", "group": "page"}, split=split)


def packaged() -> Iterator[tuple[str, str]]:
    """(page, paragraph) of the packages that are installed."""
    for package in PACKAGES:
        if find_spec(package):
            for page, docstring in sample_sources.docstrings(package):
                yield from ((page, text) for text in paragraphs(docstring))


def own(file: Path) -> Iterator[tuple[str, str]]:
    """(page, paragraph) of a text whose paragraphs have blank lines between them."""
    texts = (re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")))
    yield from ((f"{file.name} {number // IN_A_ROW}", text) for number, text in enumerate(texts))


def cut(rows: Iterable[tuple[str, str]], most: int) -> Iterator[tuple[str, str]]:
    """Each paragraph once, no short ones, until ``most`` characters are there."""
    seen, total = set(), 0
    for page, text in rows:
        if len(text) >= SHORTEST and text not in seen:
            seen.add(text)
            total += len(text)
            yield page, text
            if most and total >= most:
                return


def joined(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The paragraphs of a page together, cut where they become long."""
    page, parts = "", []
    for at, text in rows:
        if parts and (at != page or sum(map(len, parts)) + len(text) > PAGE):
            yield page, "\n\n".join(parts)
            parts = []
        page = at
        parts.append(text)
    if parts:
        yield page, "\n\n".join(parts)
