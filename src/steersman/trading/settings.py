"""`[instrument.*]`, `[strategy.*]`, `[venue.*]` and `[feed.*]` of steersman.toml: what is traded, where, on what."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from steersman.kernel.clock import to_ns
from steersman.kernel.durations import seconds
from steersman.kernel.errors import Misconfigured
from steersman.kernel.fixed import to_nano
from steersman.kernel.toml_file import TomlFile
from steersman.trading.model.blackout import Blackout, Once, Weekly
from steersman.trading.model.instrument import Instrument

SECTIONS: Final = ("instrument", "strategy", "venue", "feed", "blackout")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_CALENDAR: Final = re.compile(r"24/5|[A-Za-z][A-Za-z0-9_]{1,30}")
ALWAYS: Final = "24/7"
PLACE: Final = "{instrument}"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class InstrumentTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[instrument.NAME]`: smallest steps of price and quantity, currency, and where its orders go.

    Attributes:
        symbol: the venue's name for it, where that is another one.
        calendar: when it trades: `24/7` or a name of exchange_calendars such as `XNYS`; without one, an instant for
            which the feed brought a bar.
        group: instruments of one group move together; their exposure is limited as one (CORRELATED_EXPOSURE).
    """

    tick: Decimal
    venue: str
    lot: Decimal = Decimal(1)
    currency: str = "USD"
    symbol: str | None = None
    calendar: str | None = None
    group: str | None = None


class StrategySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[strategy.NAME]`: a Python file, the instruments it may trade, and the arguments of its `Strategy`.

    Without a file its signals come from outside: the API, a webhook, a watched file or the command line.
    """

    instruments: tuple[str, ...]
    file: str | None = None
    enabled: bool = True
    parameters: dict[str, bool | int | float | str] = {}


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[venue.NAME]`: what every venue is told; each adapter adds its own fields in a subclass.

    Attributes:
        kind: the adapter.
        mode: simulated (no money, no connection), sandbox (the venue's own test account) or live (real money: needs
            this line, and `steersman venue arm NAME` typed by a person).
    """

    kind: str = "paper"
    mode: Literal["simulated", "sandbox", "live"] = "sandbox"

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """Yield (field, what was found and what is allowed, the fix) of every value that may not be."""
        yield from ()


VenueType = Callable[[str], type[VenueSettings]]
"""Returns the settings of an adapter by its kind; raises Misconfigured for one that is not installed."""


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[feed.NAME]`: bars from files, one per instrument.

    Attributes:
        files: path below the workspace; `{instrument}` stands for the name. `.csv` or `.parquet`.
        start, end: first and last day taken, both included; None: all there is.
        close_time, tz: when the day's bar is known.
        gap_days: weekdays without a bar that are still no gap (holidays).
        wait: of a followed feed: how long after the first bar of an instant those of other instruments may come.
    """

    kind: Literal["replay", "follow"] = "replay"
    wait: str = "10s"
    files: str = f"data/{PLACE}.csv"
    start: date | None = None
    end: date | None = None
    close_time: time = time(16)
    tz: str = "UTC"
    gap_days: int = 3


class BlackoutSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"begin": "from"}):
    """`[blackout.NAME]`: when only exits pass: once (`start`, `end`), or every week (`days`, `from`, `to`, `tz`).

    Attributes:
        start, end: instants with an offset; `end` is not part of it.
        days: mon to sun; `from` and `to` are wall-clock times in `tz`, a whole day without them; `to` at or before
            `from` is on the day after.
        instruments: names; none: all.
    """

    reason: str
    start: datetime | None = None
    end: datetime | None = None
    days: tuple[str, ...] | None = None
    begin: time = time(0)
    to: time = time(0)
    tz: str = "UTC"
    instruments: tuple[str, ...] = ()


class TradingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything trading is told, checked; by name, in the order of the file."""

    instruments: dict[str, Instrument] = {}
    strategies: dict[str, StrategySettings] = {}
    venues: dict[str, VenueSettings] = {}
    feeds: dict[str, FeedSettings] = {}
    blackouts: tuple[Blackout, ...] = ()


def read(file: TomlFile, root: Path, venue_type: VenueType) -> TradingSettings:
    """Return the trading part of `file`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    tables = file.section(("instrument",), dict[str, InstrumentTable])
    venues = _venues(file, venue_type)
    strategies = file.section(("strategy",), dict[str, StrategySettings])
    feeds = file.section(("feed",), dict[str, FeedSettings])
    blackouts = file.section(("blackout",), dict[str, BlackoutSettings])
    declared: tuple[Iterable[str], ...] = (tables, strategies, venues, feeds, blackouts)
    for section, names in zip(SECTIONS, declared, strict=True):
        _check_names(file, section, names)
    for name, feed in feeds.items():
        _check_feed(file, name, feed)
    if len(feeds) > 1:
        # One account, one clock: a second feed would bring its bars when the first has already gone past them.
        raise file.error(
            ("feed", list(feeds)[1]), "a second feed; allowed: one", fix="put its instruments in the first"
        )
    instruments = {name: _instrument(file, name, table, venues) for name, table in tables.items()}
    for name, strategy in strategies.items():
        _check_strategy(file, name, strategy, instruments, root)
    return TradingSettings(
        instruments=instruments,
        strategies=strategies,
        venues=venues,
        feeds=feeds,
        blackouts=tuple(_blackout(file, name, table, instruments) for name, table in blackouts.items()),
    )


def _venues(file: TomlFile, venue_type: VenueType) -> dict[str, VenueSettings]:
    found = {}
    for name in file.section(("venue",), dict[str, dict[str, Any]]):
        here = ("venue", name)
        kind = file.get(*here, "kind") or VenueSettings().kind
        try:
            type_ = venue_type(str(kind))
        except Misconfigured as exc:
            raise file.error((*here, "kind"), exc.message, fix=exc.fix) from exc
        found[name] = file.section(here, type_)
        for field, problem, fix in found[name].problems():
            raise file.error((*here, field), problem, fix=fix)
    return found


def _check_names(file: TomlFile, section: str, names: Iterable[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise file.error(
                (section, name), "a name is letters, digits, dots, - or _ (40 at most)", fix=f"rename {name!r}"
            )


def _instrument(file: TomlFile, name: str, table: InstrumentTable, venues: Mapping[str, VenueSettings]) -> Instrument:
    here = ("instrument", name)
    for field, step in (("tick", table.tick), ("lot", table.lot)):
        try:
            bad = not step.is_finite() or to_nano(step) <= 0
        except ValueError:
            bad = True
        if bad:
            raise file.error(
                (*here, field), f"found {step}, allowed: above 0, at most nine decimals", fix=f'write {field} = "0.01"'
            )
    if table.venue not in venues:
        raise file.error(
            (*here, "venue"),
            f"no venue {table.venue!r} is declared; declared: {', '.join(venues) or 'none'}",
            fix=_nearest(table.venue, venues) or f"add [venue.{table.venue}]",
        )
    if table.calendar not in (None, ALWAYS) and not _CALENDAR.fullmatch(table.calendar or ""):
        raise file.error(
            (*here, "calendar"),
            f"found {table.calendar!r}, allowed: {ALWAYS!r} or a name of exchange_calendars",
            fix='write calendar = "XNYS", or leave it out',
        )
    return Instrument(
        name=name,
        tick=table.tick,
        lot=table.lot,
        currency=table.currency,
        venue=table.venue,
        symbol=table.symbol or name,
        calendar=table.calendar,
        group=table.group,
    )


def _check_strategy(
    file: TomlFile, name: str, strategy: StrategySettings, instruments: Mapping[str, Instrument], root: Path
) -> None:
    here = ("strategy", name)
    if not strategy.instruments:
        raise file.error((*here, "instruments"), "is empty: it would never see a bar", fix="name at least one")
    for instrument in strategy.instruments:
        _check_declared(file, (*here, "instruments"), instrument, instruments)
    if strategy.file is None:
        return
    path = (root / strategy.file).resolve()
    if not path.is_file() or path.suffix != ".py":
        raise file.error(
            (*here, "file"), f"there is no Python file {strategy.file!r} in the workspace", fix="create it, or correct"
        )


def _check_feed(file: TomlFile, name: str, feed: FeedSettings) -> None:
    here = ("feed", name)
    if PLACE not in feed.files:
        raise file.error(
            (*here, "files"), f"found {feed.files!r}, which has no {PLACE}", fix=f'write files = "data/{PLACE}.csv"'
        )
    _check_zone(file, here, feed.tz)
    if feed.start is not None and feed.end is not None and feed.end < feed.start:
        raise file.error((*here, "end"), f"found {feed.end}, before start {feed.start}", fix="swap them")
    try:
        seconds(feed.wait)
    except ValueError as exc:
        raise file.error((*here, "wait"), str(exc), fix='write e.g. wait = "10s"') from exc
    if not 0 <= feed.gap_days <= 250:
        raise file.error((*here, "gap_days"), f"found {feed.gap_days}, allowed: 0 to 250", fix="write gap_days = 3")


def _blackout(file: TomlFile, name: str, table: BlackoutSettings, instruments: Mapping[str, Instrument]) -> Blackout:
    here = ("blackout", name)
    for instrument in table.instruments:
        _check_declared(file, (*here, "instruments"), instrument, instruments)
    if not table.reason.strip():
        raise file.error((*here, "reason"), "is empty", fix="say why, for whoever reads the verdicts")
    window = _weekly(file, here, table) if table.days is not None else _once(file, here, table)
    return Blackout(name=name, reason=table.reason, window=window, instruments=frozenset(table.instruments))


def _once(file: TomlFile, here: tuple[str, ...], table: BlackoutSettings) -> Once:
    found = {}
    for field, moment in (("start", table.start), ("end", table.end)):
        if moment is None:
            raise file.error(
                here, f"`{field}` is missing; allowed: start and end, or days", fix=f"add {field}, or days = [...]"
            )
        if moment.tzinfo is None:
            raise file.error(
                (*here, field), f"found {moment.isoformat()}, which has no offset", fix=f"write {moment.isoformat()}Z"
            )
        found[field] = to_ns(moment)
    for field in ("from", "to", "tz"):
        if file.get(*here, field) is not None:
            raise file.error((*here, field), "says nothing without `days`", fix=f"remove {field}, or add days = [...]")
    if found["end"] <= found["start"]:
        raise file.error((*here, "end"), f"found {table.end}, not after start {table.start}", fix="swap them")
    return Once(start=found["start"], end=found["end"])


def _weekly(file: TomlFile, here: tuple[str, ...], table: BlackoutSettings) -> Weekly:
    for field, moment in (("start", table.start), ("end", table.end)):
        if moment is not None:
            raise file.error((*here, field), "says nothing beside `days`", fix=f"remove {field}, or days")
    days = table.days or ()
    unknown = [day for day in days if day not in DAYS]
    if unknown or not days:
        found = repr(unknown[0]) if unknown else "nothing"
        raise file.error(
            (*here, "days"), f"found {found}, allowed: {', '.join(DAYS)}", fix='write e.g. days = ["mon", "fri"]'
        )
    _check_zone(file, here, table.tz)
    return Weekly(days=frozenset(DAYS.index(day) for day in days), begin=table.begin, until=table.to, tz=table.tz)


def _check_zone(file: TomlFile, here: tuple[str, ...], tz: str) -> None:
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise file.error((*here, "tz"), f"found {tz!r}, no such time zone", fix='write tz = "UTC"') from exc


def _check_declared(
    file: TomlFile, path: tuple[str, ...], instrument: str, instruments: Mapping[str, Instrument]
) -> None:
    if instrument not in instruments:
        raise file.error(
            path,
            f"no instrument {instrument!r} is declared; declared: {', '.join(instruments) or 'none'}",
            fix=_nearest(instrument, instruments) or f"add [instrument.{instrument}]",
        )


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
