"""The prices a ledger knows, by instrument and instant: from the facts of verdicts and the marks of the account."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from steersman.kernel.fixed import from_nano
from steersman.trading import events as e
from steersman.trading.whatif.history import Happening

if TYPE_CHECKING:
    import polars as pl

Price = tuple[int, str, Decimal]


class Market:
    """What an instrument was worth at an instant, as far as anybody wrote it down."""

    def __init__(self, verdicts: pl.DataFrame, happenings: list[Happening]) -> None:
        marks = [h.data for h in happenings if h.type == e.ACCOUNT_MARKED]
        self._sessions = sorted({mark.at for mark in marks})
        seen = verdicts.select("at", "instrument", "price").drop_nulls().unique()
        known = {(at, name): from_nano(price) for at, name, price in seen.iter_rows()}
        # A mark is made of closes at its very instant.
        known.update(((mark.at, name), price) for mark in marks for name, price in mark.prices.items())
        self._prices: list[Price] = sorted((at, name, price) for (at, name), price in known.items())
        self._by_name: dict[str, tuple[list[int], list[Decimal]]] = {}
        for at, name, price in self._prices:
            ats, prices = self._by_name.setdefault(name, ([], []))
            ats.append(at)
            prices.append(price)
        self._next = 0

    def until(self, at: int) -> Iterator[Price]:
        """Yield prices known by `at` that were not yielded before."""
        while self._next < len(self._prices) and self._prices[self._next][0] <= at:
            yield self._prices[self._next]
            self._next += 1

    def after(self, name: str, at: int) -> Iterator[tuple[int, Decimal]]:
        """Yield (instant, price) of `name` after `at`."""
        ats, prices = self._by_name.get(name, ([], []))
        for place in range(bisect_right(ats, at), len(ats)):
            yield ats[place], prices[place]

    def session_after(self, at: int) -> int | None:
        """Return the instant of the next mark of the account after `at`, None: there is none."""
        place = bisect_right(self._sessions, at)
        return self._sessions[place] if place < len(self._sessions) else None
