"""The training process: ``python -m fm_gui worker RUN``. Phases one after another, one failure boundary.

queued > preparing > measuring > training > saving > evaluating > done. The model is saved before it is judged, by a
process that has never seen it (judge.py), so that "done" is never said by mistake, and a failure while judging loses nothing.
Under torchrun several of these work on one run: the first tells, the others hear.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

from fm_gui import processes
from fm_gui.errors import UserError, is_panic
from fm_gui.files import disk_full, is_disk_full, put_in_place, read_json, write_json
from fm_gui.runs import Run
from fm_gui.workspace import Workspace

RESTARTED = "FM_GUI_RESTARTED"  # how often this process has started itself again


def set_allocator() -> None:
    """Let glibc keep freed memory for the next large tensor instead of returning it: 1.1x to 1.2x on a CPU (mallopt(3))."""
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
            libc.mallopt(m_mmap_max, 0)
            libc.mallopt(m_trim_threshold, 2**31 - 1)
            libc.mallopt(m_top_pad, 2**20)  # of every thread's arena: much more, and threads hold what a step may lack


def main(path: str | Path) -> int:
    """Work on the run in ``path`` until it is done, stopped or failed; returns the exit status, 0 unless failed."""
    set_allocator()  # before torch allocates anything
    run = Run(Path(path).resolve())
    if run.status().state == "done":
        return 0
    if not int(os.environ.get("RANK", 0)) and not announce(run):
        print(UserError("run-active", name=run.id).say(), file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: _ask_to_stop(run))  # not before it is sure that the run is ours
    from fm_gui.train import turn

    if (mine := turn.take(run)) is None:  # whoever waits is small: nothing of torch is loaded before here
        return int(run.path.exists() and run.status().state == "failed")
    try:
        return work(run, mine.devices)
    finally:
        mine.release()


def _ask_to_stop(run: Run) -> None:
    """Asked to end by the system (a notebook or a Space closing): as if the person had pressed Stop."""
    with contextlib.suppress(OSError):  # the folder is gone, or the disk full: then the system will insist
        (run.path / "stop").touch()


def work(run: Run, devices: list[str]) -> int:
    """Everything that needs the device: the failure boundary. Returns the exit status."""
    from fm_gui.train import backoff
    from fm_gui.train.ranks import Ranks, is_lost
    from fm_gui.train.report import Report, RunGone, Stopped
    from fm_gui.train.watcher import watch

    report = Report(run)
    try:
        report.ranks = ranks = Ranks.join()
        report.watch_silence()
        watch(report)
        learn_and_judge(Workspace(run.workspace_root), run, devices[ranks.local % len(devices)], report)
        ranks.leave()
    except Stopped:
        report.phase("stopped", eta=None)
    except RunGone:
        return 0
    except UserError as problem:
        return fail(report, problem)
    except BaseException as problem:  # the process boundary: whatever it was is told, and the whole trace stands in log.txt
        if not (isinstance(problem, Exception) or is_panic(problem)):
            raise
        traceback.print_exc()
        if backoff.is_poisoned(problem) and report.ranks.world == 1 and (count := int(os.environ.get(RESTARTED, 0))) < backoff.RESTARTS:
            report.incident("device-error", reason=backoff.first_line(problem), back=run.checkpoint_step)
            restart(count + 1)
        return fail(report, UserError("rank-lost") if is_lost(problem) else explain(problem, run.path))
    finally:
        report.drop_ballast()
        report.end_watch()
    return 0


def restart(count: int) -> None:
    """Become a fresh process, which goes on from the checkpoint: only that clears a device that is out of order.

    It keeps the process's number and start time, so whoever watches the run sees the same worker.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, os.environ | {RESTARTED: str(count)})


def fail(report, error: UserError) -> int:
    """Tell why the run ends, in its folder, or, where that is not possible or the first process's business, in its log."""
    try:
        report.failed(error)
    except OSError:
        print(error.say(), file=sys.stderr)
    if not report.ranks.first:
        print(f"process {report.ranks.rank}: {error.say()}", file=sys.stderr)
    return 1


def announce(run: Run) -> bool:
    """Write process.json, as Run.start() does too (a worker may come from a terminal); False if another worker is at it.

    The recorded process may be this one, or the one that started it and its like (torchrun).
    """
    import psutil

    if run.has_worker:
        return read_json(run.path / "process.json")["pid"] in (os.getpid(), *(parent.pid for parent in psutil.Process().parents()))
    (run.path / "stop").unlink(missing_ok=True)  # of an earlier start
    write_json(run.path / "process.json", processes.record(os.getpid()))
    return True


def explain(problem: BaseException, folder: Path) -> UserError:
    """The sentence for an exception that nobody foresaw, met while working in ``folder``."""
    from fm_gui.train import backoff

    if is_disk_full(problem):
        return disk_full(folder)
    if backoff.is_out_of_memory(problem):
        return UserError("out-of-memory")
    return UserError("crash", kind=type(problem).__name__, text=(str(problem).strip().splitlines() or [""])[-1][:300])


def learn_and_judge(workspace: Workspace, run: Run, device_name: str, report) -> None:
    """The phases of a run on its device."""
    report.phase("preparing")
    import torch

    from fm_gui.train import backoff
    from fm_gui.train.checkpoint import recover
    from fm_gui.train.job import make_job
    from fm_gui.train.report import Stopped

    ranks = report.ranks
    set_up(device_name, ranks.local_world)
    ranks.share(lambda: recover(run.path))
    ranks.share(lambda: report.with_room(report.keep_ballast))
    job = report.with_room(lambda: make_job(workspace, run, torch.device(device_name), report))
    if job.data.skipped:
        report.incident("rows-skipped", count=len(job.data.skipped), rows=", ".join(str(row + 1) for row in job.data.skipped[:12]))
    state = learn(run, job, report)
    report.phase("saving", step=state.step, eta=None, early_stopped=state.early_stopped)
    wanted = keep_result(job, state, report)
    if not ranks.first:
        return
    from fm_gui.card import write_card
    from fm_gui.train.judge import judge
    from fm_gui.train.planned import finish_estimate

    del job  # the judge may need its memory
    backoff.give_back(torch.device(device_name))
    report.phase("evaluating")
    try:
        report.with_room(lambda: judge(run, report, device_name, state.check_tokens, wanted))
    except Stopped:
        report.phase("stopped", eta=None)
        return
    report.with_room(lambda: write_card(run))
    report.with_room(lambda: finish_estimate(run, state))
    report.phase("done", seconds=state.seconds)


def set_up(device_name: str, processes: int = 1) -> None:
    """Make torch and transformers ready for work on a device that ``processes`` share."""
    import torch
    import transformers

    from fm_gui import machine
    from fm_gui.train import backoff

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(max(1, min(torch.get_num_threads(), machine.cores() // processes)))
    if device_name.startswith("cuda"):
        torch.cuda.set_device(device_name)
    elif device_name == "cpu":
        _load_early()
        backoff.bound_memory()


def _load_early() -> None:
    """Load what else would be loaded where memory has run out, which some libraries do not survive.

    OpenBLAS asks for its first memory until it is given, and glibc ends a process that cannot keep a thread's first variables.
    """
    import sklearn.metrics  # noqa: F401  brings scipy, thus OpenBLAS
    import torch
    import transformers.modeling_utils  # noqa: F401

    torch.nn.functional.linear(torch.ones(512, 64, requires_grad=True), torch.ones(512, 64)).exp().sum().backward()  # in all threads


def learn(run: Run, job, report):
    """Train to the end, from the checkpoint if there is one; returns the state. Raises Stopped, or what went wrong, after keeping the result."""
    from fm_gui import machine
    from fm_gui.train import loop
    from fm_gui.train.checkpoint import LoopState, load_newest
    from fm_gui.train.job import warm
    from fm_gui.train.measure import compile_model
    from fm_gui.train.planned import measured_plan
    from fm_gui.train.report import Stopped

    plan = report.with_room(lambda: measured_plan(run, job, report))
    if run.has_checkpoint:
        state = load_newest(run.path / "checkpoint", job.model, job.optimizers, report)
        follow_changes(run, state, plan["steps"], report)
    else:
        state = LoopState(steps=plan["steps"], changes=len(run.changes()))
        if job.shell is None:
            job.ranks.share(lambda: warm(job, report))
            job.ranks.align(job.model)
    if plan["compile"] and job.shell is None:
        compile_model(job.model)
    report.rewind(state.step, state.check_due)
    job.peak = job.ranks.world * job.ranks.share(lambda: machine.peak_flops(Path(run.workspace_root) / "cache", job.device, job.precision))
    report.phase("training", step=state.step, steps=state.steps, error=None)
    try:
        loop.train(job, state, report, plan["eval_every"])
    except Stopped:
        if state.step > 0:
            keep_result(job, state, report)
        raise
    except UserError:
        if job.config.train.keep_best and state.best_step is not None:  # the present weights may be worthless, the best are not
            keep_result(job, state, report)
        raise
    return state


def follow_changes(run: Run, state, steps: int, report) -> None:
    """Let the state follow what was changed since it was saved (changes.json): how long, how it is cut."""
    fresh = run.changes()[state.changes :]
    if not fresh:
        return
    settings = {name: value for change in fresh for name, value in change["settings"].items()}
    state.changes += len(fresh)
    if steps != state.steps:
        state.check_due |= state.step == steps and state.checked is not None and state.checked["step"] != steps
        state.steps = steps
        state.finished = state.finished and state.step >= steps
    if state.early_stopped and (state.step < steps or settings.keys() & {"patience", "early_stopping"}):
        state.finished = state.early_stopped = False
        state.misses = 0
    if settings.keys() & {"micro_batch_size", "device", "processes"}:
        state.micro_tokens = state.micro_rows = 0
    told = ", ".join(f"{name}={'' if value is None else value}" for name, value in settings.items())
    report.incident("changed", step=state.step, settings=told, steps=state.steps)


def keep_result(job, state, report) -> dict | None:
    """Make model/ of the best weights so far, or of the present ones if the best are not kept; returns what these scored, if known."""
    from fm_gui.train.checkpoint import load_best

    scored = state.checked if state.checked and state.checked["step"] == state.step else None
    if job.config.train.keep_best and state.best_step is not None:
        try:
            scored = load_best(job.run.path / "best", job.model, job.ranks)
        except UserError as problem:
            report.incident("best-damaged", reason=problem.values["reason"], step=state.step)
    save_model(job, report)
    return scored


def save_model(job, report) -> None:
    """Replace model/ with a normal Hugging Face folder: weights, config with labels, tokenizer with its length limit."""
    from fm_gui.train.checkpoint import aside_of, beside_of, seal
    from fm_gui.train.sharded import whole_weights

    place, weights = job.run.path / "model", whole_weights(job.model)  # of a sharded model all ranks must help
    beside, aside = beside_of(place), aside_of(place)

    def write() -> None:
        shutil.rmtree(beside, ignore_errors=True)
        job.model.config.use_cache = True
        job.model.save_pretrained(beside, state_dict=weights)
        job.processor.model_max_length = job.task.limit(job.config)
        job.processor.save_pretrained(beside)
        seal(beside)
        put_in_place(beside, place, aside)
        shutil.rmtree(aside, ignore_errors=True)

    if job.ranks.first:
        report.with_room(write)
