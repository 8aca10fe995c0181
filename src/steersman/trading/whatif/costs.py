"""What the venues charged and how far they filled from the decision, worked out from the fills themselves."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from statistics import median
from typing import Final

import msgspec

from steersman.trading.events import OrderFilled

_ZERO: Final = Decimal(0)
_BPS: Final = Decimal(10_000)
_CENT: Final = Decimal("0.01")
_DECIMALS: Final = 6


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's fees and slippage as observed.

    Attributes:
        fee_bps: of the traded value.
        fee_min: the least that the first execution of any order paid.
        quantum: what fees are rounded to.
        explains: of `fills`, so many fees are exactly what `fee_bps` and `fee_min` make.
        slippage_bps: median distance from the decision price, positive against us.
    """

    fee_bps: Decimal = _ZERO
    fee_min: Decimal = _ZERO
    quantum: Decimal = _CENT
    explains: int = 0
    fills: int = 0
    slippage_bps: Decimal = _ZERO

    @property
    def is_exact(self) -> bool:
        """Whether every fee seen follows from these numbers."""
        return self.explains == self.fills

    def fee(self, value: Decimal, *, first: bool) -> Decimal:
        """Return what an execution worth `value` pays."""
        share = value * self.fee_bps / _BPS
        return (max(share, self.fee_min) if first else share).quantize(self.quantum, ROUND_HALF_UP)

    def scaled(self, fill: OrderFilled, quantity: Decimal, *, first: bool) -> Decimal:
        """Return the fee of `fill` had it been of `quantity` units: by the schedule, else by value, the least kept."""
        if quantity == fill.quantity:
            return fill.fee
        if self.is_exact:
            return self.fee(quantity * fill.price, first=first)
        share = (fill.fee * quantity / fill.quantity).quantize(self.quantum, ROUND_HALF_UP)
        return max(share, min(self.fee_min, fill.fee)) if first else share


NOTHING: Final = Schedule()


def observed_schedules(fills: Iterable[OrderFilled]) -> dict[str, Schedule]:
    """Return the schedule of each venue that filled anything."""
    by_venue: dict[str, list[tuple[OrderFilled, bool]]] = {}
    begun: set[str] = set()
    for fill in fills:
        by_venue.setdefault(fill.venue, []).append((fill, fill.order_id not in begun))
        begun.add(fill.order_id)
    return {venue: _schedule(found) for venue, found in by_venue.items()}


def _schedule(found: list[tuple[OrderFilled, bool]]) -> Schedule:
    quantum = min((_step(fill.fee) for fill, _ in found), default=_CENT)
    least = _least(found)
    rated = [(f.quantity * f.price, f.fee) for f, first in found if not (first and f.fee == least)]
    if not rated:
        # All paid the least: the largest of them tells how high the share may be at most.
        rated = [max((f.quantity * f.price, f.fee) for f, _ in found)]
    made = Schedule(
        fee_bps=_rate(rated, quantum) * _BPS,
        fee_min=least,
        quantum=quantum,
        fills=len(found),
        slippage_bps=_slippage(f for f, _ in found),
    )
    explains = sum(1 for f, first in found if made.fee(f.quantity * f.price, first=first) == f.fee)
    return msgspec.structs.replace(made, explains=explains)


def _step(fee: Decimal) -> Decimal:
    exponent = fee.as_tuple().exponent
    return Decimal(1).scaleb(min(exponent, -2) if isinstance(exponent, int) else -2)


def _least(found: list[tuple[OrderFilled, bool]]) -> Decimal:
    """Return the lowest fee of an order's first execution: a smaller one may pay less, but nobody saw that it does."""
    return min((fill.fee for fill, first in found if first), default=_ZERO)


def _rate(rated: list[tuple[Decimal, Decimal]], quantum: Decimal) -> Decimal:
    """Return the share of the value that fees are: the roundest one that all of them allow, else the average."""
    worth = sum((value for value, _ in rated), _ZERO)
    if not worth:
        return _ZERO
    low = max((fee - quantum / 2) / value for value, fee in rated if value) * _BPS
    high = min((fee + quantum / 2) / value for value, fee in rated if value) * _BPS
    for decimals in range(_DECIMALS + 1):
        candidate = low.quantize(Decimal(1).scaleb(-decimals), ROUND_CEILING)
        if candidate <= high:
            return candidate / _BPS
    return sum((fee for _, fee in rated), _ZERO) / worth


def _slippage(fills: Iterable[OrderFilled]) -> Decimal:
    known = [fill.slippage_bps for fill in fills if fill.slippage_bps is not None]
    return Decimal(str(round(median(known), 4))) if known else _ZERO
