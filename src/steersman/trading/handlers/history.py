"""What was seen lately, for the facts that look back: closes, gaps, quotes, and how each strategy's exits ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice, pairwise
from statistics import median_low
from typing import Final

import msgspec

from steersman.trading.model.book import Trip
from steersman.trading.model.order import Quote
from steersman.trading.ports import Gap

_CLOSES: Final = 1000
_SPANS: Final = 10
_RESULTS: Final = 100
_ZERO: Final = Decimal(0)


class _Result(msgspec.Struct):
    order_id: str
    at: int
    pnl: Decimal


class History:
    """A fold like the state it belongs to: the same bars, gaps, quotes and fills give the same answers."""

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}
        self._bars: dict[str, deque[tuple[int, int]]] = {}
        self._quoted: dict[str, deque[tuple[int, int]]] = {}
        self._gaps: dict[str, Gap] = {}
        self._results: dict[str, deque[_Result]] = {}

    def bar(self, instrument: str, at: int, close: int) -> None:
        """Take in a close, in billionths; one of the instant of the latest quote was made of that quote."""
        quote = self.quotes.get(instrument)
        kept = self._bars if quote is None or quote.at != at else self._quoted
        kept.setdefault(instrument, deque(maxlen=_CLOSES)).append((at, close))

    def gap(self, gap: Gap) -> None:
        """Take in that bars of an instrument were missing before `gap.to_at`."""
        self._gaps[gap.instrument] = gap

    def quote(self, quote: Quote) -> None:
        """Take in the latest quote of an instrument; it counts until the next one."""
        self.quotes[quote.instrument] = quote

    def closed(self, strategy: str, order_id: str, at: int, trips: Iterable[Trip]) -> None:
        """Take in what an execution of `order_id` closed: an exit order is one result, however many fills it takes."""
        pnl = [trip.pnl for trip in trips]
        if not pnl:
            return
        kept = self._results.setdefault(strategy, deque(maxlen=_RESULTS))
        if not kept or kept[-1].order_id != order_id:
            kept.append(_Result(order_id, at, _ZERO))
        kept[-1].at = at
        kept[-1].pnl += sum(pnl, _ZERO)

    def losing_streak(self, strategy: str, *, after: int | None) -> int:
        """Return how many exit orders in a row, up to the latest, lost after fees; none up to `after` counts."""
        count = 0
        for result in reversed(self._results.get(strategy, ())):
            if result.pnl >= 0 or (after is not None and result.at <= after):
                break
            count += 1
        return count

    def missing_bars(self, instrument: str, at: int) -> int | None:
        """Return how many bars seem to be missing at `at`; None with fewer than two bars: nobody knows what is usual.

        The larger of what the feed reported just before the last bar, and the whole usual spans (median of the latest
        ones) that went by since it. An instrument that has quotes and no bars misses none: STALE_DATA watches quotes.
        """
        kept = self._bars.get(instrument, ())
        if not kept and instrument in self._quoted:
            return 0
        latest = [when for when, _ in islice(reversed(kept), _SPANS + 1)]
        spans = [later - earlier for later, earlier in pairwise(latest) if later > earlier]
        if not spans:
            return None
        gap = self._gaps.get(instrument)
        reported = gap.missing if gap is not None and gap.to_at == latest[0] else 0
        return max(reported, (at - latest[0]) // median_low(spans))

    def close_before(self, instrument: str, *, bars: int) -> int | None:
        """Return the close `bars` bars before the last one, in billionths; None: there are not that many.

        Of an instrument that has quotes and no bars, the quotes at which its price changed are counted.
        """
        kept = self._bars.get(instrument) or self._quoted.get(instrument)
        return kept[-1 - bars][1] if kept is not None and len(kept) > bars else None

    def close_at(self, instrument: str, at: int) -> int | None:
        """Return the last price known at `at`, in billionths; None: none was."""
        found = (
            next(((when, close) for when, close in reversed(kept.get(instrument, ())) if when <= at), None)
            for kept in (self._bars, self._quoted)
        )
        latest = max((price for price in found if price is not None), default=None)
        return None if latest is None else latest[1]
