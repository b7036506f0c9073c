"""The arrows of fm_gui/__init__.py's docstring hold, and no file or function grows past what one can read."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = [ROOT / "app.py", *sorted((ROOT / "fm_gui").rglob("*.py"))]
FILES = [file for file in FILES if "templates" not in file.parts]  # those run without fm_gui, in an exported model

# who may import whom, from the top down; a part not named in a row may not be imported by it
LIGHT = {"config", "errors", "files", "runs", "queue", "schedule", "text", "times", "workspace", "layout", "processes", "launch", "machine", "memory", "access", "demo", "flops", ""}
ENGINE = {"predict", "evaluate", "labelling", "baselines", "export", "small", "small_export", "card", "plan", "preflight", "preflight_advice", "preflight_words", "scores", "changes", "silence", "tasks", "models", "data"}
ALLOWED = {
    "app": LIGHT | {"ui"},
    "__main__": {"cli"},
    "cli": LIGHT | ENGINE | {"cli", "train", "upkeep", "moving"},
    "ui": LIGHT | ENGINE | {"ui"},
    "train": LIGHT | ENGINE | {"train"},
    **dict.fromkeys(("predict", "evaluate", "labelling", "export", "small", "small_export", "card", "plan", "preflight", "preflight_advice", "preflight_words", "scores", "changes", "silence"), LIGHT | ENGINE),
    "tasks": LIGHT | {"tasks", "baselines", "models", "data"},
    "baselines": LIGHT | {"data"},
    "models": LIGHT | {"models"},
    "data": LIGHT | {"data"},
    "upkeep": LIGHT | {"data", "upkeep"},
    "moving": LIGHT | {"moving"},
    **dict.fromkeys(("runs", "queue", "schedule", "workspace", "layout", "processes", "launch", "machine", "memory", "access", "demo", "flops", "config", "files", "errors", "text", "times", ""), LIGHT),
}

HEAVY = {"torch", "transformers", "datasets", "sklearn", "pandas", "pyarrow", "accelerate", "tokenizers", "safetensors", "huggingface_hub", "scipy"}
# where a broad except may stand, and why
BOUNDARIES = {
    "ui/bind.py": "the page's: logged, and told as a sentence",
    "ui/api.py": "the endpoints': logged, and told as a sentence",
    "train/worker.py": "the process's: written to status.json",
    "train/judge.py": "the process's: told to the worker, which writes it",
    "data/batching.py": "a thread's: handed to the loop, which raises it",
    "data/prepare.py": "one row's: told by its number and left out",
    "models/hub.py": "the tokenizers library raises Exception itself for a broken file",
}
MAY_BE_HEAVY = {"train", "predict", "evaluate"}  # loaded by the worker, or inside the functions that need them
HEAVY_FILES = {"tasks/vocabulary_loss.py", "models/writers.py"}  # built on torch throughout; imported where they are used


def part(file: Path) -> str:
    """The part of the program that a file belongs to: "ui", "runs" ...; "" is fm_gui/__init__.py."""
    inside = file.relative_to(ROOT)
    if inside.parts[0] != "fm_gui":
        return inside.stem
    name = inside.parts[1].removesuffix(".py")
    return "" if name == "__init__" else name


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def typing_only(tree: ast.Module) -> set[ast.stmt]:
    """The statements under ``if TYPE_CHECKING:``, which never run."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(file: Path, *, top_only: bool = False):
    """(dotted name, line) of every import that can run, at any depth or at the module's top only."""
    tree = parsed(file)
    skipped = typing_only(tree)
    inside = {n for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) for n in ast.walk(f)} if top_only else set()
    for node in ast.walk(tree):
        if node in skipped or node in inside:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} write the import whole, from fm_gui on"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def names(files):
    return [str(file.relative_to(ROOT)) for file in files]


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_imports_point_down(file):
    here = part(file)
    assert here in ALLOWED, f"{file.name}: say in ALLOWED what it may import"
    for name, line in imports(file):
        pieces = name.split(".")
        if pieces[0] != "fm_gui":
            continue
        inside = ROOT / "fm_gui" / pieces[1]
        there = pieces[1] if inside.is_dir() or inside.with_suffix(".py").exists() else ""  # a name such as fm_gui.__version__
        assert there in ALLOWED[here], f"{file.name}:{line} {here or 'fm_gui'} must not import {name}"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_gradio_lives_in_the_page_only(file):
    if part(file) in ("app", "ui"):
        return
    for name, line in imports(file):
        assert name.split(".")[0] not in ("gradio", "gradio_client"), f"{file.name}:{line} imports {name}"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_no_heavy_import_at_module_level(file):
    if part(file) in MAY_BE_HEAVY or file.relative_to(ROOT).as_posix().removeprefix("fm_gui/") in HEAVY_FILES:
        return
    for name, line in imports(file, top_only=True):
        assert name.split(".")[0] not in HEAVY, f"{file.name}:{line} imports {name} at its top; do it inside the function that needs it"


@pytest.mark.parametrize("module", ["fm_gui.config", "fm_gui.runs", "fm_gui.workspace", "fm_gui.tasks", "fm_gui.machine", "fm_gui.text", "fm_gui.cli"])
def test_light_modules_load_nothing_heavy(module):
    """Measured in a fresh process, since an import may come by way of another."""
    code = f"import sys, {module}; print(*sorted({HEAVY | {'gradio'}!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_files_and_functions_fit_the_head(file):
    words = "text" in file.parts  # a table of words may be as long as the program has words
    lines = file.read_text(encoding="utf-8").count("\n")
    assert words or lines <= 350, f"{file.name} has {lines} lines: split it"
    for node in ast.walk(parsed(file)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            assert length <= 60, f"{file.name}:{node.lineno} {node.name} has {length} lines: give its parts names"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_no_broad_except_but_at_the_boundaries(file):
    """A broad except hides defects; it stands only where a process or the page ends, and there it reports."""
    if file.relative_to(ROOT).as_posix().removeprefix("fm_gui/") in BOUNDARIES:
        return
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in ("everything", "Exception", "BaseException"), f"{file.name}:{node.lineno} catches {caught}"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_nothing_unpickles_or_runs_foreign_code(file):
    for name, line in imports(file):
        assert name.split(".")[0] not in ("pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"), f"{file.name}:{line} {name}"
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant) and node.value.value is False, f"{file.name}: trust_remote_code must be False"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec", "torch.load"):
            safe = any(k.arg == "weights_only" and getattr(k.value, "value", None) is True for k in node.keywords)
            assert safe, f"{file.name}:{node.lineno} {ast.unparse(node.func)}"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_text_files_name_their_encoding(file):
    """Without it a Chinese Windows reads and writes GBK."""
    for node in ast.walk(parsed(file)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in ("open", "read_text", "write_text") or ast.unparse(node.func).startswith(("os.", "webbrowser.", "Image.", "zipfile.")):
            continue
        if called == "write_text" and isinstance(node.func, ast.Name):  # that of files.py, which names it itself
            continue
        mode = next((a.value for a in node.args[1:2] if isinstance(a, ast.Constant)), "r") if isinstance(node.func, ast.Name) else "r"
        if "b" in str(mode) or called == "open" and isinstance(node.func, ast.Attribute):
            continue
        assert any(k.arg == "encoding" for k in node.keywords), f"{file.name}:{node.lineno} {ast.unparse(node)[:80]}"
