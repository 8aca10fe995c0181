"""XmR charts against published figures and shapes one can see; periods; sparklines."""

from __future__ import annotations

import pytest

from steersman.feedback.control import limits
from steersman.feedback.periods import period_for
from steersman.feedback.sparkline import sparkline
from steersman.kernel.clock import iso, to_ns, utc
from steersman.ledger.periods import Period, next_start, start_of

DAY = 86_400_000_000_000
# Monthly U.S. trade deficits of 1987, billions: Wheeler's example in "Understanding Variation".
DEFICITS = [10.7, 13.0, 11.4, 11.5, 12.5, 14.1, 14.8, 14.1, 12.6, 16.0, 11.7, 10.6]


def test_wheelers_deficits_have_his_limits_and_no_signal() -> None:
    found = limits(DEFICITS)
    assert found is not None
    assert found.mean == pytest.approx(12.75)
    assert found.moving_range == pytest.approx(1.664, abs=0.001)
    assert found.low == pytest.approx(8.32, abs=0.01)
    assert found.high == pytest.approx(17.18, abs=0.01)
    assert found.shifts == ()


def test_a_point_beyond_the_limits_is_a_shift() -> None:
    found = limits([10, 11] * 8 + [30.0])
    assert found is not None
    assert [(s.rule, s.last, s.text) for s in found.shifts if s.rule == "outside"] == [
        ("outside", 16, "above the limits")
    ]


def test_eight_in_a_row_on_one_side_are_a_shift_and_seven_are_none() -> None:
    def runs(below: int, above: int) -> list[tuple[int, int]]:
        found = limits([9.0, 11.0] * 4 + [9.8] * below + [10.2] * above)
        assert found is not None
        return [(s.first, s.last) for s in found.shifts if s.rule == "run"]

    assert runs(8, 8) == [(8, 15), (16, 23)]
    assert runs(7, 7) == []


def test_three_of_four_near_a_limit_are_a_shift() -> None:
    found = limits([10, 12] * 5 + [15, 15, 11, 15])
    assert found is not None
    assert [(s.rule, s.last) for s in found.shifts] == [("near_limit", 13)]


def test_equal_points_are_no_shift_and_too_few_have_no_limits() -> None:
    equal = limits([0.1] * 30)
    assert equal is not None
    assert equal.shifts == ()
    assert limits([1.0] * 7) is None


def test_a_share_cannot_be_expected_outside_of_its_range() -> None:
    found = limits([0.9, 1.0, 0.8, 1.0, 0.9, 1.0, 0.7, 1.0], floor=0.0, ceiling=1.0)
    assert found is not None
    assert found.high == 1.0
    assert 0 <= found.low < 0.7


@pytest.mark.parametrize(
    ("days", "period"), [(0, "hour"), (2, "hour"), (3, "day"), (62, "day"), (63, "week"), (430, "week"), (431, "month")]
)
def test_longer_data_is_shown_in_longer_periods(days: int, period: str) -> None:
    assert period_for(0, days * DAY) == period


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("hour", "2024-02-29T13:00:00Z", "2024-02-29T14:00:00Z"),
        ("day", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("week", "2024-02-26T00:00:00Z", "2024-03-04T00:00:00Z"),
        ("month", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
    ],
)
def test_periods_begin_and_end_where_the_calendar_says(period: Period, start: str, end: str) -> None:
    at = to_ns(utc(0).replace(year=2024, month=2, day=29, hour=13, minute=59, second=59))
    assert iso(start_of(at, period)) == start
    assert iso(next_start(start_of(at, period), period)) == end


def test_december_is_followed_by_january() -> None:
    assert iso(next_start(to_ns(utc(0).replace(year=2024, month=12)), "month")) == "2025-01-01T00:00:00Z"


def test_a_sparkline_spans_its_own_range_and_keeps_the_latest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5, 5]) == "▄▄▄"
    assert sparkline([9, 0, 7], width=2) == "▁█"
    assert sparkline([]) == sparkline([1.0], width=0) == ""
