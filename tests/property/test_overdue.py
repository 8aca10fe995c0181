"""However often somebody looks, and however often he is new: each start that was missed is told, and told once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_automation import an_automation

from steersman.automation import Manifest
from steersman.automation.events import RUN_OVERDUE, RunOverdue
from steersman.automation.model.outcome import RunRequest, run_id
from steersman.automation.overdue import Overdue
from steersman.automation.recorder import Recorder
from steersman.automation.records import end_without_process
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import MemoryLedger

HOUR = 3_600 * 10**9
SIX = 1_764_482_400 * 10**9
HOURS = 12


@given(
    looks=st.lists(st.tuples(st.integers(0, HOURS * 60), st.booleans()), max_size=20),
    good=st.sets(st.integers(0, HOURS - 1)),
)
@settings(max_examples=60)
def test_each_missed_start_is_told_once_whoever_looks_when(looks: list[tuple[int, bool]], good: set[int]) -> None:
    manifest = Manifest([an_automation("job", schedule="0 * * * *", deadline_s=1800.0, catchup="all")])
    clock = FakeClock(SIX - HOUR // 2)
    ledger = MemoryLedger(clock=clock)
    with tempfile.TemporaryDirectory() as folder:

        def watcher() -> Overdue:
            path = Path(folder) / "overdue.json"
            return Overdue(manifest=lambda: manifest, ledger=ledger, clock=clock, path=path, actor="desk")

        watch = watcher()
        watch.look()
        ran: set[int] = set()
        for minute, anew in [*sorted(looks), (HOURS * 60 + 1, True)]:
            now = SIX + minute * 60 * 10**9
            for hour in sorted(h for h in good - ran if SIX + h * HOUR <= now):
                _succeed(ledger, clock, SIX + hour * HOUR)
                ran.add(hour)
            clock.set(now)
            watch = watcher() if anew else watch
            watch.look()
    told = [msgspec.json.decode(e.data, type=RunOverdue) for e in ledger.read(types=(RUN_OVERDUE,))]
    assert sum(one.starts for one in told) == HOURS - len(good)
    assert all(one.first_at <= one.scheduled_at < one.deadline_at <= one.at for one in told)
    assert [one.scheduled_at for one in told] == sorted({one.scheduled_at for one in told})


def _succeed(ledger: MemoryLedger, clock: FakeClock, due: int) -> None:
    """Record that the run of a start succeeded five minutes after it was due."""
    own = run_id("job", due, f"schedule/{due}")
    request = RunRequest(run_id=own, automation="job", cycle=f"schedule/{due}", cause="schedule", scheduled_at=due)
    at = due + 300 * 10**9
    clock.set(at)
    end = end_without_process(request, "succeeded", number=1, error="", will_retry=False, log="", at=at)
    Recorder(ledger, clock, actor="desk").ended(end, cycle=request.cycle)
