"""The points of a run's curves, kept small and grown by what its metrics.jsonl gained: what the live charts are drawn from.

Each curve is held as at most ``MOST`` points: all of them while they are few, then the smallest and largest of ever longer
groups, so that no spike is lost. Asked again, only new points travel. A file cut by a resume is noticed and read anew.
"""

import base64
import os
import secrets
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson

MOST = 2_000
_CHUNK = 400_000  # bytes parsed at once: under 10 ms
_FINGERPRINT = 64  # bytes before the offset that must still be there
_NOT_CURVES = ("step", "epoch", "seconds")


class Curve:
    """One key's points in order, thinned to smallest and largest of each ``group`` once there are more than MOST."""

    def __init__(self):
        self.group = 1
        self.kept = np.empty((0, 2))  # step, value
        self.open = np.empty((0, 2))  # not yet a whole group
        self.last: tuple[int, float] | None = None

    def add(self, points: np.ndarray) -> bool:
        """Take new points (n, 2). True if what was kept before has been thinned further."""
        self.last = (int(points[-1, 0]), float(points[-1, 1]))
        self.open = np.concatenate([self.open, points])
        whole = len(self.open) - len(self.open) % self.group
        self.kept = np.concatenate([self.kept, _extremes(self.open[:whole], self.group)])
        self.open = self.open[whole:]
        thinned = False
        while len(self.kept) > MOST:
            even = len(self.kept) - len(self.kept) % 4
            self.kept = np.concatenate([_extremes(self.kept[:even], 4), self.kept[even:]])
            self.group = 4 if self.group == 1 else self.group * 2
            thinned = True
        return thinned

    def since(self, count: int) -> dict[str, Any]:
        """The kept points from number ``count`` on, packed, and the newest point of all."""
        new = self.kept[count:]
        return {"x": _pack(new[:, 0], np.int32), "y": _pack(new[:, 1], np.float32), "n": len(self.kept), "last": self.last}


class Series:
    """All curves of one metrics.jsonl."""

    def __init__(self, path: Path):
        self.path = path
        self.lock = threading.Lock()
        self._start_over()

    def _start_over(self) -> None:
        self.curves: dict[str, Curve] = {}
        self.offset, self.before = 0, b""
        self.stamp = secrets.token_hex(4)  # another one: what a browser holds is no longer the beginning of this

    def update(self, deadline: float) -> bool:
        """Read what is new, at most until ``deadline`` (time.monotonic). False if more is left to read."""
        with open(self.path, "rb") as file:
            file.seek(self.offset - len(self.before))
            if os.fstat(file.fileno()).st_size < self.offset or file.read(len(self.before)) != self.before:
                self._start_over()
                file.seek(0)
            while True:
                text = file.read(_CHUNK)
                whole = text[: text.rfind(b"\n") + 1]
                if not whole:
                    return True
                self._take(whole)
                self.offset += len(whole)
                self.before = whole[-_FINGERPRINT:]
                if len(text) < _CHUNK:
                    return True
                file.seek(self.offset)
                if time.monotonic() > deadline:
                    return False

    def _take(self, lines: bytes) -> None:
        points = orjson.loads(b"[" + lines.rstrip().replace(b"\n", b",") + b"]")
        for key in dict.fromkeys(key for point in points for key in point if key not in _NOT_CURVES):
            having = [point for point in points if point.get(key) is not None]
            if not having:
                continue
            new = np.array([[point["step"] for point in having], [point[key] for point in having]], dtype=np.float64).T
            if self.curves.setdefault(key, Curve()).add(new):
                self.stamp = secrets.token_hex(4)

    def reply(self, cursor: dict[str, Any]) -> dict[str, Any]:
        """What a browser that holds ``cursor`` ({"stamp", "n": {key: count}}) lacks."""
        fresh = cursor.get("stamp") != self.stamp
        counts = {} if fresh else cursor.get("n", {})
        return {
            "stamp": self.stamp,
            "fresh": fresh,
            "curves": {key: curve.since(int(counts.get(key, 0))) for key, curve in self.curves.items()},
        }


@lru_cache(maxsize=32)
def _series(path: str, inode: int) -> Series:
    """One Series per file, shared by all who look; a replaced file is another file."""
    return Series(Path(path))


def poll(path: Path, cursor: dict[str, Any], deadline: float) -> dict[str, Any] | None:
    """The new points of one metrics.jsonl; None while there is more to read than the deadline allows."""
    try:
        series = _series(str(path), os.stat(path).st_ino)
        with series.lock:
            return series.reply(cursor) if series.update(deadline) else None
    except FileNotFoundError:
        return {"stamp": "", "fresh": True, "curves": {}}


def _extremes(points: np.ndarray, group: int) -> np.ndarray:
    """The lowest and the highest point of each ``group`` points, in order of time; ``len(points)`` is a multiple."""
    if group == 1 or not len(points):
        return points
    groups = points.reshape(-1, group, 2)
    rows = np.arange(len(groups))[:, None]
    ends = np.sort(np.stack([groups[:, :, 1].argmin(1), groups[:, :, 1].argmax(1)], axis=1), axis=1)
    return groups[rows, ends].reshape(-1, 2)


def _pack(values: np.ndarray, kind: type) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()
