from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.builders_trading import some_facts, some_limits

from steersman.kernel.fixed import ONE
from steersman.trading.gate import CHECKS, CODES, TABLE_DIGEST, checks_markdown, judge
from steersman.trading.gate.facts import PARAMETER_OF, pack, unpack
from steersman.trading.limits import PARAMETERS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "checks.md"
SECOND = ONE
AT_THE_LIMIT: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # code, facts that just pass, facts that just fail, limits of both
    ("HALT", {}, {"halted": True}, {}),
    ("STRATEGY_ENABLED", {}, {"strategy_on": False}, {}),
    ("ENTITLEMENT", {}, {"entitled": False}, {}),
    ("INSTRUMENT", {}, {"known": False}, {}),
    ("SESSION", {}, {"in_session": False}, {}),
    ("BLACKOUT", {}, {"blackout": True}, {}),
    ("CLOCK", {"signal_age_ns": 0}, {"signal_age_ns": -1}, {}),
    ("SIGNAL_AGE", {"signal_age_ns": 60 * SECOND}, {"signal_age_ns": 60 * SECOND + 1}, {}),
    ("STALE_DATA", {"data_age_ns": 60 * SECOND}, {"data_age_ns": 60 * SECOND + 1}, {}),
    ("DATA_OUTLIER", {"outlier_z": 8}, {"outlier_z": 8.1}, {}),
    ("DATA_GAP", {"missing_bars": 3}, {"missing_bars": 4}, {}),
    ("CROSSED_BOOK", {"bid": 100, "ask": 100}, {"bid": 100.01, "ask": 100}, {}),
    ("DUPLICATE_ID", {}, {"repeated_id": True}, {}),
    ("DUPLICATE_CONTENT", {}, {"repeated_content": 1}, {}),
    ("POSITIVE", {}, {"quantity": 0}, {}),
    ("TICK", {"limit_price": 100.01}, {"limit_price": 100.005}, {}),
    ("LOT", {"quantity": 10}, {"quantity": 10.5}, {}),
    ("MAX_QTY", {"quantity": 12}, {"quantity": 13}, {"max_qty": 12}),
    ("MAX_NOTIONAL", {"quantity": 12}, {"quantity": 13}, {"max_notional": 1200}),
    ("PRICE_COLLAR", {"limit_price": 105}, {"limit_price": 105.01}, {}),
    ("PERIOD_COLLAR", {"period_price": 125}, {"period_price": 143}, {}),
    ("PRICE_DRIFT", {"source_price": 102}, {"source_price": 102.05}, {}),
    ("MESSAGE_RATE", {"messages": 4}, {"messages": 5}, {}),
    ("REPEAT_EXECUTION", {"executions": 3}, {"executions": 4}, {}),
    ("OPEN_ORDERS", {"open_orders": 3}, {"open_orders": 4}, {}),
    ("SHORT", {"direction": -1, "position": 10}, {"direction": -1, "position": 9}, {}),
    ("POSITION", {"position": 190}, {"position": 191}, {"max_gross": 1e6}),
    ("GROSS", {"gross": 49_000}, {"gross": 49_001}, {}),
    ("NET", {"net": -81_000}, {"net": 79_001}, {}),
    ("CONCENTRATION", {"equity": 2_000}, {"equity": 1_999}, {}),
    ("CORRELATED_EXPOSURE", {"group_gross": 29_000}, {"group_gross": 29_001}, {}),
    ("BUYING_POWER", {"buying_power": 1500}, {"buying_power": 1499}, {"cash_reserve": 500}),
    ("SELF_MATCH", {}, {"crosses_own": True}, {}),
    ("DAILY_LOSS", {"day_pnl": -1000}, {"day_pnl": -1000.01}, {}),
    ("DRAWDOWN", {"drawdown": 0.2}, {"drawdown": 0.201}, {}),
    ("LOSS_STREAK", {"losing_streak": 4}, {"losing_streak": 5}, {}),
    ("UNRECONCILED", {}, {"unreconciled": True}, {}),
    ("APPROVAL", {"quantity": 50}, {"quantity": 51}, {}),
]
MISSING: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("SESSION", {"in_session": None}, {}),
    ("SIGNAL_AGE", {}, {"max_signal_age_ns": None}),
    ("STALE_DATA", {"data_age_ns": None}, {}),
    ("DATA_OUTLIER", {"outlier_z": None}, {}),
    ("DATA_GAP", {"missing_bars": None}, {}),
    ("DATA_GAP", {}, {"max_gap": None}),
    ("TICK", {"tick": None}, {}),
    ("LOT", {"lot": None}, {}),
    ("MAX_QTY", {}, {"max_qty": None}),
    ("MAX_NOTIONAL", {"price": None}, {}),
    ("PRICE_COLLAR", {"limit_price": None}, {}),
    ("PRICE_COLLAR", {"stop_price": 110, "limited": False}, {"stop_collar": None}),
    ("PERIOD_COLLAR", {"period_price": None}, {}),
    ("PRICE_DRIFT", {"source_price": None}, {}),
    ("MESSAGE_RATE", {}, {"message_rate": None}),
    ("REPEAT_EXECUTION", {}, {"repeat_executions": None}),
    ("OPEN_ORDERS", {}, {"max_open_orders": None}),
    ("SHORT", {"direction": -1, "own_position": None}, {}),
    ("POSITION", {"position": None}, {}),
    ("GROSS", {"gross": None}, {}),
    ("NET", {"net": None}, {}),
    ("CONCENTRATION", {"equity": None}, {}),
    ("CORRELATED_EXPOSURE", {"group_gross": None}, {}),
    ("BUYING_POWER", {"buying_power": None}, {}),
    ("DAILY_LOSS", {"day_pnl": None}, {}),
    ("DRAWDOWN", {"drawdown": None}, {}),
    ("LOSS_STREAK", {}, {"max_losing_streak": None}),
    ("APPROVAL", {}, {"approval_notional": None}),
]
# What an exit meets, by the check it passes or is stopped by.
IN_THE_WAY: dict[str, dict[str, Any]] = {
    "HALT": {"halted": True},
    "STRATEGY_ENABLED": {"strategy_on": False},
    "ENTITLEMENT": {"entitled": False},
    "INSTRUMENT": {"known": False},
    "SESSION": {"in_session": False},
    "BLACKOUT": {"blackout": True},
    "CLOCK": {"signal_age_ns": -1},
    "SIGNAL_AGE": {"signal_age_ns": 61 * SECOND},
    "STALE_DATA": {"data_age_ns": 61 * SECOND},
    "DATA_GAP": {"missing_bars": None},
    "DATA_OUTLIER": {"outlier_z": None},
    "CROSSED_BOOK": {"bid": 101, "ask": 100},
    "DUPLICATE_ID": {"repeated_id": True},
    "DUPLICATE_CONTENT": {"repeated_content": 3},
    "TICK": {"limit_price": 100.005},
    "LOT": {"quantity": 10.5},
    "PRICE_COLLAR": {"limit_price": 94},
    "PERIOD_COLLAR": {"period_price": None},
    "PRICE_DRIFT": {"source_price": None},
    "MESSAGE_RATE": {"messages": 5},
    "REPEAT_EXECUTION": {"executions": 4},
    "OPEN_ORDERS": {"open_orders": 4},
    "SHORT": {"own_position": 9},
    "POSITION": {"position": 1_000},
    "GROSS": {"gross": None},
    "NET": {"net": None},
    "CONCENTRATION": {"equity": -5},
    "CORRELATED_EXPOSURE": {"group_gross": None},
    "BUYING_POWER": {"buying_power": None},
    "SELF_MATCH": {"crosses_own": True},
    "DAILY_LOSS": {"day_pnl": None},
    "DRAWDOWN": {"drawdown": None},
    "LOSS_STREAK": {"losing_streak": 9},
    "UNRECONCILED": {"unreconciled": True},
}


def test_an_ordinary_order_passes_every_check() -> None:
    judged = judge(some_facts(), some_limits())
    assert (judged.outcome, judged.quantity, judged.failed) == ("accept", 10 * ONE, ())
    assert tuple(row.code for row in judged.rows) == CODES
    assert all(row.ok and row.margin is not None and row.margin >= 0 for row in judged.rows)


@pytest.mark.parametrize(("code", "passes", "fails", "limits"), AT_THE_LIMIT, ids=[row[0] for row in AT_THE_LIMIT])
def test_a_check_passes_at_its_limit_and_fails_just_beyond(
    code: str, passes: dict[str, Any], fails: dict[str, Any], limits: dict[str, Any]
) -> None:
    assert code not in judge(some_facts(**passes), some_limits(**limits)).failed
    judged = judge(some_facts(**fails), some_limits(**limits))
    assert judged.failed == (code,)
    row = next(r for r in judged.rows if r.code == code)
    assert row.margin is not None
    assert row.margin < 0
    assert row.why.startswith(f"{code}: ")
    assert row.why in judged.why


@pytest.mark.parametrize(("code", "facts", "limits"), MISSING, ids=[row[0] for row in MISSING])
def test_a_missing_fact_or_limit_is_a_named_denial(code: str, facts: dict[str, Any], limits: dict[str, Any]) -> None:
    judged = judge(some_facts(**facts), some_limits(**limits))
    assert (judged.outcome, judged.quantity) == ("reject", 0)
    assert code in judged.failed
    assert f"{code}: missing: " in judged.why


def test_a_restricted_instrument_and_a_disabled_strategy_are_refused_by_policy() -> None:
    assert judge(some_facts(), some_limits(restricted=True)).failed == ("RESTRICTED",)
    assert judge(some_facts(), some_limits(enabled=False)).failed == ("STRATEGY_ENABLED",)


def test_an_order_over_a_size_limit_is_cut_to_whole_lots_and_says_so() -> None:
    judged = judge(some_facts(quantity=40), some_limits(max_notional=3_333))
    assert (judged.outcome, judged.quantity, judged.failed) == ("adjust", 33 * ONE, ("MAX_NOTIONAL",))
    assert judged.why == "MAX_NOTIONAL: 4,000 > 3,333; cut to 33"


def test_without_leave_to_adjust_the_same_order_is_refused() -> None:
    judged = judge(some_facts(quantity=40), some_limits(max_notional=3_333, allow_adjust=False))
    assert (judged.outcome, judged.quantity) == ("reject", 0)


def test_a_cut_that_leaves_less_than_a_lot_is_a_refusal() -> None:
    assert judge(some_facts(), some_limits(max_notional=99)).outcome == "reject"


def test_only_approval_missing_asks_a_person_with_the_quantity_that_may_go() -> None:
    judged = judge(some_facts(quantity=60), some_limits())
    assert (judged.outcome, judged.quantity, judged.failed) == ("hold", 60 * ONE, ("APPROVAL",))
    cut = judge(some_facts(quantity=200), some_limits())
    assert (cut.outcome, cut.quantity, cut.failed) == ("hold", 100 * ONE, ("MAX_NOTIONAL", "APPROVAL"))


def test_an_exit_passes_limits_on_exposure_loss_and_approval() -> None:
    held = some_facts(
        direction=-1, quantity=80, position=80, gross=90_000, buying_power=-50, day_pnl=-9_000, drawdown=0.5
    )
    assert judge(held, some_limits()).outcome == "accept"
    entry = some_facts(quantity=10, position=80, gross=90_000, buying_power=-50, day_pnl=-9_000, drawdown=0.5)
    assert set(judge(entry, some_limits()).failed) >= {"GROSS", "BUYING_POWER", "DAILY_LOSS", "DRAWDOWN"}


def test_an_exit_over_a_size_limit_is_cut_although_exposure_is_beyond_its_limit() -> None:
    judged = judge(some_facts(direction=-1, quantity=150, position=150, gross=90_000), some_limits(max_position=1_000))
    assert (judged.outcome, judged.quantity, judged.failed) == ("adjust", 100 * ONE, ("MAX_NOTIONAL",))


@pytest.mark.parametrize(("code", "facts"), IN_THE_WAY.items(), ids=list(IN_THE_WAY))
def test_an_exit_passes_the_checks_that_say_so_and_no_others(code: str, facts: dict[str, Any]) -> None:
    judged = judge(some_facts(**{"direction": -1, "position": 1_000, "own_position": 1_000, **facts}), some_limits())
    (check,) = (c for c in CHECKS if c.code == code)
    stopped = check.exits.startswith("are stopped") or code == "SHORT"
    assert judged.failed == ((code,) if stopped else ())


def test_every_check_says_what_becomes_of_exits() -> None:
    untold = set(CODES) - set(IN_THE_WAY)
    assert untold == {"RESTRICTED", "POSITIVE", "MAX_QTY", "MAX_NOTIONAL", "APPROVAL"}, "told in tests of their own"
    assert all(check.exits.startswith(("are stopped", "are cut", "pass", "of what")) for check in CHECKS)


def test_an_exit_from_a_restricted_instrument_passes() -> None:
    held = some_facts(direction=-1, position=10)
    assert judge(held, some_limits(restricted=True)).outcome == "accept"


def test_a_signal_without_the_price_its_source_saw_passes_only_where_policy_says_so() -> None:
    unsaid = some_facts(source_price=None)
    judged = judge(unsaid, some_limits())
    assert judged.failed == ("PRICE_DRIFT",)
    assert "the source did not say which price it saw" in judged.why
    assert judge(unsaid, some_limits(price_optional=True)).outcome == "accept"
    assert judge(some_facts(source_price=103), some_limits(price_optional=True)).failed == ("PRICE_DRIFT",)


def test_a_quote_of_one_side_or_none_crosses_nothing() -> None:
    for bid, ask in ((None, None), (101, None), (None, 99)):
        assert judge(some_facts(bid=bid, ask=ask), some_limits()).outcome == "accept"


@pytest.mark.parametrize(
    ("facts", "failed"),
    [
        ({"stop_price": 140}, ()),
        ({"stop_price": 150}, ()),
        ({"stop_price": 150.01}, ("PRICE_COLLAR",)),
        ({"stop_price": 140.005}, ("TICK",)),
        ({"stop_price": 140, "limited": True, "limit_price": 141}, ()),
        ({"stop_price": 140, "limited": True, "limit_price": 148}, ("PRICE_COLLAR",)),
        ({"stop_price": 140, "limited": True, "limit_price": 141.005}, ("TICK",)),
        ({"stop_price": 140.005, "limited": True, "limit_price": 141}, ("TICK",)),
        ({"stop_price": 0}, ("POSITIVE",)),
    ],
)
def test_a_stop_may_be_far_away_and_its_limit_must_be_near_it(facts: dict[str, Any], failed: tuple[str, ...]) -> None:
    judged = judge(some_facts(**{"limited": False, **facts}), some_limits(stop_collar=0.5))
    assert tuple(code for code in judged.failed if code != "PRICE_COLLAR" or code in failed) == failed
    assert bool(judged.failed) == bool(failed)


def test_an_exit_may_wait_for_its_target_as_far_away_as_a_stop() -> None:
    long, short = {"direction": -1, "position": 10, "own_position": 10}, {"direction": 1, "position": -10}
    for held, target, beyond, against in ((long, 150, 150.01, 94), (short, 50, 49.99, 106)):
        assert judge(some_facts(**held, limit_price=target), some_limits()).outcome == "accept"
        for price in (beyond, against):
            assert judge(some_facts(**held, limit_price=price), some_limits()).failed == ("PRICE_COLLAR",)
    assert judge(some_facts(limit_price=94), some_limits()).failed == ("PRICE_COLLAR",), "an entry may not wait so far"


def test_a_stop_order_needs_the_cash_of_its_own_price() -> None:
    stop = some_facts(limited=False, stop_price=140, cost_price=140, buying_power=1_399)
    assert judge(stop, some_limits()).failed == ("BUYING_POWER",)
    assert judge(some_facts(buying_power=1_399), some_limits()).outcome == "accept"


def test_an_order_that_takes_the_net_exposure_towards_zero_passes_although_it_is_beyond_its_limit() -> None:
    assert judge(some_facts(net=-90_000), some_limits()).outcome == "accept"
    assert judge(some_facts(net=90_000, quantity=10), some_limits()).failed == ("NET",)
    beyond = judge(some_facts(net=-1_000, quantity=60), some_limits(max_net=3_000, approval_notional=9_000))
    assert (beyond.outcome, beyond.quantity, beyond.failed) == ("adjust", 40 * ONE, ("NET",))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"equity": 5_000}, "CONCENTRATION"),
        ({"group_gross": 27_500}, "CORRELATED_EXPOSURE"),
        ({"net": 77_500}, "NET"),
    ],
)
def test_an_entry_over_a_limit_on_exposure_is_cut_to_it(facts: dict[str, Any], code: str) -> None:
    judged = judge(some_facts(quantity=40, **facts), some_limits())
    assert (judged.outcome, judged.quantity, judged.failed) == ("adjust", 25 * ONE, (code,))


def test_without_equity_nothing_is_a_small_enough_share_of_it() -> None:
    for equity in (0, -50_000):
        assert judge(some_facts(equity=equity), some_limits()).failed == ("CONCENTRATION",)


def test_recorded_facts_give_the_verdict_again_and_those_of_another_table_are_refused() -> None:
    facts = some_facts(quantity=60, bid=None, net=None)
    kept = msgspec.json.decode(msgspec.json.encode(pack(facts)), type=tuple[int | bool | None, ...])
    assert unpack(kept) == facts
    with pytest.raises(ValueError, match=rf"26 facts were recorded; the check table {TABLE_DIGEST[:16]} reads"):
        unpack(kept[:26])
    with pytest.raises(ValueError, match="not those of the check table"):
        unpack((None, *kept[1:]))


def test_a_market_order_at_an_adjusted_price_is_off_no_tick() -> None:
    assert judge(some_facts(limited=False, price=100.005, limit_price=100.005), some_limits()).outcome == "accept"


@pytest.mark.parametrize("changes", [{"quantity": -10}, {"price": -100}, {"limit_price": -100}, {"price": 0}])
def test_a_number_not_above_zero_is_refused_whatever_else_passes(changes: dict[str, Any]) -> None:
    judged = judge(some_facts(**changes), some_limits())
    assert judged.outcome == "reject"
    assert "POSITIVE" in judged.failed


def test_a_step_of_zero_is_a_missing_fact() -> None:
    assert judge(some_facts(tick=0), some_limits()).failed == ("TICK",)
    assert judge(some_facts(lot=0), some_limits()).failed == ("LOT",)


def test_a_strategy_may_not_sell_what_another_one_holds() -> None:
    judged = judge(some_facts(direction=-1, quantity=10, position=50, own_position=0), some_limits())
    assert (judged.outcome, judged.failed) == ("reject", ("SHORT",))
    part = judge(some_facts(direction=-1, quantity=10, position=50, own_position=4), some_limits())
    assert (part.outcome, part.quantity, part.failed) == ("adjust", 4 * ONE, ("SHORT",))


def test_selling_more_than_is_held_is_no_exit() -> None:
    judged = judge(some_facts(direction=-1, quantity=20, position=10), some_limits(allow_short=True, max_drawdown=0.1))
    assert judged.outcome == "accept"
    assert judge(
        some_facts(direction=-1, quantity=20, position=10, drawdown=0.15), some_limits(allow_short=True)
    ).outcome
    deep = some_facts(direction=-1, quantity=20, position=10, drawdown=0.3)
    assert judge(deep, some_limits(allow_short=True)).failed == ("DRAWDOWN",)


def test_the_documented_page_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == checks_markdown(), (
        "write it again: steersman.trading.gate.checks_markdown"
    )


def test_every_limit_of_policy_is_named_on_the_page_and_every_limit_the_gate_reads_is_one_of_policy() -> None:
    names = {parameter.name.removeprefix("trading.") for parameter in PARAMETERS}
    assert set(PARAMETER_OF.values()) <= names
    told = PAGE.read_text(encoding="utf-8")
    not_checked = {"halt_daily_loss", "halt_drawdown", "hold_for"}  # they halt after the fact, or time a hold
    assert {name for name in names if f"`{name}`" not in told} == not_checked
