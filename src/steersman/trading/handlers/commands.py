"""What people and programs outside the core may ask of it: each request is an event the core acts on, once.

Nothing here decides anything. A request is durable when these functions return; the core takes it up at once if it
runs, and when it comes back if it does not.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import msgspec

from steersman.kernel.errors import Conflict, Rejected
from steersman.kernel.ids import uuid7
from steersman.ledger import Ledger, new_event
from steersman.trading import events as e
from steersman.trading.handlers.recorded import event_id, order_correlation, order_id_of
from steersman.trading.model.request import SignalRequest


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """A signal that stands in the ledger at `pos`; `repeated`: it stood there before, and nothing was added."""

    signal_id: str
    source: str
    pos: int
    repeated: bool


def decided_id(source: str, signal_id: str) -> str:
    """Return the id under which a signal from outside is decided and listed: ids of two sources never meet."""
    return f"{source}/{signal_id}"


def submit(ledger: Ledger, request: SignalRequest, *, source: str, actor: str, now_ns: int) -> Submitted:
    """Make a signal from outside durable, for the core to decide; the same one again changes nothing.

    Raises:
        Conflict: this source said something else under the same id before.
        Unavailable: the ledger does not take events; it may be submitted again.
    """
    identity = event_id(e.SIGNAL_SUBMITTED, source, request.signal_id)
    known = ledger.get(identity)
    decided = decided_id(source, request.signal_id)
    if known is None:
        order_id = order_id_of(request.strategy, source, decided)
        event = new_event(
            e.SIGNAL_SUBMITTED,
            stream=f"signal/{source}/{decided}",
            data=e.SignalSubmitted(source=source, request=request, received_at=now_ns),
            actor=actor,
            now_ns=now_ns,
            id=identity,
            correlation_id=order_correlation(order_id),
        )
        done = ledger.append([event])
        if not done.repeated:
            return Submitted(signal_id=decided, source=source, pos=done.last, repeated=False)
        known = ledger.get(identity)  # somebody else submitted it a moment ago
    if known is not None and msgspec.json.decode(known.data, type=e.SignalSubmitted).request != request:
        raise Conflict(
            f"signal {request.signal_id!r} of {source} came before with other contents; the first one stands",
            fix="give a new signal a new signal_id",
        )
    return Submitted(signal_id=decided, source=source, pos=known.pos if known else 0, repeated=True)


def cancel(ledger: Ledger, order_id: str, *, by: str, reason: str, now_ns: int) -> UUID:
    """Ask for the end of an order; return the id of the request."""
    data = e.OrderCancelRequested(order_id=order_id, by=by, reason=reason, at=now_ns)
    return _order_request(ledger, e.ORDER_CANCEL_REQUESTED, data, order_id, by, now_ns)


def replace(
    ledger: Ledger,
    order_id: str,
    *,
    by: str,
    now_ns: int,
    quantity: Decimal | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
) -> UUID:
    """Ask for an order to be cancelled and sent anew with other numbers; what is new goes through the gate.

    Raises:
        Rejected: nothing is to be changed.
    """
    if quantity is None and limit_price is None and stop_price is None:
        raise Rejected("nothing is to be changed", fix="name a quantity, a limit price or a stop price")
    data = e.OrderReplaceRequested(
        order_id=order_id, by=by, quantity=quantity, limit_price=limit_price, stop_price=stop_price, at=now_ns
    )
    return _order_request(ledger, e.ORDER_REPLACE_REQUESTED, data, order_id, by, now_ns)


def reconcile(ledger: Ledger, *, by: str, settle: bool, now_ns: int) -> str:
    """Ask the core to compare the ledger with the venues; return the request's id, which the reports will carry."""
    request_id = str(uuid7(now_ns))
    data = e.ReconcileRequested(request_id=request_id, by=by, settle=settle, at=now_ns)
    event = new_event(e.RECONCILE_REQUESTED, stream="venue/all", data=data, actor=by, now_ns=now_ns)
    ledger.append([event])
    return request_id


def _order_request(ledger: Ledger, kind: str, data: msgspec.Struct, order_id: str, by: str, now_ns: int) -> UUID:
    stream = f"order/{order_id}"
    if not ledger.stream_version(stream):
        raise Rejected(f"there is no order {order_id!r}", fix="`steersman order list` names them")
    event = new_event(
        kind, stream=stream, data=data, actor=by, now_ns=now_ns, correlation_id=order_correlation(order_id)
    )
    ledger.append([event])
    return event.id
