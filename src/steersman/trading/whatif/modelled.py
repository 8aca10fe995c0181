"""Orders nobody sent: what they would have traded at is a model, and every number of theirs is called so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from statistics import median
from typing import Final

import msgspec

from steersman.trading import events as e
from steersman.trading.handlers.state import Bracket
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.signal import OrderType, Side, TimeInForce
from steersman.trading.whatif.costs import NOTHING, Schedule
from steersman.trading.whatif.market import Market

_BPS: Final = Decimal(10_000)


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an order that was never sent: a fill at an instant, or its end there; None: still open."""

    at: int | None
    fill: e.OrderFilled | None = None


class Model:
    """Fills added orders by the next bar or price that is known, the venue's usual slippage and its fees."""

    def __init__(
        self,
        market: Market,
        schedules: Mapping[str, Schedule],
        instruments: Mapping[str, Instrument],
        fills: Iterable[e.OrderFilled],
    ) -> None:
        self._market = market
        self._schedules = schedules
        self._instruments = instruments
        self._from_open = _from_open(market, fills)

    def outlook(self, order: e.OrderSubmitted) -> Outlook:
        """Return what becomes of `order` within its life: until its next session, unless it is good till cancelled.

        Where the feed's bars are there, it trades at the next one's open, or at its limit where the bar reaches that.
        Else it trades at the first price that the ledger knows in time; if there is none, a market order trades in its
        next session at the price it was decided on.
        """
        until = self._market.session_after(order.at)
        lasts = order.time_in_force is TimeInForce.GTC
        if order.instrument in self._market.used:
            return self._by_bars(order, lasts=lasts)
        at_once = order.limit_price is None and order.stop_price is None
        for at, price in self._market.after(order.instrument, order.at):
            if (at_once or not lasts) and (until is None or at > until):
                break
            if self._reaches(order, price, price):
                return Outlook(at=at, fill=self._fill(order, price, at))
        if until is not None and at_once and order.decision_price is not None:
            return Outlook(at=until, fill=self._fill(order, order.decision_price, until))
        return Outlook(at=None if lasts else until)

    def _by_bars(self, order: e.OrderSubmitted, *, lasts: bool) -> Outlook:
        buys = order.side is Side.BUY
        for bar in self._market.bars_after(order.instrument, order.at):
            best, worst = (bar.low, bar.high) if buys else (bar.high, bar.low)
            if self._reaches(order, best, worst):
                limits = [price for price in (order.stop_price, order.limit_price) if price is not None]
                begins = bar.open
                if limits and not self._reaches(order, begins, begins):
                    begins = limits[-1]
                return Outlook(at=bar.at, fill=self._fill(order, begins, bar.at))
            if not lasts:
                return Outlook(at=bar.at)
        return Outlook(at=None)

    def fee(self, fill: e.OrderFilled, quantity: Decimal, *, first: bool) -> Decimal:
        """Return what `fill` would have paid for `quantity` units of it."""
        return self._schedules.get(fill.venue, NOTHING).scaled(fill, quantity, first=first)

    def more(self, fill: e.OrderFilled, quantity: Decimal) -> e.OrderFilled:
        """Return the fill of what an order would have been larger by: at the price it had, as a part of it."""
        schedule = self._schedules.get(fill.venue, NOTHING)
        return msgspec.structs.replace(
            fill,
            execution_id=f"{fill.execution_id}-more",
            quantity=quantity,
            fee=schedule.fee(quantity * fill.price, first=False),
        )

    def _reaches(self, order: e.OrderSubmitted, best: Decimal, worst: Decimal) -> bool:
        """Say whether prices from `best` to `worst` (for us) trade the order: past its stop, and within its limit."""
        buys = order.side is Side.BUY
        if order.stop_price is not None and not (worst >= order.stop_price if buys else worst <= order.stop_price):
            return False
        return order.limit_price is None or (best <= order.limit_price if buys else best >= order.limit_price)

    def _fill(self, order: e.OrderSubmitted, price: Decimal, at: int) -> e.OrderFilled:
        schedule = self._schedules.get(order.venue, NOTHING)
        traded = price if order.limit_price is not None else self._moved(order, price, schedule)
        return e.OrderFilled(
            order_id=order.order_id,
            execution_id=f"{order.order_id}-1",
            venue=order.venue,
            strategy=order.strategy,
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            price=traded,
            fee=schedule.fee(order.quantity * traded, first=True),
            leaves=Decimal(0),
            slippage_bps=None,
            at=at,
        )

    def _slippage(self, order: e.OrderSubmitted, schedule: Schedule) -> Decimal:
        """Return the usual distance in bps, from what the price is taken from: the open of a bar, else the decision."""
        from_open = self._from_open.get(order.venue)
        return from_open if from_open is not None and order.instrument in self._market.used else schedule.slippage_bps

    def _moved(self, order: e.OrderSubmitted, price: Decimal, schedule: Schedule) -> Decimal:
        """Return the price with the usual slippage, to the tick that is worse for us."""
        buys = order.side is Side.BUY
        moved = price * (1 + (1 if buys else -1) * self._slippage(order, schedule) / _BPS)
        known = self._instruments.get(order.instrument)
        tick = known.tick if known is not None else Decimal("0.01")
        return max((moved / tick).to_integral_value(ROUND_CEILING if buys else ROUND_FLOOR), Decimal(1)) * tick


def exits_of(bracket: Bracket, fill: e.OrderFilled) -> list[e.OrderSubmitted]:
    """Return the exits of one execution of an entry: a stop and a target, of which the first to trade ends the other.

    The stop comes first: a bar that reaches both fills it, as the worse one.
    """
    order = bracket.order
    prices = (("stop", OrderType.STOP, bracket.stop_loss), ("target", OrderType.LIMIT, bracket.take_profit))
    return [
        e.OrderSubmitted(
            order_id=f"{fill.execution_id}-{kind}",
            signal_id=f"{fill.execution_id}-{kind}",
            strategy=order.strategy,
            instrument=order.instrument,
            venue=order.venue,
            side=Side.SELL if order.side is Side.BUY else Side.BUY,
            quantity=fill.quantity,
            order_type=type_,
            limit_price=None if type_ is OrderType.STOP else price,
            stop_price=price if type_ is OrderType.STOP else None,
            time_in_force=TimeInForce.GTC,
            decision_price=fill.price,
            policy_version=0,
            at=fill.at,
            group=f"{fill.execution_id}-exits",
        )
        for kind, type_, price in prices
        if price is not None
    ]


def _from_open(market: Market, fills: Iterable[e.OrderFilled]) -> dict[str, Decimal]:
    """Return by venue the median distance of fills from the open of their bar, in bps, positive against us."""
    found: dict[str, list[Decimal]] = {}
    for fill in fills:
        bar = market.bar_at(fill.instrument, fill.at)
        if bar is not None:
            sign = 1 if fill.side is Side.BUY else -1
            found.setdefault(fill.venue, []).append(sign * (fill.price - bar.open) / bar.open * _BPS)
    return {venue: median(distances).quantize(Decimal("0.0001")) for venue, distances in found.items()}
