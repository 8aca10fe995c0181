"""Gaps, restarts and resets of a FIX session: nothing lost, nothing sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.venues.fix_harness import an_order
from tests.integration.venues.fix_steps import (
    FIRST,
    HUNDRED,
    SECOND,
    Start,
    back,
    filled,
    open_order,
    sent,
    swallow,
    take,
    told,
)

from steersman.kernel.errors import Conflict, Misconfigured, Unavailable
from steersman.trading.adapters.fix import create
from steersman.trading.model.order import Acknowledged, CancelRefused, Ended, Execution
from steersman.trading.model.signal import OrderId


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
        cwd=Path(__file__).parents[4],
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
