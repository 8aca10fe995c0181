"""One order of ours as the counterparty's messages tell it: each message becomes reports, once."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from steersman.trading.adapters.fix.wire import Message, read_stamp, readable
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import (
    Acknowledged,
    CancelRefused,
    Ended,
    Execution,
    Order,
    Report,
    VenueOrder,
    VenueStatus,
)
from steersman.trading.model.signal import Side, TimeInForce

SIDES: Final = {Side.BUY: "1", Side.SELL: "2"}
_SELLS: Final = frozenset("256")
_OPEN: Final = frozenset("015679ADE")
_KINDS: Final = frozenset("0123456789ABCDEFI")
_PLACES: Final = Decimal("1e-9")
_CANCEL_REASONS: Final = {"0": "too late to cancel", "1": "unknown order", "3": "a cancel is pending already"}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a message means: reports, and what of it an operator must see because no report can say it."""

    reports: list[Report] = []
    trouble: str = ""


class Known:
    """An order and what was told of it. `base`: units filled before anything was kept here, as the ledger has it."""

    def __init__(self, order: Order, instrument: Instrument, base: Decimal = Decimal(0)) -> None:
        self.order = order
        self.instrument = instrument
        self.venue_order_id = ""
        self.acknowledged = False
        self.ended = ""
        self.cum = self.base = base
        self._notional: Decimal | None = Decimal(0) if base == 0 else None
        self._executions: set[str] = set()
        self._missed: list[tuple[Decimal, Decimal]] = []

    @property
    def is_open(self) -> bool:
        return not self.ended and self.cum < self.order.quantity

    def trust(self, filled: Decimal) -> None:
        """Take over that `filled` units are booked: their executions are not missing, whatever is heard of them."""
        if filled > self.cum:
            self.cum = self.base = filled
            self._notional = None

    def take(self, message: Message, now: int) -> Told:
        """Return what an ExecutionReport, a reject of the order or of its cancel means; `now` in ns since 1970.

        What contradicts itself or what is known becomes trouble and no report.
        """
        at = read_stamp(message.get(60)) or read_stamp(message.get(52)) or now
        try:
            if message.defect:
                raise ValueError(f"a field cannot be read ({message.defect})")
            if message.type == "8":
                return self._executed(message, at)
            return Told(reports=self._refused(message, at))
        except ValueError as exc:
            return Told(trouble=f"order {self.order.order_id}: {exc}: {message.shown()}")

    def state(self) -> VenueOrder:
        """Return the order as it was told last."""
        status: VenueStatus = "open"
        if self.ended:
            status = "cancelled" if self.ended == "cancelled" else "expired" if self.ended == "expired" else "rejected"
        elif self.cum >= self.order.quantity:
            status = "filled"
        return VenueOrder(
            order_id=self.order.order_id,
            venue_order_id=self.venue_order_id,
            instrument=self.order.instrument,
            side=self.order.side,
            quantity=self.order.quantity,
            filled=self.cum,
            status=status,
        )

    def end(self, how: str, reason: str, at: int) -> list[Report]:
        """Note that nothing more will be traded; reported once."""
        if self.ended or self.cum >= self.order.quantity:
            return []
        self.ended = how
        return [Ended(order_id=self.order.order_id, how=how, reason=readable(reason), at=at)]

    # -- ExecutionReport -----------------------------------------------------------------------------------------

    def _executed(self, message: Message, at: int) -> Told:
        kind, taken_back = message.get(150) or "", message.get(20) in ("1", "2")
        if taken_back or kind in ("G", "H"):
            raise ValueError("an execution was taken back or corrected; book it by hand")
        if kind not in _KINDS or message.get(39) not in (*_OPEN, "2", "3", "4", "8", "B", "C"):
            raise ValueError(f"unknown ExecType {kind!r} or OrdStatus {message.get(39)!r}")
        side = message.get(54)
        if side is not None and side != SIDES[self.order.side]:
            raise ValueError(f"side {side!r} is not the order's")
        cum = self._cum(message)
        if kind == "F" or (kind in ("1", "2") and message.get(20) in (None, "0")):
            reports, trouble = self._traded(message, cum, at)
        else:
            reports = [] if cum is None or cum <= self.cum else [self._catch_up(message, cum, cum, Decimal(0), at)]
            trouble = "the order was replaced, not by us" if kind == "5" else ""
        reports = [*self._acknowledge(message, kind, at), *reports, *self._over(message, kind, at)]
        return Told(reports=reports, trouble=f"order {self.order.order_id}: {trouble}" if trouble else "")

    def _cum(self, message: Message) -> Decimal | None:
        cum = message.decimal(14)
        if cum is not None and not 0 <= cum <= self.order.quantity:
            raise ValueError(f"CumQty {cum} of an order of {self.order.quantity}")
        return cum

    def _acknowledge(self, message: Message, kind: str, at: int) -> list[Report]:
        self.venue_order_id = message.get(37) or self.venue_order_id
        if self.acknowledged or kind == "A" or message.get(39) in ("8", "A"):
            return []
        self.acknowledged = True
        return [Acknowledged(order_id=self.order.order_id, venue_order_id=self.venue_order_id, at=at)]

    def _traded(self, message: Message, cum: Decimal | None, at: int) -> tuple[list[Report], str]:
        execution_id, last, price = message.get(17), message.decimal(32), message.decimal(31)
        if not execution_id or last is None or last <= 0 or price is None or price <= 0:
            raise ValueError("an execution without id, quantity above 0 or price above 0")
        if execution_id in self._executions:
            return [], ""
        cum = self.cum + last if cum is None else cum
        before = cum - last
        if not 0 <= before < cum <= self.order.quantity:
            raise ValueError(f"an execution of {last} up to {cum} of an order of {self.order.quantity}")
        fee, trouble = _fee(message, last, price, self.instrument)
        reports: list[Report] = []
        if before >= self.cum:
            if before > self.cum:
                reports.append(self._catch_up(message, before, cum, last * price, at))
            self.cum = cum
            self._notional = None if self._notional is None else self._notional + last * price
        elif any(low <= before and cum <= high for low, high in self._missed):
            self._executions.add(execution_id)
            return [], ""  # reported already as part of what was missing
        elif cum > self.base:
            raise ValueError(f"execution {readable(execution_id)} up to {cum}, but {self.cum} were told of before")
        self._executions.add(execution_id)
        reports.append(self._execution(execution_id, last, price, fee, at))
        return reports, trouble

    def _catch_up(self, message: Message, upto: Decimal, cum: Decimal, later: Decimal, at: int) -> Execution:
        """Report as one execution what was traded up to `upto` in messages that were lost (the numbers were reset).

        The price is what AvgPx leaves for it: `cum` units at AvgPx, less what is known, less `later`.
        """
        average = message.decimal(6)
        if average is None or average <= 0:
            raise ValueError(f"{upto} were filled, {self.cum} known, and AvgPx does not say at what price")
        quantity = upto - self.cum
        price = average if self._notional is None else (average * cum - self._notional - later) / quantity
        price = price.quantize(_PLACES)
        if price <= 0:
            raise ValueError(f"AvgPx {average} does not agree with the executions before")
        self._missed.append((self.cum, upto))
        self.cum = upto
        self._notional = None if self._notional is None else self._notional + quantity * price
        number = f"missed-{format(upto.normalize(), 'f')}"
        return self._execution(number, quantity, price, Decimal(0), at)

    def _execution(self, number: str, quantity: Decimal, price: Decimal, fee: Decimal, at: int) -> Execution:
        # ExecID is unique for a day or for an order's life only: with the order's id it is so for ever.
        return Execution(
            order_id=self.order.order_id,
            execution_id=f"{self.order.order_id}-{number}",
            quantity=quantity,
            price=price,
            fee=fee,
            at=at,
        )

    def _over(self, message: Message, kind: str, at: int) -> list[Report]:
        """Report the end of the order, if this message tells of one: in its kind, or beside a state or a last fill."""
        status = message.get(39) or ""
        ending = status if kind in ("I", "D", "B", "F", "1", "2") else kind
        how = {"4": "cancelled", "C": "expired", "8": "rejected"}.get(ending, "")
        if ending == "3" and self.order.time_in_force is not TimeInForce.GTC:
            how = "expired"
        if status == "2" and message.get(14) is not None and self.cum < self.order.quantity:
            # The counterparty made the order smaller and filled that.
            return self.end("cancelled", f"it is done with {self.cum} of {self.order.quantity}", at)
        return self.end(how, message.get(58) or f"the counterparty says {how}", at) if how else []

    # -- refusals ------------------------------------------------------------------------------------------------

    def _refused(self, message: Message, at: int) -> list[Report]:
        """Return what OrderCancelReject, BusinessMessageReject and Reject say to the order or to its cancel."""
        reason = message.get(58) or ""
        if message.type == "9":
            reason = reason or _CANCEL_REASONS.get(message.get(102) or "", f"reason {message.get(102)}")
        elif message.get(372) != "F":
            return self.end("rejected", reason or f"reason {message.get(380) or message.get(373)}", at)
        if self.ended:
            return []
        return [CancelRefused(order_id=self.order.order_id, reason=readable(reason), at=at)]


def told(message: Message, instrument: str, order_id: str) -> VenueOrder:
    """Return the order that an ExecutionReport is about, ours or not.

    Raises:
        ValueError: it does not say so; names the field.
    """
    status, side = _status(message), message.get(54)
    filled = message.decimal(14)
    quantity = message.decimal(38)
    if quantity is None and filled is not None:
        quantity = filled + (message.decimal(151) or Decimal(0))
    if side is None or filled is None or quantity is None or not 0 <= filled <= quantity:
        raise ValueError(f"side {side!r}, {filled} filled of {quantity}")
    return VenueOrder(
        order_id=order_id,
        venue_order_id=message.get(37) or "",
        instrument=instrument,
        side=Side.SELL if side in _SELLS else Side.BUY,
        quantity=quantity,
        filled=filled,
        status=status,
        reason=readable(message.get(58) or ""),
    )


def _status(message: Message) -> VenueStatus:
    status = message.get(39) or ""
    if status in _OPEN:
        return "open"
    if status in ("3", "B"):
        # Done for the day: a GTC order trades again tomorrow.
        return "open" if message.get(59) == "1" else "expired"
    plain: dict[str, VenueStatus] = {"2": "filled", "4": "cancelled", "8": "rejected", "C": "expired"}
    if status not in plain:
        raise ValueError(f"unknown OrdStatus {status!r}")
    return plain[status]


def _fee(message: Message, quantity: Decimal, price: Decimal, instrument: Instrument) -> tuple[Decimal, str]:
    """Return the commission and other fees of one execution in the instrument's currency, and what cannot be told."""
    commission, kind = message.decimal(12) or Decimal(0), message.get(13)
    fee = commission
    if kind == "1":
        fee = commission * quantity
    elif kind == "2":
        fee = commission * quantity * price
    elif kind != "3" and commission:
        return Decimal(0), f"commission {commission} of type {readable(kind or 'none')} was not booked"
    currency = message.get(479) or instrument.currency
    if fee and currency != instrument.currency:
        return Decimal(0), f"commission {fee} {readable(currency)} was not booked: it is not in {instrument.currency}"
    foreign = next((value for tag, value in message.fields if tag == 138 and value != instrument.currency), None)
    if foreign is not None:
        return fee, f"a fee in {readable(foreign)} was not booked: it is not in {instrument.currency}"
    for tag, value in message.fields:
        if tag == 137:
            fee += _amount(value)
    return fee.quantize(_PLACES).normalize() + 0, ""


def _amount(text: str) -> Decimal:
    found = Message(type="", fields=((137, text),), raw=b"").decimal(137)
    return found if found is not None else Decimal(0)
