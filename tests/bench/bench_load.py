"""What do many open pages cost? 20 pages that look at a run and 4 others, beside a training: ``python -m tests.bench load``.

The app and the worker are real processes; the pages are real HTTP clients, in a process of their own, that ask what a page
on Watch asks, as often. Training speed is taken without them, with them asking a stand-in that answers from memory (what
the clients themselves cost this machine; browsers would stand on others), and with them asking the app, in turns
(A B C A B C ...). ``--minutes`` of pages in all, 5 if not said.
"""

import argparse
import asyncio
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
from queue import SimpleQueue

import httpx
import psutil

from fm_gui import plan
from fm_gui.workspace import Workspace
from tests.train.jobs import toy_config
from tests.ui.runs_for_tests import append_points, make_run

ROOT = Path(__file__).resolve().parent.parent.parent
BEAT = 2.0  # seconds between two requests of a page, as in assets/*.js


def pages(url: str, part: int, runs: list[str], count: int) -> None:
    """Be ``count`` open pages until ended; afterwards the seconds of each answer are printed as JSON, at a line on standard input."""
    over, times = threading.Event(), []
    for number in range(count):
        threading.Thread(target=page, args=(url, part, runs, number, over, times), daemon=True).start()
    sys.stdin.readline()
    over.set()
    print(json.dumps(times), flush=True)


def page(url: str, part: int, runs: list[str], number: int, over: threading.Event, times: list[float]) -> None:
    """One open page."""
    cursor, session, turn = {}, f"page{number}", number
    over.wait(BEAT * number / 20)
    with httpx.Client(timeout=60) as client:
        while not over.is_set():
            seldom = {"all_runs": {}, "waiting_line": {}, "run_story": {"run": runs[0], "size": 0, "log": False}} if turn % 2 else {}
            asks = {"running_now": {}, "run_state": {"run": runs[0]}, "new_points": {"runs": runs, "cursor": cursor}} | seldom
            begin = time.perf_counter()
            told = ask(client, url, part, list(asks.items()), session)[2]
            times.append(time.perf_counter() - begin)
            for run in told["runs"]:
                cursor[run["id"]] = {"stamp": run["stamp"], "n": {key: curve["n"] for key, curve in run["curves"].items()}}
            turn += 1
            over.wait(BEAT)


def ask(client: httpx.Client, url: str, part: int, asks: list, session: str):
    body = {"session_hash": session, "component_id": part, "fn_name": "news", "data": {"asks": asks}}
    answer = client.post(url + "gradio_api/component_server", json=body)
    answer.raise_for_status()
    return answer.json()


class Clients:
    """The pages, in a process of their own."""

    def __init__(self, url: str, part: int, runs: list[str], count: int):
        code = f"from tests.bench.bench_load import pages; pages({url!r}, {part}, {runs!r}, {count})"
        self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def end(self) -> list[float]:
        told, _ = self.process.communicate("\n")
        return json.loads(told)


def stand_in(answer: bytes) -> str:
    """A server that gives one answer to everything, at once; where it is."""

    async def told(reader, writer) -> None:
        while head := await reader.readline():
            length = 0
            while line := (await reader.readline()).strip():
                length = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else length
            await reader.readexactly(length)
            if head:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))

    ready: SimpleQueue[int] = SimpleQueue()

    async def main() -> None:
        server = await asyncio.start_server(told, "127.0.0.1", 0)
        ready.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    return f"http://127.0.0.1:{ready.get()}/"


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


def part_of(url: str) -> int:
    """The component that answers."""
    return next(part["id"] for part in httpx.get(url + "config").json()["components"] if "news" in (part["props"].get("server_fns") or ()))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
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
    part, runs = part_of(url), ["training", *(f"run-{n}" for n in range(4))]
    while training.status().step < 20:
        time.sleep(0.2)
    with httpx.Client(timeout=60) as client:
        told = ask(client, url, part, [["running_now", {}], ["run_state", {"run": runs[0]}], ["new_points", {"runs": runs, "cursor": {}}]], "first")
    silent = json.dumps([*told[:2], {"runs": []}]).encode()
    other, seconds = stand_in(silent), options.minutes * 60 / options.rounds
    alone, clients_only, watched, times, memory, busy = [], [], [], [], [], []

    def beside(where: str, told: list[float]) -> list[float]:
        """Speed with the pages at ``where``; what the app's own time was is kept."""
        clients = Clients(where, part, runs, options.pages)
        time.sleep(6)  # the first answers are long
        before, begin = sum(app.cpu_times()[:2]), time.monotonic()
        told.append(speed(training, seconds))
        used = (sum(app.cpu_times()[:2]) - before) / (time.monotonic() - begin)
        if where == url:
            busy.append(used)
            memory.append(app.memory_info().rss / 2**20)
        return clients.end()

    for _ in range(options.rounds):
        alone.append(speed(training, seconds))
        beside(other, clients_only)
        times += beside(url, watched)
    ratios, all_ratios = ([a / b for a, b in zip(watched, base)] for base in (clients_only, alone))
    return {
        "pages": options.pages, "steps per second, alone": statistics.median(alone), "clients only": statistics.median(clients_only),
        "watched": statistics.median(watched), "ratio": statistics.median(ratios), "ratio spread": [min(ratios), max(ratios)],
        "ratio, clients' own cost included": statistics.median(all_ratios), "its spread": [min(all_ratios), max(all_ratios)],
        "server MB": max(memory), "server cores": statistics.median(busy),
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
        print(f"{name:<36}{value if isinstance(value, list) else f'{value:.4g}'}")


if __name__ == "__main__":
    main()
