"""What a cell says: the turns of a chat, a list of tokens, or the text that it is."""

import json
from collections.abc import Callable
from typing import Any

from fm_gui.data.formats.chat import messages_of


def contents(cell: str) -> str:
    """The turns of a chat joined by line ends, a list of tokens by blanks, any other cell as it is."""
    value = _listed(cell)
    if value is None:
        return cell
    if (messages := messages_of(value)) is not None:
        return "\n".join(message["content"] for message in messages)
    return " ".join(value) if all(isinstance(token, str) for token in value) else cell


def with_contents(cell: str, convert: Callable[[str], str]) -> str:
    """``cell`` with ``convert`` done to what is said in each turn of a chat, who speaks left alone; a plain text is converted as a whole."""
    value = _listed(cell)
    if value is None or messages_of(value) is None:
        return convert(cell)
    new = [_turn(turn, convert) for turn in value]
    return cell if new == value else json.dumps(new, ensure_ascii=False)


def _turn(turn: dict[str, Any], convert: Callable[[str], str]) -> dict[str, Any]:
    key = "content" if "content" in turn else "value"
    said = turn.get(key)
    if isinstance(said, str):
        return turn | {key: convert(said)}
    if not isinstance(said, list):
        return turn  # it only calls a tool
    parts = [convert(part) if isinstance(part, str) else part | {"text": convert(part["text"])} if _is_text(part) else part for part in said]
    return turn | {key: parts}


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def _listed(cell: str) -> list | None:
    """The JSON list that ``cell`` is; None if it is none."""
    if not cell.startswith("["):
        return None
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
