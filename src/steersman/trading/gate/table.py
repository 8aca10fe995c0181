"""The checks, one row each, in the order they are shown. Everything else (code, docs, verdicts) is made from them.

Long because it is one table: 39 rows that an operator and an auditor read from top to bottom, and nothing beside them.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from steersman.trading.gate.expression import CONDITIONS, Apply, Const, Expression, Field, When

Comparison = Literal["<=", ">=", "=="]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        seen, allowed: what is compared; None of either is a denial.
        unit: of both: `flag` (0/1), `count`, or what a billionth of it is counted in.
        cap: the largest quantity (billionths of a unit) that passes; None: a smaller order would not help.
        asks: a failure of this check alone asks a person instead of refusing.
        exits: whether an exit passes, and why.
        rule: where the check comes from.
        on_missing: what the operator should look at when a fact is missing.
        otherwise: what a failed flag says; numbers say it themselves.
    """

    code: str
    meaning: str
    seen: Expression
    allowed: Expression
    unit: str
    comparison: Comparison = "<="
    cap: Expression | None = None
    asks: bool = False
    exits: str
    rule: str = "operators' practice"
    on_missing: str = ""
    otherwise: str = ""


def _op(op: str, left: Expression, right: Expression | None = None) -> Apply:
    return Apply(op, left, right)


_F: Final = Field
_ZERO, _TRUE = Const(0), Const(1)
_QUANTITY, _PRICE, _DIRECTION = _F("quantity"), _F("price"), _F("direction")
_NOTIONAL: Final = _op("times", _QUANTITY, _PRICE)
_AFTER: Final = _op("+", _F("position"), _op("*", _DIRECTION, _QUANTITY))
_HELD_VALUE: Final = _op("times", _op("abs", _F("position")), _PRICE)
_AFTER_VALUE: Final = _op("times", _op("abs", _AFTER), _PRICE)
# How many units further in this direction, if the position may be worth at most `value` afterwards.
_SIGNED: Final = _op("*", _DIRECTION, _F("position"))


def _room(value: Expression) -> Expression:
    return _op("floor0", _op("-", _op("per", value, _PRICE), _SIGNED))


_NET_AFTER: Final = _op("abs", _op("+", _F("net"), _op("*", _DIRECTION, _NOTIONAL)))
_LARGEST_VALUE: Final = _op("times", _F("max_concentration"), _F("equity"))
_COST: Final = _op("times", _QUANTITY, _F("cost_price"))
_FREE_CASH: Final = _op("-", _F("buying_power"), _F("cash_reserve"))
_SEC: Final = "SEC 15c3-5"
_RTS: Final = "MiFID II RTS 6"
_SAFER: Final = "pass: they make the exposure smaller"
_NO_LOCK: Final = "pass: doubt about data is a reason to add no risk, not to keep what there is"
_SIZED: Final = "are cut too: they go out in as many orders as it takes"


def _unless_exit(expression: Expression) -> Expression:
    return When("reducing", _ZERO, expression)


def _room_unless_exit(value: Expression) -> Expression:
    # An exit cut by another limit must not be cut to nothing because exposure is already beyond its own.
    return When("reducing", _QUANTITY, _room(value))


def _away(price: Expression, from_price: Expression) -> Expression:
    return _op("per", _op("abs", _op("-", price, from_price)), from_price)


def _steps(price: str) -> Expression:
    return _op("rest", _F(price), _F("tick"))


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        code="HALT",
        meaning="No halt covers the venue, strategy or instrument.",
        otherwise="a halt covers this order",
        seen=_F("halted", flag=True),
        allowed=_ZERO,
        unit="flag",
        exits="are stopped: a halt stops everything; a person lifts it, or closes at the venue itself",
        rule=f"{_RTS} art. 12 (kill functionality)",
    ),
    Check(
        code="STRATEGY_ENABLED",
        meaning="The strategy is declared, switched on by policy, and was not stopped after failures.",
        otherwise="the strategy is switched off or was stopped",
        seen=_op("*", _F("strategy_on", flag=True), _F("enabled", flag=True)),
        allowed=_TRUE,
        unit="flag",
        exits="are stopped: a strategy that is off gives no orders; a person switches it on to close what it holds",
        comparison="==",
        rule=f"{_RTS} art. 15(3)",
    ),
    Check(
        code="ENTITLEMENT",
        meaning="The strategy is declared for this instrument (`instruments` of `[strategy.NAME]`).",
        otherwise="the strategy is not declared for this instrument",
        seen=_F("entitled", flag=True),
        allowed=_TRUE,
        unit="flag",
        exits="are stopped: what it may not trade is not its to close; declare the instrument for it again",
        comparison="==",
        rule=f"{_RTS} art. 15(5) (permission to trade an instrument); {_SEC}(c)(2)(iii)",
    ),
    Check(
        code="RESTRICTED",
        meaning="The instrument is not on the restricted list.",
        otherwise="the instrument is on the restricted list",
        seen=_unless_exit(_F("restricted", flag=True)),
        allowed=_ZERO,
        unit="flag",
        exits="pass: what is held when the list changes can be sold",
        rule=f"{_SEC}(c)(2)(ii)",
    ),
    Check(
        code="INSTRUMENT",
        meaning="The instrument is declared.",
        otherwise="the instrument is not declared",
        seen=_F("known", flag=True),
        allowed=_TRUE,
        unit="flag",
        exits="are stopped: there is no tick, lot or venue to send it with",
        comparison="==",
        rule=f"{_RTS} art. 15(1)",
    ),
    Check(
        code="SESSION",
        meaning=(
            "The instrument's market trades at this instant: its `calendar` says so (the instant of the close is part "
            "of the session), or without a calendar, a bar or quote of this instant came."
        ),
        otherwise="the market does not trade at this instant",
        seen=_F("in_session", flag=True),
        allowed=_TRUE,
        unit="flag",
        exits="are stopped: nobody trades",
        comparison="==",
        on_missing="no session is known for this instant: no bar came, or the calendar does not reach that far",
    ),
    Check(
        code="BLACKOUT",
        meaning="No declared window (`[blackout.NAME]`) covers the instrument now.",
        otherwise="a declared blackout covers this instrument now",
        seen=_unless_exit(_F("blackout", flag=True)),
        allowed=_ZERO,
        unit="flag",
        exits="pass: a window keeps new risk out; a halt stops everything",
        rule=f"{_SEC}(c)(2)(ii)",
    ),
    Check(
        code="CLOCK",
        meaning="The signal was not made in the future.",
        seen=_F("signal_age_ns"),
        allowed=_ZERO,
        unit="s",
        exits="are stopped: one of the two clocks is wrong, and every age with it",
        comparison=">=",
        rule=f"{_RTS} art. 15(1); MiFID II RTS 25 (clocks)",
    ),
    Check(
        code="SIGNAL_AGE",
        meaning="The signal is fresh enough to act on.",
        seen=_F("signal_age_ns"),
        allowed=_F("max_signal_age_ns"),
        unit="s",
        exits="are stopped: what was wise then may be wrong now; the source can say it again",
    ),
    Check(
        code="STALE_DATA",
        meaning="The last price is fresh enough to decide on.",
        seen=_unless_exit(_F("data_age_ns")),
        allowed=_F("max_data_age_ns"),
        unit="s",
        exits=_NO_LOCK,
        on_missing="no price has come yet",
    ),
    Check(
        code="DATA_GAP",
        meaning=(
            "Few enough bars are missing: those the feed reported just before the last one, or the usual spans between "
            "bars that went by since, whichever is more."
        ),
        seen=_unless_exit(_F("missing_bars")),
        allowed=_F("max_gap"),
        unit="count",
        exits=_NO_LOCK,
        rule=f"{_RTS} art. 16(1) (monitoring of signals and data)",
        on_missing="fewer than two bars have come: what is usual is not known",
    ),
    Check(
        code="DATA_OUTLIER",
        meaning="The last price move is believable: its robust z-score is within bounds.",
        seen=_unless_exit(_F("outlier_z")),
        allowed=_F("max_outlier_z"),
        unit="sigma",
        exits=_NO_LOCK,
        on_missing="too few price moves have been seen to tell an outlier",
    ),
    Check(
        code="CROSSED_BOOK",
        meaning=(
            "The latest quote is possible: its bid is not above its ask. A desk that trades on bars alone has no "
            "quotes and passes; a quote of one side alone cannot cross; one that crossed counts until the next comes."
        ),
        seen=When("quoted_entry", _F("bid"), _ZERO),
        allowed=When("quoted_entry", _F("ask"), _ZERO),
        unit="currency",
        exits=_NO_LOCK,
        rule=f"{_SEC}(c)(1)(ii) (erroneous orders)",
        on_missing="no quote of both sides is known, which passes",
    ),
    Check(
        code="DUPLICATE_ID",
        meaning="This (source, signal id) was not decided before.",
        otherwise="this signal was decided before",
        seen=_F("repeated_id", flag=True),
        allowed=_ZERO,
        unit="flag",
        exits="are stopped: it was decided before",
        rule=f"{_SEC}(c)(1)(ii) (duplicative orders)",
    ),
    Check(
        code="DUPLICATE_CONTENT",
        meaning="The same order did not come within the duplicate window under another id.",
        seen=_unless_exit(_F("repeated_content")),
        allowed=_ZERO,
        unit="count",
        exits="pass: leaving in equal pieces is usual, and no more than is held can go",
        rule=f"{_SEC}(c)(1)(ii) (duplicative orders)",
    ),
    Check(
        code="POSITIVE",
        meaning="Quantity and prices are above zero.",
        otherwise="the quantity or a price is not above zero",
        seen=When("positive", _TRUE, _ZERO),
        allowed=_TRUE,
        unit="flag",
        exits="are stopped: it is no order",
        comparison="==",
        rule=f"{_SEC}(c)(1)(ii) (erroneous orders)",
    ),
    Check(
        code="TICK",
        meaning="Limit and stop price are multiples of the tick. A market order names none.",
        seen=When(
            "at_market",
            When("stopping", _steps("stop_price"), _ZERO),
            When("stopping", _op("+", _steps("limit_price"), _steps("stop_price")), _steps("limit_price")),
        ),
        allowed=_ZERO,
        unit="currency",
        exits="are stopped: the venue would refuse it",
        on_missing="no price to check, or the instrument has no tick",
        rule=f"{_SEC}(c)(1)(ii)",
    ),
    Check(
        code="LOT",
        meaning="The quantity is a multiple of the lot.",
        seen=_op("rest", _QUANTITY, _F("lot")),
        allowed=_ZERO,
        unit="units",
        exits="are stopped: the venue would refuse it",
        on_missing="the instrument has no lot",
        rule=f"{_SEC}(c)(1)(ii)",
    ),
    Check(
        code="MAX_QTY",
        meaning="The order is not larger than allowed, in units.",
        seen=_QUANTITY,
        allowed=_F("max_qty"),
        unit="units",
        exits=_SIZED,
        cap=_F("max_qty"),
        rule=f"{_SEC}(c)(1)(ii); {_RTS} art. 15(1)(c)",
    ),
    Check(
        code="MAX_NOTIONAL",
        meaning="The order is not worth more than allowed, at the last price.",
        seen=_NOTIONAL,
        allowed=_F("max_notional"),
        unit="currency",
        exits=_SIZED,
        cap=_op("per", _F("max_notional"), _PRICE),
        rule=f"{_SEC}(c)(1)(ii); {_RTS} art. 15(1)(b)",
    ),
    Check(
        code="PRICE_COLLAR",
        meaning=(
            "The limit price is near the last price; of a stop-limit order, near its stop price, for that is where it "
            "works. A stop order, and an exit that waits at a better price (a target), are for another market than "
            "this one: they may be further away, within `stop_collar`. What lies beyond is a slip, or does nothing."
        ),
        seen=When(
            "stopping",
            When("at_market", _away(_F("stop_price"), _PRICE), _away(_F("limit_price"), _F("stop_price"))),
            _away(_F("limit_price"), _PRICE),
        ),
        allowed=When(
            "stopping",
            When("at_market", _F("stop_collar"), _F("price_collar")),
            When("waiting_exit", _F("stop_collar"), _F("price_collar")),
        ),
        unit="ratio",
        exits="are stopped: a mistyped price costs as much on the way out; a target may be as far away as a stop",
        on_missing="no price has come yet",
        rule=f"{_SEC}(c)(1)(ii); {_RTS} art. 15(1)(a)",
    ),
    Check(
        code="PERIOD_COLLAR",
        meaning="The price has moved no further than allowed over the look-back period (`collar_bars`, `collar_span`).",
        seen=_unless_exit(_away(_PRICE, _F("period_price"))),
        allowed=_F("period_collar"),
        unit="ratio",
        exits="pass: in a fall is when to leave",
        rule=f"{_SEC}(c)(1)(ii) (price parameters over a short period); {_RTS} art. 15(1)(a)",
        on_missing="not enough bars have come to look back on",
    ),
    Check(
        code="PRICE_DRIFT",
        meaning=(
            "The price is still near the one the source decided on. A signal may come without that price only where "
            "`price_optional` says so."
        ),
        seen=When("reducing", _ZERO, When("unpriced", _ZERO, _away(_PRICE, _F("source_price")))),
        allowed=_F("price_drift"),
        unit="ratio",
        exits="pass: a price that runs away is no reason to stay",
        on_missing="the source did not say which price it saw (`price`), and price_optional is off",
    ),
    Check(
        code="MESSAGE_RATE",
        meaning="The strategy does not send more orders a minute than allowed, this one included.",
        seen=_op("+", _F("messages"), _TRUE),
        allowed=_F("message_rate"),
        unit="count",
        exits="are stopped: a flood of exits is a flood; it is over within a minute",
        rule=f"{_RTS} art. 15(1)(d)",
    ),
    Check(
        code="REPEAT_EXECUTION",
        meaning="The strategy was not filled in this instrument suspiciously often within a day.",
        seen=_unless_exit(_F("executions")),
        allowed=_F("repeat_executions"),
        unit="count",
        exits="pass: it is entries that a loop repeats; exits end with what is held",
        rule=f"{_RTS} art. 15(3) (repeated automated execution throttle)",
    ),
    Check(
        code="OPEN_ORDERS",
        meaning="The strategy has no more open orders than allowed, this one included.",
        seen=_unless_exit(_op("+", _F("open_orders"), _TRUE)),
        allowed=_F("max_open_orders"),
        unit="count",
        exits="pass: what is held bounds how many there can be",
    ),
    Check(
        code="SHORT",
        meaning="The strategy sells no more than it holds itself, unless shorts are allowed.",
        seen=When("shorts_allowed", _ZERO, When("buying", _ZERO, _op("-", _F("own_position"), _QUANTITY))),
        allowed=_ZERO,
        unit="units",
        exits="of what the strategy itself holds pass; what another one holds is not its to sell",
        comparison=">=",
        cap=When("shorts_allowed", _QUANTITY, When("buying", _QUANTITY, _op("floor0", _F("own_position")))),
        on_missing="the strategy's own position is not known",
    ),
    Check(
        code="POSITION",
        meaning="The position afterwards is not worth more than allowed.",
        seen=_unless_exit(_AFTER_VALUE),
        allowed=_F("max_position"),
        unit="currency",
        exits=_SAFER,
        cap=_room_unless_exit(_F("max_position")),
        rule=f"{_SEC}(c)(1)(i); {_RTS} art. 15(4)",
        on_missing="the position or its price is not known",
    ),
    Check(
        code="GROSS",
        meaning="All positions together, this order included, are not worth more than allowed.",
        seen=_unless_exit(_op("+", _op("-", _F("gross"), _HELD_VALUE), _AFTER_VALUE)),
        allowed=_F("max_gross"),
        unit="currency",
        exits=_SAFER,
        cap=_room_unless_exit(_op("+", _op("-", _F("max_gross"), _F("gross")), _HELD_VALUE)),
        rule=f"{_SEC}(c)(1)(i) (pre-set credit or capital thresholds)",
        on_missing="a position has no price, so the exposure is not known",
    ),
    Check(
        code="NET",
        meaning=(
            "Long less short positions, this order included, are not worth more than allowed in either direction. An "
            "order that takes the sum towards zero and not beyond passes."
        ),
        seen=When("reducing", _ZERO, When("balancing", _ZERO, _NET_AFTER)),
        allowed=_F("max_net"),
        unit="currency",
        exits=_SAFER,
        cap=When(
            "reducing",
            _QUANTITY,
            When(
                "balancing",
                _QUANTITY,
                _op("floor0", _op("per", _op("-", _F("max_net"), _op("*", _DIRECTION, _F("net"))), _PRICE)),
            ),
        ),
        rule=f"{_SEC}(c)(1)(i); {_RTS} art. 15(4)",
        on_missing="a position has no price, so the exposure is not known",
    ),
    Check(
        code="CONCENTRATION",
        meaning=(
            "The position afterwards is no larger a share of the equity than allowed. Of the equity, not of what is "
            "held: the first position of a desk is always all of that."
        ),
        seen=_unless_exit(_AFTER_VALUE),
        allowed=_unless_exit(_LARGEST_VALUE),
        unit="currency",
        exits=_SAFER,
        cap=_room_unless_exit(_LARGEST_VALUE),
        rule=f"{_RTS} art. 15(4)",
        on_missing="the equity, the position or its price is not known",
    ),
    Check(
        code="CORRELATED_EXPOSURE",
        meaning=(
            "The instruments of one `group` together, this order included, are not worth more than allowed, long and "
            "short added up. An instrument without a group is one of its own."
        ),
        seen=_unless_exit(_op("+", _op("-", _F("group_gross"), _HELD_VALUE), _AFTER_VALUE)),
        allowed=_F("max_group"),
        unit="currency",
        exits=_SAFER,
        cap=_room_unless_exit(_op("+", _op("-", _F("max_group"), _F("group_gross")), _HELD_VALUE)),
        rule=f"{_RTS} art. 15(4)",
        on_missing="a position of the group has no price, so its exposure is not known",
    ),
    Check(
        code="BUYING_POWER",
        meaning=(
            "Cash less the reserve covers the order, orders on their way included. A stop order is reckoned at its "
            "stop price, a stop-limit order at its limit price, any other at the last price. Sales need none."
        ),
        seen=When("spending", _COST, _ZERO),
        allowed=When("spending", _FREE_CASH, _ZERO),
        unit="currency",
        exits="pass: closing a short needs the cash that its sale brought",
        cap=When("spending", _op("floor0", _op("per", _FREE_CASH, _F("cost_price"))), _QUANTITY),
        rule=f"{_SEC}(c)(1)(i)",
        on_missing="the cash is not known",
    ),
    Check(
        code="SELF_MATCH",
        meaning="No resting order of ours on the other side would trade with this one.",
        otherwise="an open order of ours on the other side would trade with it",
        seen=_F("crosses_own", flag=True),
        allowed=_ZERO,
        unit="flag",
        exits="are stopped: a wash trade is one in either direction",
        rule=f"{_RTS} art. 13 (market abuse: wash trades)",
    ),
    Check(
        code="DAILY_LOSS",
        meaning="Today's loss is within bounds.",
        seen=_unless_exit(_op("floor0", _op("-", _ZERO, _F("day_pnl")))),
        allowed=_F("max_daily_loss"),
        unit="currency",
        exits=_SAFER,
        rule=f"{_SEC}(c)(1)(i)",
        on_missing="today's result is not known",
    ),
    Check(
        code="DRAWDOWN",
        meaning="The account is not further below its highest equity than allowed.",
        seen=_unless_exit(_F("drawdown")),
        allowed=_F("max_drawdown"),
        unit="ratio",
        exits=_SAFER,
        rule=f"{_SEC}(c)(1)(i)",
        on_missing="the equity is not known",
    ),
    Check(
        code="LOSS_STREAK",
        meaning=(
            "No more exit orders of the strategy in a row than allowed lost money after fees, those older than "
            "`losing_streak_window` forgotten."
        ),
        seen=_unless_exit(_F("losing_streak")),
        allowed=_F("max_losing_streak"),
        unit="count",
        exits=_SAFER,
        rule=f"{_RTS} art. 15(4)",
    ),
    Check(
        code="UNRECONCILED",
        meaning=(
            "No order of unknown outcome, and no unsettled difference with the venue, is in this instrument: what is "
            "held is what the book says."
        ),
        otherwise="an order of unknown outcome or an unsettled difference with the venue is in this instrument",
        seen=_F("unreconciled", flag=True),
        allowed=_ZERO,
        unit="flag",
        exits="are stopped: while nobody knows what is held, nobody knows what an exit is",
        rule=f"{_RTS} art. 17 (post-trade controls: reconciliation)",
    ),
    Check(
        code="APPROVAL",
        meaning="The order is small enough to go without a person.",
        seen=_unless_exit(_NOTIONAL),
        allowed=_F("approval_notional"),
        unit="currency",
        exits="pass without being asked about: nobody waits for a person to leave",
        asks=True,
        rule=f"{_SEC}(c)(1); {_RTS} art. 15(6) (blocked orders released by a person)",
    ),
)
CODES: Final = tuple(check.code for check in CHECKS)


def _digest() -> str:
    """Return sha256 over what decides a verdict: other words about a check are not another check."""
    rules = [(c.code, *map(msgspec.to_builtins, (c.seen, c.comparison, c.allowed, c.cap, c.asks))) for c in CHECKS]
    return hashlib.sha256(msgspec.json.encode([rules, sorted(CONDITIONS.items())])).hexdigest()


TABLE_DIGEST: Final = _digest()
"""Names the rules a verdict was given under."""
