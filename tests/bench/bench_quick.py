"""The Quick preset (head alone, on features computed once) beside the first epoch of transformers' Trainer, on 12 classes.

    python -m tests.bench quick [--quick] [--json] [--seeds 3] [--file rows.csv] [--rate 5e-5]

The same texts as ``finetune``. Ours is a whole run of the preset in this process, nothing cached: features of the training and the
validation part, the fit, steps, checks and saves. Trainer: its defaults with dynamic padding, one epoch with the rate falling to zero,
which scores better than the first of three; its scoring does not count. Tokens and loading the model count on neither side. A round is
a seed; the score is macro-F1 on the validation part, the one on the test part stands beside it.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from fm_gui.train import worker
from tests.bench.bench_finetune import FULL, PEER_RATE, Case, StepClock, curve_of
from tests.bench.compare import Result, parser, tell, timed

QUICK = 500  # texts


def main(argv: list[str] | None = None) -> None:
    asked = parser(__doc__)
    asked.add_argument("--file", help="your texts: a table with the columns text and label")
    asked.add_argument("--texts", type=int, default=0, help=f"how many texts; {FULL:,} unless said")
    asked.add_argument("--rate", type=float, default=PEER_RATE, help="the peer's learning rate")
    options = asked.parse_args(argv)
    result = Result("Quick preset beside Trainer's first epoch", "macro-F1", [])
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder), options.texts or (QUICK if options.quick else FULL), options.file)
        for seed in range(1, options.seeds + 1):
            curve, ours = quick_run(case, seed)
            print(f"seed {seed}: ours {ours}, {[(round(at, 1), round(score, 4)) for at, score in curve]}", file=sys.stderr, flush=True)
            seconds, peer = first_epoch(case, seed, options.rate)
            reached = [at for at, score in curve if score >= peer["validation"]]
            result.pairs.append((ours["validation"], peer["validation"]))
            result.to_score.append((reached[0] if reached else float("inf"), seconds))
            result.rows.append({"seed": seed, "ours, whole run, s": curve[-1][0], "peer, s": seconds, "ours, test": ours["test"], "peer, test": peer["test"]})
            print(result.rows[-1], file=sys.stderr, flush=True)
        result.rows.append({"training rows": len(case.data["train"]), "features, s": features_seconds(case)})
    tell(options, result)


def quick_run(case: Case, seed: int) -> tuple[list[tuple[float, float]], dict[str, float]]:
    """((seconds, macro-F1) at each check, the final model's macro-F1 by part)."""
    job, report = case.new_job(preset="quick", train={"seed": seed})
    forget_features(case)
    begin = time.time()
    precompute(case, job, report)
    state = worker.learn(job.run, job, report)
    curve = curve_of(job.run, begin)
    worker.keep_result(job, state, report)
    return curve, case.scores(job.model)


def precompute(case: Case, job, report) -> None:
    job.data = job.task.precompute(job.model, job.processor, job.data, job.config, job.device, case.workspace, report.beat)


def forget_features(case: Case) -> None:
    shutil.rmtree(case.workspace.root / "cache" / "features", ignore_errors=True)


def features_seconds(case: Case) -> float:
    """Of the whole run, what computing the features takes."""
    job, report = case.new_job(preset="quick")
    forget_features(case)
    return timed(lambda: precompute(case, job, report))


def first_epoch(case: Case, seed: int, rate: float) -> tuple[float, dict[str, float]]:
    """(seconds, macro-F1 by part) of Trainer."""
    clock = StepClock()
    with tempfile.TemporaryDirectory() as out:
        trainer = case.trainer(case.rows(), out, seed, rate, 1, [clock.callback()])
        trainer.train()
        return clock.seconds, case.scores(trainer.model)


if __name__ == "__main__":
    main()
