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
        self._closes: dict[str, deque[tuple[int, int]]] = {}
        self._gaps: dict[str, Gap] = {}
        self._results: dict[str, deque[_Result]] = {}

    def bar(self, instrument: str, at: int, close: int) -> None:
        """Take in a close, in billionths."""
        self._closes.setdefault(instrument, deque(maxlen=_CLOSES)).append((at, close))

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
        """Return how many exit orders in a row, up to the latest, lost after fees; those up to `after` are forgotten."""
        count = 0
        for result in reversed(self._results.get(strategy, ())):
            if result.pnl >= 0 or (after is not None and result.at <= after):
                break
            count += 1
        return count

    def missing_bars(self, instrument: str, at: int) -> int | None:
        """Return how many bars seem to be missing at `at`; None with fewer than two bars: nobody knows what is usual.

        The larger of what the feed reported just before the last bar, and the whole usual spans (median of the latest
        ones) that went by since it.
        """
        kept = self._closes.get(instrument, ())
        latest = [when for when, _ in islice(reversed(kept), _SPANS + 1)]
        spans = [later - earlier for later, earlier in pairwise(latest) if later > earlier]
        if not spans:
            return None
        gap = self._gaps.get(instrument)
        reported = gap.missing if gap is not None and gap.to_at == latest[0] else 0
        return max(reported, (at - latest[0]) // median_low(spans))

    def close_before(self, instrument: str, *, bars: int) -> int | None:
        """Return the close `bars` bars before the last one, in billionths; None: there are not that many."""
        kept = self._closes.get(instrument, ())
        return kept[-1 - bars][1] if len(kept) > bars else None

    def close_at(self, instrument: str, at: int) -> int | None:
        """Return the last close known at `at`, in billionths; None: none was."""
        kept = self._closes.get(instrument, ())
        return next((close for when, close in reversed(kept) if when <= at), None)
