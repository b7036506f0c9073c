"""Starting the page, and what its HTML carries before Gradio begins."""

import json
import re
import socket
import subprocess
import sys

import httpx
import pytest

import app
from fm_gui.errors import UserError
from fm_gui.text import say, table
from fm_gui.ui import theme
from tests.ui.conftest import ROOT


def refused(*arguments, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        encoding="utf-8",
        env={"PATH": "", "FM_GUI_LANG": "en", "PYTHONUTF8": "1", **environment},
    )


def test_refusals_are_one_sentence(tmp_path):
    told = refused("--host", "0.0.0.0", "--workspace", str(tmp_path))
    assert told.returncode == 1 and told.stderr.strip() == say("error.bind", host="0.0.0.0")
    told = refused("--workspace", str(tmp_path), GRADIO_VIBE_MODE="1", FM_GUI_LANG="zh")
    assert told.returncode == 1 and told.stderr.strip() == say("error.vibe", "zh")
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    told = refused("--workspace", str(blocked))
    assert told.returncode == 1 and len(told.stderr.strip().splitlines()) == 1


def test_the_next_free_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert app.free_port("127.0.0.1", port) > port
    with pytest.raises(UserError, match="No free port"):
        app.free_port("203.0.113.1", 50_000)  # not an address of this machine


def test_page_carries_words_and_scripts_before_gradio(served):
    page = httpx.get(served.url).text
    head, _, _ = page.partition("</head>")
    words = json.loads(re.search(r"window\.FM_PAGE = (\{.*?\});\n", head, re.DOTALL)[1])["words"]
    assert words["zh"]["strip.safe"] == say("strip.safe", "zh") and words["en"].keys() == words["zh"].keys()
    assert all(script in head for script in ("window.fm = {", "fm.liveCharts = ", "fm.watch = "))
    assert httpx.get(served.url + json.loads(re.search(r'"plotly": (".*?")', head)[1])).text[:200].find("plotly.js") > 0


def test_scripts_ask_only_for_words_that_travel_with_the_page():
    asked = set()
    for script in ((theme.ASSETS / name).read_text(encoding="utf-8") for name in theme.SCRIPTS):
        asked |= set(re.findall(r'\bword\("([\w.-]+)"[,)]', script))
        if prefix := re.search(r"const say = .*word\(`([\w.]+)\$", script):
            asked |= {prefix[1] + key for key in re.findall(r'\bsay\("([\w.-]+)"', script)}
    assert len(asked) > 30 and asked <= table().keys()
    assert all(key.startswith(theme._PREFIXES) for key in asked)


def test_no_word_can_end_the_script_element(monkeypatch):
    monkeypatch.setattr(theme, "table", lambda: {"page.title": ("</script><b>", "x")})
    assert "</script><b>" not in theme.head()


def contrast(first: str, second: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return sum(
            weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
            for weight, part in zip((0.2126, 0.7152, 0.0722), parts)
        )

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("block", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_in_both_themes(block):
    css = (theme.ASSETS / "style.css").read_text(encoding="utf-8")
    tokens = dict(re.findall(r"--fm-([\w-]+): (#[0-9a-f]{6})", re.findall(r"\{([^}]*--fm-bg:[^}]*)\}", css)[block]))
    on = [
        ("text", "bg"),
        ("text", "card"),
        ("text", "field"),
        ("text", "accent-soft"),
        ("muted", "bg"),
        ("muted", "card"),
        ("muted", "accent-soft"),
        ("accent", "bg"),
        ("accent", "card"),
        ("on-accent", "accent-fill"),
        ("on-accent", "accent-hover"),
        ("good", "card"),
        ("warn", "card"),
        ("bad", "card"),
        ("text", "bad-soft"),
        ("bad", "bad-soft"),
    ]
    weak = {pair: round(contrast(tokens[pair[0]], tokens[pair[1]]), 2) for pair in on if contrast(tokens[pair[0]], tokens[pair[1]]) < 4.5}
    assert not weak
    curves = [contrast(tokens[f"curve-{n}"], tokens["card"]) for n in range(1, 8)]
    assert min(curves) >= 3


def test_page_needs_no_torch_to_come_up(tmp_path):
    code = (
        "import sys; from pathlib import Path; from fm_gui.workspace import Workspace; from fm_gui.ui import build_app; "
        f"build_app(Workspace(Path({str(tmp_path)!r}))); heavy = {{'torch', 'transformers', 'datasets', 'sklearn'}} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr[-2000:]
