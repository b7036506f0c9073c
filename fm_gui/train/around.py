"""What a run does beside its steps, timed on a part of the rows: the first fit, checks, the final evaluation, saving."""

import time

import numpy as np

FEW_ROWS = 64  # on which the final evaluation is timed
FEW_TOKENS = 20_000
CHECK_SECONDS = 15.0  # a check that would take longer is timed on a part of the rows
BASELINE_ROWS = 2_000  # to which the cheap methods are fitted to time them


def first_fit(job) -> float:
    """Seconds of setting the model up before its first step, from doing it on a part of the rows."""
    from fm_gui.data.prepare import Prepared
    from fm_gui.tasks.heads import MOST_ROWS

    part = job.data["train"]

    def fitted(count: int) -> tuple[float, int]:
        rows = np.linspace(0, len(part) - 1, min(len(part), count)).astype(np.int64)
        begin = time.perf_counter()
        data = Prepared(job.data.parts | {"train": thin(part, rows)}, job.data.labels)
        job.task.warm_start(job.model, job.processor, data, job.config, job.device, lambda *_: None)
        return time.perf_counter() - begin, len(rows)

    once, _ = fitted(FEW_ROWS // 2)  # pays for loading what it uses: that does not grow with the rows
    (some, few), (more, many) = fitted(4 * FEW_ROWS), fitted(12 * FEW_ROWS)
    each = max(0.0, more - some) / (many - few) if many > few else 0.0
    return once + more + each * (min(len(part), MOST_ROWS) - many)


def check(job, items: int) -> float:
    """Seconds of a check of the validation part, with what the model writes at it; a long one is timed on a tenth of its rows."""
    part = job.data["validation"]

    def judged(few: int) -> float:
        begin = time.perf_counter()
        job.task.metrics(job.model, job.processor, part, job.config, job.device, few, lambda *_: None)
        return time.perf_counter() - begin

    total = min(items, len(job.task.lengths(part, job.config)))
    few = min(total, max(1, items // 20))
    judged(few)  # the first pays for setting up
    if (judging := judged(few) * total / few) < CHECK_SECONDS:
        judging = judged(total)
    elif total > items // 10:
        judging = judged(items // 10) * total / (items // 10)
    begin = time.perf_counter()
    job.task.samples(job.model, job.processor, part, job.config, job.device)
    return judging + time.perf_counter() - begin


def evaluation(job, workspace) -> float:
    """Seconds of judging the test part and the cheap methods, from judging a few rows."""
    part = job.data["test"]
    lengths = part["input_ids"].lengths
    rows = np.linspace(0, len(part) - 1, min(len(part), FEW_ROWS)).astype(np.int64)
    rows = rows[: max(1, int((np.cumsum(lengths[rows]) <= FEW_TOKENS).sum()))]
    few = thin(part, rows)
    begin = time.perf_counter()
    job.task.metrics(job.model, job.processor, few, job.config, job.device, None, lambda *_: None)
    job.task.report(job.model, job.processor, few, job.config, job.device, job.data.labels, [""] * len(rows))
    judging = (time.perf_counter() - begin) * lengths.sum() / max(1, lengths[rows].sum())
    return float(judging) + _baselines(job, workspace)


def _baselines(job, workspace) -> float:
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import Prepared

    train = job.data["train"]
    rows = np.linspace(0, len(train) - 1, min(len(train), BASELINE_ROWS)).astype(np.int64)
    data = Prepared(job.data.parts | {"train": thin(train, rows)}, job.data.labels)
    begin = time.perf_counter()
    try:
        job.task.baselines(Dataset(workspace, job.config.data.name, job.config.data), data, "test")
    except ValueError:  # so few rows may hold one class only, which scikit-learn refuses
        return 0.0
    return (time.perf_counter() - begin) * len(train) / len(rows)


def thin(part, rows: np.ndarray):
    """``part`` with these of its rows only."""
    from fm_gui.data.prepare import Part, Ragged

    def take(values):
        if not isinstance(values, Ragged):
            return np.asarray(values)[rows]
        kept = [values[int(i)] for i in rows]
        return Ragged(np.concatenate(kept), np.concatenate([[0], np.cumsum([len(one) for one in kept])]))

    return Part({name: take(values) for name, values in part.columns.items()}, part.rows[rows])


def save_seconds(job, size: int) -> float:
    """Seconds of bringing the weights to the disk as a checkpoint does, hashed and synced; 0 where it has no room to try.

    They are read back too, untimed, as a run does with its best ones at the end: that may take more memory than its steps.
    """
    import shutil

    from fm_gui.train.checkpoint import Snapshot, aside_of, weights_of, write_snapshot
    from fm_gui.train.sharded import put_weights

    if shutil.disk_usage(job.run.path).free < 2 * size:
        return 0.0
    begin, folder = time.perf_counter(), job.run.path / "tried"
    write_snapshot(folder, Snapshot({"model.safetensors": weights_of(job.model, copied=False)}, {}), aside_of(folder))
    seconds = time.perf_counter() - begin
    if job.config.train.keep_best and job.shell is None:
        put_weights(job.model, folder / "model.safetensors")
    return seconds
