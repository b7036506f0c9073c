"""Every word a person reads, in every language: one table, looked up by key.

Each module here is a literal ``WORDS: dict[key, (English, 简体中文)]`` for one part of the program;
settings carry their English in their field (declared once) and their Chinese in ``settings.py``.
A sentence may hold ``{named}`` places, filled with ``str.format``: ``{rows:,}`` gives "1,240".
"""

from functools import cache
from importlib import import_module

LANGUAGES = ("en", "zh")
PARTS = ("errors", "engine", "reading", "models", "shell", "data", "train", "watch", "try_", "results", "terminal")


@cache
def table() -> dict[str, tuple[str, str]]:
    """All words but the settings', key -> (English, Chinese). Raises AssertionError on a key given twice."""
    words: dict[str, tuple[str, str]] = {}
    for part in PARTS:
        new = import_module(f"fm_gui.text.{part}").WORDS
        assert not words.keys() & new.keys(), f"given twice: {sorted(words.keys() & new.keys())}"
        words.update(new)
    return words


def say(key: str, lang: str = "en", **values) -> str:
    """The sentence ``key`` in ``lang`` ("en" or "zh"), its places filled with ``values``."""
    return table()[key][LANGUAGES.index(lang)].format(**values)


def say_setting(model: type, field: str, lang: str = "en") -> tuple[str, str]:
    """(title, help) of a setting: English from its field, Chinese from ``settings.py``."""
    from fm_gui.text.settings import CHINESE

    info = model.model_fields[field]
    return CHINESE[field] if lang == "zh" else (info.title, info.description)
