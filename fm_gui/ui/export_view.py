"""What the Export tab shows, as HTML and plain values."""

from pathlib import Path

from fm_gui.export import size
from fm_gui.files import read_json
from fm_gui.runs import Run
from fm_gui.text import say
from fm_gui.ui.view import esc

# what a file is for, by the first of these that its name begins or ends with
PURPOSES = (
    (".safetensors", "weights"), ("README.md", "card"), ("predict.py", "script"), ("requirements.txt", "requirements"),
    ("tokenizer", "tokenizer"), ("vocab", "tokenizer"), ("merges", "tokenizer"), ("special_tokens", "tokenizer"), ("config.json", "config"),
)


def bytes_text(count: int) -> str:
    """ "870 B", "1.2 kB", "91 MB": two or three significant digits."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if value >= 10 or units[0] == "B" else f"{value:.1f} {units[0]}"


def inside(run: Run, lang: str) -> str:
    """What the zip will hold: file, what it is for, size."""
    files = size(run, lang)
    rows = "".join(
        f'<tr><td><code>{esc(name)}</code><br><span class="fm-muted">{say(f"export.file.{_purpose(name)}", lang)}</span></td><td>{bytes_text(count)}</td></tr>'
        for name, count in files
    )
    total = say("export.total", lang, size=bytes_text(sum(count for _, count in files)))
    return f'<h3 class="export-head">{say("export.inside", lang)} <span class="fm-muted">{total}</span></h3><table class="fm-table">{rows}</table>'


def _purpose(name: str) -> str:
    return next((purpose for mark, purpose in PURPOSES if name.startswith(mark) or name.endswith(mark)), "other")


def checked(run: Run, lang: str) -> str:
    """What the last export's check found, or what it will do."""
    title = f'<h3 class="export-head">{say("export.check.title", lang)}</h3>'
    path = run.path / "export.json"
    if not path.exists():
        return f'{title}<p class="fm-muted">{say("export.check.none", lang)}</p>'
    found = read_json(path)
    more = "" if found["held_out"] else say("export.check.stand-in", lang)
    sentence = say("export.check.done", lang, identical=found["identical"], texts=found["texts"], difference=found["difference"])
    return f'{title}<p class="export-good"><b>✓</b> {sentence}{more}</p>'


def ready(path: Path, lang: str) -> str:
    return f'<p role="status"><b class="export-good">✓</b> {say("export.packed", lang)} <span class="fm-muted">{bytes_text(path.stat().st_size)}</span></p>'


def folder(run: Run) -> str:
    return f'<code class="export-path">{esc(run.path / "model")}</code>'
