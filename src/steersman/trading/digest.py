"""One number for all decisions: two runs on the same bars under the same policy must give the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from steersman.ledger import Ledger
from steersman.trading import events as e


def _verdict(v: e.VerdictGiven) -> tuple[Any, ...]:
    amounts = (f"{v.asked.normalize():f}", f"{v.quantity.normalize():f}")
    again = ("approved",) if v.approved else ()
    return (
        "verdict",
        v.signal_id,
        v.strategy,
        v.instrument,
        v.side.value,
        v.outcome,
        *amounts,
        *v.failed,
        v.at,
        *again,
    )


def _order(o: e.OrderSubmitted) -> tuple[Any, ...]:
    limit = None if o.limit_price is None else f"{o.limit_price.normalize():f}"
    stop = () if o.stop_price is None else (f"stop {o.stop_price.normalize():f}",)
    return ("order", o.order_id, o.signal_id, o.venue, f"{o.quantity.normalize():f}", limit, o.at, *stop)


def _fill(f: e.OrderFilled) -> tuple[Any, ...]:
    return ("fill", f.order_id, f.execution_id, *(f"{v.normalize():f}" for v in (f.quantity, f.price, f.fee)), f.at)


_FACTS: Final[dict[str, tuple[type[Any], Callable[[Any], tuple[Any, ...]]]]] = {
    e.VERDICT_GIVEN: (e.VerdictGiven, _verdict),
    e.ORDER_SUBMITTED: (e.OrderSubmitted, _order),
    e.ORDER_FILLED: (e.OrderFilled, _fill),
}


def decisions_digest(ledger: Ledger) -> str:
    """Return sha256 over what was decided, sent and filled, in order; no ids, no wall clock, no policy numbering."""
    digest = hashlib.sha256()
    for event in ledger.read(types=tuple(_FACTS)):
        kind, canonical = _FACTS[event.type]
        digest.update(msgspec.json.encode(canonical(msgspec.json.decode(event.data, type=kind))) + b"\n")
    return digest.hexdigest()
