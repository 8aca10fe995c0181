"""What a signal may name: the strategies and instruments of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from steersman.trading.model.instrument import Instrument
from steersman.trading.model.request import SignalRequest
from steersman.trading.settings import StrategySettings, TradingSettings
from steersman.trading.sources.problem import Problem, nearest, shown

_NAMED: Final = 12


class Declared:
    """The names of steersman.toml, for looking up."""

    def __init__(self, settings: TradingSettings) -> None:
        self.strategies: Mapping[str, StrategySettings] = settings.strategies
        self.instruments: Mapping[str, Instrument] = settings.instruments

    def problems(self, request: SignalRequest) -> list[Problem]:
        """Return what a signal names that nobody declared."""
        found = []
        if request.strategy not in self.strategies:
            found.append(_unknown("strategy", request.strategy, self.strategies))
        if request.instrument not in self.instruments:
            found.append(_unknown("instrument", request.instrument, self.instruments))
        return found

    def instrument_of(self, symbol: str, strategy: str) -> str | None:
        """Return the instrument that a charting service's `symbol` means, with or without `EXCHANGE:` before it.

        A name or `symbol` of [instrument.NAME] is meant, of those the strategy trades first. None: none, or several.
        """
        bare = symbol.rpartition(":")[2]
        own = self.strategies[strategy].instruments if strategy in self.strategies else ()
        for names in (tuple(n for n in own if n in self.instruments), tuple(self.instruments)):
            for wanted in (symbol, bare):
                matches = [n for n in names if wanted in (n, self.instruments[n].symbol)]
                if len(matches) == 1:
                    return matches[0]
        return None

    def unknown_symbol(self, field: str, symbol: str) -> Problem:
        """Return what to say about a symbol that means no instrument, or several."""
        symbols = {i.symbol or i.name for i in self.instruments.values()}
        found = _unknown(field, symbol.rpartition(":")[2], {*self.instruments, *symbols})
        return Problem(
            field=field, what=found.what, fix=f"{found.fix}; or set symbol = {shown(symbol)} in [instrument.NAME]"
        )


def _unknown(field: str, name: str, declared: Mapping[str, object] | set[str]) -> Problem:
    names = sorted(declared)
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return Problem(
        field=field,
        what=f"found {shown(name)}, which is not declared; declared: {listed or 'none'}",
        fix=nearest(name, names, f"add it to steersman.toml as [{field}.NAME], or correct it"),
    )
