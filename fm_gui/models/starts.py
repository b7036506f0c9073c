"""What a person types to start from, read the same on the command line and by scripts."""

from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.errors import UserError
from fm_gui.models.catalog import ARCHITECTURES, PACKAGED, find_architecture
from fm_gui.models.hub import HUB_ID

if TYPE_CHECKING:
    from fm_gui.workspace import Workspace


def read_start(workspace: "Workspace", text: str, *, local: bool = False) -> tuple[str, str, str]:
    """(start, architecture, size) for ``plan.make_config``.

    A packaged model's name, run:ID, folder:PATH (with ``local`` also a path alone), hub:ORG/NAME, org/name or one of the hub's
    old names without an organisation ("bert-base-uncased"), scratch, or an architecture with or without :size. "" stays open.
    Raises UserError listing what is known otherwise.
    """
    head, _, size = text.partition(":")
    if find_architecture(head):
        return "scratch", head, size
    if head == "scratch":
        return "scratch", "", size
    if not text or text in PACKAGED or text.startswith(("run:", "hub:")):
        return text, "", ""
    if text.startswith("folder:") or local and _looks_local(text):
        return f"folder:{Path(text.removeprefix('folder:')).expanduser().resolve()}", "", ""
    if text.count("/") == 1 or "-" in text and HUB_ID.fullmatch(text):
        return f"hub:{text}", "", ""
    known = [*PACKAGED, *(f"run:{run.id}" for run in workspace.runs()[:8] if run.has_model), *(a.name for a in ARCHITECTURES)]
    raise UserError("start-typed", name=text, known=", ".join(known))


def _looks_local(text: str) -> bool:
    path = Path(text).expanduser()
    return text.startswith((".", "/", "~")) or path.is_absolute() or path.is_dir()
