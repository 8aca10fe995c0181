"""From the ledger to the target: nothing is lost while the desk or the target is down, and one repeat at most."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.builders_notices import NOON, Told, failed, record, succeeded

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable
from steersman.ledger import Event
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.services.notices.events import NOTICE_FAILED, NOTICE_SENT, NoticeFailed, NoticeSent
from steersman.services.notices.memory import StateFile
from steersman.services.notices.teller import LONGEST_WAIT_S, backoff_s


@pytest.fixture
def told(tmp_path: Path) -> Told:
    clock = FakeClock(NOON)
    return Told(tmp_path, MemoryLedger(clock=clock), clock)


def said(told: Told, kind: str) -> list[Event]:
    return list(told.ledger.read(types=(kind,)))


def test_a_new_target_is_told_nothing_of_the_past(told: Told) -> None:
    failed(told.ledger)
    told.restart()
    assert told.after() == []


def test_a_run_that_failed_for_good_is_told_with_what_to_do(told: Told) -> None:
    failed(told.ledger, will_retry=True)
    assert told.after() == []
    failed(told.ledger)
    assert told.after() == ["prices failed: ended with exit code 1"]
    message = told.notifier.sent[0]
    assert (message.why, message.do) == ("run prices-1, attempt 1", "steersman auto logs prices-1")
    sent = msgspec.json.decode(said(told, NOTICE_SENT)[0].data, type=NoticeSent)
    assert (sent.keys, sent.answer, sent.attempt) == (("run_failed/prices",), "kept in memory", 1)
    succeeded(told.ledger)
    assert told.after(1) == ["prices succeeds again"]


def test_what_happened_while_no_desk_ran_is_told_by_the_next(told: Told) -> None:
    told.after()
    told.teller.close()
    failed(told.ledger)
    told.clock.advance(3600)
    told.restart()
    assert told.after() == ["prices failed: ended with exit code 1"]
    told.restart()
    assert told.after() == []


def test_where_a_new_target_began_outlasts_a_desk_that_dies_at_once(told: Told) -> None:
    told.after()  # and no `close`
    failed(told.ledger)
    told.restart()
    assert told.after() == ["prices failed: ended with exit code 1"]


def test_what_happened_more_than_a_week_ago_is_no_news(told: Told) -> None:
    told.after()
    told.teller.close()
    failed(told.ledger)
    told.clock.advance(8 * 86_400)
    told.restart()
    assert told.after() == []


def test_a_target_that_is_down_is_tried_again_with_growing_waits_and_then_told(told: Told) -> None:
    told.notifier.troubles = [Unavailable("down")] * 3
    failed(told.ledger)
    assert told.after() == []
    assert told.after(14) == []
    assert len(said(told, NOTICE_FAILED)) == 1
    assert told.after(1) == []
    assert told.after(30) == []
    assert told.after(60) == ["prices failed: ended with exit code 1"]
    tries = [msgspec.json.decode(e.data, type=NoticeFailed) for e in said(told, NOTICE_FAILED)]
    assert [(t.attempt, t.problem, t.unknown) for t in tries] == [(n, "down", False) for n in (1, 2, 3)]
    assert msgspec.json.decode(said(told, NOTICE_SENT)[0].data, type=NoticeSent).attempt == 4


def test_what_cannot_be_delivered_for_a_day_is_given_up_and_recorded(told: Told) -> None:
    told.notifier.troubles = [Misconfigured("answered 404")] * 1000
    failed(told.ledger)
    for _ in range(49):
        assert told.after(1800) == []
    last = msgspec.json.decode(said(told, NOTICE_FAILED)[-1].data, type=NoticeFailed)
    assert (last.retry_at, last.problem) == (None, "given up after a day")
    assert told.teller.state.waiting == []
    assert len(said(told, NOTICE_FAILED)) < 70


def test_a_message_that_is_refused_does_not_stop_the_others(told: Told) -> None:
    told.notifier.troubles = [Rejected("answered 400")]
    failed(told.ledger)
    failed(told.ledger, "news")
    assert told.after() == ["news failed: ended with exit code 1"]
    assert told.after(15) == ["prices failed: ended with exit code 1"]


def test_an_attempt_that_may_have_arrived_counts_towards_the_limit_and_keeps_its_name(told: Told) -> None:
    told.notifier.troubles = [OutcomeUnknown("no answer")]
    failed(told.ledger)
    told.after()
    assert len(told.teller.state.sent_at) == 1
    name = told.teller.state.waiting[0].id
    told.after(15)
    assert told.notifier.sent[0].id == name
    assert len(told.teller.state.sent_at) == 2


def test_what_other_side_asks_for_is_waited_for(told: Told) -> None:
    told.notifier.troubles = [Unavailable("later", retry_after_s=300)]
    failed(told.ledger)
    told.after()
    assert told.after(299) == []
    assert len(told.after(1)) == 1


def test_without_a_core_it_is_told_all_the_same_and_recorded_later(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(told.ledger)
    append = told.ledger.append

    def away(*_: object, **__: object) -> None:
        raise Unavailable("no core")

    monkeypatch.setattr(told.ledger, "append", away)
    assert len(told.after()) == 1
    told.restart()
    monkeypatch.setattr(told.ledger, "append", append)
    assert told.after(1) == []
    assert len(said(told, NOTICE_SENT)) == 1


def test_a_disk_that_is_full_keeps_nobody_from_being_told_so(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    told.after()

    def full(*_: object) -> None:
        raise Unavailable("no space left on device")

    write = StateFile.write
    monkeypatch.setattr(StateFile, "write", full)
    record(told.ledger, "ledger.storage.failed", problem="disk full")
    assert told.after(1) == ["the ledger cannot be written: orders and runs stand still"]
    assert told.after(1) == []
    monkeypatch.setattr(StateFile, "write", write)
    assert told.after(1) == []
    told.restart()
    assert told.after() == []


def test_a_clock_that_is_set_back_holds_nothing_up(told: Told) -> None:
    told.after()
    told.notifier.troubles = [Unavailable("down")]
    for n in range(20):
        record(told.ledger, "policy.halt.set", scope=f"s{n}", reason="x", at=told.clock.now_ns())
        told.after(1)
    told.after(60)
    told.clock.set(NOON - 86_400 * 10**9)
    for n in range(10):
        record(told.ledger, "policy.halt.set", scope=f"t{n}", reason="x", at=told.clock.now_ns())
    told.after(3601)
    assert any("t0" in m.first for m in told.notifier.sent)


def test_an_end_of_nothing_is_not_worth_a_write(told: Told) -> None:
    told.after()
    path = told.root / "notices" / "phone.json"
    before = path.stat().st_ino
    for _ in range(5):
        succeeded(told.ledger)
        told.after(1)
    assert path.stat().st_ino == before


def test_telling_is_never_told(told: Told) -> None:
    told.notifier.troubles = [Unavailable("down")] * 5
    record(told.ledger, "services.notice.failed", target="phone", problem="x")
    for _ in range(5):
        assert told.after(60) == []
    assert told.teller.state.waiting == []


def test_a_memory_that_is_no_longer_readable_is_put_aside_and_nothing_waiting_is_lost(told: Told) -> None:
    failed(told.ledger)
    told.after()
    told.notifier.troubles = [Unavailable("down")]
    failed(told.ledger, "news")
    told.after()
    path = told.root / "notices" / "phone.json"
    path.write_bytes(b"\xff{")
    told.restart()
    assert "news failed: ended with exit code 1" in told.after(15)
    assert path.with_suffix(".broken").exists()


def test_an_adapter_that_breaks_in_its_own_way_is_a_failure_like_any_other(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = told.notifier.send

    def breaks(_: object) -> str:
        raise KeyError("secret-token")

    monkeypatch.setattr(told.notifier, "send", breaks)
    failed(told.ledger)
    assert told.after() == []
    assert b"secret-token" not in said(told, NOTICE_FAILED)[0].data
    monkeypatch.setattr(told.notifier, "send", send)
    assert len(told.after(15)) == 1


def test_the_file_is_for_its_owner_only(told: Told) -> None:
    failed(told.ledger)
    told.after()
    path = told.root / "notices" / "phone.json"
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("number", "wait_s"), [(1, 15), (2, 30), (4, 120), (8, 1800), (1000, 1800)])
def test_waits_double_up_to_half_an_hour_with_a_fifth_of_chance(number: int, wait_s: float) -> None:
    assert backoff_s(number, 0.5) == pytest.approx(wait_s)
    assert wait_s * 0.8 == pytest.approx(backoff_s(number, 0.0))
    assert backoff_s(number, 1.0) <= LONGEST_WAIT_S * 1.2


def test_a_desk_that_keeps_dying_is_told_and_one_that_was_started_anew_is_not(told: Told) -> None:
    told.after()
    sent = []
    for _ in range(4):
        record(told.ledger, "kernel.core.started", name="core", at=told.clock.now_ns())
        record(told.ledger, "kernel.desk.started", name="desk", at=told.clock.now_ns())
        sent.append(told.after(60))
    assert sent == [[], [], [], ["the core keeps dying: four starts within ten minutes"]]
