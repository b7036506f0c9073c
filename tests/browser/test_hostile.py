"""HTML in every name, cell and sentence, seen by a real browser: it stays text."""

import json

import pytest

from fm_gui.data.adding import add_dataset
from tests.ui.runs_for_tests import append_event, make_run

EVIL = "<img src=x onerror=window.fm_evil=1>"


@pytest.mark.long
def test_html_from_outside_never_runs(person, fm_app, tmp_path):
    rows = "".join(f'"{EVIL} number {n} of many","{EVIL}{n % 2}","{EVIL}"\n' for n in range(60))
    file = tmp_path / f"{EVIL}.csv".replace("/", "")
    file.write_text(f'"text {EVIL}","label {EVIL}","author"\n' + rows, encoding="utf-8")
    name = add_dataset(fm_app.workspace, [file]).name
    crash = {"code": "crash", "values": {"kind": EVIL, "text": EVIL}, "sentence": EVIL}
    run = make_run(fm_app.workspace, "hostile", "failed", error=crash)
    append_event(run, kind="sample", step=5, prompt=EVIL, text=EVIL)
    append_event(run, kind="incident", code="incident.unknown", values={"name": EVIL})
    (run.path / "log.txt").write_text(EVIL, encoding="utf-8")
    (run.path / "evaluation.json").write_text(json.dumps({"labels": [EVIL], "part": "test"}), encoding="utf-8")
    page = person.page
    page.on("dialog", lambda dialog: dialog.dismiss())
    person.go(f"{fm_app.url}?tab=data&data={name}")
    page.locator("[role=gridcell]").filter(has_text=EVIL).first.wait_for()
    inner = page.locator("#tab-data [role=tab]")
    for index in range(inner.count()):
        inner.nth(index).click()
        page.wait_for_timeout(700)
        unharmed(page)
    for tab in ("train", "watch", "try", "evaluate", "export"):
        person.go(f"{fm_app.url}?tab={tab}&data={name}&run=hostile")
        page.wait_for_timeout(1500)
        unharmed(page)
    person.go(f"{fm_app.url}?tab={EVIL}&data={EVIL}&run={EVIL}")
    page.wait_for_timeout(1000)
    unharmed(page)


def unharmed(page) -> None:
    assert page.evaluate("window.fm_evil") is None and page.locator("img[src=x]").count() == 0, page.url
