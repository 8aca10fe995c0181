"""The page that documents every check, made from the table."""

from __future__ import annotations

from steersman.trading.gate.expression import CONDITIONS, Apply, Const, Expression, Field, When
from steersman.trading.gate.table import CHECKS, TABLE_DIGEST, Check

_UNITS = {"flag": "0 or 1", "count": "a count"}
_WORDS = {"+": "{0} + {1}", "-": "{0} - {1}", "*": "{0} x {1}", "times": "{0} x {1}", "per": "{0} / {1}"}
_CONDITIONS = {
    "reducing": "it is an exit",
    "buying": "it buys",
    "at_market": "it is a market order",
    "positive": "quantity, price and limit price are above zero",
    "spending": "it buys and is no exit",
    "shorts_allowed": "shorts are allowed",
}


def checks_markdown() -> str:
    """Return docs/reference/checks.md."""
    parts = [
        "# The checks of the gate",
        "",
        "Made from the table in `trading/gate/table.py`; `./run unit` fails when this page is out of date. All checks",
        "run on every signal. A fact or limit that is missing is a named denial, never a pass. An *exit* is an order",
        "that takes a position towards zero and not beyond; limits on exposure let it through: nobody is locked in.",
        "",
        "| outcome | when |",
        "| --- | --- |",
        "| accept | every check passes |",
        "| adjust | only size limits fail, `allow_adjust` is on, and whole lots within the binding limit pass |",
        "| hold | only APPROVAL fails: a person is asked |",
        "| reject | anything else |",
        "",
        f"Table digest: `{TABLE_DIGEST[:16]}` (each verdict carries the whole one).",
        "",
    ]
    for check in CHECKS:
        parts += _section(check)
    return "\n".join(parts)


def _section(check: Check) -> list[str]:
    effect = "asks a person" if check.asks else "cuts the order, else rejects" if check.cap is not None else "rejects"
    return [
        f"## {check.code}",
        "",
        check.meaning,
        "",
        f"- passes when: `{_said(check.seen)}` {check.comparison} `{_said(check.allowed)}`",
        f"- unit: {_UNITS.get(check.unit, check.unit)}; a failure {effect}",
        f"- missing: denied, {check.on_missing or 'a fact it needs is not known, or its limit is not set'}",
        f"- source: {check.rule}",
        "",
    ]


def _said(expression: Expression | None) -> str:
    match expression:
        case Field():
            return expression.name.removesuffix("_ns")
        case Const():
            return str(expression.value)
        case When():
            if expression.condition not in CONDITIONS:
                raise KeyError(expression.condition)
            then, otherwise = _said(expression.then), _said(expression.otherwise)
            return f"{then} if {_CONDITIONS[expression.condition]}, else {otherwise}"
        case Apply():
            left, right = _said(expression.left), _said(expression.right)
            form = {"abs": "|{0}|", "floor0": "max(0, {0})", "rest": "remainder of {0} / {1}"}
            return {**_WORDS, **form}[expression.op].format(left, right)
        case _:
            return ""
