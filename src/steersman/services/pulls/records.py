"""What is remembered of each key: one small JSON file, replaced whole; one that cannot be read is as good as none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from steersman.services.ports import Frame, Receipt
from steersman.services.pulls.http_rules import HttpTerms

_LONGEST_WAIT_NS: Final = 3600 * 1_000_000_000
_DAY_NS: Final = 86_400 * 1_000_000_000
_KEPT_NS: Final = 60 * _DAY_NS
_KEPT_WITHOUT_DATA_NS: Final = 2 * _DAY_NS
Family = Literal["", "Unavailable", "Rejected"]


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What the system says of a file: any write, and any change of its mode or name, moves `changed_ns`, and no program
    can set that back."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    boot: str


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """How the latest flight failed; the same for everybody who waited for it.

    Attributes:
        failures: flights in a row that failed. `retry_at`: ns; nobody asks before. `told`: by upstream itself.
    """

    failures: int
    problem: str
    fix: str
    family: Family
    retry_at: int
    told: bool

    def holds(self, now_ns: int) -> bool:
        """Say whether upstream is left alone now. An end further ahead than any pause is from before the clock was set
        back: nobody knows how long ago that was."""
        return now_ns < self.retry_at <= now_ns + _LONGEST_WAIT_NS


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    Attributes:
        path: the data's file; empty: none. `stamp` as it was when written and checked.
        body_hash: sha256 of what came, before it became a table: the same again is not checked again.
        checked_at: ns since 1970 UTC when upstream last said so; None: never.
        flight: how many flights ended; `flight_began_at` (ns) of the latest.
        waiters: how many had queued up by the end of the latest flight, since the beginning.
        shared: names the latest flight of any machine that is known of here; empty: none, or we share nothing.
    """

    key: str
    pull: str
    source: str
    path: str = ""
    frame: Frame = "arrow"
    stamp: Stamp | None = None
    receipt: Receipt | None = None
    body_hash: str = ""
    headers: dict[str, str] = {}
    http: HttpTerms | None = None
    checked_at: int | None = None
    flight: int = 0
    flight_began_at: int = 0
    waiters: int = 0
    trouble: Trouble | None = None
    shared: str = ""

    def age_s(self, now_ns: int) -> float | None:
        """Return how old the data is; None without any."""
        if not self.path or self.checked_at is None:
            return None
        return (now_ns - self.checked_at) / 1e9 + (self.http.age_s if self.http else 0.0)


class Records:
    """The records of one workspace, below `folder`. Written only under the lock of the key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> Record | None:
        """Return what is remembered of `key`."""
        return self._read(self._path(key))

    def store(self, record: Record) -> None:
        """Replace what is remembered. After a power cut it may be gone: then the data is pulled again."""
        path = self._path(record.key)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One name for all processes: the lock of the key is held, and a killed one leaves nothing for ever.
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(msgspec.json.encode(record))
        temporary.replace(path)

    def all(self) -> Iterator[Record]:
        """Yield every record."""
        for path in sorted(self._folder.glob("*.json")):
            if (record := self._read(path)) is not None:
                yield record

    def queue(self, key: str) -> None:
        """Note that one more waits for the flight of `key`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._queue(key), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b".")
        finally:
            os.close(descriptor)

    def queued(self, key: str) -> int:
        """Return how many have waited for flights of `key` since the beginning."""
        with contextlib.suppress(FileNotFoundError):
            return self._queue(key).stat().st_size
        return 0

    def keys(self) -> list[str]:
        """Return the keys of all records."""
        return [path.stem for path in self._folder.glob("*.json")]

    def is_old(self, key: str, now_ns: int) -> bool:
        """Say whether nobody has written the record for 60 days, or for two if its data is gone."""
        try:
            age_ns = now_ns - self._path(key).stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if age_ns <= _KEPT_WITHOUT_DATA_NS:
            return False
        record = self.load(key)
        return age_ns > _KEPT_NS or record is None or not record.path or not Path(record.path).exists()

    def remove(self, key: str) -> None:
        """Forget everything about `key`. Call with its lock held."""
        for path in (self._path(key), self._queue(key), self._path(key).with_suffix(".tmp")):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _queue(self, key: str) -> Path:
        return self._folder / f"{key}.queue"

    def _read(self, path: Path) -> Record | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
