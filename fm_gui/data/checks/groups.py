"""Rows of one author, document or customer in two parts of the split."""

import numpy as np

from fm_gui.data.checks.duplicates import MANY_LEAKS
from fm_gui.data.checks.finding import EXAMPLES, Finding, examples
from fm_gui.data.checks.looked import Looked
from fm_gui.data.split import PARTS


def group_leak(looked: Looked) -> list[Finding]:
    """Held-out rows whose group has rows in training or in another held-out part. No step helps: split by group."""
    import pyarrow.compute as compute

    if "group" not in looked.roles or looked.text is None:
        return []
    names = compute.utf8_trim_whitespace(looked.cells(looked.roles["group"]))
    encoded = names.dictionary_encode()
    group, known = encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()
    part = np.where(group == (known.index("") if "" in known else -1), -1, looked.parts)
    in_part = np.stack([np.bincount(group[part == number], minlength=len(known)) > 0 for number in range(len(PARTS))])
    first = np.where(in_part.any(axis=0), in_part.argmax(axis=0), len(PARTS))
    torn = in_part.sum(axis=0) > 1
    rows = np.flatnonzero((part >= 0) & torn[group])
    if not len(rows):
        return []
    held = np.flatnonzero((part > 0) & torn[group] & (part > first[group]))
    total = int((part > 0).sum())
    values = {"count": len(rows), "held": len(held), "of": total, "groups": int(torn.sum()), "column": looked.roles["group"], "split": "group"}
    more = {"group": [known[group[row]] for row in held[:EXAMPLES]], "part": [PARTS[part[row]] for row in held[:EXAMPLES]]}
    severity = "serious" if len(held) >= MANY_LEAKS * total else "attention"
    return [Finding("group-leak", severity, rows, values, examples(looked, held, **more))]
