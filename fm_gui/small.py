"""A faster, smaller form of a finished classifier, for ONNX Runtime: the whole weights ("onnx"), or 8-bit whole numbers ("int8").

It is never made without its price: what it scores on the run's held-out rows, and how fast it is, beside the whole model. A form is
run.path/small/FORM/ with model.onnx and figures.json; it is made again once the run's weights change.
"""

import logging
import shutil
import statistics
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fm_gui import predict
from fm_gui.config import parse
from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.runs import Run
from fm_gui.tasks import Kind, Task, get_task
from fm_gui.workspace import Workspace

FORMS = ("onnx", "int8")
INPUTS = ["input_ids", "attention_mask"]
OPSET = 18
FEW_POINTS = 0.5  # of the main score, of 100: what a small form may lose unsaid
TIMED, ROUNDS = 256, 3  # texts whose answers are timed, turns of each side
BATCH_TOKENS = 2_048  # in memory at once
Progress = Callable[[float, str], None]  # share done, words key of what is going on


@dataclass(frozen=True)
class Small:
    """A form, loaded; it answers as ``predict.Predictor`` does."""

    task: Task
    session: Any
    processor: Any
    names: dict[int, str]

    def predict(self, inputs: list[dict], **knobs) -> list[dict]:
        """One output per input. Raises UserError for a knob, as classification has none."""
        from fm_gui.tasks.text_classification import answers, read

        parse(self.task.PredictOptions, knobs)
        return list(answers(self.chances(read(self.processor, inputs)), self.names)) if inputs else []

    def chances(self, sequences) -> np.ndarray:
        """Class probabilities (rows x classes, float32) of token sequences."""
        import torch

        from fm_gui.tasks.text_classification import chances_of

        def logits(batch):
            return torch.from_numpy(self.session.run(["logits"], {name: batch[name].numpy() for name in INPUTS})[0])

        return chances_of(logits, sequences, len(self.names), self.processor, micro_tokens=BATCH_TOKENS)


def can(run: Run) -> bool:
    """Whether this kind of run has small forms."""
    return get_task(run.config.task).output is Kind.LABEL


def make(run: Run, form: str, progress: Progress | None = None) -> Path:
    """The folder of ``form`` of ``run``, made if it is not there. Raises UserError if the run has no such form or no model."""
    if form not in FORMS:
        raise UserError("small-form", form=form, known=", ".join(FORMS))
    if not can(run):
        raise UserError("small-task", name=run.id)
    whole, folder, tell = predict.load(run, "cpu"), run.path / "small" / form, progress or (lambda share, key: None)
    if (known := figures(run, form)) and known["weights"] == _weights(run) and (folder / "model.onnx").exists():
        return folder
    beside = folder.with_name(f".{form}.{uuid.uuid4().hex[:8]}")
    try:
        beside.mkdir(parents=True)
        tell(0.05, "small.writing")
        write_graph(whole, beside / "model.onnx")
        if form == "int8":
            tell(0.3, "small.rounding")
            to_int8(beside / "model.onnx")
        tell(0.4, "small.measuring")
        small = Small(whole.task, session(beside / "model.onnx"), whole.processor, whole.model.config.id2label)
        found = measure(run, whole, small, lambda share: tell(0.4 + 0.6 * share, "small.measuring"))
        sizes = {"whole_bytes": (run.path / "model" / "model.safetensors").stat().st_size, "small_bytes": (beside / "model.onnx").stat().st_size}
        write_json(beside / "figures.json", {"form": form, "weights": _weights(run), **sizes, **found})
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except OSError as problem:
        raise UserError("small-write", name=run.id, reason=problem.strerror or str(problem)) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def load(run: Run, form: str, progress: Progress | None = None) -> Small:
    """``form`` of the run, ready; made first if need be, and kept loaded while it stays the same."""
    folder = make(run, form, progress)
    return _load(folder, (folder / "figures.json").stat().st_mtime_ns, run.path)


@lru_cache(maxsize=2)
def _load(folder: Path, changed: int, run: Path) -> Small:
    whole = predict.load(Run(run), "cpu")
    return Small(whole.task, session(folder / "model.onnx"), whole.processor, whole.model.config.id2label)


def figures(run: Run, form: str) -> dict[str, Any] | None:
    """What was measured of a form when it was made; None if it was not."""
    path = run.path / "small" / form / "figures.json"
    return read_json(path) if path.exists() else None


def _weights(run: Run) -> int:
    """Changes whenever the run's weights do."""
    return (run.path / "model" / "model.safetensors").stat().st_mtime_ns


# -- the file


def write_graph(whole: predict.Predictor, path: Path) -> None:
    """The model as an ONNX graph for any number of rows and tokens. Raises UserError if its kind of network has none."""
    import onnxscript  # noqa: F401  torch's exporter needs it, and names it only when it is too late
    import torch

    class Logits(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    # two rows of unlike length: sizes of one, and a mask without gaps, would be taken for what always holds
    mask = torch.ones(2, 8, dtype=torch.long)
    mask[1, 5:] = 0
    ids = torch.where(mask.bool(), min(5, whole.model.config.vocab_size - 1), whole.processor.pad_token_id)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with _quiet("torch.onnx"), warnings.catch_warnings(action="ignore"):
            torch.onnx.export(
                Logits(whole.model).eval(), (ids, mask), str(path), input_names=INPUTS, output_names=["logits"], opset_version=OPSET,
                dynamo=True, dynamic_shapes=(free, free), external_data=False, verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as problem:
        raise UserError("small-network", name=whole.run.id, reason=(str(problem).splitlines() or ["?"])[0][:200]) from None


def to_int8(path: Path) -> None:
    """The weights of the graph as 8-bit whole numbers with a scale for each column; what passes between them is scaled as it comes."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(None):  # advises a step that the exporter has taken already
        quantize_dynamic(path, path, weight_type=QuantType.QInt8, per_channel=True, extra_options={"MatMulConstBOnly": True})


@contextmanager
def _quiet(name: str | None) -> Iterator[None]:
    """Without the warnings that a library's logger (None: its root) has for its own developers."""
    def errors(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger, level = logging.getLogger(name), logging.getLogger(name).level
    logger.addFilter(errors)
    if name:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.removeFilter(errors)
        logger.setLevel(level)


def session(path: Path) -> Any:
    """ONNX Runtime's own, on the CPU, with as many threads as torch has."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


# -- what it costs and what it gives


def measure(run: Run, whole: predict.Predictor, small: Small, beat: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """{"rows", "same", "metric", "whole", "small", "lost"}: on the test part both sides' scores and texts a second, how many answers
    are the same, and the points of 100 that the small form loses of the main score. Without those rows there are no figures."""
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import prepare
    from fm_gui.tasks.text_classification import chances_of, scores_of, spread

    workspace, data = Workspace(run.workspace_root), run.config.data
    if not Dataset.has(workspace, data):
        return {"rows": 0}
    dataset = Dataset(workspace, data.name, data)
    part = prepare(workspace, run.config, whole.task, dataset, whole.processor)["test"]
    if not len(part):
        return {"rows": 0}
    sequences, truth = [part["input_ids"][i] for i in range(len(part))], np.asarray(part["label"])
    beat(0.1)
    guesses = [chances_of(_whole_logits(whole), sequences, len(small.names), whole.processor).argmax(-1), small.chances(sequences).argmax(-1)]
    beat(0.5)
    scores = [scores_of(truth, guess) for guess in guesses]
    inputs = [{"text": row["text"]} for row in dataset.rows(part.rows[spread(len(part), TIMED)])]
    speeds = speeds_of([whole.predict, small.predict], inputs, lambda share: beat(0.5 + 0.5 * share))
    metric = whole.task.metric
    sides = {name: score | {"texts_per_second": speed} for name, score, speed in zip(("whole", "small"), scores, speeds)}
    lost = 100 * (scores[0][metric] - scores[1][metric])
    return {"rows": len(part), "same": int((guesses[0] == guesses[1]).sum()), "metric": metric, "lost": lost, **sides}


def _whole_logits(whole: predict.Predictor) -> Callable:
    import torch

    def logits(batch):
        with torch.inference_mode():
            return whole.model(**batch).logits

    return logits


def speeds_of(sides: list[Callable], inputs: list[dict], beat: Callable[[float], None]) -> list[float]:
    """Texts a second of each, the median of turns that change who begins: whatever else runs hits both."""
    seconds: list[list[float]] = [[] for _ in sides]
    for side in sides:
        side(inputs[:8])  # the first call pays for setting up
    for turn in range(ROUNDS):
        for number in range(len(sides)) if turn % 2 == 0 else reversed(range(len(sides))):
            begin = time.perf_counter()
            sides[number](inputs)
            seconds[number].append(time.perf_counter() - begin)
        beat((turn + 1) / ROUNDS)
    return [len(inputs) / statistics.median(times) for times in seconds]
