"""`fm-gui demo` and `fm-gui doctor`: what this program does, and what this machine can do."""

import tempfile
import time
from pathlib import Path

import typer

from fm_gui.cli.base import LANG, AsJson, Folder, duration, opened, put, put_json, put_note, tell
from fm_gui.cli.follow import finish, follow
from fm_gui.cli.use import as_text, input_role, put_evaluation

SAMPLE = "tickets"
STEPS = 40  # of 16 texts: enough to beat word counts, as the head is fitted first, and done in a minute and a half on two slow cores
MARKS = {"good": "✓", "attention": "!", "failed": "✗"}
SENTENCES = (
    "I was charged twice for my order and want the money back.",
    "The jacket came with a torn sleeve.",
    "Where is my parcel? It should have arrived on Monday.",
)


def demo(workspace: Folder = None, as_json: AsJson = False) -> None:
    if workspace:
        return journey(workspace, as_json)
    with tempfile.TemporaryDirectory(prefix="fm_gui-demo-") as folder:
        journey(Path(folder), as_json)


def journey(folder: Path, as_json: bool) -> None:
    """Add a sample, train on it, judge it on rows it never saw, and use it."""
    from fm_gui import plan, predict
    from fm_gui.data.samples import add_sample
    from fm_gui.workspace import Workspace

    def note(key: str, **values) -> None:
        if not as_json:
            put_note(tell(key, **values))

    began = time.monotonic()
    space = Workspace(folder)
    spec = add_sample(space, SAMPLE)
    note("cli.demo.data", name=spec.name, rows=spec.rows)
    config = plan.make_config(
        space, task="text-classification", data=spec.name, start="minilm", preset="balanced", train={"max_steps": STEPS}
    )
    run = plan.start(space, config)
    note("cli.demo.train", run=run.id)
    try:
        last = follow(run, quiet=as_json)
    except KeyboardInterrupt:  # its folder may be about to go
        run.stop()
        run.wait(30)
        raise
    if last.state != "done":
        raise typer.Exit(finish(run, last, as_json) or 1)
    note("cli.demo.judge")
    result = run.evaluation()
    if not as_json:
        put_evaluation(run, result)
    note("cli.demo.try")
    outputs = predict.load(run).predict([{input_role(run): text} for text in SENTENCES])
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        predictions = [{"input": text, "output": output} for text, output in zip(SENTENCES, outputs)]
        return put_json({"run": run.id, "workspace": str(space.root), "seconds": seconds, "evaluation": result, "predictions": predictions})
    for text, output in zip(SENTENCES, outputs):
        put(f"{text}\n  {as_text(output)}")
    note("cli.demo.end", time=duration(seconds))


def doctor(workspace: Folder = None, as_json: AsJson = False) -> None:
    from fm_gui import machine

    checks = machine.checks(opened(workspace).root)
    if as_json:
        return put_json([{"name": check.name, "state": check.state, "sentence": check.say(LANG)} for check in checks])
    for check in checks:
        put(f"{MARKS[check.state]} {check.say(LANG)}")
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(1)
