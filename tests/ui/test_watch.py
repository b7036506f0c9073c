"""What the Watch tab tells of a run, and what its buttons do."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from fm_gui.errors import UserError
from fm_gui.files import read_json, write_json
from fm_gui.runs import Run
from fm_gui.ui import bin as trash
from fm_gui.ui import live, news, watch, watch_queue, watch_resume, watch_view
from tests.ui.runs_for_tests import append_event, make_run


def test_state_of_a_training_run_says_where_it_is(workspace):
    make_run(workspace, "poet", step=620, best_step=600, score=0.914)
    told = watch_view.state(workspace, "en", "poet")
    assert (told["word"], told["share"], told["safe"], told["can"]) == ("training", "62 %", True, ["stop", "discard"])
    assert told["times"] == ["step 620 of 1,000", "2 min 32 s left"]
    assert told["beat"].startswith("last step") and not told["slow"]
    assert [phase["place"] for phase in told["phases"]] == ["past", "past", "past", "now", "later", "later", "later"]
    assert "0.914" in told["result"][0] and "600" in told["result"][0]
    assert watch_view.state(workspace, "zh", "poet")["word"] == "训练中"


def test_how_far_the_machine_is_used_is_said_with_where_the_rest_goes(workspace):
    make_run(workspace, "poet", use={"used": 0.61, "padding": 0.04, "waiting": 0.001, "checks": 0.08, "saving": 0.02})
    told = watch_view.state(workspace, "en", "poet")["use"].replace("\N{NO-BREAK SPACE}", " ")
    assert told.startswith("This machine is used at 61 % of its limit; the rest is smaller calculations, moving numbers in memory and what other programs take (25 %), checking")
    assert "(8 %)" in told and "(4 %)" in told and "waiting" not in told
    assert "61\N{NO-BREAK SPACE}%" in watch_view.state(workspace, "zh", "poet")["use"]
    make_run(workspace, "old", "done")
    assert watch_view.state(workspace, "en", "old")["use"] == ""


def test_silence_much_longer_than_a_step_is_said(workspace):
    make_run(workspace, "poet", heartbeat=time.time() - 45)  # steps take 0.4 s
    told = watch_view.state(workspace, "en", "poet")
    assert told["slow"] and "45 s" in told["beat"] and "0.4" in told["beat"]


def test_a_run_whose_worker_is_gone_is_interrupted(workspace):
    run = make_run(workspace, "poet")
    write_json(run.path / "process.json", {"pid": os.getpid(), "create_time": 1.0})
    told = watch_view.state(workspace, "en", "poet")
    assert (told["state"], told["tone"], told["can"][0]) == ("interrupted", "warn", "resume")


def test_done_shows_the_score_beside_its_baselines(workspace):
    run = make_run(workspace, "poet", "done", step=1000, score=0.9, best_step=900)
    write_json(
        run.path / "evaluation.json",
        {
            "part": "test",
            "rows": 120,
            "metrics": {"loss": 0.3, "accuracy": 0.925, "macro_f1": 0.912},
            "baselines": [{"name": "guessing", "metric": "macro_f1", "value": 0.52}],
        },
    )
    told = watch_view.state(workspace, "en", "poet")
    assert "0.912" in told["result"][0] and "0.52" in told["result"][0]
    assert all(phase["place"] == "past" for phase in told["phases"])


def test_failed_shows_the_error_in_the_readers_language_and_the_logs_end(workspace):
    run = make_run(workspace, "poet", "failed", error=UserError("device", name="cuda:9", known="cpu").to_dict())
    (run.path / "log.txt").write_text("\n".join(f"line {n}" for n in range(100)), encoding="utf-8")
    told = watch_view.state(workspace, "zh", "poet")["error"]
    assert "cuda:9" in told["sentence"] and "不能使用" in told["sentence"]
    assert told["log"].splitlines() == [f"line {n}" for n in range(70, 100)]


@pytest.mark.parametrize(("code", "first"), [("one-class", "again"), ("checkpoint-damaged", "again"), ("device", "resume"), ("crash", "resume")])
def test_going_on_is_offered_only_where_it_can_help(workspace, code, first):
    run = make_run(workspace, "poet", "failed", error={"code": code, "values": {}, "sentence": "It failed."})
    assert watch_view.can(run, run.status())[0] == first


def test_one_request_answers_all_that_a_page_asks_and_writes_nothing(workspace):
    make_run(workspace, "poet", step=620)
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    asked = {"run": "poet", "runs": ["poet"], "size": -1, "log": True}
    told = {name: answer(workspace, "en", asked) for name, answer in news.QUESTIONS.items()}
    assert told["run_state"]["id"] == told["all_runs"]["rows"][0]["id"] == told["running_now"]["lines"][0]["id"] == told["new_points"]["runs"][0]["id"] == "poet"
    assert told["waiting_line"]["rows"] == [] and told["in_the_bin"]["count"] == 0 and told["run_story"]["samples"] == []
    assert {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")} == before


def test_an_error_of_a_newer_program_is_told_by_its_own_sentence(workspace):
    make_run(workspace, "poet", "failed", error={"code": "not-known-here", "values": {}, "sentence": "The disk is full."})
    assert watch_view.state(workspace, "en", "poet")["error"]["sentence"] == "The disk is full."


def test_a_deleted_run_is_told_as_gone(workspace):
    assert "nobody" in watch_view.state(workspace, "en", "nobody")["gone"]
    assert "x/../y" in watch_view.state(workspace, "en", "x/../y")["gone"]


def test_list_is_newest_first_and_every_state_is_json_in_both_languages(workspace):
    states = ("queued", "preparing", "measuring", "training", "evaluating", "saving", "done", "stopped", "failed")
    for age, state in enumerate(states):
        make_run(workspace, f"run-{state}", state, age=age * 100.0)
    for lang in ("en", "zh"):
        rows = live.rows(workspace, lang)
        assert [row["id"] for row in rows] == [f"run-{state}" for state in states]
        assert json.dumps([rows, *(watch_view.state(workspace, lang, row["id"]) for row in rows), live.strip(workspace, lang)])


def test_strip_shows_working_runs_first_and_counts_the_rest(workspace):
    make_run(workspace, "wait-2", "queued", age=1)
    make_run(workspace, "wait-1", "queued", age=2)
    make_run(workspace, "poet", "training", age=300)
    make_run(workspace, "old", "done", age=400)
    told = live.strip(workspace, "en")
    assert [line["id"] for line in told["lines"]] == ["poet", "wait-1"] and told["more"] == "+1 waiting"
    assert told["lines"][1]["word"] == "waiting, next in line" and told["fallen"] == ""
    assert told["lines"][0]["loss"].startswith("loss ") and told["lines"][0]["left"] == "2 min 32 s left"


def test_samples_are_grouped_by_step_and_sent_only_when_new(workspace):
    run = make_run(workspace, "poet", task="causal-lm")
    for step, text in ((20, "a <b>"), (10, "b"), (20, "c")):
        append_event(run, kind="sample", step=step, prompt="p", text=text)
    append_event(run, kind="incident", code="watch.stopped", values={"name": "poet"})
    told = watch_view.story(workspace, "en", "poet", -1, False)
    assert [(one["step"], one["texts"][0]["text"]) for one in told["samples"]] == [(10, "b"), (20, "c")]
    assert "poet" in told["incidents"][0]["text"] and told["incidents"][0]["time"] > 0 and told["log"] is None
    assert "samples" not in watch_view.story(workspace, "en", "poet", told["size"], True)


def test_discard_stops_waits_and_can_be_undone(workspace):
    run = make_run(workspace, "poet")
    # a worker that obeys the stop file, as a real one does
    obey = (
        "import json, pathlib, sys, time\npath = pathlib.Path(sys.argv[1])\n"
        "while not (path / 'stop').exists(): time.sleep(0.02)\n"
        "status = json.loads((path / 'status.json').read_text()); status['state'] = 'stopped'\n(path / 'status.json').write_text(json.dumps(status))"
    )
    worker = subprocess.Popen([sys.executable, "-c", obey, str(run.path)])
    write_json(run.path / "process.json", {"pid": worker.pid, "create_time": psutil.Process(worker.pid).create_time()})
    told = watch.discard(workspace, "en", "poet")
    worker.wait(10)
    assert told["undo"] == "poet" and not run.path.exists()
    assert watch.undo(workspace, "en", told["undo"])["run"] == "poet"
    assert read_json(run.path / "status.json")["state"] == "stopped"


def test_stop_leaves_a_stop_file_and_resume_of_a_done_run_is_refused(workspace):
    run = make_run(workspace, "poet")
    watch.stop(workspace, "en", "poet")
    assert (run.path / "stop").exists() and watch_view.state(workspace, "en", "poet")["can"] == ["stopping", "discard"]
    make_run(workspace, "ready", "done")
    with pytest.raises(UserError, match="done"):
        watch.resume(workspace, "en", "ready")
    with pytest.raises(UserError, match="Choose a run"):
        watch.delete(workspace, "en", "")


@pytest.mark.parametrize(
    "seconds, english, chinese",
    [
        (0.4, "just now", "刚刚"),
        (2, "2 s ago", "2 秒前"),
        (60, "1 min ago", "1 分钟前"),
        (125, "2 min ago", "2 分钟前"),
        (7300, "2 h ago", "2 小时前"),
        (200_000, "2 d ago", "2 天前"),
    ],
)
def test_ago(seconds, english, chinese):
    assert (live.ago(seconds, "en"), live.ago(seconds, "zh")) == (english, chinese)


# -- the line


def waiting(workspace, *names, devices=("cpu",)):
    for place, name in enumerate(names):
        run = make_run(workspace, name, "queued", step=0, devices=list(devices), waiting_for=place)
        write_json(run.path / "place.json", {"order": float(place)})


def test_the_line_shows_places_and_moves(workspace):
    waiting(workspace, "a", "b", "c")
    told = watch_queue.line(workspace, "en")
    assert [(row["id"], row["place"], row["last"], row["devices"]) for row in told["rows"]] == [("a", 1, False, ""), ("b", 2, False, ""), ("c", 3, True, "")]
    assert watch.in_the_line(workspace, "en", "next c")["text"] == "c is now next in line."
    assert watch_queue.do(workspace, "zh", "down a") == "a 现在排在第 3 位。"
    assert [row["id"] for row in watch_queue.line(workspace, "en")["rows"]] == ["c", "b", "a"]
    assert {row["id"]: row["word"] for row in live.rows(workspace, "en")}["a"] == "waiting, number 3 in line"
    state = watch_view.state(workspace, "en", "a")
    assert (state["word"], state["can"], state["about"]) == ("waiting, number 3 in line", ["next", "cancel", "discard"], "It starts by itself as soon as its device is free.")
    assert watch_view.state(workspace, "en", "c")["can"] == ["cancel", "discard"]
    for nonsense in ("up", "up nobody", "fly a", "at-start perhaps", ""):
        with pytest.raises(UserError):
            watch_queue.do(workspace, "en", nonsense)
    assert json.dumps([watch_queue.line(workspace, lang) for lang in ("en", "zh")])


def test_runs_that_fell_are_offered_and_can_be_left(workspace):
    waiting(workspace, "a", "b")
    for name in "ab":
        write_json(workspace.run(name).path / "process.json", {"pid": os.getpid(), "create_time": 1.0})
    told = watch_queue.line(workspace, "en")
    assert told["rows"] == [] and told["fallen"]["told"].startswith("2 runs") and told["fallen"]["names"] == "a, b"
    assert told["fallen"]["restart"] == "Start the 2 waiting runs again" and live.strip(workspace, "en")["fallen"] == told["fallen"]["told"]
    assert "Nothing is lost" in watch_view.state(workspace, "en", "a")["about"]
    assert watch_queue.do(workspace, "en", "drop") == "a, b stay stopped. Resume puts one back in line."
    assert watch_queue.line(workspace, "en")["fallen"]["told"] == "" and watch_view.state(workspace, "en", "a")["state"] == "stopped"
    assert watch_queue.do(workspace, "en", "at-start on").startswith("Waiting runs start again") and watch_queue.line(workspace, "en")["at_start"]


# -- what keeps a run from working


def test_a_silent_worker_is_told_with_why_and_where_and_what_is_safe(workspace):
    run = make_run(workspace, "poet", heartbeat=time.time() - 125)
    told = watch_view.state(workspace, "en", "poet")
    assert (told["word"], told["tone"], told["beat"]) == ("no sign of life", "warn", "")
    assert told["stuck"]["line"] == "No sign of life for 2 min 5 s." and "start it again" in told["stuck"]["about"] and told["stuck"]["stack"] == ""
    (run.path / "checkpoint").mkdir()
    write_json(run.path / "checkpoint" / "state.json", {"step": 600})
    (run.path / "stack.txt").write_text('Thread 0x1 (most recent call first):\n  File "/x/socket.py", line 1 in recv\n', encoding="utf-8")
    told = watch_view.state(workspace, "en", "poet")["stuck"]
    assert "step 600" in told["about"] and told["why"] == "It is waiting for the network." and "socket.py" in told["stack"]
    assert live.rows(workspace, "en")[0]["word"] == "no sign of life"
    line = live.strip(workspace, "zh")["lines"][0]
    assert (line["word"], line["safe"], line["left"]) == ("没有动静", False, "")
    write_json(run.path / "status.json", read_json(run.path / "status.json") | {"heartbeat": time.time()})
    assert watch_view.state(workspace, "en", "poet")["stuck"] is None


def test_a_worker_that_waits_for_room_says_how_much(workspace):
    make_run(workspace, "poet", needs_room=340_000_000)
    told = watch_view.state(workspace, "en", "poet")
    assert "340 MB more are needed" in told["room"] and "poet" in told["room"] and told["word"] == "waiting for disk room" and not told["slow"]


def test_an_incident_of_a_newer_program_is_told_by_its_name(workspace):
    run = make_run(workspace, "poet")
    append_event(run, kind="incident", code="incident.from-tomorrow", values={})
    assert watch_view.story(workspace, "en", "poet", -1, False)["incidents"][0]["text"] == "incident.from-tomorrow"


# -- going on with changes


def test_only_what_may_change_is_asked_and_the_outlook_or_the_refusal_is_told(workspace):
    run = make_run(workspace, "poet", "stopped", train={"epochs": 4.0})
    write_json(run.path / "estimate.json", {"steps": 1000, "steps_per_epoch": 250})
    names = ("epochs", "minutes", "eval_every")
    assert watch_resume.asked(workspace, "poet", names, (4.0, None, 0)) == {}
    assert watch_resume.asked(workspace, "poet", names, (8, None, 50)) == {"epochs": 8, "eval_every": 50}
    told = watch_resume.told(workspace, "en", "poet", {"epochs": 8, "eval_every": 50})
    assert "ends at step 2,000" in told and "every 50 steps" in told
    assert "步结束" in watch_resume.told(workspace, "zh", "poet", {})
    assert 'role="alert"' in watch_resume.told(workspace, "en", "poet", {"epochs": None})


# -- the bin


def test_the_bin_lists_restores_and_empties(workspace):
    for name in ("old", "older"):
        make_run(workspace, name, "done")
        watch.delete(workspace, "en", name)
    assert trash.contents(workspace, "en", whole=False) == {"count": 2, "label": "Open the bin (2)"}
    told = trash.contents(workspace, "en", whole=True)
    assert [(row["name"], row["kind"]) for row in told["rows"]] == [("older", "Run"), ("old", "Run")] and "MB on the disk" in told["total"]
    assert trash.restore(workspace, "en", told["rows"][1]["id"])["text"] == "old is back."
    assert [run.id for run in workspace.runs()] == ["old"]
    with pytest.raises(UserError, match="not in the bin"):
        trash.restore(workspace, "en", "../runs/old")
    assert trash.empty(workspace, "zh", "")["text"] == "回收站已清空。"
    assert trash.contents(workspace, "en", whole=True)["rows"] == [] and workspace.run("old")


def test_of_many_runs_each_is_looked_at_once_a_request(workspace, monkeypatch):
    for number in range(3):
        make_run(workspace, f"run-{number}", "done", step=1)
    asked = []
    told = Run._told
    monkeypatch.setattr(Run, "_told", lambda run: asked.append(run.id) or told(run))
    glance = news.Glance(workspace)
    for name in ("running_now", "all_runs", "waiting_line"):
        news.QUESTIONS[name](glance, "en", {})
    assert sorted(asked) == ["run-0", "run-1", "run-2"]
    write_json(workspace.run("run-1").path / "status.json", {"state": "stopped"})
    rows = news.QUESTIONS["all_runs"](news.Glance(workspace), "en", {})["rows"]
    assert {row["id"]: row["state"] for row in rows}["run-1"] == "stopped"
