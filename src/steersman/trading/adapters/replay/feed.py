"""Files of bars as sessions: merged by instant, with what could not be used and the gaps."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from steersman.kernel.clock import Clock
from steersman.trading.adapters.replay.receipts import Receipts, Validation
from steersman.trading.adapters.replay.rows import Line, Reading, lines, shown
from steersman.trading.model.bar import Bar
from steersman.trading.model.instrument import Instrument
from steersman.trading.ports import BadBar, Gap, Session
from steersman.trading.settings import PLACE, FeedSettings

_SATURDAY = 5


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """One row of one file at its instant: a bar, or why not; and the gap that ended with it."""

    at: int
    order: int
    bar: Bar | None = None
    bad: BadBar | None = None
    gap: Gap | None = None


def _refused(at: int, order: int, name: str, reason: str, row: Mapping[str, str], place: str) -> _Found:
    return _Found(at=at, order=order, bad=BadBar(instrument=name, reason=reason, found=shown(row), place=place))


def _opened(rows: Iterator[Line], validation: Validation) -> Iterator[Line]:
    """Yield `rows`; whether the file is still the one that was digested is asked when the first one is read."""
    for first in rows:
        validation.begun()
        yield first
        yield from rows


class ReplayFeed:
    """A feed over files; reads them again for each pass, one row of each at a time."""

    live = False

    def __init__(self, *, settings: FeedSettings, instruments: Mapping[str, Instrument], root: Path) -> None:
        self.name = "replay"
        self.source = settings.files
        self._settings = settings
        self._paths = {name: root / settings.files.replace(PLACE, name) for name in instruments}
        self._first = 1
        self._reading = Reading(close_time=settings.close_time, tz=settings.tz)
        self._receipts = Receipts(root, settings)

    def sessions(self) -> Iterator[Session | None]:
        """Yield instants in order (trading.ports.Feed); every file must be there before the first one."""
        self._first = self._first_instant()
        files = [self._lines(path) for path in self._paths.values()]
        rows = [
            self._rows(order, name, self._paths[name], file)
            for order, (name, file) in enumerate(zip(self._paths, files, strict=True))
        ]
        merged = heapq.merge(*rows, key=lambda found: (found.at, found.order))
        for at, group in groupby(merged, key=lambda found: found.at):
            together = list(group)
            yield Session(
                at=at,
                bars=tuple(found.bar for found in together if found.bar is not None),
                bad=tuple(found.bad for found in together if found.bad is not None),
                gaps=tuple(found.gap for found in together if found.gap is not None),
            )

    def total(self) -> int | None:
        """Count the sessions by reading the files once; None when one of them is not there."""
        if not all(path.is_file() for path in self._paths.values()):
            return None
        days: set[int] = set()
        for path in self._paths.values():
            for _, row in lines(path):
                try:
                    day, at = self._reading.at(row.get("date", ""))
                except ValueError:
                    continue
                if self._wanted(day):
                    days.add(at)
        return len(days)

    def _lines(self, path: Path) -> Iterator[Line]:
        return lines(path)

    def _rows(self, order: int, name: str, path: Path, rows: Iterator[Line]) -> Iterator[_Found]:
        """Yield the rows of one file; its instants never go back: what comes late is reported where it stands."""
        last_at, last_day, number = 0, None, 0
        validation = self._receipts.open(path)
        for number, row in _opened(rows, validation):
            place = f"{path.name}:{number}"
            try:
                day, at = self._reading.at(row.get("date", ""))
            except ValueError:
                reason = f"date is neither YYYY-MM-DD nor ISO 8601: {row.get('date', '')[:40]!r}"
                yield _refused(last_at or self._first, order, name, reason, row, place)
                continue
            if not self._wanted(day):
                continue
            if at <= last_at:
                reason = "a second bar of the same instant" if at == last_at else "older than the bar before it"
                yield _refused(last_at, order, name, reason, row, place)
                continue
            try:
                bar = validation.bar(self._reading, name, at, number, row)
            except ValueError as exc:
                yield _refused(at, order, name, str(exc), row, place)
                last_at = at
                continue
            yield _Found(at=at, order=order, bar=bar, gap=self._gap(name, last_day, day, last_at, at))
            last_at, last_day = at, day
        validation.done(number)

    def _first_instant(self) -> int:
        """Return the earliest first instant of the files: where rows stand that have no instant of their own."""
        firsts = []
        for path in self._paths.values():
            for _, row in lines(path):
                with suppress(ValueError):
                    day, at = self._reading.at(row.get("date", ""))
                    if self._wanted(day):
                        firsts.append(at)
                        break
        return min(firsts, default=1)

    def _wanted(self, day: date) -> bool:
        start, end = self._settings.start, self._settings.end
        return (start is None or day >= start) and (end is None or day <= end)

    def _gap(self, name: str, before: date | None, day: date, from_at: int, to_at: int) -> Gap | None:
        if before is None or (day - before).days <= self._settings.gap_days:
            return None
        between = (before + timedelta(days=n) for n in range(1, (day - before).days))
        missing = sum(1 for d in between if d.weekday() < _SATURDAY)
        if missing <= self._settings.gap_days:
            return None
        return Gap(instrument=name, missing=missing, from_at=from_at, to_at=to_at)


def create(*, settings: FeedSettings, instruments: Mapping[str, Instrument], root: Path, clock: Clock) -> ReplayFeed:
    """Return the feed of `[feed.NAME]` over the workspace at `root`."""
    return ReplayFeed(settings=settings, instruments=instruments, root=root)
