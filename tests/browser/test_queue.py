"""The line, a silent worker, going on with changes and the bin, clicked in a real browser."""

import shutil
import subprocess
import sys
import time

import pytest

from fm_gui import processes, queue
from fm_gui.files import read_json, write_json
from tests.browser.conftest import App, Person
from tests.ui.conftest import served  # noqa: F401  (one app for all tests here)
from tests.ui.runs_for_tests import append_event, make_run

GONE = {"pid": 2**22 + 1, "create_time": 1.0}


@pytest.fixture
def fm_app(served):  # noqa: F811
    yield App(served.url, served.workspace, served.log)
    for folder in ("runs", "bin"):
        for left in (served.workspace.root / folder).iterdir():
            shutil.rmtree(left)


def see(person: Person, fm_app: App, run: str) -> None:
    person.page.set_default_timeout(120_000)  # a busy machine takes its time
    person.page.goto(f"{fm_app.url}?tab=watch&run={run}")
    person.page.locator("#watch-name", has_text=run).wait_for()


def waits(fm_app: App, name: str, place: float):
    run = make_run(fm_app.workspace, name, "queued", step=0, devices=["cpu"])
    # the page's server did not start it, so nobody tells its sign of life: it gave one just now, for a long time to come
    write_json(run.path / "status.json", read_json(run.path / "status.json") | {"heartbeat": time.time() + 10_000})
    write_json(run.path / "place.json", {"order": place})
    return run


def test_the_line_is_moved_by_clicks_and_what_fell_out_of_it_is_offered(person: Person, fm_app):
    page = person.page
    for place, name in enumerate(("first", "second", "third")):
        waits(fm_app, name, place)
    fell = waits(fm_app, "fell", 9)
    write_json(fell.path / "process.json", GONE)
    see(person, fm_app, "second")
    names = page.locator(".fm-line-name")
    page.locator(".fm-line-rows li").nth(2).wait_for()
    assert names.all_inner_texts() == ["first", "second", "third"]
    page.locator(".fm-line-rows li", has_text="third").locator("[data-move=next]").click()
    page.locator("#watch-note", has_text="third is now next in line").wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('.fm-line-name')].map((n) => n.textContent).join() === 'third,first,second'")
    page.locator("#watch-next").click()
    page.locator("#watch-state", has_text="next in line").wait_for()
    assert [one.run.id for one in queue.line(fm_app.workspace)] == ["second", "third", "first"]
    page.locator("#watch-at-start").check()
    page.locator("#watch-note", has_text="by themselves").wait_for()
    assert queue.resume_at_start(fm_app.workspace)
    queue.set_resume_at_start(fm_app.workspace, False)
    page.locator("#watch-drop").click()
    page.locator("#watch-restart").wait_for(state="hidden")
    assert queue.fallen(fm_app.workspace) == [] and fell.status().state == "stopped"
    page.locator("#watch-cancel").click()
    page.locator("#watch-note", has_text="left the line").wait_for()
    assert person.complaints == []


def test_a_silent_worker_can_be_waited_for_and_ended(person: Person, fm_app):
    page = person.page
    run = make_run(fm_app.workspace, "quiet", heartbeat=time.time() - 90)
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        write_json(run.path / "process.json", processes.record(worker.pid))
        append_event(run, kind="incident", code="incident.early-stop", values={"step": 4, "best_step": 2, "checks": 4})
        see(person, fm_app, "quiet")
        page.locator("#watch-silent", has_text="No sign of life for").wait_for()
        page.locator(".fm-incidents time").wait_for()
        page.locator("#watch-wait").click()
        page.locator("#watch-end").wait_for(state="hidden")
        assert page.locator("#watch-silent").is_visible() and worker.poll() is None
        page.reload()
        page.locator("#watch-end").click()
        page.locator("#watch-state", has_text="interrupted").wait_for()
        worker.wait(20)
    finally:
        worker.kill()
    assert person.complaints == []


def test_going_on_with_changes_says_what_becomes_of_it(person: Person, fm_app):
    page = person.page
    run = make_run(fm_app.workspace, "lesson", "stopped", step=620, train={"epochs": 4.0})
    write_json(run.path / "estimate.json", {"steps": 1000, "steps_per_epoch": 250, "eval_every": 84})
    (run.path / "checkpoint").mkdir()
    write_json(run.path / "checkpoint" / "state.json", {"step": 620, "steps": 1000})
    make_run(fm_app.workspace, "other", "stopped")
    see(person, fm_app, "lesson")
    page.locator("#watch-change").click()
    page.locator("#watch-outlook", has_text="ends at step 1,000").wait_for()
    page.locator("#watch-change-epochs input").fill("8")
    page.locator("#watch-outlook", has_text="ends at step 2,000 (planned before: 1,000)").wait_for()
    page.locator("#watch-change-epochs input").fill("-8")
    page.locator("#watch-outlook", has_text="must be more than 0").wait_for()
    page.locator(".fm-run-pick", has_text="other").click()
    page.locator("#watch-changes").wait_for(state="hidden")
    page.go_back()
    page.locator("#watch-changes").wait_for()
    page.locator("#watch-resume-close").click()
    page.locator("#watch-changes").wait_for(state="hidden")
    assert not (run.path / "changes.json").exists() and person.complaints == []


def test_the_bin_gives_back_and_asks_before_it_is_emptied(person: Person, fm_app):
    page = person.page
    for name in ("kept", "lost", "found"):
        make_run(fm_app.workspace, name, "done", step=1000)
    for name in ("lost", "found"):
        fm_app.workspace.delete_run(name)
    see(person, fm_app, "kept")
    page.locator("#fm-bin-open", has_text="(2)").click()
    page.locator(".fm-bin-rows li", has_text="found").locator("button").click()
    page.locator(".fm-bin-said", has_text="found is back").wait_for()
    page.locator("#fm-bin-empty").click()
    assert page.locator("#fm-bin-empty").is_hidden() and fm_app.workspace.bin()
    page.locator("#fm-bin-empty-yes").click()
    page.locator(".fm-bin-said", has_text="empty now").wait_for()
    page.keyboard.press("Escape")
    page.locator("#fm-bin-open").wait_for(state="hidden")
    assert sorted(run.id for run in fm_app.workspace.runs()) == ["found", "kept"] and person.complaints == []


def test_nothing_shifts_while_the_numbers_change(person: Person, fm_app):
    page = person.page
    run = make_run(fm_app.workspace, "steady", step=300)
    waits(fm_app, "next-one", 1)
    see(person, fm_app, "steady")
    page.locator(".fm-chart-large .fm-plot .scatterlayer .trace").first.wait_for()
    page.locator(".fm-line-name").wait_for()
    where = "() => ['#watch-curves', '#watch-stop', '.fm-runs', '.fm-strip', '.fm-line'].map((at) => Object.values(document.querySelector(at).getBoundingClientRect().toJSON()).join())"
    before = page.evaluate(where)
    for step in (305, 999, 12):
        write_json(run.path / "status.json", read_json(run.path / "status.json") | {"step": step, "eta": step * 7.0, "heartbeat": time.time() - step / 100})
        page.locator(".fm-state-times", has_text=f"step {step} of").wait_for()
        page.wait_for_timeout(2500)  # the strip and the line have asked again too
        assert page.evaluate(where) == before
    assert person.complaints == []
