"""What to change when a run will not fit: each piece of advice with the settings that follow it."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from fm_gui import machine
from fm_gui.config import RunConfig

if TYPE_CHECKING:
    from fm_gui.preflight import Preflight
    from fm_gui.workspace import Workspace

LIMITS = ("max_length", "context")  # the names under which tasks keep their longest text
SHORTEST = 16  # tokens: a text cut shorter says nothing


class Advice(BaseModel):
    """``code`` and ``values`` are a sentence; ``settings`` (as for --set) follow it, {} where only the person can."""

    code: str
    values: dict[str, Any] = {}
    settings: dict[str, Any] = {}


def advise(workspace: "Workspace", config: RunConfig, found: "Preflight", measured: dict[str, Any]) -> list[Advice]:
    """What would make it fit, the least painful first; nothing if it fits."""
    advice = []
    if found.disk_needed > found.disk_free:
        missing = machine.size(found.disk_needed - found.disk_free)
        advice.append(Advice(code="preflight.advice.disk", values={"missing": missing, "path": str(workspace.root)}))
    if found.memory_fits:
        return advice
    rows = _rows(config, found, measured)
    if rows:
        advice.append(Advice(code="preflight.advice.micro-batch", values={"rows": rows}, settings={"micro_batch_size": rows}))
    if not config.train.activation_checkpointing:
        advice.append(Advice(code="preflight.advice.activation-checkpointing", settings={"activation_checkpointing": True}))
    for name in LIMITS:
        shorter = (found.longest or config.options.get(name, 0)) // 2
        if name in config.options and shorter >= SHORTEST:
            advice.append(Advice(code="preflight.advice.shorter", values={"tokens": shorter}, settings={name: shorter}))
    return [*advice, *_smaller(config)]


def _rows(config: RunConfig, found: "Preflight", measured: dict[str, Any]) -> int:
    """The most rows of the longest batch that should fit at once (a power of two); 0 if fewer would not help."""
    now = measured.get("longest_rows", config.train.micro_batch_size or config.train.batch_size)
    if now <= 1:
        return 0
    fixed, moving = measured.get("fixed_memory", 0), 0
    if found.peak_memory:
        moving = found.peak_memory - fixed
        if fixed >= found.available_memory:
            return 0
    # where memory ran out nothing is known but that half is a fair try
    share = 0.85 * (found.available_memory - fixed) / moving if moving > 0 else 0.5
    most = max(1, min(now // 2, int(now * share)))
    return 1 << (most.bit_length() - 1)


def _smaller(config: RunConfig) -> list[Advice]:
    from fm_gui.models.catalog import get_architecture

    if config.model.start != "scratch":
        return [Advice(code="preflight.advice.smaller-start")]
    sizes = list(get_architecture(config.model.architecture).sizes)
    at = sizes.index(config.model.size)
    return [Advice(code="preflight.advice.smaller-size", values={"size": sizes[at - 1].upper()}, settings={"size": sizes[at - 1]})] if at else []
