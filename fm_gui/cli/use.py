"""`fm-gui predict | generate | evaluate | export`: what a trained model is good for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fm_gui.cli.base import LANG, AsJson, Folder, RunName, at_root, console, number, opened, plain, put, put_json, put_note, put_table, tell
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.runs import Run

# the knobs (--temperature ...) are those of the run's task, so they are read once the run is known
KNOBS = {"allow_extra_args": True, "ignore_unknown_options": True}


def predict(
    context: typer.Context,
    run: RunName,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help=tell("cli.option.texts"))] = None,
    file: Annotated[Path | None, typer.Option(metavar="IN", help=tell("cli.option.file"))] = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT", help=tell("cli.option.out"))] = None,
    form: Annotated[str, typer.Option("--as", metavar="whole|onnx|int8", help=tell("cli.option.predict-as"))] = "whole",
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui import predict as engine
    from fm_gui import small

    found = opened(workspace).run(run)
    texts, knobs = split_knobs(found, [*(texts or []), *context.args])
    if not file and not texts:
        raise UserError("cli-nothing-to-predict", run=run, at=at_root(found))
    predictor = engine.load(found) if form == "whole" else small.load(found, form)
    if file:
        return predict_file(found, file, out, as_json, predictor)
    role = input_role(found)
    outputs = predictor.predict([{role: text} for text in texts], **knobs)
    if as_json:
        return put_json([{"input": text, "output": output} for text, output in zip(texts, outputs)])
    for text, output in zip(texts, outputs):
        put(f"{text}\n  {as_text(output)}")


def predict_file(run: "Run", file: Path, out: Path | None, as_json: bool, predictor: Any) -> None:
    """Predictions for each row of a file, written beside what the file holds."""
    from rich.progress import Progress

    from fm_gui import predict as engine

    target = out or file.with_name(f"{file.stem}-{run.id}.csv")
    try:
        with Progress(console=console(stderr=True), transient=True, disable=as_json) as bar:
            rows = bar.add_task(tell("cli.predict.rows"), total=None)
            written = engine.predict_file(run, file, target, lambda done, total: bar.update(rows, completed=done, total=total), predictor)
    except OSError as problem:
        raise UserError("export-write", path=str(target), reason=problem.strerror or str(problem)) from None
    if as_json:
        return put_json({"file": str(written)})
    put(tell("cli.predict.written", path=str(written)))


def generate(
    context: typer.Context,
    run: RunName,
    prompt: Annotated[str, typer.Option(help=tell("cli.option.prompt"))] = "",
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui import predict as engine
    from fm_gui.tasks import Kind, get_task

    found = opened(workspace).run(run)
    if get_task(found.config.task).output != Kind.STREAM:
        raise UserError("cli-not-a-generator", run=run, at=at_root(found))
    extra, knobs = split_knobs(found, context.args)
    if extra:
        raise UserError("cli-extra", given=extra[0])
    texts = engine.load(found).stream({input_role(found): prompt}, **knobs)
    if as_json:
        return put_json({"prompt": prompt, "text": max(texts, key=len, default="")})
    shown = ""
    for text in texts:
        # a character cut in the middle shows as U+FFFD until its last byte has come
        ready = text.rstrip("\ufffd")
        if ready.startswith(shown):
            typer.echo(plain(ready[len(shown):]), nl=False)
            shown = ready
    typer.echo()


def evaluate(
    run: RunName,
    part: Annotated[str, typer.Option(metavar="test|validation", help=tell("cli.option.part"))] = "test",
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from fm_gui.evaluate import evaluate as engine

    if part not in ("test", "validation"):
        raise UserError("setting-choice", name="--part", value=part, limit="test, validation")
    found = opened(workspace).run(run)
    result = engine(found, part)
    if as_json:
        return put_json(result)
    put_evaluation(found, result)


def export(
    run: RunName,
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help=tell("cli.option.zip"))],
    form: Annotated[str, typer.Option("--as", metavar="whole|onnx|int8", help=tell("cli.option.export-as"))] = "whole",
    workspace: Folder = None,
    as_json: AsJson = False,
) -> None:
    from rich.progress import Progress

    from fm_gui import small
    from fm_gui.export import export_zip
    from fm_gui.small_export import export_small, told

    found = opened(workspace).run(run)
    if not out.parent.is_dir():  # before a bar is drawn, and before minutes of work
        raise UserError("export-folder", folder=str(out.parent), file=out.name)
    shown = console(stderr=True)
    with Progress(console=shown, transient=True, disable=as_json or not shown.is_terminal) as bar:
        work = bar.add_task(tell("export.packing"), total=1.0)

        def show(share: float, key: str) -> None:
            bar.update(work, completed=share, description=tell(key))

        written = export_zip(found, out, LANG, show) if form == "whole" else export_small(found, out, form, LANG, show)
    figures = None if form == "whole" else small.figures(found, form)
    if as_json:
        return put_json({"file": str(written)} | ({"figures": figures} if figures else {}))
    put(tell("cli.export.written" if form == "whole" else "cli.export.written-small", path=str(written)))
    if figures:
        heads, rows, sentence = told(figures, LANG)
        put_table(heads, rows)
        put(sentence)


# -- reading and showing


def input_role(run: "Run") -> str:
    """The one input that a text task asks for."""
    from fm_gui.tasks import get_task

    return next(iter(get_task(run.config.task).inputs))


def split_knobs(run: "Run", words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """(texts, knobs) from what follows the run: "--top-p 0.9" and "--top-p=0.9" are knobs of the run's task.

    Raises UserError for a knob that this task lacks, listing those it has, or a value outside its limits.
    """
    from fm_gui.config import parse
    from fm_gui.tasks import get_task

    knobs, texts, rest = {}, [], iter(words)
    for item in rest:
        if not item.startswith("--"):
            texts.append(item)
            continue
        name, equals, value = item[2:].partition("=")
        knobs[name.replace("-", "_")] = value if equals else next(rest, "")
    checked = parse(get_task(run.config.task).PredictOptions, knobs)
    return texts, {name: getattr(checked, name) for name in knobs}


def as_text(output: Any) -> str:
    """An output of any kind in one line: label with its probabilities, candidates for each mask, or the text itself."""
    if isinstance(output, dict):
        scores = ", ".join(f"{label} {share:.0%}" for label, share in list(output["scores"].items())[:5])
        return f"{output['label']}   ({scores})"
    if isinstance(output, list):
        return " | ".join(", ".join(f"{token} {share:.1%}" for token, share in mask) for mask in output)
    return str(output)


def put_evaluation(run: "Run", result: dict) -> None:
    """Metrics beside their baselines and how sure they are, then classes and the confusion matrix where there are any."""
    from fm_gui.scores import certainty, scores

    put(tell("cli.evaluate.head", part=tell("cli.part." + result["part"]), rows=result["rows"]))
    for figure in scores(run, result):
        put(f"  {figure.title(LANG)}: {figure.line(LANG)}")
    put(certainty(result, LANG))
    if classes := result.get("per_class"):
        put()
        heads = [tell("cli.head.label"), tell("cli.head.precision"), tell("cli.head.recall"), tell("cli.head.f1"), tell("cli.head.rows")]
        put_table(heads, [[c["label"], number(c["precision"]), number(c["recall"]), number(c["f1"]), c["rows"]] for c in classes])
    if confusion := result.get("confusion"):
        labels = confusion["labels"]
        if len(labels) <= 12:
            put()
            put_table([tell("cli.evaluate.confusion"), *labels], [[label, *row] for label, row in zip(labels, confusion["matrix"])])
        else:
            put_note(tell("cli.evaluate.wide", classes=len(labels)))
