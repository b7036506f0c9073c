"""The training process: ``python -m fm_gui worker RUN``. Phases one after another, one failure boundary.

queued > preparing > measuring > training > saving > evaluating > done. The model is saved before it is judged, so that
the score is that of the file, and a failure while judging loses nothing.
"""

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path

from fm_gui.errors import UserError
from fm_gui.files import disk_full, disk_guard, is_disk_full, read_json, write_json
from fm_gui.runs import Run
from fm_gui.workspace import Workspace


def set_allocator() -> None:
    """Let glibc keep freed memory for the next large tensor instead of returning it: 1.1x to 1.2x on a CPU (mallopt(3))."""
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
            libc.mallopt(m_mmap_max, 0)
            libc.mallopt(m_trim_threshold, 2**31 - 1)
            libc.mallopt(m_top_pad, 64 * 2**20)


def main(path: str | Path) -> int:
    """Work on the run in ``path`` until it is done, stopped or failed; returns the exit status, 0 unless failed."""
    set_allocator()  # before torch allocates anything
    run = Run(Path(path).resolve())
    # asked to end by the system (a notebook or a Space closing): as if the person had pressed Stop
    signal.signal(signal.SIGTERM, lambda *_: (run.path / "stop").touch())
    from fm_gui.train.report import Report, RunGone, Stopped

    if run.status().state == "done":
        return 0
    if not announce(run):
        print(UserError("run-active", name=run.id).say(), file=sys.stderr)
        return 1
    report = Report(run)
    try:
        if (count := int(os.environ.get("WORLD_SIZE", 1))) > 1:
            raise UserError("one-process", name=run.id, count=count)
        with disk_guard(run.path):
            work(run, report)
    except Stopped:
        report.phase("stopped", eta=None)
    except RunGone:
        return 0
    except UserError as problem:
        return fail(report, problem)
    except Exception as problem:  # the process boundary: whatever it was is told, and the whole trace stands in log.txt
        traceback.print_exc()
        return fail(report, explain(problem))
    return 0


def fail(report, error: UserError) -> int:
    """Tell why the run ends, in its folder, or, where even that is not possible, in its log."""
    try:
        report.failed(error)
    except OSError:
        print(error.say(), file=sys.stderr)
    return 1


def announce(run: Run) -> bool:
    """Write process.json, as Run.start() does too (a worker may come from a terminal); False if another worker is at it."""
    import psutil

    if run.has_worker and read_json(run.path / "process.json")["pid"] != os.getpid():
        return False
    write_json(run.path / "process.json", {"pid": os.getpid(), "create_time": psutil.Process().create_time()})
    return True


def explain(problem: Exception) -> UserError:
    """The sentence for an exception that nobody foresaw."""
    if is_disk_full(problem):
        return disk_full(Path.cwd())
    text = (str(problem).strip().splitlines() or [""])[-1][:300]
    if isinstance(problem, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text.lower():
        return UserError("out-of-memory")
    return UserError("crash", kind=type(problem).__name__, text=text)


def work(run: Run, report) -> None:
    """The phases of a run."""
    from filelock import FileLock

    from fm_gui import machine
    from fm_gui.train.turn import wait_for_turn

    workspace = Workspace(run.workspace_root)
    device = machine.pick(run.config.train.device)
    lock = FileLock(workspace.root / "locks" / f"{device.replace(':', '-')}.lock")
    wait_for_turn(workspace, run, lock, report)
    try:
        learn_and_judge(workspace, run, device, report)
    finally:
        lock.release()


def learn_and_judge(workspace: Workspace, run: Run, device_name: str, report) -> None:
    """Everything that needs the device."""
    from fm_gui import machine

    report.phase("preparing")
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(min(torch.get_num_threads(), machine.cores()))
    from fm_gui.train import loop
    from fm_gui.train.checkpoint import LoopState, load_checkpoint, recover
    from fm_gui.train.planned import finish_estimate, measured_plan
    from fm_gui.train.report import Stopped

    job = make_job(workspace, run, torch.device(device_name), report)
    recover(run.path / "checkpoint")
    recover(run.path / "best")
    plan = measured_plan(run, job, report)
    if run.has_checkpoint:
        state = load_checkpoint(run.path / "checkpoint", job.model, job.optimizers)
    else:
        state = LoopState(steps=plan["steps"])
        job.task.warm_start(job.model, job.processor, job.data["train"], job.config, job.device, report.beat)
    report.rewind(state.step, state.check_due)
    report.phase("training", step=state.step, steps=state.steps, error=None)
    try:
        loop.train(job, state, report, plan["eval_every"])
    except Stopped:
        if state.step > 0:
            keep_result(run, job, state)
        raise
    except UserError:
        if job.config.train.keep_best and state.best_step is not None:  # the present weights may be worthless, the best are not
            keep_result(run, job, state)
        raise
    report.phase("saving", step=state.step, eta=None, early_stopped=state.early_stopped)
    keep_result(run, job, state)
    finish_estimate(run, state)
    report.phase("evaluating")
    from fm_gui.card import write_card
    from fm_gui.evaluate import evaluate

    evaluate(run, beat=report.beat, device=device_name)
    write_card(run)
    report.phase("done", seconds=state.seconds)


def make_job(workspace: Workspace, run: Run, device, report):
    """Data, tokenizer, model and optimizers of a run, made alike every time."""
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.prepare import prepare
    from fm_gui.tasks import get_task
    from fm_gui.train.loop import Job
    from fm_gui.train.measure import pick_precision
    from fm_gui.train.optim import make_optimizers

    config, task = run.config, get_task(run.config.task)
    data = Dataset(workspace, config.data.name, config.data)
    task.check(data)
    processor = task.processor(config, data, workspace, report.beat)
    prepared = prepare(workspace, config, task, data, processor, report.beat)
    task.check_prepared(prepared, config)
    model = task.build(config, prepared.labels, processor, workspace).to(device)
    optimizers = make_optimizers(model, config.train)
    return Job(run, config, task, model, processor, prepared, optimizers, device, pick_precision(config.train.precision, device))


def keep_result(run: Run, job, state) -> None:
    """Make model/ of the best weights so far, or of the present ones if the best are not kept."""
    from fm_gui.train.checkpoint import load_weights

    if job.config.train.keep_best and state.best_step is not None:
        load_weights(run.path / "best", job.model)
    save_model(run, job)


def save_model(run: Run, job) -> None:
    """Replace model/ with a normal Hugging Face folder: weights, config with labels, tokenizer with its length limit."""
    import shutil

    beside = run.path / ".model.new"
    shutil.rmtree(beside, ignore_errors=True)
    job.model.config.use_cache = True
    job.model.save_pretrained(beside)
    job.processor.model_max_length = job.task.limit(job.config)
    job.processor.save_pretrained(beside)
    shutil.rmtree(run.path / "model", ignore_errors=True)
    beside.rename(run.path / "model")
