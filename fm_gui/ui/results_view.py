"""What Try, Evaluate and Export share: which runs have a model, how they are named, which one is open."""

import tempfile
from pathlib import Path

import gradio as gr

from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.scores import number, scores
from fm_gui.ui.bind import word
from fm_gui.ui.view import esc, free_choice
from fm_gui.workspace import Workspace


def finished(workspace: Workspace) -> list[Run]:
    """Runs with a whole model (done, or stopped and kept), newest first."""
    return [run for run in workspace.runs() if run.has_model]


def choices(runs: list[Run], lang: str) -> list[tuple[str, str]]:
    """(what a person reads, id) for a drop-down: name and score, which also tells the kinds of models apart."""
    return [(" · ".join([run.id, *best_score(run, lang)]), run.id) for run in runs]


def best_score(run: Run, lang: str) -> list[str]:
    """The main figure in a few words, in a list; none if the run was not judged."""
    evaluation = run.evaluation()
    first = scores(run, evaluation)[:1] if evaluation else []
    return [f"{score.title(lang)} {number(score.value)}" for score in first]


def asked_run(workspace: Workspace, runs: list[Run], asked: str | None, current: str | None, lang: str) -> Run | None:
    """The run the address asks for, else the one that was open, else the newest; says so if the asked one cannot be shown."""
    by_id = {run.id: run for run in runs}
    if asked and asked not in by_id:
        known = {run.id for run in workspace.runs()}
        problem = UserError("run-no-model", name=asked) if asked in known else UserError("run-unknown", name=asked, known=", ".join(by_id) or "-")
        gr.Warning(esc(problem.say(lang)))
    return by_id.get(asked) or by_id.get(current) or (runs[0] if runs else None)


def run_picker(elem_id: str) -> gr.Dropdown:
    """The drop-down of finished runs of Evaluate and Export."""
    return free_choice(gr.Dropdown([], label=word("results.run"), info=word("results.run.help"), elem_id=elem_id, interactive=True))


def empty_state(key: str, prefix: str) -> gr.Column:
    """What stands there before there is a finished model: a sentence and the button that begins one."""
    with gr.Column(visible=False, elem_classes="fm-empty", elem_id=f"{prefix}-empty") as column:
        gr.Markdown(word(key))
        gr.Button(word("results.begin"), variant="primary", size="md", elem_id=f"{prefix}-begin").click(
            None, None, None, js="() => { fm.go('data', {}) }", api_visibility="private"
        )
    return column


def download_folder() -> Path:
    """A new folder in which a file may be offered for download: Gradio serves only from its own, and empties it in time."""
    Path(gr.utils.get_upload_folder()).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=gr.utils.get_upload_folder()))
