"""Which column plays which role, and which rows are held back: the usual choice, and what of a person's choice cannot be."""

from typing import TYPE_CHECKING

from fm_gui.config import DatasetSpec, RoleGuess, SplitSpec
from fm_gui.data.columns import ROLES
from fm_gui.data.formats.cells import as_text
from fm_gui.data.split import part_of
from fm_gui.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

HELD_BACK_AT_MOST = 0.8  # of the rows, validation and test together
FEW_ROWS, MANY_ROWS = 100, 100_000  # below: larger held-back shares, or a score means nothing; above: smaller ones are as good


def usual_split(rows: int) -> SplitSpec:
    """The shares held back unless the person says otherwise: a fifth of few rows, about 10,000 of very many."""
    share = 0.2 if rows < FEW_ROWS else 0.1 if rows <= MANY_ROWS else max(0.01, round(0.1 * MANY_ROWS / rows, 3))
    return SplitSpec(validation=share, test=share)


def check_split(split: SplitSpec) -> SplitSpec:
    if split.validation + split.test > HELD_BACK_AT_MOST:
        raise UserError("split-too-large", validation=split.validation, test=split.test, limit=HELD_BACK_AT_MOST)
    return split


def check_roles(spec: DatasetSpec, table: "pa.Table", kept: dict[str, RoleGuess], chosen: dict[str, str]) -> dict[str, RoleGuess]:
    """``kept`` with ``chosen`` (role -> column, "" clears) put over it. Raises UserError for what cannot be."""
    import pyarrow.compute as compute

    known = {column.name: column for column in spec.columns}
    for role, column in chosen.items():
        if role not in ROLES:
            raise UserError("role-unknown", role=str(role)[:40], known=", ".join(ROLES))
        if column and column not in known:
            raise UserError("role-column", role=role, column=str(column)[:80], name=spec.name, columns=", ".join(known))
    columns = [column for column in chosen.values() if column]
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise UserError("role-twice", column=twice[0], roles=", ".join(role for role, column in chosen.items() if column == twice[0]))
    roles = {role: guess for role, guess in kept.items() if role not in chosen and guess.column not in columns}
    for role, column in chosen.items():
        if column:
            same = role in kept and kept[role].column == column
            roles[role] = kept[role] if same else RoleGuess(column=column, reason="reason.chosen", values={"column": column})
    if "text" in roles and not known[roles["text"].column].filled:
        raise UserError("texts-empty", column=roles["text"].column, name=spec.name)
    if "split" in roles:
        values = [as_text(value) for value in compute.unique(table[roles["split"].column]).to_pylist()]
        if "train" not in {part_of(value) for value in values if value.strip()} and all(value.strip() for value in values):
            raise UserError("split-values", column=roles["split"].column, values=", ".join(sorted(values)[:5])[:120])
    return {role: roles[role] for role in ROLES if role in roles}
