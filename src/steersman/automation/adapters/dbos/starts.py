"""Starts that are due, kept on disk until they are queued: while somebody else leads, and while the server is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import Cause
from steersman.automation.model.schedule import PUNCTUAL_NS
from steersman.kernel.errors import Unavailable
from steersman.kernel.whole_file import write_whole

_log = logging.getLogger(__name__)
_KEPT = 1000


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What `Engine.begin` was called with."""

    cause: Cause
    roots: tuple[str, ...]
    at: int
    key: str


def still_wanted(kept: Sequence[Start], manifest: Manifest, now: int) -> list[Start]:
    """Return what becomes of starts that had to wait, in order: of each schedule what its `catchup` says.

    `all` keeps every start, `latest` the last one, `none` the last one if it is at most two minutes late. Starts by an
    event all stay. A start of several automations goes on with those that want it.
    """
    last = {name: start.at for start in sorted(kept, key=lambda s: s.at) for name in start.roots if scheduled(start)}

    def wants(name: str, start: Start) -> bool:
        automation = manifest.get(name)
        if automation is None or not scheduled(start) or automation.catchup == "all":
            return automation is not None
        punctual = now - start.at <= PUNCTUAL_NS
        return start.at == last[name] and (automation.catchup == "latest" or punctual)

    reduced = [msgspec.structs.replace(s, roots=tuple(n for n in s.roots if wants(n, s))) for s in kept]
    return [start for start in reduced if start.roots]


def scheduled(start: Start) -> bool:
    return start.cause == "schedule"


class Starts:
    """Starts in the order they came, at most 1000. May be called from any thread.

    A desk that does not lead keeps them too: when it comes to lead it queues them once more. Where the leader before
    has queued them that changes nothing (a start has one id); where it died before it could, nothing is lost.
    """

    def __init__(self, path: Path) -> None:
        """Keep them in the file at `path`, and begin with what is there."""
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[Start, None] = {}

    def load(self) -> None:
        """Take in what the process before could not queue."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=list[Start])
        except (FileNotFoundError, msgspec.DecodeError):
            return  # written whole or not at all; without it nothing had to wait
        with self._lock:
            self._kept = dict.fromkeys([*found, *self._kept])

    def add(self, start: Start, *, another_leads: bool = False) -> None:
        """Keep a start; it is on disk when this returns, unless the disk refuses, which is logged.

        Where `another_leads`, who queues them all, the oldest make room.

        Raises:
            Unavailable: so many wait that this one finds no room; whoever asked for it asks again, or says that it is
                not made.
        """
        with self._lock:
            if len(self._kept) >= _KEPT and start not in self._kept:
                if not another_leads:
                    raise Unavailable(
                        f"{_KEPT:,} starts wait already to be queued in the engine's database",
                        fix="see that the database answers: steersman auto engine status",
                    )
                del self._kept[next(iter(self._kept))]
            self._kept[start] = None
            self._save()

    def hand_to(
        self,
        begin: Callable[[Start], None],
        manifest: Manifest,
        now: int,
        *,
        drop: Callable[[dict[str, list[int]]], None] = lambda _: None,
    ) -> None:
        """Call `begin` with each that is still wanted and forget them all; if it raises, all of them stay.

        `drop` is told which starts (ns) of each schedule are not made up for; another leader may have queued them.
        """
        with self._lock:
            kept = list(self._kept)
        wanted = still_wanted(kept, manifest, now)
        for start in wanted:
            begin(start)
        begun = {(name, start.at) for start in wanted for name in start.roots}
        dropped: dict[str, list[int]] = {}
        asked = {(name, start.at) for start in kept if scheduled(start) for name in start.roots if name in manifest}
        for name, at in sorted(asked - begun):
            dropped.setdefault(name, []).append(at)
        if dropped:
            drop(dropped)
        if kept:
            with self._lock:
                for start in kept:
                    self._kept.pop(start, None)
                self._save()

    def _save(self) -> None:
        try:
            write_whole(self._path, msgspec.json.encode(list(self._kept)))
        except OSError as exc:
            _log.warning("starts are kept in memory only: %s: %s", self._path, exc.strerror)
