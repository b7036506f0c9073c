"""What do many open pages cost? 20 pages that look at a run and 4 others, beside a training: ``python -m tests.bench.bench_load``.

The app and the worker are real processes; the pages are real HTTP clients that ask what a page on Watch asks, as often.
Training speed is taken with and without them in turns (A B A B ...). ``--minutes`` of pages in all, 5 if not said.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil

from fm_gui import plan
from fm_gui.workspace import Workspace
from tests.train.jobs import toy_config
from tests.ui.runs_for_tests import append_points, make_run

ROOT = Path(__file__).resolve().parent.parent.parent
ASKED = {"running_now": 2.0, "run_state": 1.0, "run_story": 2.5, "new_points": 1.5, "all_runs": 3.0}  # seconds between two questions, as in assets/*.js


class Page(threading.Thread):
    """One open page: asks until it is told to stop."""

    def __init__(self, url: str, parts: dict[str, int], runs: list[str], number: int):
        super().__init__(daemon=True)
        self.url, self.parts, self.runs, self.session = url, parts, runs, f"page{number}"
        self.over, self.times, self.cursor = threading.Event(), [], {}

    def run(self) -> None:
        questions = {
            "running_now": lambda: {}, "all_runs": lambda: {}, "run_state": lambda: {"run": self.runs[0]},
            "run_story": lambda: {"run": self.runs[0], "size": 0, "log": False}, "new_points": lambda: {"runs": self.runs, "cursor": self.cursor},
        }  # fmt: skip
        due = dict.fromkeys(ASKED, 0.0)
        with httpx.Client(timeout=60) as client:
            while not self.over.is_set():
                for name in [name for name, at in due.items() if at <= time.monotonic()]:
                    begin = time.perf_counter()
                    told = ask(client, self.url, self.parts[name], name, questions[name](), self.session)
                    self.times.append(time.perf_counter() - begin)
                    if name == "new_points":
                        for run in told["runs"]:
                            self.cursor[run["id"]] = {"stamp": run["stamp"], "n": {key: curve["n"] for key, curve in run["curves"].items()}}
                    due[name] = time.monotonic() + ASKED[name]
                self.over.wait(0.05)


def ask(client: httpx.Client, url: str, part: int, name: str, data: dict, session: str):
    answer = client.post(url + "gradio_api/component_server", json={"session_hash": session, "component_id": part, "fn_name": name, "data": data})
    answer.raise_for_status()
    return answer.json()


def serve(workspace: Workspace) -> tuple[subprocess.Popen, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "--workspace", str(workspace.root), "--port", str(port), "--no-browser"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"FM_GUI_LANG": "en"},
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    while True:
        try:
            httpx.get(url, timeout=10).raise_for_status()
            return process, url
        except httpx.TransportError:
            time.sleep(0.1)


def parts(url: str) -> dict[str, int]:
    """Which component answers which question."""
    config, found = httpx.get(url + "config").json(), {}
    for component in config["components"]:
        for name in component["props"].get("server_fns") or ():
            found.setdefault(name, component["id"])
    return {name: found[name] for name in ASKED}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "workspace")
        for number in range(4):
            append_points(make_run(workspace, f"run-{number}", step=1).path / "metrics.jsonl", 2, 5_000, every=100)
        training = plan.start(workspace, toy_config(workspace, "masked-lm", max_steps=1_000_000, epochs=1e4, eval_every=1_000_000), "training")
        app, url = serve(workspace)
        try:
            print_result(measure(options, training, psutil.Process(app.pid), url), options.json)
        finally:
            training.stop()
            training.wait(60)
            app.terminate()
            app.wait(20)


def measure(options, training, app: psutil.Process, url: str) -> dict:
    found, runs = parts(url), ["training", *(f"run-{n}" for n in range(4))]
    while training.status().step < 20:
        time.sleep(0.2)
    seconds = options.minutes * 60 / options.rounds
    alone, watched, times, memory, busy = [], [], [], [], []
    for turn in range(options.rounds):
        alone.append(speed(training, min(seconds, 30)))
        pages = [Page(url, found, runs, 100 * turn + n) for n in range(options.pages)]
        for page in pages:
            page.start()
        time.sleep(2)  # the first answers are long
        before, begin = sum(app.cpu_times()[:2]), time.monotonic()
        watched.append(speed(training, seconds))
        busy.append((sum(app.cpu_times()[:2]) - before) / (time.monotonic() - begin))
        memory.append(app.memory_info().rss / 2**20)
        for page in pages:
            page.over.set()
        for page in pages:
            page.join()
            times += page.times
    ratios = [with_pages / without for with_pages, without in zip(watched, alone)]
    return {
        "pages": options.pages, "steps per second, alone": statistics.median(alone), "steps per second, watched": statistics.median(watched),
        "ratio": statistics.median(ratios), "ratio spread": [min(ratios), max(ratios)], "server MB": max(memory), "server cores": statistics.median(busy),
        "answer ms, median": 1000 * statistics.median(times), "answer ms, 99 %": 1000 * sorted(times)[int(0.99 * len(times))],
    }  # fmt: skip


def speed(run, seconds: float) -> float:
    """Steps per second of a run over the next ``seconds``."""
    first, begin = run.metrics()[0][-1]["step"], time.monotonic()
    time.sleep(seconds)
    return (run.metrics()[0][-1]["step"] - first) / (time.monotonic() - begin)


def print_result(result: dict, as_json: bool) -> None:
    if as_json:
        return print(json.dumps(result))
    for name, value in result.items():
        print(f"{name:<28}{value if isinstance(value, list) else f'{value:.4g}'}")


if __name__ == "__main__":
    main()
