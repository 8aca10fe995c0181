"""The promises of the engine port, kept by every adapter."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import ENGINES, a_script, an_automation, an_engine, events, running, wait_for

from steersman.automation import Manifest, Progress
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured
from steersman.ledger import new_event
from steersman.ledger.adapters.memory import create as memory_ledger

pytestmark = pytest.mark.parametrize("kind", ENGINES)


def test_a_run_has_its_result_artifacts_log_and_figures(kind: str, tmp_path: Path) -> None:
    run = a_script(
        tmp_path,
        "make.py",
        """
        import os, pathlib, time
        pathlib.Path(os.environ["STEERSMAN_ARTIFACTS"], "chart.svg").write_text("<svg/>")
        print(os.environ["STEERSMAN_WORKSPACE"], os.environ["REGION"], os.getcwd())
        ballast = bytearray(40_000_000); ballast[::4096] = b"x" * len(ballast[::4096])
        time.sleep(0.3)  # memory of small processes is sampled; this one stays long enough to be seen
        print('::result {"rows": 3}')
        """,
    )
    with running(kind, tmp_path, an_automation(run=run, env={"REGION": "us"})) as engine:
        outcome = engine.run_now("job")["job"]
    assert (outcome.status, outcome.exit_code, outcome.attempts) == ("succeeded", 0, 1)
    assert outcome.result == {"rows": 3}
    assert [Path(a).name for a in outcome.artifacts] == ["chart.svg"]
    assert (tmp_path / outcome.artifacts[0]).read_text() == "<svg/>"
    assert (tmp_path / outcome.log).read_text().startswith(f"{tmp_path} us {tmp_path}\n")
    assert 0 < outcome.cpu_s < 30
    assert 40_000_000 < outcome.peak_rss_bytes < 90_000_000


def test_start_and_end_are_events_with_one_correlation_per_cycle(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation("a"), an_automation("b", needs=("a",)), ledger=ledger) as engine:
        outcomes = engine.run_now("b")
    assert list(outcomes) == ["a", "b"]
    assert [(k, d["automation"], d.get("cause", "")) for k, d in events(ledger)] == [
        ("started", "a", "needs"),
        ("finished", "a", ""),
        ("started", "b", "manual"),
        ("finished", "b", ""),
    ]
    assert len({e.correlation_id for e in ledger.read(types=("automation.run.*",))}) == 1
    assert ledger.stream_version(f"run/{outcomes['a'].run_id}") == 2


def test_a_failed_need_skips_whoever_needs_it_and_says_why(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    manifest = (
        an_automation("login", run="sh -c 'exit 3'"),
        an_automation("prices", needs=("login",)),
        an_automation("chart", needs=("prices",)),
        an_automation("other"),
    )
    with running(kind, tmp_path, *manifest, ledger=ledger) as engine:
        outcomes = engine.run_cycle([a.name for a in manifest])
    assert {n: o.status for n, o in outcomes.items()} == {
        "login": "failed",
        "prices": "skipped",
        "chart": "skipped",
        "other": "succeeded",
    }
    assert outcomes["prices"].reason == "needs login, which failed: ended with exit code 3"
    assert outcomes["chart"].reason.startswith("needs prices, which was skipped")
    assert [d["automation"] for k, d in events(ledger) if k == "skipped"] == ["prices", "chart"]


def test_a_need_outside_the_cycle_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, an_automation("a"), an_automation("b", needs=("a",))) as engine:
        assert list(engine.run_now("b", with_needs=False)) == ["b"]


def test_a_failing_script_is_tried_again_until_it_succeeds(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    run = a_script(tmp_path, "flaky.sh", 'echo "$STEERSMAN_ATTEMPT"; test "$STEERSMAN_ATTEMPT" = 3\n')
    steps: list[Progress] = []
    with running(kind, tmp_path, an_automation(run=run, retries=5, backoff="none"), ledger=ledger) as engine:
        outcome = engine.run_now("job", on_progress=steps.append)["job"]
    assert (outcome.status, outcome.attempts) == ("succeeded", 3)
    assert [(k, d["attempt"], d.get("will_retry")) for k, d in events(ledger)] == [
        ("started", 1, None),
        ("finished", 1, True),
        ("started", 2, None),
        ("finished", 2, True),
        ("started", 3, None),
        ("finished", 3, False),
    ]
    assert [s.state for s in steps] == ["started", "retrying", "started", "retrying", "started", "finished"]
    assert (tmp_path / outcome.log).read_text() == "3\n"


def test_retries_end(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, an_automation(run="false", retries=2, backoff="none")) as engine:
        outcome = engine.run_now("job")["job"]
    assert (outcome.status, outcome.attempts, outcome.exit_code) == ("failed", 3, 1)


def test_a_script_that_went_missing_fails_and_is_named(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, an_automation(run="automations/gone.py", retries=3)) as engine:
        outcome = engine.run_now("job")["job"]
    assert (outcome.status, outcome.attempts, outcome.exit_code) == ("failed", 1, None)
    assert "there is no file automations/gone.py" in outcome.reason


def test_a_file_that_cannot_be_executed_fails_and_says_so(kind: str, tmp_path: Path) -> None:
    run = a_script(tmp_path, "tool", "not a program")
    with running(kind, tmp_path, an_automation(run=run)) as engine:
        outcome = engine.run_now("job")["job"]
    assert (outcome.status, outcome.reason) == ("failed", "could not be started: Permission denied")


def test_a_script_over_its_timeout_is_ended_and_recorded(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, an_automation(run="sleep 60", timeout_s=0.2)) as engine:
        outcome = engine.run_now("job")["job"]
    assert (outcome.status, outcome.exit_code) == ("timed_out", -15)
    assert outcome.reason == "ended after its timeout of 0.2 s"
    assert outcome.wall_s < 5


def test_a_second_start_while_one_runs_is_skipped(kind: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = a_script(tmp_path, "wait.sh", f'while [ ! -e "{go}" ]; do sleep 0.02; done\n')
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(run=run), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: events(ledger))
        second = engine.run_now("job")["job"]
        go.touch()
        wait_for(lambda: len(events(ledger)) == 3)
    assert second.status == "skipped"
    assert second.reason.startswith("overlap: job-19700101T000001Z-")
    assert [k for k, _ in events(ledger)] == ["started", "skipped", "finished"]


def test_a_queued_start_waits_for_the_one_before(kind: str, tmp_path: Path) -> None:
    run = a_script(tmp_path, "slow.sh", "sleep 0.3\n")
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(run=run, overlap="queue"), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: events(ledger))
        assert engine.run_now("job")["job"].ok
    assert [k for k, _ in events(ledger)] == ["started", "finished", "started", "finished"]


def test_a_cancelling_start_ends_the_one_before(kind: str, tmp_path: Path) -> None:
    run = a_script(tmp_path, "first.sh", "test -e seen || { touch seen; sleep 60; }\n")
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(run=run, overlap="cancel"), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: events(ledger))
        wait_for((tmp_path / "seen").exists)
        assert engine.run_now("job")["job"].ok
    assert [d["status"] for k, d in events(ledger) if k == "finished"] == ["cancelled", "succeeded"]


def test_a_start_asked_for_twice_runs_once(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: len(events(ledger)) == 2)
        engine.begin("schedule", ["job"], 1_000_000_000)
        engine.run_now("job")
    starts = [d["run_id"] for k, d in events(ledger) if k == "started"]
    assert len(starts) == len(set(starts)) == 2


def test_a_disabled_automation_runs_by_hand_only(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(enabled=False), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: events(ledger))
        assert engine.run_now("job")["job"].ok
    assert next(d["reason"] for k, d in events(ledger) if k == "skipped") == "it is disabled"


def test_an_unknown_name_is_refused_with_its_neighbour(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, an_automation("prices")) as engine, pytest.raises(Misconfigured) as caught:
        engine.run_now("price")
    assert caught.value.fix == "did you mean prices?"


def test_closing_ends_what_runs_and_records_it(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(run="sleep 60"), ledger=ledger) as engine:
        engine.begin("schedule", ["job"], 1_000_000_000)
        wait_for(lambda: events(ledger))
        engine.close()
        engine.close()
    assert [d["status"] for k, d in events(ledger) if k == "finished"] == ["cancelled"]


def test_an_event_starts_who_listens_for_it(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    with running(kind, tmp_path, an_automation(on=("policy.halt.set",)), ledger=ledger, schedules=True):
        halt: dict[str, object] = {"scope": "all"}
        ledger.append([new_event("policy.halt.set", stream="halts", data=halt, actor="person:x", now_ns=1)])
        wait_for(lambda: len(events(ledger)) == 2)
    assert events(ledger)[0][1]["cause"] == "event"


def test_the_clock_starts_what_is_scheduled_and_lateness_is_recorded(kind: str, tmp_path: Path) -> None:
    # A fifth of a second before a full minute, so that the scheduler looks again soon after the clock was moved.
    ledger, clock = memory_ledger(), FakeClock(1_700_000_039_800_000_000)
    engine = an_engine(kind, tmp_path, ledger, clock=clock)
    try:
        engine.start(Manifest([an_automation(schedule="* * * * *"), an_automation("then", needs=("job",))]))
        clock.advance(60)
        wait_for(lambda: len(events(ledger)) >= 4)
    finally:
        engine.close()
    (_, first), _, (_, then), _ = events(ledger)[:4]
    assert (first["cause"], then["cause"]) == ("schedule", "needs")
    assert 0 <= first["lateness_s"] <= 60


def test_the_manifest_is_recorded_once_per_change(kind: str, tmp_path: Path) -> None:
    ledger = memory_ledger()
    for jobs in ([an_automation("a")], [an_automation("a")], [an_automation("a"), an_automation("b")]):
        with running(kind, tmp_path, *jobs, ledger=ledger):
            pass
    assert len(list(ledger.read(types=("automation.manifest.loaded",)))) == 2


def test_old_run_folders_are_cleared_away(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path, an_automation(keep_runs=2)) as engine:
        logs = [tmp_path / engine.run_now("job")["job"].log for _ in range(4)]
    kept = [log.exists() for log in logs]
    assert kept.count(True) == 2
