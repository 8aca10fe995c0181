"""The timeline of runs: what is drawn where, and that a picture of very many stays small."""

from __future__ import annotations

import random
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.history import Dropped, Stretch
from steersman.console.lanes import MOST_BARS, SPANS, Lane, Mark, Wait, frame, lanes, merged

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
NOW = 1_800_000_000_000_000_000 // MINUTE * MINUTE
SVG = "{http://www.w3.org/2000/svg}"


def a_stretch(automation: str = "job", *, at: int = NOW - HOUR, **fields: object) -> Stretch:
    values: dict[str, object] = {
        "automation": automation,
        "runs": 1,
        "failed": 0,
        "cancelled": 0,
        "open": 0,
        "tries": 1,
        "due_at": at,
        "start_at": at,
        "end_at": at + 10 * MINUTE,
        "run_id": f"{automation}-20270115T080000Z-abcdef",
        "status": "succeeded",
    }
    return Stretch(**{**values, **fields})  # type: ignore[arg-type]  # any field may be given


def drawn(
    *stretches: Stretch,
    dropped: Sequence[Dropped] = (),
    coming: Sequence[int] = (),
    waiting: Sequence[Wait] = (),
    overdue: Sequence[Mark] = (),
    late: Sequence[str] = (),
    paused: dict[str, str] | None = None,
    span: str = "24h",
) -> Lane:
    """Return the lane of `job`."""
    found = lanes(
        frame(span, NOW, "UTC"),
        ["job"],
        stretches,
        dropped,
        coming={"job": coming},
        waiting={"job": waiting},
        overdue={"job": overdue},
        late=late,
        paused=paused or {},
    )
    return found.lanes[0]


def rects(lane: Lane, kind: str) -> list[tuple[float, float]]:
    """Return left and width, in per cent, of every bar of a kind."""
    root = ET.fromstring(lane.drawn)  # noqa: S314 - our own
    found = [rect for rect in root.iter("rect") if rect.get("class") == f"b-{kind}"]
    return [(float((r.get("x") or "").rstrip("%")), float((r.get("width") or "").rstrip("%"))) for r in found]


def test_a_run_stands_where_its_time_is_and_leads_to_its_page() -> None:
    lane = drawn(a_stretch(at=NOW - 12 * HOUR, end_at=NOW - 10 * HOUR))
    ((left, wide),) = rects(lane, "ok")
    assert left == pytest.approx(12 / 28 * 100, abs=0.01)
    assert wide == pytest.approx(2 / 28 * 100, abs=0.01)
    assert 'href="/runs/job-20270115T080000Z-abcdef"' in lane.drawn
    assert "succeeded after 2 h 0 min" in lane.drawn


def test_what_was_due_earlier_is_drawn_as_waiting_until_it_started() -> None:
    lane = drawn(a_stretch(at=NOW - HOUR, due_at=NOW - 3 * HOUR))
    ((_, wide),) = rects(lane, "wait")
    assert wide == pytest.approx(2 / 28 * 100, abs=0.02)
    assert "started 2 h 0 min later" in lane.drawn


def test_what_goes_on_reaches_to_now_and_what_waits_does_too() -> None:
    lane = drawn(
        a_stretch(at=NOW - HOUR, end_at=None, open=1, status="running"),
        waiting=[Wait(since=NOW - 2 * HOUR, why="job-2 waits for broker_api <job-1>")],
    )
    assert sum(rects(lane, "open")[0]) == pytest.approx(24 / 28 * 100, abs=0.01)
    assert sum(rects(lane, "wait")[0]) == pytest.approx(24 / 28 * 100, abs=0.01)
    assert "&lt;job-1&gt;" in lane.drawn


def test_one_failure_among_a_thousand_is_seen() -> None:
    lane = drawn(a_stretch(runs=1000, failed=1))
    assert len(rects(lane, "bad")) == 1
    assert len(rects(lane, "ok")) == 1
    assert "1000 runs, 999 good, 1 failed" in lane.drawn
    assert 'href="/automations/job"' in lane.drawn


def test_a_lane_whose_latest_run_failed_is_marked_and_one_that_is_overdue_too() -> None:
    assert drawn(a_stretch(failed=1, status="timed_out")).state == "bad"
    assert drawn(a_stretch(runs=2, failed=1)).state == "", "the latest went well"
    late = drawn(a_stretch(), overdue=[Mark(kind="overdue", at=NOW - HOUR, what="20 min late")])
    assert "20 min late" in late.drawn
    assert late.state == "", "it succeeded after all"
    assert drawn(a_stretch(), late=["job"]).state == "warn"
    held = drawn(a_stretch(failed=1, status="failed"), late=["job"], paused={"job": "paused by me"})
    assert (held.state, held.note) == ("paused", "paused by me")


def test_starts_to_come_stand_right_of_now_and_those_too_close_to_tell_apart_are_one() -> None:
    lane = drawn(coming=[NOW + n * MINUTE for n in range(1, 600)])
    at = [float((c.get("cx") or "").rstrip("%")) for c in ET.fromstring(lane.drawn).iter("circle")]  # noqa: S314
    assert 5 < len(at) < 15
    assert all(24 / 28 * 100 < x <= 100 for x in at)
    assert lane.next_at == NOW + MINUTE


def test_a_start_that_did_not_happen_says_why() -> None:
    lane = drawn(dropped=[Dropped(automation="job", starts=3, at=NOW - HOUR, reason='outside "09:00-17:30" & closed')])
    assert "3 starts did not happen: outside &quot;09:00-17:30&quot; &amp; closed" in lane.drawn
    assert lane.dropped == 3


@given(
    runs=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 3), st.booleans()).map(lambda t: (t[0] + t[1], t[1], t[2])),
        max_size=30,
    ),
    room=st.integers(1, 50),
)
def test_put_together_or_not_no_run_and_no_failure_is_lost(runs: list[tuple[int, int, bool]], room: int) -> None:
    found = [
        a_stretch(
            at=NOW - HOUR + n * MINUTE, runs=count, failed=bad, open=int(goes_on), end_at=None if goes_on else NOW
        )
        for n, (count, bad, goes_on) in enumerate(runs)
    ]
    fewer = merged(found, room)
    assert len(fewer) <= room
    for what in ("runs", "failed", "open"):
        assert sum(getattr(s, what) for s in fewer) == sum(getattr(s, what) for s in found)
    if found:
        assert (fewer[0].start_at, fewer[-1].run_id) == (found[0].start_at, found[-1].run_id)
    assert all((s.end_at is None) == bool(s.open) for s in fewer)


@pytest.mark.parametrize("span", ["24h", "7d"])
def test_forty_lanes_full_of_runs_stay_below_a_hundred_kilobytes(span: str) -> None:
    names = [f"an_automation_with_a_long_name_{n}" for n in range(40)]
    whole = SPANS[span] * HOUR
    dice = random.Random(1)
    stretches = [
        a_stretch(name, at=NOW - dice.randrange(whole), runs=dice.randrange(1, 3), due_at=NOW - whole)
        for name in names
        for _ in range(360)
    ]
    stretches.sort(key=lambda s: s.start_at)
    found = lanes(frame(span, NOW, "Europe/Berlin"), names, stretches, (), coming={}, waiting={}, overdue={})
    assert sum(s.runs for s in stretches) == sum(lane.runs for lane in found.lanes) > 2000
    assert sum(lane.drawn.count("<a ") for lane in found.lanes) <= MOST_BARS
    assert len(found.axis) + sum(len(lane.drawn) for lane in found.lanes) < 100_000


def test_the_axis_names_hours_of_a_day_and_days_of_a_week_where_the_desk_is() -> None:
    day = lanes(frame("24h", NOW, "Asia/Kolkata"), [], (), (), coming={}, waiting={}, overdue={}).axis
    week = lanes(frame("7d", NOW, "Asia/Kolkata"), [], (), (), coming={}, waiting={}, overdue={}).axis
    assert "06:00" in day
    assert "now" in day
    assert 6 <= week.count("axis-day") <= 8, "the days, but one that now stands on"
