"""Pictures and words from numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.console.drawing import HEIGHT, WIDTH, margin_bar, sparkline
from steersman.console.wording import amount, day, fact, moment, money, quantity, seconds
from steersman.kernel.plurals import counted

_NUMBERS = st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1, max_size=60)


def test_a_sparkline_is_these_bytes() -> None:
    assert sparkline([1, 3, 2], target=2.5, label='P&L "net"') == (
        '<svg class="spark" viewBox="0 0 120 28" preserveAspectRatio="none" role="img" '
        'aria-label="P&amp;L &quot;net&quot;"><line class="spark-goal" x1="0" y1="8.2" x2="120" y2="8.2"/>'
        '<polygon class="spark-area" points="2.5,28 2.5,25.5 60.0,2.5 117.5,14.0 117.5,28"/>'
        '<polyline class="spark-line" points="2.5,25.5 60.0,2.5 117.5,14.0"/>'
        '<line class="spark-end" x1="117.5" y1="14.0" x2="117.5" y2="14.0"/></svg>'
    )


def test_no_numbers_give_no_picture_and_one_gives_a_point() -> None:
    assert sparkline([], label="none") == ""
    assert "polyline" not in sparkline([5], label="one")
    assert "spark-end" in sparkline([5], label="one")


def test_a_target_out_of_sight_is_not_drawn() -> None:
    assert "spark-goal" not in sparkline([1, 2, 3], target=10, label="far")


@given(values=_NUMBERS, target=st.none() | st.floats(-1e12, 1e12, allow_nan=False))
def test_every_point_of_a_sparkline_is_inside_of_the_picture(values: list[float], target: float | None) -> None:
    text = sparkline(values, target=target, label="<any>")
    ElementTree.fromstring(text)  # noqa: S314 - our own text
    for x, y in re.findall(r"(-?[\d.]+|nan|inf),(-?[\d.]+|nan|inf)", text):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_a_margin_bar_stops_at_one_and_a_half_times_the_limit() -> None:
    assert 'class="bar-ok" x="0" y="1" width="40.0"' in margin_bar(0.5, ok=True)
    assert 'class="bar-bad" x="0" y="1" width="120.0"' in margin_bar(9.0, ok=False)
    assert 'width="0.0"' in margin_bar(None, ok=True)


@pytest.mark.parametrize(
    ("value", "signed", "shown"),
    [
        (Decimal("1234.5"), False, "1,234.50"),
        (Decimal("-1234.567"), True, "−1,234.57"),
        (Decimal(5), True, "+5.00"),
        (Decimal("-0.001"), True, "0.00"),
        (Decimal(0), True, "0.00"),
        (None, False, "–"),
    ],
)
def test_money_has_a_sign_only_when_it_is_not_zero(value: Decimal | None, signed: bool, shown: str) -> None:
    assert money(value, signed=signed) == shown


def test_figures_read_as_people_write_them() -> None:
    assert quantity(Decimal("1200.500000")) == "1,200.5"
    assert quantity(Decimal(-100)) == "−100"
    assert amount(0.1234, "ratio") == "12.3%"
    assert amount(142.6, "bps") == "142.60"
    assert amount(-33721.1, "USD") == "−33,721"
    assert amount(None, "USD") == "–"
    assert [seconds(x) for x in (0.0843, 2.34, 240.0, None)] == ["84 ms", "2.3 s", "4 min", "–"]
    assert counted(1, "run") == "1 run"
    assert counted(2000, "run") == "2,000 runs"


def test_a_checks_number_is_in_billionths_except_for_flags_and_counts() -> None:
    assert fact(30_000_000_000_000, "currency") == "30,000"
    assert fact(1_250_000_000, "sigma") == "1.25"
    assert fact(-50_000_000, "ratio") == "−5.00%"
    assert fact(17, "count") == "17"
    assert fact(1, "flag") == "yes"
    assert fact(None, "s") == "missing"


def test_instants_are_shown_where_the_desk_is() -> None:
    at = 1_700_006_400_000_000_000  # 2023-11-15 00:00 UTC
    assert day(at, "UTC") == "15 Nov 2023"
    assert day(at, "America/New_York") == "14 Nov 2023"
    assert moment(at, "America/New_York") == "14 Nov 2023 19:00"
