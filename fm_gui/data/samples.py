"""Data sets that need no file: built on the spot from what installed packages carry, or by a generator, and labelled as such."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fm_gui.config import DatasetSpec, SplitSpec
from fm_gui.data import sample_sources as sources
from fm_gui.data.adding import store
from fm_gui.data.readers import Reading
from fm_gui.data.sample_tickets import tickets
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace

Rows = dict[str, list[str]]  # column -> cells

LANGUAGES = {  # several scripts, and neighbours that are easily confused: es/pt/it, da/sv/nl/de, ru/uk
    "ar": "Arabic", "zh": "Chinese", "da": "Danish", "nl": "Dutch", "en": "English", "fr": "French", "de": "German",
    "it": "Italian", "ja": "Japanese", "pt": "Portuguese", "ru": "Russian", "es": "Spanish", "sv": "Swedish", "uk": "Ukrainian",
}  # fmt: skip
TOPICS = {  # topic -> (package, folders and files)
    "clustering": (("sklearn", "cluster", "mixture"), ("scipy", "cluster")),
    "data preparation": (("sklearn", "preprocessing", "feature_extraction", "feature_selection", "impute", "compose"),),
    "geometry and distances": (("scipy", "spatial"),),
    "interpolation": (("scipy", "interpolate"),),
    "linear algebra": (("scipy", "linalg"),),
    "linear models": (("sklearn", "linear_model", "svm"),),
    "model evaluation": (("sklearn", "metrics", "model_selection", "inspection"),),
    "optimisation": (("scipy", "optimize"),),
    "signal processing": (("scipy", "signal"),),
    "sparse matrices": (("scipy", "sparse"),),
    "statistics": (("scipy", "stats"),),
    "trees and ensembles": (("sklearn", "ensemble", "tree"),),
}
PER_LANGUAGE, PER_TOPIC = 300, 300
ENGLISH_CHARACTERS = 4_000_000


def languages() -> Rows:
    """Two or three display names of one language, joined as that language joins them -> the language's name."""
    names = {code: sources.cldr_names(code) for code in LANGUAGES}
    shared: dict[str, int] = {}
    for name in (name for own in names.values() for name in own):
        shared[name] = shared.get(name, 0) + 1
    rng, rows = random.Random(14), {}
    for code, label in LANGUAGES.items():
        own = [name for name in names[code] if shared[name] == 1 or shared[name] < 4 and len(name) > 6]
        joint = {"zh": "、", "ja": "、", "ar": "، "}.get(code, ", ")
        wanted = len(rows) + PER_LANGUAGE
        while len(rows) < wanted:
            rows.setdefault(joint.join(rng.sample(own, rng.choice((2, 2, 3)))), label)
    return _shuffled(list(rows.items()), rng)


def docs_topics() -> Rows:
    """A passage from the docstrings of a subpackage -> its topic; passages found under two topics are left out.

    What is written for readers comes first; docstrings of private names only fill up a topic that has too few. The page
    (source file) stands beside each passage: passages of one page share names and phrases, so they must not be split.
    """
    found: dict[str, dict[str, str]] = {}
    public: set[str] = set()
    for topic, places in TOPICS.items():
        for open_only in (True, False):
            texts = _topic_passages(places, open_only)
            for page, text in texts:
                found.setdefault(text, {}).setdefault(topic, page)
            if open_only:
                public.update(text for _, text in texts)
    rng, rows = random.Random(12), []
    for topic in TOPICS:
        texts = [text for text, topics in found.items() if topics.keys() == {topic}]
        rng.shuffle(texts)
        texts.sort(key=lambda text: text not in public)
        rows += [(text, topic, found[text][topic]) for text in texts[:PER_TOPIC]]
    rng.shuffle(rows)
    return dict(zip(("text", "label", "page"), map(list, zip(*_no_near_copies(rows)))))


def _topic_passages(places: tuple[tuple[str, ...], ...], public: bool) -> list[tuple[str, str]]:
    documents = (document for place in places for document in sources.docstrings(*place, public=public))
    passages = ((page, text) for page, docstring in documents for paragraph in sources.prose(docstring) for text in sources.passages(paragraph, 400))
    return [(page, text) for page, text in passages if len(text) >= 40]


def support_tickets() -> Rows:
    """3,000 tickets from the grammar, none nearly the same as another."""
    return _shuffled(_no_near_copies(tickets(3_100))[:3_000], random.Random(11))


def english_docs() -> Rows:
    """The prose of Python's help topics and of the docstrings of four libraries: one document a row, no paragraph twice."""
    seen: set[str] = set()
    documents, size = [], 0
    docstrings = (text for package in ("scipy", "sklearn", "numpy", "pandas") for _, text in sources.docstrings(package))
    for paragraphs in (*map(sources.plain_paragraphs, sources.help_topics()), *map(sources.prose, docstrings)):
        document = "\n\n".join(text for text in dict.fromkeys(paragraphs) if text not in seen)
        seen.update(paragraphs)
        if len(document) >= 40 and size + len(document) <= ENGLISH_CHARACTERS:
            documents.append(document)
            size += len(document)
    random.Random(4).shuffle(documents)
    return {"text": documents}


def chinese_ui() -> Rows:
    """Every message of JupyterLab's Chinese catalogues, and every Chinese name that CLDR knows; no row twice."""
    catalogues = sources.language_pack("jupyterlab-language-pack-zh-CN")
    messages = [text for catalogue in catalogues.values() for text in catalogue.values()]
    rows = [
        text for text in dict.fromkeys(text.strip() for text in (*messages, *sources.cldr_everything("zh"))) if sources.HAN.search(text)
    ]
    random.Random(86).shuffle(rows)
    return {"text": rows}


def _no_near_copies(rows: list[tuple]) -> list[tuple]:
    """``rows`` but for those whose text (the first cell) says almost what an earlier one says: the split would tear them apart."""
    from fm_gui.data.similar import near_duplicates

    groups, seen = near_duplicates([row[0] for row in rows]).tolist(), set()
    return [row for row, group in zip(rows, groups) if not (group in seen or seen.add(group))]


def _shuffled(rows: list[tuple[str, str]], rng: random.Random) -> Rows:
    rng.shuffle(rows)
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


@dataclass(frozen=True)
class Sample:
    """A data set ready to try; its words are ``sample.<name>`` and ``sample.<name>.about``."""

    name: str
    kind: Literal["real", "synthetic"]
    origin: str
    licence: str
    tasks: tuple[str, ...]  # the names of those it suits, best first
    build: Callable[[], Rows]
    roles: dict[str, str] | None = None  # role -> column, where guessing is not enough
    split: SplitSpec | None = None


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "tickets", "synthetic", "a grammar written for fm_gui, no real customers", "Apache-2.0", ("text-classification",), support_tickets
    ),
    Sample("languages", "real", "Unicode CLDR display names, from Babel", "Unicode-3.0", ("text-classification",), languages),
    Sample("docs-topics", "real", "documentation of scikit-learn and SciPy", "BSD-3-Clause", ("text-classification",), docs_topics,
           {"group": "page"}, SplitSpec(method="group", validation=0.15, test=0.15)),  # fmt: skip
    Sample(
        "english-docs",
        "real",
        "Python's help topics; documentation of NumPy, SciPy, scikit-learn and pandas",
        "PSF-2.0 and BSD-3-Clause",
        ("causal-lm", "masked-lm"),
        english_docs,
    ),
    Sample(
        "chinese-ui",
        "real",
        "JupyterLab's Simplified Chinese language pack; Unicode CLDR names from Babel",
        "BSD-3-Clause and Unicode-3.0",
        ("causal-lm", "masked-lm"),
        chinese_ui,
    ),
)


def get_sample(name: str) -> Sample:
    """The sample called ``name``. Raises UserError listing the known ones."""
    for sample in SAMPLES:
        if sample.name == name:
            return sample
    raise UserError("sample-unknown", name=str(name)[:80], known=", ".join(sample.name for sample in SAMPLES))


def add_sample(workspace: "Workspace", name: str) -> DatasetSpec:
    """The sample as a data set of the workspace: built on the first call, returned as it is afterwards."""
    import pyarrow as pa

    sample = get_sample(name)
    for spec in workspace.datasets():
        if spec.provenance.get("sample") == name:
            return spec
    rows = {column: pa.array(cells, pa.string()) for column, cells in sample.build().items()}
    provenance = {"sample": name, "kind": sample.kind, "origin": sample.origin, "licence": sample.licence}
    return store(workspace, Reading(pa.table(rows), {"format": "sample", "skipped": 0}), "", name, name, sample.roles, sample.split, provenance)
