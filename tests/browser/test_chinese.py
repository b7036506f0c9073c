"""The Chinese page in a real browser: what Gradio itself says is Chinese too; sizes can be clicked."""

import pytest

from fm_gui.data.adding import add_dataset
from tests.browser.conftest import App, Person
from tests.ui.conftest import served  # noqa: F401  (one app for all tests here)

# names of buttons with no Chinese in them
ENGLISH = """() => [...document.querySelectorAll('button, input, textarea, [role=button]')].filter(at => at.offsetParent)
    .flatMap(at => ['aria-label', 'title'].map(name => at.getAttribute(name)).filter(text => text && /[A-Za-z]{4,}/.test(text) && !/[\\u4e00-\\u9fff]/.test(text)))"""


@pytest.fixture
def fm_app(served):  # noqa: F811
    yield App(served.url, served.workspace, served.log)


@pytest.fixture
def poem(fm_app, tmp_path):
    file = tmp_path / "poem.txt"
    file.write_text("\n".join(f"The fox went over the hill to see what it could see, day {i}." for i in range(300)), encoding="utf-8")
    return add_dataset(fm_app.workspace, [file], name="poem").name


def test_gradios_own_names_are_chinese_too_and_a_size_can_be_clicked(person: Person, fm_app, poem):
    page = person.page
    page.goto(f"{fm_app.url}?tab=train&data={poem}")
    page.locator("#train-from label").first.wait_for()
    person.switch_language()
    page.locator("#train-size-line button", has_text="12M").click()
    page.locator("#train-size-line", has_text="规模 12M").wait_for()
    assert page.locator("#train-size input[type=range]").input_value() == "2"
    page.locator("#train-advanced > button").click()
    page.locator("#train-setting-optimizer", has_text="AdamW").wait_for()
    page.locator("#train-setting-compile label", has_text="自动").wait_for()
    assert page.locator("#train-setting-warmup input[type=range]").get_attribute("aria-label").endswith("滑块")
    assert set(page.evaluate(ENGLISH)) == {"Switch to English"}
    page.locator("#tab-data-button").click()
    page.locator("#data-upload").wait_for()
    page.wait_for_timeout(1500)
    assert set(page.evaluate(ENGLISH)) == {"Switch to English"}
    assert person.complaints == []
