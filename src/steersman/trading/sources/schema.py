"""What a signal may say, for programs (JSON Schema) and for people (a table)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from steersman.trading.model.request import SignalRequest
from steersman.trading.sources.decode import REQUIRED, SIZES
from steersman.trading.sources.fields import LARGEST

MEANINGS: Final[dict[str, str]] = {
    "signal_id": "unique within the source: the same one again is the same signal, never a second order",
    "strategy": "as declared in steersman.toml",
    "instrument": "as declared in steersman.toml",
    "side": "buy or sell; left out with a target, which says it",
    "quantity": "units, above 0",
    "target": "signed units to hold afterwards; the order is what is missing",
    "risk_fraction": "share of the equity that is lost if stop_loss is reached, above 0, at most 1",
    "limit_price": "makes it a limit order; currency per unit",
    "stop_price": "makes it a stop order; with limit_price a stop-limit order",
    "stop_loss": "where a bracket around the entry ends it at a loss",
    "take_profit": "where a bracket around the entry ends it at a gain",
    "time_in_force": "day (if left out), gtc or ioc",
    "created_at": "when the source made it: ISO 8601 with an offset; left out: now",
    "price": "the price the source saw",
    "confidence": "0 to 1",
    "notes": "free text, 500 characters",
}
_LARGEST: Final = int(LARGEST)
_NUMBER: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?$"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one signal. What only the workspace knows, such as names, is not in it."""
    made = msgspec.json.schema(SignalRequest)
    properties = {
        name: {**_property(name, found), "description": MEANINGS[name]}
        for name, found in made["$defs"]["SignalRequest"]["properties"].items()
    }
    given = {name: {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in properties}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signal",
        "type": "object",
        "properties": properties,
        "required": list(REQUIRED),
        "additionalProperties": False,
        "oneOf": [given[name] for name in SIZES],
        "if": given["target"],
        "then": {"not": given["side"]},
        "else": given["side"],
        "dependentSchemas": {"risk_fraction": {"if": given["risk_fraction"], "then": given["stop_loss"]}},
        "$defs": {name: found for name, found in made["$defs"].items() if name != "SignalRequest"},
    }


def _property(name: str, found: dict[str, Any]) -> dict[str, Any]:
    kinds = found.get("anyOf", [found])
    if not any(kind.get("format") == "decimal" for kind in kinds):
        return found
    # Numbers come as numbers or as text; either way they are taken exactly as written.
    largest = 1 if name == "risk_fraction" else _LARGEST
    low: dict[str, int] = {"minimum": -largest} if name == "target" else {"exclusiveMinimum": 0}
    number = {"type": "number", **low, "maximum": largest}
    return {"anyOf": [number, {"type": "string", "pattern": _NUMBER}, {"type": "null"}]}


def table() -> list[tuple[str, str, str]]:
    """Return (field, when it is needed, meaning) of every field, in order."""
    needed = {**dict.fromkeys(REQUIRED, "yes"), **dict.fromkeys(SIZES, "one of 3"), "side": "without target"}
    return [(name, needed.get(name, ""), meaning) for name, meaning in MEANINGS.items()]
