"""`fm-gui preflight`: what a run would take, measured by real steps, without starting it."""

from typing import TYPE_CHECKING

import typer

from fm_gui.cli.base import LANG, duration, put, put_json, put_note, tell
from fm_gui.errors import UserError

if TYPE_CHECKING:
    from fm_gui.config import RunConfig
    from fm_gui.preflight import Preflight
    from fm_gui.workspace import Workspace


def measured(space: "Workspace", config: "RunConfig") -> "Preflight":
    """Measure, telling on stderr what is being done."""
    from fm_gui import preflight

    told: list[str] = []

    def progress(share: float, key: str) -> None:
        if key not in told:
            told.append(key)
            put_note(f"{tell(key)} ...")

    return preflight.measure(space, config, progress)


def start_if_it_fits(space: "Workspace", config: "RunConfig") -> None:
    """Measure and tell what was found, beside the result. Raises UserError if the run will not fit."""
    result = measured(space, config)
    for line in lines(result):
        put_note(line)
    if not result.fits:
        raise UserError("preflight-not")


def put_preflight(space: "Workspace", result: "Preflight", as_json: bool) -> None:
    """What was measured; exit code 1 if the run will not fit."""
    from fm_gui import preflight, preflight_words

    hits = preflight.hit_rate(space)
    if as_json:
        told = [one.model_dump() | {"sentence": tell(one.code, **one.values)} for one in result.advice]
        put_json(result.model_dump() | {"advice": told, "hits": hits})
    else:
        for line in lines(result):
            put(line)
        if sentence := preflight_words.hits(hits, LANG):
            put_note(sentence)
    if not result.fits:
        raise typer.Exit(1)


def lines(result: "Preflight") -> list[str]:
    """Whether it fits, time, memory and disk, what they are made of, and what to change, each with the words that change it."""
    from fm_gui import preflight_words
    from fm_gui.machine import size

    told = [preflight_words.verdict(result, LANG)]
    if result.seconds:
        low, mid, high = (duration(seconds) for seconds in (result.seconds.low, result.seconds.mid, result.seconds.high))
        told.append(tell("cli.preflight.time", low=low, mid=mid, high=high))
    told.append(tell("cli.preflight.memory", peak=preflight_words.peak(result, LANG), available=size(result.available_memory)))
    told.append(tell("cli.preflight.disk", needed=size(result.disk_needed), free=size(result.disk_free)))
    told += preflight_words.notes(result, LANG)
    if result.advice:
        told.append(tell("preflight.do-this"))
    for one in result.advice:
        change = "".join(f"  --set {name}={value}" for name, value in one.settings.items())
        told.append(f"  {tell(one.code, **one.values)}{change}")
    return told
