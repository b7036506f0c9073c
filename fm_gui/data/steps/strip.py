"""Steps that take away what is not the text: HTML, Markdown, blanks, capitals, punctuation, whatever a pattern finds."""

import re
import sys
import unicodedata
from functools import cache
from typing import Literal

from fm_gui.config import setting
from fm_gui.data.recipe import Result
from fm_gui.data.steps.base import CHAT_ROLES, TextStep, changed, check_filled, check_length, slices, text_columns
from fm_gui.errors import UserError

LONGEST_PATTERN = 1_000  # characters of a pattern or a replacement

BLOCKS = (
    "address article aside blockquote body br caption center col colgroup dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html legend li link main menu meta nav ol optgroup option p pre search "
    "section select summary table tbody textarea tfoot thead title tr ul"
)
CELLS = "td th"
INLINE = (
    "a abbr acronym area b base bdi bdo big button cite code data datalist del dfn em embed font i img input ins kbd label map mark meter "
    "nobr output param picture progress q rp rt ruby s samp slot small source span strike strong sub sup time track tt u var wbr"
)
UNSEEN = "script style template noscript svg math iframe object canvas audio video"
BARE = "allowfullscreen async autofocus autoplay checked controls default defer disabled hidden ismap loop multiple muted nowrap open readonly required reversed selected"
# a tag of HTML, written as one: "<b>" and "<p class=x>", not "<3", "<John>" or "a <b and c> d"; possessive, so it cannot run away
ATTRIBUTE = rf"\s++(?:[a-zA-Z_:@][\w:.@-]*+\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'<>=`]++)|(?:{BARE.replace(' ', '|')})(?=[\s/>]))"
NAMES = "|".join(sorted(f"{BLOCKS} {CELLS} {INLINE} {UNSEEN}".split(), key=len, reverse=True))
TAG = re.compile(rf"</?({NAMES})(?:{ATTRIBUTE})*+\s*+/?>", re.IGNORECASE)
DOCTYPE = re.compile(r"<!doctype[^<>]{0,200}>", re.IGNORECASE)
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
MARKUP = re.compile(rf"(?P<tag>{TAG.pattern})|(?P<type>{DOCTYPE.pattern})|<|&(?!{ENTITY.pattern[1:]})", re.IGNORECASE)


class StripHtml(TextStep):
    """HTML to its text (parsed by lexbor): tags, comments, scripts and styles go, a block is a line, entities are characters.

    Only what is written as a tag of HTML goes. Once is not twice: "&lt;b&gt;" becomes "<b>", which is then a tag.
    """

    name = "strip-html"
    group = "strip"

    def converter(self, column, name):
        return html_to_text


def html_to_text(text: str) -> str:
    """The text of a piece of HTML; a text without markup is returned as it is."""
    if not ("<" in text and (TAG.search(text) or DOCTYPE.search(text) or "<!--" in text) or "&" in text and ENTITY.search(text)):
        return text
    from selectolax.lexbor import LexborHTMLParser

    blocks, cells = set(BLOCKS.split()), set(CELLS.split())
    found = False

    def escape(match: re.Match) -> str:
        nonlocal found
        if match["type"]:
            return ""
        if not match["tag"]:
            return "&lt;" if match[0] == "<" else "&amp;"
        kind = match[2].lower()
        # blocks become line breaks here: the parser takes quadratic time for deeply nested ones
        found |= kind in blocks | cells
        return "\n" if kind in blocks else " " if kind in cells else match[0]

    body = LexborHTMLParser("<!doctype html><body>\n" + MARKUP.sub(escape, _without_comments(text)))
    body.strip_tags(UNSEEN.split())
    plain = body.body.text()[1:]  # without the line break that keeps blanks at the beginning
    return "\n".join(line.strip() for line in plain.split("\n") if line.strip()) if found else plain


def _without_comments(text: str) -> str:
    """``text`` without <!-- -->; one that is never closed is text."""
    pieces, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        pieces.append(text[at:start])
        at = end + 3
    return "".join(pieces) + text[at:]


MARKS = re.compile(r"[*_`\[\]~|\\&]|<|^ {0,3}(?:#|>|[-+=]|\d+[.)])|^(?: {4}|\t)|^ {0,3}[-*_]{3}", re.MULTILINE)


TIMES = re.compile(r"(?<=\d)\*{1,2}(?=[\w(])|(?<=[\w)])\*{1,2}(?=\d)", re.ASCII)  # 2*3 and x**2 mean a product and a power, not emphasis
STAR = "\ue0f2"  # stands for such a sign while the marks are read; of the private use area, so that it is in no text


class StripMarkdown(TextStep):
    """CommonMark (with tables and ~~struck~~ text) to plain text: marks go, links keep their words, lists their numbers and dashes."""

    name = "strip-markdown"
    group = "strip"

    def converter(self, column, name):
        from markdown_it import MarkdownIt

        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])

        def strip(text: str) -> str:
            if not MARKS.search(text):
                return text
            kept = TIMES.sub(lambda match: STAR * len(match[0]), text)
            return _markdown_text(parser.parse(kept)).replace(STAR, "*")

        return strip


def _markdown_text(tokens: list) -> str:
    """Tokens of markdown-it as plain text: blocks apart by an empty line, items and table rows by a line."""
    out: list[str] = []
    lists: list[int | None] = []  # the next number of each list one is in; None: dashes
    for token in tokens:
        kind = token.type
        if kind in ("bullet_list_open", "ordered_list_open"):
            lists.append(int(token.attrGet("start") or 1) if kind[0] == "o" else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
            out.append("\n" if not lists else "")
        elif kind == "list_item_open":
            out.append("- " if lists[-1] is None else f"{lists[-1]}. ")
            lists[-1] = lists[-1] + 1 if lists[-1] is not None else None
        elif kind == "inline":
            out.append(_inline_text(token.children))
        elif kind in ("fence", "code_block", "html_block"):
            out.append(token.content.rstrip("\n") + ("\n" if lists else "\n\n"))
        elif kind in ("paragraph_close", "heading_close"):
            out.append("\n" if lists else "\n\n")
        elif kind in ("th_close", "td_close"):
            out.append(" ")
        elif kind in ("tr_close", "table_close"):
            out.append("\n")
    lines = [line.rstrip() for line in "".join(out).strip().split("\n")]
    return "\n".join(lines)


def _inline_text(tokens: list) -> str:
    out = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            out.append("\n")
        elif token.type == "image":
            out.append(_inline_text(token.children))
        else:
            out.append(token.content)
    return "".join(out)


BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
BLANKS = re.compile(r" [^\S\n]+|[^\S\n ][^\S\n]*")  # but a single plain one, which may stay
LINES = re.compile(r" ?\n ?")
EMPTY_LINES = re.compile(r"\n{3,}")


class Whitespace(TextStep):
    """Blanks at the ends out, several in a row (also tabs, no-break and ideographic ones) to one, at most one empty line."""

    name = "whitespace"
    group = "strip"
    safe = True

    def converter(self, column, name):
        def tidy(text: str) -> str:
            text = BLANKS.sub(" ", BREAKS.sub("\n", text))
            return EMPTY_LINES.sub("\n\n", LINES.sub("\n", text)).strip()

        return tidy


class Case(TextStep):
    """All letters small, or all capital."""

    name = "case"
    group = "strip"
    warning = "step.case.warning"

    to: Literal["lower", "upper"] = setting("lower", "Write in", "Lower makes “Free” and “free” one word; upper is hardly ever wanted.", group="common")

    def converter(self, column, name):
        return str.lower if self.to == "lower" else str.upper


class Punctuation(TextStep):
    """Punctuation of every script to blanks; kept are signs inside of words and numbers ("don't", "3.14"), currency and emoji."""

    name = "punctuation"
    group = "strip"
    warning = "step.punctuation.warning"

    def converter(self, column, name):
        signs = _signs()

        def remove(text: str) -> str:
            new = AT_EDGES.sub(" ", signs.sub(" ", text))
            return text if new == text else LINES.sub("\n", BLANKS.sub(" ", new)).strip()

        return remove


# an apostrophe or hyphen that is not between letters, a full stop or comma not between digits
AT_EDGES = re.compile(r"['’-](?:(?<![^\W\d_].)|(?![^\W\d_]))|[.,](?:(?<!\d.)|(?!\d))")


@cache
def _signs() -> re.Pattern:
    """Matches punctuation (Unicode category P, and the ASCII signs that programmers count to it) but for that of AT_EDGES."""
    signs = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "P"} | set("+<=>^`|~")
    return re.compile("[" + "".join(re.escape(sign) for sign in sorted(signs - set("'’-.,"))) + "]+")


class Replace(TextStep):
    """What a regular expression finds, by something else. RE2's syntax: its time grows with the text alone, so no pattern runs away."""

    name = "replace"
    group = "strip"

    pattern: str = setting("", "Find", "A regular expression; every place it fits is replaced. Signs such as . * ( need a \\ before them to mean themselves.", group="common")
    replacement: str = setting("", "Put instead", "Stands where the pattern was found; empty removes it; \\1 is what the first pair of brackets found.", group="common")

    def apply(self, table, roles):
        import pyarrow as pa
        import pyarrow.compute as compute

        check_filled(self, "pattern")
        check_length(self, "pattern", LONGEST_PATTERN)
        check_length(self, "replacement", LONGEST_PATTERN)
        for name in text_columns(self, table, roles):
            column = table[name]
            chat = name in [roles.get(role) for role in CHAT_ROLES]
            try:
                compute.replace_substring_regex(pa.array([""]), pattern=self.pattern, replacement=self.replacement)
            except pa.ArrowInvalid as problem:
                reason = str(problem).split(":", 1)[-1].strip(" .")[:200]
                raise UserError("step-pattern", pattern=self.pattern[:100], reason=reason) from None
            if chat:
                new = changed(column, lambda text: compute.replace_substring_regex(text, pattern=self.pattern, replacement=self.replacement).as_py())
                table = table.set_column(table.column_names.index(name), name, new)
                continue
            pieces = [
                compute.replace_substring_regex(piece.cast(pa.large_string()), pattern=self.pattern, replacement=self.replacement)
                for piece in slices(column)
            ]
            new = pa.chunked_array(pieces, pa.large_string())
            table = table.set_column(table.column_names.index(name), name, new.cast(column.type))
        return Result(table)
