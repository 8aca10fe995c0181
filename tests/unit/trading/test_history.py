from __future__ import annotations

from decimal import Decimal

import pytest
from tests.builders_trading import a_trip

from steersman.trading.handlers.history import History
from steersman.trading.model.order import Quote
from steersman.trading.ports import Gap

DAY = 86_400


def with_bars(*days: float) -> History:
    """Return a history of bars at the closes of `days`; each closes at its number of the bar."""
    history = History()
    for number, day in enumerate(days):
        history.bar("AAA", round(day * DAY), number)
    return history


def test_bars_are_missing_by_whole_usual_spans_since_the_last_one() -> None:
    history = with_bars(1, 2, 3, 4, 5, 8, 9, 10, 11, 12)  # a weekend is no usual span
    found = [history.missing_bars("AAA", round(day * DAY)) for day in (12, 12.9, 13, 15.5)]
    assert found == [0, 0, 1, 3]


def test_what_the_feed_reported_counts_while_the_bar_behind_the_gap_is_the_last() -> None:
    history = with_bars(1, 2, 3)
    history.gap(Gap(instrument="AAA", missing=6, from_at=3 * DAY, to_at=11 * DAY))
    history.bar("AAA", 11 * DAY, 1)
    assert history.missing_bars("AAA", 11 * DAY) == 6
    history.bar("AAA", 12 * DAY, 1)
    assert history.missing_bars("AAA", 12 * DAY) == 0


def test_before_two_bars_nobody_knows_what_is_usual() -> None:
    assert with_bars().missing_bars("AAA", DAY) is None
    assert with_bars(1).missing_bars("AAA", DAY) is None


def test_an_instrument_with_quotes_alone_misses_no_bars_and_looks_back_on_quotes() -> None:
    history = History()
    for second in range(5):
        history.quote(Quote(instrument="AAA", at=second, last=Decimal(second)))
        history.bar("AAA", second, second)
    assert history.missing_bars("AAA", 500) == 0
    assert (history.close_before("AAA", bars=3), history.close_before("AAA", bars=5)) == (1, None)


def test_quotes_between_bars_are_no_bars() -> None:
    history = with_bars(1, 2, 3)
    for number in range(4):
        at = 3 * DAY + number
        history.quote(Quote(instrument="AAA", at=at, last=Decimal(9)))
        history.bar("AAA", at, 90 + number)
    assert history.missing_bars("AAA", 3 * DAY + 600) == 0
    assert history.close_before("AAA", bars=2) == 0
    assert history.close_at("AAA", 3 * DAY + 2) == 92


def test_a_price_of_then_is_the_last_one_known_then() -> None:
    history = with_bars(1, 2, 3)
    assert [history.close_at("AAA", at) for at in (DAY - 1, DAY, 3 * DAY - 1, 9 * DAY)] == [None, 0, 1, 2]
    assert history.close_before("AAA", bars=3) is None


def test_a_streak_ends_with_an_exit_that_does_not_lose() -> None:
    history = History()
    for number, pnl in enumerate(("-1", "5", "-1", "-2", "0", "-3", "-4")):
        history.closed("swing", f"order-{number}", number, [a_trip(pnl=pnl)])
    assert history.losing_streak("swing", after=None) == 2
    assert history.losing_streak("other", after=None) == 0


def test_an_exit_order_is_one_result_however_many_fills_and_lots_it_takes() -> None:
    history = History()
    history.closed("swing", "a", 1, [a_trip(pnl="-5"), a_trip(pnl="-5")])
    history.closed("swing", "a", 2, [a_trip(pnl="-5")])
    assert history.losing_streak("swing", after=None) == 1
    history.closed("swing", "a", 3, [a_trip(pnl="20")])
    assert history.losing_streak("swing", after=None) == 0


def test_an_execution_that_closes_nothing_is_no_result() -> None:
    history = History()
    history.closed("swing", "a", 1, [a_trip(pnl="-5")])
    history.closed("swing", "b", 2, [])
    assert history.losing_streak("swing", after=None) == 1


@pytest.mark.parametrize(("after", "streak"), [(None, 3), (0, 3), (1, 2), (2, 1), (3, 0)])
def test_losses_of_long_ago_are_no_part_of_a_streak(after: int | None, streak: int) -> None:
    history = History()
    for at in (1, 2, 3):
        history.closed("swing", f"order-{at}", at, [a_trip(pnl="-1")])
    assert history.losing_streak("swing", after=after) == streak
