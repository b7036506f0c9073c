"""Why a worker is silent, in one sentence: from the stack that Python wrote to its run folder (see train/report.py)."""

import re
from pathlib import PurePath
from typing import NamedTuple

from fm_gui.runs import Run
from fm_gui.schedule import Words


class Frame(NamedTuple):
    """One line of a stack."""

    file: str  # with "/" on every system
    line: int
    function: str


_THREAD = re.compile(r"^(?:Current thread|Thread) 0x.*\(most recent call first\):", re.M)
_FRAME = re.compile(r'^ +File "(.+)", line (\d+) in (.+)$', re.M)

# what a worker does while it is in a file (or a function of it): the first that fits the innermost frame that any fits
_DOES: tuple[tuple[str, str], ...] = (
    (r"(/socket\.py|/ssl\.py|/http/client\.py|/(urllib3|requests|httpx|httpcore|huggingface_hub)/)", "silent.network"),
    (r"(fm_gui/train/(saving|checkpoint)\.py|/safetensors/|fm_gui/files\.py \w*(write|sync|append|put)\w*$|worker\.py (save|keep)_\w+$)", "silent.saving"),
    (r"(fm_gui/train/ranks\.py|/torch/distributed/)", "silent.together"),
    (r"(fm_gui/data/|fm_gui/models/tokenizers\.py|/tokenizers/|/pyarrow/|/datasets/|fm_gui/train/loop\.py (steps_from|ready)$)", "silent.reading"),
    (r"(fm_gui/evaluate\.py|fm_gui/baselines\.py|/loop\.py \w*(check|score|judge)\w*$|fm_gui/tasks/\w+\.py (metrics|score)\w*$)", "silent.judging"),
    (r"(/torch/|/transformers/|/loop\.py |fm_gui/tasks/)", "silent.computing"),
)


def why(run: Run) -> Words:
    """One sentence on what the silent worker of ``run`` may be busy with."""
    if run.paused:
        return "silent.paused", {}
    frames = main_thread(run.stack())
    for frame in frames:
        for pattern, key in _DOES:
            if re.search(pattern, f"{frame.file} {frame.function}"):
                return key, {}
    if frames:
        return "silent.elsewhere", {"function": frames[0].function, "file": PurePath(frames[0].file).name}
    return "silent.unknown", {}


def main_thread(stack: str) -> list[Frame]:
    """The frames of the thread that trains, innermost first: the one that the worker's main function is in, else the last."""
    threads = [_frames(part) for part in _THREAD.split(stack)[1:]]
    ours = [frames for frames in threads if any(f.function == "main" and f.file.endswith("/worker.py") for f in frames)]
    return (ours or threads or [[]])[-1]


def _frames(text: str) -> list[Frame]:
    return [Frame(m[1].replace("\\", "/"), int(m[2]), m[3]) for m in _FRAME.finditer(text)]
