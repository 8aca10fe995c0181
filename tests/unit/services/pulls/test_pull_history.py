"""What pulls did day by day, what was refused, and the latest receipts."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.builders_console import a_desk

from steersman.bootstrap.desk import Desk
from steersman.console.drawing import day_bars, freshness
from steersman.ledger import new_event
from steersman.services.events import (
    CACHE_QUARANTINED,
    DATA_PULLED,
    DATA_REFUSED,
    DATA_SERVED,
    PULL_FAILED,
    CacheQuarantined,
    DataPulled,
    DataRefused,
    DataServed,
    PullFailed,
)
from steersman.services.pulls.history import DAY_NS, KEPT, Day, days, receipts, refused

NOON = 20_000 * DAY_NS + DAY_NS // 2


def pulled(at: int = NOON, *, pull: str = "bars", key: str = "k", calls: int = 1, rows: int = 5) -> DataPulled:
    return DataPulled(
        pull=pull, key=key, source="https://x/y", etag="", size_bytes=10, upstream_bytes=10, rows=rows,
        content_hash="ab" * 32, schema_version="1", checks={"close": "5 values from 1 to 2"}, upstream_calls=calls,
        revalidated=False, why="cold", waited=0, took_ms=1.0, who="automation:a", run_id="", at=at,
    )  # fmt: skip


def served(at: int = NOON, *, count: int = 1) -> DataServed:
    return DataServed(
        pull="bars", key="k", state="fresh", age_s=1.0, size_bytes=10, content_hash="ab", who="automation:b",
        run_id="", at=at, count=count,
    )  # fmt: skip


def a_refusal(at: int = NOON, *, problem: str = "close: row 3 is -1", key: str = "k") -> DataRefused:
    return DataRefused(
        pull="bars", key=key, source="s", problems=(problem, "too few rows"), quarantined="bars-1", schema_version="1",
        at=at, upstream_calls=2,
    )  # fmt: skip


def tell(desk: Desk, *said: tuple[str, DataPulled | DataServed | DataRefused | PullFailed | CacheQuarantined]) -> None:
    desk.ledger.append(
        [new_event(kind, stream="pull/bars", data=data, actor="desk", now_ns=data.at) for kind, data in said]
    )
    desk.refresh()


def test_calls_are_counted_by_the_day_they_were_made_or_saved_on(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    try:
        failed = PullFailed(
            pull="other",
            key="k",
            problem="503",
            status=503,
            upstream_calls=3,
            served_stale=False,
            retry_at=None,
            at=NOON,
        )
        tell(
            desk,
            (DATA_PULLED, pulled(NOON - 2 * DAY_NS, calls=2)),
            (DATA_SERVED, served(NOON - 2 * DAY_NS, count=7)),
            (DATA_PULLED, pulled(NOON)),
            (PULL_FAILED, failed),
            (DATA_REFUSED, a_refusal()),
        )
        found = days(desk.db, until_ns=NOON, count=4)
        assert [(d.upstream_calls, d.calls_saved) for d in found] == [(0, 0), (2, 7), (0, 0), (6, 0)]
        assert found[-1].at == NOON // DAY_NS * DAY_NS
    finally:
        desk.close()


def test_the_latest_refusals_are_kept_with_their_reasons_and_no_more(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    try:
        altered = CacheQuarantined(pull="bars", key="k", problem="truncated", quarantined="bars-2", at=NOON + 1)
        tell(desk, *((DATA_REFUSED, a_refusal(problem=f"row {n}")) for n in range(KEPT + 5)))
        tell(desk, (CACHE_QUARANTINED, altered))
        found = refused(desk.db, limit=1000)
        assert len(found) == KEPT
        assert (found[0].problem, found[0].file) == ("truncated", "bars-2")
        assert found[1].problem == f"row {KEPT + 4}; too few rows"
    finally:
        desk.close()


def test_the_receipt_of_a_pull_is_that_of_its_latest_data(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    try:
        tell(desk, (DATA_PULLED, pulled(NOON, key="new", rows=7)), (DATA_PULLED, pulled(NOON - 5, key="old")))
        receipt = receipts(desk.db)["bars"]
        assert (receipt.key, receipt.rows, receipt.problem) == ("new", 7, "")
        assert receipt.checks == {"close": "5 values from 1 to 2"}
        tell(desk, (DATA_REFUSED, a_refusal(NOON + 1, key="new")))
        assert receipts(desk.db)["bars"].problem == "close: row 3 is -1; too few rows"
    finally:
        desk.close()


@given(
    age=st.floats(-10, 1e9),
    ttl=st.floats(0, 1e6),
    stale=st.floats(0, 1e6),
    error=st.floats(0, 1e6),
)
def test_data_of_any_age_is_marked_within_its_bar(age: float, ttl: float, stale: float, error: float) -> None:
    drawn = freshness(age, ttl, stale, error, label='"<x>')
    shares = [float(part.split('%"')[0]) for part in drawn.replace('width="', 'x="').split('x="')[1:] if "%" in part]
    assert all(0 <= share <= 100 for share in shares)
    assert "<x>" not in drawn


def test_a_single_call_among_very_many_is_seen() -> None:
    drawn = day_bars([("Mon", 1, 0), ("Tue", 0, 1_000_000), ("Wed", 0, 0)], label="calls")
    assert 'class="day-asked" x="3.33%" y="86.5" width="26.67%" height="1.5"' in drawn
    assert "<title>Tue: 0 asked, 1,000,000 saved</title>" in drawn
    assert day_bars([], label="none").count("<g>") == 0


def test_days_without_a_call_are_among_them(tmp_path: Path) -> None:
    desk = a_desk(tmp_path)
    try:
        desk.refresh()
        assert days(desk.db, until_ns=NOON, count=2) == [
            Day(at=NOON // DAY_NS * DAY_NS - DAY_NS, upstream_calls=0, calls_saved=0),
            Day(at=NOON // DAY_NS * DAY_NS, upstream_calls=0, calls_saved=0),
        ]
    finally:
        desk.close()
