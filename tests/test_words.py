"""The table of words is complete in every language, and no word a person sees stands outside it."""

import ast
import re
import string
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from fm_gui.config import ModelSpec, SplitSpec, TrainSettings
from fm_gui.data.formats.options import ReadOptions
from fm_gui.data.steps import STEPS
from fm_gui.tasks import TASKS
from fm_gui.text import SETTINGS as PARTS_WITH_SETTINGS
from fm_gui.text import chinese_setting, say, table

ROOT = Path(__file__).resolve().parent.parent
CODE = [ROOT / "app.py", *(f for f in sorted((ROOT / "fm_gui").rglob("*.py")) if not {"text", "templates"} & set(f.relative_to(ROOT).parts))]
PAGE = [file for file in CODE if file.name == "app.py" or "ui" in file.parts]
SCRIPTS = sorted((ROOT / "assets").glob("*.js"))

HAN = re.compile(r"[\u3400-\u9fff]")
# names of things, the same in every language; and the switch, which each reader finds in the other language
SAME_IN_CHINESE = {"page.title", "machine.check.python", "choice.adamw", "choice.muon", *(f"architecture.{name}" for name in ("bert", "modernbert", "gpt2", "nanochat"))}
HAN_IN_ENGLISH = {"page.language", "page.language.help"}

KEY_TAKERS = {"say", "word", "tell", "note"}  # functions whose first literal argument is a key
SETTINGS = [TrainSettings, ModelSpec, SplitSpec, ReadOptions, *STEPS, *(m for task in TASKS for m in (task.Options, task.PredictOptions))]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("key", sorted(table()))
def test_both_languages_say_the_same(key):
    english, chinese = table()[key]
    assert english.strip() and chinese.strip()
    assert places(english) == places(chinese)
    assert all(name.isidentifier() for name in places(english)), "name the places"
    words = re.sub(r"\{[^}]*\}", "", chinese)
    if re.search(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", english)) and key not in SAME_IN_CHINESE:
        assert HAN.search(words) or key in HAN_IN_ENGLISH, f"not Chinese: {chinese}"
    if key not in HAN_IN_ENGLISH:
        assert not HAN.search(english), f"not English: {english}"


@pytest.mark.parametrize("model", SETTINGS, ids=lambda m: m.__qualname__)
def test_every_setting_is_told_in_both_languages(model):
    for name, field in model.model_fields.items():
        assert field.title and field.description, f"{name}: declare it with setting()"
        title, help = chinese_setting(model, name)
        assert HAN.search(help) and (HAN.search(title) or title == field.title), f"not Chinese: {title} {help}"
        assert not HAN.search(field.title + field.description)


def test_no_chinese_for_settings_that_are_gone():
    kept = {key for part in PARTS_WITH_SETTINGS for key in import_module(f"fm_gui.text.{part}").CHINESE}
    fields = {(model.__name__, name) for model in SETTINGS for name in model.model_fields}
    assert kept <= {f"{model}.{name}" for model, name in fields} | {name for _, name in fields}


# -- keys in the code


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def pattern(node: ast.expr) -> str | None:
    """A regular expression for the strings an expression can be: a literal, an f-string, or "prefix." + x."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = pattern(node.left), pattern(node.right)
        return (left or ".+") + (right or ".+") if left or right else None
    return None


def alternatives(node: ast.expr) -> list[ast.expr]:
    """The expressions that a key can come from: both branches of a conditional."""
    return [*alternatives(node.body), *alternatives(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def used_patterns():
    """(pattern of a key, file, line) for every literal key that code hands to a function which looks it up."""
    for file in CODE:
        for node in ast.walk(parsed(file)):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in KEY_TAKERS and node.args:
                taken, prefix = node.args[0], ""
            elif called == "UserError" and node.args:
                taken, prefix = node.args[0], re.escape("error.")
            elif called == "RoleGuess":
                taken, prefix = next((k.value for k in node.keywords if k.arg == "reason"), None), ""
            else:
                continue
            for one in alternatives(taken) if taken is not None else []:
                found = pattern(one)
                if found and "\\." in prefix + found:
                    yield prefix + found, file, node.lineno


def all_keys() -> set[str]:
    fields = {name for model in SETTINGS for name in model.model_fields}
    return table().keys() | {f"setting.{name}{tail}" for name in fields for tail in ("", ".help")}


def test_every_key_in_the_code_exists():
    keys = all_keys()
    missing = [f"{file.name}:{line} {found}" for found, file, line in used_patterns() if not any(re.fullmatch(found, key) for key in keys)]
    assert not missing, "\n".join(missing)


def test_every_word_is_used():
    """A key that no code can make is a leftover. A code of a UserError, warning or incident is used by its bare name too."""
    patterns, literal = set(), set()
    for file in CODE:
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literal.add(node.value)
            elif isinstance(node, (ast.JoinedStr, ast.BinOp)) and (found := pattern(node)) and re.search(r"[a-z-]\\\.|\\\.[a-z]", found):
                patterns.add(found)
    literal |= {match for script in SCRIPTS for match in re.findall(r"[\"'`]([\w.-]+)[\"'`]", script.read_text(encoding="utf-8"))}
    written = "".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    stems = re.findall(r"`([\w.-]+\.)\$\{", written)  # word(`watch.js.${key}`)
    literal |= {stem + name for stem in stems for name in literal}
    unused = []
    for key in sorted(table()):
        bare = key.removeprefix("error.")
        if key in literal or bare in literal or any(re.fullmatch(found, key) for found in patterns if not found.startswith(".+")):
            continue
        # f"{key}.about": used if what stands before the ending is a literal
        stem, _, tail = key.rpartition(".")
        if stem in literal and any(re.fullmatch(found, key) for found in patterns):
            continue
        unused.append(key)
    assert not unused, unused


# -- no bare word on the page

VISIBLE = {"label", "info", "placeholder", "title", "choices", "description", "caption", "headers", "text"}
FIRST = {"Markdown", "HTML", "Button", "Tab", "Accordion", "Label", "UploadButton", "DownloadButton", "Info", "Warning", "Error", "Success", "Dataframe"}
LETTERS = re.compile(r"[^\W\d_]{2,}")
NAMES = re.compile(r"\bfm_gui\b|\bfm-gui\b")  # not words
# where value= is what is shown, and not one of the choices
SHOWS_ITS_VALUE = {"Markdown", "HTML", "Button", "UploadButton", "DownloadButton", "Textbox", "Label"}


def literals(node: ast.expr):
    """The strings written out in an expression, f-strings with a mark for what is filled in; not those looked up."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
    elif isinstance(node, (ast.List, ast.Tuple)):
        for element in node.elts:
            # (shown, value): only the first is seen
            yield from literals(element.elts[0] if isinstance(element, ast.Tuple) and len(element.elts) == 2 else element)
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from literals(node.left)
        yield from literals(node.right)


def seen(markup: str) -> str:
    """What a person reads of a piece of HTML: its text and the attributes that are read out."""
    markup = re.sub(r"<(style|script)\b.*?</\1>", " ", markup, flags=re.S)
    spoken = " ".join(re.findall(r"(?:aria-label|title|placeholder|alt)=\"([^\"]*)\"", markup))
    return re.sub(r"&\w+;|\{\{.*?\}\}|\$\{.*?\}", " ", re.sub(r"<[^>]*>?", " ", markup) + " " + spoken)


def bare(text: str) -> bool:
    return bool(LETTERS.search(NAMES.sub("", seen(text))))


@pytest.mark.parametrize("file", PAGE, ids=lambda f: f.name)
def test_components_show_no_bare_string(file):
    found = []
    for node in ast.walk(parsed(file)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "gr"):
            continue
        shown = [keyword.value for keyword in node.keywords if keyword.arg in VISIBLE or keyword.arg == "value" and node.func.attr in SHOWS_ITS_VALUE]
        shown += node.args[:1] if node.func.attr in FIRST else []
        found += [f"{file.name}:{node.lineno} gr.{node.func.attr}: {text!r}" for part in shown for text in literals(part) if bare(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", PAGE, ids=lambda f: f.name)
def test_html_holds_no_bare_string(file):
    found = []
    tree = parsed(file)
    notes = {id(body[0].value) for n in ast.walk(tree) if isinstance(body := getattr(n, "body", None), list) and body and isinstance(body[0], ast.Expr)}
    inner = {id(part) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Constant, ast.JoinedStr)) or id(node) in notes | inner:
            continue
        for text in literals(node):
            markup = re.match(r"\s*<[a-z]", text) and "=>" not in text and "function" not in text
            if markup and bare(text):
                found.append(f"{file.name}:{node.lineno} {text[:100]!r}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda f: f.name)
def test_scripts_write_no_bare_string(file):
    written = re.findall(r"(?:textContent|innerText|title|placeholder|ariaLabel)\s*=\s*([\"'`][^\"'`]*[\"'`])", file.read_text(encoding="utf-8"))
    assert not [text for text in written if bare(text)]


def test_one_is_not_many():
    assert say("data.fact.rows", "en", rows=1) == "1 row" and say("data.fact.rows", "en", rows=1_001) == "1,001 rows"
    assert say("data.part.train.count", "en", rows=1).startswith("1 row to") and say("data.fact.rows", "zh", rows=1) == "1 行"
