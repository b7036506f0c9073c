"""A finished model as one zip that plain transformers loads: weights, tokenizer, model card, predict.py, requirements."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from fm_gui.card import card_text
from fm_gui.errors import UserError
from fm_gui.files import write_json
from fm_gui.runs import Run
from fm_gui.tasks import get_task
from fm_gui.workspace import Workspace

TEMPLATES = Path(__file__).resolve().parent / "templates"
# what a model folder may give away; optimizer states, pickles and anything else stay behind
PARTS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
ORIGINS = ("_name_or_path", "name_or_path", "tokenizer_file", "special_tokens_map_file", "_commit_hash")
TOLERANCE = 1e-5  # of the largest logit, at least of 1
CHECKED = 8  # texts whose answers are compared
# for data sets that are gone: any text will do, since two copies of one model are compared
STAND_IN = ["Good morning.", "It arrived late, and the box was open.", "今天天气很好。", "1 + 1 = 2", "Why not?", "Ça va bien.", "¿Dónde está?", "A B C"]
Progress = Callable[[float, str], None]  # share done, words key of what is going on


def export_zip(run: Run, out: str | Path, lang: str = "en", progress: Progress | None = None) -> Path:
    """Write the model of ``run`` as a zip to ``out``, check that it reloads, and return its path.

    What the check found is left in the run folder's export.json. Raises UserError without a finished model, if ``out``
    cannot be written, or if the unpacked model answers differently; then nothing is left behind.
    """
    return write_zip(run, contents(run, lang), out, progress or (lambda share, key: None), verify)


def write_zip(run: Run, files: dict[str, Path | str], out: str | Path, tell: Progress, check: Callable[[Run, Path], dict], **about) -> Path:
    """The zip of ``files`` at ``out`` once ``check(run, zip)`` found its answers the same; see ``export_zip``, which raises the same."""
    out = Path(out)
    if not out.parent.is_dir():
        raise UserError("export-folder", folder=str(out.parent), file=out.name)
    beside = out.with_name(f".{out.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        tell(0.1, "export.packing")
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
            for name, content in files.items():
                if isinstance(content, Path):  # weights do not get smaller by squeezing
                    file.write(content, name, zipfile.ZIP_STORED)
                else:
                    file.writestr(name, content)
        tell(0.4, "export.checking")
        checked = check(run, beside)
        if checked["identical"] < checked["texts"]:
            raise UserError("export-differs", name=run.id, difference=checked["difference"], file=out.name)
        os.replace(beside, out)
    except OSError as problem:
        raise UserError("export-write", path=out.name, reason=problem.strerror or str(problem)) from None
    finally:
        beside.unlink(missing_ok=True)
    write_json(run.path / "export.json", {"time": time.time(), "size": out.stat().st_size, **about, **checked})
    tell(1.0, "export.packed")
    return out


def contents(run: Run, lang: str = "en") -> dict[str, Path | str]:
    """Name in the zip -> file to copy, or text. Raises UserError if the run has no finished model."""
    if not run.has_model:
        raise UserError("run-no-model", name=run.id)
    template = (TEMPLATES / f"predict_{run.config.task}.py").read_text(encoding="utf-8")
    files: dict[str, Path | str] = {"README.md": card_text(run, lang), "predict.py": template, "requirements.txt": requirements(run)}
    for path in sorted({path for pattern in PARTS for path in (run.path / "model").glob(pattern)} - {run.path / "model" / "manifest.json"}):
        files[path.name] = _without_origin(path) if path.suffix == ".json" else path
    return files


def size(files: dict[str, Path | str]) -> list[tuple[str, int]]:
    """(name, bytes) of what a zip of ``files`` will hold, largest first."""
    sizes = {name: part.stat().st_size if isinstance(part, Path) else len(part.encode()) for name, part in files.items()}
    return sorted(sizes.items(), key=lambda entry: -entry[1])


def requirements(run: Run) -> str:
    """The versions the model was made with: enough to use it, without fm_gui."""
    return pinned(run, ("torch", "transformers", "safetensors"))


def pinned(run: Run, names: tuple[str, ...]) -> str:
    """Lines of a requirements.txt: the versions the run was made with, else those that are installed."""
    lines = []
    for name in names:
        made_with = run.config.versions.get(name) or version(name)
        lines.append(f"{name}=={re.split(r'[+]', made_with)[0]}")  # "+cpu" names a build that the index may not have
    return "\n".join(lines) + "\n"


def _without_origin(path: Path) -> str:
    """A JSON file of the model without the entries that tell where on this machine it came from."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    value = json.loads(text)
    if not isinstance(value, dict) or not any(key in value for key in ORIGINS):
        return text
    return json.dumps({key: part for key, part in value.items() if key not in ORIGINS}, ensure_ascii=False, indent=2) + "\n"


def verify(run: Run, zip_path: Path) -> dict:
    """Unpack the zip, load it in a fresh process with transformers alone, and compare with the run's own model.

    Returns {"texts", "identical", "difference", "held_out", "seconds"}: how many answers were compared, how many are
    the same within the tolerance, the largest difference of a logit, and whether the texts were held-out rows.
    """
    import numpy as np

    begin, head = time.monotonic(), get_task(run.config.task).head
    texts = list(held_out_texts(run, CHECKED))
    held_out = bool(texts)
    texts = texts or STAND_IN
    with tempfile.TemporaryDirectory(prefix="fm-gui-export-") as folder:
        with zipfile.ZipFile(zip_path) as file:
            file.extractall(Path(folder) / "model")
        theirs = _their_logits(Path(folder), head, texts)
    ours = _our_logits(run, head, texts)
    differences = [float(np.abs(a - b).max()) if a.shape == b.shape else float("inf") for a, b in zip(ours, theirs)]
    same = sum(difference <= TOLERANCE * max(1.0, float(np.abs(a).max())) for difference, a in zip(differences, ours))
    return {
        "texts": len(texts), "identical": same, "difference": max(differences), "held_out": held_out,
        "seconds": round(time.monotonic() - begin, 1),
    }


def held_out_texts(run: Run, count: int) -> Iterator[str]:
    """Up to ``count`` texts of the run's test part; none if those rows are gone."""
    from itertools import islice

    from fm_gui.data.dataset import Dataset

    workspace, data = Workspace(run.workspace_root), run.config.data
    if Dataset.has(workspace, data):
        yield from islice(Dataset(workspace, data.name, data).texts("test"), count)


def _their_logits(folder: Path, head: str, texts: list[str]) -> list:
    return fresh(folder, texts, "logits.py", head)


def fresh(folder: Path, texts: list[str], script: str, *more: str) -> list:
    """What the model in folder/model answers, asked by a template's script in a process that cannot find us."""
    import numpy as np

    write_json(folder / "texts.json", texts)
    # -I: no user packages, no current folder, no PYTHONPATH: fm_gui cannot be found unless it is installed, and is not imported
    command = [sys.executable, "-I", str(TEMPLATES / script), str(folder / "model"), *more, str(folder / "texts.json"), str(folder / "out.npz")]
    environment = dict(os.environ, HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", PYTHONUTF8="1", TRANSFORMERS_VERBOSITY="error")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise UserError("export-reload", reason=(done.stderr.strip().splitlines() or ["?"])[-1][:200])
    with np.load(folder / "out.npz", allow_pickle=False) as answers:
        return [answers[f"arr_{i}"] for i in range(len(texts))]


def _our_logits(run: Run, head: str, texts: list[str]) -> list:
    """The run's own model's answers, on the CPU: another device rounds differently, and that is not what is checked."""
    import torch

    from fm_gui.models import hub

    model, tokenizer = hub.load(Workspace(run.workspace_root), f"run:{run.id}", head)
    model.eval()
    with torch.inference_mode():
        return [model(**tokenizer(text, truncation=True, max_length=64, return_tensors="pt")).logits[0].numpy() for text in texts]
