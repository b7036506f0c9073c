"""`fm-gui data check`: what would spoil training, and the fixes: steps on the rows, or another way to hold rows back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fm_gui.cli.base import LANG, AsJson, Folder, at, opened, put, put_json, put_note, tell
from fm_gui.cli.base import DataName as Name
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.config import DatasetSpec, SplitSpec, StepSpec
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.health import Finding


def check(
    name: Name,
    fix: Annotated[list[str] | None, typer.Option(metavar="CODE", help=tell("cli.option.fix"))] = None,
    preview: Annotated[bool, typer.Option("--preview", help=tell("cli.option.preview"))] = False,
    model: Annotated[str, typer.Option(help=tell("cli.option.limit-model"))] = "",
    workspace: Folder = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    from fm_gui.data import health
    from fm_gui.data.dataset import Dataset

    if preview and not fix:
        raise UserError("fix-preview-none")
    space = opened(workspace)
    dataset = Dataset(space, name)
    findings = health.check(dataset, *tokenizer_of(space, model))
    if fix:
        steps, split = chosen(dataset.spec, findings, fix)
        return (show_fixes if preview else apply_fixes)(dataset, steps, split, as_json)
    if as_json:
        return put_json([finding.to_dict(LANG) for finding in findings])
    if not health.has_text(dataset.spec.roles):
        put_note(tell("health.unseen"))
    elif not findings:
        return put(tell("cli.data.healthy", name=name))
    for finding in findings:
        put(f"[{tell(f'finding.{finding.severity}')}] {finding.code}: {finding.sentence(LANG)}")
        put("  " + finding.why(LANG))
        put("  → " + finding.fix(LANG))
        for example in finding.examples:
            put("    " + "  ".join(f"{key}: {_plain(value)[:100]}" for key, value in example.items()))
    if codes := [finding.code for finding in findings if fixable(finding)]:
        put_note(tell("cli.data.fix.hint", name=name, at=at(space), codes=" ".join(f"--fix {code}" for code in codes[:2])))


def _plain(value: Any) -> str:
    """What an example tells, as text: personal data by its kind."""
    if isinstance(value, list):
        return ", ".join(f"{tell('clean.choice.' + one['kind'])} {one['found']}" for one in value)
    return str(value)


def tokenizer_of(space, model: str) -> tuple[Any, int | None]:
    """(tokenizer, its longest text in tokens) of a start such as "minilm" or "run:NAME"; (None, None) for ""."""
    if not model:
        return None, None
    from fm_gui.models import hub

    tokenizer = hub.load_tokenizer(space, model)
    return tokenizer, tokenizer.model_max_length


def fixable(finding: "Finding") -> bool:
    """True if a step, or another way to hold rows back, helps."""
    return bool(finding.fixes or finding.values.get("split"))


def chosen(spec: "DatasetSpec", findings: list["Finding"], codes: list[str]) -> "tuple[list[StepSpec], SplitSpec]":
    """(the steps, the split) that fix these findings; as on the page, what can be settled by the split is. Raises UserError."""
    known = {finding.code: finding for finding in findings if fixable(finding)}
    if unknown := [code for code in codes if code not in known]:
        raise UserError("fix-unknown", finding=unknown[0], known=", ".join(known) or "-")
    steps, split = [], spec.split
    for code in dict.fromkeys(codes):
        if how := known[code].values.get("split"):
            split = split.model_copy(update={"method": "group"} if how == "group" else {"keep_similar": True})
        else:
            steps.append(known[code].fixes[0])
    return steps, split


def apply_fixes(dataset: "Dataset", steps: "list[StepSpec]", split: "SplitSpec", as_json: bool) -> None:
    from fm_gui.data import history

    name, before, other_split = dataset.spec.name, dataset.spec.rows, split != dataset.spec.split
    if steps:
        dataset = history.apply(dataset, steps)
    if other_split:
        dataset.set_split(split)
    if as_json:
        return put_json(dataset.spec.model_dump(mode="json"))
    if other_split:
        put(tell("health.fixed.split", **{part: len(rows) for part, rows in dataset.parts().items()}))
    if steps:
        put(tell("cli.data.changed", name=name, before=before, after=dataset.spec.rows, version=len(dataset.spec.recipe)))
        put_note(tell("cli.data.undo.hint", name=name, at=at(dataset.workspace)))


def show_fixes(dataset: "Dataset", steps: "list[StepSpec]", split: "SplitSpec", as_json: bool) -> None:
    """What the fixes would change; nothing is done."""
    from fm_gui.data.dataset import Dataset
    from fm_gui.data.history import columns_of
    from fm_gui.data.steps.preview import preview
    from fm_gui.data.tables import fingerprint

    seen = preview(dataset.table, columns_of(dataset), steps) if steps else {}
    if split != dataset.spec.split:
        spec = dataset.spec.model_copy(update={"split": split})
        spec.fingerprint = fingerprint(spec)
        parts = {part: len(rows) for part, rows in Dataset(dataset.workspace, spec.name, spec).parts().items()}
        seen |= {"split": split.model_dump(), "parts": parts}
    if as_json:
        return put_json(seen)
    if "split" in seen:
        put(tell("cli.data.preview.split", **seen["parts"]))
    if steps:
        put_changes(seen)


def put_changes(seen: dict[str, Any]) -> None:
    """What steps would change (data.steps.preview), as text."""
    put(tell("cli.data.preview", before=seen["before"], after=seen["after"], cells=seen["changed"], of=seen["of"]))
    for example in seen["examples"]:
        put(f"  {example['row']} {example['column']}\n  - {example['before']}" + (f"\n  + {example['after']}" if example["after"] is not None else ""))
