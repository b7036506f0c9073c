"""Judge a finished run on rows it has never seen, beside the cheap methods that it must beat."""

from pathlib import Path

from fm_gui import predict
from fm_gui.data.dataset import Dataset
from fm_gui.data.prepare import prepare
from fm_gui.files import write_json
from fm_gui.runs import Run
from fm_gui.workspace import Workspace


def evaluate(run: Run, part: str = "test", beat=lambda *_: None, device: str = "auto", tokens: int = 0) -> dict:
    """Metrics, baselines and more of the saved model on a held-out part; written to evaluation.json and returned.

    ``beat()`` is called now and then, and may raise to stop; ``tokens`` are in memory at once, 0 takes the task's own number.
    """
    predictor = predict.load(run, device)
    config, task, model, processor = run.config, predictor.task, predictor.model, predictor.processor
    workspace = Workspace(run.workspace_root)
    dataset = Dataset(workspace, config.data.name, config.data)
    data = prepare(workspace, config, task, dataset, processor, beat)
    rows = data[part].rows
    result = {
        "part": part,
        "rows": len(rows),
        "metric": task.metric,
        "metrics": task.metrics(model, processor, data[part], config, model.device, None, beat, tokens),
        "baselines": task.baselines(dataset, data, part),
    }
    beat()
    result |= task.report(model, processor, data[part], config, model.device, data.labels, [row["text"] for row in dataset.rows(rows)])
    write_json(Path(run.path) / "evaluation.json", result)
    return result
