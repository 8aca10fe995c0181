"""The few words a check is written in; each can be said in Python integers and in Polars, with the same answer.

A value that needs an unknown fact, or a quotient by zero, is unknown (None, null).
Conditions are true or false of any facts; an unknown one never grants anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    import polars as pl

ONE: Final = 1_000_000_000


class Field(msgspec.Struct, frozen=True):
    """A field of `Facts` or `Limits`; `flag` ones are read as 0 or 1."""

    name: str
    flag: bool = False


class Const(msgspec.Struct, frozen=True):
    """A number."""

    value: int


class Apply(msgspec.Struct, frozen=True):
    """`op` of one or two values: + - * times (product of billionths) per (quotient of billionths), abs, floor0."""

    op: str
    left: Expression
    right: Expression | None = None


class When(msgspec.Struct, frozen=True):
    """`then` where the condition (a name in `CONDITIONS`) holds, else `otherwise`."""

    condition: str
    then: Expression
    otherwise: Expression


Expression = Field | Const | Apply | When

# Each operator as Python source and as a function of Polars expressions. Products of two billionths pass 64 bits.
_SOURCE: Final[dict[str, str]] = {
    "+": "({0} + {1})",
    "-": "({0} - {1})",
    "*": "({0} * {1})",
    "times": "({0} * {1} // 1000000000)",
    "per": "({0} * 1000000000 // {1})",
    "abs": "abs({0})",
    "floor0": "max({0}, 0)",
    "rest": "({0} % {1})",
}
_VECTOR: Final[dict[str, Callable[..., Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "times": lambda a, b: a * b // ONE,
    "per": lambda a, b: a * ONE // b,
    "abs": lambda a: a.abs(),
    "floor0": lambda a: a.clip(0),
    "rest": lambda a, b: a % b,
}
CONDITIONS: Final[dict[str, str]] = {
    # An exit: it takes a position towards zero and not beyond. An unknown position is no exit.
    "reducing": "position is not None and direction * position < 0 and quantity <= abs(position)",
    "buying": "direction > 0",
    "at_market": "not limited",
    # An unknown price is left to the checks that need it.
    "positive": "quantity > 0 and (price is None or price > 0) and (limit_price is None or limit_price > 0)"
    " and (stop_price is None or stop_price > 0) and (source_price is None or source_price > 0)",
    "spending": "direction > 0 and not reducing",
    "shorts_allowed": "allow_short",
    "stopping": "stop_price is not None",
    # It waits at a better price than the last one, as the target of a position does.
    "waiting_exit": "reducing and price is not None and limit_price is not None"
    " and direction * (price - limit_price) >= 0",
    "quoted_entry": "not reducing and bid is not None and ask is not None",
    "unpriced": "price_optional and source_price is None",
    # It takes the sum of all positions towards zero and not beyond. An unknown sum is not made smaller.
    "balancing": "net is not None and price is not None and direction * net < 0"
    " and quantity * price // 1000000000 <= abs(net)",
}


def fields(expression: Expression | None) -> set[str]:
    """Return the names of the fields an expression reads (conditions' own not counted)."""
    match expression:
        case Field():
            return {expression.name}
        case Apply():
            return fields(expression.left) | fields(expression.right)
        case When():
            return fields(expression.then) | fields(expression.otherwise)
        case _:
            return set()


def conditions(expression: Expression | None) -> set[str]:
    """Return the names of the conditions an expression depends on."""
    if isinstance(expression, When):
        return {expression.condition} | conditions(expression.then) | conditions(expression.otherwise)
    return set()


def divisors(expression: Expression | None) -> set[str]:
    """Return the names of the fields an expression divides by."""
    if not isinstance(expression, Apply):
        return set()
    own = fields(expression.right) if expression.op in ("per", "rest") else set()
    return own | divisors(expression.left) | divisors(expression.right)


def parts(expression: Expression | None) -> Iterator[Expression]:
    """Yield an expression and everything it is made of."""
    if expression is None:
        return
    yield expression
    if isinstance(expression, Apply):
        inner: tuple[Expression | None, ...] = (expression.left, expression.right)
    else:
        inner = (expression.then, expression.otherwise) if isinstance(expression, When) else ()
    for part in inner:
        yield from parts(part)


def source(expression: Expression, nullable: frozenset[str], named: Mapping[Expression, str]) -> str:
    """Return Python source for `expression` over local names; None where one of `nullable` that it needs is None.

    `named` are parts that a local name holds already.
    """
    if expression in named:
        return named[expression]
    if isinstance(expression, When):
        then, otherwise = (source(e, nullable, named) for e in (expression.then, expression.otherwise))
        return f"({then} if {expression.condition} else {otherwise})"
    unknown = sorted(fields(expression) & nullable)
    plain = _plain(expression, named)
    if not unknown:
        return plain
    zero = divisors(expression)
    # `not` is both unknown and zero.
    tests = (f"not {name}" if name in zero else f"{name} is None" for name in unknown)
    return f"(None if {' or '.join(tests)} else {plain})"


def _plain(expression: Expression | None, named: Mapping[Expression, str]) -> str:
    if expression is not None and expression in named:
        return named[expression]
    match expression:
        case Field():
            return f"(1 if {expression.name} else 0)" if expression.flag else expression.name
        case Const():
            return str(expression.value)
        case Apply():
            sides = [_plain(part, named) for part in (expression.left, expression.right) if part is not None]
            return _SOURCE[expression.op].format(*sides)
        case _:
            raise TypeError(f"{expression!r} may only stand at the top of an expression")


def fits_64_bits(expression: Expression | None) -> bool:
    """Say whether no step of `expression` can leave 64 bits, whatever its 64-bit columns hold."""
    match expression:
        case When():
            return fits_64_bits(expression.then) and fits_64_bits(expression.otherwise)
        case Apply():
            return _is_small(expression) and fits_64_bits(expression.left) and fits_64_bits(expression.right)
        case _:
            return True


def _is_small(step: Apply) -> bool:
    if step.op in ("+", "-") and isinstance(step.right, Const):
        return abs(step.right.value) < ONE
    remainders = (isinstance(side, Apply) and side.op == "rest" for side in (step.left, step.right))
    # Two remainders are less than two steps, and no step is half of what 64 bits hold.
    return step.op in ("floor0", "rest") or (step.op == "+" and all(remainders))


def vector(expression: Expression, conditions: dict[str, pl.Expr], *, wide: bool = True) -> pl.Expr:
    """Return the Polars expression for `expression`; null where a needed column is null.

    `wide` computes in 128 bits, which costs several times as much; without it `fits_64_bits` must hold.
    """
    import polars as pl  # frames stay out of the process that trades

    kind = pl.Int128 if wide else pl.Int64
    match expression:
        case Field():
            return pl.col(expression.name).cast(kind)
        case Const():
            return pl.lit(expression.value, dtype=kind)
        case When():
            then = vector(expression.then, conditions, wide=wide)
            otherwise = vector(expression.otherwise, conditions, wide=wide)
            return pl.when(conditions[expression.condition]).then(then).otherwise(otherwise)
        case Apply():
            sides = (expression.left, expression.right)
            made: pl.Expr = _VECTOR[expression.op](
                *(vector(part, conditions, wide=wide) for part in sides if part is not None)
            )
            return made


def vector_conditions() -> dict[str, pl.Expr]:
    """Return the conditions over Polars columns."""
    import polars as pl  # as above

    position = pl.col("position").fill_null(0)
    towards = pl.col("direction").cast(pl.Int64) * position < 0
    reducing = towards & (pl.col("quantity") <= position.abs())
    return {
        "reducing": reducing,
        "buying": pl.col("direction") > 0,
        "at_market": ~pl.col("limited"),
        "positive": (pl.col("quantity") > 0)
        & (pl.col("price").fill_null(1) > 0)
        & (pl.col("limit_price").fill_null(1) > 0)
        & (pl.col("stop_price").fill_null(1) > 0)
        & (pl.col("source_price").fill_null(1) > 0),
        "spending": (pl.col("direction") > 0) & ~reducing,
        "shorts_allowed": pl.col("allow_short"),
        "stopping": pl.col("stop_price").is_not_null(),
        "waiting_exit": (
            reducing
            & (pl.col("direction").cast(pl.Int128) * (pl.col("price").cast(pl.Int128) - pl.col("limit_price")) >= 0)
        ).fill_null(value=False),
        "quoted_entry": ~reducing & pl.col("bid").is_not_null() & pl.col("ask").is_not_null(),
        "unpriced": pl.col("price_optional") & pl.col("source_price").is_null(),
        "balancing": (
            (pl.col("direction").cast(pl.Int64) * pl.col("net") < 0)
            & (pl.col("quantity").cast(pl.Int128) * pl.col("price").cast(pl.Int128) // ONE <= pl.col("net").abs())
        ).fill_null(value=False),
    }
