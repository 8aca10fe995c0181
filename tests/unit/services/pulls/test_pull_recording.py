"""Reads are counted together, told in order, and survive a ledger that fails late."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import msgspec
import pytest

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Rejected, Unavailable
from steersman.ledger import Appended, NewEvent
from steersman.ledger.adapters.memory import MemoryLedger
from steersman.services.ports import Pulled, PullState, Receipt
from steersman.services.pulls.recording import EVERY_S, Recorder


def a_read(key: str = "k", state: PullState = "fresh", content_hash: str = "h") -> Pulled:
    receipt = Receipt(
        key=key,
        source="s",
        etag="",
        size_bytes=10,
        rows=1,
        content_hash=content_hash,
        schema_version="v",
        checks={},
        pulled_at=0,
    )
    return Pulled(key=key, pull="p", path="x", frame="arrow", state=state, age_s=1.0, receipt=receipt)


class FailsLate(MemoryLedger):
    """Takes an event at first sight, and says later that it did not."""

    failures = 1

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = -1) -> Future[Appended]:
        if self.failures:
            self.failures -= 1
            failed: Future[Appended] = Future()
            failed.set_exception(Unavailable("the core went away", fix="start it"))
            return failed
        return super().append_soon(events, expect=expect)


def _counts(ledger: MemoryLedger) -> list[tuple[str, int]]:
    return [(d["who"], d["count"]) for d in (msgspec.json.decode(e.data) for e in ledger.read())]


def test_the_first_read_is_told_at_once_and_the_rest_together() -> None:
    ledger, clock = MemoryLedger(), FakeClock()
    recorder = Recorder(ledger, clock)
    for _ in range(5):
        recorder.served(a_read(), who="a", run_id="")
    recorder.served(a_read(), who="b", run_id="")
    assert _counts(ledger) == [("a", 1), ("b", 1)]
    recorder.flush()
    assert _counts(ledger)[2:] == [("a", 4)]
    clock.advance(EVERY_S)
    recorder.served(a_read(), who="a", run_id="")
    assert _counts(ledger)[3:] == [("a", 1)]
    recorder.close()


def test_reads_of_other_data_are_not_counted_with_the_old() -> None:
    ledger = MemoryLedger()
    recorder = Recorder(ledger, FakeClock())
    for content_hash in ("h", "h", "h", "new"):
        recorder.served(a_read(content_hash=content_hash), who="a", run_id="")
    recorder.close()
    told = [msgspec.json.decode(e.data) for e in ledger.read()]
    assert [(d["content_hash"], d["count"]) for d in told] == [("h", 1), ("h", 2), ("new", 1)]


def test_what_the_ledger_lost_on_the_way_is_sent_again_in_order() -> None:
    ledger = FailsLate()
    recorder = Recorder(ledger, FakeClock())
    recorder.served(a_read(), who="a", run_id="")
    assert recorder.waiting == 1
    recorder.served(a_read(), who="b", run_id="")
    recorder.close()
    assert _counts(ledger) == [("a", 1), ("b", 1)]
    assert recorder.waiting == 0


class Comes(MemoryLedger):
    """A core that is not there the first `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def append_soon(self, events: Sequence[NewEvent], *, expect: int = -1) -> Future[Appended]:
        self.times -= 1
        if self.times >= 0:
            raise Unavailable("no core", fix="start it")
        return super().append_soon(events, expect=expect)


def test_the_end_waits_for_a_core_that_restarts(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Comes(4)
    recorder = Recorder(ledger, FakeClock())
    for _ in range(3):
        recorder.served(a_read(), who="a", run_id="")
    recorder.close()
    assert _counts(ledger) == [("a", 1), ("a", 2)]
    assert capsys.readouterr().err == ""


def test_what_the_ledger_did_not_take_until_the_end_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steersman.services.pulls.recording._CLOSE_PAUSES_S", (0.0, 0.0))
    recorder = Recorder(Comes(1000), FakeClock())
    recorder.served(a_read(), who="a", run_id="")
    recorder.close()
    assert "did not take 1 events, which are lost" in capsys.readouterr().err


def test_an_event_that_no_ledger_would_take_costs_nobody_his_data(capsys: pytest.CaptureFixture[str]) -> None:
    class Picky(MemoryLedger):
        def append_soon(self, events: Sequence[NewEvent], *, expect: int = -1) -> Future[Appended]:
            if b'"who":"long"' in events[0].data:
                raise Rejected("too large", fix="say less")
            return super().append_soon(events, expect=expect)

    ledger = Picky()
    recorder = Recorder(ledger, FakeClock())
    for who in ("a", "long", "b"):
        recorder.served(a_read(), who=who, run_id="")
    recorder.close()
    assert _counts(ledger) == [("a", 1), ("b", 1)]
    assert "services.data.served is not recorded: too large" in capsys.readouterr().err
