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
from typing import Any, Literal, get_args

import gradio as gr
from gradio import FileData
from gradio.data_classes import FileDataDict
from gradio.utils import get_upload_folder

from fm_gui import demo, queue, tasks
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
        """Start training and return the run's id; ``start`` as --model of the command line, ``settings`` takes training, model and task settings alike."""
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

    def resume_run(self, run: str, settings: dict[str, Any] | None = None) -> str:
        """Go on from the last checkpoint, with settings changed that may change (more steps, another interval); returns its state now."""
        self._run(run).resume(_settings(settings))
        return self._run(run).status().state

    def resume_outlook(self, run: str, settings: dict[str, Any] | None = None) -> list[str]:
        """How a run would go on with ``settings`` changed: its steps, learning rate and checks, as sentences."""
        from fm_gui.changes import outlook

        return [say(key, **values) for key, values in outlook(self._run(run), _settings(settings))]

    def discard_run(self, run: str) -> str:
        """Stop a run, whatever that takes, and move it to the bin; returns its id."""
        self._run(run).discard()
        return run

    def end_run(self, run: str) -> str:
        """End the process of a run that gives no sign of life; resume goes on from the last checkpoint. Returns its state now."""
        self._run(run).kill()
        return self._run(run).status().state

    def list_queue(self) -> Row:
        """The waiting runs in order, and those whose process ended while they waited or with the machine."""
        return {"waiting": [_waiting(one) for one in queue.line(self._workspace)], "fallen": [run.id for run in queue.fallen(self._workspace)]}

    def move_run(self, run: str, how: Literal["up", "down", "next"]) -> Row:
        """Move a waiting run; returns where it is now."""
        if how not in get_args(queue.Move):
            raise UserError("setting-choice", name="how", value=str(how)[:80], limit=", ".join(get_args(queue.Move)))
        return _waiting(queue.move(self._workspace, self._run(run).id, how))

    def cancel_run(self, run: str) -> str:
        """Take a waiting run out of the line; returns its state now."""
        queue.cancel(self._workspace, run)
        return self._run(run).status().state

    def restart_queue(self) -> list[str]:
        """Put runs back in line whose process ended while they waited or with the machine; returns their ids."""
        return [run.id for run in queue.restart(self._workspace)]

    def list_bin(self) -> list[Row]:
        """What was deleted and can be brought back, last first."""
        return [{"name": one.name, "kind": one.kind, "time": one.time} for one in self._workspace.bin()]

    def restore(self, name: str) -> str:
        """Bring back what was deleted under ``name`` (of several the last; or "datasets.NAME", "runs.NAME"); returns its name."""
        return self._workspace.restore(name)

    def empty_bin(self) -> None:
        """Delete for good what is in the bin."""
        self._workspace.empty_bin()

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
        if not texts:
            raise UserError("no-texts")
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
        from fm_gui.models.starts import read_start

        start, architecture, size = read_start(self._workspace, start)
        demo.check_folder(start, self._workspace.root)
        asked: Row = {"train": {}, "options": {}, "architecture": architecture, "size": size}
        learned = tasks.get_task(task)
        of_model = ModelSpec.model_fields.keys() - {"start"}
        known = TrainSettings.model_fields.keys() | learned.Options.model_fields.keys() | of_model
        for field, value in _settings(settings).items():
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


def _settings(given: dict[str, Any] | None) -> dict[str, Any]:
    if not isinstance(given or {}, dict):
        raise UserError("setting-kind", name="settings", value=str(given)[:80], limit="")
    return given or {}


def _waiting(one: queue.Waiting) -> Row:
    return {"run": one.run.id, "place": one.place, "devices": one.status.devices}


def _input(run: Run) -> str:
    """The one role that a task's models read."""
    return next(iter(tasks.get_task(run.config.task).inputs))


def _uploaded(file: FileDataDict) -> Path:
    """The path of an uploaded file. Gradio checks only values marked as files, and a caller may leave the mark out."""
    path = Path(str(file.get("path", ""))).resolve() if isinstance(file, dict) else Path()
    if not path.is_file() or not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise UserError("api-file")
    return path
