"""What the Data tab shows of a data set: plain values and HTML, made from what is on disk."""

import gradio as gr

from fm_gui import tasks
from fm_gui.config import DatasetSpec
from fm_gui.data.dataset import Dataset
from fm_gui.tasks import TASKS
from fm_gui.text import say
from fm_gui.ui.charts import plain
from fm_gui.ui.view import esc

PAGE = 50  # rows of the preview; more are paged on the server
NARROW = 110  # pixels of a column of short cells
LONGEST_CELL = 240  # characters of a cell that travel to the page
MOST_BARS = 24
HEIGHT = 240
BAR = "var(--fm-accent)"
MOST_SKIPPED = 50
ROLES = tuple(dict.fromkeys(role for task in TASKS for role in task.columns))  # text, label
ALL_ROLES = (*ROLES, "split")


def list_choices(specs: list[DatasetSpec], lang: str) -> list[tuple[str, str]]:
    """The list of data sets: two lines each (name; rows and what it can teach)."""
    return [
        (f"{spec.name}\n{say('data.list.line', lang, rows=spec.rows, teaches=_teaches_short(spec, lang))}", spec.name) for spec in specs
    ]


def _teaches_short(spec: DatasetSpec, lang: str) -> str:
    fits = [say(f"task.{task.name}", lang) for task, missing in tasks.offers(spec) if not missing]
    return say("data.list.comma", lang).join(fits) or say("data.list.nothing", lang)


def head(spec: DatasetSpec, lang: str) -> str:
    """Name, facts, origin."""
    facts = [say("data.fact.rows", lang, rows=spec.rows), say("data.fact.columns", lang, columns=len(spec.columns)), *_detected(spec, lang)]
    if spec.skipped:
        facts.append(say("data.fact.skipped", lang, rows=skipped_count(spec)))
    origin = [say("data.fact.source", lang, source=spec.source)]
    kind = spec.provenance.get("kind")
    if kind:
        facts.insert(0, say(f"data.kind.{kind}", lang))
    if spec.provenance.get("origin"):
        origin.append(say("data.fact.origin", lang, origin=spec.provenance["origin"]))
    if spec.provenance.get("licence"):
        origin.append(say("data.fact.licence", lang, licence=spec.provenance["licence"]))
    return (
        f'<h2 dir="auto">{esc(spec.name)}</h2>'
        f'<ul class="data-facts">{"".join(f"<li>{esc(fact)}</li>" for fact in facts)}</ul>'
        f'<p class="fm-muted" dir="auto">{esc(" ".join(origin))}</p>'
    )


def _detected(spec: DatasetSpec, lang: str) -> list[str]:
    """What the reader found out, in words: "CSV", "separator: ;", "encoding: utf-8"."""
    facts = []
    format_, delimiter, encoding = (spec.detected.get(name) for name in ("format", "delimiter", "encoding"))
    if format_ and format_ != "sample":
        facts.append("TSV" if delimiter == "\t" and format_ == "csv" else format_.upper())
    if delimiter:
        shown = say("data.delimiter.tab", lang) if delimiter == "\t" else f"“{delimiter}”"
        facts.append(say("data.fact.delimiter", lang, value=shown))
    if encoding:
        facts.append(say("data.fact.encoding", lang, value=encoding))
    return facts


def teaches(spec: DatasetSpec, lang: str) -> str:
    """Every task: with a tick, or with what is missing for it."""
    items = []
    for task, missing in tasks.offers(spec):
        if missing:
            why = say("data.missing", lang, roles=say("data.list.comma", lang).join(say(f"data.role.{role}", lang) for role in missing))
            mark, state, about = "○", "missing", why
        else:
            mark, state, about = "✓", "fits", say(f"task.{task.name}.about", lang)
        items.append(
            f'<li class="data-{state}"><span aria-hidden="true">{mark}</span><div><b>{esc(say(f"task.{task.name}", lang))}</b>'
            f'<p class="fm-muted">{esc(about)}</p></div></li>'
        )
    return f'<h3>{esc(say("data.teaches", lang))}</h3><ul class="data-teaches">{"".join(items)}</ul>'


def can_teach(spec: DatasetSpec) -> bool:
    """True if at least one task fits this data as it is."""
    return any(not missing for _, missing in tasks.offers(spec))


def role_update(spec: DatasetSpec, role: str, lang: str) -> dict:
    """The drop-down of one role: the real columns, the one guessed or chosen, and why."""
    guess = spec.roles.get(role)
    why = say(guess.reason, lang, **guess.values) if guess else say("data.role.none", lang)
    return gr.update(
        choices=[(say("data.role.unused", lang), ""), *((column.name, column.name) for column in spec.columns)],
        value=guess.column if guess else "",
        info=why,
    )


def last_page(rows: int) -> int:
    """Pages are counted from 1; an empty table has one."""
    return max(1, -(-rows // PAGE))


def preview(dataset: Dataset, page: int) -> dict:
    """Page ``page`` of the rows for a gr.Dataframe; long cells are cut, so that no page is heavy."""
    headers = ["#", *(column.name for column in dataset.spec.columns)]
    rows = dataset.page((page - 1) * PAGE, PAGE)
    return {"headers": headers, "data": [[_cell(row.get(name)) for name in headers] for row in rows]}


def column_widths(spec: DatasetSpec) -> list[str]:
    """Wide columns for long cells; a few columns fill the table, many scroll. Needed at each update: the old ones would stay."""
    widths = [min(max(8 * column.mean_length, NARROW), 6 * NARROW) for column in spec.columns]
    if len(widths) > 6:
        return ["64px", *(f"{width:.0f}px" for width in widths)]
    return ["7%", *(f"{93 * width / sum(widths):.1f}%" for width in widths)]


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return value[:LONGEST_CELL] + "…"
    return value


def page_line(rows: int, page: int, lang: str) -> str:
    """Which rows are shown, of how many."""
    first = (page - 1) * PAGE + 1
    return say("data.page.line", lang, first=min(first, rows), last=min(page * PAGE, rows), rows=rows)


def split_counts(dataset: Dataset, lang: str) -> str:
    """How many rows each part has, and what it is for."""
    parts = dataset.parts()
    used = sum(len(rows) for rows in parts.values())

    def item(part: str) -> str:
        words = esc(say(f"data.part.{part}", lang)), esc(say(f"data.part.{part}.about", lang))
        return f'<li><b>{len(parts[part]):,}</b> {words[0]}<p class="fm-muted">{words[1]}</p></li>'

    items = "".join(item(part) for part in ("train", "validation", "test"))
    empty = dataset.spec.rows - used
    left_out = f'<p class="fm-muted">{esc(say("data.part.none", lang, rows=empty))}</p>' if empty else ""
    return f'<ul class="data-parts">{items}</ul>{left_out}'


def skipped_count(spec: DatasetSpec) -> int:
    """How many rows could not be read; the spec lists only the first of very many."""
    return spec.detected.get("skipped", len(spec.skipped))


def skipped(spec: DatasetSpec, lang: str) -> str:
    """The rows that could not be read, by number, with the reason."""
    items = [f"<li>{esc(say(row['code'], lang, **row['values']))}</li>" for row in spec.skipped[:MOST_SKIPPED]]
    more = skipped_count(spec) - len(items)
    tail = f'<p class="fm-muted">{esc(say("data.skipped.more", lang, rows=more))}</p>' if more > 0 else ""
    return f"<p>{esc(say('data.skipped.about', lang, rows=skipped_count(spec)))}</p><ul>{''.join(items)}</ul>{tail}"


# -- pictures: values for charts.figure, each with a sentence that says the same


def lengths_figure(dataset: Dataset, lang: str) -> tuple[dict, str]:
    """How many characters the texts have."""
    found = dataset.lengths()
    edges = found["bins"]
    names = [f"{left:,}–{right - 1:,}" if right - left > 1 else f"{left:,}" for left, right in zip(edges, edges[1:])]
    bars = {
        "type": "bar",
        "x": [(left + right) / 2 for left, right in zip(edges, edges[1:])],
        "y": found["counts"],
        "customdata": names,
        "hovertemplate": "%{customdata}: %{y:,}<extra></extra>",
        "marker": {"color": BAR},
    }
    layout = {
        "bargap": 0.06,
        "xaxis": {"title": {"text": say("data.lengths.x", lang)}},
        "yaxis": {"title": {"text": say("data.lengths.y", lang)}},
        "showlegend": False,
    }
    figure = {
        "title": say("data.lengths", lang),
        "data": [bars],
        "layout": layout,
        "height": HEIGHT,
        "table": [
            [say("data.lengths.x", lang), say("data.lengths.y", lang)],
            *([name, f"{count:,}"] for name, count in zip(names, found["counts"])),
        ],
    }
    return figure, say("data.lengths.line", lang, mean=found["mean"], longest=found["max"])


def labels_figure(dataset: Dataset, lang: str) -> tuple[dict | None, str]:
    """How many rows each answer has, the most common on top; None without answers."""
    counts = dataset.label_counts()
    if not counts:
        return None, ""
    total, first = sum(counts.values()), next(iter(counts))
    shown = dict(list(counts.items())[:MOST_BARS])
    if len(counts) > len(shown):
        shown[say("data.labels.rest", lang, count=len(counts) - len(shown))] = total - sum(shown.values())
    # numbered places with the names as tick text: names that differ only in their cut ends stay apart
    names = [plain(name if len(name) <= 24 else name[:23] + "…") for name in shown]
    places = list(range(len(shown)))
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": places,
        "x": list(shown.values()),
        "customdata": names,
        "hovertemplate": "%{customdata}: %{x:,}<extra></extra>",
        "marker": {"color": BAR},
    }
    axis = {"tickvals": places, "ticktext": names, "autorange": "reversed", "automargin": True}
    layout = {"yaxis": axis, "bargap": 0.25, "showlegend": False, "xaxis": {"title": {"text": say("data.labels.x", lang)}}}
    figure = {
        "title": say("data.labels", lang),
        "data": [bars],
        "layout": layout,
        "height": max(HEIGHT, 70 + 20 * len(shown)),
        "table": [[say("data.role.label", lang), say("data.labels.x", lang)], *([name, f"{count:,}"] for name, count in shown.items())],
    }
    return figure, say("data.labels.line", lang, count=len(counts), label=first[:40], share=counts[first] / total)
