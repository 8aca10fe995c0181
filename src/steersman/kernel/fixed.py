"""Fixed-point numbers for the hot path: a `Nano` is an int counting billionths.

Decimal at the edges, integers inside: integer arithmetic is exact, quick, and the same in Python and in Polars
(Int128), so a scalar check and its vector twin cannot disagree by rounding.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import NewType

Nano = NewType("Nano", int)
ONE = Nano(1_000_000_000)
_SCALE = Decimal(1_000_000_000)


def to_nano(value: Decimal | int | str) -> Nano:
    """Return `value` in billionths. Digits beyond the ninth decimal are an error, never rounded away.

    Raises:
        ValueError: not a finite number, or finer than 1e-9.
    """
    try:
        scaled = Decimal(value) * _SCALE
        whole = scaled.to_integral_value()
    except InvalidOperation as exc:
        raise ValueError(f"{value!r} is not a finite number") from exc
    if not scaled.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    if whole != scaled:
        raise ValueError(f"{value!r} is finer than 0.000000001")
    return Nano(int(whole))


def round_to_nano(value: Decimal) -> Nano:
    """Return the nearest billionth, ties to even; for results of division, never for inputs."""
    return Nano(int((value * _SCALE).to_integral_value(rounding=ROUND_HALF_EVEN)))


def from_nano(value: int) -> Decimal:
    """Return the exact Decimal of `value` billionths, without trailing zeros; 100 stays 100, not 1E+2."""
    number = Decimal(value).scaleb(-9).normalize()
    return number if number == 0 or number.as_tuple().exponent <= 0 else number.quantize(Decimal(1))  # type: ignore[operator]


def multiply(left: int, right: int) -> Nano:
    """Return the product of two Nanos as a Nano, floored: money is never rounded up in our favour."""
    return Nano(left * right // ONE)
