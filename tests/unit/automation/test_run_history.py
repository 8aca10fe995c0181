"""The runs of a span put together, as the timeline asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.builders_console import a_desk

from steersman.automation.events import RUN_FINISHED, RUN_SKIPPED, RUN_STARTED, RunFinished, RunSkipped, RunStarted
from steersman.automation.history import dropped, stretches
from steersman.bootstrap.desk import Desk
from steersman.ledger import new_event

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
NOW = 1_796_040_000_000_000_000


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = a_desk(tmp_path)
    yield made
    made.close()


def ran(
    desk: Desk,
    run_id: str,
    at: int,
    *,
    status: str = "succeeded",
    took: int | None = MINUTE,
    due: int | None = None,
    cause: str = "schedule",
    attempts: int = 1,
) -> None:
    name = run_id.partition("-")[0]
    for attempt in range(1, attempts + 1):
        start = RunStarted(
            run_id=run_id, automation=name, cause=cause if attempt == 1 else "retry", attempt=attempt, pid=1,
            boot_id="b", scheduled_at=due, lateness_s=None, command="x", log="", at=at,
        )  # fmt: skip
        said: list[tuple[str, RunStarted | RunFinished]] = [(RUN_STARTED, start)]
        if took is not None:
            end = RunFinished(
                run_id=run_id, automation=name, status=status if attempt == attempts else "failed", attempt=attempt,
                exit_code=0, wall_s=1.0, cpu_s=1.0, peak_rss_bytes=1, log="", log_bytes=0, log_truncated_bytes=0,
                artifacts=(), result=None, error="", will_retry=attempt < attempts, at=at + took,
            )  # fmt: skip
            said.append((RUN_FINISHED, end))
        desk.ledger.append(
            [new_event(kind, stream=f"run/{run_id}", data=data, actor="desk", now_ns=at) for kind, data in said]
        )
    desk.refresh()


def test_runs_of_one_slot_are_put_together_and_the_latest_of_them_says_how_it_is(desk: Desk) -> None:
    ran(desk, "a-1", NOW - HOUR, status="failed")
    ran(desk, "a-2", NOW - HOUR + MINUTE)
    ran(desk, "b-1", NOW - HOUR, attempts=3)
    a, b = sorted(stretches(desk.db, since=NOW - 2 * HOUR, until=NOW, slot_ns=HOUR), key=lambda s: s.automation)
    assert (a.runs, a.failed, a.status, a.run_id) == (2, 1, "succeeded", "a-2")
    assert (a.start_at, a.end_at) == (NOW - HOUR, NOW - HOUR + 2 * MINUTE)
    assert (b.runs, b.tries, b.failed) == (1, 3, 0)


def test_a_run_that_began_before_the_span_counts_if_it_went_on_in_it(desk: Desk) -> None:
    ran(desk, "long-1", NOW - 3 * HOUR, took=2 * HOUR)
    ran(desk, "open-1", NOW - 3 * HOUR, took=None)
    ran(desk, "over-1", NOW - 3 * HOUR)
    found = {s.automation: s for s in stretches(desk.db, since=NOW - 2 * HOUR, until=NOW, slot_ns=MINUTE)}
    assert set(found) == {"long", "open"}
    assert found["open"].end_at is None
    assert found["open"].open == 1


@pytest.mark.parametrize(
    ("cause", "due", "waited"),
    [("schedule", NOW - 2 * HOUR, HOUR), ("backfill", NOW - 900 * HOUR, 0), ("manual", None, 0), ("schedule", NOW, 0)],
)
def test_only_what_a_clock_was_to_start_can_be_late(desk: Desk, cause: str, due: int | None, waited: int) -> None:
    ran(desk, "a-1", NOW - HOUR, due=due, cause=cause)
    (found,) = stretches(desk.db, since=NOW - 5 * HOUR, until=NOW + 1, slot_ns=MINUTE)
    assert found.start_at - found.due_at == waited


def test_starts_that_did_not_happen_are_counted_with_the_reason_of_the_last(desk: Desk) -> None:
    for n, reason in enumerate(("early", "later")):
        skip = RunSkipped(automation="a", reason=reason, scheduled_at=None, at=NOW - HOUR + n * MINUTE)
        desk.ledger.append([new_event(RUN_SKIPPED, stream="automation/a", data=skip, actor="desk", now_ns=skip.at)])
    desk.refresh()
    (found,) = dropped(desk.db, since=NOW - 2 * HOUR, slot_ns=HOUR)
    assert (found.starts, found.reason, found.at) == (2, "later", NOW - HOUR + MINUTE)
    assert dropped(desk.db, since=NOW, slot_ns=HOUR) == []
