"""From an event to a run on an engine: what its script is told, who starts whom, and where that ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import a_script, an_automation, an_engine, events, running, wait_for

from steersman.automation import Manifest
from steersman.automation.event_file import event_told
from steersman.automation.execute import Assignment, Executor
from steersman.automation.model.cycle import event_key, event_of, events_of
from steersman.automation.model.schedule import jitter_ns
from steersman.kernel.clock import SystemClock
from steersman.kernel.ids import uuid7
from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.patterns import EventPattern

TELLS = """
    import json, os, pathlib
    event = json.loads(pathlib.Path(os.environ["STEERSMAN_EVENT"]).read_text())
    said = {"attempt": os.environ["STEERSMAN_ATTEMPT"], "count": os.environ["STEERSMAN_EVENTS"], "cwd": os.getcwd()}
    print("::result", json.dumps(said | {"type": event["type"], "status": event["data"].get("status")}))
    raise SystemExit(os.environ["STEERSMAN_ATTEMPT"] == "1")
    """


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steersman.automation.triggers._LOOK_S", 0.02)


def failed(name: str, **where: Any) -> EventPattern:
    return EventPattern(event="automation.run.finished", where={"automation": name, "will_retry": False, **where})


def emit(ledger: Ledger, kind: str, **data: Any) -> Any:
    event = new_event(kind, stream="s", data=data, actor="a", now_ns=1)
    ledger.append([event])
    return ledger.get(event.id)


def finished(ledger: Ledger, name: str) -> list[dict[str, Any]]:
    return [d for kind, d in events(ledger) if kind == "finished" and d["automation"] == name and not d["will_retry"]]


@pytest.mark.parametrize("kind", ["memory", "embedded"])
def test_the_last_failure_of_a_run_starts_who_looks_after_it_and_each_attempt_finds_the_event(
    tmp_path: Path, kind: str
) -> None:
    ledger = memory_ledger()
    (tmp_path / "reports").mkdir()
    jobs = [
        an_automation("prices", run="sh -c 'exit 3'", retries=1, backoff="none"),
        an_automation(
            "alert",
            run=a_script(tmp_path, "alert.py", TELLS),
            on=(failed("prices", status=("failed", "timed_out")),),
            cwd="reports",
            retries=1,
            backoff="none",
        ),
    ]
    with running(kind, tmp_path, *jobs, ledger=ledger, schedules=True) as engine:
        engine.run_now("prices")
        wait_for(lambda: finished(ledger, "alert"))
    results = [d["result"] for k, d in events(ledger) if k == "finished" and d["automation"] == "alert"]
    expected = {"count": "1", "type": "automation.run.finished", "status": "failed", "cwd": str(tmp_path / "reports")}
    assert results == [{"attempt": "1", **expected}, {"attempt": "2", **expected}]
    causes = {e.causation_id for e in ledger.read(types=("automation.run.*",)) if b'"alert"' in e.data}
    last = [e for e in ledger.read(types=("automation.run.finished",)) if b'"prices"' in e.data][-1]
    assert causes == {last.id}


def test_runs_that_start_each_other_through_events_of_scripts_are_cut_after_five(tmp_path: Path) -> None:
    ledger = memory_ledger()
    ring = [an_automation(f"n{i}", on=(f"script.ring.at{'abc'[i]}",)) for i in range(3)]

    def passes_on() -> int:
        """Be the scripts: each run emits the event that starts the next one."""
        starts = list(ledger.read(types=("automation.run.started",)))
        for start in starts[len(told) :]:
            told.append(start.pos)
            following = "abc"[(int(json.loads(start.data)["automation"][1:]) + 1) % 3]
            ledger.append(
                [new_event(f"script.ring.at{following}", stream="s", data={}, actor="a", now_ns=1, cause=start)]
            )
        return len([k for k, _ in events(ledger) if k == "skipped"])

    told: list[int] = []
    with running("memory", tmp_path, *ring, ledger=ledger, schedules=True):
        emit(ledger, "script.ring.ata")
        wait_for(passes_on)
    (skip,) = [d for kind, d in events(ledger) if kind == "skipped"]
    assert skip["reason"] == (
        "cut off: n0 -> n1 -> n2 -> n0 -> n1 started each other by events, and 5 in a row are the most"
    )
    assert len(told) == 5


def test_what_another_orchestrator_starts_for_an_event_is_told_it_by_the_name_of_its_cycle(tmp_path: Path) -> None:
    ledger = memory_ledger()
    event = emit(ledger, "policy.halt.set", scope="all")
    job = an_automation(run=a_script(tmp_path, "alert.py", TELLS.replace('== "1"', '== "9"')))
    cycle = f"{event_key(event.id, 500)}/{event.recorded_at}"
    assert (event_of(cycle), events_of(cycle)) == (event.id, 500)
    executor = Executor(root=tmp_path, ledger=ledger, clock=SystemClock(), actor="engine:airflow")
    outcome = executor.run(
        Manifest([job]),
        Assignment(name="job", members=("job",), roots=("job",), cycle=cycle, cause="event", at=event.recorded_at),
    )
    executor.close()
    folder = (tmp_path / outcome.log).parent
    assert (event_told(folder), event_told(tmp_path)) == (f"event {event.pos}, policy.halt.set", "")
    assert outcome.result is not None
    assert (outcome.result["type"], outcome.result["count"]) == ("policy.halt.set", "500")


def test_a_cycle_that_names_an_event_nobody_recorded_fails_with_its_id(tmp_path: Path) -> None:
    missing = uuid7(5)
    executor = Executor(root=tmp_path, ledger=memory_ledger(), clock=SystemClock(), actor="engine:airflow")
    cycle = f"{missing}/5"
    outcome = executor.run(
        Manifest([an_automation()]),
        Assignment(name="job", members=("job",), roots=("job",), cycle=cycle, cause="event", at=5),
    )
    executor.close()
    assert outcome.status == "failed"
    assert f"the event {missing} that should have started it is not in the ledger" in outcome.reason


def test_a_run_that_a_script_of_an_event_starts_is_told_of_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEERSMAN_EVENT", "/of/another/run")
    with running(
        "memory", tmp_path, an_automation(run="sh -c 'echo ::result \\\"${STEERSMAN_EVENT-none}\\\"'")
    ) as engine:
        outcome = engine.run_now("job")["job"]
    assert "another" not in (tmp_path / outcome.log).read_text()


def test_a_folder_that_is_gone_fails_the_run_by_its_name(tmp_path: Path) -> None:
    with running("memory", tmp_path, an_automation(cwd="gone")) as engine:
        outcome = engine.run_now("job")["job"]
    assert (outcome.status, outcome.reason) == ("failed", "there is no folder gone to run in")


def test_jitter_holds_a_scheduled_start_back_and_no_other(tmp_path: Path) -> None:
    ledger = memory_ledger()
    job = an_automation(jitter_s=0.4, schedule="0 0 1 1 *")
    with running("memory", tmp_path, job, ledger=ledger) as engine:
        now = SystemClock().now_ns()
        engine.begin("schedule", ["job"], now)
        wait_for(lambda: finished(ledger, "job"))
        engine.run_now("job")
    first = next(d for kind, d in events(ledger) if kind == "started")
    assert first["at"] - now >= jitter_ns(job) > 0
    assert first["lateness_s"] == pytest.approx((first["at"] - now - jitter_ns(job)) / 1e9)


@pytest.mark.parametrize("kind", ["memory", "embedded"])
def test_another_manifest_comes_into_force_while_it_runs(tmp_path: Path, kind: str) -> None:
    ledger = memory_ledger()
    engine = an_engine(kind, tmp_path, ledger, grace_s=0.3)
    try:
        engine.start(Manifest([an_automation("a", on=("script.x.said",)), an_automation("b", on=("script.y.said",))]))
        engine.renew(Manifest([an_automation("a", on=("script.x.said",)), an_automation("c", on=("script.y.said",))]))
        emit(ledger, "script.x.said")
        emit(ledger, "script.y.said")
        wait_for(lambda: finished(ledger, "a") and finished(ledger, "c"))
        status = engine.status()
    finally:
        engine.close()
    engine.renew(Manifest())
    assert [d["automation"] for kind, d in events(ledger) if kind == "started"] in (["a", "c"], ["c", "a"])
    assert status.deployed == engine.conductor.manifest.digest()
