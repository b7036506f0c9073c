"""Dates as people write them, in English and Chinese."""

import re
from collections.abc import Sequence

import numpy as np

MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
CLOCK = r"([T\s,]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([ap]m)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
SHAPES = re.compile(
    rf"(\d{{4}}[-/.]\d{{1,2}}([-/.]\d{{1,2}})?|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}}|(\w{{3,9}},?\s+)?\d{{1,2}}(st|nd|rd|th)?[\s-]+{MONTH}[\s,-]+\d{{4}}"
    rf"|{MONTH}\s+\d{{1,2}}(st|nd|rd|th)?,?\s+\d{{4}}|{MONTH}\s+\d{{4}}){CLOCK}",
    re.IGNORECASE,
)
YEAR = re.compile(r"(1[5-9]|20)\d\d(\.0)?")
COMPACT = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
SECONDS = re.compile(r"[12]\d{9}(\d{3})?([.]\d+)?")  # since 1970, or milliseconds: 2001 to 2033 and around
EPOCH = np.datetime64("1970-01-01T00:00:00")


def read_dates(cells: Sequence[str], numbers: bool = True) -> np.ndarray:
    """What each cell says of a moment: datetime64[s] of [cells], in UTC where a zone is given; NaT where it is no date.

    Reads "2024-03-05 12:30", "5 Mar 2024", "March 5, 2024", "2024年3月5日", "05/03/2024" (month first unless only day first
    fits); with ``numbers`` also bare years ("2024"), "20240305" and seconds or milliseconds since 1970.
    """
    import pandas as pd

    found = np.full(len(cells), "NaT", "datetime64[s]")
    plain = [re.sub(r"[年月]", "-", cell.replace("日", " ")).strip(" -") for cell in cells]
    shaped = [at for at, cell in enumerate(plain) if SHAPES.fullmatch(cell)]
    if shaped:
        words = pd.Series([plain[at] for at in shaped], dtype="object")
        times = pd.to_datetime(words, errors="coerce", utc=True, format="mixed")
        found[shaped] = times.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    for at, cell in enumerate(plain) if numbers else ():
        if YEAR.fullmatch(cell):
            found[at] = np.datetime64(cell[:4], "s")
        elif COMPACT.fullmatch(cell):
            found[at] = _day(cell)
        elif SECONDS.fullmatch(cell):
            count = int(cell.split(".")[0])
            found[at] = EPOCH + np.timedelta64(count if count < 10**10 else count // 1_000, "s")
    return found


def _day(cell: str) -> np.datetime64:
    try:
        return np.datetime64(f"{cell[:4]}-{cell[4:6]}-{cell[6:]}", "s")
    except ValueError:  # 30 February
        return np.datetime64("NaT")
