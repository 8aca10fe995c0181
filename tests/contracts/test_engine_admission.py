"""What stands between a start and a process, on engines of this process: windows, people, logins, tokens, values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import ENGINES, a_script, an_automation, an_engine, events, running, wait_for

from steersman.automation import Manifest, Progress
from steersman.automation.admission.approval import run_approval
from steersman.automation.admission.tokens import Tokens
from steersman.automation.model.blackout import parse_blackout
from steersman.automation.model.window import parse_window
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, Rejected
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.policy.approvals import answer
from steersman.services.events import LOGGED_IN, REAUTH_REQUIRED, LoggedIn, ReauthRequired

pytestmark = pytest.mark.parametrize("kind", ENGINES)

MONDAY_NOON = 1_764_590_400_000_000_000  # 2025-12-01T12:00Z


def asked(ledger: Ledger) -> list[str]:
    found = ledger.read(types=("approval.requested",))
    return [str(msgspec.json.decode(e.data)["approval_id"]) for e in found]


def reasons(ledger: Ledger) -> list[str]:
    return [str(d["reason"]) for k, d in events(ledger) if k == "skipped"]


def begun(kind: str, root: Path, ledger: Ledger, **fields: Any) -> str:
    """Start a run that needs approval and return what the inbox calls it."""
    run_id = ""
    with running(kind, root, an_automation(approve=True, **fields), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: asked(ledger))
        (run_id,) = asked(ledger)
        assert events(ledger) == [], "nothing is started before somebody answers"
        answer(ledger, run_id, grant=fields.get("params") is None, by="person:me", reason="fine", now_ns=2)
        wait_for(lambda: len(events(ledger)) == (2 if fields.get("params") is None else 1))
    return run_id


def test_a_run_that_a_person_approves_starts(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    run_id = begun(kind, tmp_path, ledger)
    assert run_id.startswith("run/job-19700101T000001Z-")
    assert [(k, d.get("status")) for k, d in events(ledger)] == [("started", None), ("finished", "succeeded")]


def test_a_run_that_a_person_denies_does_not(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    begun(kind, tmp_path, ledger, params={"days": 5})
    assert reasons(ledger) == ["denied by person:me: fine"]


def test_starts_do_not_pile_up_behind_one_that_waits_for_a_person(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(approve=True), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: asked(ledger))
        for second in (2, 3):
            engine.begin("schedule", ["job"], second * 1_000_000_000)
        wait_for(lambda: len(reasons(ledger)) == 2)
        assert len(asked(ledger)) == 1
        answer(ledger, asked(ledger)[0], grant=True, by="person:me", reason="", now_ns=2)
        wait_for(lambda: len(events(ledger)) == 4)
    assert all(reason.startswith("overlap: job-19700101T000001Z-") for reason in reasons(ledger))


def test_a_later_start_takes_the_place_of_one_that_waits_for_a_person(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(approve=True, overlap="cancel"), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: asked(ledger))
        engine.begin("schedule", ["job"], 2_000_000_000)
        wait_for(lambda: len(asked(ledger)) == 2)
        answer(ledger, asked(ledger)[1], grant=True, by="person:me", reason="", now_ns=2)
        wait_for(lambda: len(events(ledger)) == 3)
    assert reasons(ledger) == ["cancelled while it waited: a later start took its place"]


def test_only_the_first_answer_counts_and_only_a_persons(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    run_id = begun(kind, tmp_path, ledger)
    with pytest.raises(Rejected, match="was granted by person:me before"):
        answer(ledger, run_id, grant=False, by="person:me", reason="", now_ns=3)
    with pytest.raises(Rejected, match="only a person answers a hold"):
        answer(ledger, run_approval("job-2"), grant=True, by="desk", reason="", now_ns=3)


def test_a_run_nobody_answers_is_skipped_once_its_time_is_over(kind: str, tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock()
    engine = an_engine(kind, tmp_path, ledger, clock=clock)
    try:
        engine.start(Manifest([an_automation(approve=True, approve_within_s=60)]), schedules=False)
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: asked(ledger))
        clock.advance(61)
        wait_for(lambda: reasons(ledger))
    finally:
        engine.close()
    assert reasons(ledger) == ["nobody approved it within 1 m"]
    assert len(list(ledger.read(types=("approval.expired",)))) == 1


def test_a_run_that_a_person_starts_by_hand_needs_no_second_yes(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(approve=True), ledger=ledger, actor="person:cli") as engine:
        assert engine.run_now("job")["job"].ok
    assert asked(ledger) == []


def test_a_start_outside_its_window_is_skipped_unless_a_person_wants_it_anyway(kind: str, tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock(MONDAY_NOON)
    engine = an_engine(kind, tmp_path, ledger, clock=clock)
    try:
        job = an_automation(window=parse_window("sat 09:00-10:00"), blackout=(parse_blackout("2025-12-01"),))
        engine.start(Manifest([job]), schedules=False)
        assert engine.run_now("job")["job"].reason == "blackout 2025-12-01"
        assert engine.run_now("job", anyway=True)["job"].ok
    finally:
        engine.close()


def test_a_start_that_waits_for_its_window_starts_when_it_opens(kind: str, tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock(MONDAY_NOON - 50_000_000)
    steps: list[Progress] = []
    engine = an_engine(kind, tmp_path, ledger, clock=clock)
    try:
        job = an_automation(window=parse_window("12:00-13:00"), outside="wait")
        engine.start(Manifest([job]), schedules=False)

        def seen(step: Progress) -> None:
            steps.append(step)
            if step.state == "waiting":
                clock.advance(0.05)

        assert engine.run_now("job", on_progress=seen)["job"].ok
    finally:
        engine.close()
    assert steps[0].note == "outside its window 12:00-13:00 UTC; starts at 2025-12-01T12:00:00Z"


def test_a_retry_does_not_happen_once_the_window_is_closed(kind: str, tmp_path: Path) -> None:
    ledger, clock = memory_ledger(), FakeClock(MONDAY_NOON)
    engine = an_engine(kind, tmp_path, ledger, clock=clock)
    try:
        job = an_automation(run="false", retries=3, backoff="none", window=parse_window("12:00-12:01"))
        engine.start(Manifest([job]), schedules=False)
        outcome = engine.run_now("job", on_progress=lambda step: clock.advance(40))["job"]
    finally:
        engine.close()
    assert (outcome.status, outcome.attempts) == ("cancelled", 2)
    assert outcome.reason == "not tried again: outside its window 12:00-12:01 UTC"


def test_an_automation_whose_login_wants_a_person_waits_for_that_person(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()

    def said(kind_: str, data: msgspec.Struct) -> None:
        ledger.append([new_event(kind_, stream="provider/bank", data=data, actor="desk", now_ns=1)])

    with running(kind, tmp_path, an_automation(credentials=("bank",)), ledger=ledger) as engine:
        said(REAUTH_REQUIRED, ReauthRequired(provider="bank", error="invalid_grant", fix="log in", at=1))
        refused = engine.run_now("job")["job"]
        said(LOGGED_IN, LoggedIn(provider="bank", flow="pkce", scopes="", at=2))
        allowed = engine.run_now("job")["job"]
    assert refused.reason == "a person must log in to bank: steersman auth login bank"
    assert allowed.ok


def test_one_run_that_two_engines_are_asked_for_is_carried_out_once(kind: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = a_script(tmp_path, "wait.sh", f'while [ ! -e "{go}" ]; do sleep 0.02; done\n')
    ledger = memory_ledger()
    other, engine = an_engine("memory", tmp_path, ledger), an_engine(kind, tmp_path, ledger)
    try:
        for each in (other, engine):
            each.start(Manifest([an_automation(run=run)]), schedules=False)
            each.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: events(ledger))
        go.touch()
        wait_for(lambda: len(events(ledger)) == 2)
        run_id = str(events(ledger)[0][1]["run_id"])
        for each in (other, engine):
            wait_for(lambda each=each: (found := each.conductor.outcome(run_id)) is not None and found.ok)
    finally:
        other.close()
        engine.close()
    assert [k for k, _ in events(ledger)] == ["started", "finished"]


def test_tokens_are_counted_over_engines_and_given_back(kind: str, tmp_path: Path) -> None:
    run = a_script(tmp_path, "call.sh", "mkdir calling && sleep 0.2 && rmdir calling\n")
    jobs = [an_automation(n, run=run, resources={"api": 1}, overlap="queue") for n in ("a", "b", "c")]
    steps: list[Progress] = []
    other = an_engine("memory", tmp_path, memory_ledger())
    engine = an_engine(kind, tmp_path, memory_ledger())
    try:
        other.start(Manifest(jobs[:1], resources={"api": 1}), schedules=False)
        engine.start(Manifest(jobs[1:], resources={"api": 1}), schedules=False)
        other.begin("schedule", ["a"], 1_000_000_000)
        outcomes = engine.run_cycle(["b", "c"], on_progress=steps.append)
        assert other.run_now("a")["a"].ok
    finally:
        other.close()
        engine.close()
    assert all(o.ok for o in outcomes.values()), outcomes
    assert any(s.note.startswith("waits for api: ") for s in steps if s.state == "waiting")
    assert Tokens(tmp_path / ".steersman" / "runs").claims() == []


def test_tokens_are_free_while_a_run_waits_to_try_again(kind: str, tmp_path: Path) -> None:
    with running(
        kind, tmp_path, an_automation(run="false", retries=1, backoff="fixed", backoff_s=0.3, resources={"api": 1})
    ) as engine:
        engine.conductor.manifest = Manifest(engine.conductor.manifest, resources={"api": 1})
        held: list[int] = []
        tokens = Tokens(tmp_path / ".steersman" / "runs")

        def look(step: Progress) -> None:
            if step.state in ("started", "retrying"):
                held.append(len(tokens.claims()))

        engine.run_now("job", on_progress=look)
    assert held == [1, 0, 1]


def test_parameters_reach_the_command_and_the_environment(kind: str, tmp_path: Path) -> None:
    run = a_script(tmp_path, "show.sh", 'echo "$1|$STEERSMAN_PARAM_WHAT"\n')
    ledger = memory_ledger()
    job = an_automation(run=f"{run} {{what}}", params={"what": "a b", "days": 3})
    with running(kind, tmp_path, job, ledger=ledger) as engine:
        first = engine.run_now("job")["job"]
        second = engine.run_now("job", params={"what": "$(id) 'x'"})["job"]
        with pytest.raises(Misconfigured, match="job: days: found 'many', allowed: a whole number"):
            engine.run_now("job", params={"days": "many"})
    assert (tmp_path / first.log).read_text() == "a b|a b\n"
    assert (tmp_path / second.log).read_text() == "$(id) 'x'|$(id) 'x'\n"
    assert [d["params"] for k, d in events(ledger) if k == "started"] == [{}, {"what": "$(id) 'x'"}]


def test_an_engine_says_how_it_is_before_and_after_its_start(kind: str, tmp_path: Path) -> None:
    engine = an_engine(kind, tmp_path, memory_ledger())
    try:
        assert engine.status().deployed is None
        manifest = Manifest([an_automation()])
        engine.start(manifest, schedules=False)
        status = engine.status()
        assert (status.engine, status.deployed, status.ok) == (kind, manifest.digest(), True)
    finally:
        engine.close()
