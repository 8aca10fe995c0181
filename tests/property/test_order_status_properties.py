"""The status in the read model: whatever order venues say things in, and however often, it is the core's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.builders_trading_ledger import TradingLedger, a_fill, an_intent

from steersman.trading import events as e
from steersman.trading import queries
from steersman.trading.model.lifecycle import Known, Status

Said = tuple[str, msgspec.Struct]
_ENDS = {e.ORDER_REJECTED: Status.REJECTED, e.ORDER_CANCELLED: Status.CANCELLED, e.ORDER_EXPIRED: Status.EXPIRED}
_ENDED = e.OrderEnded(order_id="o1", reason="because", at=12)


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Said], list[Said]]:
    """Return what was said of one order once and in order, and the same with repeats and in any order."""
    said: list[Said] = []
    if draw(st.booleans()):
        said.append((e.ORDER_SENT, e.OrderSent(order_id="o1", at=10)))
    if draw(st.booleans()):
        said.append((e.ORDER_UNKNOWN, _ENDED))
    if draw(st.booleans()):
        said.append((e.ORDER_ACKNOWLEDGED, e.OrderAcknowledged(order_id="o1", venue_order_id="v1", at=11)))
    for number, quantity in enumerate(draw(st.lists(st.integers(1, 4), max_size=4))):
        said.append((e.ORDER_FILLED, a_fill(f"x{number}", quantity=quantity)))
    if draw(st.booleans()):
        said.append((e.ORDER_CANCEL_REQUESTED, e.OrderCancelRequested(order_id="o1", by="person:me", reason="", at=9)))
    end = draw(st.sampled_from([None, *_ENDS]))
    if end is not None:
        said.append((end, _ENDED))
    repeats = draw(st.lists(st.sampled_from(said), max_size=5)) if said else []
    shuffled = draw(st.permutations([(e.ORDER_SUBMITTED, an_intent(quantity=10)), *said, *repeats]))
    return said, shuffled


def status_of_core(said: list[Said]) -> Status:
    known = Known(quantity=Decimal(10))
    for kind, data in said:
        if kind == e.ORDER_SENT:
            known.sent = True
        elif kind == e.ORDER_UNKNOWN:
            known.doubted = True
        elif kind == e.ORDER_ACKNOWLEDGED:
            known.acknowledged = True
        elif isinstance(data, e.OrderFilled):
            known.executed(data.quantity)
        elif kind == e.ORDER_CANCEL_REQUESTED:
            known.cancelling = True
        else:
            known.end(_ENDS[kind])
    return known.status


@given(life=lives())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_repeated_and_reordered_give_the_status_of_the_core(
    life: tuple[list[Said], list[Said]], tmp_path: Path
) -> None:
    said, shuffled = life
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
    ledger = TradingLedger(path)
    for kind, data in shuffled:
        ledger.ledger_only(kind, data)
    ledger.catch_up()
    found = queries.order(ledger.db, "o1")
    assert found is not None
    wanted = status_of_core(said)
    assert found.row.status == wanted.value
    filled = sum((data.quantity for _, data in said if isinstance(data, e.OrderFilled)), Decimal(0))
    assert found.row.filled == filled
    assert found.row.reason == ("because" if wanted in (Status.UNKNOWN, *_ENDS.values()) else "")
    assert queries.totals(ledger.db).orders == 1
    assert queries.order_counts(ledger.db) == {wanted.value: 1}
