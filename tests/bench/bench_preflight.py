"""How near the truth is the preflight? ``python -m tests.bench preflight``: 20 runs measured before, then trained for real.

Time from "preparing" to "done" and the worker's peak of memory, predicted against actual; and whether a run that was to fit
did not. ``--quick`` takes three of the runs; ``--out FILE`` keeps the rows as JSON as they come. Other work on the machine
spoils the times: the load before each run is printed beside them.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from fm_gui import plan, preflight
from fm_gui.data.samples import add_sample
from fm_gui.preflight import MEMORY_HIT, TIME_HIT
from fm_gui.workspace import Workspace

CLASSIFY, MASKED, CAUSAL = "text-classification", "masked-lm", "causal-lm"
# (task, what the run is made of besides); steps are few so that 20 runs end in half an hour on two cores
RUNS = [
    (CLASSIFY, {"start": "minilm", "train": {"max_steps": 40}}),
    (MASKED, {"architecture": "bert", "size": "1m", "train": {"max_steps": 80}}),
    (CAUSAL, {"architecture": "nanochat", "size": "1m", "train": {"max_steps": 80}}),
    (CLASSIFY, {"architecture": "bert", "size": "1m", "train": {"max_steps": 150}}),
    (CLASSIFY, {"architecture": "bert", "size": "5m", "train": {"max_steps": 60, "batch_size": 64}}),
    (CLASSIFY, {"architecture": "modernbert", "size": "1m", "train": {"max_steps": 100, "batch_size": 8}}),
    (CLASSIFY, {"architecture": "bert", "size": "12m", "train": {"max_steps": 30, "optimizer": "muon", "learning_rate": 0.01}}),
    (CLASSIFY, {"start": "minilm", "preset": "quick", "train": {"max_steps": 30}}),
    (CLASSIFY, {"start": "minilm", "train": {"max_steps": 30, "batch_size": 16}, "options": {"max_length": 24}}),
    (CLASSIFY, {"start": "minilm", "train": {"max_steps": 25, "activation_checkpointing": True}}),
    (CLASSIFY, {"start": "minilm", "minutes": 1.0}),
    (MASKED, {"architecture": "bert", "size": "5m", "train": {"max_steps": 40}, "options": {"context": 64}}),
    (MASKED, {"architecture": "modernbert", "size": "1m", "train": {"max_steps": 50, "batch_size": 32}}),
    (MASKED, {"architecture": "bert", "size": "12m", "train": {"max_steps": 20, "eval_every": 5}, "options": {"context": 128}}),
    (MASKED, {"start": "minilm", "train": {"max_steps": 15}}),
    (MASKED, {"architecture": "bert", "size": "1m", "minutes": 1.0}),
    (CAUSAL, {"architecture": "gpt2", "size": "1m", "train": {"max_steps": 60, "optimizer": "adamw"}}),
    (CAUSAL, {"architecture": "gpt2", "size": "5m", "train": {"max_steps": 30, "micro_batch_size": 2}, "options": {"context": 128}}),
    (CAUSAL, {"architecture": "nanochat", "size": "5m", "train": {"max_steps": 20, "batch_size": 8}}),
    (CAUSAL, {"architecture": "nanochat", "size": "1m", "minutes": 1.0}),
]


def config_of(workspace: Workspace, task: str, rest: dict):
    asked = {"start": "scratch" if "architecture" in rest else ""} | rest
    asked["train"] = {"device": "cpu", "early_stopping": False} | rest.get("train", {})
    return plan.make_config(workspace, task=task, data="tickets" if task == CLASSIFY else "english-docs", **{"preset": "balanced"} | asked)


def all_memory(process: psutil.Process) -> int:
    """Bytes of a process and its children together; what they share counts once for each."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_info().rss
    return total


def followed(run) -> int:
    """Wait for a run; the most memory that all of its processes took together."""
    most, worker = 0, psutil.Process(json.loads((run.path / "process.json").read_text(encoding="utf-8"))["pid"])
    while run.status().state in run.ACTIVE:
        with contextlib.suppress(psutil.NoSuchProcess):
            most = max(most, all_memory(worker))
        time.sleep(0.2)
    return most


def measured(workspace: Workspace, number: int) -> dict:
    """One configuration: predicted, then done."""
    task, rest = RUNS[number]
    config, load = config_of(workspace, task, rest), os.getloadavg()[0]
    begin = time.perf_counter()
    before = preflight.measure(workspace, config)
    took = time.perf_counter() - begin
    run = plan.start(workspace, config, f"run-{number}")
    together = followed(run)
    state = run.status().state
    row = {"number": number, "task": task, "what": rest, "load": round(load, 1), "preflight_seconds": round(took, 1), "state": state, "all_memory": together, "fits": before.fits}
    known = [entry for entry in preflight.history(workspace) if entry["run"] == run.id]
    if not known:
        return row
    entry = known[0]
    keep = ("steps", "predicted_seconds", "actual_seconds", "predicted_memory", "actual_memory", "ran_out")
    return row | {name: entry[name] for name in keep} | {
        "time_error": entry["predicted_seconds"] / entry["actual_seconds"] - 1, "memory_error": entry["predicted_memory"] / entry["actual_memory"] - 1,
        "parts": {**before.model_dump(include={"launch_seconds", "start_seconds", "seconds_per_step", "seconds_per_check", "evaluation_seconds"}), "phases": phases(run)},
        "in_range": before.seconds.low <= entry["actual_seconds"] + before.launch_seconds <= before.seconds.high,
    }  # fmt: skip


def phases(run) -> dict[str, float]:
    """Seconds of each phase of a run."""
    told = [event for event in run.events()[0] if event["kind"] == "phase"]
    return {one["state"]: round(after["time"] - one["time"], 2) for one, after in zip(told, told[1:])}


def show(row: dict) -> None:
    if "time_error" not in row:
        print(f"{row['number']:2} {row['task']:20} {row['state']}, nothing to compare", flush=True)
        return
    print(
        f"{row['number']:2} {row['task']:20} load {row['load']:4}  {row['predicted_seconds']:6.0f} of {row['actual_seconds']:6.0f} s {row['time_error']:+6.1%}  "
        f"{row['predicted_memory'] / 1e6:5.0f} of {row['actual_memory'] / 1e6:5.0f} MB {row['memory_error']:+6.1%} (with the judge {row['all_memory'] / 1e6:5.0f})",
        flush=True,
    )


def summary(rows: list[dict]) -> str:
    done = [row for row in rows if "time_error" in row]
    times, memories = [abs(row["time_error"]) for row in done], [abs(row["memory_error"]) for row in done]
    wrong = [row["number"] for row in rows if row["fits"] and (row["state"] != "done" or row.get("ran_out"))]
    return (
        f"{len(done)} of {len(rows)} runs compared: time within {TIME_HIT:.0%} {sum(t <= TIME_HIT for t in times)} times (median error {statistics.median(times):.1%}, "
        f"in its range {sum(row['in_range'] for row in done)}), memory within {MEMORY_HIT:.0%} {sum(m <= MEMORY_HIT for m in memories)} times "
        f"(median {statistics.median(memories):.1%}, worst {max(memories):.1%}); said to fit and did not: {len(wrong)} {wrong or ''}"
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="three runs, one of each task")
    parser.add_argument("--runs", help="only these, by number: 0,4,7")
    parser.add_argument("--out", type=Path, help="keep the rows as JSON lines")
    asked = parser.parse_args(argv)
    numbers = [int(one) for one in asked.runs.split(",")] if asked.runs else range(3 if asked.quick else len(RUNS))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        for sample in ("tickets", "english-docs"):
            add_sample(workspace, sample)
        for number in numbers:
            rows.append(measured(workspace, number))
            show(rows[-1])
            if asked.out:
                with open(asked.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print(summary(rows))


if __name__ == "__main__":
    main()
