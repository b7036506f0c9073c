"""Versions of a data set: steps taken, taken back, brought back, and a whole recipe replayed on other rows.

The table as it was read is never changed. Every step leads to a table of its own beside it; which one is in use is a
line in dataset.json, so taking a step back is at once, and a run keeps the version that it was trained on.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fm_gui.config import Applied, DatasetSpec, RoleGuess, StepSpec
from fm_gui.data.columns import describe, guess_roles
from fm_gui.data.dataset import Dataset
from fm_gui.data.moved import carry
from fm_gui.data.split import check_method
from fm_gui.data.tables import is_whole, write_table
from fm_gui.errors import UserError
from fm_gui.files import disk_guard

if TYPE_CHECKING:
    import pyarrow as pa

VERSIONS_KEPT = 5  # newest tables of a data set that are kept without a run that needs them; older ones are made again when asked for
Progress = Callable[[float, str], None]  # share done, words key of what is going on; may raise to stop


def apply(dataset: Dataset, steps: Sequence[StepSpec], progress: Progress | None = None, *, lenient: bool = False) -> Dataset:
    """Take ``steps``, one after the other; returns the data set in its new version. All or nothing.

    ``lenient`` leaves out steps that change nothing, and of columns to take out those that are not there. Raises UserError
    for an unknown step or setting, for a step that leaves no rows, and if nothing changes.
    """
    from fm_gui.data.steps import make_step

    made = [make_step(step) for step in steps]
    table, roles, applied, moved = dataset.table, columns_of(dataset), [], []
    for number, (spec, step) in enumerate(zip(steps, made)):
        if progress:
            progress(number / len(made), "data.steps.working")
        if lenient and spec.step == "drop-columns":
            step.columns = [column for column in step.columns if column in table.column_names]
            if not step.columns:
                continue
            spec = StepSpec(step=spec.step, settings=spec.settings | {"columns": step.columns})
        before, there = table, {role: column for role, column in roles.items() if column in table.column_names}
        result = step.apply(before, there)
        table = result.table
        if not table.num_rows:
            raise UserError("step-leaves-nothing", step=spec.step, rows=before.num_rows)
        if lenient and table.equals(before):
            continue
        name = _write(dataset, table)
        after = {role: column for role, column in there.items() if column in table.column_names}
        applied.append(Applied(step=spec.step, settings=spec.settings, table=name, rows=table.num_rows, roles=there, after=after))
        last = max((step.time for step in (*dataset.spec.recipe, *dataset.spec.undone, *applied[:-1])), default=0.0)
        applied[-1].time = max(applied[-1].time, last + 1e-3)  # a name for the step, where the clock is coarse too
        moved.append((applied[-1], before, table, result.kept))
    if table.equals(dataset.table):
        raise UserError("step-changes-nothing", step=", ".join(step.step for step in steps))
    dataset.spec.recipe += applied
    dataset.spec.undone = []
    return _switch(dataset, table, moved=moved)


def undo(dataset: Dataset) -> Dataset:
    """Take the last step back. Raises UserError if there is none."""
    if not dataset.spec.recipe:
        raise UserError("no-step-to-undo", name=dataset.spec.name)
    return go_to(dataset, len(dataset.spec.recipe) - 1)


def redo(dataset: Dataset) -> Dataset:
    """Take the step again that was taken back last. Raises UserError if there is none."""
    if not dataset.spec.undone:
        raise UserError("no-step-to-redo", name=dataset.spec.name)
    return go_to(dataset, len(dataset.spec.recipe) + 1)


def go_to(dataset: Dataset, version: int) -> Dataset:
    """Go to version ``version``: 0 is the table as it was read, n after n steps. Raises UserError if there is none."""
    steps = [*dataset.spec.recipe, *reversed(dataset.spec.undone)]
    if not 0 <= version <= len(steps):
        raise UserError("version-unknown", version=version, last=len(steps), name=dataset.spec.name)
    here = len(dataset.spec.recipe)
    if here:
        steps[here - 1].after = columns_of(dataset)
    moved = list(_moved(dataset, steps, *sorted((here, version))))[:: -1 if version < here else 1]  # as they come on the way
    roles = {} if version == here else steps[version].roles if version < here else steps[version - 1].after
    dataset.spec.recipe, dataset.spec.undone = steps[:version], steps[version:][::-1]
    return _switch(dataset, roles=roles, moved=moved)


def replay(dataset: Dataset, other: Dataset, progress: Progress | None = None) -> Dataset:
    """Take all steps of ``other``'s recipe on ``dataset`` (new rows of the same kind); steps that change nothing are left out."""
    if not other.spec.recipe:
        raise UserError("no-step-to-replay", name=other.spec.name)
    return apply(dataset, [StepSpec(step=step.step, settings=step.settings) for step in other.spec.recipe], progress, lenient=True)


def columns_of(dataset: Dataset) -> dict[str, str]:
    """Role -> column."""
    return {role: guess.column for role, guess in dataset.spec.roles.items()}


def carry_back(dataset: Dataset) -> None:
    """Let answers that wait name the texts as they were read, since the recipe is about to be dropped."""
    if steps := dataset.spec.recipe:
        steps[-1].after = columns_of(dataset)
    for step, before, after, kept in reversed(list(_moved(dataset, steps, 0, len(steps)))):
        carry(dataset, step, before, after, kept)


def _moved(dataset: Dataset, steps: list[Applied], first: int, last: int) -> Iterator[tuple]:
    """The steps after version ``first`` up to ``last``, each with the tables before and after it, where both are still there."""
    names = [dataset.spec.original, *(step.table for step in steps)]
    files = [dataset.path / "tables" / f"{name}.arrow" for name in names]
    for number in range(first, last):
        if files[number].exists() and files[number + 1].exists():
            yield steps[number], dataset.version(names[number]), dataset.version(names[number + 1]), None


def _switch(
    dataset: Dataset, table: "pa.Table | None" = None, roles: dict[str, str] | None = None, moved: Sequence[tuple] = ()
) -> Dataset:  # fmt: skip
    """Write down that the version at the end of the recipe is the one in use, and make its table if it is no longer there.

    ``roles`` are those this version had when it was last in use: they are played again by columns that come back with it.
    ``moved`` are the steps between the two versions with their tables, for the answers that wait.
    """
    spec = dataset.spec
    left = {column.name for column in spec.columns}
    spec.table = spec.recipe[-1].table if spec.recipe else spec.original
    if table is None:
        _make_again(dataset)
    fresh = Dataset(dataset.workspace, spec.name, spec)
    fresh.opened = dataset.opened
    table = fresh.table
    spec.rows, spec.columns = table.num_rows, describe(table)
    kept = _roles_again(spec, table, left, roles or {})
    if "text" not in kept or "label" in spec.roles and "label" not in kept:  # a step replaced the column: what is it called now?
        taken = {guess.column for guess in kept.values()}
        lost = {"text", *spec.roles} - kept.keys()  # not those that a person chose to leave empty
        kept = {role: g for role, g in guess_roles(table, spec.columns).items() if role in lost and g.column not in taken} | kept
    if "label" not in spec.roles and spec.recipe and spec.recipe[-1].step == "set-labels" and all(g.column != "label" for g in kept.values()):
        kept["label"] = RoleGuess(column="label", reason="reason.chosen", values={"column": "label"})  # the column that the step made
    spec.roles = kept
    check_method(spec.split, "group" in kept, "date" in kept)
    if spec.recipe:
        spec.recipe[-1].after = columns_of(fresh)
    with dataset.workspace.editing(spec.name):  # no label is given between the look at them and the switch
        fresh.check_current()
        for step, before, after, rows in moved:
            carry(fresh, step, before, after, rows)
        with dataset.workspace.changing():  # at once: a table that somebody has just written must not look like an old one
            fresh.save()
            forget_old(fresh)
    return fresh


def _roles_again(spec: DatasetSpec, table: "pa.Table", left: set[str], before: dict[str, str]) -> dict[str, RoleGuess]:
    """The roles whose columns ``table`` has; columns that were not ``left`` play what they played ``before``."""
    names = set(table.column_names)
    kept = {role: guess for role, guess in spec.roles.items() if guess.column in names}
    before = {role: column for role, column in before.items() if column in names}
    back = {role: c for role, c in before.items() if c not in left or role in spec.roles and role not in kept}
    free = {guess.column for role, guess in kept.items() if role in back}  # they stood in for a column that is here again
    kept = {role: guess for role, guess in kept.items() if role not in back}
    back |= {role: column for role, column in before.items() if column in free and role not in kept and role not in back}
    guessed = guess_roles(table, spec.columns) if back else {}
    taken = {guess.column for guess in kept.values()}
    for role, column in back.items():
        if column not in taken:
            same = role in guessed and guessed[role].column == column
            kept[role] = guessed[role] if same else RoleGuess(column=column, reason="reason.chosen", values={"column": column})
    return kept


def _make_again(dataset: Dataset) -> None:
    """Replay the recipe from the original if the table of the version in use was cleared away."""
    from fm_gui.data.steps import make_step

    spec, folder = dataset.spec, dataset.path / "tables"
    if (folder / f"{spec.table}.arrow").exists():
        return
    there = [n for n, step in enumerate(spec.recipe, 1) if (folder / f"{step.table}.arrow").exists()]
    begin = there[-1] if there else 0
    table = dataset.version(spec.recipe[begin - 1].table if begin else spec.original)
    for step in spec.recipe[begin:]:
        table = make_step(step).apply(table, step.roles).table
    spec.recipe[-1].table = spec.table = _write(dataset, table)


def version_again(dataset: Dataset, folder: Path, table: str) -> Path | None:
    """A version made again by its steps from the nearest whole one before it, below ``folder``; None if no step leads to it or none is whole."""
    from fm_gui.data.steps import make_step

    steps = [*dataset.spec.recipe, *reversed(dataset.spec.undone)]
    names = [dataset.spec.original, *(step.table for step in steps)]
    if table not in names[1:]:
        return None
    here = names.index(table, 1)
    whole = [number for number in range(here) if is_whole(dataset.path / "tables" / f"{names[number]}.arrow")]
    if not whole:
        return None
    rows = dataset.version(names[whole[-1]])
    for step in steps[whole[-1] : here]:
        rows = make_step(step).apply(rows, step.roles).table
    with disk_guard(dataset.path, needed=rows.nbytes):
        return folder / f"{write_table(folder, rows)}.arrow"


def _write(dataset: Dataset, table: "pa.Table") -> str:
    """Write ``table`` as a version and return its name. Raises UserError if the data set was renamed or deleted meanwhile."""
    try:
        with disk_guard(dataset.path, needed=table.nbytes):
            return write_table(dataset.path / "tables", table)
    except FileNotFoundError:
        dataset.check_current()
        raise


def forget_old(dataset: Dataset) -> None:
    """Delete tables that nobody needs: neither a run, nor the newest versions, nor the original."""
    needed = needed_tables(dataset)
    for file in (dataset.path / "tables").glob("*.arrow"):
        if file.stem not in needed:
            file.unlink()


def needed_tables(dataset: Dataset) -> set[str]:
    """The names of the tables that are kept: of the version in use, those near to it, the original, and those of runs."""
    spec = dataset.spec
    steps = [*spec.recipe, *reversed(spec.undone)]
    near = sorted(range(len(steps)), key=lambda n: abs(n - len(spec.recipe) + 1))[:VERSIONS_KEPT]
    needed = {spec.original, spec.table, *(steps[n].table for n in near)}
    return needed | {run.config.data.table for run in dataset.workspace.runs() if run.config.data.name == spec.name}

