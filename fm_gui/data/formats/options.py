"""What a person can say about a file; whatever is left alone is found out, and told in ``Reading.detected`` under the same name."""

from typing import Literal

from fm_gui.config import Settings, setting

Format = Literal["auto", "csv", "json", "jsonl", "text", "markdown", "html", "conll"]


class ReadOptions(Settings):
    """How to read files. ``delimiter`` and ``quote`` are "" (found out), "none", or one character."""

    format: Format = setting("auto", "Format", "What kind of text file it is; auto goes by what is in the file, then by its ending.")
    delimiter: str = setting("", "Separator", "The character between columns; empty finds it out, “none” reads each row as one column; \\x01 and || can be typed.", group="common")
    quote: str = setting("", "Quotation mark", "The character around cells that hold a separator; empty finds it out, “none” takes such marks as text.")
    encoding: str = setting("auto", "Encoding", "How characters are stored, such as utf-8, gb18030 or cp1252; a wrong one garbles letters; auto finds it out.", group="common")
    header: Literal["auto", "yes", "no"] = setting("auto", "First row names the columns", "With no, the first row is data and the columns are numbered; auto decides from what is in it.", group="common")
    skip_lines: int | None = setting(None, "Lines before the header", "How many lines at the top belong to no table; empty finds it out.", ge=0, le=100_000)
    sheet: str = setting("", "Sheet", "Which sheet of a spreadsheet is read; empty takes the first one that has rows.", group="common")
    table: str = setting("", "Table", "Which table of a database is read; empty takes the one with most rows.", group="common")
    items: str = setting("", "List", "Which list inside a JSON file holds the rows, such as data.items; empty takes the longest one.", group="common")
    unit: Literal["auto", "line", "paragraph", "file"] = setting("auto", "One row is", "What becomes a row of a text file; auto: a line of plain text, a paragraph of Markdown and HTML, a whole file where there are many.", group="common")
