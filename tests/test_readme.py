"""The README says what is: its tree, its commands, its pins, its words."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOP = {"app.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"}
MADE = {"__pycache__", ".pytest_cache", ".ruff_cache"}  # by running things; not part of the program


def tree() -> dict[str, str]:
    """path -> phrase, from the README's tree; folders end in "/"."""
    block = re.search(r"## The tree.*?```\n(.*?)```", README, re.S).group(1)
    found, stack = {}, []
    for line in block.splitlines():
        if not line.strip():
            continue
        entry = re.fullmatch(r"( *)(\S+)  +(\S.*)", line)
        assert entry, f"name, two blanks, a phrase: {line!r}"
        depth = len(entry[1]) // 2
        stack = [*stack[:depth], entry[2]]
        found["".join(stack)] = entry[3]
    return found


def program_files() -> set[str]:
    """Every file of the program, as it lies on the disk."""
    inside = {f for f in (ROOT / "fm_gui").rglob("*") if f.is_file() and not MADE & set(f.parts)}
    return {str(file.relative_to(ROOT)) for file in inside} | TOP


def test_the_tree_names_every_file_and_no_other():
    named = {path for path in tree() if not path.endswith("/")}
    folders = {path for path in tree() if path.endswith("/")}
    there = program_files()
    assert not there - named, f"not in the README's tree: {sorted(there - named)}"
    assert not named - there, f"in the README's tree, but not there: {sorted(named - there)}"
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_every_part_of_the_tree_has_a_phrase():
    assert all(len(phrase) > 8 for phrase in tree().values())


def test_pictures_and_links_exist():
    links = re.findall(r"\]\(([^)#][^)]*)\)", README)
    assert links
    missing = [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
    assert not missing


def test_two_commands_set_up_run_and_test():
    block = README.split("## Two commands")[1].split("## ")[0]
    first, second = re.findall(r"```sh\n(.*?)\n```", block, re.S)
    assert "\n" not in first and "\n" not in second
    assert "-r requirements.txt" in first and first.endswith("app.py")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert second.removeprefix(".venv/bin/python ") in ci, "the tests run elsewhere as the README says"


def verbs_and_options():
    """Each `fm-gui ...` command line of the README's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.S)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("fm-gui ")]


@pytest.mark.parametrize("line", verbs_and_options())
def test_the_commands_in_the_readme_exist(line):
    import shlex

    import typer

    from fm_gui.cli import app

    command = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands") and not (command.invoke_without_command and words[:1] in ([], ["--help"])):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    free = command.context_settings.get("ignore_unknown_options")
    assert free or {word.split("=")[0] for word in words if word.startswith("--")} <= known


# -- pins


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    entries = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(entry) == 2 for entry in entries), "exact versions only"
    return {name.lower().replace("_", "-"): version for name, version in entries}


def imported() -> set[str]:
    """The top-level modules that the program and its tests import, and those it names to find or launch."""
    found = {"pytest_timeout", "xdist", "ruff", "accelerate"}  # run, never imported; the last by the Trainer that tests/bench measures against
    for file in [ROOT / "app.py", *(ROOT / "fm_gui").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and file.parts[-2] in ("data", "models", "fm_gui"):
                found.add(node.value.lower())  # find_spec("..."), distribution("..."), version("...")
    return found


def test_every_pin_is_used_and_installed():
    provides: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            provides.setdefault(name.lower().replace("_", "-"), set()).add(module)
    modules = imported()
    for name, version in pins().items():
        assert distribution(name).version.split("+")[0] == version, f"{name}: another version is installed"
        assert (provides.get(name, set()) | {name}) & modules, f"{name} is pinned but nothing uses it"


def test_everything_imported_is_pinned():
    pinned, known = pins(), packages_distributions()
    ours = {"fm_gui", "tests", "app", "conftest"}
    for file in [ROOT / "app.py", *(ROOT / "fm_gui").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in {name.split(".")[0] for name in names} - sys.stdlib_module_names - ours:
                owners = {owner.lower().replace("_", "-") for owner in known.get(module, [])}
                beside = (file.parent / f"{module}.py").exists()  # an exported model's scripts import each other
                assert beside or owners & pinned.keys(), f"{file.relative_to(ROOT)} imports {module}, which requirements.txt does not name"


def test_the_project_reads_its_dependencies_from_the_pins():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    assert project["project"]["scripts"] == {"fm-gui": "fm_gui.__main__:main"}
    space = dict(line.split(": ", 1) for line in README.split("---")[1].strip().splitlines())
    assert space["sdk_version"] == pins()["gradio"]
    assert (ROOT / space["app_file"]).exists()


def test_ci_is_sound_bash():
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    assert "set -euo pipefail" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
