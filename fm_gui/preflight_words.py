"""What a preflight found, in sentences: for the page and the terminal."""

from fm_gui.machine import size
from fm_gui.preflight import Preflight
from fm_gui.text import say
from fm_gui.times import duration, fine


def verdict(result: Preflight, lang: str) -> str:
    return say("preflight.fits" if result.fits else "preflight.fits-not", lang)


def peak(result: Preflight, lang: str) -> str:
    """The peak of memory; where it ran out only that it is more than there is."""
    return size(result.peak_memory) if result.peak_memory else say("preflight.memory.out", lang)


def notes(result: Preflight, lang: str) -> list[str]:
    """What stands below the figures: what the time is made of, one checkpoint, compiling, who else was at work."""
    told = []
    if result.seconds:
        check, evaluation = fine(result.seconds_per_check, lang), fine(result.evaluation_seconds, lang)
        told.append(say("preflight.time.detail", lang, steps=result.steps, step=fine(result.seconds_per_step, lang), check=check, evaluation=evaluation))
    told.append(say("preflight.checkpoint", lang, checkpoint=size(result.checkpoint_bytes)))
    if result.compile is not None:
        gain = duration(result.compile_gain, lang)
        told.append(say("preflight.compile.yes", lang, time=gain) if result.compile else say("preflight.compile.no", lang))
    if result.others:
        told.append(say("preflight.others", lang, count=result.others))
    return told


def hits(rate: dict[str, int], lang: str) -> str:
    """How often earlier predictions here came true; "" before there is one."""
    return say("preflight.hits", lang, **rate) if rate["count"] else ""
