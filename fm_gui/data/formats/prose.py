"""Plain text, Markdown and HTML: lines, paragraphs or the whole file are rows; and CoNLL, where tokens stand below each other."""

import re
from collections.abc import Iterable, Iterator

from fm_gui.data.decoding import utf8_file
from fm_gui.data.formats.lines import read_lines, whole_text
from fm_gui.data.formats.source import DAMAGED, LONGEST, Reading, Rows, Source
from fm_gui.errors import UserError

LARGEST_HTML = 2**26  # bytes: the whole page is parsed in memory
PIECE = 2**16  # characters of Markdown that are parsed at a time, up to a blank line
DROPPED = "script, style, noscript, template, svg, head, iframe"
BLOCKS = (
    "address, article, aside, blockquote, br, caption, dd, details, div, dl, dt, figcaption, figure, footer, form, h1, h2, h3, h4, h5, h6,"
    "header, hr, li, main, nav, ol, option, p, pre, section, summary, table, tbody, td, th, thead, title, tr, ul"
)
NESTING = re.compile(r"(?i)<(/?)(?!(?:p|li|dt|dd|option|tr|td|th|t(?:body|head|foot)|br|hr|img|input|link|meta|col|wbr|source|area|base|embed)\b)[a-z][^\s>]*([^>]*)")
DEEPEST = 4_096  # elements in each other: the parser's time grows with the square
BREAK = "\x1e"  # "record separator": stands where a block of text begins or ends
TAG = re.compile(r"O|[BIESLUM]-\S+")
SENTENCES_SEEN = 200  # lines looked at to tell CoNLL from other text


def read_text(source: Source) -> Reading:
    """Plain text: a line (the usual), a paragraph (between blank lines) or the whole file is a row."""
    path, encoding = utf8_file(source)
    return _as_rows(read_lines(path, source), source, "text", encoding, "line")


def read_markdown(source: Source) -> Reading:
    """The text of a Markdown file without its marks."""
    path, encoding = utf8_file(source)
    return _as_rows(_blocks(read_lines(path, source)), source, "markdown", encoding, "paragraph")


def read_html(source: Source) -> Reading:
    """The text of a web page without tags, scripts and styles."""
    path, encoding = utf8_file(source)
    return _as_rows(html_blocks(whole_text(path, source, LARGEST_HTML)), source, "html", encoding, "paragraph")


def file_text(text: str, ending: str) -> str:
    """All of a small file's text: of Markdown and HTML what is to be read, one paragraph a line."""
    if ending in (".html", ".htm", ".xhtml"):
        return "\n".join(html_blocks(text))
    return "\n".join(_blocks(text.split("\n"))) if ending in (".md", ".markdown") else text.strip()


def paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Lines joined up to the next blank one. (A paragraph of more than LONGEST characters is cut there.)"""
    held, size = [], 0
    for line in lines:
        if line.strip() and size <= LONGEST:
            held.append(line.strip())
            size += len(line)
            continue
        if held:
            yield "\n".join(held)
        held, size = [line.strip()] if line.strip() else [], len(line)
    if held:
        yield "\n".join(held)


def html_blocks(html: str) -> Iterator[str]:
    """The blocks of text (paragraphs, headings, list items, cells ...) of a page, blanks folded. Raises UserError if it is nested too deep."""
    from selectolax.lexbor import LexborHTMLParser

    depth = 0
    for tag in NESTING.finditer(html):
        depth = max(0, depth - 1) if tag[1] else depth + (not tag[2].endswith("/"))
        if depth > DEEPEST:
            raise UserError("html-deep", limit=DEEPEST)
    page = LexborHTMLParser(html.replace(BREAK, " "))
    for node in page.css(DROPPED):
        if node.tag != "head" and node.parent is not None:
            node.decompose()
    root = page.body or page.root
    if root is None:
        return
    for node in root.css(BLOCKS):
        node.insert_before(BREAK)
        node.insert_after(BREAK)
    for block in root.text().split(BREAK):
        if folded := " ".join(block.split()):
            yield folded


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """The blocks of text of Markdown, parsed in pieces that end at a blank line outside a fence."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    held, size, fence, front = [], 0, "", None
    for line in lines:
        if front is None and not held:
            front = line.strip() == "---"  # settings above the text (YAML)
            if front:
                continue
        if front:
            front = line.strip() not in ("---", "...")
            continue
        if mark := re.match(r" {0,3}(```|~~~)", line):
            fence = "" if fence == mark[1] else fence or mark[1]
        held.append(line)
        size += len(line) + 1
        if size > PIECE and not line.strip() and not fence or size > LONGEST // 8:
            yield from html_blocks(parser.render("\n".join(held)))
            held, size = [], 0
    yield from html_blocks(parser.render("\n".join(held)))


def _as_rows(parts: Iterable[str], source: Source, kind: str, encoding: str, usual: str) -> Reading:
    unit = usual if source.options.unit == "auto" else source.options.unit
    # a page's or Markdown's blocks have no lines: a block is both
    parts = paragraphs(parts) if kind == "text" and unit == "paragraph" else parts
    with Rows(source, format=kind, unit=unit, encoding=encoding) as rows:
        if unit == "file":
            held, size = [], 0
            for part in parts:
                held.append(part)
                size += len(part)
                if size > LONGEST:
                    raise UserError("file-large", file=source.name, limit=LONGEST // 2**20)
            parts = ["\n".join(held).strip().replace(DAMAGED, "\ufffd")]
        for number, part in enumerate(parts, 1):
            if part.strip() and not rows.skip_damaged(number, part):
                rows.add({"text": part}, len(part))
    if not rows.written:
        raise UserError("file-empty", file=source.name)
    return rows.reading()


# -- tokens below each other


def is_conll(text: str) -> bool:
    """True if text clearly is tokens with tags: in nearly all lines the same few fields, the last one O, B-... or I-..., and blank lines between."""
    lines = text.split("\n")[:-1][:SENTENCES_SEEN]
    fields = [line.split() for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if len(fields) < 3 or not 2 <= len(fields[0]) <= 6:
        return False
    tagged = [cells for cells in fields if len(cells) == len(fields[0]) and TAG.fullmatch(cells[-1])]
    return len(tagged) >= 0.95 * len(fields) and any(cells[-1] != "O" for cells in tagged)


def read_conll(source: Source) -> Reading:
    """Sentences as lists of tokens and tags: the first and the last field of a line (of CoNLL-U: form and part of speech)."""
    path, encoding = utf8_file(source)
    tokens, tags, wrong, begin, universal = [], [], 0, 1, None
    with Rows(source, format="conll", encoding=encoding) as rows:

        def sentence() -> None:
            if rows.skip_damaged(begin, *tokens, *tags):
                return
            if wrong:
                rows.skip(wrong, "skipped.conll")
            elif tokens:
                rows.add({"tokens": list(tokens), "tags": list(tags)}, 12 * len(tokens))

        for number, line in enumerate(read_lines(path, source), 1):
            if not line.strip() or line.startswith("-DOCSTART-"):
                sentence()
                tokens, tags, wrong, begin = [], [], 0, number + 1
                continue
            cells = line.split("\t") if "\t" in line else line.split()
            if line.startswith("#") and (len(cells) < 2 or not TAG.fullmatch(cells[-1])):
                continue  # a comment
            if universal is None:
                universal = len(cells) == 10 and re.fullmatch(r"\d+([-.]\d+)?", cells[0]) is not None
            if universal and not cells[0].isdigit():
                continue  # "1-2": a form of several words, which follow
            if len(cells) < (10 if universal else 2) or len(tokens) > 1_000_000:
                wrong = wrong or number
                continue
            tokens.append(cells[1].strip() if universal else cells[0].strip())
            tags.append(cells[3].strip() if universal else cells[-1].strip())
        sentence()
    if not rows.count or rows.too_many_bad:
        raise UserError("conll-broken", file=source.name, line=rows.skipped[0]["row"] if rows.skipped else 1)
    return rows.reading()
