"""The FIX session against QuickFIX: logon, silence, numbers, ownership, TLS."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import pytest
from tests.integration.venues.fix_harness import an_order
from tests.integration.venues.fix_steps import (
    FIRST,
    HUNDRED,
    SECOND,
    Start,
    TlsFront,
    back,
    certificate,
    filled,
    forged,
    open_order,
    sent,
    swallow,
    take,
    up,
)

from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.trading.model.order import Acknowledged


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
