"""What other limits would have done, in numbers: frozen, and the same for the terminal, for JSON and for the page."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from steersman.trading.whatif.outcome import Change


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The account at the end of the ledger, what is held at the last known prices. `max_drawdown` is 0..1."""

    equity: Decimal
    pnl: Decimal
    fees: Decimal
    max_drawdown: float
    orders: int


class OrderCount(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of one kind of change, and the value of the difference at the prices of their decisions."""

    orders: int
    value: Decimal


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that would have been others. Those avoided and shrunk are exact, those added and grown are a model."""

    avoided: OrderCount
    shrunk: OrderCount
    added: OrderCount
    grown: OrderCount


class CheckChange(msgspec.Struct, frozen=True, kw_only=True):
    """One check: how many signals newly fail it or no longer do; `decisive`: in so many the verdict is another one."""

    code: str
    newly_fails: int
    no_longer_fails: int
    decisive: int
    examples: tuple[str, ...]


class Slice(msgspec.Struct, frozen=True):
    """One strategy or instrument."""

    name: str
    signals: int
    changed: int
    pnl_before: Decimal
    pnl_after: Decimal
    fees_before: Decimal
    fees_after: Decimal


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A mark of the account: ns since 1970, equity and drawdown (0..1), as recorded and as it would have been."""

    at: int
    equity_before: Decimal
    equity_after: Decimal
    drawdown_before: float
    drawdown_after: float


class FeeModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue's fills say about its fees and slippage; `explains` of `fills` follow from the first two."""

    venue: str
    fee_bps: Decimal
    fee_min: Decimal
    slippage_bps: Decimal
    explains: int
    fills: int


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """Processor seconds of the parts of a replay."""

    reading_cpu_s: float
    deciding_cpu_s: float
    walking_cpu_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A history decided again.

    Attributes:
        policy: what was tried: canonical text by full parameter name.
        from_day, to_day: the span decided anew, days of the desk; None: open.
        signals: verdicts with facts, in and out of the span; `decided_anew` of them are in it.
        by_limits, by_path: changed verdicts: by the limits alone, or only by the book there would have been.
        exact: so many verdicts were decided on untouched facts; `recomputed` on those of the other book.
        modelled_fills: executions no market ever made.
        bars_used, bars_refused: instruments whose bars in the feed were used, and whose are not what was traded on.
        stale_marks: sessions in which something was valued at an older price.
        marks_off: sessions whose recorded equity is not what fills and prices make of it (foreign trades, settled
            differences); both sides carry the same difference.
        other_table: verdicts that were given under another table of checks.
        without_facts: verdicts that cannot be given again, taken as recorded.
        note: what is exact and what is a model, in words.
    """

    policy: dict[str, str]
    defaults: bool
    currency: str
    from_day: str | None
    to_day: str | None
    signals: int
    decided_anew: int
    changed: int
    by_limits: int
    by_path: int
    verdicts_before: dict[str, int]
    verdicts_after: dict[str, int]
    before: Result
    after: Result
    pnl_difference: Decimal
    fees_difference: Decimal
    orders: Orders
    checks: tuple[CheckChange, ...]
    strategies: tuple[Slice, ...]
    instruments: tuple[Slice, ...]
    changes: tuple[Change, ...]
    exact: int
    recomputed: int
    modelled_fills: int
    bars_used: tuple[str, ...]
    bars_refused: tuple[str, ...]
    stale_marks: int
    marks_off: int
    other_table: int
    without_facts: int
    sized_on_the_book: int
    fees: tuple[FeeModel, ...]
    note: str
    curve: tuple[Point, ...]
    took: Took
