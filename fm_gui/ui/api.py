"""The journey for scripts: named endpoints for ``gradio_client``, the same engine verbs as the page's and the command line's.

    client = Client("http://127.0.0.1:7860")
    client.predict(file=handle_file("reviews.csv"), api_name="/add_dataset")

The engine is imported inside the functions: the page must be up before torch is. Mistakes come as one English sentence.
"""

import functools
import inspect
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio import FileData
from gradio.data_classes import FileDataDict
from gradio.utils import get_upload_folder

from fm_gui import tasks
from fm_gui.config import ModelSpec, RunConfig, TrainSettings
from fm_gui.data.dataset import Dataset
from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.text import say
from fm_gui.ui.visitors import pinned
from fm_gui.workspace import Workspace

log = logging.getLogger("fm_gui")
Row = dict[str, Any]
ONE_AT_A_TIME = ("preflight", "predict", "generate", "evaluate", "export")  # each may take all cores


class Api:
    """Every public method is an endpoint; its docstring and types are what ``client.view_api()`` shows."""

    def __init__(self, workspace: Workspace):
        self._given = workspace

    @property
    def _workspace(self) -> Workspace:
        return pinned(self._given)

    def add_dataset(self, file: FileDataDict, name: str = "", columns: dict[str, str] | None = None) -> Row:
        """Add a CSV, TSV, JSON, JSONL, Parquet or text file; ``columns`` corrects the guessed roles: {"text": "review"}."""
        from fm_gui.data.adding import add_dataset

        spec = add_dataset(self._workspace, [_uploaded(file)], name=name, roles=columns)
        return spec.model_dump(mode="json")

    def list_datasets(self) -> list[Row]:
        """All data sets, newest first."""
        return [spec.model_dump(mode="json") for spec in self._workspace.datasets()]

    def show_dataset(self, data: str, start: int = 0, count: int = 20) -> Row:
        """What is known of a data set, and some of its rows."""
        found = Dataset(self._workspace, data)
        return {"spec": found.spec.model_dump(mode="json"), "rows": found.page(start, min(count, 500))}

    def delete_dataset(self, data: str) -> str:
        """Move a data set that no run needs to the bin; returns its name."""
        self._workspace.delete_dataset(data)
        return data

    def add_sample(self, sample: str) -> Row:
        """Add one of the samples that fm_gui can make: tickets, languages, docs-topics, english-docs, chinese-ui."""
        from fm_gui.data.samples import add_sample

        return add_sample(self._workspace, sample).model_dump(mode="json")

    def undo_delete(self) -> str:
        """Bring back what was deleted last; returns its name."""
        return self._workspace.undo_delete()

    def offers(self, data: str) -> list[Row]:
        """What this data set can teach: each task with the columns it still misses."""
        return [
            {"task": task.name, "title": say(f"task.{task.name}"), "missing": missing}
            for task, missing in tasks.offers(Dataset(self._workspace, data).spec)
        ]

    def start_run(
        self, task: str, data: str, start: str = "", preset: Literal["quick", "balanced", "best"] = "balanced",
        minutes: float | None = None, settings: dict[str, Any] | None = None, name: str = "",
    ) -> str:  # fmt: skip
        """Start training and return the run's id; ``settings`` takes training, model and task settings alike."""
        from fm_gui import plan

        return plan.start(self._workspace, self._config(task, data, start, preset, minutes, settings), name).id

    def preflight(
        self, task: str, data: str, start: str = "", preset: Literal["quick", "balanced", "best"] = "balanced",
        minutes: float | None = None, settings: dict[str, Any] | None = None,
    ) -> Row:  # fmt: skip
        """What a run would take, by a few real steps that leave nothing behind: seconds, memory, disk, whether it fits, advice."""
        from fm_gui import preflight

        result = preflight.measure(self._workspace, self._config(task, data, start, preset, minutes, settings))
        advice = [one.model_dump() | {"sentence": say(one.code, **one.values)} for one in result.advice]
        return result.model_dump() | {"advice": advice, "hits": preflight.hit_rate(self._workspace)}

    def list_runs(self) -> list[Row]:
        """All runs, newest first, with their status."""
        return [
            {"id": run.id, "task": run.config.task, "data": run.config.data.name, **run.status().model_dump()}
            for run in self._workspace.runs()
        ]

    def run_status(self, run: str) -> Row:
        """What a run is doing: state, step, steps, eta, score, error ..."""
        return self._run(run).status().model_dump()

    def run_metrics(self, run: str, offset: int = 0) -> Row:
        """The points of the curves from byte ``offset`` on, and the offset to ask from next time."""
        points, following = self._run(run).metrics(max(0, int(offset)))
        return {"points": points, "offset": following}

    def run_events(self, run: str, offset: int = 0) -> Row:
        """Phases, incidents and samples from byte ``offset`` on, and the offset to ask from next time."""
        events, following = self._run(run).events(max(0, int(offset)))
        return {"events": events, "offset": following}

    def stop_run(self, run: str) -> str:
        """Ask a run to stop after its step and keep its result; returns its state now."""
        self._run(run).stop()
        return self._run(run).status().state

    def resume_run(self, run: str) -> str:
        """Go on from the last checkpoint; returns its state now."""
        self._run(run).resume()
        return self._run(run).status().state

    def delete_run(self, run: str) -> str:
        """Move a run to the bin; returns its id."""
        self._workspace.delete_run(run)
        return run

    def predict(self, run: str, texts: list[str], settings: dict[str, Any] | None = None) -> list[Any]:
        """The model's answer to each text."""
        from fm_gui import predict

        found = self._run(run)
        if not isinstance(texts, list):
            raise UserError("not-a-list", name="texts", value=str(texts)[:80])
        return predict.load(found).predict([{_input(found): str(text)} for text in texts], **(settings or {}))

    def generate(self, run: str, prompt: str, settings: dict[str, Any] | None = None) -> str:
        """The prompt continued by a model that writes; ``settings`` are the knobs of Try (temperature, length, seed ...)."""
        from fm_gui import predict

        found = self._run(run)
        if tasks.get_task(found.config.task).output != tasks.Kind.STREAM:
            raise UserError("api-not-a-generator", name=run)
        return max(predict.load(found).stream({_input(found): prompt}, **(settings or {})), key=len, default="")

    def evaluate(self, run: str, part: Literal["test", "validation"] = "test") -> Row:
        """Metrics, baselines and mistakes on a held-out part."""
        from fm_gui.evaluate import evaluate

        return evaluate(self._run(run), part)

    def export(self, run: str) -> FileDataDict:
        """The model as a zip that plain transformers loads, with its card and a predict.py."""
        from fm_gui.export import export_zip

        found = self._run(run)
        # a folder of its own among the uploads, from where gradio may serve it
        written = export_zip(found, Path(tempfile.mkdtemp(dir=get_upload_folder())) / f"{found.id}.zip")
        return FileData(path=str(written), orig_name=written.name).model_dump()

    def _run(self, run_id: str) -> Run:
        return self._workspace.run(run_id)

    def _config(self, task: str, data: str, start: str, preset: str, minutes: float | None, settings: dict[str, Any] | None) -> RunConfig:
        """What was asked for; ``settings`` sorted into the training's, the model's and the task's own. Raises UserError for an unknown one."""
        from fm_gui import plan

        asked: Row = {"train": {}, "options": {}}
        if not isinstance(settings or {}, dict):
            raise UserError("setting-kind", name="settings", value=str(settings)[:80], limit="")
        learned = tasks.get_task(task)
        of_model = ModelSpec.model_fields.keys() - {"start"}
        known = TrainSettings.model_fields.keys() | learned.Options.model_fields.keys() | of_model
        for field, value in (settings or {}).items():
            if field not in known:
                raise UserError("setting-unknown", name=field, known=", ".join(sorted(known)))
            place = asked["options"] if field in learned.Options.model_fields else asked if field in of_model else asked["train"]
            place[field] = value
        return plan.make_config(self._workspace, task=task, data=data, start=start, preset=preset, minutes=minutes, **asked)


def build(workspace: Workspace) -> None:
    """Register every public method of Api; called inside the Blocks."""
    api = Api(workspace)
    for name, _ in inspect.getmembers(Api, inspect.isfunction):
        if not name.startswith("_"):
            gr.api(
                _told(getattr(api, name)),
                api_name=name,
                concurrency_id="model" if name in ONE_AT_A_TIME else None,
                concurrency_limit=1 if name in ONE_AT_A_TIME else "default",
            )


def _told(method: Callable) -> Callable:
    """``method`` with its mistakes as gr.Error: the one boundary of the endpoints."""

    @functools.wraps(method)
    def endpoint(*args):
        try:
            return method(*args)
        except UserError as problem:
            raise gr.Error(str(problem), print_exception=False) from problem
        except Exception as problem:
            log.exception("defect in %s", method.__name__)
            raise gr.Error(say("error.defect"), print_exception=False) from problem

    return endpoint


def _input(run: Run) -> str:
    """The one role that a task's models read."""
    return next(iter(tasks.get_task(run.config.task).inputs))


def _uploaded(file: FileDataDict) -> Path:
    """The path of an uploaded file. Gradio checks only values marked as files, and a caller may leave the mark out."""
    path = Path(str(file.get("path", ""))).resolve() if isinstance(file, dict) else Path()
    if not path.is_file() or not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise UserError("api-file")
    return path
