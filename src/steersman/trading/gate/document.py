"""The page that documents every check, made from the table and from the policy parameters it reads."""

from __future__ import annotations

from steersman.policy.parameter import Parameter
from steersman.trading.gate.expression import CONDITIONS, Apply, Const, Expression, Field, When
from steersman.trading.gate.facts import PARAMETER_OF, Facts
from steersman.trading.gate.scalar import reads
from steersman.trading.gate.table import CHECKS, TABLE_DIGEST, Check
from steersman.trading.limits import PARAMETERS

_UNITS = {"flag": "0 or 1", "count": "a count"}
_WORDS = {"+": "{0} + {1}", "-": "{0} - {1}", "*": "{0} x {1}", "times": "{0} x {1}", "per": "{0} / {1}"}
_CONDITIONS = {
    "reducing": "it is an exit",
    "buying": "it buys",
    "at_market": "it has no limit price",
    "positive": "quantity and every price are above zero",
    "spending": "it buys and is no exit",
    "shorts_allowed": "shorts are allowed",
    "stopping": "it is a stop order",
    "waiting_exit": "it is an exit at a better price than the last one",
    "quoted_entry": "it is no exit and a quote has both sides",
    "unpriced": "the source gave no price and need not",
    "balancing": "it takes the net sum towards zero and not beyond",
}
# Parameters that say how far back a fact looks; they are in the fact, not in the limits.
_LOOKS_BACK = {
    "repeated_content": ("duplicate_window",),
    "period_price": ("collar_bars", "collar_span"),
    "losing_streak": ("losing_streak_window",),
}


def checks_markdown() -> str:
    """Return docs/reference/checks.md."""
    parts = [
        "# The checks of the gate",
        "",
        "Made from the table in `trading/gate/table.py`; `./run unit` fails when this page is out of date.",
        "",
        f"All {len(CHECKS)} checks run on every signal. A fact or limit that is missing is a named denial, never a",
        "pass, but where the check says so. An *exit* is an order that takes a position towards zero and not beyond;",
        "which checks let it through is said at each, with the reason: no limit on exposure locks anybody in.",
        "",
        "| outcome | when |",
        "| --- | --- |",
        "| accept | every check passes |",
        "| adjust | only size limits fail, `allow_adjust` is on, and whole lots within the binding limit pass |",
        "| hold | only APPROVAL fails: a person is asked |",
        "| reject | anything else |",
        "",
        "Facts are what the state of the desk says (`trading/gate/facts.py`), limits what policy says",
        "(`[policy.trading]`). A limit can be set for the whole account and overridden for the scopes named at it: the",
        "override of a strategy wins over that of an instrument, that one over a venue's.",
        "",
        f"Table digest: `{TABLE_DIGEST[:16]}` (each verdict carries the whole one).",
        "",
        "| check | a failure | exits | limit (default) |",
        "| --- | --- | --- | --- |",
    ]
    parts += [_line(check) for check in CHECKS]
    parts.append("")
    for check in CHECKS:
        parts += _section(check)
    return "\n".join(parts)


def _line(check: Check) -> str:
    limits = ", ".join(f"`{_short(p)}` ({p.default or 'none'})" for p in parameters_of(check))
    link = f"[{check.code}](#{check.code.lower()})"
    return f"| {link} | {_effect(check)} | {check.exits.partition(':')[0]} | {limits or '-'} |"


def _section(check: Check) -> list[str]:
    facts = [f"`{name}`" for name in Facts.__struct_fields__ if name in reads(check)]
    return [
        f"## {check.code}",
        "",
        check.meaning,
        "",
        f"- passes when: `{_said(check.seen)}` {check.comparison} `{_said(check.allowed)}`",
        f"- facts: {', '.join(facts) or 'none'}",
        f"- unit: {_UNITS.get(check.unit, check.unit)}; a failure {_effect(check)}",
        *(_limit(parameter) for parameter in parameters_of(check)),
        f"- missing: {_missing(check)}",
        f"- exits {check.exits}",
        f"- source: {check.rule}",
        "",
    ]


def _effect(check: Check) -> str:
    return "asks a person" if check.asks else "cuts the order, else rejects" if check.cap is not None else "rejects"


def _missing(check: Check) -> str:
    if check.on_missing.endswith("which passes"):
        return check.on_missing
    return f"denied, {check.on_missing or 'a fact it needs is not known, or its limit is not set'}"


def _limit(parameter: Parameter) -> str:
    scopes = ", ".join(("account", *parameter.scopes))
    default = "none: it must be set" if parameter.default is None else parameter.default or "empty"
    unit = f" {parameter.unit}" if parameter.unit and parameter.unit != "s" else ""
    return f"- limit `{_short(parameter)}`: {default}{unit} by default; set for {scopes}. {parameter.summary}"


def _short(parameter: Parameter) -> str:
    return parameter.name.removeprefix("trading.")


def parameters_of(check: Check) -> list[Parameter]:
    """Return the policy parameters that a check, or how far its facts look back, depends on."""
    read = reads(check)
    names = {PARAMETER_OF[field] for field in read if field in PARAMETER_OF}
    names |= {name for fact, looks in _LOOKS_BACK.items() if fact in read for name in looks}
    return [p for p in PARAMETERS if _short(p) in names]


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
            nested = f"({then})" if isinstance(expression.then, When) else then
            return f"{nested} if {_CONDITIONS[expression.condition]}, else {otherwise}"
        case Apply():
            left, right = _said(expression.left), _said(expression.right)
            form = {"abs": "|{0}|", "floor0": "max(0, {0})", "rest": "remainder of {0} / {1}"}
            return {**_WORDS, **form}[expression.op].format(left, right)
        case _:
            return ""
