"""The live charts' points: complete, small, and right after a resume cut the file."""

import base64
import json
import time

import numpy as np
import pytest

from fm_gui.ui import charts, series
from tests.ui.runs_for_tests import append_points, make_run

LATER = float("inf")


class Browser:
    """Holds curves as assets/charts.js does."""

    def __init__(self):
        self.cursor, self.curves = {}, {}

    def take(self, told):
        if told["fresh"]:
            self.curves = {}
        for key, new in told["curves"].items():
            x, y = np.frombuffer(base64.b64decode(new["x"]), np.int32), np.frombuffer(base64.b64decode(new["y"]), np.float32)
            old_x, old_y = self.curves.get(key, (x[:0], y[:0]))
            self.curves[key] = np.concatenate([old_x, x]), np.concatenate([old_y, y])
        self.cursor = {"stamp": told["stamp"], "n": {key: new["n"] for key, new in told["curves"].items()}}
        return len(json.dumps(told))


def write(path, steps, value=lambda step: step / 1000, mode="a"):
    with open(path, mode, encoding="utf-8") as file:
        file.writelines(json.dumps({"step": step, "seconds": step, "train/loss": value(step)}) + "\n" for step in steps)


def test_few_points_arrive_exactly_and_then_only_new_ones(tmp_path):
    path, browser = tmp_path / "metrics.jsonl", Browser()
    write(path, range(1, 101))
    browser.take(series.poll(path, {}, LATER))
    write(path, range(101, 104))
    told = series.poll(path, browser.cursor, LATER)
    assert not told["fresh"] and len(base64.b64decode(told["curves"]["train/loss"]["x"])) == 3 * 4
    browser.take(told)
    x, y = browser.curves["train/loss"]
    assert x.tolist() == list(range(1, 104)) and np.allclose(y, x / 1000)


def test_many_points_stay_small_and_no_spike_is_lost(tmp_path):
    path, browser = tmp_path / "metrics.jsonl", Browser()
    for first in range(1, 30_001, 3_000):
        write(path, range(first, first + 3_000), lambda step: 99.0 if step == 12_345 else 1.0)
        browser.take(series.poll(path, browser.cursor, LATER))
    x, y = browser.curves["train/loss"]
    assert 500 < len(x) <= series.MOST and (np.diff(x) >= 0).all()
    assert x[y.argmax()] == 12_345 and y.max() == 99.0


def test_a_cut_file_is_read_anew_even_if_it_grew_past_the_old_end(tmp_path):
    path, browser = tmp_path / "metrics.jsonl", Browser()
    write(path, range(1, 101), lambda step: 1.0)
    browser.take(series.poll(path, {}, LATER))
    write(path, range(1, 51), lambda step: 2.0, mode="w")
    write(path, range(51, 301), lambda step: 3.0)
    told = series.poll(path, browser.cursor, LATER)
    browser.take(told)
    assert told["fresh"] and browser.curves["train/loss"][1].tolist() == [2.0] * 50 + [3.0] * 250


def test_half_lines_wait_and_nulls_are_left_out(tmp_path):
    path, browser = tmp_path / "metrics.jsonl", Browser()
    path.write_text('{"step": 1, "train/loss": 1.0}\n{"step": 2, "train/loss": null}\n{"step": 3, "tra', encoding="utf-8")
    browser.take(series.poll(path, {}, LATER))
    assert browser.curves["train/loss"][0].tolist() == [1]
    with open(path, "a", encoding="utf-8") as file:
        file.write('in/loss": 5.0}\n')
    browser.take(series.poll(path, browser.cursor, LATER))
    assert browser.curves["train/loss"][0].tolist() == [1, 3]


def test_a_run_without_points_has_no_curves(tmp_path):
    assert series.poll(tmp_path / "metrics.jsonl", {}, LATER)["curves"] == {}


def test_reading_much_takes_several_short_questions(workspace):
    run = make_run(workspace, "long", step=1)
    append_points(run.path / "metrics.jsonl", 2, 30_000, every=1_000)
    questions, browser, longest = 0, Browser(), 0.0
    while True:
        begin = time.perf_counter()
        told = charts.curves(workspace, {"runs": ["long"], "cursor": {"long": browser.cursor}}, "en")
        longest, questions = max(longest, time.perf_counter() - begin), questions + 1
        for one in told["runs"]:
            browser.take(one)
        if not told["more"]:
            break
    assert questions > 1 and browser.curves["train/loss"][0][-1] > 29_900
    assert longest < 0.5  # the ratio that counts is measured in tests/bench/bench_poll.py


def test_panels_follow_the_task_and_unknown_runs_are_left_out(workspace):
    make_run(workspace, "sorter", best_step=600)
    told = charts.curves(workspace, {"runs": ["sorter", "deleted", "../x"], "cursor": {}}, "zh")
    assert [run["id"] for run in told["runs"]] == ["sorter"] and told["runs"][0]["best"] == 600
    assert [panel["id"] for panel in told["panels"]] == [
        "loss",
        "macro_f1",
        "accuracy",
        "learning_rate",
        "grad_norm",
        "examples_per_second",
        "memory_mb",
    ]
    assert told["panels"][0]["title"] == "损失" and [curve["strong"] for curve in told["panels"][0]["curves"]] == [False, True]


@pytest.mark.parametrize("text", ["<b>bold</b>", "a & b", "普通"])
def test_plain_names_cannot_be_markup(text):
    shown = charts.plain(text)
    assert "<" not in shown and shown.replace("&lt;", "<").replace("&amp;", "&") == text
