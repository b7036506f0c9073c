"""What the health check found, kept beside the data until the rows change, so that a reopened page need not look again."""

from pathlib import Path
from typing import Any

from fm_gui.config import DatasetSpec
from fm_gui.data.checks.finding import Finding
from fm_gui.files import disk_guard, read_json, write_json
from fm_gui.text import LANGUAGES
from fm_gui.workspace import Workspace

FORMAT = 3  # counts up when what is kept changes, so that older files are not used


def as_kept(findings: list[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON, with their sentences in every language under ``words``."""
    return [
        found.to_dict() | {"words": {lang: {"what": found.sentence(lang), "why": found.why(lang), "fix": found.fix(lang)} for lang in LANGUAGES}}
        for found in findings
    ]


def keep(workspace: Workspace, spec: DatasetSpec, model: str, findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Write down what was found; returns what :func:`kept` will."""
    told = {"format": FORMAT, "model": model, "findings": findings}
    path = _file(workspace, spec)
    with disk_guard(workspace.root):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, told)
    return told


def kept(workspace: Workspace, spec: DatasetSpec) -> dict[str, Any] | None:
    """{"model": what lengths were measured for, "findings": [...]} of the rows as they are now; None if nobody looked yet."""
    path = _file(workspace, spec)
    told = read_json(path) if path.exists() else {}
    return told if told.get("format") == FORMAT else None


def _file(workspace: Workspace, spec: DatasetSpec) -> Path:
    return workspace.root / "cache" / "health" / f"{spec.fingerprint}.json"
