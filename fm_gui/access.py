"""Who may use the page, and how much: people with hashed passwords, slowed-down guessing, upload quotas.

    access.json          [{"name", "password", "created", "quota", "hourly"}]: passwords only as scrypt hashes, salt and cost beside
    cache/uploads/       what came and what was made to be taken away, until nothing needs it any more (see ``clear``)
    cache/uploads.json   who uploaded what in the last hour, and what of it still lies there
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections import OrderedDict
from pathlib import Path

from pydantic import BaseModel, Field

from fm_gui.errors import UserError
from fm_gui.files import check_name, read_json, write_json

SHORTEST = 8  # characters of a password
KEPT = 24 * 3600.0  # seconds for which an upload waits for somebody to use it
_COST = (2**15, 8, 3)  # scrypt's n, r, p: 32 MB and about 0.2 s a guess (OWASP's advice of 2023)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def hash_password(password: str) -> str:
    """"scrypt$n$r$p$salt$hash" of ``password``, with a new salt."""
    salt = secrets.token_bytes(16)
    return "$".join(["scrypt", *map(str, _COST), salt.hex(), _scrypt(password, salt, *_COST).hex()])


def matches(password: str, hashed: str) -> bool:
    """True if ``hashed`` was made of ``password``; takes the same time either way."""
    _, n, r, p, salt, wanted = hashed.split("$")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p)), bytes.fromhex(wanted))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=32, maxmem=256 * n * r)


def bytes_of(size: str) -> int:
    """"500mb", "2 GB" or "1048576" as bytes; "" is 0, no limit. Raises UserError otherwise."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", size.strip().lower())
    if size.strip() and not found:
        raise UserError("quota-size", given=size[:40])
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


class Person(BaseModel):
    """One who may sign in. ``quota`` and ``hourly``: bytes of uploads kept and per hour; None takes the server's."""

    name: str
    password: str
    created: float = Field(default_factory=time.time)
    quota: int | None = None
    hourly: int | None = None


class People:
    """The people of a workspace, in access.json; and "fm", if a password was given at the start. Read anew when the file changes."""

    def __init__(self, root: Path, password: str = ""):
        if password and len(password) < SHORTEST:
            raise UserError("password-short", least=SHORTEST)
        self._file = Path(root) / "access.json"
        self._simple = [Person(name="fm", password=hash_password(password))] if password else []
        self._read: tuple[int, list[Person]] = (0, [])
        self._nobody = hash_password(secrets.token_hex())  # so that an unknown name takes as long as a known one

    def all(self) -> list[Person]:
        """Everybody, by name. Raises UserError if access.json is broken: nobody is let in by mistake."""
        try:
            changed = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return list(self._simple)
        if changed != self._read[0]:
            try:
                self._read = (changed, [Person(**one) for one in read_json(self._file)])
            except (ValueError, TypeError):
                raise UserError("access-broken", path=str(self._file)) from None
        written = {person.name: person for person in self._read[1]}
        return sorted(({person.name: person for person in self._simple} | written).values(), key=lambda person: person.name)

    def find(self, name: str) -> Person | None:
        return next((person for person in self.all() if person.name == name), None)

    def check(self, name: str, password: str) -> bool:
        """True for a known name with its password; takes about 0.2 s of one core, whatever the answer."""
        person = self.find(name)
        return matches(password, person.password if person else self._nobody) and person is not None

    def add(self, name: str, password: str, quota: int | None = None, hourly: int | None = None) -> Person:
        """Write down a person, or their new password. Raises UserError for a name or password that will not do."""
        if len(password) < SHORTEST:
            raise UserError("password-short", least=SHORTEST)
        person = Person(name=check_name(name), password=hash_password(password), quota=quota, hourly=hourly)
        self._write([one for one in self._kept() if one.name != name] + [person])
        return person

    def remove(self, name: str) -> None:
        """Raises UserError if there is no such person in access.json."""
        kept = self._kept()
        if name not in [person.name for person in kept]:
            raise UserError("person-unknown", name=name[:80], known=", ".join(person.name for person in kept) or "-")
        self._write([person for person in kept if person.name != name])

    def _kept(self) -> list[Person]:
        simple = {person.name: person for person in self._simple}
        return [person for person in self.all() if person is not simple.get(person.name)]

    def _write(self, people: list[Person]) -> None:
        write_json(self._file, [person.model_dump() for person in people])
        os.chmod(self._file, 0o600)


class Attempts:
    """How long to wait before the next guess: nothing for the first ``free``, then twice as long each time, at most ``longest`` s.

    Keys are names or addresses; the ``most`` last ones are remembered, for an hour after their last failure.
    """

    FORGET = 3600.0

    def __init__(self, free: int = 4, longest: float = 900.0, most: int = 10_000):
        self.free, self.longest, self.most = free, longest, most
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until ``key`` may try again."""
        count, last = self._failed.get(key, (0, 0.0))
        if now - last > max(self.FORGET, self.longest):
            return 0.0
        delay = min(self.longest, 2.0 ** (count - self.free)) if count >= self.free else 0.0
        return max(0.0, last + delay - now)

    def count(self, key: str, now: float) -> None:
        """One more guess: counted before it is checked, so that many at once do not all come for free."""
        count, last = self._failed.pop(key, (0, now))
        self._failed[key] = (1 if now - last > max(self.FORGET, self.longest) else count + 1, now)
        while len(self._failed) > self.most:
            self._failed.popitem(last=False)

    def forget(self, key: str) -> None:
        """The guess was right."""
        self._failed.pop(key, None)


class Rate:
    """At most ``per_second`` requests a key in the long run and ``burst`` at once; the ``most`` last keys are remembered."""

    def __init__(self, per_second: float, burst: float, most: int = 10_000):
        self.per_second, self.burst, self.most = per_second, burst, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Count one request; returns how many seconds it comes too early, 0 if it may pass."""
        left, last = self._left.pop(key, (self.burst, now))
        left = min(self.burst, left + (now - last) * self.per_second)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        while len(self._left) > self.most:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.per_second


class Ledger:
    """Who uploaded how much: bytes in the last hour, and bytes that still lie on disk. Kept in a file, so that a restart forgets nothing."""

    def __init__(self, file: Path):
        self._file = file
        self._entries: dict[str, list[list]] = {}  # who -> [[time, bytes, [paths]]]
        self._coming: dict[str, int] = {}  # bytes of uploads that are still under way
        self._came: dict[str, int] = {}  # bytes of those that are complete, since the start
        with contextlib.suppress(FileNotFoundError, ValueError):  # a cache: begun anew if it is broken
            self._entries = read_json(file)

    def used(self, who: str, now: float) -> tuple[int, int]:
        """(bytes on disk, bytes of the last hour), uploads under way included in both."""
        entries, coming = self._entries.get(who, []), self._coming.get(who, 0)
        kept = sum(size for _, size, paths in entries if any(Path(path).exists() for path in paths))
        return kept + coming, sum(size for at, size, _ in entries if now - at < 3600) + coming

    def coming(self, who: str, size: int) -> None:
        """``size`` more bytes are under way; negative when they have come, or will not."""
        self._coming[who] = self._coming.get(who, 0) + size
        if self._coming[who] <= 0:
            del self._coming[who]

    def spent(self, who: str) -> int:
        """Bytes of uploads since the start, those under way too: what it grows by is what came meanwhile, at however many requests."""
        return self._came.get(who, 0) + self._coming.get(who, 0)

    def add(self, who: str, size: int, paths: list[str], now: float) -> None:
        """An upload is complete."""
        self._came[who] = self._came.get(who, 0) + size
        self._entries.setdefault(who, []).append([now, size, paths])
        fresh = {
            one: [entry for entry in entries if now - entry[0] < 3600 or any(Path(path).exists() for path in entry[2])]
            for one, entries in self._entries.items()
        }
        self._entries = {one: entries for one, entries in fresh.items() if entries}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._file, self._entries, sync=False)


def clear(uploads: Path, now: float) -> None:
    """Delete from the folder of uploads, and of files made to be taken away, what is old and no data set is linked to."""
    for at, folders, files in os.walk(uploads, topdown=False):
        for name in (*files, *folders):
            path = os.path.join(at, name)
            with contextlib.suppress(OSError):  # gone meanwhile, or a folder that is not empty
                found = os.lstat(path)
                if now - found.st_mtime < KEPT:
                    continue
                if name in folders:
                    os.rmdir(path)
                elif found.st_nlink < 2:
                    os.unlink(path)
