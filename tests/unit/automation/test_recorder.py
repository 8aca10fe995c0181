"""A ledger that cannot take an event just now is asked again; what was written is read back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.builders_automation import a_request

from steersman.automation.recorder import Recorder
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import ANY, Appended, NewEvent
from steersman.ledger.adapters.memory import MemoryLedger


class Restarting(MemoryLedger):
    """Refuses the first `refusals` appends, as a core does that restarts."""

    def __init__(self, refusals: int) -> None:
        super().__init__(clock=FakeClock())
        self.refusals = refusals

    def append(self, events: Sequence[NewEvent], *, expect: int = ANY) -> Appended:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("no core process", fix="wait")
        return super().append(events, expect=expect)


def test_an_event_waits_for_a_core_that_restarts() -> None:
    pauses: list[float] = []
    ledger = Restarting(3)

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    Recorder(ledger, FakeClock(), actor="desk", wait=wait).skipped(a_request(), "overlap")
    assert ledger.head().pos == 1
    assert pauses == sorted(pauses)
    assert len(pauses) == 3


def test_a_core_that_does_not_come_back_is_reported() -> None:
    recorder = Recorder(Restarting(1000), FakeClock(), actor="desk", wait=lambda seconds: False)
    with pytest.raises(Unavailable, match="no core process"):
        recorder.skipped(a_request(), "overlap")


def test_a_skip_is_the_final_word_on_a_run() -> None:
    recorder = Recorder(MemoryLedger(clock=FakeClock()), FakeClock(), actor="desk")
    assert recorder.final("job-1") is None
    recorder.skipped(a_request(), "overlap")
    outcome = recorder.final("job-1")
    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("skipped", "overlap")
