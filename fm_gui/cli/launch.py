"""`fm-gui launch-script`: the file that trains a run on other machines."""

from pathlib import Path
from typing import Annotated

import typer

from fm_gui.cli.base import LANG, AsJson, Folder, RunName, opened, put_json, put_note, tell


def launch_script(
    run: RunName,
    on: Annotated[str, typer.Option("--on", metavar="slurm|skypilot|torchrun|ray", help=tell("cli.option.on"))],
    nodes: Annotated[int, typer.Option("--nodes", min=1, max=4096, help=tell("cli.option.nodes"))] = 1,
    nproc: Annotated[int, typer.Option("--nproc", min=1, max=64, help=tell("cli.option.nproc-each"))] = 1,
    hours: Annotated[float, typer.Option("--hours", min=0.02, max=10_000, help=tell("cli.option.hours"))] = 24.0,
    partition: Annotated[str, typer.Option("--partition", help=tell("cli.option.partition"))] = "",
    gpu: Annotated[str, typer.Option("--gpu", metavar="KIND", help=tell("cli.option.gpu"))] = "",
    python: Annotated[str, typer.Option("--python", metavar="PATH", help=tell("cli.option.python"))] = "",
    there: Annotated[str, typer.Option("--workspace-there", metavar="DIR", help=tell("cli.option.folder-there"))] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=tell("cli.option.script-out"))] = None,
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.files import write_text
    from fm_gui.launch import Elsewhere, script

    found = opened(workspace).run(run)
    text = script(found, on, Elsewhere(nodes, nproc, hours, partition, gpu, python, there), LANG)
    if out:
        write_text(out, text)
    if as_json:
        return put_json({"run": run, "on": on, "file": str(out) if out else None, "script": text})
    put_note(tell("cli.launch.shared", folder=there or found.workspace_root.resolve()))
    put_note(tell("cli.launch.written", file=out)) if out else typer.echo(text, nl=False)
