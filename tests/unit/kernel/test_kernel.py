from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.kernel.clock import FakeClock, iso, to_ns, utc
from steersman.kernel.durations import seconds
from steersman.kernel.fixed import from_nano, multiply, to_nano
from steersman.kernel.ids import stable_uuid, uuid7


def test_uuid7_carries_its_instant_and_increases_even_when_the_clock_stands() -> None:
    at = to_ns(datetime(2026, 11, 24, 16, 0, tzinfo=UTC))
    made = [uuid7(at) for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert all(u.version == 7 and u.variant == "specified in RFC 4122" for u in made)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_stable_id_depends_on_every_part_and_where_it_ends(parts: list[str]) -> None:
    first = stable_uuid(*parts)
    assert first == stable_uuid(*parts)
    assert first.version == 8
    assert first != stable_uuid(*parts, "")
    assert isinstance(first, UUID)


def test_parts_of_a_stable_id_do_not_run_together() -> None:
    assert stable_uuid("ab", "c") != stable_uuid("a", "bc")


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=9))
def test_nano_round_trips_exactly(value: Decimal) -> None:
    assert from_nano(to_nano(value)) == value
    assert "E+" not in str(from_nano(to_nano(value)))


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "sNaN", "0.0000000001", "abc", ""])
def test_nano_refuses_what_it_cannot_hold(bad: str) -> None:
    with pytest.raises(ValueError, match=r"not a finite number|finer than"):
        to_nano(bad)


def test_a_product_of_nanos_is_floored() -> None:
    assert multiply(to_nano("0.333333333"), to_nano("0.1")) == 33333333


@given(st.integers(min_value=0, max_value=4 * 10**18))
def test_instants_survive_the_way_through_datetime_to_the_microsecond(at_ns: int) -> None:
    assert to_ns(utc(at_ns)) == at_ns // 1000 * 1000
    assert iso(at_ns).endswith("Z")


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_ns(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_a_jump_of_the_fake_wall_clock_leaves_elapsed_time_alone() -> None:
    clock = FakeClock(1000)
    clock.advance(1.5)
    clock.set(5)
    assert (clock.now_ns(), clock.elapsed_ns()) == (5, 1_500_000_000)


@pytest.mark.parametrize(("text", "expected"), [("500ms", 0.5), ("90s", 90), ("1h30m", 5400), ("2d", 172800)])
def test_spans_are_read(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m5", "5 minutes", "-5m", "5m!"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span"):
        seconds(text)
