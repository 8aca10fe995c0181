"""A desk that was away: with `catchup = "all"` each start happens, in order, one after the other, and none for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import a_script, an_automation, events, running, wait_for

from steersman.automation.handled import Handled
from steersman.kernel.clock import SystemClock, iso
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger

RUN = """
    cd "$STEERSMAN_WORKSPACE"
    if [ -n "$STEERSMAN_EVENT" ]; then cat "$STEERSMAN_EVENT" >> ran; else echo "$STEERSMAN_SCHEDULED_AT" >> ran; fi
"""
KIND = "script.order.placed"
SECOND = 1_000_000_000


def ends(ledger: Ledger) -> list[str]:
    return [str(data.get("status", data.get("reason"))) for kind, data in events(ledger) if kind != "started"]


def emit(ledger: Ledger, numbers: range) -> None:
    ledger.append([new_event(KIND, stream="s", data={"n": f"<{n:02}>"}, actor="a", now_ns=1) for n in numbers])


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel"])
def test_a_desk_that_was_away_for_less_than_a_minute_makes_up_for_each_start(overlap: str, tmp_path: Path) -> None:
    ledger, now = memory_ledger(), SystemClock().now_ns()
    job = an_automation(run=a_script(tmp_path, "job.sh", RUN), catchup="all", schedule="every 10s", overlap=overlap)
    before = Handled(tmp_path / ".steersman" / "runs" / ".schedule.json")
    before.mark(job, now - 50 * SECOND)
    before.save()

    def made_up_for() -> list[str]:
        # Not what became due meanwhile.
        return [at for at in (tmp_path / "ran").read_text().splitlines() if at < iso(now)] if ends(ledger) else []

    with running("memory", tmp_path, job, ledger=ledger, schedules=True):
        wait_for(lambda: len(made_up_for()) >= 5 and len(ends(ledger)) >= 5)
    # One that became due meanwhile may have ended one, where that is what `overlap` says.
    assert ends(ledger).count("succeeded") >= (4 if overlap == "cancel" else 5)
    assert made_up_for() == sorted(made_up_for())


def test_events_of_one_second_are_made_up_for_in_their_order(tmp_path: Path) -> None:
    ledger = memory_ledger()
    job = an_automation(run=a_script(tmp_path, "job.sh", RUN), catchup="all", on=(KIND,))
    with running("memory", tmp_path, job, ledger=ledger, schedules=True):
        pass
    emit(ledger, range(12))
    with running("memory", tmp_path, job, ledger=ledger, schedules=True):
        wait_for(lambda: len(ends(ledger)) == 12)
    assert set(ends(ledger)) == {"succeeded"}
    told = (tmp_path / "ran").read_text()
    assert [told.index(f"<{n:02}>") for n in range(12)] == sorted(told.index(f"<{n:02}>") for n in range(12))


def test_a_storm_that_is_older_than_minutes_by_its_turn_does_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steersman.automation.turns._LONGEST_LINE", 3)
    monkeypatch.setattr("steersman.automation.turns.PUNCTUAL_NS", 0)
    ledger = memory_ledger()
    job = an_automation(run=a_script(tmp_path, "job.sh", f"{RUN}    sleep 0.5\n"), catchup="all", on=(KIND,))
    with running("memory", tmp_path, job, ledger=ledger, schedules=True):
        emit(ledger, range(9))
        wait_for(lambda: len(ends(ledger)) == 9)
    assert ends(ledger).count("overlap: 3 missed starts wait already") >= 4
    assert ends(ledger).count("succeeded") >= 3
