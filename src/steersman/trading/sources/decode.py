"""From named values to a SignalRequest, or everything that is wrong with them. Pure: no clock, no workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec

from steersman.trading.model.request import SignalRequest
from steersman.trading.model.signal import Side, TimeInForce
from steersman.trading.sources import fields
from steersman.trading.sources.fields import BadField
from steersman.trading.sources.problem import NotASignal, Problem, nearest

SIZES: Final = ("quantity", "target", "risk_fraction")
"""How much, said in exactly one of these ways."""
_READERS: Final[dict[str, Callable[[object], Any]]] = {
    "signal_id": fields.name,
    "strategy": fields.name,
    "instrument": fields.name,
    "side": partial(fields.choice, kind=Side),
    "quantity": fields.number,
    "target": partial(fields.number, low=None),
    "risk_fraction": partial(fields.number, high=Decimal(1)),
    "limit_price": fields.number,
    "stop_price": fields.number,
    "stop_loss": fields.number,
    "take_profit": fields.number,
    "time_in_force": partial(fields.choice, kind=TimeInForce),
    "created_at": fields.instant,
    "price": fields.number,
    "confidence": fields.ratio,
    "notes": fields.note,
}
FIELDS: Final = tuple(_READERS)
_MOST_FIELDS: Final = 64
"""More are not even looked at one by one."""
REQUIRED: Final = ("signal_id", "strategy", "instrument")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Named values that are to be a signal.

    Attributes:
        place: `file:line` or `item N`; empty for a single signal.
        key: identity of the row in its source, for refusals of it; empty if the source has none.
        signal_id: used if the values have none; empty: they must have one.
        doubt: why a row of this place may not go without a signal_id of its own, in words; empty: it may.
    """

    values: Mapping[str, object]
    place: str = ""
    key: tuple[str, ...] = ()
    signal_id: str = ""
    doubt: str = ""

    def refused(self, problems: list[Problem]) -> NotASignal:
        """Return the refusal of this row."""
        return NotASignal(
            problems,
            place=self.place,
            found=found_text(self.values),
            strategy=_named(self.values.get("strategy")),
            signal_id=_named(self.values.get("signal_id")) or self.signal_id,
            key=self.key,
        )


def request_of(row: Row, *, strategy: str = "") -> SignalRequest:
    """Return the signal that a row asks for.

    Args:
        strategy: used if the row names none.

    Raises:
        NotASignal: names every field that is wrong, what was found, what is allowed, and the fix.
    """
    if len(row.values) > _MOST_FIELDS:
        what = f"{len(row.values):,} fields; allowed: {', '.join(FIELDS)}"
        raise row.refused([Problem(field="", what=what, fix="leave out what is no field of a signal")])
    given = {key: value for key, value in row.values.items() if value is not None}
    if strategy:
        given.setdefault("strategy", strategy)
    if "signal_id" not in given and row.signal_id and not row.doubt:
        given["signal_id"] = row.signal_id
    read, problems = _read(given)
    problems += [_missing(field, row) for field in REQUIRED if field not in given]
    if not problems:
        problems = _contradictions(read)
    if problems:
        raise row.refused(problems)
    return SignalRequest(**read)


def _read(given: Mapping[str, object]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the fields that are right by themselves, and what is wrong with the others."""
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, value in given.items():
        if field not in _READERS:
            allowed = f"unknown field; allowed: {', '.join(FIELDS)}"
            problems.append(Problem(field=field[:60], what=allowed, fix=nearest(field, FIELDS, "remove it")))
            continue
        try:
            read[field] = _READERS[field](value)
        except BadField as exc:
            problems.append(Problem(field=field, what=exc.what, fix=exc.fix))
    return read, problems


def found_text(values: Mapping[str, object]) -> str:
    """Return the values as JSON-like text, for an event."""
    return "{" + ", ".join(f'"{key}": {_as_json(value)}' for key, value in values.items()) + "}"


def _as_json(value: object) -> str:
    if isinstance(value, dict | list):  # may be as deep as the parser can go
        return "{...}" if isinstance(value, dict) else "[...]"
    if isinstance(value, str) and not isinstance(value, fields.Number):
        return '"' + str(value)[:200].replace('"', '\\"') + '"'
    return str(value)[:200]


def _named(value: object) -> str:
    """Return what a refused row calls itself, if that can be read."""
    try:
        return fields.name(value)
    except BadField:
        return ""


def _missing(field: str, row: Row) -> Problem:
    what = "is missing"
    if field == "signal_id":
        if row.doubt:
            what = f"is missing, and {row.doubt}"
        return Problem(
            field=field, what=what, fix="give every signal an id of its own: the same id again is the same signal"
        )
    return Problem(field=field, what=what, fix=f'add "{field}", as declared in steersman.toml')


def _contradictions(read: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong between fields that are right by themselves."""
    sizes = [field for field in SIZES if field in read]
    if len(sizes) != 1:
        found = " and ".join(sizes) or "none of them"
        what = f"found {found}; allowed: exactly one of {', '.join(SIZES)}"
        return [Problem(field=sizes[0] if sizes else "quantity", what=what, fix="say how much in one way")]
    problems = _side(read) or _bracket(read)
    if "risk_fraction" in read and "stop_loss" not in read:
        what = "needs a stop_loss: the size is what loses this share of the equity there"
        problems.append(Problem(field="risk_fraction", what=what, fix='add "stop_loss", or say a quantity'))
    return problems


def _side(read: Mapping[str, Any]) -> list[Problem]:
    if "target" in read and "side" in read:
        what = "found beside a target; a target says itself whether to buy or sell"
        return [Problem(field="side", what=what, fix='leave "side" out, or say a quantity')]
    if "target" not in read and "side" not in read:
        return [Problem(field="side", what="is missing; allowed: buy, sell", fix='add "side": "buy" or "sell"')]
    return []


def _bracket(read: Mapping[str, Any]) -> list[Problem]:
    """Check that a loss is where the loss is: below the entry of a buy, above that of a sale; the gain opposite."""
    loss, gain = read.get("stop_loss"), read.get("take_profit")
    if loss is None and gain is None:
        return []
    target = read.get("target")
    if target == 0:
        field = "stop_loss" if loss is not None else "take_profit"
        return [Problem(field=field, what="found beside a target of 0: nothing is held then", fix="leave it out")]
    up = target > 0 if target is not None else read["side"] is Side.BUY
    entry_field = next((f for f in ("limit_price", "stop_price", "price") if f in read), "")
    # The direction of the order that reaches a target is not known here, so its prices say nothing about the bracket.
    entry = read[entry_field] if entry_field and target is None else None
    held = "long" if up else "short"
    problems = []
    for field, value, below in (("stop_loss", loss, up), ("take_profit", gain, not up)):
        if value is not None and entry is not None and (value >= entry if below else value <= entry):
            where = "below" if below else "above"
            what = f"found {value}; of a {held} position it must be {where} the {entry_field} {entry}"
            problems.append(Problem(field=field, what=what, fix=f"put it {where} {entry}, or correct the side"))
    if not problems and loss is not None and gain is not None and (loss >= gain if up else loss <= gain):
        what = f"found {loss}; of a {held} position it must be {'below' if up else 'above'} the take_profit {gain}"
        problems.append(Problem(field="stop_loss", what=what, fix="swap them, or correct the side"))
    return problems
