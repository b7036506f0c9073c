"""Personal data in the texts: e-mail addresses, phone numbers, cards, identity numbers."""

from collections import Counter

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.finding import EXAMPLES, Finding, examples
from fm_gui.data.checks.looked import PERSONAL_ROWS, Looked
from fm_gui.data.personal import find

KINDS = ("email", "phone", "card", "id")
LIKELY = r"(?i)@|[0-9](?:[^0-9]{0,3}[0-9]){6}|微信|微訊|薇信|wechat|weixin|\b[vw]x"  # without one of these nothing is found


def personal_data(looked: Looked) -> list[Finding]:
    """Rows with personal data; values say how many of each kind there are."""
    import pyarrow.compute as compute

    if looked.text is None:
        return []
    seen = looked.sample(np.flatnonzero(looked.lengths > 0), PERSONAL_ROWS)
    texts = looked.text.take(seen)
    likely = np.flatnonzero(compute.match_substring_regex(texts, LIKELY).to_numpy(zero_copy_only=False).astype(bool))
    rows, told, counts = [], [], Counter()
    for place, at in enumerate(likely.tolist()):
        text = texts[at].as_py()
        spans = [span for span in find(text) if span[2] in KINDS]
        if spans:
            rows.append(int(seen[at]))
            counts.update(kind for _, _, kind in spans)
            if len(told) < EXAMPLES:
                told.append([{"kind": kind, "found": text[start:end]} for start, end, kind in spans[:5]])
        if place % 1_000 == 0:
            looked.tick(place / len(likely))
    if not rows:
        return []
    values = {"count": len(rows), "looked": len(seen), "of": looked.count, **{kind: counts[kind] for kind in KINDS}}
    fix = StepSpec(step="mask", settings={"kinds": [kind for kind in KINDS if counts[kind]]})
    return [Finding("personal-data", "attention", np.array(rows, np.int64), values, examples(looked, rows, personal=told), [fix])]
