"""The step that hides personal data, addresses and numbers behind placeholders."""

import re
from typing import Literal

from fm_gui.config import setting
from fm_gui.data.personal import find, urls
from fm_gui.data.steps.base import TextStep, check_filled

NUMBER = re.compile(r"(?<![A-Za-z0-9_])(?:[+-](?=\d))?\d+(?:[.,]\d+)*(?![A-Za-z0-9_])")


class Mask(TextStep):
    """E-mail addresses, phone, card and id numbers, URLs and numbers to [EMAIL] [PHONE] [CARD] [ID] [URL] [NUMBER]."""

    name = "mask"
    group = "mask"

    kinds: list[Literal["url", "email", "phone", "card", "id", "number"]] = setting(["email", "phone", "card", "id"], "What to mask", "Each kind becomes one placeholder: the model learns that there was an address or a number, but not which; what is not named stays.", group="common")

    def converter(self, column, name):
        check_filled(self, "kinds")
        kinds = set(self.kinds)

        def mask(text: str) -> str:
            if "url" in kinds:  # first: what stands inside of an address goes with it
                text = _replaced(text, [(start, end, "url") for start, end in urls(text)])
            text = _replaced(text, [span for span in find(text) if span[2] in kinds])
            return NUMBER.sub("[NUMBER]", text) if "number" in kinds else text

        return mask


def _replaced(text: str, spans: list[tuple[int, int, str]]) -> str:
    """``text`` with each span (start, end, kind), in order and apart, by its placeholder."""
    pieces, at = [], 0
    for start, end, kind in spans:
        pieces += [text[at:start], f"[{kind.upper()}]"]
        at = end
    return "".join(pieces) + text[at:] if pieces else text
