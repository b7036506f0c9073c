"""What a newcomer does: a file dropped, a model trained, watched and tried, in at most 6 clicks."""

import time

import pytest

from fm_gui.data.adding import add_dataset
from fm_gui.text import say
from tests.browser.conftest import Person

PATIENCE = 300  # seconds for a training to end, on a busy machine
SENTENCE = "A wonderful and sturdy chair"


def panel(page, tab: str):
    """The part of the page that belongs to a tab."""
    return page.locator(f"#tab-{tab}")


def wait_for_end(app, seconds: float = PATIENCE):
    """The only run, once it is no longer active."""
    end = time.monotonic() + seconds
    while not (runs := app.workspace.runs()):
        assert time.monotonic() < end, "no run was started"
        time.sleep(0.2)
    status = runs[0].wait(end - time.monotonic())
    assert status.state == "done", runs[0].log_tail()
    return runs[0]


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_newcomer_trains_and_tries_a_classifier(person: Person, fm_app, reviews):
    page = person.page
    person.go(fm_app.url)
    person.drop("#data-upload", reviews)
    page.locator("#data-head").get_by_text("reviews").first.wait_for()
    assert "wonderful" in page.locator("#data-preview").inner_text()
    spec = fm_app.workspace.datasets()[0]
    assert (spec.roles["text"].column, spec.roles["label"].column) == ("review", "stars")  # guessed, untold

    person.click("#data-train-button")
    page.locator("#train-start").wait_for()
    page.locator("#train-examples").get_by_text("would").first.wait_for()  # tokens are seen before anything runs
    person.click("#train-start")

    run = wait_for_end(fm_app)
    panel(page, "watch").get_by_text(say("state.done", "en")).first.wait_for()
    assert "tab=watch" in page.url and f"run={run.id}" in page.url

    person.click("#tab-try-button")
    box = page.locator("#try-input textarea:visible")
    box.fill(SENTENCE)
    person.click("#try-go")
    page.locator("#try-card-0").get_by_text("positive").first.wait_for()
    assert person.clicks <= 6

    person.reload()
    page.locator("#try-input textarea:visible").wait_for()
    assert f"run={run.id}" in page.url
    page.locator("#try-runs").get_by_text(run.id).or_(page.locator("#try-card-0").get_by_text(run.id)).first.wait_for()
    speak_chinese_and_back(person)
    fits_a_phone(person, fm_app.url, run.id)
    assert person.complaints == []


def speak_chinese_and_back(person: Person):
    """The language switch changes labels and what the server says, keeps the place, and switches back."""
    page = person.page
    address = page.url
    person.switch_language()
    page.get_by_role("tab", name=say("try.tab", "zh")).wait_for()
    assert page.url == address
    page.get_by_role("tab", name=say("watch.title", "zh")).click()
    panel(page, "watch").get_by_text(say("state.done", "zh")).first.wait_for()
    person.reload()  # the choice outlives a reload
    page.get_by_role("tab", name=say("watch.title", "zh")).wait_for()
    person.switch_language()
    page.get_by_role("tab", name=say("watch.title", "en")).wait_for()


def fits_a_phone(person: Person, url: str, run: str):
    """At 390 pixels nothing sticks out at the side, whatever the tab."""
    page = person.page
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("data", "train", "watch", "try", "evaluate", "export"):
        person.go(f"{url}?tab={tab}&run={run}")
        panel(page, tab).wait_for()
        page.wait_for_timeout(1200)  # what loads late may be what sticks out
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{tab} is wider than a phone"


def test_an_empty_page_says_what_to_do(person: Person, fm_app):
    """Every tab of an empty workspace shows something to do, and none complains."""
    page = person.page
    for tab in ("data", "train", "watch", "try", "evaluate", "export"):
        person.go(f"{fm_app.url}?tab={tab}")
        panel(page, tab).wait_for()
        page.wait_for_function("id => document.getElementById(id).innerText.trim().length > 40", arg=f"tab-{tab}")
    assert person.complaints == []


def test_back_and_forward_follow_the_tabs(person: Person, fm_app):
    page = person.page
    person.go(fm_app.url)
    panel(page, "data").wait_for()
    for tab in ("train", "watch"):
        page.locator(f"#tab-{tab}-button").click()
        panel(page, tab).wait_for()
        assert f"tab={tab}" in page.url
    page.go_back()
    panel(page, "train").wait_for()
    page.go_back()
    panel(page, "data").wait_for()
    page.go_forward()
    panel(page, "train").wait_for()
    assert person.complaints == []


def test_a_mistake_is_told_as_a_sentence(person: Person, fm_app, tmp_path):
    """An empty file: one sentence that names it; nothing is added, and the page goes on."""
    empty = tmp_path / "nothing.csv"
    empty.write_bytes(b"")
    page = person.page
    person.go(fm_app.url)
    person.drop("#data-upload", empty)
    toast = page.locator(".toast-body, [data-testid=toast-body]").first
    toast.wait_for()
    assert "nothing.csv" in toast.inner_text()
    assert "Traceback" not in toast.inner_text()
    assert fm_app.workspace.datasets() == []


def test_the_address_and_the_button_choose_among_several_data_sets(person: Person, fm_app, reviews, tmp_path):
    """The newest is shown by default; an older one must stay chosen all the way to Train, with the task it suits."""
    add_dataset(fm_app.workspace, [reviews], name="older")
    prose = tmp_path / "prose.txt"
    prose.write_text("".join(f"This is line {n} of a text about nothing much.\n" for n in range(60)), encoding="utf-8")
    add_dataset(fm_app.workspace, [prose], name="newer")
    page = person.page
    chosen, task = page.locator("#train-data input"), page.locator("#train-task input:checked")

    person.go(f"{fm_app.url}?tab=train&data=older")
    page.locator("#train-start:not([disabled])").wait_for()
    page.wait_for_timeout(1500)  # what an answer that comes late would change
    assert chosen.input_value().startswith("older") and task.input_value() == "text-classification"

    person.go(f"{fm_app.url}?tab=data&data=older")
    page.locator("#data-head").get_by_text("older").first.wait_for()
    person.click("#data-train-button")
    page.locator("#train-start:not([disabled])").wait_for()
    page.wait_for_timeout(1500)
    assert chosen.input_value().startswith("older") and task.input_value() == "text-classification"
