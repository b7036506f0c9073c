"""A public demo (Hugging Face Spaces, or ``app.py --demo``), and a page that others can reach: what they allow. The environment says so, for workers too."""

import os
from dataclasses import dataclass
from pathlib import Path

from fm_gui.config import TrainSettings
from fm_gui.errors import UserError

VARIABLE = "FM_GUI_DEMO"  # the folder in which the visitors' workspaces lie side by side
REACHED = "FM_GUI_REACHED"  # set in a server that other machines can reach


@dataclass(frozen=True)
class Limits:
    """Of one visitor where not said otherwise; sizes in bytes."""

    minutes: float = 5.0  # of one training
    work: float = 15.0  # minutes of one run in all, with what comes before and after the training
    steps: int = 500  # of one that is not bounded by time
    batch: int = 64
    parameters: int = 16_000_000  # of a model made from scratch
    runs: int = 2  # that work or wait at once
    all_runs: int = 8  # of all visitors, that work or wait at once
    upload: int = 10 * 2**20  # of one file
    hourly: int = 50 * 2**20  # of uploads, also from one address
    space: int = 1536 * 2**20  # of everything a visitor keeps
    all_space: int = 20 * 2**30  # of all visitors
    visitors: int = 100
    idle: float = 3 * 3600.0  # seconds without a request, after which a visitor's workspace is removed


LIMITS = Limits()


def is_demo() -> bool:
    """True in a demo's server and in the workers it started."""
    return bool(os.environ.get(VARIABLE))


def device_locks(root: Path) -> Path:
    """Where the locks of devices lie: in the workspace at ``root``, or for all visitors of a demo in one place, so that they take turns."""
    return Path(os.environ.get(VARIABLE) or root) / "locks"


def check_source(name: str) -> None:
    """Raise UserError in a demo: nothing is read from the server's folders or downloaded at a visitor's word."""
    if is_demo():
        raise UserError("demo-source", name=name[:120])


def check_folder(start: str, root: Path) -> None:
    """Raise UserError if a browser or script asks for a folder outside the workspace at ``root`` where other machines can reach
    the page: the answer would tell what lies on the server's disk. The command line asks nobody."""
    if not start.startswith("folder:") or not os.environ.get(REACHED):
        return
    check_source(start)
    if not Path(start.removeprefix("folder:")).expanduser().resolve().is_relative_to(root.resolve()):
        raise UserError("folder-outside", root=str(root))


def check_measuring() -> None:
    """Raise UserError in a demo: its trainings are too short to be measured before, and a measurement takes no turns."""
    if is_demo():
        raise UserError("demo-measure")


def limited(train: TrainSettings) -> TrainSettings:
    """``train`` within the limits of a demo: the processor, a few minutes or a few hundred steps; as it is elsewhere."""
    if not is_demo():
        return train
    bound = {"minutes": min(train.minutes, LIMITS.minutes)} if train.minutes else {"max_steps": min(train.max_steps or LIMITS.steps, LIMITS.steps)}
    return train.model_copy(update={"device": "cpu", "processes": 1, "batch_size": min(train.batch_size, LIMITS.batch), **bound})
