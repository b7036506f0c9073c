"""Kinds (tasks/base.py) as components: what asks for one, what shows one. A new kind is one entry in the tables here."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fm_gui.errors import UserError
from fm_gui.tasks import Kind
from fm_gui.text import say
from fm_gui.ui.bind import word
from fm_gui.ui.view import esc

SHOWN = 8  # labels listed before the rest is folded
MASK = "[MASK]"
# the selected characters, else the word (of Chinese: the character) at the cursor, else the last one, becomes [MASK]
HIDE_WORD = r"""(text) => {
  const box = document.querySelector('#try-input textarea');
  const part = /[\p{Script=Han}]|[\p{L}\p{N}'’-]+/gu;
  let from = box.selectionStart, to = box.selectionEnd;
  if (from === to) {
    const words = [...text.replace(/\[MASK\]/g, '      ').matchAll(part)];
    const word = words.find(w => w.index <= from && from <= w.index + w[0].length && from < text.length) || words[words.length - 1];
    if (!word) return text;
    from = word.index; to = from + word[0].length;
  }
  return text.slice(0, from) + '[MASK]' + text.slice(to);
}"""


@dataclass(frozen=True)
class Input:
    """How a kind is asked for: its component, what is wrong with a value (a UserError), and a held-out value as example."""

    make: Callable[[str], gr.components.Component]
    check: Callable[[Any], None]
    example: Callable[[str], tuple[str, str]]  # a held-out text -> (what to fill in, what is really there; "" if not told)


@dataclass(frozen=True)
class Output:
    """How a kind is shown: its component, its value for one answer, and the answer in a few words."""

    make: Callable[[str], gr.components.Component]
    show: Callable[[Any, dict, str], Any]  # (output of predict, inputs, language) -> the component's value
    brief: Callable[[Any], str]


def input_for(kind: Kind, elem_id: str) -> gr.components.Component:
    """The component that asks for ``kind``, made here and now."""
    return INPUTS[kind].make(elem_id)


def output_for(kind: Kind, elem_id: str) -> gr.components.Component:
    """The component that shows ``kind``, made here and now."""
    return OUTPUTS[kind].make(elem_id)


# -- inputs


def _box(lines: int, placeholder: str) -> Callable[[str], gr.Textbox]:
    def make(elem_id: str) -> gr.Textbox:
        return gr.Textbox(lines=lines, max_lines=12, label=word(f"{placeholder}.label"), placeholder=word(placeholder), elem_id=elem_id, interactive=True)

    return make


def _masked_box(elem_id: str) -> gr.Textbox:
    box = _box(3, "try.input.masked")(elem_id)
    with gr.Row(elem_classes="try-mask"):
        gr.Markdown(word("try.mask.help"), elem_classes="fm-muted")
        hide = gr.Button(word("try.mask"), size="sm", scale=0, min_width=120, elem_id=f"{elem_id}-mask")
    hide.click(None, [box], [box], js=HIDE_WORD, api_visibility="private")
    return box


def _filled(value: Any) -> None:
    if not str(value or "").strip():
        raise UserError("try-empty")


def _has_mask(value: Any) -> None:
    _filled(value)
    if MASK not in value:
        raise UserError("try-no-mask")


def _as_it_is(text: str) -> tuple[str, str]:
    return text[:2000], ""


def _beginning(text: str) -> tuple[str, str]:
    """The first words as a prompt, and how the text really goes on."""
    cut = min(len(text) // 2, 60)
    space = text.find(" ", cut)
    cut = space if 0 <= space < cut + 20 else cut  # Chinese has no spaces to cut at
    return text[:cut], text[cut : cut + 200]


def _with_gap(text: str) -> tuple[str, str]:
    """The first sentences with their longest word hidden (of Chinese: one character), and that word."""
    text = text[:240]
    words = list(re.finditer(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+", text))
    if not words:
        return text, ""
    gap = max(words[len(words) // 3 :], key=lambda found: len(found[0]))
    return text[: gap.start()] + MASK + text[gap.end() :], gap[0]


# -- outputs


def _html(elem_id: str) -> gr.HTML:
    return gr.HTML(elem_id=elem_id, elem_classes="try-answer")


def _growing(elem_id: str) -> gr.Textbox:
    return gr.Textbox(lines=8, max_lines=24, show_label=False, label=word("try.written"), interactive=False, container=False, autoscroll=True,
                      elem_id=elem_id, elem_classes="try-stream")


def percent(share: float) -> str:
    """A probability as a person reads it: 97 %, 0.4 %, never a false 0 or 100."""
    if 0.0995 <= share < 0.995:
        return f"{share:.0%}"
    return ">99.9%" if share > 0.999 else "<0.1%" if share < 0.001 else f"{share:.1%}"


def _bars(output: dict, inputs: dict, lang: str) -> str:
    """Labels with their probability, likeliest first; the first stands out by weight and mark, not by colour alone."""
    rows = [
        f'<li class="{"try-first" if number == 0 else ""}"><span class="try-name" dir="auto">{esc(label)}</span>'
        f'<span class="try-bar"><i style="width:{max(share, 0.004) * 100:.2f}%"></i></span><span class="try-share">{percent(share)}</span></li>'
        for number, (label, share) in enumerate(output["scores"].items())
    ]
    rest = rows[SHOWN:]
    more = f"<details><summary>{say('try.more', lang, count=len(rest))}</summary><ol>{''.join(rest)}</ol></details>" if rest else ""
    return f'<div class="try-labels"><ol>{"".join(rows[:SHOWN])}</ol>{more}</div>'


def piece(token: str) -> str:
    """A token as read: byte-level and sentence-piece marks of a blank, and WordPiece's ##, are not shown."""
    return token.replace("Ġ", " ").replace("▁", " ").removeprefix("##").strip() or "␣"


def _candidates(output: list, inputs: dict, lang: str) -> str:
    """The sentence with its gaps filled by the likeliest, then for each gap the candidates as chips."""
    text = next(iter(inputs.values()))
    parts = text.split(MASK)
    filled = [f"<mark>{esc(piece(gap[0][0]))}</mark>" for gap in output] + [f"<mark>{MASK}</mark>"] * (len(parts) - 1 - len(output))
    sentence = "".join(esc(part) + gap for part, gap in zip(parts, [*filled, ""]))
    chips = []
    for number, gap in enumerate(output, start=1):
        title = f"<h4>{say('try.gap', lang, number=number)}</h4>" if len(output) > 1 else ""
        items = "".join(f"<li><b>{esc(piece(token))}</b> <span>{percent(share)}</span></li>" for token, share in gap)
        chips.append(f'{title}<ol class="try-chips">{items}</ol>')
    return f'<div class="try-filled"><p dir="auto">{sentence}</p>{"".join(chips)}</div>'


def _brief_label(output: dict) -> str:
    return f"{output['label']} {percent(output['scores'][output['label']])}"


def _brief_candidates(output: list) -> str:
    return " · ".join(piece(gap[0][0]) for gap in output)


INPUTS: dict[Kind, Input] = {
    Kind.TEXT: Input(_box(4, "try.input.text"), _filled, _as_it_is),
    Kind.PROMPT: Input(_box(4, "try.input.prompt"), lambda value: None, _beginning),
    Kind.MASKED: Input(_masked_box, _has_mask, _with_gap),
}
OUTPUTS: dict[Kind, Output] = {
    Kind.LABEL: Output(_html, _bars, _brief_label),
    Kind.CANDIDATES: Output(_html, _candidates, _brief_candidates),
    Kind.STREAM: Output(_growing, lambda output, inputs, lang: output, lambda output: output[-80:]),
}
