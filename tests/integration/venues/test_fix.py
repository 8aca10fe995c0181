"""The FIX venue against a QuickFIX acceptor, over a wire that can be cut, deafened and garbled."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.integration.venues.fix_harness import FixHarness, an_order

from steersman.kernel.errors import Conflict, Misconfigured, OutcomeUnknown, Unavailable
from steersman.trading.adapters.fix import FixVenue, create
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution, OpenOrder, Order, Report
from steersman.trading.model.signal import OrderId, OrderType, Side, TimeInForce

FIRST, SECOND = OrderId("alpha000000000000001a"), OrderId("alpha000000000000002b")
HUNDRED = Decimal(100)
Start = Callable[..., tuple[FixHarness, FixVenue]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[FixHarness] = []

    def begin(**changes: Any) -> tuple[FixHarness, FixVenue]:
        harness = FixHarness(tmp_path, **changes)
        made.append(harness)
        return harness, harness.make(tmp_path)

    yield begin
    for harness in made:
        harness.close()


def open_order(order: Order, filled: int = 0, *, acknowledged: bool = True) -> OpenOrder:
    return OpenOrder(order=order, filled=Decimal(filled), acknowledged=acknowledged)


def take(harness: FixHarness, venue: FixVenue) -> list[Report]:
    harness.settle()
    return list(venue.poll())


def up(harness: FixHarness, venue: FixVenue) -> None:
    venue.poll()
    harness.settle()


def back(harness: FixHarness) -> None:
    """Wait for the session to be up again; the pauses between attempts pass on the fake clock."""

    def again() -> bool:
        harness.clock.advance(0.5)
        return harness.is_up()

    harness.wait(again, "the session to come back")
    harness.settle()


def filled(reports: list[Report]) -> list[tuple[str, Decimal]]:
    return [(r.execution_id, r.quantity) for r in reports if isinstance(r, Execution)]


def swallow(data: bytes) -> bytes:
    return b""


def sent(harness: FixHarness, type_: str) -> list[str]:
    """Return what left the venue of one message type, as text."""
    frames = re.findall(rb"8=FIX.*?\x0110=\d{3}\x01", bytes(harness.wire.sent), re.DOTALL)
    return [f.decode().replace("\x01", "|") for f in frames if f"\x0135={type_}\x01".encode() in f]


# -- the session ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4"])
def test_a_logon_says_what_was_agreed_and_resets_nothing(start: Start, version: str) -> None:
    harness, venue = start(version=version)
    assert harness.wire.connections == 0  # making it connects to nobody
    assert venue.poll() == []
    (logon,) = sent(harness, "A")
    assert logon.startswith(f"8={version}|")
    assert "|49=DESK|56=BROKER|34=1|52=20231114-22:13:20.000|98=0|108=30|" in logon
    assert "|141=" not in logon


def test_name_and_password_go_into_the_logon_and_nowhere_else(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIX_PASSWORD", "hunter-2-secret")
    with pytest.raises(Misconfigured, match="FIX_USER is not set") as found:
        start(username="env:FIX_USER", password="env:FIX_PASSWORD")
    assert "hunter" not in str(found.value)
    monkeypatch.setenv("FIX_USER", "desk-1")
    harness, venue = start(username="env:FIX_USER", password="env:FIX_PASSWORD")
    monkeypatch.delenv("FIX_USER")
    with pytest.raises(Unavailable, match="FIX_USER is not set"):
        venue.poll()
    monkeypatch.setenv("FIX_USER", "desk-1")
    harness.clock.advance(61)
    back(harness)
    assert "|553=desk-1|554=hunter-2-secret|" in sent(harness, "A")[0]
    assert "hunter" not in repr(venue._settings) + caplog.text
    venue.close()
    kept = b"".join(p.read_bytes() for p in (tmp_path / ".steersman").rglob("*") if p.is_file())
    assert b"hunter" not in kept


def test_what_is_kept_is_private_to_its_owner(start: Start, tmp_path: Path) -> None:
    _, venue = start()
    venue.poll()
    folder = tmp_path / ".steersman" / "venues" / "broker"
    assert folder.stat().st_mode & 0o777 == 0o700
    file = folder / "FIX.4.4_DESK_BROKER_sandbox.db"
    assert file.stat().st_mode & 0o777 == 0o600


def test_heartbeats_are_sent_after_silence_and_test_requests_answered(start: Start) -> None:
    harness, venue = start(heartbeat="1s")
    up(harness, venue)
    # Our clock stands still: QuickFIX, on its own clock, asks whether we are there.
    harness.wait(lambda: any("|112=" in line for line in sent(harness, "0")), "an answer to its test request")
    before = len(sent(harness, "0"))
    harness.clock.advance(1)
    harness.wait(lambda: len(sent(harness, "0")) > before, "a heartbeat of our own")
    assert harness.is_up()


def test_silence_is_tested_and_then_ends_the_connection_which_comes_back(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.clock.advance(37)
    harness.wait(lambda: len(sent(harness, "1")) == 2, "a test request beside the one at the logon")
    harness.settle()  # it was answered: both have heard everything
    harness.clock.advance(30)
    harness.settle()
    assert harness.wire.connections == 1
    harness.wire.to_us = swallow
    harness.clock.advance(7)
    harness.wait(lambda: len(sent(harness, "1")) == 3, "one more test request")
    harness.clock.advance(36)
    harness.wait(lambda: not harness.is_up(), "the end of the connection")
    with pytest.raises(Unavailable, match=r"BROKER at 127.0.0.1:\d+: nothing was heard of it for 73 s"):
        venue.poll()
    harness.wire.to_us = bytes
    back(harness)
    assert venue.poll() == []


def test_the_next_attempt_waits_for_its_time(start: Start) -> None:
    harness, venue = start(reconnect="10s")
    harness.wire.open = False
    with pytest.raises(Unavailable, match="not logged on"):
        venue.poll()
    harness.wire.open = True
    for _ in range(3):
        harness.clock.advance(3)
        with pytest.raises(Unavailable):
            venue.submit(an_order())
    assert harness.wire.connections == 1
    harness.clock.advance(1)
    harness.wait(harness.is_up, "the session")
    assert harness.wire.connections == 2


def test_a_counterparty_that_logs_us_out_is_quoted(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.acceptor.do("logout", reason="the week is over")
    harness.wait(lambda: not harness.is_up(), "the logout")
    with pytest.raises(Unavailable, match="it logged us out: the week is over"):
        venue.submit(an_order())
    harness.wait(lambda: len(sent(harness, "5")) == 1, "our answer to it")


def test_closing_says_goodbye_and_asks_nothing_more(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    venue.close()
    assert len(sent(harness, "5")) == 1
    venue.close()
    for call in (venue.poll, lambda: venue.submit(an_order()), venue.open_orders):
        with pytest.raises(Unavailable, match="closed"):
            call()
    assert not [t for t in threading.enumerate() if t.name == "fix-BROKER"]


def test_a_number_of_ours_that_is_too_low_is_named_and_a_reset_heals_it(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.abandon()
    harness.acceptor.do("set_numbers", sender=2, target=50)
    venue = harness.make(harness.root)
    with pytest.raises(Unavailable, match=r"MsgSeqNum too low, expecting 50 but received 3") as found:
        venue.poll()
    assert "reset_on_logon = true" in found.value.fix
    venue.close()
    harness.changes["reset_on_logon"] = True
    venue = harness.make(harness.root)
    up(harness, venue)
    assert "|34=1|" in sent(harness, "A")[-1]
    assert "|141=Y|" in sent(harness, "A")[-1]
    venue.submit(an_order())
    assert [type(r) for r in take(harness, venue)] == [Acknowledged]


def test_a_number_of_theirs_that_is_too_low_ends_the_session_with_a_reason(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.abandon()
    harness.acceptor.do("set_numbers", sender=1, target=3)
    venue = harness.make(harness.root)
    with pytest.raises(Unavailable, match="MsgSeqNum too low, expecting 3 but received 1") as found:
        venue.poll()
    assert "agree the sequence numbers" in found.value.fix
    harness.wait(lambda: sent(harness, "5") != [], "our logout")
    assert "|58=MsgSeqNum too low, expecting 3 but received 1|" in sent(harness, "5")[-1]


def test_a_session_has_one_owner_and_the_next_one_restores_when_it_is_free(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    harness.trade("IBM", HUNDRED, Decimal(4))
    take(harness, venue)
    second = harness.make(harness.root)
    second.restore([open_order(an_order())])
    for call in (second.poll, lambda: second.submit(an_order(SECOND))):
        with pytest.raises(Unavailable, match="another process runs the FIX session"):
            call()
    venue.close()
    assert filled(take(harness, second)) == [(f"{FIRST}-E1", Decimal(4))]
    assert len(sent(harness, "D")) == 1


def test_a_store_that_is_something_else_is_named_and_left_alone(start: Start, tmp_path: Path) -> None:
    file = tmp_path / ".steersman" / "venues" / "broker" / "FIX.4.4_DESK_BROKER_sandbox.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a store" * 1000)
    harness, venue = start()
    with pytest.raises(Unavailable, match="is not what was written") as found:
        venue.submit(an_order())
    assert "put it aside" in found.value.fix
    assert harness.wire.connections == 0
    assert file.read_bytes() == b"not a store" * 1000


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"49=BROKER", b"49=OTHERS", "a message from 'OTHERS' to 'DESK'"),
        (b"56=DESK", b"56=DISK", "a message from 'BROKER' to 'DISK'"),
        (b"8=FIX.4.4", b"8=FIX.4.3", "it speaks FIX.4.3, we speak FIX.4.4"),
        (b"\x0134=3\x01", b"\x01", "a message without a number"),
        (b"\x0134=3\x01", b"\x0134=three\x01", "a message without a number"),
    ],
)
def test_a_message_that_is_not_of_this_session_ends_it(start: Start, old: bytes, new: bytes, what: str) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.wire.to_us = lambda data: forged(data, old, new)
    harness.acceptor.do("send", type="B", body=[[148, "news"]])
    harness.wait(lambda: not harness.is_up(), "the end of the session")
    with pytest.raises(Unavailable, match=what):
        venue.poll()


def test_tls_is_spoken_and_the_name_checked(start: Start, tmp_path: Path) -> None:
    certificate(tmp_path)
    harness, venue = start(tls=True, ca_file="cert.pem", host="localhost")
    with_tls = TlsFront(harness, tmp_path)
    venue.submit(an_order())
    assert [type(r) for r in take(harness, venue)] == [Acknowledged]
    harness.trade("IBM", HUNDRED, Decimal(10))
    assert filled(take(harness, venue)) == [(f"{FIRST}-E1", Decimal(10))]
    assert b"FIX.4.4" in with_tls.plain
    assert b"FIX.4.4" not in harness.wire.sent
    harness.abandon()
    harness.changes["host"] = "127.0.0.1"  # not what the certificate says
    with pytest.raises(Unavailable, match="certificate"):
        harness.make(tmp_path).poll()
    with_tls.close()


# -- orders --------------------------------------------------------------------------------------------------------


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
    harness.wait(lambda: harness.is_up() and venue._opened()[0].store.numbers()[0] >= 7, "what was held")
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


# -- what the counterparty may say ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "body"),
    [("j", [[372, "D"], [380, "4"], [58, "closed today"]]), ("3", [[372, "D"], [373, "5"], [58, "closed today"]])],
)
def test_a_reject_of_the_message_is_a_reject_of_the_order(start: Start, type_: str, body: list[list[object]]) -> None:
    harness, venue = start()
    harness.acceptor.do("deaf", to=["D"])
    venue.submit(an_order())
    harness.settle()
    harness.acceptor.do("send", type=type_, body=[[45, "3"], *body])
    (ended,) = take(harness, venue)
    assert ended == Ended(order_id=FIRST, how="rejected", reason="closed today", at=ended.at)
    assert [type(r) for r in harness.restart().poll()] == []


def execution(**changes: object) -> list[list[object]]:
    fine: dict[int, object] = {
        37: "V1", 11: FIRST, 17: "X1", 39: "1", 150: "F", 55: "IBM.N", 54: "1", 38: "10", 14: "4", 151: "6", 6: "100",
        32: "4", 31: "100", 59: "1",
    }  # fmt: skip
    fine |= {int(tag[1:]): value for tag, value in changes.items()}
    return [[tag, str(value)] for tag, value in fine.items() if value is not None]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"t32": "-4"}, "quantity above 0"),
        ({"t32": "NaN"}, "not a number of sensible size"),
        ({"t31": "0"}, "price above 0"),
        ({"t31": "1e999999999"}, "not a number of sensible size"),
        ({"t14": "11", "t32": "11"}, "CumQty 11 of an order of 10"),
        ({"t32": "11", "t14": None}, "an execution of 11 up to 11"),
        ({"t17": None}, "an execution without id"),
        ({"t150": "Z"}, "unknown ExecType 'Z'"),
        ({"t39": "?"}, "OrdStatus '?'"),
        ({"t54": "2"}, "side '2' is not the order's"),
        ({"t150": "H"}, "taken back or corrected"),
        ({"t150": "G"}, "taken back or corrected"),
    ],
)
def test_a_contradiction_is_told_once_and_the_next_good_message_counts(
    start: Start, wrong: dict[str, object], what: str
) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("send", type="8", body=execution(**wrong))
    harness.settle()
    with pytest.raises(Unavailable) as found:
        venue.poll()
    assert FIRST in found.value.message
    assert re.search(what.replace("?'", r"\?'"), found.value.message), found.value.message
    assert len(found.value.message) <= 200
    harness.acceptor.do("send", type="8", body=execution())
    assert filled(take(harness, venue)) == [(f"{FIRST}-X1", Decimal(4))]


def test_an_execution_told_twice_is_reported_once(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    for _ in range(2):
        harness.acceptor.do("send", type="8", body=execution())
    assert filled(take(harness, venue)) == [(f"{FIRST}-X1", Decimal(4))]


def test_a_commission_in_another_currency_is_not_booked_and_said(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("send", type="8", body=execution(t12="3", t13="3", t479="EUR"))
    (report,) = take(harness, venue)
    assert isinstance(report, Execution)
    assert report.fee == 0
    with pytest.raises(Unavailable, match="commission 3 EUR was not booked"):
        venue.poll()


def test_a_question_that_is_not_answered_ends_after_the_timeout(start: Start) -> None:
    harness, venue = start(timeout="0.3s")
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("deaf", to=["H", "AF", "AN"])
    for ask in (lambda: venue.lookup(FIRST), venue.open_orders, venue.positions):
        with pytest.raises(Unavailable, match=r"no answer to (H|AF|AN) within 0\.3s"):
            ask()


def test_a_question_that_is_refused_is_quoted(start: Start) -> None:
    harness, venue = start()
    up(harness, venue)
    harness.acceptor.do("deaf", to=["AN"])
    number = venue._opened()[0].store.numbers()[1]
    answer = threading.Thread(
        target=lambda: harness.acceptor.do(
            "send", type="j", body=[[45, str(number)], [372, "AN"], [380, "3"], [58, "no positions here"]]
        )
    )

    def answered(data: bytes) -> bytes:
        if b"35=AN" in data:
            answer.start()
        return data

    harness.wire.to_them = answered
    with pytest.raises(Unavailable, match="refused a question: no positions here"):
        venue.positions()
    answer.join()


def test_an_acknowledged_order_that_is_unknown_later_is_a_contradiction(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.acceptor.do("forget", id=FIRST)
    with pytest.raises(Unavailable, match="now says it knows none of that id"):
        venue.lookup(FIRST)


def test_without_mass_status_our_own_open_orders_are_asked_for_one_by_one(start: Start) -> None:
    harness, venue = start(mass_status=False, positions=False)
    venue.submit(an_order(FIRST))
    venue.submit(an_order(SECOND))
    take(harness, venue)
    harness.place_foreign("foreign", Decimal(3))
    assert {o.order_id for o in venue.open_orders()} == {FIRST, SECOND}
    assert len(sent(harness, "H")) == 2
    assert sent(harness, "AF") == []
    assert venue.positions() is None
    assert list(venue.quotes()) == []


def test_positions_are_signed(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order(side=Side.SELL))
    harness.trade("IBM", HUNDRED, Decimal(7))
    held = venue.positions()
    assert held is not None
    assert [(p.instrument, p.quantity, p.average_price) for p in held] == [("IBM", Decimal(-7), None)]


# -- gaps, restarts, resets ----------------------------------------------------------------------------------------


def test_fills_missed_while_we_were_down_are_recovered_by_a_resend(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.abandon()
    harness.acceptor.do("trade", symbol="IBM.N", price=100, quantity=3)
    harness.acceptor.do("trade", symbol="IBM.N", price=99, quantity=4)
    venue = harness.make(harness.root)
    venue.restore([open_order(an_order())])
    assert filled(take(harness, venue)) == [(f"{FIRST}-E1", Decimal(3)), (f"{FIRST}-E2", Decimal(4))]
    assert len(sent(harness, "2")) == 1


def test_a_gap_in_both_directions_is_closed_and_no_order_goes_out_again(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order(FIRST))
    take(harness, venue)
    harness.wire.to_us = harness.wire.to_them = swallow
    harness.acceptor.do("trade", symbol="IBM.N", price=100, quantity=4)
    venue.submit(an_order(SECOND))  # leaves us, arrives nowhere
    told(harness, b"\x0131=100\x01")
    harness.wait(lambda: len(sent(harness, "D")) == 2, "the order to be swallowed")
    harness.wire.cut()
    harness.wire.to_us = harness.wire.to_them = bytes
    harness.wait(lambda: not harness.is_up(), "the cut to be noticed")
    back(harness)
    reports = take(harness, venue)
    assert filled(reports) == [(f"{FIRST}-E1", Decimal(4))]
    (ended,) = [r for r in reports if isinstance(r, Ended)]
    assert (ended.order_id, ended.how) == (SECOND, "rejected")
    assert len([d for d in sent(harness, "D") if SECOND in d]) == 1
    assert harness.taken(SECOND) == 0
    (gap_fill,) = sent(harness, "4")
    assert "|34=4|" in gap_fill
    assert "|43=Y|" in gap_fill
    assert "|123=Y|" in gap_fill
    venue.submit(an_order(OrderId("alpha000000000000003c")))
    assert [type(r) for r in take(harness, venue)] == [Acknowledged]


def test_a_cancel_that_was_lost_is_said_to_be_lost(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.wire.to_them = swallow
    venue.cancel(FIRST)
    harness.wait(lambda: len(sent(harness, "F")) == 1, "the cancel to be swallowed")
    harness.wire.cut()
    harness.wire.to_them = bytes
    harness.wait(lambda: not harness.is_up(), "the cut to be noticed")
    back(harness)
    (refused,) = [r for r in take(harness, venue) if isinstance(r, CancelRefused)]
    assert "never arrived" in refused.reason
    venue.cancel(FIRST)
    assert [r.how for r in take(harness, venue) if isinstance(r, Ended)] == ["cancelled"]


def test_a_question_that_falls_into_their_gap_is_asked_again(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    dropped: list[bytes] = []

    def lose_one(data: bytes) -> bytes:
        if not dropped and b"\x0135=B\x01" in data:
            dropped.append(data)
            return b""
        return data

    harness.wire.to_them = lose_one
    venue._opened()[0].send("B", [(148, "news")])  # they will miss it when the next message comes
    found = venue.lookup(FIRST)
    assert found is not None
    assert found.status == "open"
    assert len(dropped) == 1
    assert len(sent(harness, "H")) >= 2


def test_an_acknowledgement_that_was_swallowed_comes_with_the_answer_to_our_question(start: Start) -> None:
    harness, venue = start()
    harness.acceptor.do("silent", on=True)
    venue.submit(an_order())
    assert take(harness, venue) == []
    harness.wire.cut()
    harness.wait(lambda: not harness.is_up(), "the cut to be noticed")
    back(harness)
    assert [type(r) for r in take(harness, venue)] == [Acknowledged]


def test_the_session_goes_on_after_the_counterparty_was_killed(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.restart_acceptor()
    harness.wait(lambda: not harness.is_up(), "the end to be noticed")
    back(harness)
    harness.trade("IBM", HUNDRED, Decimal(10))
    assert filled(take(harness, venue)) == [(f"{FIRST}-E1", Decimal(10))]
    assert all("|141=" not in logon for logon in sent(harness, "A"))


def test_a_garbled_message_is_ignored_and_asked_for_again(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.wire.to_us = lambda data: data.replace(b"31=100\x01", b"31=900\x01")
    harness.acceptor.do("trade", symbol="IBM.N", price=100, quantity=4)
    told(harness, b"\x0131=100\x01")
    harness.wire.to_us = bytes
    harness.acceptor.do("trade", symbol="IBM.N", price=99, quantity=6)
    harness.settle()
    reports = list(venue.poll())
    assert [(r.quantity, r.price) for r in reports if isinstance(r, Execution)] == [
        (Decimal(4), HUNDRED),
        (Decimal(6), Decimal(99)),
    ]


@pytest.mark.parametrize(
    "junk", [b"<html>504</html>", b"\x00\xff\x018=FIX", b"8=FIX.4.4\x019=99999999\x01", b"\x01" * 99]
)
def test_junk_between_messages_is_left_out(start: Start, junk: bytes) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.wire.to_us = lambda data: junk + data + junk
    harness.trade("IBM", HUNDRED, Decimal(4))
    told(harness, b"\x0131=100\x01")
    harness.wire.to_us = bytes
    harness.acceptor.do("send", type="B", body=[[148, "news"]])
    assert filled(take(harness, venue)) == [(f"{FIRST}-E1", Decimal(4))]


def test_a_reset_of_the_numbers_loses_messages_and_we_ask_what_was_in_them(start: Start) -> None:
    harness, venue = start()
    venue.submit(an_order())
    take(harness, venue)
    harness.trade("IBM", HUNDRED, Decimal(2))
    assert filled(take(harness, venue)) == [(f"{FIRST}-E1", Decimal(2))]
    harness.wire.to_us = swallow
    harness.acceptor.do("trade", symbol="IBM.N", price=99, quantity=2)
    harness.acceptor.do("trade", symbol="IBM.N", price=98, quantity=2)
    told(harness, b"\x0131=98\x01")
    harness.wire.to_us = bytes
    harness.acceptor.do("skip", by=3)
    reports = take(harness, venue)
    (missed,) = [r for r in reports if isinstance(r, Execution)]
    assert (missed.execution_id, missed.quantity, missed.price) == (f"{FIRST}-missed-6", Decimal(4), Decimal("98.5"))
    harness.trade("IBM", HUNDRED, Decimal(100))
    assert filled(take(harness, venue)) == [(f"{FIRST}-E4", Decimal(4))]
    venue = harness.restart()
    venue.restore([open_order(an_order())])
    again = dict(filled(list(venue.poll())))
    assert again == {f"{FIRST}-E1": 2, f"{FIRST}-missed-6": 4, f"{FIRST}-E4": 4}


def test_a_reset_at_every_logon_forgets_messages_and_no_fill(start: Start) -> None:
    harness, venue = start(more="ResetOnLogon=Y", reset_on_logon=True)
    venue.submit(an_order())
    take(harness, venue)
    harness.wire.cut()
    harness.acceptor.do("trade", symbol="IBM.N", price=100, quantity=4)
    harness.wait(lambda: not harness.is_up(), "the cut to be noticed")
    back(harness)
    assert filled(take(harness, venue)) == [(f"{FIRST}-missed-4", Decimal(4))]
    assert len(sent(harness, "2")) == len(sent(harness, "4")) == 0


def test_a_lost_memory_of_ours_is_filled_from_the_ledger_and_the_counterparty(start: Start, tmp_path: Path) -> None:
    harness, venue = start()
    venue.submit(an_order())
    harness.trade("IBM", HUNDRED, Decimal(4))
    take(harness, venue)
    harness.abandon()
    for file in (tmp_path / ".steersman" / "venues" / "broker").iterdir():
        file.unlink()
    harness.acceptor.do("trade", symbol="IBM.N", price=98, quantity=3)
    harness.changes["reset_on_logon"] = True
    venue = harness.make(tmp_path)
    venue.restore([open_order(an_order(), filled=4)])
    with pytest.raises(Conflict):
        venue.submit(an_order())
    (missed,) = [r for r in take(harness, venue) if isinstance(r, Execution)]
    assert (missed.execution_id, missed.quantity) == (f"{FIRST}-missed-7", Decimal(3))
    harness.trade("IBM", HUNDRED, Decimal(3))
    assert [q for _, q in filled(take(harness, venue))] == [Decimal(3)]


def test_an_order_whose_instrument_is_gone_is_named(start: Start) -> None:
    harness, venue = start()
    venue.restore([open_order(an_order(instrument="GONE"))])
    with pytest.raises(Unavailable, match="is for GONE, which is not declared"):
        venue.poll()
    harness.settle()
    assert venue.poll() == []


CHILD = """
import os, signal, sys
from pathlib import Path
from tests.integration.venues.fix_harness import STOCK, an_order
from steersman.kernel.clock import FakeClock
from steersman.trading.adapters.fix import create
from steersman.trading.adapters.fix.link import Link
from steersman.trading.adapters.fix.settings import FixSettings

root, port, when = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
write = Link._write

def dying(self, raw):
    if b"\\x0135=D\\x01" in raw:
        if when == "after":
            write(self, raw)
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, raw)

Link._write = dying
settings = FixSettings(kind="fix", host="127.0.0.1", port=port, sender="DESK", target="BROKER", mass_status=True,
                       positions=True, account="ACC1", timeout="10s")
create(settings=settings, instruments={"IBM": STOCK}, root=root, clock=FakeClock()).submit(an_order())
"""


@pytest.mark.parametrize(("when", "arrived"), [("before", 0), ("after", 1)])
def test_killed_around_the_send_an_order_is_out_once_or_never_and_we_know_which(
    start: Start, tmp_path: Path, when: str, arrived: int
) -> None:
    harness, _ = start()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), str(harness.wire.port), when],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": "."},
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    venue = harness.make(tmp_path)
    venue.restore([open_order(an_order(), acknowledged=False)])
    with pytest.raises(Conflict):
        venue.submit(an_order())
    reports = take(harness, venue)
    assert harness.taken(FIRST) == arrived
    if arrived:
        assert {type(r) for r in reports} == {Acknowledged}
        assert venue.lookup(FIRST) is not None
    else:
        assert [(r.how, r.order_id) for r in reports if isinstance(r, Ended)] == [("rejected", FIRST)]
        assert venue.lookup(FIRST) is None
    assert len(sent(harness, "D")) == arrived


def test_an_order_the_ledger_knows_and_we_never_sent_is_sent_after_a_restart(start: Start) -> None:
    harness, venue = start()
    venue.restore([open_order(an_order(), acknowledged=False)])
    assert take(harness, venue) == []
    venue.submit(an_order())
    assert [type(r) for r in take(harness, venue)] == [Acknowledged]
    with pytest.raises(Conflict):
        venue.submit(an_order())
    assert harness.taken(FIRST) == 1


def test_without_its_package_the_venue_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Misconfigured) as found:
        create(settings=None, instruments={}, root=tmp_path, clock=None)  # type: ignore[arg-type]
    assert 'pip install "steersman[fix]"' in found.value.fix


# -- tools ---------------------------------------------------------------------------------------------------------


def told(harness: FixHarness, text: bytes, times: int = 1) -> None:
    """Wait until the counterparty's words have gone through the wire, changed or not."""
    harness.wait(lambda: bytes(harness.wire.heard).count(text) >= times, repr(text))


def forged(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return whole messages with a part replaced, and length and checksum right again."""
    made = b""
    for frame in re.findall(rb"8=FIX.*?\x0110=\d{3}\x01", data, re.DOTALL):
        begin, _, rest = frame.replace(old, new).partition(b"\x019=")
        body = rest.partition(b"\x01")[2][:-7]
        whole = begin + b"\x019=%d\x01" % len(body) + body
        made += whole + b"10=%03d\x01" % (sum(whole) % 256)
    return made


def certificate(folder: Path) -> None:
    """Make a key and a certificate for localhost, for a day."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


class TlsFront:
    """Takes TLS off between the wire and the counterparty."""

    def __init__(self, harness: FixHarness, folder: Path) -> None:
        self.plain = bytearray()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._target = harness.acceptor.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        harness.wire.target = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(raw,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, raw: socket.socket) -> None:
        """Pass bytes both ways in one thread: a TLS connection is not for two."""
        with raw:
            try:
                inside = self._context.wrap_socket(raw, server_side=True)
            except (OSError, ssl.SSLError):
                return  # it does not like our certificate
            with inside, socket.create_connection(("127.0.0.1", self._target), 5) as outside, suppress(OSError):
                while True:
                    ready = [inside] if inside.pending() else select.select([inside, outside], [], [])[0]
                    for source, sink in ((inside, outside), (outside, inside)):
                        data = source.recv(65_536) if source in ready else None
                        if data == b"":
                            return
                        self.plain += data or b""
                        sink.sendall(data or b"")
