"""A run whose engine ended while it waited to try again, taken up under another manifest or at another time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import a_request, an_automation, events, wait_for

from steersman.automation import Automation, Manifest
from steersman.automation.conductor import Conductor, Interrupted, Limits
from steersman.automation.model.outcome import Progress, RunOutcome
from steersman.automation.model.window import parse_window
from steersman.automation.runner.lock import FileLock
from steersman.kernel.clock import FakeClock
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger

MONDAY_NOON = 1_764_590_400_000_000_000  # 2025-12-01T12:00Z
JOB = an_automation(run="sh -c 'test $STEERSMAN_ATTEMPT = 2'", retries=1, backoff_s=3600.0, params={"days": 1})
REQUEST = a_request(cause="schedule", params={"days": "5"})


def a_conductor(root: Path, ledger: Ledger, clock: FakeClock, *automations: Automation) -> Conductor:
    found = Conductor(
        root=root,
        state=root / ".steersman",
        ledger=ledger,
        clock=clock,
        actor="desk",
        limits=Limits(resumes=True, processes=8, grace_s=0.3),
    )
    found.manifest = Manifest(automations)
    return found


def cut_short(root: Path, ledger: Ledger, clock: FakeClock) -> None:
    """Have a run fail once, and its engine end before the second attempt."""
    conductor = a_conductor(root, ledger, clock, JOB)
    with pytest.raises(Interrupted):
        conductor.execute(REQUEST, lambda step: conductor.stop() if step.state == "retrying" else None)
    conductor.release()


def changed(**fields: Any) -> tuple[Automation, ...]:
    return (an_automation(**{"run": JOB.run, "retries": 1, "params": {"days": 1}, **fields}),)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ((), "it is no longer declared"),
        (changed(enabled=False), "it is disabled"),
        (changed(params={}), "there is no parameter"),
        (changed(window=parse_window("09:00-11:00")), "outside its window 09:00-11:00 UTC"),
        (changed(window=parse_window("09:00-11:00"), outside="wait"), "outside its window 09:00-11:00 UTC"),
    ],
    ids=["gone", "disabled", "parameter", "window", "window that is waited for"],
)
def test_it_has_ended_and_says_why_if_it_may_not_be_tried_again(
    now: tuple[Automation, ...], reason: str, tmp_path: Path
) -> None:
    ledger, clock = memory_ledger(), FakeClock(MONDAY_NOON)
    cut_short(tmp_path, ledger, clock)
    outcome = a_conductor(tmp_path, ledger, clock, *now).execute(REQUEST, lambda _: None)
    assert (outcome.status, outcome.attempts) == ("cancelled", 2)
    assert outcome.reason.startswith(f"not tried again: {reason}")
    assert [kind for kind, _ in events(ledger)] == ["started", "finished", "finished"]


def test_it_waits_for_who_runs_meanwhile_and_is_tried_again(tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock(MONDAY_NOON)
    cut_short(tmp_path, ledger, clock)
    clock.advance(3600)
    other = FileLock(tmp_path / ".steersman" / "runs" / "job" / "lock")
    assert other.acquire("job-2")
    conductor, found = a_conductor(tmp_path, ledger, clock, JOB), list[RunOutcome]()
    thread = threading.Thread(target=lambda: found.append(conductor.execute(REQUEST, lambda _: None)), daemon=True)
    thread.start()
    wait_for(lambda: conductor.underway.find(REQUEST.run_id) is not None)
    thread.join(0.3)
    assert found == []
    other.release()
    thread.join(10)
    assert [(o.status, o.attempts) for o in found] == [("succeeded", 2)]


@pytest.mark.parametrize(
    ("edit", "ended"),
    [
        ((), ("skipped", "it is no longer declared")),
        (changed(enabled=False), ("skipped", "it is disabled")),
        (changed(run="false", retries=0), ("failed", "ended with exit code 1")),
        (changed(window=parse_window("09:00-11:00")), ("skipped", "outside its window 09:00-11:00 UTC")),
    ],
    ids=["gone", "disabled", "another command", "another window"],
)
def test_what_waits_for_its_window_when_it_is_edited_starts_as_it_is_declared_then(
    edit: tuple[Automation, ...], ended: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steersman.automation.moment._LONGEST_NAP_S", 0.05)
    ledger, clock = memory_ledger(), FakeClock(MONDAY_NOON)
    conductor = a_conductor(
        tmp_path, ledger, clock, *changed(run="true", window=parse_window("13:00-14:00"), outside="wait")
    )

    def told(step: Progress) -> None:
        if step.state == "waiting" and "window 13:00" in step.note:
            conductor.manifest = Manifest(edit)
            clock.advance(3600)

    outcome = conductor.execute(REQUEST, told)
    assert (outcome.status, outcome.reason) == ended
    assert len([kind for kind, _ in events(ledger) if kind == "started"]) == (ended[0] == "failed")
