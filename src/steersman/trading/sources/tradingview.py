"""What a TradingView alert says, as people write it with placeholders, turned into the fields of a signal.

Source: TradingView's help pages on webhook alerts and on placeholders in alerts: {{time}} is the start of the bar,
{{timenow}} the moment of the alert, both UTC like 2019-08-27T09:56:00Z; {{strategy.market_position}} is long, short or
flat and {{strategy.market_position_size}} its size without a sign, after the order that caused the alert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from steersman.kernel.clock import to_ns
from steersman.trading.sources import fields
from steersman.trading.sources.declared import Declared
from steersman.trading.sources.decode import Row
from steersman.trading.sources.fields import BadField
from steersman.trading.sources.problem import NotASignal, Problem, nearest, shown, unreadable
from steersman.trading.sources.rows import json_value

SECRETS: Final = ("secret", "passphrase")
"""Names of the secret in an alert: TradingView sends no header of ours."""
_GROUPS: Final = ("strategy", "bar", "order")
_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "ticker": ("ticker", "symbol"),
    "action": ("action", "side", "order_action"),
    "contracts": ("contracts", "quantity", "qty", "order_contracts"),
    "market_position": ("market_position",),
    "market_position_size": ("market_position_size", "position_size"),
    "close": ("close", "price"),
    "order_id": ("order_id", "id"),
    "time": ("time",),
    "timenow": ("timenow",),
    "interval": ("interval",),
    "comment": ("comment", "message", "notes", "order_comment", "alert_message"),
    "limit_price": ("limit_price",),
    "stop_price": ("stop_price",),
    "stop_loss": ("stop_loss", "sl"),
    "take_profit": ("take_profit", "tp"),
    "time_in_force": ("time_in_force", "tif"),
    "exchange": ("exchange",),
}
NAMES: Final = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
"""What a field of an alert is for us, by every name it may have."""
UNUSED: Final = (
    "open",
    "high",
    "low",
    "volume",
    "currency",
    "order_price",
    "prev_market_position",
    "prev_market_position_size",
)
"""Known, and of no consequence: an alert may carry them."""
_THROUGH: Final = ("limit_price", "stop_price", "stop_loss", "take_profit", "time_in_force")
_MAX_ID: Final = 120


def read_alert(raw: bytes) -> tuple[dict[str, object], str]:
    """Return the fields of an alert and, taken out of them, its secret ("" if it has none).

    Raises:
        NotASignal: it is no JSON object. Nothing of it is repeated: nobody knows where in it the secret is.
    """
    try:
        value = json_value(raw)
    except NotASignal as exc:
        raise NotASignal(exc.problems, found=_described(raw)) from None
    if not isinstance(value, dict):
        raise unreadable("allowed: a JSON object", fix="paste the message that `steersman signal hook` prints")
    secrets = [str(value.pop(name)) for name in SECRETS if name in value]
    return value, secrets[0] if secrets else ""


def mentions(alert: Mapping[str, object], secret: str) -> bool:
    """Say whether what an event may keep of an alert holds `secret`."""
    for key, value in alert.items():
        inner = value if isinstance(value, dict) else {}
        parts = (key, value, *inner, *inner.values())
        if any(secret in str(part) for part in parts if not isinstance(part, dict | list)):
            return True
    return False


def _described(raw: bytes) -> str:
    return f"{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}"


def row_of(alert: Mapping[str, object], *, strategy: str, declared: Declared, now_ns: int, window_s: float) -> Row:
    """Return the row of an alert for `strategy` whose own time is within `window_s` of `now_ns`, either way.

    With a market position it is a target, whatever the action; else a side and a quantity.

    Raises:
        NotASignal: names what is wrong.
    """
    problems: list[Problem] = []
    said = _said(alert, strategy, problems)
    fired = _when(said, now_ns, window_s, problems)
    instrument = _instrument(said, strategy, declared, problems)
    size = _size(said, problems)
    identity = _identity(said, strategy, instrument)
    values: dict[str, object] = {
        "signal_id": identity,
        "strategy": strategy,
        "instrument": instrument,
        **size,
        "price": said.get("close"),
        "created_at": fired,
        "notes": _notes(said),
        # A position that is to be closed has no bracket, though a template may always send one.
        **{name: said.get(name) for name in _THROUGH if size.get("target") != "0"},
    }
    if problems:
        raise NotASignal(problems, found=Row(values=alert).refused(problems).found, strategy=strategy)
    return Row(values=values)


def _said(alert: Mapping[str, object], strategy: str, problems: list[Problem]) -> dict[str, object]:
    """Return the alert's values by our names for them."""
    said: dict[str, object] = {}
    for key, value in _flat(alert):
        name = NAMES.get(key)
        if key == "strategy":
            if value != strategy:
                what = f"found {shown(value)}, the address says {strategy!r}"
                problems.append(Problem(field=key, what=what, fix="leave it out"))
        elif name is None:
            if key not in UNUSED:
                allowed = f"unknown field; allowed: {', '.join((*NAMES, *UNUSED))}"
                problems.append(Problem(field=key[:60], what=allowed, fix=nearest(key, NAMES, "remove it")))
        elif isinstance(value, dict | list):
            what = f"found {shown(value)}; allowed: text or a number"
            problems.append(Problem(field=key, what=what, fix=f"objects are allowed as {', '.join(_GROUPS)} only"))
        elif isinstance(value, str) and "{{" in value:
            what = f"found {shown(value)}, which was not filled in"
            problems.append(Problem(field=key, what=what, fix="order placeholders work in alerts on a strategy only"))
        elif said.setdefault(name, value) != value:
            what = "is said twice, with two values"
            problems.append(Problem(field=key, what=what, fix=f"leave one of {', '.join(_ALIASES[name])}"))
    return {name: value for name, value in said.items() if value not in (None, "")}


def _flat(alert: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the fields of an alert and of the objects in it that people group them by.

    Beside a `bar.time`, an outer `time` is the moment of the alert: a template that many people use says it so.
    """
    bar = alert.get("bar")
    bar_has_time = isinstance(bar, dict) and "time" in bar and "timenow" not in alert
    for key, value in alert.items():
        if key in _GROUPS and isinstance(value, dict):
            yield from value.items()
        else:
            yield ("timenow" if key == "time" and bar_has_time else key), value


def _when(said: Mapping[str, object], now_ns: int, window_s: float, problems: list[Problem]) -> datetime | None:
    """Return when the alert was fired: an old one that somebody sends again is no news."""
    if "timenow" not in said:
        problems.append(Problem(field="timenow", what="is missing", fix='add "timenow": "{{timenow}}"'))
        return None
    try:
        fired = fields.instant(said["timenow"])
    except BadField as exc:
        problems.append(Problem(field="timenow", what=exc.what, fix=exc.fix))
        return None
    off_s = (now_ns - to_ns(fired)) / 1e9
    if abs(off_s) > window_s:
        what = (
            f"found {said['timenow']}, {abs(off_s):,.0f} s {'ago' if off_s > 0 else 'ahead'}; allowed: {window_s:g} s"
        )
        fix = "check the clock of this machine; [hooks] window sets what is allowed"
        problems.append(Problem(field="timenow", what=what, fix=fix))
    return fired


def _instrument(said: Mapping[str, object], strategy: str, declared: Declared, problems: list[Problem]) -> str:
    if "ticker" not in said:
        problems.append(Problem(field="ticker", what="is missing", fix='add "ticker": "{{exchange}}:{{ticker}}"'))
        return ""
    symbol, exchange = str(said["ticker"]), str(said.get("exchange", ""))
    full = f"{exchange}:{symbol}" if exchange and ":" not in symbol else symbol
    found = declared.instrument_of(full, strategy)
    if found is None:
        problems.append(declared.unknown_symbol("ticker", full))
    return found or ""


def _size(said: Mapping[str, object], problems: list[Problem]) -> dict[str, object]:
    """Return side and quantity, or the target that the market position means."""
    if "market_position" in said:
        return {"target": _target(said, problems)}
    action = str(said.get("action", "")).lower()
    if action not in ("buy", "sell"):
        found = f"found {shown(said['action'])}" if "action" in said else "is missing"
        what = f"{found}; allowed: buy, sell, or a market_position"
        problems.append(Problem(field="action", what=what, fix='write "action": "{{strategy.order.action}}"'))
    if "contracts" not in said:
        what, fix = "is missing", 'add "contracts": "{{strategy.order.contracts}}"'
        problems.append(Problem(field="contracts", what=what, fix=fix))
    return {"side": action, "quantity": said.get("contracts")}


def _target(said: Mapping[str, object], problems: list[Problem]) -> str:
    position = str(said["market_position"]).lower()
    if position == "flat":
        return "0"
    if position not in ("long", "short"):
        what = f"found {shown(said['market_position'])}; allowed: long, short, flat"
        fix = 'write "market_position": "{{strategy.market_position}}"'
        problems.append(Problem(field="market_position", what=what, fix=fix))
        return ""
    try:
        size = fields.number(said.get("market_position_size"), low=None)
    except BadField as exc:
        fix = 'write "market_position_size": "{{strategy.market_position_size}}"'
        problems.append(Problem(field="market_position_size", what=exc.what, fix=fix))
        return ""
    # {{strategy.position_size}} has a sign, {{strategy.market_position_size}} has none.
    if not size or (size < 0 and position == "long"):
        what = f"found {size:f} with a {position} position"
        problems.append(Problem(field="market_position_size", what=what, fix="check the alert's placeholders"))
    return f"{abs(size) if position == 'long' else -abs(size):f}"


def _identity(said: Mapping[str, object], strategy: str, instrument: str) -> str:
    """Return the id of an alert: strategy, instrument, order, interval and bar; the same again is the same alert."""
    order = said.get("order_id") or said.get("market_position") or said.get("action", "")
    at = said.get("time") or said.get("timenow", "")
    text = ":".join(str(part) for part in (strategy, instrument, order, said.get("interval"), at) if part)
    if len(text) <= _MAX_ID and text.isprintable() and text == text.strip():
        return text
    return f"{strategy}:{instrument}:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:24]}"


def _notes(said: Mapping[str, object]) -> str:
    parts: list[Any] = [said.get("comment"), said.get("order_id") and f"order {said['order_id']}", said.get("interval")]
    text = "; ".join(str(part) for part in parts if part)[:500]
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)
