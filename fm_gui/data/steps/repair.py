"""Steps that repair characters: broken encodings, Unicode forms, full-width letters, Chinese scripts, invisible characters."""

import re
import unicodedata
from typing import Literal

from fm_gui.config import setting
from fm_gui.data.steps.base import TextStep

# full-width ASCII (U+FF01 to U+FF5E), except what Chinese writes as its own punctuation
CHINESE_PUNCTUATION = "！（），：；？～"
NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in CHINESE_PUNCTUATION} | {0x3000: " "}
WIDE = re.compile("[" + "".join(re.escape(chr(code)) for code in NARROW) + "]")

TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # colours and cursor movements of a terminal (ECMA-48)
# characters that are not seen but make equal words differ; the joiners U+200C and U+200D are kept: Persian, Hindi and emoji need them
INVISIBLE = (
    {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A, 0x0D)}
    | dict.fromkeys((0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFC))
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2061, 0x2070)))
    | dict.fromkeys((0x0B, 0x0C, 0x85, 0x2028, 0x2029), "\n")
    | dict.fromkeys(range(0x1C, 0x20), " ")
)
HIDDEN = re.compile("[" + "".join(re.escape(chr(code)) for code in INVISIBLE) + "]")


class RepairUnicode(TextStep):
    """Mojibake back to what was written ("cafÃ©" -> "café"), with ftfy's heuristics (Speer 2019) and nothing else of ftfy."""

    name = "repair-unicode"
    group = "repair"
    safe = True

    def converter(self, column, name):
        from ftfy import TextFixerConfig, fix_text

        config = TextFixerConfig(
            unescape_html=False, remove_terminal_escapes=False, fix_latin_ligatures=False, fix_character_width=False,
            uncurl_quotes=False, fix_line_breaks=False, remove_control_chars=False, normalization=None, explain=False,
        )  # fmt: skip
        return lambda text: text if text.isascii() else fix_text(text, config)


class NormaliseUnicode(TextStep):
    """One way to write each character (Unicode Standard Annex 15)."""

    name = "normalise-unicode"
    group = "repair"

    form: Literal["NFC", "NFKC"] = setting("NFC", "Form", "NFC joins letters and accents and changes nothing one can see; NFKC also replaces look-alikes (ﬁ by fi, ① by 1, half-width kana).", group="common")

    def converter(self, column, name):
        return lambda text: unicodedata.normalize(self.form, text)


class FullWidth(TextStep):
    """Full-width ASCII to half-width: letters, digits, signs and the blank; the Chinese punctuation ！（），：；？～ stays."""

    name = "full-width"
    group = "repair"

    def converter(self, column, name):
        return lambda text: text.translate(NARROW) if WIDE.search(text) else text


class ChineseScript(TextStep):
    """Traditional to simplified Chinese or back, by phrases where a character has several counterparts (OpenCC)."""

    name = "chinese-script"
    group = "repair"

    to: Literal["simplified", "traditional"] = setting("simplified", "Write in", "The script all Chinese is written in afterwards; take the one your model was trained on (most: simplified).", group="common")

    def converter(self, column, name):
        from opencc import OpenCC

        convert = OpenCC({"simplified": "t2s", "traditional": "s2t"}[self.to]).convert
        return lambda text: text if text.isascii() else convert(text)


class ControlCharacters(TextStep):
    """Invisible characters out: control characters, zero-width blanks, direction marks, soft hyphens, terminal colours.

    Tabs and line breaks stay; other line and page breaks become line breaks.
    """

    name = "control-characters"
    group = "repair"
    safe = True

    def converter(self, column, name):
        return lambda text: TERMINAL.sub("", text).translate(INVISIBLE) if HIDDEN.search(text) else text
