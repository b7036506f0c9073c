"""What is done to a data set's rows, as values: steps with settings, applied in order to the table as it was read.

A step is a small class in data/steps (one literal tuple, STEPS). It maps a table to a table and says which row of the
input each row of its output came from. So a recipe can be previewed, taken back, and replayed on new data.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from fm_gui.config import Settings

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Result:
    """A step's outcome: the table, and for each of its rows the input row (from 0) it came from; None: the same rows in order."""

    table: "pa.Table"
    kept: "np.ndarray | None" = None


class Step(Settings):
    """One thing that can be done to rows; its fields are its settings, declared with ``setting``.

    ``name`` is its key in recipes and in the words ``step.<name>`` (title) and ``step.<name>.about`` (one sentence).
    ``warning`` is a words key told beside a step that is likely to hurt, "" for the others.
    """

    name: ClassVar[str]
    group: ClassVar[Literal["repair", "strip", "mask", "words", "rows", "labels", "columns"]]
    safe: ClassVar[bool] = False
    warning: ClassVar[str] = ""

    def apply(self, table: "pa.Table", roles: dict[str, str]) -> Result:
        """``table`` changed; ``roles`` is role -> column. Raises UserError if it cannot be done."""
        raise NotImplementedError


def row_key(text: str) -> str:
    """What names a row in a step's settings, wherever it stands: a short hash of its text without blanks at the ends."""
    return hashlib.blake2b(text.strip().encode("utf-8"), digest_size=8).hexdigest()
