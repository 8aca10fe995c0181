"""The read model of runs, folded from events and asked as the console asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_automation import a_request, an_automation

from steersman.automation import Manifest
from steersman.automation.events import RunFinished, RunStarted
from steersman.automation.model.outcome import RunRequest
from steersman.automation.projections import PROJECTIONS
from steersman.automation.queries import attempts, counts, failing, find_run, recent_runs, recent_skips, summaries
from steersman.automation.recorder import Recorder
from steersman.kernel.clock import FakeClock
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Database, Projector, open_reader


class Story:
    """Tells a ledger what happened and hands out the read model."""

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.ledger = memory_ledger(clock=self.clock)
        self.recorder = Recorder(self.ledger, self.clock, actor="desk")
        self._path = path

    def starts(self, request: RunRequest, attempt: int = 1) -> None:
        self.clock.advance(1)
        started = RunStarted(
            run_id=request.run_id,
            automation=request.automation,
            cause=request.cause,
            attempt=attempt,
            pid=7,
            boot_id="boot",
            scheduled_at=request.scheduled_at,
            lateness_s=0.25,
            command="true",
            log=f"attempt-{attempt}.log",
            at=self.clock.now_ns(),
        )
        self.recorder.started(request, started)

    def ends(self, request: RunRequest, status: str = "succeeded", attempt: int = 1, **fields: Any) -> None:
        self.clock.advance(1)
        values: dict[str, Any] = {
            "exit_code": 0,
            "wall_s": 1.0,
            "cpu_s": 0.5,
            "peak_rss_bytes": 1 << 20,
            "log_bytes": 10,
            "log_truncated_bytes": 0,
            "artifacts": ("a.png",),
            "result": {"rows": 3},
            "error": "",
            "will_retry": False,
            **fields,
        }
        finished = RunFinished(
            run_id=request.run_id,
            automation=request.automation,
            status=status,
            attempt=attempt,
            log=f"attempt-{attempt}.log",
            at=self.clock.now_ns(),
            **values,
        )
        self.recorder.finished(finished, cycle=request.cycle)

    def db(self) -> Database:
        projector = Projector(self.ledger, self._path, PROJECTIONS)
        projector.catch_up()
        projector.close()
        return open_reader(self._path)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path / "projections.db")


def test_a_run_is_running_then_retrying_then_done(story: Story) -> None:
    request = a_request()
    story.starts(request)
    assert recent_runs(story.db())[0].status == "running"
    story.ends(request, "failed", will_retry=True, error="ended with exit code 1")
    assert recent_runs(story.db())[0].status == "retrying"
    story.starts(request, attempt=2)
    assert recent_runs(story.db())[0].status == "running"
    story.ends(request, attempt=2, wall_s=2.5)
    run = find_run(story.db(), request.run_id)
    assert run is not None
    assert (run.status, run.attempts, run.last.wall_s, run.last.result) == ("succeeded", 2, 2.5, {"rows": 3})
    assert run.started_at < run.last.started_at
    assert [(a.attempt, a.status, a.error) for a in attempts(story.db(), request.run_id)] == [
        (1, "failed", "ended with exit code 1"),
        (2, "succeeded", ""),
    ]


def test_telling_the_same_end_twice_changes_nothing(story: Story) -> None:
    request = a_request()
    story.starts(request)
    story.ends(request)
    story.ends(request, "failed")
    assert [r.status for r in recent_runs(story.db())] == ["succeeded"]
    assert story.ledger.head().pos == 2


def test_the_newest_run_comes_first_and_one_automation_can_be_picked(story: Story) -> None:
    for n in range(3):
        request = a_request("prices" if n % 2 == 0 else "chart", run_id=f"r{n}")
        story.starts(request)
        story.ends(request)
    assert [r.run_id for r in recent_runs(story.db())] == ["r2", "r1", "r0"]
    assert [r.run_id for r in recent_runs(story.db(), automation="prices")] == ["r2", "r0"]
    assert [r.run_id for r in recent_runs(story.db(), limit=1)] == ["r2"]


def test_a_summary_counts_ended_runs_and_takes_the_median_of_good_ones(story: Story) -> None:
    for n, (status, wall) in enumerate([("succeeded", 1.0), ("succeeded", 9.0), ("failed", 99.0), ("succeeded", 2.0)]):
        request = a_request(run_id=f"r{n}")
        story.starts(request)
        story.ends(request, status, wall_s=wall)
    story.starts(a_request(run_id="r9"))
    manifest = Manifest([an_automation(schedule="0 0 * * *"), an_automation("other", needs=("job",))])
    job, other = summaries(story.db(), manifest, now_ns=story.clock.now_ns())
    assert (job.last_status, job.last_run_id, job.runs, job.success_ratio, job.p50_wall_s) == (
        "running",
        "r9",
        4,
        0.75,
        2.0,
    )
    assert job.next_start == 1_700_006_400_000_000_000
    assert (other.last_status, other.success_ratio, other.next_start) == (None, None, None)
    assert other.why_not == "starts after job"


def test_a_start_that_did_not_happen_is_kept_with_its_reason(story: Story) -> None:
    story.recorder.skipped(a_request(scheduled_at=5), "overlap: job-0 is still running")
    (skip,) = recent_skips(story.db())
    assert (skip.automation, skip.reason, skip.scheduled_at) == ("job", "overlap: job-0 is still running", 5)
    assert recent_runs(story.db()) == []
    assert counts(story.db()) == {"skipped": 1}


def test_a_run_whose_process_could_not_be_started_is_there_too(story: Story) -> None:
    story.ends(a_request(), "failed", exit_code=None, error="there is no file x.py", artifacts=(), result=None)
    run = find_run(story.db(), "job-1")
    assert run is not None
    assert (run.status, run.last.exit_code, run.last.error) == ("failed", None, "there is no file x.py")
    assert counts(story.db()) == {"failed": 1}


def test_an_unknown_run_is_none(story: Story) -> None:
    assert find_run(story.db(), "nobody") is None


def test_what_failed_last_is_known_however_many_others_ran_since_and_while_it_is_tried_again(story: Story) -> None:
    broken = [a_request("broken", run_id=f"broken-{n}") for n in range(2)]
    story.starts(broken[0])
    story.ends(broken[0], "failed", error="ended with exit code 3")
    for n in range(60):
        busy = a_request("busy", run_id=f"busy-{n:02}")
        story.starts(busy)
        story.ends(busy, "succeeded" if n < 59 else "cancelled")
    story.starts(broken[1])
    manifest = Manifest([an_automation(name) for name in ("broken", "busy", "never")])
    found = failing(story.db(), manifest)
    assert list(found) == ["broken"]
    assert (found["broken"].run_id, found["broken"].last.error) == ("broken-0", "ended with exit code 3")
    assert failing(story.db(), Manifest([an_automation("broken", enabled=False)])) == {}
    story.ends(broken[1])
    assert failing(story.db(), manifest) == {}


def test_a_run_that_was_tried_again_still_says_what_started_it(story: Story) -> None:
    request = a_request("job", run_id="job-1", cause="schedule")
    story.starts(request)
    story.ends(request, "failed", will_retry=True)
    story.starts(msgspec.structs.replace(request, cause="retry"), attempt=2)
    run = find_run(story.db(), "job-1")
    assert run is not None
    assert (run.cause, run.last.cause) == ("schedule", "retry")
