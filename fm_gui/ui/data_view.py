"""What the Data tab shows of a data set: plain values and HTML, made from what is on disk."""

import gradio as gr

from fm_gui import tasks
from fm_gui.config import DatasetSpec
from fm_gui.data.dataset import Dataset
from fm_gui.tasks import TASKS
from fm_gui.text import say
from fm_gui.ui.view import esc

PAGE = 50  # rows of the preview; more are paged on the server
NARROW = 110  # pixels of a column of short cells
LONGEST_CELL = 240  # characters of a cell that travel to the page
MOST_COLUMNS = 60  # columns of the preview
MOST_CHOICES = 1_000  # columns that a drop-down lists
MOST_SKIPPED = 50
ROLES = tuple(dict.fromkeys(role for task in TASKS for role in task.columns))  # text, label
OTHER_ROLES = (
    "group", "date", "id", "number", "question", "context", "answer", "source", "target", "messages", "chosen", "rejected", "tokens", "tags",
)  # fmt: skip
ALL_ROLES = (*ROLES, *OTHER_ROLES, "split")


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
    if delimiter and delimiter != "none":
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
            why = say("data.missing", lang, roles=say("data.list.comma", lang).join(say(role_key(role), lang) for role in missing))
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
    none = say(f"role.{role}.about", lang) if role in OTHER_ROLES else say("data.role.none", lang)
    names = [column.name for column in spec.columns[:MOST_CHOICES]]
    return gr.update(
        choices=[(say("data.role.unused", lang), ""), *((name, name) for name in names)],
        value=guess.column if guess else "",
        info=say(guess.reason, lang, **guess.values) if guess else none,
    )


def role_key(role: str) -> str:
    """The words key of a role's name on this page."""
    return f"role.{role}" if role in OTHER_ROLES else f"data.role.{role}"


def others_update(spec: DatasetSpec, lang: str) -> dict:
    """The fold of the other roles: how many of them are played, in its name."""
    played = sum(role in spec.roles for role in OTHER_ROLES)
    return gr.update(label=say("data.roles.others.some", lang, count=played) if played else say("data.roles.others", lang))


def preview(rows: list[dict], spec: DatasetSpec) -> dict:
    """Rows as Dataset.page gives them, for a gr.Dataframe; long cells are cut, so that no page is heavy."""
    return grid(["#", *(column.name for column in spec.columns[:MOST_COLUMNS])], rows)


def grid(headers: list[str], rows: list[dict]) -> dict:
    """The value of a gr.Dataframe."""
    return {"headers": headers, "data": [[_cell(row.get(name)) for name in headers] for row in rows]}


def column_widths(spec: DatasetSpec) -> list[str]:
    """Wide columns for long cells; a few columns fill the table, many scroll. Needed at each update: the old ones would stay."""
    return widths([column.mean_length for column in spec.columns[:MOST_COLUMNS]])


def widths(lengths: list[float]) -> list[str]:
    """Widths of a column of row numbers and of columns whose cells have so many characters on average."""
    wide = [min(max(8 * length, NARROW), 6 * NARROW) for length in lengths]
    if len(wide) > 6:
        return ["64px", *(f"{one:.0f}px" for one in wide)]
    return ["7%", *(f"{93 * one / sum(wide):.1f}%" for one in wide)]


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return value[:LONGEST_CELL] + "…"
    return value


def split_counts(dataset: Dataset, lang: str) -> str:
    """How many rows each part has, and what it is for."""
    parts = dataset.parts()
    used = sum(len(rows) for rows in parts.values())

    def item(part: str) -> str:
        count = len(parts[part])
        told = esc(say(f"data.part.{part}.count", lang, rows=count)).replace(f"{count:,}", f"<b>{count:,}</b>", 1)
        return f'<li>{told}<p class="fm-muted">{esc(say(f"data.part.{part}.about", lang))}</p></li>'

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
