"""Times as people say them."""

from fm_gui.text import say


def duration(seconds: float, lang: str) -> str:
    """ "12 s", "4 min 10 s", "2 h 5 min", "3 d 4 h"."""
    s = max(0, round(seconds))
    if s < 60:
        return say("time.seconds", lang, s=s)
    if s < 3600:
        return say("time.minutes", lang, m=s // 60, s=s % 60)
    if s < 86400:
        return say("time.hours", lang, h=s // 3600, m=s % 3600 // 60)
    return say("time.days", lang, d=s // 86400, h=s % 86400 // 3600)


def fine(seconds: float, lang: str) -> str:
    """As ``duration``, but "85 ms" and "1.4 s" where whole seconds would hide what there is."""
    if seconds < 0.9995:
        return say("time.milliseconds", lang, ms=max(0, round(1000 * seconds)))
    return say("time.seconds", lang, s=f"{seconds:.1f}") if seconds < 9.95 else duration(seconds, lang)
