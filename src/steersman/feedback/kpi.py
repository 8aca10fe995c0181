"""What a KPI is: data, not code. Event types and fields are named as text, so feedback imports no domain."""

from __future__ import annotations

from typing import Literal

import msgspec

Direction = Literal["up", "down"]
Aggregate = Literal["count", "sum", "ratio", "mean", "max", "min", "p50", "p95", "share_positive"]
AGGREGATES: tuple[Aggregate, ...] = ("count", "sum", "ratio", "mean", "max", "min", "p50", "p95", "share_positive")
ENOUGH: dict[Aggregate, int] = {"p50": 5, "p95": 20, "share_positive": 5}
"""Observations below which the figure would say more than was seen: a p95 of ten values is their maximum."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a figure is made from.

    Attributes:
        type: event type, `trading.*` allowed.
        field: dotted path of a number in the event's data; None counts events.
        where: dotted path -> text it must have.
        by: dotted path whose text splits the figure (drill-down), None for one total.
    """

    type: str
    field: str | None = None
    where: dict[str, str] = {}
    by: str | None = None

    @property
    def metric(self) -> str:
        """The name of its rollup: two KPIs over the same events share one."""
        parts = [self.type, self.field or "events"]
        parts += [f"{path}={text}" for path, text in sorted(self.where.items())]
        return " ".join([*parts, f"by {self.by}"] if self.by else parts)


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """One number to steer by.

    Attributes:
        unit: what the value counts: `USD`, `bps`, `s`, `ratio` (shown as per cent), `/1,000 words`, a plural noun.
        direction: which way is better.
        aggregate: how `source` becomes one number; `ratio` divides the sum of `source` by the sum of `over`, and
            `share_positive` is the part of the values above zero.
        over: the denominator of a ratio; for a count or sum, the occasions it is out of, so that "none of 120 orders"
            is 0 and "no orders yet" is no value.
        complement: show 1 - ratio.
        factor: multiplies the value, e.g. 1000 for a figure per 1,000 words.
        target: the value to reach; None: watched only.
        guardrail: the value never to cross, on the worse side of the target.
        min_n: observations (of `over` for a ratio) below which no value is given; None: what the aggregate needs.
    """

    name: str
    domain: str
    title: str
    unit: str
    direction: Direction
    aggregate: Aggregate
    source: Source
    summary: str
    over: Source | None = None
    complement: bool = False
    factor: float = 1.0
    target: float | None = None
    guardrail: float | None = None
    min_n: int | None = None

    @property
    def enough(self) -> int:
        """Observations needed before there is a value."""
        return self.min_n if self.min_n is not None else ENOUGH.get(self.aggregate, 1)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source it reads."""
        return (self.source,) if self.over is None else (self.source, self.over)

    def is_better(self, value: float, than: float) -> bool:
        """Say whether `value` is at least as good as `than` in this KPI's direction."""
        return value >= than if self.direction == "up" else value <= than
