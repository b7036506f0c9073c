"""What all verbs share: the language, the options that every verb takes, and how things are printed.

Results go to stdout; progress, hints and problems to stderr, so that a pipe gets results only.
"""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fm_gui import times
from fm_gui.errors import UserError
from fm_gui.text import say

if TYPE_CHECKING:
    from rich.console import Console

    from fm_gui.runs import Run
    from fm_gui.workspace import Workspace


def language(environment: Mapping[str, str]) -> str:
    """ "zh" or "en": FM_GUI_LANG if set, else what the locale's variables say, in the order the C library reads them."""
    for name in ("FM_GUI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if chosen := environment.get(name):
            return "zh" if chosen.lower().startswith("zh") else "en"
    return "en"


LANG = language(os.environ)


def tell(key: str, **values) -> str:
    """The sentence ``key`` in the language of this terminal."""
    return say(key, LANG, **values)


Folder = Annotated[Path | None, typer.Option("--workspace", metavar="DIR", help=tell("cli.option.workspace"))]
AsJson = Annotated[bool, typer.Option("--json", help=tell("cli.option.json"))]
DataName = Annotated[str, typer.Argument(metavar="NAME", help=tell("cli.option.data"))]
RunName = Annotated[str, typer.Argument(metavar="RUN", help=tell("cli.option.run"))]


def opened(folder: Path | None) -> "Workspace":
    """The workspace asked for, else this user's own."""
    from fm_gui.workspace import Workspace

    return Workspace(folder) if folder else Workspace.default()


def folder_in(arguments: Sequence[str]) -> Path:
    """The folder of the workspace that a whole command line means, whether it can be opened or not."""
    from fm_gui.workspace import default_root

    given = [after for word, after in zip(arguments, arguments[1:]) if word == "--workspace"]
    given += [word.partition("=")[2] for word in arguments if word.startswith("--workspace=")]
    return (Path(given[-1]) if given else default_root()).expanduser().resolve()


def at(space: "Workspace") -> str:
    """ " --workspace DIR" for a command that a person may copy, or nothing if it means this workspace anyway."""
    return "".join(f" {shlex.quote(word)}" for word in space.words)


def at_root(run: "Run") -> str:
    """What :func:`at` says, of the workspace that a run lies in."""
    from fm_gui.workspace import Workspace

    return at(Workspace(run.workspace_root))


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """["a=1", "b=2"] as a dict. Raises UserError for an entry without "="."""
    found = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise UserError("cli-pair", option=option, given=item)
        found[name.strip()] = value.strip()
    return found


# -- printing


def plain(text: Any) -> str:
    """``text`` without control characters: what comes from a file or a model must not steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in str(text))


def console(*, stderr: bool = False) -> "Console":
    """A console that prints data as it is; wide when piped, so that nothing is cut."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=None if terminal else 200)


def put(text: str = "") -> None:
    """One line of result."""
    typer.echo(plain(text))


def put_json(value: Any) -> None:
    """One JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def put_note(text: str) -> None:
    """One line beside the result: progress, a hint."""
    typer.echo(plain(text), err=True)


def put_problem(sentence: str) -> None:
    """What went wrong, in red on a terminal."""
    typer.secho(plain(sentence), fg=typer.colors.RED, err=True)


def put_table(headers: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Aligned columns; East Asian characters count as two."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console().print(table)


# -- values as text


def duration(seconds: float) -> str:
    """ "12 s", "4 min 10 s", "2 h 5 min" in the language of this terminal."""
    return times.duration(seconds, LANG)


def number(value: float | None) -> str:
    """Three significant digits for a fraction, thousands separated for a count, "-" for none."""
    from fm_gui.scores import number as significant

    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else significant(value)
