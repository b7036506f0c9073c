"""A small form as one zip that needs ONNX Runtime and tokenizers alone; its card says what it costs in score and gives in speed."""

import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from fm_gui import small
from fm_gui.card import card_text
from fm_gui.export import CHECKED, STAND_IN, TEMPLATES, Progress, contents, fresh, held_out_texts, pinned, write_zip
from fm_gui.runs import Run
from fm_gui.scores import number
from fm_gui.text import say

NEEDED = ("onnxruntime", "tokenizers", "numpy")
TOLERANCE = {"onnx": 1e-4, "int8": 2e-3}  # of a probability; rounding to whole numbers makes more of a last digit
MAKING = 0.6  # of the time, unless the form was made before


def export_small(run: Run, out: str | Path, form: str, lang: str = "en", progress: Progress | None = None) -> Path:
    """Write ``form`` of ``run`` as a zip to ``out``, check that it answers the same in a fresh process, and return its path.

    Raises UserError as ``small.make`` and ``export.export_zip`` do.
    """
    tell = progress or (lambda share, key: None)
    small.make(run, form, lambda share, key: tell(MAKING * share, key))
    files = small_contents(run, form, lang)
    return write_zip(run, files, out, lambda share, key: tell(MAKING + (1 - MAKING) * share, key), lambda run, path: verify(run, path, form), form=form)


def small_contents(run: Run, form: str, lang: str = "en") -> dict[str, Path | str]:
    """Name in the zip -> file to copy, or text."""
    whole = contents(run, lang)
    kept = {name: part for name, part in whole.items() if not name.endswith(".safetensors")}
    return kept | {
        "model.onnx": run.path / "small" / form / "model.onnx",
        "README.md": card(run, form, lang),
        "predict.py": (TEMPLATES / "predict_onnx.py").read_text(encoding="utf-8"),
        "requirements.txt": pinned(run, NEEDED),
    }


def verify(run: Run, zip_path: Path, form: str) -> dict:
    """Unpack the zip, ask its predict.py in a fresh process, and compare with what the figures were measured with; see export.verify."""
    begin = time.monotonic()
    texts = list(held_out_texts(run, CHECKED))
    held_out = bool(texts)
    texts = texts or STAND_IN
    with tempfile.TemporaryDirectory(prefix="fm-gui-export-") as folder:
        with zipfile.ZipFile(zip_path) as file:
            file.extractall(Path(folder) / "model")
        theirs = fresh(Path(folder), texts, "chances_onnx.py")
    ours = small.load(run, form).predict([{"text": text} for text in texts])
    names = small.load(run, form).names
    differences = [max(abs(float(p) - answer["scores"][names[i]]) for i, p in enumerate(row)) for row, answer in zip(theirs, ours)]
    same = sum(difference <= TOLERANCE[form] for difference in differences)
    return {"texts": len(texts), "identical": same, "difference": max(differences), "held_out": held_out, "seconds": round(time.monotonic() - begin, 1)}


def told(figures: dict[str, Any], lang: str) -> tuple[list[str], list[list[str]], str]:
    """(heads, rows, sentence) of a form's figures: the whole model beside it, and what that comes to."""
    heads = ["", say("small.whole", lang), say(f"small.{figures['form']}", lang)]
    size = [say("small.size", lang), *(f"{figures[f'{side}_bytes'] / 1e6:.1f} MB" for side in ("whole", "small"))]
    if not figures["rows"]:
        return heads, [size], say("small.unmeasured", lang)
    sides = [figures["whole"], figures["small"]]
    names = [figures["metric"], *(name for name in ("accuracy", "macro_f1") if name != figures["metric"])]
    rows = [[say(f"metric.{name}", lang), *(number(side[name]) for side in sides)] for name in names]
    rows.append([say("small.speed", lang), *(number(side["texts_per_second"]) for side in sides)])
    sentence = say("small.same", lang, same=figures["same"], rows=figures["rows"], times=sides[1]["texts_per_second"] / sides[0]["texts_per_second"])
    if figures["lost"] > small.FEW_POINTS:
        sentence += say("small.lost", lang, points=figures["lost"], metric=say(f"metric.{figures['metric']}", lang))
    return heads, [*rows, size], sentence


def small_snippet(lang: str) -> str:
    """Python that answers one example from the unpacked folder, by the predict.py in it."""
    lines = ["import sys", "", 'sys.path.insert(0, "MODEL")', "from predict import Model", "", "model = Model()"]
    return "\n".join([*lines, f'print(model.labels, model.chances(["{say("card.example.text", lang)}"]))'])


def card(run: Run, form: str, lang: str) -> str:
    """The run's card with the form's figures, and how this form is used in place of how the whole model is."""
    heads, rows, sentence = told(small.figures(run, form), lang)
    table = "\n".join("| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *rows))
    about = f"## {say('small.title', lang)}\n\n{say(f'small.{form}.about', lang)}\n\n{table}\n\n{sentence}\n\n"
    use = f"## {say('card.use', lang)}\n\n{say('small.use', lang)}\n\n```\npip install -r requirements.txt\npython predict.py \"...\"\n```\n\n"
    text = card_text(run, lang).replace("library_name: transformers", "library_name: onnx", 1)
    before, again = text.index(f"## {say('card.use', lang)}\n"), text.index(f"## {say('card.again', lang)}\n")
    return text[:before] + about + use + text[again:]
