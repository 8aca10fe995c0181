"""Orders nobody sent: what they would have traded at is a model, and every number of theirs is called so."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import msgspec

from steersman.trading import events as e
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.whatif.costs import NOTHING, Schedule
from steersman.trading.whatif.market import Market

_BPS: Final = Decimal(10_000)


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an order that was never sent: a fill at an instant, or its end there; None: still open."""

    at: int | None
    fill: e.OrderFilled | None = None


class Model:
    """Fills added orders by the next price that the ledger knows, the venue's usual slippage and its fees."""

    def __init__(
        self, market: Market, schedules: Mapping[str, Schedule], instruments: Mapping[str, Instrument]
    ) -> None:
        self._market = market
        self._schedules = schedules
        self._instruments = instruments

    def outlook(self, order: e.OrderSubmitted) -> Outlook:
        """Return what becomes of `order`.

        It trades at the first price known after it was sent and within its life, which for a day or market order is the
        next session. Where the ledger knows none in time, a market order trades then at the price it was decided on.
        """
        until = self._market.session_after(order.at)
        lasts = order.time_in_force is TimeInForce.GTC
        for at, price in self._market.after(order.instrument, order.at):
            if not lasts and (until is None or at > until):
                break
            if order.limit_price is None and until is not None and at > until:
                break
            if self._reaches(order, price):
                return Outlook(at=at, fill=self._fill(order, price, at))
        if until is None:
            return Outlook(at=None)
        if order.limit_price is None and order.stop_price is None and order.decision_price is not None:
            return Outlook(at=until, fill=self._fill(order, order.decision_price, until))
        return Outlook(at=None if lasts else until)

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

    def _reaches(self, order: e.OrderSubmitted, price: Decimal) -> bool:
        buys = order.side is Side.BUY
        if order.stop_price is not None and not (price >= order.stop_price if buys else price <= order.stop_price):
            return False
        return order.limit_price is None or (price <= order.limit_price if buys else price >= order.limit_price)

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

    def _moved(self, order: e.OrderSubmitted, price: Decimal, schedule: Schedule) -> Decimal:
        """Return the price with the usual slippage, to the tick that is worse for us."""
        buys = order.side is Side.BUY
        moved = price * (1 + (1 if buys else -1) * schedule.slippage_bps / _BPS)
        known = self._instruments.get(order.instrument)
        tick = known.tick if known is not None else Decimal("0.01")
        return max((moved / tick).to_integral_value(ROUND_CEILING if buys else ROUND_FLOOR), Decimal(1)) * tick
