"""What is known of one order of ours, and which reports follow from what the account says about it. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from steersman.trading.adapters.alpaca.telling import bare
from steersman.trading.adapters.alpaca.wire import FillJson, Malformed, OrderJson, instant, status_of, units
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, Order, Report
from steersman.trading.model.signal import TimeInForce


class Tracked:
    """One order whose reports are wanted."""

    __slots__ = (
        "acknowledged",
        "cancel_asked",
        "cancel_seen",
        "done",
        "executions",
        "filled",
        "incomplete_since",
        "made_at",
        "missed",
        "order",
        "symbol",
        "venue_order_id",
    )

    def __init__(self, order: Order, symbol: str, *, filled: Decimal = Decimal(0), acknowledged: bool = False) -> None:
        self.order = order
        self.symbol = symbol
        self.filled = filled
        """Units that the ledger or our reports know of, whichever is more."""
        self.acknowledged = acknowledged
        self.venue_order_id = ""
        self.made_at = 0
        """When Alpaca made it (ns), once it said so."""
        self.executions: dict[str, tuple[Decimal, Decimal]] = {}
        """Quantity and price of what was reported in this life, by its id."""
        self.cancel_asked = False
        self.cancel_seen = False
        self.done = False
        self.missed = 0
        """How often in a row the account said that it has no such order."""
        self.incomplete_since: int | None = None
        """Elapsed ns since which the order says that more was filled than its executions add up to."""

    @property
    def is_there(self) -> bool:
        """Whether the account is known to have it."""
        return self.acknowledged or bool(self.venue_order_id)

    def check(self, told: OrderJson) -> None:
        """Refuse an order that cannot be ours as we sent it.

        Raises:
            Malformed: id, side, symbol or quantities contradict what was sent.
        """
        order = self.order
        same = (
            told.client_order_id == order.order_id
            and self.venue_order_id in ("", told.id)
            and told.side == order.side.value
            and bare(told.symbol) == bare(self.symbol)
        )
        filled = units(told.filled_qty, f"filled_qty of order {order.order_id}")
        if not same or not told.id or units(told.qty, f"qty of order {order.order_id}") != order.quantity:
            raise Malformed(
                f"alpaca: order {order.order_id} ({order.side.value} {order.quantity:f} {self.symbol}) is told as "
                f"{told.client_order_id[:48]!r} ({told.side[:8]} {told.qty} {told.symbol[:20]}, {told.id[:48]!r})",
                fix="look at it in Alpaca's dashboard: another program may use this account with the same ids",
            )
        if filled > order.quantity:
            raise Malformed(f"alpaca: order {order.order_id} of {order.quantity:f} has {filled:f} filled")

    def taken(self, told: OrderJson, now: int) -> list[Report]:
        """Return the acknowledgement, if it was not given yet; `told` was checked."""
        self.venue_order_id = told.id
        self.made_at = when(told, now, "created_at", "submitted_at")
        self.missed = 0
        if self.acknowledged or status_of(told) == "rejected":
            return []
        self.acknowledged = True
        at = when(told, now, "submitted_at", "created_at")
        return [Acknowledged(order_id=self.order.order_id, venue_order_id=told.id, at=at)]

    def executed(self, fills: Iterable[FillJson]) -> list[Report]:
        """Return the executions among `fills` that this life has not reported.

        Raises:
            Malformed: they contradict the order or what was told before; none of them counts.
        """
        order = self.order
        new: dict[str, tuple[Decimal, Decimal]] = {}
        made: list[Report] = []
        for fill in fills:
            what = f"of execution {fill.id[:60]!r} of order {order.order_id}"
            quantity = units(fill.qty, f"qty {what}", above_zero=True)
            price = units(fill.price, f"price {what}", above_zero=True)
            if not fill.side.startswith(order.side.value) or bare(fill.symbol) != bare(self.symbol) or not fill.id:
                raise Malformed(f"alpaca: side or symbol {what} is another one: {fill.side[:20]} {fill.symbol[:20]}")
            before = self.executions.get(fill.id) or new.get(fill.id)
            if before is not None:
                if before != (quantity, price):
                    raise Malformed(f"alpaca: quantity or price {what} changed from {before} to {(quantity, price)}")
                continue
            new[fill.id] = (quantity, price)
            made.append(
                Execution(
                    order_id=order.order_id,
                    execution_id=fill.id,
                    quantity=quantity,
                    price=price,
                    # Commissions are none; what regulators and crypto cost comes as activities of the day, not of the
                    # execution.
                    fee=Decimal(0),
                    at=instant(fill.transaction_time, f"transaction_time {what}"),
                )
            )
        total = sum((q for q, _ in (*self.executions.values(), *new.values())), Decimal(0))
        if total > order.quantity:
            raise Malformed(
                f"alpaca: the executions of order {order.order_id} add up to {total:f} of {order.quantity:f}"
            )
        self.executions |= new
        self.filled = max(self.filled, total)
        return made

    def ended(self, told: OrderJson, now: int) -> list[Report]:
        """Return how the order ended, or that it will not be cancelled; only when all its executions were reported.

        Raises:
            Malformed: less is filled than is known, or it is filled without being full.
        """
        status = status_of(told)
        if status == "open":
            return self._not_cancelled(told, now)
        if told.filled_qty < self.filled or (status == "filled" and told.filled_qty != self.order.quantity):
            raise Malformed(
                f"alpaca: order {self.order.order_id} of {self.order.quantity:f} is {told.status} with "
                f"{told.filled_qty:f} filled; known are {self.filled:f}",
                fix="look at it in Alpaca's dashboard, then: steersman reconcile",
            )
        self.done = True
        if status == "filled":
            return [self._refused(f"it was filled ({told.status})", now)] if self.cancel_asked else []
        at = when(told, now, *_ENDS.get(told.status, ()), "updated_at")
        return [Ended(order_id=self.order.order_id, how=status, reason=self._why(told), at=at)]

    def _not_cancelled(self, told: OrderJson, now: int) -> list[Report]:
        """Return the refusal of a cancel: the order was waiting for it, and works on."""
        if told.status == "pending_cancel":
            self.cancel_seen = True
        elif self.cancel_seen:
            self.cancel_seen = self.cancel_asked = False
            return [self._refused(f"the exchange did not cancel it; it is {told.status} again", now)]
        return []

    def _refused(self, reason: str, now: int) -> Report:
        return CancelRefused(order_id=self.order.order_id, reason=reason, at=now)

    def _why(self, told: OrderJson) -> str:
        if told.status == "replaced":
            return f"replaced at Alpaca by its order {told.replaced_by or '(not named)'}"
        if told.status == "rejected":
            return "rejected by Alpaca or the exchange; it tells no reason here, see its dashboard"
        if told.status == "expired":
            return "expired at Alpaca"
        left = f"{self.order.quantity - told.filled_qty:f}"
        if self.cancel_asked:
            return "asked for"
        if self.order.time_in_force is TimeInForce.IOC:
            return f"immediate or cancel: {left} not filled"
        if self.order.time_in_force is TimeInForce.DAY:
            return f"cancelled at Alpaca, as day orders are after the close: {left} not filled"
        return f"cancelled at Alpaca, not by us: {left} not filled"


_ENDS = {
    "canceled": ("canceled_at",),
    "expired": ("expired_at",),
    "rejected": ("failed_at",),
    "replaced": ("replaced_at",),
}


def when(told: OrderJson, now: int, *fields: str) -> int:
    """Return the first of `fields` that is there as ns; `now` if none is."""
    text = next((text for text in (getattr(told, field) for field in fields) if text), None)
    return now if text is None else instant(text, "a time of an order")
