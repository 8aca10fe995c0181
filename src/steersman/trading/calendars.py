"""When markets are open. The sessions of an exchange are worked out once, in a process of their own, and kept as JSON.

The package that knows the exchanges brings pandas, which never comes into a process of ours: `python -m
steersman.trading.calendars XNYS 2025 2027` prints the opens and closes of these years, and is what `load` runs.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.clock import to_ns, utc
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.trading.settings import ALWAYS, TradingSettings

EXTRA: Final = "steersman[calendars]"
_PACKAGE: Final = "exchange_calendars"
_TIMEOUT_S: Final = 120
_YEARS_BACK: Final = 20
_NO_PACKAGE, _NO_CALENDAR, _NO_YEARS = 3, 4, 5


class Calendar:
    """The sessions of one market: opens and closes, ns since 1970 UTC; no two overlap."""

    def __init__(self, sessions: Iterable[tuple[int, int]], *, covers: tuple[int, int] | None) -> None:
        """Take the sessions of the span `covers` (from, up to and without); None: open at all times."""
        pairs = sorted(sessions)
        self._opens = [opens for opens, _ in pairs]
        self._closes = [closes for _, closes in pairs]
        self._covers = covers

    def is_open(self, at: int) -> bool | None:
        """Say whether the market trades at `at`; None: outside of the years that were worked out.

        The instant of the close belongs to the session: a bar that ends with it is decided in it.
        """
        if self._covers is None:
            return True
        if not self._covers[0] <= at < self._covers[1]:
            return None
        number = bisect_right(self._opens, at) - 1
        return number >= 0 and at <= self._closes[number]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the state folder: the sessions of the years `first` to `last`, as `package` (a version) knows them."""

    name: str
    package: str
    first: int
    last: int
    sessions: tuple[tuple[int, int], ...]

    def calendar(self) -> Calendar:
        return Calendar(self.sessions, covers=(_new_year(self.first), _new_year(self.last + 1)))


def load(settings: TradingSettings, folder: Path, now_ns: int) -> dict[str, Calendar]:
    """Return the calendars that instruments name, by that name; what `folder` lacks is worked out and kept there.

    They reach from the first year of the feed (20 years back if it names no start) to the end of next year: a core that
    runs on beyond that has no session and sends nothing until it is started again.

    Raises:
        Misconfigured: the package is not installed, or it knows no such calendar; names the instrument.
        Unavailable: it did not answer.
    """
    named = {i.calendar: i.name for i in reversed(settings.instruments.values()) if i.calendar is not None}
    years = _years(settings, now_ns)
    found = {}
    for name, instrument in named.items():
        if name == ALWAYS:
            found[name] = Calendar((), covers=None)
            continue
        path = folder / f"{name.replace('/', '-')}.json"
        kept = _read(path, years)
        if kept is None:
            kept = _worked_out(name, instrument, years)
            _write(path, kept)
        found[name] = kept.calendar()
    return found


def _years(settings: TradingSettings, now_ns: int) -> tuple[int, int]:
    this = utc(now_ns).year
    starts = [this - _YEARS_BACK if feed.start is None else feed.start.year for feed in settings.feeds.values()]
    return min([*starts, this - 1]), this + 1


def _read(path: Path, years: tuple[int, int]) -> Kept | None:
    """Return what was kept, if it covers `years` and no other version of the package is here that may know better."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError):
        return None  # never written, or not by us: it is written again
    enough = kept.first <= years[0] and kept.last >= years[1]
    return kept if enough and _installed() in (kept.package, None) else None


def _write(path: Path, kept: Kept) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(msgspec.json.encode(kept))
    fresh.replace(path)


def _installed() -> str | None:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        return None


def _worked_out(name: str, instrument: str, years: tuple[int, int]) -> Kept:
    """Ask the package in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, name, *map(str, years)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(
            f"the sessions of {name} were not worked out within {_TIMEOUT_S} s", fix="start again"
        ) from exc
    said = done.stderr.decode(errors="replace").strip()
    where = f"[instrument.{instrument}] calendar"
    if done.returncode == _NO_PACKAGE:
        raise Misconfigured(
            f"{where}: {name!r} needs the package {_PACKAGE}, which is not installed",
            fix=f'pip install "{EXTRA}", or write calendar = "{ALWAYS}"',
        )
    if done.returncode in (_NO_CALENDAR, _NO_YEARS):
        raise Misconfigured(f"{where}: {said}", fix=f'write a name of {_PACKAGE} such as "XNYS", or "{ALWAYS}"')
    if done.returncode:
        raise Unavailable(
            f"working out the sessions of {name} ended with {done.returncode}: {said[-500:]}",
            fix=f"run {' '.join(command[1:])} by hand, and look at what it says",
        )
    return msgspec.json.decode(done.stdout, type=Kept)


def _new_year(year: int) -> int:
    return to_ns(datetime(year, 1, 1, tzinfo=UTC))


def main(arguments: list[str]) -> int:
    """Print the sessions of a calendar: NAME FIRST-YEAR LAST-YEAR. Breaks (a market's lunch) end a session."""
    name, first, last = arguments[0], int(arguments[1]), int(arguments[2])
    try:
        import exchange_calendars as exchanges  # pandas: only ever in this process
    except ImportError:
        return _NO_PACKAGE
    if name not in exchanges.get_calendar_names(include_aliases=True):
        near = difflib.get_close_matches(name, exchanges.get_calendar_names(include_aliases=True), n=3)
        sys.stderr.write(f"no calendar {name!r}" + (f"; near it: {', '.join(near)}" if near else ""))
        return _NO_CALENDAR
    try:
        schedule = exchanges.get_calendar(name, start=f"{first}-01-01", end=f"{last}-12-31").schedule
    except ValueError as exc:
        sys.stderr.write(f"{name} does not reach from {first} to {last}: {exc}")
        return _NO_YEARS
    columns = [
        schedule[name].astype("datetime64[ns, UTC]").astype("int64")
        for name in ("open", "break_start", "break_end", "close")
    ]
    sessions = tuple(_split(zip(*columns, strict=True)))
    kept = Kept(name=name, package=version(_PACKAGE), first=first, last=last, sessions=sessions)
    sys.stdout.buffer.write(msgspec.json.encode(kept))
    return 0


def _split(rows: Iterable[tuple[int, int, int, int]]) -> Iterable[tuple[int, int]]:
    for opens, break_starts, break_ends, closes in rows:
        if opens < break_starts < break_ends < closes:  # no time is a very small number
            yield int(opens), int(break_starts)
            yield int(break_ends), int(closes)
        else:
            yield int(opens), int(closes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
