"""What steersman.toml says that the gate's facts read: who may trade what, when nobody may, when markets are open."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from steersman.trading.calendars import Calendar
from steersman.trading.model.blackout import Blackout
from steersman.trading.settings import TradingSettings


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the settings that decisions are made by.

    Attributes:
        entitled: the instruments of each strategy.
        calendars: by the name instruments give; one that is missing here denies (SESSION).
    """

    entitled: Mapping[str, frozenset[str]]
    blackouts: tuple[Blackout, ...] = ()
    calendars: Mapping[str, Calendar] = {}

    def is_blacked_out(self, instrument: str, at: int) -> bool:
        return any(blackout.covers(instrument, at) for blackout in self.blackouts)


def declared(settings: TradingSettings, calendars: Mapping[str, Calendar] | None = None) -> Declared:
    """Return what `settings` declare; `calendars` come from `calendars.load`."""
    return Declared(
        entitled={name: frozenset(s.instruments) for name, s in settings.strategies.items()},
        blackouts=settings.blackouts,
        calendars=calendars or {},
    )
