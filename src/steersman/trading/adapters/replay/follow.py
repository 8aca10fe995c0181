"""Files of bars that grow while the desk runs: what stands in them is history, what is appended is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import Clock
from steersman.kernel.durations import seconds
from steersman.trading.adapters.replay.feed import ReplayFeed
from steersman.trading.adapters.replay.rows import Line, lines
from steersman.trading.model.instrument import Instrument
from steersman.trading.ports import BadBar, Session
from steersman.trading.settings import FeedSettings

_REMEMBERED: Final = 1000


class FollowFeed(ReplayFeed):
    """A feed of now over files that somebody appends to. A file that changed is read again from its beginning.

    Bars of one instant are decided on together: when every instrument has one as late or later, or `wait` after the
    first of them came. One that comes after that is refused by name and not traded on.
    """

    live = True

    def __init__(
        self, *, settings: FeedSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock
    ) -> None:
        super().__init__(settings=settings, instruments=instruments, root=root)
        self.name = "follow"
        self._clock = clock
        self._wait_ns = round(seconds(settings.wait) * 1e9)
        self._first_seen: dict[int, int] = {}
        self._given: dict[int, frozenset[str]] = {}
        self._refused: list[BadBar] = []
        self._until = 0

    def sessions(self) -> Iterator[Session | None]:
        """Yield what stands in the files, then what comes; None when there is nothing new (trading.ports.Feed)."""
        self._until, looked = 0, None
        while True:
            now = self._looks()
            if now != looked or self._first_seen:
                looked = now
                yield from self._new()
            yield None

    def total(self) -> int | None:
        return None

    def _looks(self) -> tuple[tuple[int, int], ...]:
        """Return what tells that a file changed."""
        found = []
        for path in self._paths.values():
            stat = path.stat() if path.is_file() else None
            found.append((0, 0) if stat is None else (stat.st_size, stat.st_mtime_ns))
        return tuple(found)

    def _new(self) -> Iterator[Session]:
        """Yield the sessions that are ready and were not given yet."""
        read = [session for session in super().sessions() if session is not None]
        last: dict[str, int] = {bar.instrument: session.at for session in read for bar in session.bars}
        for session in read:
            if session.at <= self._until:
                self._refused += self._late(session)
                continue
            if not self._is_ready(session.at, last):
                break
            self._first_seen.pop(session.at, None)
            self._until = session.at
            self._remember(session)
            refused, self._refused = self._refused, []
            yield msgspec.structs.replace(session, bad=(*session.bad, *refused)) if refused else session

    def _is_ready(self, at: int, last: Mapping[str, int]) -> bool:
        if all(last.get(name, 0) >= at for name in self._paths):
            return True
        now = self._clock.elapsed_ns()
        return now - self._first_seen.setdefault(at, now) >= self._wait_ns

    def _remember(self, session: Session) -> None:
        self._given[session.at] = frozenset(bar.instrument for bar in session.bars)
        if len(self._given) > _REMEMBERED:
            del self._given[next(iter(self._given))]

    def _late(self, session: Session) -> Iterator[BadBar]:
        """Yield the bars of an instant that were not there when it was decided; each is told once."""
        given = self._given.get(session.at)
        if given is None:
            return
        for bar in session.bars:
            if bar.instrument not in given:
                found = f"{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}"
                reason = "came after its instant was decided"
                place = f"{self._paths[bar.instrument].name}@{session.at}"
                yield BadBar(instrument=bar.instrument, reason=reason, found=found, place=place)
        self._given[session.at] = given | {bar.instrument for bar in session.bars}

    def _lines(self, path: Path) -> Iterator[Line]:
        """Yield the rows of a file, without a last line that is still being written."""
        if path.suffix != ".csv" or not path.is_file() or _ends_with_line(path):
            yield from lines(path)
            return
        for line, _ in pairwise(lines(path)):
            yield line


def _ends_with_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, 2)
        if not file.tell():
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def create_follow(
    *, settings: FeedSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock
) -> FollowFeed:
    """Return the feed of `[feed.NAME]` with `kind = "follow"` over the workspace at `root`."""
    return FollowFeed(settings=settings, instruments=instruments, root=root, clock=clock)
