"""Every word a person reads, in every language: one table, looked up by key.

Each module here is a literal ``WORDS: dict[key, (English, 简体中文)]`` for one part of the program;
settings carry their English in their field (declared once) and their Chinese in ``settings.py``.
A sentence may hold ``{named}`` places, filled with ``str.format``: ``{rows:,}`` gives "1,240".
"""

import re
from functools import cache
from importlib import import_module

LANGUAGES = ("en", "zh")
SETTINGS = ("settings", "reading", "cleaning")  # the modules that hold the Chinese of settings, as CHINESE
PARTS = (
    "errors", "engine", "reading", "rows", "profile", "cleaning", "health", "manage", "models", "shell", "data",
    "train", "preflight", "watch", "queue", "bin", "incidents", "launch", "try_", "results", "small", "terminal", "data_label", "data_manage", "data_health", "data_clean", "upkeep", "access",
)
ONE = re.compile(r"(?<![\d.,])1 (more piece|row|text|label|class|token|character|cell|column|file|fold|data set|step)(?:e?s)\b")  # "1 rows"


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
    sentence = table()[key][LANGUAGES.index(lang)].format(**values)
    return ONE.sub(r"1 \1", sentence) if lang == "en" and values else sentence


def say_setting(model: type, field: str, lang: str = "en") -> tuple[str, str]:
    """(title, help) of a setting: English from its field, Chinese from ``settings.py``."""
    info = model.model_fields[field]
    return chinese_setting(model, field) if lang == "zh" else (info.title, info.description)


def chinese_setting(model: type, field: str) -> tuple[str, str]:
    """The Chinese (title, help): under "Model.field" where the name alone means different things, else under "field"."""
    tables = [import_module(f"fm_gui.text.{part}").CHINESE for part in SETTINGS]
    return next(table[key] for key in (f"{model.__name__}.{field}", field) for table in tables if key in table)
