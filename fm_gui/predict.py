"""Use a finished run: inputs in, outputs of the task's kind out. The model stays warm between calls."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fm_gui.config import parse
from fm_gui.errors import UserError
from fm_gui.runs import Run
from fm_gui.tasks import Kind, Task, get_task

ROWS_AT_ONCE = 512  # of a file: enough to batch texts of like length, few enough to show progress


@dataclass(frozen=True)
class Predictor:
    """A run's model, loaded."""

    run: Run
    task: Task
    model: Any
    processor: Any

    def predict(self, inputs: list[dict], **knobs) -> list:
        """One output per input; for a task that streams, the last text of each. Raises UserError for a wrong knob."""
        chosen = parse(self.task.PredictOptions, knobs)
        if not inputs:
            return []
        if self.task.output is Kind.STREAM:
            return [list(self.task.predict(self.model, self.processor, [one], chosen))[-1] for one in inputs]
        return list(self.task.predict(self.model, self.processor, inputs, chosen))

    def stream(self, one: dict, **knobs) -> Iterator[Any]:
        """The outputs of one input as they grow (for STREAM), or its only output."""
        yield from self.task.predict(self.model, self.processor, [one], parse(self.task.PredictOptions, knobs))


def load(run: Run, device: str = "auto") -> Predictor:
    """The run's model, ready; loaded once while the file on disk stays the same. Raises UserError if there is none."""
    if not run.has_model:
        raise UserError("run-no-model", name=run.id)
    return _load(run.path, (run.path / "model" / "model.safetensors").stat().st_mtime_ns, device)


@lru_cache(maxsize=3)  # as many as Try compares side by side
def _load(path: Path, changed: int, device: str) -> Predictor:
    import torch
    import transformers
    from safetensors import SafetensorError

    from fm_gui import machine

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    run = Run(path)
    task = get_task(run.config.task)
    auto = getattr(transformers, task.head)
    try:
        model = auto.from_pretrained(path / "model", trust_remote_code=False, use_safetensors=True, dtype=torch.float32)
        processor = transformers.AutoTokenizer.from_pretrained(path / "model", trust_remote_code=False)
    except (SafetensorError, OSError, ValueError, RuntimeError) as problem:
        raise UserError("model-broken", name=f"run:{run.id}", reason=(str(problem).splitlines() or ["?"])[0][:200]) from None
    return Predictor(run, task, model.to(machine.pick(device)).eval(), processor)


def predict_file(run: Run, path: Path, out: Path, progress: Callable[[int, int], None] | None = None, predictor=None) -> Path:
    """Every row of a file with a prediction beside it, as CSV. Raises UserError if it lacks the text column.

    The text is taken from the column the model was trained on, or the file's only column. ``predictor`` is who answers in place
    of the run's whole model (see small.py).
    """
    from fm_gui.data.readers import read

    predictor = predictor or load(run)
    reading = read([Path(path)])
    if reading.skipped:
        raise UserError("predict-unreadable", file=Path(path).name, rows=len(reading.skipped), first=reading.skipped[0]["row"])
    table = reading.table
    wanted = run.config.data.roles["text"].column
    column = wanted if wanted in table.column_names else table.column_names[0] if table.num_columns == 1 else None
    if column is None:
        raise UserError("predict-column", file=Path(path).name, column=wanted, found=", ".join(table.column_names))
    rows = table.to_pylist()
    with open(out, "w", encoding="utf-8-sig", newline="") as file:  # with a BOM, so that Excel reads it right
        writer = None
        for start in range(0, len(rows), ROWS_AT_ONCE):
            chunk = rows[start : start + ROWS_AT_ONCE]
            outputs = predictor.predict([{"text": row[column] if row[column] is not None else ""} for row in chunk])
            for row, output in zip(chunk, outputs):
                # a column of the file that is called like one of ours stays as it is
                filled = row | {f"{name} (model)" if name in row else name: value for name, value in flat(output).items()}
                if writer is None:
                    writer = csv.DictWriter(file, filled.keys())
                    writer.writeheader()
                writer.writerow(filled)
            if progress:
                progress(min(start + ROWS_AT_ONCE, len(rows)), len(rows))
    return Path(out)


def flat(output) -> dict[str, Any]:
    """An output as columns of a table: prediction, probability, and one column a class."""
    if isinstance(output, dict):
        scores = {f"probability {name}": round(p, 6) for name, p in sorted(output["scores"].items())}
        return {"prediction": output["label"], "probability": round(output["scores"][output["label"]], 6)} | scores
    if isinstance(output, list):  # one entry a mask, and rows may have different numbers of them
        return {"prediction": " / ".join(place[0][0] for place in output), "candidates": " / ".join(" | ".join(f"{piece} {p:.4f}" for piece, p in place) for place in output)}
    return {"prediction": output}
