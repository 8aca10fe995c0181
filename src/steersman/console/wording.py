"""Numbers and instants as people read them; every function returns plain text, which the templates escape."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from steersman.kernel.clock import utc

_MINUS = "\N{MINUS SIGN}"


def money(value: Decimal | float | None, *, places: int = 2, signed: bool = False) -> str:
    """Return an amount with thousands separators, `signed` with a plus when it is above zero."""
    if value is None:
        return "–"
    text = f"{abs(value):,.{places}f}"
    if not float(text.replace(",", "")):
        return text  # no sign before a rounded zero
    return (_MINUS if value < 0 else "+" if signed else "") + text


def quantity(value: Decimal) -> str:
    """Return units without the zeros of their fixed point."""
    text = f"{abs(value):,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return (_MINUS if value < 0 else "") + text


def amount(value: float | None, unit: str) -> str:
    """Return a KPI's figure: ratios in per cent, the rest with as many digits as tell something."""
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{value * 100:.1f}%".replace("-", _MINUS)
    digits = 0 if value == int(value) or abs(value) >= 1000 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}".replace("-", _MINUS)


def day(at_ns: int, tz: str) -> str:
    """Return the date of an instant where the desk is."""
    return utc(at_ns).astimezone(ZoneInfo(tz)).strftime("%-d %b %Y")


def moment(at_ns: int, tz: str) -> str:
    """Return date and time of an instant where the desk is."""
    return utc(at_ns).astimezone(ZoneInfo(tz)).strftime("%-d %b %Y %H:%M")


def clock(at_ns: int, tz: str) -> str:
    """Return the time of day of an instant where the desk is."""
    return utc(at_ns).astimezone(ZoneInfo(tz)).strftime("%H:%M")


def second(at_ns: int, tz: str) -> str:
    """Return date and time to the second, where what happened when is the question."""
    return utc(at_ns).astimezone(ZoneInfo(tz)).strftime("%-d %b %Y %H:%M:%S")


def seconds(value: float | None) -> str:
    """Return a span: `84 ms`, `2.3 s`, `4 min`."""
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def size(count: int) -> str:
    """Return an amount of bytes: `512 B`, `53.2 kB`, `1.4 MB`."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def fact(value: int | None, unit: str) -> str:
    """Return a check's stored number: flags and counts are whole, all else is in billionths."""
    if value is None:
        return "missing"
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "count":
        return f"{value:,}".replace("-", _MINUS)
    number = Decimal(value).scaleb(-9)
    if unit == "ratio":
        return f"{number * 100:,.2f}%".replace("-", _MINUS)
    places = 0 if number == number.to_integral_value() else 2
    return f"{number:,.{places}f}".replace("-", _MINUS)
