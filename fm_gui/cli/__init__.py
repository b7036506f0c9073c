"""The command line: the same engine as the page, without the page.

Verbs import what they need when they run, so that ``--help`` answers at once.
"""

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from fm_gui.cli import access, data, follow, launch, learn, queue, tour, use, workspace
from fm_gui.cli.base import LANG, folder_in, put_json, put_problem, tell
from fm_gui.errors import UserError
from fm_gui.files import disk_full, is_disk_full

app = typer.Typer(
    name="fm-gui", help=tell("cli.about"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", help=tell("cli.demo"))(tour.demo)
app.add_typer(data.app, name="data", help=tell("cli.data"))
app.command("train", help=tell("cli.train"))(learn.train)
app.command("preflight", help=tell("cli.preflight"))(learn.preflight)
app.command("runs", help=tell("cli.runs"))(follow.runs)
app.command("status", help=tell("cli.status"))(follow.status)
app.command("watch", help=tell("cli.watch"))(follow.watch)
app.command("stop", help=tell("cli.stop"))(follow.stop)
app.command("resume", help=tell("cli.resume"))(follow.resume)
app.command("end", help=tell("cli.end"))(follow.end)
app.add_typer(queue.app, name="queue", help=tell("cli.queue"))
app.command("launch-script", help=tell("cli.launch"))(launch.launch_script)
app.command("delete", help=tell("cli.delete"))(follow.delete)
app.command("undo", help=tell("cli.undo"))(follow.undo)
app.command("predict", help=tell("cli.predict"), context_settings=use.KNOBS)(use.predict)
app.command("generate", help=tell("cli.generate"), context_settings=use.KNOBS)(use.generate)
app.command("evaluate", help=tell("cli.evaluate"))(use.evaluate)
app.command("export", help=tell("cli.export"))(use.export)
app.command("doctor", help=tell("cli.doctor"))(tour.doctor)
app.add_typer(access.app, name="access", help=tell("cli.access"))
app.add_typer(workspace.app, name="workspace", help=tell("cli.workspace"))
app.command("worker", help=tell("cli.worker"))(follow.worker)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb. A UserError ends it with its sentence (with --json as {"error": ...}) and exit code 2.

    Whatever else goes wrong is a defect of ours and shows whole.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in arguments
    try:
        code = app(arguments, prog_name="fm-gui", standalone_mode=not as_json)
    except UserError as problem:
        if as_json:
            put_json({"error": problem.to_dict() | {"sentence": problem.say(LANG)}})
        else:
            put_problem(problem.say(LANG))
        sys.exit(2)
    except OSError as problem:
        if not is_disk_full(problem):
            raise
        put_problem(disk_full(folder_in(arguments)).say(LANG))
        sys.exit(2)
    except TyperException as problem:  # a wrong option or verb; without --json typer shows it itself
        put_json({"error": {"code": "usage", "values": {}, "sentence": problem.format_message()}})
        sys.exit(2)
    sys.exit(code or 0)
