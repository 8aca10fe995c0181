"""What a person says about automations holds on every engine: paused, nothing starts; cancelled, a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import ENGINES, a_script, an_automation, events, running, wait_for

from steersman.automation.control import cancelling, pauses
from steersman.automation.control.cancelling import Wish
from steersman.automation.engine import BaseEngine
from steersman.automation.model.cycle import requests
from steersman.automation.model.outcome import RunOutcome, RunRequest, run_id
from steersman.automation.runner.group import start_ticks
from steersman.kernel.clock import FakeClock
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.approvals import APPROVAL_EXPIRED, answer

pytestmark = pytest.mark.parametrize("kind", ENGINES)
AT = 1_764_500_400_000_000_000
ME = Wish(by="person:me", reason="enough of it", at=1)


def pause(ledger: Ledger, *names: str, until: int | None = None) -> None:
    pauses.pause(ledger, names, until=until, reason="vendor is down", by="person:me", now_ns=1)


def resume(ledger: Ledger, *names: str) -> None:
    pauses.resume(ledger, names, reason="", by="person:me", now_ns=2)


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


def cancelled(
    engine: BaseEngine,
    name: str,
    waits: str,
    work: Callable[[], dict[str, RunOutcome]],
    *,
    once: Callable[[], bool] = lambda: True,
) -> dict[str, RunOutcome]:
    """Start `work`, end the run of `name` once it waits for `waits` (empty: runs), and return the outcomes."""
    thread, found = in_thread(work)
    register = engine.conductor.underway
    wait_for(lambda: any(u.waits == "" if not waits else waits in u.waits for u in register.living(name)))
    wait_for(once)
    cancelling.ask(engine.conductor.folders, name, register.living(name)[0].run_id, ME)
    thread.join(15)
    assert found, "it never ended"
    assert register.living() == []
    return dict(found[0])


@pytest.mark.parametrize("cause", ["schedule", "event", "backfill", "manual"])
def test_a_paused_automation_does_not_start_and_starts_once_it_is_resumed(
    kind: str, tmp_path: Path, cause: str
) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(), ledger=ledger) as engine:
        pause(ledger, "job")
        engine.begin(cause, ["job"], AT)  # type: ignore[arg-type]
        wait_for(lambda: [k for k, _ in events(ledger)] == ["skipped"])
        assert "paused by person:me" in events(ledger)[0][1]["reason"]
        assert "vendor is down" in events(ledger)[0][1]["reason"]
        resume(ledger, "job")
        engine.begin(cause, ["job"], AT + 1)  # type: ignore[arg-type]
        wait_for(lambda: [k for k, _ in events(ledger)] == ["skipped", "started", "finished"])


def test_what_needs_a_paused_automation_is_held_back_and_says_so(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    manifest = (
        an_automation("login"),
        an_automation("prices", needs=("login",)),
        an_automation("chart", needs=("prices",)),
    )
    with running(kind, tmp_path, *manifest, ledger=ledger) as engine:
        pause(ledger, "login")
        outcomes = engine.run_now("chart")
        assert [o.status for o in outcomes.values()] == ["skipped"] * 3
        assert outcomes["chart"].reason.startswith("needs login, which is paused by person:me")
        assert set(engine.conductor.held()) == {"login", "prices", "chart"}
        assert engine.run_now("prices", with_needs=False)["prices"].ok, "on its own it needs nobody"


def test_a_pause_of_all_holds_back_all_but_what_was_resumed_by_name_since(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation("a"), an_automation("b"), ledger=ledger) as engine:
        pause(ledger, pauses.EVERYTHING)
        resume(ledger, "b")
        assert {n: o.status for n, o in engine.run_cycle(["a", "b"]).items()} == {"a": "skipped", "b": "succeeded"}
        resume(ledger, pauses.EVERYTHING)
        assert engine.run_now("a")["a"].ok


def test_starts_of_days_under_a_pause_are_a_handful_of_events_that_count_them_all(kind: str, tmp_path: Path) -> None:
    ledger, hour = memory_ledger(), FakeClock(AT)
    manifest = (an_automation("job"), an_automation("after", needs=("job",)))
    with running(kind, tmp_path, *manifest, ledger=ledger, clock=hour) as engine:
        pause(ledger, "after")
        for start in range(6 * 3):
            at = AT + start * 600_000_000_000
            # What it needs ran an hour ago, say: what counts here is that the start is asked for.
            asked = requests(engine.conductor.manifest, ["after"], [], cycle=f"schedule/{at}", cause="schedule", at=at)
            assert engine.run_asked(asked)["after"].status == "skipped"
            hour.advance(600)
        before = [d for k, d in events(ledger)]
        resume(ledger, "after")
        engine.conductor.settle()
        told = [d for k, d in events(ledger)]
    assert len(before) == 3
    assert [d["starts"] for d in told] == [1, 5, 6, 6]
    assert "6 further starts held back: paused by person:me" in told[-1]["reason"]


def test_a_run_under_way_goes_on_through_a_pause_with_its_further_attempts(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    script = a_script(
        tmp_path, "job.sh", "touch begun; while [ ! -e go ]; do sleep 0.05; done; [ $STEERSMAN_ATTEMPT = 2 ]"
    )
    with running(kind, tmp_path, an_automation(run=script, retries=1, backoff="none"), ledger=ledger) as engine:
        thread, found = in_thread(lambda: engine.run_now("job"))
        wait_for((tmp_path / "begun").exists)
        pause(ledger, "job")
        (tmp_path / "go").touch()
        thread.join(15)
    assert (found[0]["job"].status, found[0]["job"].attempts) == ("succeeded", 2)


def test_a_pause_that_comes_while_a_run_waits_keeps_it_from_starting(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(approve=True), ledger=ledger) as engine:
        thread, found = in_thread(lambda: engine.run_now("job"))
        wait_for(lambda: any("approval" in u.waits for u in engine.conductor.underway.living()))
        pause(ledger, "job")
        mine = engine.conductor.underway.living()[0].run_id
        answer(ledger, f"run/{mine}", grant=True, by="person:me", reason="", now_ns=2)
        thread.join(15)
    assert found[0]["job"].status == "skipped"
    assert "paused" in found[0]["job"].reason


def test_a_cancelled_run_ends_with_all_its_processes_and_is_not_tried_again(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    script = a_script(
        tmp_path,
        "job.sh",
        """
        setsid sh -c 'echo $$ > detached; sleep 300' &
        echo $$ > main
        wait
        """,
    )
    manifest = (an_automation(run=script, retries=3, backoff="none"), an_automation("after", needs=("job",)))
    with running(kind, tmp_path, *manifest, ledger=ledger) as engine:
        pids = [tmp_path / "main", tmp_path / "detached"]
        outcomes = cancelled(
            engine,
            "job",
            "",
            lambda: engine.run_cycle(["job", "after"]),
            once=lambda: all(pid.is_file() and pid.stat().st_size for pid in pids),
        )
    job, after = outcomes["job"], outcomes["after"]
    assert (job.status, job.attempts, job.reason) == ("cancelled", 1, "cancelled by person:me: enough of it")
    assert (after.status, after.reason) == (
        "skipped",
        "needs job, which was cancelled: cancelled by person:me: enough of it",
    )
    for pid in pids:
        assert start_ticks(int(pid.read_text())) is None, f"{pid.name} was left running"


WAITING: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "what it needs": ("after", {"slow": {"run": "sleep 0.8"}, "after": {"needs": ("slow",)}}),
    "for approval": ("job", {"job": {"approve": True}}),
    "attempt 2 in": ("job", {"job": {"run": "false", "retries": 3, "backoff": "fixed", "backoff_s": 300.0}}),
}


@pytest.mark.parametrize("waits", sorted(WAITING))
def test_a_run_that_waits_can_be_cancelled(kind: str, tmp_path: Path, waits: str) -> None:
    ledger = memory_ledger()
    name, declared = WAITING[waits]
    manifest = [an_automation(n, **fields) for n, fields in declared.items()]
    with running(kind, tmp_path, *manifest, ledger=ledger) as engine:
        outcomes = cancelled(engine, name, waits, lambda: engine.run_cycle(list(declared)))
    assert (outcomes[name].status, outcomes[name].reason) == ("cancelled", "cancelled by person:me: enough of it")
    asked = list(ledger.read(types=("approval.requested",)))
    assert len(list(ledger.read(types=(APPROVAL_EXPIRED,)))) == len(asked), "nobody is asked any more"
    ends = [d for k, d in events(ledger, outcomes[name].run_id) if k == "finished"]
    assert ends[-1]["will_retry"] is False


def test_a_run_asked_to_end_before_it_began_never_starts(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(), ledger=ledger) as engine:
        mine = run_id("job", AT, f"schedule/{AT}")
        cancelling.ask(engine.conductor.folders, "job", mine, ME)
        engine.begin("schedule", ["job"], AT)
        wait_for(lambda: [k for k, _ in events(ledger)] == ["finished"])
    assert events(ledger)[0][1]["status"] == "cancelled"


def test_every_run_learns_which_start_it_stands_for(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    script = a_script(tmp_path, "job.sh", 'echo "$STEERSMAN_SCHEDULED_AT|$1|$2" > said')
    declared = an_automation(
        run=f"{script} {{scheduled_at}} {{scheduled_date}}", schedule="0 9 * * *", tz="America/New_York"
    )
    with running(kind, tmp_path, declared, ledger=ledger) as engine:
        engine.begin("schedule", ["job"], AT)
        wait_for(lambda: [k for k, _ in events(ledger)] == ["started", "finished"])
    assert (tmp_path / "said").read_text() == "2025-11-30T06:00:00-05:00|2025-11-30T06:00:00-05:00|2025-11-30\n"
    start = events(ledger)[0][1]
    assert (start["stands_for"], start["scheduled_at"]) == (AT, AT)


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel"])
def test_a_start_that_is_due_waits_for_a_backfill_in_its_way_and_goes_before_the_next(
    kind: str, tmp_path: Path, overlap: str
) -> None:
    ledger = memory_ledger()
    script = a_script(tmp_path, "job.sh", "touch begun; while [ ! -e go ]; do sleep 0.02; done")
    with running(kind, tmp_path, an_automation(run=script, overlap=overlap), ledger=ledger) as engine:
        made_up = [
            RunRequest(run_id=f"job-{n}", automation="job", cycle=f"b/{n}", cause="backfill", scheduled_at=AT + n)
            for n in (1, 2)
        ]
        threads = [in_thread(partial(engine.run_asked, [request]))[0] for request in made_up]
        wait_for((tmp_path / "begun").exists)
        engine.begin("schedule", ["job"], AT + 9)
        wait_for(lambda: any("run before it" in u.waits for u in engine.conductor.underway.living()))
        (tmp_path / "go").touch()
        for thread in threads:
            thread.join(15)
    assert [d["cause"] for k, d in events(ledger) if k == "started"] == ["backfill", "schedule", "backfill"]
    assert [d["status"] for k, d in events(ledger) if k == "finished"] == ["succeeded"] * 3
