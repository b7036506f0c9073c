"""Steps on the label column."""

from fm_gui.config import setting
from fm_gui.data.recipe import Result, Step, row_key
from fm_gui.data.steps.base import CHAT_ROLES, as_texts, check_filled, row_texts, slices
from fm_gui.data.steps.rows import label_column


class MergeLabels(Step):
    """Labels renamed, several to one if they get the same name; the column becomes text. A label renamed to nothing is removed."""

    name = "merge-labels"
    group = "labels"

    names: dict[str, str] = setting({}, "New names", "Old label -> new label; old labels that get the same new one become one class; labels not named stay.", group="common")

    def apply(self, table, roles):
        import pyarrow as pa

        check_filled(self, "names")
        column = label_column(self, roles)
        names = {old.strip(): new.strip() or None for old, new in self.names.items()}
        pieces = []
        for piece in slices(as_texts(table[column])):
            coded = piece.dictionary_encode()
            labels = coded.dictionary.to_pylist()
            renamed = [names.get(label.strip(), label) if label is not None else None for label in labels]
            pieces.append(pa.array(renamed, pa.string()).take(coded.indices))
        return Result(_with_labels(table, column, pieces))


class SetLabels(Step):
    """The label of single rows, each named by ``row_key`` of its text; "" takes it away. Other rows keep theirs.

    Without a label column, the column "label" is added, empty in the other rows.
    """

    name = "set-labels"
    group = "labels"

    labels: dict[str, str] = setting({}, "Labels", "Labels given or corrected by hand, row by row; all rows with the same text get the same label.")

    def apply(self, table, roles):
        import pyarrow as pa

        check_filled(self, "labels")
        labels = {key: label.strip() or None for key, label in self.labels.items()}
        column = roles.get("label", "label")
        if column not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, pa.string()))
        pieces, start = [], 0
        # by the text alone where there is one, as labels given by hand name it
        named = {role: name for role, name in roles.items() if "text" not in roles or role not in CHAT_ROLES}
        texts = row_texts(table, named, self)
        given = as_texts(table[column])
        for piece in slices(texts):
            before = given.slice(start, len(piece)).to_pylist()
            start += len(piece)
            pieces.append(pa.array([labels.get(row_key(text), old) for text, old in zip(piece.to_pylist(), before)], pa.string()))
        return Result(_with_labels(table, column, pieces))


def _with_labels(table, column: str, pieces: list):
    import pyarrow as pa

    return table.set_column(table.column_names.index(column), column, pa.chunked_array(pieces, pa.string()))
