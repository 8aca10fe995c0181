"""The inbox: what waits for a person with the numbers that matter, and what became of earlier answers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.console import wording
from steersman.console.when import span
from steersman.policy.approvals import REVIEW, RUN
from steersman.trading import queries as trading
from steersman.trading.events import CheckRow
from steersman.trading.queries import Hold, OrderRow, VerdictDetail

_OPEN: Final = 50
_ANSWERED: Final = 20
_WORTH: Final = "APPROVAL"
"""The check that sees what an order is worth."""
_PLACES: Final = Decimal("0.0001")
_URGENT_NS: Final = 3600 * 10**9


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A hold with what one needs to answer it.

    Attributes:
        checks: the check rows that did not pass when it was held, so that a person is asked.
        quantity, price, value: units, what the source saw per unit, and their product; None if not known. `wanted` is
            what the signal asked for, where that was cut.
        held, after: units of the instrument now, and if the whole order is filled.
        left: how long it may be answered, in words; empty when it may not.
        order: what it became.
        halted: the scope whose halt would refuse it when it is checked again.
    """

    hold: Hold
    verdict: VerdictDetail | None
    checks: tuple[CheckRow, ...]
    quantity: Decimal | None
    wanted: Decimal | None
    price: Decimal | None
    value: Decimal | None
    held: Decimal
    after: Decimal | None
    left: str
    urgent: bool
    order: OrderRow | None
    halted: str | None

    @property
    def title(self) -> str:
        """What is asked for, as short as can be."""
        if self.verdict is None or self.quantity is None:
            return self.hold.what
        row = self.verdict.row
        return f"{row.side} {wording.quantity(self.quantity)} {row.instrument}"


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """The page: what waits, the one that expires first at the top; and the latest that do not wait any more."""

    waiting: tuple[Item, ...]
    total: int
    answered: tuple[Item, ...]
    replayed: bool


def look(desk: Desk) -> Inbox:
    """Read the inbox; the read models are as the last refresh left them."""
    db, now = desk.db, desk.time_ns()
    waiting = trading.holds(db, now_ns=now, limit=_OPEN)
    latest = trading.holds(db, now_ns=now, open_only=False, limit=_OPEN + _ANSWERED)
    answered = [hold for hold in latest if hold.status != "open"][:_ANSWERED]
    return Inbox(
        waiting=tuple(item(desk, hold) for hold in sorted(waiting, key=lambda hold: hold.expires_at)),
        total=trading.waiting(db, now_ns=now),
        answered=tuple(item(desk, hold) for hold in answered),
        replayed=desk.replays,
    )


def item(desk: Desk, hold: Hold) -> Item:
    """Return a hold with its numbers."""
    found = trading.verdict(desk.db, hold.subject)
    order = trading.order(desk.db, hold.order_id) if hold.order_id is not None else None
    # Runs are on the wall clock, also where a replayed feed sets the desk's.
    left_ns = hold.expires_at - (desk.clock.now_ns() if hold.kind == RUN else desk.time_ns())
    is_open = hold.status == "open"
    expires = is_open and hold.kind != REVIEW
    first = found.first if found is not None else None
    checks = first.checks if first is not None else found.checks if found is not None else ()
    quantity, price, held, after = _numbers(desk, found, checks)
    return Item(
        hold=hold,
        verdict=found,
        checks=tuple(check for check in checks if not check.ok),
        quantity=quantity,
        wanted=found.row.asked if found is not None and found.first is None and found.row.asked != quantity else None,
        price=price,
        value=quantity * price if quantity is not None and price is not None else None,
        held=held,
        after=after,
        left=span(left_ns / 1e9) if expires else "",
        urgent=expires and left_ns < _URGENT_NS,
        order=order.row if order is not None else None,
        halted=_halted(desk, found) if is_open else None,
    )


def _halted(desk: Desk, found: VerdictDetail | None) -> str | None:
    if found is None:
        return None
    row = found.row
    declared = desk.workspace.trading.instruments.get(row.instrument)
    venue = declared.venue if declared is not None else ""
    return desk.halts.covering(venue=venue, strategy=row.strategy, instrument=row.instrument)


def _numbers(
    desk: Desk, found: VerdictDetail | None, checks: Sequence[CheckRow]
) -> tuple[Decimal | None, Decimal | None, Decimal, Decimal | None]:
    """Return units, price, units held now and after it."""
    if found is None:
        return None, None, Decimal(0), None
    row, signal = found.row, found.signal
    quantity = found.first.quantity if found.first is not None else row.quantity
    price = signal.limit_price or signal.price if signal is not None else None
    if price is None and signal is not None:
        price = _gate_price(checks, signal.quantity)
    held = next((p.quantity for p in trading.positions(desk.db) if p.instrument == row.instrument), Decimal(0))
    return quantity, price, held, held + (quantity if row.side == "buy" else -quantity)


def _gate_price(checks: Sequence[CheckRow], asked: Decimal) -> Decimal | None:
    """Return the price that the gate put on a signal that named none: what it was worth, by the units asked for."""
    seen = next((check.seen for check in checks if check.code == _WORTH and check.unit == "currency"), None)
    if not seen or not asked:
        return None
    return (Decimal(seen).scaleb(-9) / asked).quantize(_PLACES).normalize()
