"""Orders over FIX: what is sent, what comes back, what is refused, what breaks on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import apsw
import pytest
from tests.integration.venues.fix_harness import an_order
from tests.integration.venues.fix_steps import (
    FIRST,
    HUNDRED,
    Start,
    back,
    filled,
    numbers,
    sent,
    take,
    up,
)

from steersman.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_an_order_is_acknowledged_filled_in_parts_and_charged(start: Start, version: str) -> None:
    harness, venue = start(version=version)
    venue.submit(an_order())
    (ack,) = take(harness, venue)
    assert ack == Acknowledged(order_id=FIRST, venue_order_id="V1", at=ack.at)
    harness.trade("IBM", HUNDRED, Decimal(4))
    harness.trade("IBM", Decimal("99.5"), Decimal(100))
    reports = take(harness, venue)
    assert [(r.quantity, r.price, r.fee) for r in reports if isinstance(r, Execution)] == [
        (Decimal(4), HUNDRED, Decimal("0.25")),
        (Decimal(6), Decimal("99.5"), Decimal("0.25")),
    ]
    assert filled(reports) == [(f"{FIRST}-E1", Decimal(4)), (f"{FIRST}-E2", Decimal(6))]
    found = venue.lookup(FIRST)
    assert found is not None
    assert (found.status, found.filled, found.venue_order_id) == ("filled", Decimal(10), "V1")
    assert venue.lookup(OrderId("never")) is None
    assert list(venue.open_orders()) == []


def test_an_order_says_all_that_was_asked_for(start: Start) -> None:
    harness, venue = start(order_fields={"100": "XNYS", "47": "A"})
    venue.submit(
        an_order(
            side=Side.SELL,
            quantity=1_500,
            order_type=OrderType.STOP_LIMIT,
            limit_price=Decimal("99.50"),
            stop_price=Decimal("99.9"),
            time_in_force=TimeInForce.DAY,
        )
    )
    harness.settle()
    (order,) = sent(harness, "D")
    assert "|11=alpha000000000000001a|1=ACC1|21=1|55=IBM.N|54=2|60=20231114-22:13:20.000|38=1500|40=4|" in order
    assert "|40=4|44=99.5|99=99.9|59=0|100=XNYS|47=A|" in order


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": Decimal("1.5")}, "in steps of 1"),
        ({"limit_price": Decimal("1.005")}, "in steps of 0.01"),
        ({"limit_price": None}, "needs a limit_price"),
        ({"stop_price": Decimal(1)}, "has no stop_price"),
        ({"instrument": "NOPE"}, "no instrument 'NOPE'"),
    ],
)
def test_what_no_counterparty_could_take_is_refused_before_it_is_sent(
    start: Start, changes: dict[str, Any], why: str
) -> None:
    harness, venue = start()
    venue.submit(an_order(**changes))
    (ended,) = venue.poll()
    assert isinstance(ended, Ended)
    assert ended.how == "rejected"
    assert why in ended.reason
    assert sent(harness, "D") == []


def test_a_cancel_that_crosses_a_fill_is_refused_and_the_fill_counts(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    held = bytearray()

    def hold(data: bytes) -> bytes:
        held.extend(data)
        return b""

    harness.wire.to_us = hold
    harness.acceptor.do("trade", symbol="IBM.N", price=100, quantity=10)
    venue.cancel(FIRST)
    harness.wait(lambda: b"\x0135=9\x01" in held, "the refusal")
    harness.wire.to_us = lambda data: bytes(held) + data
    harness.acceptor.do("send", type="B", body=[[148, "news"]])
    harness.wait(lambda: harness.is_up() and numbers(venue)[0] >= 7, "what was held")
    reports = list(venue.poll())
    assert filled(reports) == [(f"{FIRST}-E1", Decimal(10))]
    assert [r.reason for r in reports if isinstance(r, CancelRefused)] == ["too late"]
    assert not [r for r in reports if isinstance(r, Ended)]


def test_quickfix_takes_one_id_twice_so_the_refusal_is_ours_and_survives_a_restart(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    body = sent(harness, "D")[0].split("|52=")[1].split("|", 1)[1].rpartition("|10=")[0]
    fields = [(int(tag), value) for tag, _, value in (part.partition("=") for part in body.split("|"))]
    venue._opened()[0].send("D", fields)
    harness.settle()
    assert harness.taken(FIRST) == 2  # nothing there stops it
    before = len(sent(harness, "D"))
    with pytest.raises(Conflict, match=FIRST):
        venue.submit(an_order(quantity=3))
    venue = harness.restart()
    with pytest.raises(Conflict, match=FIRST):
        venue.submit(an_order())
    harness.acceptor.kill()
    with pytest.raises(Conflict):  # nobody has to be asked
        venue.submit(an_order())
    assert len(sent(harness, "D")) == before


def test_an_order_is_not_sent_while_nobody_is_there_and_may_be_sent_later(start: Start) -> None:
    harness, venue = start()
    harness.wire.open = False
    with pytest.raises(Unavailable, match="not logged on") as found:
        venue.submit(an_order())
    assert not isinstance(found.value, OutcomeUnknown)
    harness.wire.open = True
    back(harness)
    venue.submit(an_order())
    assert harness.taken(FIRST) == 1


class Breaking:
    """A connection that takes a few bytes and then breaks."""

    def __init__(self, real: Any, takes: int) -> None:
        self._real, self._left = real, takes

    def send(self, data: memoryview) -> int:
        if self._left <= 0:
            raise BrokenPipeError("broken pipe")
        done: int = self._real.send(data[: self._left])
        self._left -= done
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("takes", [0, 40])
def test_a_write_that_breaks_leaves_the_outcome_unknown_and_the_order_unsent_for_good(start: Start, takes: int) -> None:
    harness, venue = start()
    up(harness, venue)
    link = venue._opened()[0]
    with link.lock:
        link._socket = Breaking(link._socket, takes)  # type: ignore[assignment]
        with pytest.raises(OutcomeUnknown, match="broke while message 3 was written") as found:
            venue.submit(an_order())
    assert found.value.fix == "steersman reconcile"
    with pytest.raises(Conflict):
        venue.submit(an_order())
    back(harness)
    assert venue.lookup(FIRST) is None
    (ended,) = take(harness, venue)
    assert isinstance(ended, Ended)
    assert (ended.order_id, ended.how) == (FIRST, "rejected")
    assert "never arrived" in ended.reason
    assert harness.taken(FIRST) == 0


def test_a_disk_that_is_full_lets_nothing_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    harness, venue = start()
    up(harness, venue)
    store = venue._opened()[0].store

    def full(*args: object, **kwargs: object) -> None:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_order", full)
        with pytest.raises(Unavailable, match="cannot be written"):
            venue.submit(an_order())
    assert sent(harness, "D") == []
    venue.submit(an_order())  # the same number is used
    assert harness.taken(FIRST) == 1
    assert "|34=3|" in sent(harness, "D")[0]
