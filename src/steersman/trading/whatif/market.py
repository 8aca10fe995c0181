"""What instruments were worth, and when: from verdicts and marks in the ledger, and from the feed's bars."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from steersman.kernel.fixed import from_nano
from steersman.trading import events as e
from steersman.trading.model.bar import Bar
from steersman.trading.whatif.history import Happening

if TYPE_CHECKING:
    import polars as pl

Price = tuple[int, str, Decimal]


class Market:
    """What an instrument was worth at an instant, as far as anybody wrote it down.

    Bars of an instrument are used only if every price the ledger holds of it is their close at that instant: a feed
    that was corrected since is not what was traded on. `used` and `refused` name the instruments.
    """

    def __init__(self, verdicts: pl.DataFrame, happenings: list[Happening], bars: Iterable[Bar] = ()) -> None:
        marks = [h.data for h in happenings if h.type == e.ACCOUNT_MARKED]
        self._sessions = sorted({mark.at for mark in marks})
        seen = verdicts.select("at", "instrument", "price").drop_nulls().unique()
        known = {(at, name): from_nano(price) for at, name, price in seen.iter_rows()}
        # A mark is made of closes at its very instant, or of older ones; a verdict's price is the last one then.
        for mark in marks:
            for name, price in mark.prices.items():
                known.setdefault((mark.at, name), price)
        self._bars = _by_name(bars, until=self._sessions[-1] if self._sessions else 0)
        self.refused = {name for at, name in known if not self._is_close(name, at, known[at, name])}
        for name in self.refused:
            del self._bars[name]
        self.used = set(self._bars)
        known.update({(bar.at, name): bar.close for name, found in self._bars.items() for bar in found[1]})
        self._prices: list[Price] = sorted((at, name, price) for (at, name), price in known.items())
        self._by_name: dict[str, tuple[list[int], list[Decimal]]] = {}
        for at, name, price in self._prices:
            ats, prices = self._by_name.setdefault(name, ([], []))
            ats.append(at)
            prices.append(price)
        self._next = 0

    def _is_close(self, name: str, at: int, price: Decimal) -> bool:
        """Say whether a known price is the close of the last bar then; what has no bars disagrees with none."""
        if name not in self._bars:
            return True
        ats, bars = self._bars[name]
        place = bisect_right(ats, at) - 1
        return place >= 0 and bars[place].close == price

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

    def bars_after(self, name: str, at: int) -> Iterator[Bar]:
        """Yield the bars of `name` that ended after `at`; none where they are not used."""
        ats, bars = self._bars.get(name, ([], []))
        yield from bars[bisect_right(ats, at) :]

    def bar_at(self, name: str, at: int) -> Bar | None:
        ats, bars = self._bars.get(name, ([], []))
        place = bisect_right(ats, at) - 1
        return bars[place] if place >= 0 and ats[place] == at else None

    def session_after(self, at: int) -> int | None:
        """Return the instant of the next mark of the account after `at`, None: there is none."""
        place = bisect_right(self._sessions, at)
        return self._sessions[place] if place < len(self._sessions) else None


def _by_name(bars: Iterable[Bar], *, until: int) -> dict[str, tuple[list[int], list[Bar]]]:
    """Return the bars that the history reaches to, by instrument."""
    found: dict[str, tuple[list[int], list[Bar]]] = {}
    for bar in bars:
        if bar.at <= until:
            ats, kept = found.setdefault(bar.instrument, ([], []))
            ats.append(bar.at)
            kept.append(bar)
    return found
