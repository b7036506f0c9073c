"""A profile (data/profile.py, as a dict) as pictures and short sentences."""

from typing import Any

from fm_gui.data.languages import name_of
from fm_gui.text import say
from fm_gui.ui.charts import plain
from fm_gui.ui.data_view import role_key
from fm_gui.ui.view import esc
from fm_gui.ui.widgets import percent

MOST_BARS = 24
MOST_COLUMNS = 100
MOST_CLASSES = 24  # whose telling words and samples are shown
HEIGHT = 240
BAR, BEYOND = "var(--fm-accent)", "var(--fm-warn)"

Facts = dict[str, Any]


def facts(told: Facts, lang: str) -> str:
    """Rows, copies and parts, as figures with their names."""
    figures = [
        (f"{told['rows']:,}", say("data.profile.rows", lang)),
        (f"{len(told['columns']):,}", say("data.profile.columns", lang)),
        *((f"{rows:,}", say(f"data.part.{part}", lang)) for part, rows in told["parts"].items() if any(told["parts"].values())),
    ]
    items = "".join(f"<div><dd>{esc(figure)}</dd><dt>{esc(name)}</dt></div>" for figure, name in figures)
    return f'<dl class="profile-facts">{items}</dl>{copies(told, lang)}'


def copies(told: Facts, lang: str) -> str:
    """How many texts repeat an earlier one; nothing where there are no texts."""
    if not told["read_from"]:
        return _line(say("data.profile.no-text", lang))
    count, of = told["duplicates"], told["characters"]["of"]
    if not count:
        return f'<p class="fm-good"><b class="fm-mark" aria-hidden="true">✓</b> {esc(say("data.profile.copies.none", lang, column=told["read_from"]))}</p>'
    line = say("data.profile.copies", lang, copies=count, share=_share(count / max(1, of)), column=told["read_from"])
    return f'<p class="fm-attention" dir="auto"><b class="fm-mark" aria-hidden="true">!</b> {esc(line)}</p>'


def columns(told: Facts, lang: str) -> str:
    """Each column: what it holds, how much of it is filled, and what is most common in it."""
    heads = "".join(f"<th>{esc(say(f'data.profile.head.{head}', lang))}</th>" for head in ("column", "kind", "filled", "missing", "distinct", "length", "common"))
    shown = told["columns"][:MOST_COLUMNS]
    rows = "".join(_column(column, told["rows"], lang) for column in shown)
    more = len(told["columns"]) - len(shown)
    tail = _line(say("data.profile.columns.more", lang, columns=more)) if more else ""
    return f'<div class="profile-wide"><table class="fm-table profile-columns"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{tail}'


def _column(column: Facts, rows: int, lang: str) -> str:
    role = f'<br><small class="fm-muted">{esc(say(role_key(column["role"]), lang))}</small>' if column["role"] else ""
    share, kind = column["filled"] / max(1, rows), say(f"data.profile.kind.{column['kind']}", lang)
    common = "".join(f"<li><span>{esc(value[:60])}</span> <small>{count:,}</small></li>" for value, count in column["common"])
    return (
        f'<tr><td dir="auto"><b>{esc(column["name"])}</b>{role}</td><td>{esc(kind)}</td>'
        f'<td><progress class="fm-bar" max="1" value="{share:.3f}" aria-hidden="true"></progress><small>{_share(share)}</small></td>'
        f'<td>{column["missing"]:,}</td><td>{column["distinct"]:,}</td><td>{column["mean_length"]:,.0f}</td><td><ul class="profile-common" dir="auto">{common or "<li>–</li>"}</ul></td></tr>'
    )


def languages(told: Facts, lang: str) -> str:
    """Share of texts by language, as bars."""
    if not told["languages"]:
        return ""
    shown = list(told["languages"].items())[:12]
    bars = "".join(
        f'<li><span>{esc(name_of(code, lang) if code else say("data.profile.language.unsure", lang))}</span>'
        f'<progress class="fm-bar" max="1" value="{share:.3f}" aria-hidden="true"></progress><small>{_share(share)}</small></li>'
        for code, share in shown
    )
    return _part("data.profile.languages", f'<ul class="profile-bars">{bars}</ul>{_line(say("data.profile.languages.help", lang))}', lang)


def words(told: Facts, lang: str) -> str:
    """The words that are typical of each class."""
    found = {label: some for label, some in told["telling_words"].items() if some}
    if not found:
        return ""
    rows = "".join(
        f'<tr><th dir="auto">{esc(label[:60])}</th><td dir="auto">{"".join(f"<span class={chr(34)}profile-word{chr(34)}>{esc(one)}</span>" for one in some)}</td></tr>'
        for label, some in list(found.items())[:MOST_CLASSES]
    )
    table = f'<div class="profile-wide"><table class="fm-table"><tbody>{rows}</tbody></table></div>'
    return _part("data.profile.words", table + _line(say("data.profile.words.help", lang)), lang)


def samples(told: Facts, lang: str) -> str:
    """A few texts of middle length of each class."""
    if not told["samples"]:
        return ""
    groups = "".join(
        f'<section class="fm-card">{f"<h4 dir={chr(34)}auto{chr(34)}>{esc(label[:60])}</h4>" if label else ""}'
        + "".join(f'<p dir="auto"><small class="fm-muted">{esc(say("data.profile.row", lang, row=one["row"] + 1))}</small> {esc(one["text"])}</p>' for one in some)
        + "</section>"
        for label, some in list(told["samples"].items())[:MOST_CLASSES]
    )
    return _part("data.profile.samples", f'<div class="profile-samples">{groups}</div>', lang)


def _share(share: float) -> str:
    return percent(share) if 0 < share < 1 else f"{share:.0%}"


def _part(title: str, inside: str, lang: str) -> str:
    return f"<h3>{esc(say(title, lang))}</h3>{inside}"


def _line(sentence: str) -> str:
    return f'<p class="fm-muted" dir="auto">{esc(sentence)}</p>'


# -- pictures: values for charts.figure, each with a sentence that says the same


def lengths_figure(found: Facts, unit: str, lang: str) -> dict:
    """A histogram (profile.histogram) of lengths in ``unit`` ("characters" or "tokens"), with the model's limit where it has one."""
    edges, limit = found["bins"], found.get("limit")
    spans = list(zip(edges, edges[1:]))
    names = [f"{left:,}–{right - 1:,}" if right - left > 1 else f"{left:,}" for left, right in spans]
    across, up = say(f"data.lengths.{unit}", lang), say("data.lengths.y", lang)
    bars = {
        "type": "bar", "x": [(left + right) / 2 for left, right in spans], "y": found["counts"], "customdata": names,
        "hovertemplate": "%{customdata}: %{y:,}<extra></extra>", "marker": {"color": [BEYOND if limit and left >= limit else BAR for left, _ in spans]},
    }  # fmt: skip
    layout: dict[str, Any] = {"bargap": 0.06, "xaxis": {"title": {"text": across}}, "yaxis": {"title": {"text": up}}, "showlegend": False}
    if limit and limit <= edges[-1]:
        line = {"type": "line", "x0": limit, "x1": limit, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": BEYOND, "width": 2, "dash": "dot"}}
        note = {"x": limit, "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "text": say("data.profile.limit", lang, limit=limit)}
        layout |= {"shapes": [line], "annotations": [note]}
    return {
        "title": say(f"data.lengths.{unit}.title", lang), "data": [bars], "layout": layout, "height": HEIGHT,
        "table": [[across, up], *([name, f"{count:,}"] for name, count in zip(names, found["counts"]))],
    }  # fmt: skip


def characters_line(found: Facts, lang: str) -> str:
    return _line(say("data.lengths.line", lang, mean=found["mean"], longest=found["max"]))


def tokens_line(found: Facts, lang: str) -> str:
    """How many texts are cut, and how much of them."""
    about = say("data.profile.tokens.line", lang, mean=found["mean"], longest=found["max"], texts=found["of"])
    if not found["limit"]:
        return _line(f"{about} {say('data.profile.tokens.endless', lang)}")
    if not found["over"]:
        return f'{_line(about)}<p class="fm-good"><b class="fm-mark" aria-hidden="true">✓</b> {esc(say("data.profile.tokens.fit", lang, limit=found["limit"]))}</p>'
    cut = say("data.profile.tokens.cut", lang, limit=found["limit"], over=_share(found["over"]), lost=_share(found["lost"]))
    return f'{_line(about)}<p class="fm-attention"><b class="fm-mark" aria-hidden="true">!</b> {esc(cut)}</p>'


def labels_figure(found: Facts, lang: str) -> dict:
    """How many rows each answer has, the most common on top."""
    shown = dict(list(found["counts"].items())[:MOST_BARS])
    if rest := found["distinct"] - len(shown):
        shown[say("data.labels.rest", lang, count=rest)] = sum(found["counts"].values()) + found["other"] - sum(shown.values())
    # numbered places with the names as tick text: names that differ only in their cut ends stay apart
    names = [plain(name if len(name) <= 24 else name[:23] + "…") for name in shown]
    places = list(range(len(shown)))
    bars = {
        "type": "bar", "orientation": "h", "y": places, "x": list(shown.values()), "customdata": names,
        "hovertemplate": "%{customdata}: %{x:,}<extra></extra>", "marker": {"color": BAR},
    }  # fmt: skip
    axis = {"tickvals": places, "ticktext": names, "autorange": "reversed", "automargin": True}
    across = say("data.labels.x", lang)
    return {
        "title": say("data.labels", lang), "data": [bars], "height": max(HEIGHT, 70 + 20 * len(shown)),
        "layout": {"yaxis": axis, "bargap": 0.25, "showlegend": False, "xaxis": {"title": {"text": across}}},
        "table": [[say("data.role.label", lang), across], *([name, f"{count:,}"] for name, count in shown.items())],
    }  # fmt: skip


def labels_line(found: Facts, lang: str) -> str:
    """What always guessing the most common answer would get right, and how many rows have none."""
    first, most = next(iter(found["counts"].items()))
    total = sum(found["counts"].values()) + found["other"]
    line = say("data.labels.line", lang, count=found["distinct"], label=first[:40], share=most / total)
    return _line(line + (" " + say("data.profile.labels.missing", lang, rows=found["missing"]) if found["missing"] else ""))
