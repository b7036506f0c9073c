"""The Rows inner tab: rows page by page; those that hold a text or a value, or belong to a part; those another tab points at."""

from dataclasses import dataclass, replace

import gradio as gr
import numpy as np

from fm_gui.data.dataset import Dataset
from fm_gui.data.search import search
from fm_gui.data.split import PARTS
from fm_gui.text import say
from fm_gui.ui import data_view, health_cache
from fm_gui.ui.bind import word
from fm_gui.ui.view import View, esc, free_choice
from fm_gui.workspace import Workspace

PAGE = 50  # rows shown; more are paged on the server
MOST_PICKED = 1_000  # rows that another tab can point at
MOST_VALUES = 50  # values of a column to choose from, the most common first
MANY_VALUES = 100_000  # different ones, above which they are not counted
EMPTY, IS = "empty", "="  # how the choice of a value is written: empty cells, or this mark and the value


@dataclass(frozen=True)
class Seen:
    """What of the rows is shown: the values of the components ``SEEN``, in their order."""

    text: str | None = ""
    column: str | None = ""
    value: str | None = ""  # EMPTY, or IS and a value; "" for any
    part: str | None = ""
    picked: str | None = ""  # "TABLE:1,5,9": these rows of that version of the rows, counted from 1
    page: float | None = 1


SEEN = ("rows-text", "rows-column", "rows-value", "rows-part", "rows-picked", "page")


# -- which rows


def found(dataset: Dataset, seen: Seen) -> np.ndarray | None:
    """The numbers (from 0, in order) of the rows that are asked for; None for all of them."""
    rows = None
    if numbers := _picked(dataset, seen):
        rows = np.array(numbers) - 1
    if seen.part in PARTS:
        part = dataset.parts()[seen.part]
        rows = part if rows is None else np.intersect1d(rows, part)
    value = seen.value or ""
    known = {column.name for column in dataset.spec.columns}
    where = {seen.column: {"missing": True} if value == EMPTY else value.removeprefix(IS)} if value and seen.column in known else None
    if where or (seen.text or "").strip():
        rows = search(dataset.table, (seen.text or "").strip(), where=where, rows=rows)
    return rows


def _picked(dataset: Dataset, seen: Seen) -> list[int]:
    """The rows another tab pointed at; none if the rows have changed since."""
    table, _, numbers = (seen.picked or "").partition(":")
    return [int(number) for number in numbers.split(",")] if numbers and table == dataset.spec.table else []


def common_values(dataset: Dataset, column: str) -> list[tuple[str, int]]:
    """(value without blanks at its ends, rows) of a column's most common filled values; none of a very long one that hardly repeats."""
    import pyarrow as pa
    import pyarrow.compute as compute

    distinct = next(one.distinct for one in dataset.spec.columns if one.name == column)
    if distinct > MANY_VALUES:
        return []
    cells = compute.utf8_trim_whitespace(dataset.table[column].cast(pa.string()))
    counts = compute.value_counts(cells.filter(compute.not_equal(cells, "")))
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:MOST_VALUES]
    taken = counts.take(pa.array(order, pa.int64()))
    return list(zip(taken.field("values").to_pylist(), taken.field("counts").to_pylist()))


# -- what is shown


def view(dataset: Dataset, seen: Seen, lang: str) -> View:
    """The whole inner tab."""
    names = [column.name for column in dataset.spec.columns[: data_view.MOST_CHOICES]]
    if seen.column not in names:
        seen = replace(seen, column="", value="")
    if not _picked(dataset, seen):
        seen = replace(seen, picked="")
    return {
        "rows-text": seen.text or "",
        "rows-column": gr.update(choices=[(say("data.rows.column.any", lang), ""), *((name, name) for name in names)], value=seen.column or ""),
        "rows-value": _values(dataset, seen, lang),
        "rows-part": gr.update(choices=[(say(f"data.rows.part.{part}", lang), "" if part == "all" else part) for part in ("all", *PARTS)], value=seen.part or ""),
        "rows-picked": seen.picked or "",
        "rows-chip-box": gr.update(visible=bool(seen.picked)),
        **fill(dataset, seen, lang),
    }


def _values(dataset: Dataset, seen: Seen, lang: str) -> dict:
    if not seen.column:
        return gr.update(choices=[(say("data.rows.value.any", lang), "")], value="", visible=False)
    counted = common_values(dataset, seen.column)
    choices = [(say("data.rows.value", lang, value=value[:60], rows=count), IS + value) for value, count in counted]
    missing = dataset.spec.rows - next(column.filled for column in dataset.spec.columns if column.name == seen.column)
    empty = [(say("data.rows.value.empty", lang, rows=missing), EMPTY)]
    return gr.update(choices=[(say("data.rows.value.any", lang), ""), *empty, *choices], value=seen.value or "", visible=True)


def fill(dataset: Dataset, seen: Seen, lang: str) -> View:
    """One page of the rows that are asked for."""
    rows = found(dataset, seen)
    count = dataset.spec.rows if rows is None else len(rows)
    last = max(1, -(-count // PAGE))  # pages are counted from 1; an empty table has one
    page = min(max(1, int(seen.page or 1)), last)
    start = (page - 1) * PAGE
    shown = dataset.page(start, PAGE) if rows is None else [dataset.page(int(row), 1)[0] for row in rows[start : start + PAGE]]
    return {
        "preview": gr.update(value=data_view.preview(shown, dataset.spec), column_widths=data_view.column_widths(dataset.spec)),
        "page": page,
        "page-line": page_line(dataset, count, rows is not None, page, lang),
        "previous": gr.update(interactive=page > 1),
        "next": gr.update(interactive=page < last),
    }


def page_line(dataset: Dataset, count: int, chosen: bool, page: int, lang: str) -> str:
    """Which rows are shown, of how many."""
    total, columns = dataset.spec.rows, len(dataset.spec.columns)
    first, last = min((page - 1) * PAGE + 1, count), min(page * PAGE, count)
    if chosen and not count:
        line = say("data.rows.none", lang, rows=total)
    elif chosen:
        line = say("data.rows.found", lang, first=first, last=last, found=count, rows=total)
    else:
        line = say("data.page.line", lang, first=first, last=last, rows=total)
    return line if columns <= data_view.MOST_COLUMNS else line + " " + say("data.rows.columns", lang, shown=data_view.MOST_COLUMNS, columns=columns)


# -- handlers: plain values in, a View out


def find(workspace: Workspace, lang: str, name: str, *values) -> View:
    """The first page of the rows that the search box and the filters ask for."""
    return fill(Dataset(workspace, name), replace(Seen(*values), page=1), lang)


def choose_column(workspace: Workspace, lang: str, name: str, *values) -> View:
    """Offer the values of the column that was chosen; any will do until one is chosen."""
    dataset, seen = Dataset(workspace, name), replace(Seen(*values), value="", page=1)
    return {"rows-value": _values(dataset, seen, lang), **fill(dataset, seen, lang)}


def turn_back(workspace: Workspace, lang: str, name: str, *values) -> View:
    return _turn(workspace, lang, name, Seen(*values), -1)


def turn_on(workspace: Workspace, lang: str, name: str, *values) -> View:
    return _turn(workspace, lang, name, Seen(*values), 1)


def turn_to(workspace: Workspace, lang: str, name: str, *values) -> View:
    return _turn(workspace, lang, name, Seen(*values), 0)


def _turn(workspace: Workspace, lang: str, name: str, seen: Seen, pages: int) -> View:
    return fill(Dataset(workspace, name), replace(seen, page=int(seen.page or 1) + pages), lang)


def show_all(workspace: Workspace, lang: str, name: str) -> View:
    """Every row again."""
    return view(Dataset(workspace, name), Seen(), lang)


def show_rows(workspace: Workspace, lang: str, name: str, asked: str | None) -> View:
    """Show only some rows, for another tab: ``asked`` is "1,5,9" (row numbers from 1) or "code:X" (the rows of that finding)."""
    dataset = Dataset(workspace, name)
    kind, _, code = (asked or "").partition(":")
    listed = {int(number) for number in kind.split(",") if number.strip().isdecimal()}
    numbers = sorted(number for number in listed if 1 <= number <= dataset.spec.rows)[:MOST_PICKED]
    finding = _finding(workspace, dataset, numbers, code)
    if finding:
        numbers = [row + 1 for row in finding["rows"][:MOST_PICKED]]
    at_rows = {"inner": gr.update(selected="rows")}
    if not numbers:
        gr.Info(say("data.rows.gone", lang))
        return view(dataset, Seen(), lang) | at_rows
    seen = Seen(picked=f"{dataset.spec.table}:{','.join(map(str, numbers))}")
    what = finding["words"][lang]["what"] if finding else ""
    return view(dataset, seen, lang) | at_rows | {"rows-chip": chip(len(numbers), finding["count"] if finding else len(numbers), what, lang)}


def _finding(workspace: Workspace, dataset: Dataset, numbers: list[int], code: str) -> dict | None:
    """What the health check found and kept: by its code, or by its rows."""
    kept = health_cache.kept(workspace, dataset.spec)
    rows = [number - 1 for number in numbers]
    return next((one for one in (kept or {}).get("findings", []) if one["code"] == code or rows and one["rows"][:MOST_PICKED] == rows), None)


def chip(shown: int, total: int, what: str, lang: str) -> str:
    """Which rows are shown alone, as HTML."""
    count = say("data.rows.chip", lang, rows=shown) if shown == total else say("data.rows.chip.first", lang, rows=shown, total=total)
    return f'<p class="data-chip" dir="auto"><b>{esc(count)}</b> {esc(what)}</p>'


# -- the page


def build() -> View:
    """The components, made here and now, by name."""
    parts: View = {}
    with gr.Row(elem_classes="data-find", equal_height=True):
        parts["rows-text"] = gr.Textbox(
            max_lines=1, show_label=False, container=False, label=word("data.rows.search"), placeholder=word("data.rows.search"),
            elem_id="data-search", min_width=200, scale=2, interactive=True,
        )  # fmt: skip
        for part, width in (("column", 150), ("value", 150), ("part", 130)):
            parts[f"rows-{part}"] = free_choice(
                gr.Dropdown(
                    [], show_label=False, container=False, label=word(f"data.rows.{part}.label"), elem_id=f"data-filter-{part}", min_width=width,
                    scale=1, interactive=True, visible=part != "value",
                )
            )  # fmt: skip
    with gr.Row(elem_classes="data-chip-box", equal_height=True, visible=False) as parts["rows-chip-box"]:
        parts["rows-chip"] = gr.HTML(elem_id="data-rows-chip", min_width=200)
        parts["rows-all"] = gr.Button(word("data.rows.all"), size="sm", scale=0, min_width=140, elem_id="data-rows-all")
    parts["preview"] = gr.Dataframe(
        interactive=False, max_chars=120, pinned_columns=1, max_height=420, wrap=False, line_breaks=False, label=word("data.preview"),
        show_label=False, elem_id="data-preview", buttons=["fullscreen", "copy"],
    )  # fmt: skip
    with gr.Row(elem_classes="data-pages", equal_height=True):
        parts["page-line"] = gr.HTML(elem_id="data-page-line", min_width=160)
        parts["previous"] = gr.Button(word("data.page.previous"), size="sm", scale=0, min_width=96, elem_id="data-previous")
        parts["page"] = gr.Number(
            1, precision=0, show_label=False, label=word("data.page"), container=False, scale=0, min_width=72, elem_id="data-page", interactive=True,
        )  # fmt: skip
        parts["next"] = gr.Button(word("data.page.next"), size="sm", scale=0, min_width=96, elem_id="data-next")
    return parts
