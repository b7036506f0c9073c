"""Messy data in the page: seen through, repaired with a click, taken back, labelled by keyboard, taken away."""

import json
import random

import pytest

from fm_gui.data.dataset import Dataset
from fm_gui.labelling import answers
from fm_gui.text import say
from tests.browser.conftest import Person
from tests.data.added import added

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def messy(tmp_path):
    """240 rows in Windows-1252 with semicolons; "Good" beside "good" (4 rows), 5 exact copies, 3 rows without a text."""
    dice = random.Random(7)
    things = ["café", "lamp", "carpet", "kettle", "mirror", "pillow", "bicycle", "coat"]
    opinions = {"good": ["lovely", "sturdy", "a bargain", "well made", "quick to arrive"], "bad": ["broken", "flimsy", "overpriced", "badly packed", "late"]}
    lines = ["opinion;grade"]
    for n in range(228):
        label = ("good", "bad")[n % 2]
        first, second = dice.sample(opinions[label], 2)
        lines.append(f"The {dice.choice(things)} from shop {dice.randrange(10**6)} was {first} and {second};{'Good' if n in (4, 44, 90, 150) else label}")
    lines += lines[11:16] + [";good", ";bad", ";good"]
    file = tmp_path / "messy.csv"
    file.write_bytes(("\n".join(lines) + "\n").encode("cp1252"))
    return file


def inner(page, name: str):
    page.locator("#data-inner").get_by_role("tab", name=say(f"data.inner.{name}", "en"), exact=True).click()


def codes(page) -> set[str]:
    return {card.get_attribute("data-code") for card in page.locator(".health-card").all()}


def test_messy_data_is_seen_through_and_repaired(person: Person, fm_app, messy):
    page = person.page
    person.go(fm_app.url)
    person.drop("#data-upload", messy)
    page.locator("#data-preview").get_by_text("café").first.wait_for()  # the encoding was found out
    name = fm_app.workspace.datasets()[0].name

    page.locator("#data-search input, #data-search textarea").first.fill("PILLOW")
    found = sum("pillow" in text for text in Dataset(fm_app.workspace, name).column("text"))
    page.locator("#data-page-line").get_by_text(f"{found}").first.wait_for()

    inner(page, "health")
    page.locator(".health-card[data-code=label-spelling]").wait_for()
    assert {"label-spelling", "exact-duplicates", "empty-texts"} <= codes(page)
    page.locator(".health-card[data-code=label-spelling] button[data-do=rows]").click()
    page.locator("#data-rows-chip").get_by_text("4").first.wait_for()
    page.locator("#data-preview").get_by_text("Good", exact=True).nth(3).wait_for(state="attached")
    assert page.locator("#data-preview").get_by_text("Good", exact=True).count() <= 5  # the table measures itself by a hidden row

    inner(page, "health")
    page.locator(".health-card[data-code=label-spelling] button[data-do=fix]").click()
    page.locator(".health-card[data-code=label-spelling]").wait_for(state="detached")
    assert set(Dataset(fm_app.workspace, name).label_counts()) == {"good", "bad"}
    page.locator("#data-health-undo").click()
    page.locator(".health-card[data-code=label-spelling]").wait_for()
    assert "Good" in Dataset(fm_app.workspace, name).label_counts()

    inner(page, "clean")
    page.locator("#data-clean-safe").click()
    page.locator("#data-clean-versions").get_by_text(say("step.drop-empty", "en")).first.wait_for()
    assert Dataset(fm_app.workspace, name).spec.rows == 233
    page.locator("#data-clean-versions input[type=radio]").first.check()
    page.locator("#data-head").get_by_text("236").first.wait_for()
    assert Dataset(fm_app.workspace, name).spec.rows == 236 and Dataset(fm_app.workspace, name).spec.undone
    assert person.complaints == []


def test_labels_by_keyboard_survive_a_reload(person: Person, fm_app, messy):
    page = person.page
    person.go(fm_app.url)
    person.drop("#data-upload", messy)
    page.locator("#data-head").get_by_text("messy").first.wait_for()
    name = fm_app.workspace.datasets()[0].name
    inner(page, "labels")
    card = page.locator(".label-card[data-at]")
    card.wait_for()
    for key in ("1", "2", "s", "1"):
        before = card.get_attribute("data-at")
        page.keyboard.press(key)
        page.wait_for_function("(before) => document.querySelector('.label-card[data-at]')?.dataset.at !== before", arg=before)
    data = Dataset(fm_app.workspace, name)
    assert len(answers(data)) == 4  # on the disk before the next row is shown
    person.reload()
    page.locator("#data-head").get_by_text("messy").first.wait_for()
    inner(page, "labels")
    page.locator("#label-progress").get_by_text("4").first.wait_for()
    page.locator("#label-put").click()
    page.wait_for_function("() => document.querySelector('#label-put')?.disabled || document.querySelector('#label-put button')?.disabled")
    steps = Dataset(fm_app.workspace, name).spec.recipe
    assert [step.step for step in steps] == ["set-labels"] and len(steps[0].settings["labels"]) <= 3

    inner(page, "manage")
    page.locator("#manage-export-kind").get_by_text("JSONL").click()
    with page.expect_download() as waiting:
        page.locator("#manage-export-do").click()
    rows = [json.loads(line) for line in waiting.value.path().read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 236 and set(rows[0]) == {"opinion", "grade"}
    assert person.complaints == []


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_every_data_set_can_be_chosen(chromium, fm_app, size):
    """Eight stand below each other in a list that scrolls, none beside the others; the one that is open shows."""
    for number in range(8):
        added(fm_app.workspace, f"reviews-{number}", f"text,label\nfirst text {number},good\nsecond text {number},bad\n")
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-US")
    context.set_default_timeout(60_000)
    try:
        page = context.new_page()
        page.goto(f"{fm_app.url}?tab=data&data=reviews-0")  # the oldest stands at the end
        page.locator("#data-head").get_by_text("reviews-0").first.wait_for()
        assert page.locator("#data-list label").count() == 8
        where = """() => {
          const one = document.querySelector('#data-list label.selected'), list = one.closest('.wrap'), box = (node) => node.getBoundingClientRect();
          return {list: box(list), one: box(one), scrolls: list.scrollHeight > list.clientHeight, wide: list.scrollWidth > list.clientWidth,
                  lefts: [...list.querySelectorAll('label')].map((label) => box(label).left), page: document.documentElement.scrollWidth};
        }"""
        page.wait_for_function(f"() => {{ const at = ({where})(); return at.one.top >= at.list.top - 1 && at.one.bottom <= at.list.bottom + 1 }}")
        seen = page.evaluate(where)
        assert seen["scrolls"] and not seen["wide"] and len(set(seen["lefts"])) == 1 and seen["page"] <= size[0]
        page.locator("#data-list label").nth(3).click()  # Playwright scrolls to it, as a person does
        page.locator("#data-head").get_by_text("reviews-4").first.wait_for()
    finally:
        context.close()
