"""How the page looks before and beside Gradio's components: theme, the scripts and words the browser needs at once.

Gradio adds its own ``head`` only after it has chosen a language and painted; so :class:`PageHead` puts ours into the
HTML itself, where it runs first: no flash of the wrong tab, theme or language.
"""

import inspect
import json
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import plotly
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fm_gui.text import LANGUAGES, table

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
SCRIPTS = ("app.js", "access.js", "strip.js", "charts.js", "watch.js", "queue.js", "bin.js", "label.js")
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
# the words that scripts look up themselves; all others come ready from the server
_PREFIXES = ("page.", "strip.", "chart.", "watch.js.", "demo.", "term.")

_FONTS = [
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "WenQuanYi Micro Hei",
    "sans-serif",
]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "monospace"]
# Gradio's variable -> our token
_TOKENS = {
    "body_background_fill": "bg",
    "body_text_color": "text",
    "body_text_color_subdued": "muted",
    "background_fill_primary": "card",
    "background_fill_secondary": "bg",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "color_accent": "accent",
    "color_accent_soft": "accent-soft",
    "block_background_fill": "card",
    "block_border_color": "line",
    "block_label_background_fill": "card",
    "block_label_text_color": "muted",
    "block_title_text_color": "text",
    "block_info_text_color": "muted",
    "panel_background_fill": "card",
    "panel_border_color": "line",
    "input_background_fill": "field",
    "input_border_color": "line-strong",
    "input_border_color_focus": "accent",
    "input_placeholder_color": "muted",
    "button_primary_background_fill": "accent-fill",
    "button_primary_background_fill_hover": "accent-hover",
    "button_primary_text_color": "on-accent",
    "button_primary_border_color": "accent-fill",
    "button_secondary_background_fill": "field",
    "button_secondary_background_fill_hover": "accent-soft",
    "button_secondary_text_color": "text",
    "button_secondary_border_color": "line-strong",
    "button_cancel_background_fill": "field",
    "button_cancel_background_fill_hover": "bad-soft",
    "button_cancel_text_color": "bad",
    "button_cancel_border_color": "bad",
    "checkbox_background_color": "field",
    "checkbox_background_color_selected": "accent-fill",
    "checkbox_border_color": "line-strong",
    "checkbox_label_background_fill": "field",
    "checkbox_label_text_color": "text",
    "slider_color": "accent-fill",
    "loader_color": "accent",
    "link_text_color": "accent",
    "link_text_color_hover": "accent",
    "link_text_color_visited": "accent",
    "link_text_color_active": "accent",
    "table_even_background_fill": "card",
    "table_odd_background_fill": "card",
    "table_border_color": "line",
    "table_row_focus": "accent-soft",
    "error_background_fill": "card",
    "error_border_color": "bad",
    "error_text_color": "bad",
    "code_background_fill": "field",
}


def theme() -> gr.themes.Base:
    """Gradio's variables set from our tokens (top of assets/style.css), so that both obey one palette."""
    base = gr.themes.Base(
        font=_FONTS,
        font_mono=_MONO,
        text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.Size(xxs="4px", xs="4px", sm="6px", md="6px", lg="8px", xl="8px", xxl="8px"),
    )
    values = {name: f"var(--fm-{token})" for name, token in _TOKENS.items()}
    # the tokens themselves know dark and light, so a variable's dark form is the same; some have none
    settable = inspect.signature(base.set).parameters
    values |= {f"{name}_dark": value for name, value in values.items() if f"{name}_dark" in settable}
    return base.set(
        **values,
        block_shadow="none",
        block_shadow_dark="none",
        shadow_drop="none",
        shadow_drop_lg="none",
        input_shadow="none",
        button_primary_shadow="none",
        button_secondary_shadow="none",
        block_border_width="1px",
        block_border_width_dark="1px",
        block_label_border_width="0px",
        block_label_border_width_dark="0px",
        input_border_width="1px",
        input_border_width_dark="1px",
        block_label_text_size="*text_sm",
        block_title_text_size="*text_sm",
        block_title_text_weight="600",
        block_padding="12px",
        layout_gap="12px",
        button_transition="none",
    )


def static_files() -> list[Path]:
    """Files the browser may fetch by name: listed one by one, since all in them is readable by anyone."""
    return [PLOTLY]


def head(notice: dict | None = None) -> str:
    """The script and words put into the page's HTML; with ``notice`` (visitors_web.notice) the line above a demo's page."""
    words = {lang: {key: pair[index] for key, pair in table().items() if key.startswith(_PREFIXES)} for index, lang in enumerate(LANGUAGES)}
    page = {"demo": notice, "logo": (ASSETS / "logo.svg").read_text(encoding="utf-8"), "words": words, "plotly": "gradio_api/file=" + quote(PLOTLY.as_posix())}
    # "<" is written so that no word can end the script element
    data = json.dumps(page, ensure_ascii=False).replace("<", "\\u003c")
    scripts = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    tokens, _, _ = (ASSETS / "style.css").read_text(encoding="utf-8").partition("/* page frame")
    first = (ASSETS / "first.css").read_text(encoding="utf-8")
    return f"<style>\n{tokens}{first}</style>\n<script>window.FM_PAGE = {data};\n{scripts}\n</script>"


class PageHead:
    """Puts ``head`` before ``</head>`` of every HTML page that goes out."""

    def __init__(self, app: ASGIApp, head: str):
        self.app, self.head = app, head.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self.app(scope, receive, send)
        start: list[Message] = []  # the held back start of an HTML answer
        parts: list[bytes] = []

        async def rewriting(message: Message) -> None:
            if message["type"] == "http.response.start" and dict(message["headers"]).get(b"content-type", b"").startswith(b"text/html"):
                start.append(message)
            elif start and message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    body = b"".join(parts).replace(b"</head>", self.head + b"</head>", 1)
                    kept = [(name, value) for name, value in start[0]["headers"] if name not in (b"content-length", b"etag")]
                    await send({**start[0], "headers": [*kept, (b"content-length", str(len(body)).encode())]})
                    await send({"type": "http.response.body", "body": body})
            else:
                await send(message)

        await self.app(scope, receive, rewriting)
