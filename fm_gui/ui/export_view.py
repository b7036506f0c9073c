"""What the Export tab shows, as HTML and plain values."""

from pathlib import Path

from fm_gui import small
from fm_gui.export import contents, size
from fm_gui.files import read_json
from fm_gui.runs import Run
from fm_gui.small_export import small_contents, told
from fm_gui.text import say
from fm_gui.ui.view import esc

# what a file is for, by the first of these that its name begins or ends with
PURPOSES = (
    (".safetensors", "weights"), (".onnx", "weights"), ("README.md", "card"), ("predict.py", "script"), ("requirements.txt", "requirements"),
    ("tokenizer", "tokenizer"), ("vocab", "tokenizer"), ("merges", "tokenizer"), ("special_tokens", "tokenizer"), ("config.json", "config"),
)


WHOLE = "whole"


def forms(lang: str) -> list[tuple[str, str]]:
    return [(say(f"small.{form}", lang), form) for form in (WHOLE, *small.FORMS)]


def about(form: str, lang: str) -> str:
    return f'<p class="fm-muted">{say(f"small.{form}.about", lang)}</p>'


def figures(run: Run, form: str, lang: str) -> str:
    """A form beside the whole model, once it was made."""
    if form == WHOLE or not (found := small.figures(run, form)):
        return ""
    heads, rows, sentence = told(found, lang)
    head = "".join(f"<th>{esc(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{esc(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'<h3 class="export-head">{say("small.title", lang)}</h3><table class="fm-table export-figures"><tr>{head}</tr>{body}</table><p>{esc(sentence)}</p>'


def bytes_text(count: int) -> str:
    """ "870 B", "1.2 kB", "91 MB": two or three significant digits."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if value >= 10 or units[0] == "B" else f"{value:.1f} {units[0]}"


def inside(run: Run, form: str, lang: str) -> str:
    """What the zip will hold: file, what it is for, size."""
    found = small.figures(run, form)
    if form != WHOLE and not found:
        return ""  # not known before it is made
    files = size(contents(run, lang) if form == WHOLE else small_contents(run, form, lang))
    rows = "".join(
        f'<tr><td><code>{esc(name)}</code><br><span class="fm-muted">{say(f"export.file.{_purpose(name)}", lang)}</span></td><td>{bytes_text(count)}</td></tr>'
        for name, count in files
    )
    total = say("export.total", lang, size=bytes_text(sum(count for _, count in files)))
    return f'<h3 class="export-head">{say("export.inside", lang)} <span class="fm-muted">{total}</span></h3><table class="fm-table">{rows}</table>'


def _purpose(name: str) -> str:
    return next((purpose for mark, purpose in PURPOSES if name.startswith(mark) or name.endswith(mark)), "other")


def checked(run: Run, form: str, lang: str) -> str:
    """What the last export's check found, or what it will do."""
    title = f'<h3 class="export-head">{say("export.check.title", lang)}</h3>'
    path, whole = run.path / "export.json", form == WHOLE
    found = read_json(path) if path.exists() else None
    if not found or found.get("form", WHOLE) != form:
        return f'{title}<p class="fm-muted">{say("export.check.none" if whole else "small.check.none", lang)}</p>'
    more = "" if found["held_out"] else say("export.check.stand-in", lang)
    values = {name: found[name] for name in ("identical", "texts", "difference")}
    sentence = say("export.check.done" if whole else "small.check.done", lang, **values)
    return f'{title}<p class="export-good"><b>✓</b> {sentence}{more}</p>'


def ready(path: Path, lang: str) -> str:
    return f'<p role="status"><b class="export-good">✓</b> {say("export.packed", lang)} <span class="fm-muted">{bytes_text(path.stat().st_size)}</span></p>'


def folder(run: Run) -> str:
    return f'<code class="export-path">{esc(run.path / "model")}</code>'
