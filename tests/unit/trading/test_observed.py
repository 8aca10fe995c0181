"""What the gate's facts say of a desk: reservations, exposures, entitlements and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from steersman.kernel.fixed import ONE, to_nano
from steersman.policy import HaltState
from steersman.trading import events as e
from steersman.trading.calendars import Calendar
from steersman.trading.gate.facts import Facts, LookBack
from steersman.trading.handlers import observed
from steersman.trading.handlers.declared import Declared
from steersman.trading.handlers.state import State
from steersman.trading.model.bar import Bar
from steersman.trading.model.blackout import Blackout, Once
from steersman.trading.model.instrument import Instrument
from steersman.trading.model.order import Quote
from steersman.trading.model.signal import OrderType, Side, Signal, SignalId, TimeInForce

NOW = 1_000 * 86_400 * 10**9
HOUR = 3_600 * 10**9
LOOK_BACK = LookBack(duplicate_ns=HOUR, collar_bars=2, collar_ns=HOUR, losses_ns=HOUR)


def a_state(*, prices: Mapping[str, int], group: str | None = None, **options: Any) -> State:
    """Return a desk with 100,000 in cash whose strategies `swing` and `trend` may trade AAA and BBB."""
    instruments = {
        name: Instrument(
            name=name, tick=Decimal("0.01"), lot=Decimal(1), currency="USD", venue="paper", group=group,
            calendar=options.get("calendar"),
        )
        for name in ("AAA", "BBB")
    }  # fmt: skip
    declared = Declared(
        entitled={"swing": frozenset({"AAA", "BBB"}), "trend": frozenset({"AAA"})},
        blackouts=options.get("blackouts", ()),
        calendars=options.get("calendars", {}),
    )
    state = State(capital=Decimal(100_000), instruments=instruments, declared=declared)
    for name, price in prices.items():
        bar(state, name, price)
    return state


def bar(state: State, name: str, price: int, at: int = NOW) -> None:
    close = Decimal(price)
    state.bar(Bar(instrument=name, at=at, open=close, high=close, low=close, close=close, volume=Decimal(1)))


def hold(state: State, name: str, units: int, *, strategy: str = "swing", price: int = 100) -> None:
    """Let `strategy` hold `units`, bought (or sold short) at `price`."""
    side = Side.BUY if units > 0 else Side.SELL
    state.book.fill(
        strategy=strategy, instrument=name, side=side, quantity=Decimal(abs(units)), price=Decimal(price),
        fee=Decimal(0), at=NOW,
    )  # fmt: skip


def rest(state: State, order_id: str, side: Side, units: int, name: str = "AAA", **more: Any) -> None:
    """Let an order wait at the venue."""
    limit, stop = more.get("limit"), more.get("stop")
    kind = OrderType.STOP if stop and not limit else OrderType.LIMIT if limit else OrderType.MARKET
    state.submitted(
        e.OrderSubmitted(
            order_id=order_id, signal_id=order_id, strategy=more.get("strategy", "swing"), instrument=name,
            venue="paper", side=side, quantity=Decimal(units), order_type=kind,
            limit_price=None if limit is None else Decimal(limit), time_in_force=TimeInForce.GTC, decision_price=None,
            policy_version=1, at=NOW - HOUR, stop_price=None if stop is None else Decimal(stop),
            group=more.get("group"),
        )
    )  # fmt: skip


def a_signal(side: Side = Side.BUY, units: int = 10, **changes: Any) -> Signal:
    fine: dict[str, Any] = {
        "signal_id": SignalId("s-1"), "source": "test", "strategy": "swing", "instrument": "AAA", "side": side,
        "quantity": Decimal(units), "order_type": OrderType.MARKET, "created_at": NOW, "price": Decimal(100),
    }  # fmt: skip
    return Signal(**{**fine, **changes})


def facts(state: State, signal: Signal, **options: Any) -> Facts:
    given: dict[str, Any] = {"at": NOW, "halts": HaltState(), "strategy_on": True, "look_back": LOOK_BACK}
    return observed.facts(state, signal, **{**given, **options})


def units(value: int | None) -> float | None:
    return None if value is None else value / ONE


def test_an_open_order_counts_as_filled_where_that_adds_and_as_never_filled_where_it_takes_away() -> None:
    state = a_state(prices={"AAA": 100})
    hold(state, "AAA", 50)
    rest(state, "stop", Side.SELL, 50, stop=80)
    rest(state, "more", Side.BUY, 20, limit=90)
    buying, selling = facts(state, a_signal(Side.BUY)), facts(state, a_signal(Side.SELL))
    assert (units(buying.position), units(buying.own_position)) == (70, 70), "a stop that waits frees no room"
    assert (units(selling.position), units(selling.own_position)) == (0, 0), "what is on its way out is not sold twice"
    assert units(buying.gross) == 7_000


def test_alternatives_reserve_once_the_larger() -> None:
    state = a_state(prices={"AAA": 100})
    hold(state, "AAA", 50)
    rest(state, "loss", Side.SELL, 30, stop=80, group="g")
    rest(state, "gain", Side.SELL, 20, limit=120, group="g")
    assert units(facts(state, a_signal(Side.SELL)).position) == 20
    rest(state, "low", Side.BUY, 10, limit=90, group="h")
    rest(state, "high", Side.BUY, 10, stop=110, group="h")
    found = facts(state, a_signal(Side.BUY))
    assert units(found.position) == 60
    assert units(found.buying_power) == 100_000 - 5_000 - 1_100, "of the two, the dearer one"


def test_the_second_alternative_is_judged_as_if_the_first_were_not_there() -> None:
    state = a_state(prices={"AAA": 100})
    hold(state, "AAA", 50)
    rest(state, "loss", Side.SELL, 50, stop=80, group="g")
    alone, beside = facts(state, a_signal(Side.SELL), group="g"), facts(state, a_signal(Side.SELL))
    assert (units(alone.position), units(beside.position)) == (50, 0)


def test_alternatives_of_one_group_do_not_match_each_other() -> None:
    state = a_state(prices={"AAA": 100})
    rest(state, "up", Side.SELL, 10, limit=100, group="g")
    signal = a_signal(Side.BUY, limit_price=Decimal(101), order_type=OrderType.LIMIT)
    assert facts(state, signal).crosses_own
    assert not facts(state, signal, group="g").crosses_own


@pytest.mark.parametrize(("stop", "crosses"), [(90, False), (100, True), (105, True)])
def test_a_stop_that_waits_is_in_no_book(stop: int, crosses: bool) -> None:
    state = a_state(prices={"AAA": 100})
    rest(state, "stop", Side.SELL, 10, stop=stop)
    assert facts(state, a_signal(Side.BUY)).crosses_own is crosses
    other = a_state(prices={"AAA": 100})
    rest(other, "low", Side.BUY, 10, limit=100)
    assert facts(other, a_signal(Side.SELL, stop_price=Decimal(stop), order_type=OrderType.STOP)).crosses_own is crosses


def test_exposures_take_every_other_instrument_at_its_worst() -> None:
    state = a_state(prices={"AAA": 100, "BBB": 10}, group="tech")
    hold(state, "AAA", 50)
    hold(state, "BBB", -100, price=10)
    rest(state, "b-sell", Side.SELL, 50, "BBB", limit=11)
    rest(state, "b-buy", Side.BUY, 30, "BBB", limit=9)
    found = facts(state, a_signal(Side.BUY))
    assert units(found.gross) == 50 * 100 + 150 * 10
    assert units(found.group_gross) == 50 * 100 + 150 * 10
    assert units(found.net) == 50 * 100 - 70 * 10, "buying: its sales may not be filled, its purchases may"
    assert units(facts(state, a_signal(Side.SELL)).net) == 50 * 100 - 150 * 10
    assert units(found.equity) == 100_000


def test_an_instrument_without_a_group_is_a_group_of_its_own() -> None:
    state = a_state(prices={"AAA": 100, "BBB": 10})
    hold(state, "AAA", 50)
    hold(state, "BBB", 100, price=10)
    assert (units(facts(state, a_signal()).group_gross), units(facts(state, a_signal()).gross)) == (5_000, 6_000)


def test_an_exposure_without_a_price_is_not_known() -> None:
    state = a_state(prices={"AAA": 100}, group="tech")
    hold(state, "BBB", 10)
    found = facts(state, a_signal())
    assert (found.gross, found.net, found.group_gross) == (None, None, None)


def test_what_a_unit_may_cost_depends_on_the_order() -> None:
    state = a_state(prices={"AAA": 100})
    stop, limit = Decimal(110), Decimal(112)
    kinds: list[tuple[dict[str, Any], int]] = [
        ({}, 100),
        ({"limit_price": Decimal(99)}, 100),
        ({"stop_price": stop}, 110),
        ({"stop_price": stop, "limit_price": limit}, 112),
    ]
    for changes, cost in kinds:
        assert facts(state, a_signal(**changes)).cost_price == cost * ONE
    assert facts(state, a_signal(stop_price=stop)).stop_price == to_nano(stop)


def test_only_declared_instruments_are_a_strategys_to_trade() -> None:
    state = a_state(prices={"AAA": 100, "BBB": 10})
    asked = [("swing", "BBB"), ("trend", "AAA"), ("trend", "BBB"), ("nobody", "AAA"), ("swing", "ZZZ")]
    found = [facts(state, a_signal(strategy=who, instrument=what)).entitled for who, what in asked]
    assert found == [True, True, False, False, False]


def test_an_order_of_unknown_outcome_or_a_difference_with_the_venue_blocks_its_instrument_alone() -> None:
    state = a_state(prices={"AAA": 100, "BBB": 10})
    rest(state, "lost", Side.BUY, 10)
    state.doubted("lost")
    state.unreconciled["BBB"] = "the venue holds 5, we hold 0"
    found = {name: facts(state, a_signal(instrument=name)) for name in ("AAA", "BBB")}
    assert [f.unreconciled for f in found.values()] == [True, True]
    assert [f.halted for f in found.values()] == [False, False], "nobody halted anything"
    state.acknowledged("lost")
    assert not facts(state, a_signal()).unreconciled


def test_a_blackout_covers_its_instruments_while_it_lasts() -> None:
    window = Blackout(
        name="earnings", reason="numbers", window=Once(start=NOW, end=NOW + HOUR), instruments=frozenset({"AAA"})
    )
    state = a_state(prices={"AAA": 100, "BBB": 10}, blackouts=(window,))
    assert facts(state, a_signal()).blackout
    assert not facts(state, a_signal(instrument="BBB")).blackout
    assert not facts(state, a_signal(), at=NOW + HOUR).blackout


def test_a_calendar_decides_about_the_session_and_without_one_the_bars_do() -> None:
    hours = {"XNYS": Calendar([(NOW, NOW + HOUR)], covers=(NOW - HOUR, NOW + 3 * HOUR))}
    state = a_state(prices={"AAA": 100}, calendar="XNYS", calendars=hours)
    times = (NOW, NOW + HOUR, NOW + 2 * HOUR, NOW + 3 * HOUR)
    assert [facts(state, a_signal(), at=at).in_session for at in times] == [True, True, False, None]
    assert facts(a_state(prices={"AAA": 100}, calendar="XNYS"), a_signal()).in_session is None, "not worked out"
    plain = a_state(prices={"AAA": 100})
    assert [facts(plain, a_signal(), at=at).in_session for at in (NOW, NOW + 1)] == [True, False]
    assert facts(plain, a_signal(), at=NOW + 1, instant=NOW).in_session is True
    assert facts(plain, a_signal(instrument="BBB")).in_session is None


def test_a_quote_is_read_once_both_sides_are_known() -> None:
    state = a_state(prices={"AAA": 100})
    assert (facts(state, a_signal()).bid, facts(state, a_signal()).ask) == (None, None)
    state.history.quote(Quote(instrument="AAA", at=NOW, bid=Decimal("99.5")))
    assert facts(state, a_signal()).bid is None
    state.history.quote(Quote(instrument="AAA", at=NOW, bid=Decimal("99.5"), ask=Decimal("99.4")))
    found = facts(state, a_signal())
    assert (units(found.bid), units(found.ask)) == (99.5, 99.4)


def test_the_period_price_is_bars_or_a_span_ago_as_policy_says() -> None:
    state = a_state(prices={})
    for hours, price in ((3, 70), (2, 80), (1, 90), (0, 100)):
        bar(state, "AAA", price, NOW - hours * HOUR)

    def period(bars: int | None, span: int | None) -> float | None:
        look_back = LookBack(duplicate_ns=None, collar_bars=bars, collar_ns=span, losses_ns=None)
        return units(facts(state, a_signal(), look_back=look_back).period_price)

    assert [period(2, None), period(3, None), period(4, None)] == [80, 70, None]
    assert [period(0, HOUR), period(0, HOUR // 2), period(0, 9 * HOUR), period(0, None)] == [90, 90, None, None]
    assert period(None, HOUR) is None
