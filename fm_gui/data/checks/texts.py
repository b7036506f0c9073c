"""Texts that cannot teach: none, hardly any, garbled, full of markup, in another language, longer than the model reads."""

import html
from collections import Counter

import numpy as np

from fm_gui.config import StepSpec
from fm_gui.data.checks.finding import EXAMPLES, Finding, Severity, examples, shown
from fm_gui.data.checks.looked import GARBLED_ROWS, TOKEN_ROWS, Looked

SHORT = 3  # letters, digits or signs a text needs; a Chinese character counts as two
USUAL = 20  # characters of the middle text from which on very short ones are odd
MEANS = r"[\p{L}\p{N}\p{So}]"
HAN = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"
MANY = 0.01  # share of the rows from which on a finding asks for attention
MAIN_LANGUAGE = 0.8  # share of the rows with a known language from which on the others are strangers
LOST = "�|锟斤|烫烫烫|屯屯屯"  # what decoders and debuggers write where characters are gone
GBK_TRACES = "[锛鐨鏄涓浜鍦浠浣鎴璇绗銆鏈鍙鍚鍜璐寰]"  # frequent Chinese in UTF-8, read as GBK
READABLE = 0.8  # share of a text's bytes that make sense as UTF-8 from which on it was read as GBK by mistake


def empty_texts(looked: Looked) -> list[Finding]:
    """Rows whose text is missing or blank; of several that they need, one."""
    if looked.text is None:
        return []
    return _found(looked, "empty-texts", np.flatnonzero(looked.empty), [StepSpec(step="drop-empty")])


def short_texts(looked: Looked) -> list[Finding]:
    """Rows with fewer than 3 letters, digits or signs (a Chinese character counts as two) where texts are usually longer."""
    if looked.text is None or not (looked.lengths > 0).any() or np.median(looked.lengths[looked.lengths > 0]) < USUAL:
        return []
    enough = rf"(?s){MEANS}.*{MEANS}.*{MEANS}|{HAN}.*{HAN}|{HAN}.*{MEANS}|{MEANS}.*{HAN}"
    rows = np.flatnonzero((looked.lengths > 0) & ~_matches(looked, enough))
    fixes = [StepSpec(step="drop-rows", settings={"keys": looked.keys(rows)})] if len(rows) else []
    values = {"characters": SHORT, "usual": int(np.median(looked.lengths[looked.lengths > 0]))}
    return _found(looked, "short-texts", rows, fixes, severity="note", **values)


def garbled(looked: Looked) -> list[Finding]:
    """Mojibake that can be repaired: text stored in one encoding and read in another, as ftfy recognises it."""
    from fm_gui.data.steps.repair import RepairUnicode

    if looked.text is None:
        return []
    likely = np.flatnonzero(_matches(looked, r"[\x{80}-\x{2BFF}\x{FB00}-\x{FFFF}]"))  # single-byte encodings know no other letters
    seen = looked.sample(likely, GARBLED_ROWS)
    repair = RepairUnicode().converter(None, "")
    texts = looked.texts(seen)
    fixed = []
    for place, text in enumerate(texts):
        fixed.append(repair(text))
        if place % 1_000 == 0:
            looked.tick(place / len(texts))
    at = [place for place, (before, after) in enumerate(zip(texts, fixed)) if before != after and "�" not in after]
    more = {"becomes": (shown(fixed[place]) for place in at)}
    looked_at = looked.count if len(seen) == len(likely) else len(seen)
    return _found(looked, "garbled", seen[at], [StepSpec(step="repair-unicode")], more, severity="serious", looked=looked_at)


def unreadable(looked: Looked) -> list[Finding]:
    """Rows with characters that are lost for good (�, 锟斤拷), or Chinese in UTF-8 that was read as GBK."""
    if looked.text is None:
        return []
    likely = np.flatnonzero(_matches(looked, GBK_TRACES))
    wrong = [row for row, text in zip(likely.tolist(), looked.texts(likely)) if _read_as_gbk(text)]
    rows = np.union1d(np.flatnonzero(_matches(looked, LOST)), np.array(wrong, np.int64))
    fixes = [StepSpec(step="drop-rows", settings={"keys": looked.keys(rows)})] if len(rows) else []
    return _found(looked, "unreadable", rows, fixes, severity="serious" if len(rows) >= MANY * looked.count else "attention")


def _read_as_gbk(text: str) -> bool:
    stored = "".join(letter for letter in text if letter > "\x7f").encode("gb18030", "ignore")
    meant = stored.decode("utf-8", "ignore")
    return sum("\u3400" <= letter <= "\u9fff" for letter in meant) >= 2 and len(meant.encode("utf-8")) >= READABLE * len(stored)


def markup(looked: Looked) -> list[Finding]:
    """Rows with HTML: tags, comments, or entities such as &amp;nbsp;. Values say in how many it takes more than half of the text."""
    from fm_gui.data.steps.strip import DOCTYPE, ENTITY, TAG

    if looked.text is None:
        return []
    rows, mostly = [], []
    for row in np.flatnonzero(_matches(looked, "<[a-zA-Z/!]|&[#a-zA-Z]")).tolist():
        text = looked.text_at(row)
        marks = [match.group() for pattern in (TAG, DOCTYPE) for match in pattern.finditer(text)]
        marks += [match.group() for match in ENTITY.finditer(text) if html.unescape(match.group()) != match.group()]
        if marks or "<!--" in text:
            rows.append(row)
            mostly.append(2 * sum(map(len, marks)) > len(text))
    severity = "attention" if sum(mostly) or len(rows) >= MANY * looked.count else "note"
    return _found(looked, "markup", np.array(rows, np.int64), [StepSpec(step="strip-html")], severity=severity, mostly=sum(mostly))


def other_language(looked: Looked) -> list[Finding]:
    """Rows in another language than at least four in five rows are in; texts too short to tell are left alone."""
    if looked.text is None:
        return []
    seen, found = looked.languages
    counts = Counter(code for code in found if code)
    main, most = counts.most_common(1)[0] if counts else ("", 0)
    if most < MAIN_LANGUAGE * counts.total():
        return []
    at = [place for place, code in enumerate(found) if code not in ("", main)]
    others = dict(counts.most_common(6)[1:])
    more = {"language": (found[place] for place in at)}
    fixes = [StepSpec(step="keep-language", settings={"languages": [main]})]
    return _found(looked, "other-language", seen[at], fixes, more, looked=len(seen), main=main, others=others)


def truncated(looked: Looked) -> list[Finding]:
    """Rows with more tokens than the model reads, and what share of all text is lost; needs a tokenizer and a limit."""
    if looked.text is None or not looked.tokenizer or not looked.limit:
        return []
    seen = looked.sample(np.flatnonzero(looked.lengths > 0), TOKEN_ROWS)
    tokens = np.zeros(len(seen), np.int64)
    for start in range(0, len(seen), 1_000):
        chunk = looked.texts(seen[start : start + 1_000])
        tokens[start : start + len(chunk)] = [len(ids) for ids in looked.tokenizer(chunk)["input_ids"]]
        looked.tick((start + len(chunk)) / len(seen))
    over = np.maximum(tokens - looked.limit, 0)
    lost = float(over.sum() / max(1, tokens.sum()))
    severity = "attention" if lost >= MANY or (over > 0).mean() >= 5 * MANY else "note"
    values = {"limit": looked.limit, "share": round(float((over > 0).mean()), 4), "lost": round(lost, 4), "longest": int(tokens.max(initial=0))}
    return _found(looked, "truncated", seen[over > 0], [], {"tokens": tokens[over > 0].tolist()}, severity=severity, looked=len(seen), **values)


def _matches(looked: Looked, pattern: str) -> np.ndarray:
    """True where a text holds a match of the pattern (RE2)."""
    import pyarrow.compute as compute

    return compute.match_substring_regex(looked.text, pattern).to_numpy(zero_copy_only=False).astype(bool)


def _found(
    looked: Looked, code: str, rows: np.ndarray, fixes: list[StepSpec], more: dict | None = None, /, *,
    severity: Severity | None = None, **values,
) -> list[Finding]:  # fmt: skip
    """No finding without rows; else one, whose values also hold "count", "looked" (rows looked at) and "of" (all rows)."""
    if not len(rows):
        return []
    values = {"count": len(rows), "looked": looked.count, "of": looked.count} | values
    severity = severity or ("attention" if len(rows) >= MANY * values["looked"] else "note")
    return [Finding(code, severity, rows.astype(np.int64), values, examples(looked, rows[:EXAMPLES], **(more or {})), fixes)]
