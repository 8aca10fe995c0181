"""The session layer of FIX, message by message: what is answered to what."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.trading.adapters.fix.link import Pauses
from steersman.trading.adapters.fix.session import (
    Action,
    Deliver,
    Drop,
    Lost,
    Send,
    Session,
    Skipped,
    Terms,
    Up,
)
from steersman.trading.adapters.fix.wire import Message

SECOND = 1_000_000_000
TERMS = Terms(version="FIX.4.4", sender="DESK", target="BROKER", heartbeat_s=30)


def a_message(type_: str, seq: int, **fields: str) -> Message:
    """Return a message of theirs; `t58="x"` is tag 58."""
    more = tuple((int(tag[1:]), value) for tag, value in fields.items())
    head = ((8, "FIX.4.4"), (35, type_), (49, "BROKER"), (56, "DESK"), (34, str(seq)))
    return Message(type=type_, fields=(*head, *more), raw=b"")


def a_session(next_in: int = 1, next_out: int = 1, *, reset: bool = False) -> Session:
    """Return a session that is up, having used one number of theirs for the Logon and one for the proof."""
    terms = Terms(version="FIX.4.4", sender="DESK", target="BROKER", heartbeat_s=30, reset_on_logon=reset)
    session = Session(terms, next_in, next_out)
    session.connected(0)
    first = session.next_in
    (proof,) = session.received(a_message("A", first), 0)
    assert isinstance(proof, Send)
    assert session.received(a_message("0", first + 1, t112=dict(proof.body)[112]), 0) == [Up()]
    return session


def shown(actions: list[Action]) -> list[Any]:
    """Return sends as (type, number, body), everything else as it is."""
    return [(a.type, a.seq, dict(a.body)) if isinstance(a, Send) else a for a in actions]


def test_a_logon_is_proved_before_the_session_is_up() -> None:
    session = Session(TERMS, 1, 1)
    assert shown(session.connected(0, [(553, "u"), (554, "p")])) == [("A", 1, {98: "0", 108: "30", 553: "u", 554: "p"})]
    assert shown(session.received(a_message("A", 1), 0)) == [("1", 2, {112: "proof-2"})]
    assert session.state.name == "AGREEING"
    assert session.received(a_message("0", 2), 0) == []  # any heartbeat, not the one asked for
    assert session.received(a_message("0", 3, t112="proof-2"), 0) == [Up()]
    assert session.state.name == "UP"


def test_what_a_counterparty_missed_is_skipped_and_proved_again_before_anything_new_is_sent() -> None:
    session = Session(TERMS, 5, 9)
    session.connected(0)
    session.received(a_message("A", 5), 0)
    first, proof, skipped = session.received(a_message("2", 6, t7="7", t16="0"), 0)
    assert shown([first, proof]) == [("4", 7, {123: "Y", 36: "11"}), ("1", 11, {112: "proof-11"})]
    assert isinstance(first, Send)
    assert first.again
    assert skipped == Skipped(first=7, following=11)
    assert session.received(a_message("0", 7, t112="proof-10"), 0) == []
    assert session.received(a_message("0", 8, t112="proof-11"), 0) == [Up()]


def test_a_password_is_not_in_what_a_session_shows_of_itself() -> None:
    assert "hunter" not in repr(Session(TERMS, 1, 1).connected(0, [(554, "hunter2")]))


def test_a_reset_that_we_ask_for_counts_both_from_one() -> None:
    terms = Terms(version="FIX.4.4", sender="DESK", target="BROKER", heartbeat_s=30, reset_on_logon=True)
    session = Session(terms, 40, 50)
    assert shown(session.connected(0)) == [("A", 1, {98: "0", 108: "30", 141: "Y"})]
    session.received(a_message("A", 1, t141="Y"), 0)
    assert (session.next_in, session.next_out) == (2, 3)


def test_a_reset_in_the_middle_of_a_session_is_answered() -> None:
    session = a_session(next_in=10, next_out=20)
    assert shown(session.received(a_message("A", 1, t141="Y"), 0)) == [
        ("A", 1, {98: "0", 108: "30", 141: "Y"}),
        Lost(),
    ]
    assert (session.next_in, session.next_out) == (2, 2)


def test_a_gap_is_asked_for_once_and_what_came_too_early_waits_for_the_resend() -> None:
    session = a_session()
    assert shown(session.received(a_message("8", 5), 0)) == [("2", 3, {7: "3", 16: "0"})]
    assert session.received(a_message("8", 6), 0) == []
    assert session.next_in == 3
    again = [a_message("8", n, t43="Y") for n in (3, 4, 5, 6)]
    assert [session.received(m, 0) for m in again] == [[Deliver(message=m)] for m in again]
    assert session.received(again[0], 0) == []


def test_a_gap_that_stays_is_asked_for_again_after_each_heartbeat_interval_and_then_given_up() -> None:
    session = a_session()
    for n in range(5):
        assert shown(session.received(a_message("0", 9 + n), n * 31 * SECOND))[0][0] == "2"
    logout, drop = session.received(a_message("0", 14), 5 * 31 * SECOND)
    assert shown([logout])[0][0] == "5"
    assert isinstance(drop, Drop)
    assert drop.reason == "message 3 was asked for 5 times and never came"
    assert "agree the sequence numbers" in drop.fix


def test_a_wish_for_a_resend_is_answered_even_when_it_comes_out_of_turn() -> None:
    session = a_session(next_out=1)
    answer, skipped, ask = session.received(a_message("2", 9, t7="1", t16="1"), 0)
    assert shown([answer, ask]) == [("4", 1, {123: "Y", 36: "2"}), ("2", 3, {7: "3", 16: "0"})]
    assert skipped == Skipped(first=1, following=2)


@pytest.mark.parametrize(
    ("first", "last", "following"), [("1", "0", "6"), ("2", "3", "4"), ("2", "99", "6"), ("5", "5", "6")]
)
def test_every_number_asked_for_is_skipped_and_none_sent_again(first: str, last: str, following: str) -> None:
    session = a_session(next_out=4)  # 4 and 5 are the Logon and the proof
    send, skipped = session.received(a_message("2", 3, t7=first, t16=last), 0)
    assert shown([send]) == [("4", int(first), {123: "Y", 36: following})]
    assert skipped == Skipped(first=int(first), following=int(following))
    assert session.next_out == 6


@pytest.mark.parametrize("wrong", [{}, {"t7": "x", "t16": "0"}, {"t7": "9", "t16": "0"}, {"t7": "2", "t16": "1"}])
def test_a_wish_for_numbers_that_do_not_exist_is_refused(wrong: dict[str, str]) -> None:
    session = a_session()
    ((type_, _, body),) = shown(session.received(a_message("2", 3, **wrong), 0))
    assert (type_, body[45], body[371], body[372]) == ("3", "3", "7", "2")


def test_a_gap_fill_moves_on_and_never_back() -> None:
    session = a_session()
    assert session.received(a_message("4", 3, t123="Y", t36="9"), 0) == []
    assert session.next_in == 9
    for back in ("9", "4", "x"):
        assert shown(session.received(a_message("4", 9, t123="Y", t36=back), 0))[0][0] == "3"
    assert session.next_in == 9


def test_a_reset_of_their_numbers_goes_forward_only_whatever_its_own_number() -> None:
    session = a_session()
    assert session.received(a_message("4", 77, t123="N", t36="20"), 0) == [Lost()]
    assert session.next_in == 20
    assert session.received(a_message("4", 1, t36="20"), 0) == []
    assert shown(session.received(a_message("4", 20, t36="5"), 0))[0][0] == "3"
    assert session.next_in == 20


def test_a_number_too_low_ends_the_session_unless_it_says_that_it_is_a_repetition() -> None:
    session = a_session(next_in=10)
    assert session.received(a_message("8", 4, t43="Y"), 0) == []
    logout, drop = session.received(a_message("8", 4), 0)
    assert shown([logout])[0][2] == {58: "MsgSeqNum too low, expecting 12 but received 4"}
    assert isinstance(drop, Drop)
    assert drop.for_long


def test_a_test_request_is_answered_with_its_words() -> None:
    session = a_session()
    assert shown(session.received(a_message("1", 3, t112="are you there"), 0)) == [("0", 3, {112: "are you there"})]


def test_silence_brings_a_heartbeat_then_a_question_then_the_end() -> None:
    session = a_session()
    assert session.tick(29 * SECOND) == []
    assert [s[0] for s in shown(session.tick(30 * SECOND))] == ["0"]
    assert [s[0] for s in shown(session.tick(36 * SECOND))] == ["1"]
    assert session.tick(37 * SECOND) == []
    assert [s[0] for s in shown(session.tick(70 * SECOND))] == ["0"]
    (drop,) = session.tick(72 * SECOND)
    assert isinstance(drop, Drop)
    assert not drop.for_long


def test_no_answer_to_a_logon_ends_the_connection() -> None:
    session = Session(TERMS, 1, 1)
    session.connected(0)
    assert session.tick(9 * SECOND) == []
    (drop,) = session.tick(10 * SECOND)
    assert isinstance(drop, Drop)
    session.received(a_message("A", 1), 0)
    assert [s[0] for s in shown(session.tick(59 * SECOND))] == ["1"]
    (drop,) = session.tick(60 * SECOND)
    assert isinstance(drop, Drop)
    assert "test request" in drop.reason


def test_a_refused_logon_quotes_the_reason_and_waits_long() -> None:
    session = Session(TERMS, 1, 1)
    session.connected(0)
    (drop,) = session.received(a_message("5", 1, t58="wrong password\x00"), 0)
    assert drop == Drop(
        reason="it refused our Logon: wrong password?", fix="do what it says; we try again by ourselves", for_long=True
    )
    assert session.next_in == 2


def test_a_goodbye_out_of_turn_ends_the_connection_and_leaves_the_gap_for_the_next() -> None:
    session = a_session()
    logout, drop = session.received(a_message("5", 9), 0)
    assert shown([logout])[0][0] == "5"
    assert isinstance(drop, Drop)
    assert session.next_in == 3


def test_our_goodbye_is_answered_once() -> None:
    session = a_session()
    assert [s[0] for s in shown(session.logout(0))] == ["5"]
    late = a_message("8", 3)
    assert session.received(late, 0) == [Deliver(message=late)]
    assert session.received(a_message("5", 4), 0) == [Drop(reason="closed")]
    assert session.logout(0) == [Drop(reason="closed")]


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_session() -> None:
    pauses = Pauses(1, 5)
    assert [pauses.after(was_up=False, for_long=False) for _ in range(4)] == [1, 2, 4, 5]
    assert pauses.after(was_up=True, for_long=False) == 1
    assert pauses.after(was_up=False, for_long=False) == 2
    assert pauses.after(was_up=True, for_long=True) == 5
    assert pauses.after(was_up=False, for_long=False) == 5
