"""What is overdue is said wherever a person looks, once, until it has succeeded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import wait_for
from tests.builders_cli import Said

from steersman.automation.control.pauses import pause
from steersman.automation.events import RUN_FINISHED, RunFinished
from steersman.automation.overdue import Overdue, overdue, run_of
from steersman.bootstrap.deadlines import Declared, held_back, overdue_now, watching_deadlines
from steersman.bootstrap.desk import Desk, open_desk
from steersman.kernel.clock import FakeClock, SystemClock

HOUR_S = 3600


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    (tmp_path / "steersman.toml").write_text(
        '[automation.prices]\nrun = "true"\nschedule = "0 * * * *"\ndeadline = "10m"\n'
        '[automation.held]\nrun = "true"\nschedule = "0 * * * *"\ndeadline = "10m"\n'
        '[automation.after]\nrun = "true"\nneeds = ["held"]\ndeadline = "10m"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    with closing(open_desk(tmp_path)) as found:
        yield found


def made_late(desk: Desk) -> None:
    """Let two hours pass in which nothing was started, and `held` was paused."""
    clock = FakeClock(SystemClock().now_ns() - 2 * HOUR_S * 10**9)
    pause(desk.ledger, ["held"], until=None, reason="", by="person:test", now_ns=clock.now_ns())
    watch = Overdue(
        manifest=Declared(desk),
        ledger=desk.ledger,
        clock=clock,
        path=desk.workspace.state / "overdue.json",
        actor="desk",
        held_back=held_back(desk),
    )
    watch.look()
    clock.advance(2 * HOUR_S)
    assert [said.automation for said in watch.look()] == ["prices"]


def test_every_list_says_once_what_is_overdue(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    made_late(desk)
    auto = Said(capsys, "auto", columns=80)
    rows = {row["automation"]: row["overdue"] for row in auto.json("list")}
    assert rows["held"] == ""
    assert "nothing started it" in rows["prices"]
    still = [row for row in auto.json("next")["standing_still"] if row["automation"] == "prices"]
    assert len(still) == 1
    assert still[0]["next"] == "steersman auto show prices"
    assert auto("list") == 0
    assert "never ran, overdue" in auto.out
    assert auto("show", "prices") == 0
    assert auto.out.count("in the way:  overdue") == 1
    status = Said(capsys, "status", columns=80)
    assert status() == 0
    assert status.out.count("late prices") == 1
    doctor = Said(capsys, "doctor")
    assert [d["level"] for d in doctor.json() if d["name"] == "deadline prices"] == ["fail"]


def test_a_run_by_hand_makes_up_for_what_is_overdue(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    made_late(desk)
    assert Said(capsys, "auto")("run", "prices") == 0
    said: list[str] = []
    with watching_deadlines(desk, say=said.append):
        wait_for(lambda: said != [])
    assert said == ["prices not overdue any more: it succeeded"]
    assert overdue_now(desk) == {}


def test_a_run_that_another_orchestrator_starts_is_the_one_that_was_due(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    made_late(desk)
    due = overdue(Declared(desk)(), desk.ledger)["prices"].scheduled_at
    words = ("exec", "prices", "--cycle", f"schedule/{due}", "--at", str(due), "--cause", "schedule")
    assert Said(capsys, "auto")(*words) == 0
    events = [msgspec.json.decode(e.data, type=RunFinished) for e in desk.ledger.read(types=(RUN_FINISHED,))]
    assert [end.run_id for end in events] == [run_of("prices", due)]


def test_a_pause_that_ended_long_ago_excuses_what_it_held_back_and_nothing_else(desk: Desk) -> None:
    hours = [SystemClock().now_ns() - n * HOUR_S * 10**9 for n in (3, 2, 1)]
    pause(desk.ledger, ["held"], until=hours[1], reason="", by="person:test", now_ns=hours[0])
    look = held_back(desk)
    assert [look("held", at + 1) for at in hours] == [True, False, False]
    assert [look("after", at + 1) for at in hours] == [True, False, False]
    assert not look("prices", hours[0] + 1)
