"""The checks, one row each, in the order they are shown. Everything else (code, docs, verdicts) is made from them."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from steersman.trading.gate.expression import Apply, Const, Expression, Field, When

Comparison = Literal["<=", ">=", "=="]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        seen, allowed: what is compared; None of either is a denial.
        unit: of both: `flag` (0/1), `count`, or what a billionth of it is counted in.
        cap: the largest quantity (billionths of a unit) that passes; None: a smaller order would not help.
        asks: a failure of this check alone asks a person instead of refusing.
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


_FREE_CASH: Final = _op("-", _F("buying_power"), _F("cash_reserve"))
_SEC: Final = "SEC 15c3-5"
_RTS: Final = "MiFID II RTS 6"


def _unless_exit(expression: Expression) -> Expression:
    return When("reducing", _ZERO, expression)


def _room_unless_exit(value: Expression) -> Expression:
    # An exit cut by another limit must not be cut to nothing because exposure is already beyond its own.
    return When("reducing", _QUANTITY, _room(value))


CHECKS: Final[tuple[Check, ...]] = (
    Check(
        code="HALT",
        meaning="No halt covers the venue, strategy or instrument.",
        otherwise="a halt covers this order",
        seen=_F("halted", flag=True),
        allowed=_ZERO,
        unit="flag",
        rule=f"{_RTS} art. 12 (kill functionality)",
    ),
    Check(
        code="STRATEGY_ENABLED",
        meaning="The strategy is declared, switched on by policy, and was not stopped after failures.",
        otherwise="the strategy is switched off or was stopped",
        seen=_op("*", _F("strategy_on", flag=True), _F("enabled", flag=True)),
        allowed=_TRUE,
        unit="flag",
        comparison="==",
        rule=f"{_RTS} art. 15(3)",
    ),
    Check(
        code="RESTRICTED",
        meaning="The instrument is not on the restricted list.",
        otherwise="the instrument is on the restricted list",
        seen=_F("restricted", flag=True),
        allowed=_ZERO,
        unit="flag",
        rule=f"{_SEC}(c)(2)(ii)",
    ),
    Check(
        code="INSTRUMENT",
        meaning="The instrument is declared.",
        otherwise="the instrument is not declared",
        seen=_F("known", flag=True),
        allowed=_TRUE,
        unit="flag",
        comparison="==",
        rule=f"{_RTS} art. 15(1)",
    ),
    Check(
        code="SESSION",
        meaning="The instrument's market trades at this instant.",
        otherwise="the market does not trade at this instant",
        seen=_F("in_session", flag=True),
        allowed=_TRUE,
        unit="flag",
        comparison="==",
        on_missing="no session is known for this instant",
    ),
    Check(
        code="CLOCK",
        meaning="The signal was not made in the future.",
        seen=_F("signal_age_ns"),
        allowed=_ZERO,
        unit="s",
        comparison=">=",
        rule=f"{_RTS} art. 15(1); MiFID II RTS 25 (clocks)",
    ),
    Check(
        code="SIGNAL_AGE",
        meaning="The signal is fresh enough to act on.",
        seen=_F("signal_age_ns"),
        allowed=_F("max_signal_age_ns"),
        unit="s",
    ),
    Check(
        code="STALE_DATA",
        meaning="The last price is fresh enough to decide on.",
        seen=_F("data_age_ns"),
        allowed=_F("max_data_age_ns"),
        unit="s",
        on_missing="no price has come yet",
    ),
    Check(
        code="DATA_OUTLIER",
        meaning="The last price move is believable: its robust z-score is within bounds.",
        seen=_F("outlier_z"),
        allowed=_F("max_outlier_z"),
        unit="sigma",
        on_missing="too few price moves have been seen to tell an outlier",
    ),
    Check(
        code="DUPLICATE_ID",
        meaning="This (source, signal id) was not decided before.",
        otherwise="this signal was decided before",
        seen=_F("repeated_id", flag=True),
        allowed=_ZERO,
        unit="flag",
        rule=f"{_SEC}(c)(1)(ii) (duplicative orders)",
    ),
    Check(
        code="DUPLICATE_CONTENT",
        meaning="The same order did not come within the duplicate window under another id.",
        seen=_F("repeated_content"),
        allowed=_ZERO,
        unit="count",
        rule=f"{_SEC}(c)(1)(ii) (duplicative orders)",
    ),
    Check(
        code="POSITIVE",
        meaning="Quantity and prices are above zero.",
        otherwise="the quantity or a price is not above zero",
        seen=When("positive", _TRUE, _ZERO),
        allowed=_TRUE,
        unit="flag",
        comparison="==",
        rule=f"{_SEC}(c)(1)(ii) (erroneous orders)",
    ),
    Check(
        code="TICK",
        meaning="The limit price is a multiple of the tick. A market order names none.",
        seen=When("at_market", _ZERO, _op("rest", _F("limit_price"), _F("tick"))),
        allowed=_ZERO,
        unit="currency",
        on_missing="no price to check, or the instrument has no tick",
        rule=f"{_SEC}(c)(1)(ii)",
    ),
    Check(
        code="LOT",
        meaning="The quantity is a multiple of the lot.",
        seen=_op("rest", _QUANTITY, _F("lot")),
        allowed=_ZERO,
        unit="units",
        on_missing="the instrument has no lot",
        rule=f"{_SEC}(c)(1)(ii)",
    ),
    Check(
        code="MAX_QTY",
        meaning="The order is not larger than allowed, in units.",
        seen=_QUANTITY,
        allowed=_F("max_qty"),
        unit="units",
        cap=_F("max_qty"),
        rule=f"{_SEC}(c)(1)(ii); {_RTS} art. 15(1)(c)",
    ),
    Check(
        code="MAX_NOTIONAL",
        meaning="The order is not worth more than allowed, at the last price.",
        seen=_NOTIONAL,
        allowed=_F("max_notional"),
        unit="currency",
        cap=_op("per", _F("max_notional"), _PRICE),
        rule=f"{_SEC}(c)(1)(ii); {_RTS} art. 15(1)(b)",
    ),
    Check(
        code="PRICE_COLLAR",
        meaning="The limit price is near the last price.",
        seen=_op("per", _op("abs", _op("-", _F("limit_price"), _PRICE)), _PRICE),
        allowed=_F("price_collar"),
        unit="ratio",
        rule=f"{_SEC}(c)(1)(ii); {_RTS} art. 15(1)(a)",
    ),
    Check(
        code="MESSAGE_RATE",
        meaning="The strategy does not send more orders a minute than allowed, this one included.",
        seen=_op("+", _F("messages"), _TRUE),
        allowed=_F("message_rate"),
        unit="count",
        rule=f"{_RTS} art. 15(1)(d)",
    ),
    Check(
        code="REPEAT_EXECUTION",
        meaning="The strategy was not filled in this instrument suspiciously often within a day.",
        seen=_F("executions"),
        allowed=_F("repeat_executions"),
        unit="count",
        rule=f"{_RTS} art. 15(3) (repeated automated execution throttle)",
    ),
    Check(
        code="OPEN_ORDERS",
        meaning="The strategy has no more open orders than allowed, this one included.",
        seen=_op("+", _F("open_orders"), _TRUE),
        allowed=_F("max_open_orders"),
        unit="count",
    ),
    Check(
        code="SHORT",
        meaning="The strategy sells no more than it holds itself, unless shorts are allowed.",
        seen=When("shorts_allowed", _ZERO, When("buying", _ZERO, _op("-", _F("own_position"), _QUANTITY))),
        allowed=_ZERO,
        unit="units",
        comparison=">=",
        cap=When("shorts_allowed", _QUANTITY, When("buying", _QUANTITY, _op("floor0", _F("own_position")))),
        on_missing="the strategy's own position is not known",
    ),
    Check(
        code="POSITION",
        meaning="The position afterwards is not worth more than allowed. Exits always pass.",
        seen=_unless_exit(_AFTER_VALUE),
        allowed=_F("max_position"),
        unit="currency",
        cap=_room_unless_exit(_F("max_position")),
        rule=f"{_SEC}(c)(1)(i); {_RTS} art. 15(4)",
        on_missing="the position or its price is not known",
    ),
    Check(
        code="GROSS",
        meaning="All positions together, this order included, are not worth more than allowed. Exits always pass.",
        seen=_unless_exit(_op("+", _op("-", _F("gross"), _HELD_VALUE), _AFTER_VALUE)),
        allowed=_F("max_gross"),
        unit="currency",
        cap=_room_unless_exit(_op("+", _op("-", _F("max_gross"), _F("gross")), _HELD_VALUE)),
        rule=f"{_SEC}(c)(1)(i) (pre-set credit or capital thresholds)",
        on_missing="a position has no price, so the exposure is not known",
    ),
    Check(
        code="BUYING_POWER",
        meaning="Cash less the reserve covers the order, orders on their way included. Sales and exits need none.",
        seen=When("spending", _NOTIONAL, _ZERO),
        allowed=When("spending", _FREE_CASH, _ZERO),
        unit="currency",
        cap=When("spending", _op("floor0", _op("per", _FREE_CASH, _PRICE)), _QUANTITY),
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
        rule=f"{_RTS} art. 13 (market abuse: wash trades)",
    ),
    Check(
        code="DAILY_LOSS",
        meaning="Today's loss is within bounds. Exits always pass.",
        seen=_unless_exit(_op("floor0", _op("-", _ZERO, _F("day_pnl")))),
        allowed=_F("max_daily_loss"),
        unit="currency",
        rule=f"{_SEC}(c)(1)(i)",
        on_missing="today's result is not known",
    ),
    Check(
        code="DRAWDOWN",
        meaning="The account is not further below its highest equity than allowed. Exits always pass.",
        seen=_unless_exit(_F("drawdown")),
        allowed=_F("max_drawdown"),
        unit="ratio",
        rule=f"{_SEC}(c)(1)(i)",
        on_missing="the equity is not known",
    ),
    Check(
        code="APPROVAL",
        meaning="The order is small enough to go without a person. Exits always are.",
        seen=_unless_exit(_NOTIONAL),
        allowed=_F("approval_notional"),
        unit="currency",
        asks=True,
        rule=f"{_SEC}(c)(1); {_RTS} art. 15(5) (override by a person)",
    ),
)
CODES: Final = tuple(check.code for check in CHECKS)
TABLE_DIGEST: Final = hashlib.sha256(msgspec.json.encode([msgspec.to_builtins(c) for c in CHECKS])).hexdigest()
"""Names the rules a verdict was given under."""
