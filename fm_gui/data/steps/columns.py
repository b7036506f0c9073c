"""Steps that join columns to a new one, or take columns out."""

from pydantic import AliasChoices

from fm_gui.config import setting
from fm_gui.data.recipe import Result, Step
from fm_gui.data.steps.base import CHUNK, as_texts, check_column, check_filled, check_length
from fm_gui.errors import UserError

LONGEST = 100  # characters of a separator and of a column's name


class JoinColumns(Step):
    """Several columns as one text, in the order given; empty cells are passed over. The joined columns stay beside it.

    In a recipe the new column's setting is ``into``; ``name`` is understood too (in Python it is the step's own name).
    """

    name = "join-columns"
    group = "columns"

    columns: list[str] = setting([], "Columns to join", "Their cells become one text, in this order; empty cells are passed over.", group="common")
    separator: str = setting(" ", "Between them", "What stands between two cells: a blank, a line break, a dash.", group="common")
    into: str = setting("text", "Name of the new column", "The joined text stands in this column; the name of a joined column replaces that one.", group="common", validation_alias=AliasChoices("into", "name"))  # fmt: skip

    def apply(self, table, roles):
        import pyarrow as pa

        check_length(self, "separator", LONGEST)
        check_length(self, "into", LONGEST)
        names = list(dict.fromkeys(self.columns))
        if len(names) < 2:
            raise UserError("step-join-few", step=self.name)
        for name in names:
            check_column(table, name, self)
        into = self.into.strip()
        if not into or into in table.column_names and into not in names:
            raise UserError("step-join-name", name=into)
        pieces = []
        for start in range(0, table.num_rows, CHUNK):
            cells = [as_texts(table[name].slice(start, CHUNK)).to_pylist() for name in names]
            # not pyarrow's binary_join_element_wise: it loses rows in which every cell is empty (26.0)
            texts = [self.separator.join(cell for cell in row if cell and not cell.isspace()) or None for row in zip(*cells)]
            pieces.append(pa.array(texts, pa.large_string()))
        joined = pa.chunked_array(pieces, pa.large_string())
        if into in table.column_names:
            return Result(table.set_column(table.column_names.index(into), into, joined))
        return Result(table.append_column(into, joined))


class DropColumns(Step):
    """Columns out of the table."""

    name = "drop-columns"
    group = "columns"

    columns: list[str] = setting([], "Columns to take out", "These columns are no longer in the data; the rows stay.", group="common")

    def apply(self, table, roles):
        check_filled(self, "columns")
        for name in self.columns:
            check_column(table, name, self)
        if set(self.columns) == set(table.column_names):
            raise UserError("step-drops-all", step=self.name)
        return Result(table.drop_columns(list(dict.fromkeys(self.columns))))
