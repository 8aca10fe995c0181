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
        scaled = (value if type(value) is Decimal else Decimal(value)) * _SCALE
        whole = int(scaled)
    except (InvalidOperation, ValueError, OverflowError) as exc:  # no number at all, not a number, infinite
        raise ValueError(f"{value!r} is not a finite number") from exc
    if whole != scaled:
        raise ValueError(f"{value!r} is finer than 0.000000001")
    return Nano(whole)


def round_to_nano(value: Decimal) -> Nano:
    """Return the nearest billionth, ties to even; for results of division, never for inputs."""
    return Nano(int((value * _SCALE).to_integral_value(rounding=ROUND_HALF_EVEN)))


def from_nano(value: int) -> Decimal:
    """Return the exact Decimal of `value` billionths, without trailing zeros; 100 stays 100, not 1E+2."""
    whole, rest = divmod(value, ONE)
    return Decimal(value).scaleb(-9).normalize() if rest else Decimal(whole)


def multiply(left: int, right: int) -> Nano:
    """Return the product of two Nanos as a Nano, floored: money is never rounded up in our favour."""
    return Nano(left * right // ONE)
