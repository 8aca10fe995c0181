"""Orders and executions: what was said of each is kept, and its status worked out as the core does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from steersman.ledger.event import Event
from steersman.ledger.projections import Database
from steersman.policy.halts import HaltState
from steersman.trading import events as e
from steersman.trading.model.lifecycle import ENDED, Known, Status
from steersman.trading.projections.positions import move
from steersman.trading.projections.venues import heard
from steersman.trading.projections.writing import Handler, count, insert, maybe, on, strategy, text

_REPLACEMENT: Final = "replace/"
_OPEN: Final = tuple(status.value for status in Status if status not in ENDED)


def _open(db: Database, order_id: str, at: int, pos: int) -> None:
    """Make sure the order has a row: any report may be the first we hear of it."""
    if insert(db, "trading_order", order_id=order_id, at=at, pos=pos):
        count(db, "status", Status.PENDING.value)


def _say(db: Database, order_id: str, at: int, event: Event, changes: str, *params: object) -> None:
    """Keep what was said about an order, then work its status out."""
    _open(db, order_id, at, event.pos)
    db.execute(f"UPDATE trading_order SET at = max(at, ?), {changes} WHERE order_id = ?", (at, *params, order_id))
    _settle(db, order_id)


def _settle(db: Database, order_id: str) -> None:
    row = db.execute(
        """SELECT quantity, filled, sent, acknowledged, cancelling, doubted, ended, ended_why, doubted_why, status
           FROM trading_order WHERE order_id = ?""",
        (order_id,),
    )[0]
    quantity, filled, sent, acknowledged, cancelling, doubted, ended, ended_why, doubted_why, before = row
    known = Known(
        quantity=None if quantity is None else Decimal(quantity),
        filled=Decimal(filled),
        sent=bool(sent),
        acknowledged=bool(acknowledged),
        cancelling=bool(cancelling),
        doubted=bool(doubted),
        ended=None if ended is None else Status(ended),
    )
    status = known.status
    reason = doubted_why if status is Status.UNKNOWN else ended_why if status is known.ended else ""
    db.execute("UPDATE trading_order SET status = ?, reason = ? WHERE order_id = ?", (status.value, reason, order_id))
    if status.value != before:
        count(db, "status", before, -1)
        count(db, "status", status.value)


def _submitted(db: Database, o: e.OrderSubmitted, event: Event) -> None:
    _open(db, o.order_id, o.at, event.pos)
    facts: dict[str, Any] = {
        "signal_id": o.signal_id,
        "strategy": o.strategy,
        "instrument": o.instrument,
        "venue": o.venue,
        "side": o.side.value,
        "quantity": text(o.quantity),
        "order_type": o.order_type.value,
        "limit_price": maybe(o.limit_price),
        "stop_price": maybe(o.stop_price),
        "stop_loss": maybe(o.stop_loss),
        "take_profit": maybe(o.take_profit),
        "alternatives": o.group,
        "time_in_force": o.time_in_force.value,
        "decision_price": maybe(o.decision_price),
        "policy_version": o.policy_version,
        "submitted_at": o.at,
        "replaces": _replaced(o.signal_id),
        "pos": event.pos,
    }
    columns = ", ".join(f"{name} = ?" for name in facts)
    new = db.execute(
        f"UPDATE trading_order SET {columns} WHERE order_id = ? AND submitted_at IS NULL RETURNING 1",
        (*facts.values(), o.order_id),
    )
    if new:
        count(db, "order")
        strategy(db, o.strategy, "orders = orders + 1")
        if facts["replaces"]:
            db.execute("UPDATE trading_order SET replaced_by = ? WHERE order_id = ?", (o.order_id, facts["replaces"]))
        _settle(db, o.order_id)


def _replaced(signal_id: str) -> str | None:
    """Return the order that a signal takes the place of; its id says so."""
    if not signal_id.startswith(_REPLACEMENT):
        return None
    return signal_id.removeprefix(_REPLACEMENT).partition("/")[0]


def _sent(db: Database, o: e.OrderSent, event: Event) -> None:
    _say(db, o.order_id, o.at, event, "sent = 1")


def _acknowledged(db: Database, a: e.OrderAcknowledged, event: Event) -> None:
    _say(
        db,
        a.order_id,
        a.at,
        event,
        "acknowledged = 1, venue_order_id = coalesce(venue_order_id, ?)",
        a.venue_order_id,
    )
    venue = db.execute("SELECT venue FROM trading_order WHERE order_id = ?", (a.order_id,))[0][0]
    if venue is not None:
        heard(db, venue, event.pos)


def _filled(db: Database, f: e.OrderFilled, event: Event) -> None:
    new = insert(
        db,
        "trading_fill",
        pos=event.pos,
        venue=f.venue,
        execution_id=f.execution_id,
        order_id=f.order_id,
        strategy=f.strategy,
        instrument=f.instrument,
        side=f.side.value,
        quantity=text(f.quantity),
        price=text(f.price),
        fee=text(f.fee),
        slippage_bps=f.slippage_bps,
        at=f.at,
    )
    if not new:
        return
    count(db, "fill")
    _open(db, f.order_id, f.at, event.pos)
    row = db.execute("SELECT filled, notional, fees FROM trading_order WHERE order_id = ?", (f.order_id,))[0]
    filled, notional, fees = (Decimal(value) for value in row)
    _say(
        db,
        f.order_id,
        f.at,
        event,
        """filled = ?, notional = ?, fees = ?, strategy = coalesce(strategy, ?), instrument = coalesce(instrument, ?),
           venue = coalesce(venue, ?), side = coalesce(side, ?)""",
        *(text(filled + f.quantity), text(notional + f.quantity * f.price), text(fees + f.fee)),
        *(f.strategy, f.instrument, f.venue, f.side.value),
    )
    heard(db, f.venue, event.pos)
    move(db, f.instrument, f.quantity if f.side.value == "buy" else -f.quantity, f.price, f.at)


def _ender(how: str) -> Callable[[Database, e.OrderEnded, Event], None]:
    def ended(db: Database, o: e.OrderEnded, event: Event) -> None:
        # The first word stands, and its reason with it.
        changes = "ended_why = iif(ended IS NULL, ?, ended_why), ended = coalesce(ended, ?)"
        _say(db, o.order_id, o.at, event, changes, o.reason, how)

    return ended


def _unknown(db: Database, o: e.OrderEnded, event: Event) -> None:
    _say(db, o.order_id, o.at, event, "doubted = 1, doubted_why = ?", o.reason)


def _cancel_requested(db: Database, o: e.OrderCancelRequested, event: Event) -> None:
    changes = "cancelling = 1, cancel_by = ?, cancel_refused = NULL"
    _say(db, o.order_id, o.at if _is_new(db, o.order_id) else 0, event, changes, o.by)


def _cancel_refused(db: Database, o: e.OrderEnded, event: Event) -> None:
    _say(db, o.order_id, o.at, event, "cancelling = 0, cancel_refused = ?", o.reason)


def _replace_requested(db: Database, o: e.OrderReplaceRequested, event: Event) -> None:
    at = o.at if _is_new(db, o.order_id) else 0
    _say(db, o.order_id, at, event, "cancelling = 1, replace_by = ?, replace_dropped = NULL", o.by)


def _is_new(db: Database, order_id: str) -> bool:
    """Say whether nothing else is known of it: a person's request is on another clock than a replayed desk."""
    return not db.execute("SELECT 1 FROM trading_order WHERE order_id = ?", (order_id,))


def _replace_dropped(db: Database, o: e.OrderEnded, event: Event) -> None:
    _say(db, o.order_id, o.at, event, "replace_dropped = ?", o.reason)


def _halt_obeyed(db: Database, h: e.HaltObeyed, event: Event) -> None:
    """Take in how a halt was acted on: the end of every open order it covers was asked for."""
    db.execute(
        "UPDATE trading_halt SET orders = ?, refused = ?, took_ms = ? WHERE pos = ?",
        (h.orders, h.refused, h.took_ms, h.halt_pos),
    )
    if not h.orders:
        return
    halts = HaltState({h.scope: ""})
    marks = ", ".join("?" * len(_OPEN))
    rows = db.execute(
        f"SELECT order_id, venue, strategy, instrument FROM trading_order WHERE status IN ({marks})", _OPEN
    )
    for order_id, venue, owner, instrument in rows:
        if halts.covering(venue=venue or "", strategy=owner or "", instrument=instrument or "") is not None:
            db.execute(
                "UPDATE trading_order SET cancelling = 1, cancel_by = coalesce(cancel_by, ?) WHERE order_id = ?",
                (f"halt of {h.scope}", order_id),
            )
            _settle(db, order_id)


HANDLERS: Final[dict[str, Handler]] = {
    e.ORDER_SUBMITTED: on(e.OrderSubmitted, _submitted),
    e.ORDER_SENT: on(e.OrderSent, _sent),
    e.ORDER_ACKNOWLEDGED: on(e.OrderAcknowledged, _acknowledged),
    e.ORDER_FILLED: on(e.OrderFilled, _filled),
    e.ORDER_REJECTED: on(e.OrderEnded, _ender("rejected")),
    e.ORDER_CANCELLED: on(e.OrderEnded, _ender("cancelled")),
    e.ORDER_EXPIRED: on(e.OrderEnded, _ender("expired")),
    e.ORDER_UNKNOWN: on(e.OrderEnded, _unknown),
    e.ORDER_CANCEL_REQUESTED: on(e.OrderCancelRequested, _cancel_requested),
    e.ORDER_CANCEL_REFUSED: on(e.OrderEnded, _cancel_refused),
    e.ORDER_REPLACE_REQUESTED: on(e.OrderReplaceRequested, _replace_requested),
    e.ORDER_REPLACE_DROPPED: on(e.OrderEnded, _replace_dropped),
    e.HALT_OBEYED: on(e.HaltObeyed, _halt_obeyed),
}
