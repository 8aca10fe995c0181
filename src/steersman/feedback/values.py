"""KPI values from rollups: the figure, its trend, its series, and whether a change is a shift or noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from steersman.feedback.control import Limits, limits
from steersman.feedback.figures import Figure, figure
from steersman.feedback.kpi import Direction, Kpi
from steersman.feedback.periods import period_for
from steersman.kernel.errors import Misconfigured
from steersman.ledger.periods import Period, next_start, start_of
from steersman.ledger.projections import Database
from steersman.ledger.rollups import Bucket, Metric, series

_KEYS: Final = "SELECT DISTINCT key FROM rollup WHERE metric = ?"
Status = Literal["met", "missed", "breached", "watched", "not enough data"]
MAX_POINTS: Final = 60


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One period's figure; `n` observations went into it."""

    start_ns: int
    value: float
    n: int


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The latest complete period against the one before; `better` is None when they are equal."""

    previous: float
    current: float
    change: float
    better: bool | None


class KpiValue(msgspec.Struct, frozen=True, kw_only=True):
    """One KPI as of now.

    Attributes:
        value: over all data asked for, in `unit`; None when there is not enough of it, and `note` says how much.
        n: observations behind it.
        status: met, missed, breached (beyond the guardrail), watched (no target), or not enough data.
        period: length of one point of `points`: hour, day, week or month, whichever suits the data's span.
        points: the latest 60 periods; for ratios, means and quantiles those without data are absent, for counts and
            sums they are 0. `series` is their values alone.
        limits: XmR limits over the complete periods, None below eight of them.
        shifted: a run rule fires on the latest complete period.
        first_ns, last_ns: start of the first and of the last period with data, None without any.
    """

    name: str
    domain: str
    title: str
    unit: str
    direction: Direction
    summary: str
    value: float | None
    n: int
    target: float | None
    guardrail: float | None
    met: bool | None
    status: Status
    note: str
    trend: Trend | None
    period: Period | None
    points: tuple[Point, ...]
    series: tuple[float, ...]
    limits: Limits | None
    shifted: bool
    first_ns: int | None
    last_ns: int | None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One key's part in a KPI, e.g. a strategy's; `value` is None below one observation."""

    key: str
    value: float | None
    n: int


def metrics(kpis: Iterable[Kpi]) -> tuple[Metric, ...]:
    """Return the rollups that `kpis` read, each once, by name."""
    wanted = {
        source.metric: Metric(
            name=source.metric, type=source.type, field=source.field, by=source.by, where=source.where
        )
        for kpi in kpis
        for source in kpi.sources
    }
    return tuple(wanted[name] for name in sorted(wanted))


def find(kpis: Sequence[Kpi], name: str) -> Kpi:
    """Return the KPI called `name`.

    Raises:
        Misconfigured: none is; names the nearest.
    """
    import difflib  # only a typo needs it

    for kpi in kpis:
        if kpi.name == name:
            return kpi
    near = difflib.get_close_matches(name, [kpi.name for kpi in kpis], n=1)
    raise Misconfigured(
        f"there is no KPI {name!r}", fix=f"did you mean {near[0]}?" if near else "`steersman kpi list` names them"
    )


def values(db: Database, kpis: Iterable[Kpi], *, now_ns: int, since_ns: int | None = None) -> list[KpiValue]:
    """Return the value of each of `kpis`, in their order.

    Args:
        now_ns: data of later periods is left out, and the period that contains it is incomplete: shown, but not judged.
        since_ns: leave out what is earlier; None takes everything there is.
    """
    reader = _Reader(db, since_ns, now_ns)
    return [_value(reader, kpi, now_ns) for kpi in kpis]


def breakdown(db: Database, kpi: Kpi, *, now_ns: int, since_ns: int | None = None) -> list[Share]:
    """Return the KPI's figure per key of `source.by`, most observations first; empty when it is not split."""
    if kpi.source.by is None:
        return []
    reader = _Reader(db, since_ns, now_ns)
    over = kpi.over if kpi.over is not None and kpi.over.by == kpi.source.by else None
    if kpi.over is not None and over is None and kpi.aggregate == "ratio":
        return []  # a denominator that is not split the same way would give shares of nothing
    split = msgspec.structs.replace(kpi, over=over)
    found = []
    for key in reader.keys(source.metric for source in split.sources):
        made = figure(split, *_both(reader, split, "month", key), enough=1)
        found.append(Share(key=key, value=made.value, n=made.n))
    return sorted(found, key=lambda share: (-share.n, share.key))


class _Reader:
    """Rollups of one window; each metric and period is read once, however many KPIs share it."""

    def __init__(self, db: Database, since_ns: int | None, now_ns: int) -> None:
        self._db = db
        self._since = since_ns
        self._until = now_ns + 1
        self._seen: dict[tuple[str, Period, str | None], list[Bucket]] = {}

    def read(self, metric: str, period: Period, key: str | None = None) -> list[Bucket]:
        wanted = (metric, period, key)
        if wanted not in self._seen:
            self._seen[wanted] = series(
                self._db, metric, key=key, since_ns=self._since, until_ns=self._until, bucket=period
            )
        return self._seen[wanted]

    def span(self, names: Sequence[str]) -> tuple[int, int] | None:
        """Return the start of the first and of the last hour with data, or None."""
        hours = [bucket.start_ns for name in names for bucket in self.read(name, "hour")]
        return (min(hours), max(hours)) if hours else None

    def keys(self, names: Iterable[str]) -> list[str]:
        rows = [row for name in names for row in self._db.execute(_KEYS, (name,))]
        return sorted({str(key) for (key,) in rows})


def _both(
    reader: _Reader, kpi: Kpi, period: Period, key: str | None = None
) -> tuple[list[Bucket], list[Bucket] | None]:
    """Return the buckets of the KPI's source and of what it is out of."""
    over = None if kpi.over is None else reader.read(kpi.over.metric, period, key)
    return reader.read(kpi.source.metric, period, key), over


def _value(reader: _Reader, kpi: Kpi, now_ns: int) -> KpiValue:
    span = reader.span([source.metric for source in kpi.sources])
    period = None if span is None else period_for(*span)
    points = [] if span is None or period is None else _points(kpi, *_both(reader, kpi, period), span, period)
    complete = [p for p in points if period is not None and next_start(p.start_ns, period) <= now_ns]
    whole = Figure(value=None, n=0) if period is None else figure(kpi, *_both(reader, kpi, period))
    chart = limits([p.value for p in complete], floor=_floor(kpi), ceiling=_ceiling(kpi))
    status = _status(kpi, whole.value)
    return KpiValue(
        name=kpi.name,
        domain=kpi.domain,
        title=kpi.title,
        unit=kpi.unit,
        direction=kpi.direction,
        summary=kpi.summary,
        value=whole.value,
        n=whole.n,
        target=kpi.target,
        guardrail=kpi.guardrail,
        met=None if kpi.target is None or whole.value is None else kpi.is_better(whole.value, than=kpi.target),
        status=status,
        note=_note(kpi, whole),
        trend=_trend(kpi, complete),
        period=period,
        points=tuple(points),
        series=tuple(p.value for p in points),
        limits=chart,
        shifted=chart is not None and any(s.last == len(complete) - 1 for s in chart.shifts),
        first_ns=span[0] if span else None,
        last_ns=span[1] if span else None,
    )


def _points(
    kpi: Kpi, source: Sequence[Bucket], over: Sequence[Bucket] | None, span: tuple[int, int], period: Period
) -> list[Point]:
    """Return one point per period with a figure, the latest `MAX_POINTS` periods."""
    sources = {bucket.start_ns: bucket for bucket in source}
    overs = None if over is None else {bucket.start_ns: bucket for bucket in over}
    additive = kpi.aggregate in ("count", "sum")
    points: list[Point] = []
    start = start_of(span[0], period)
    while start <= span[1]:
        here = [sources[start]] if start in sources else []
        there = None if overs is None else [overs[start]] if start in overs else []
        made = figure(kpi, here, there, enough=0 if additive else 1)
        if made.value is not None:
            points.append(Point(start_ns=start, value=made.value, n=made.n))
        start = next_start(start, period)
    return points[-MAX_POINTS:]


def _trend(kpi: Kpi, complete: Sequence[Point]) -> Trend | None:
    if len(complete) < 2:
        return None
    previous, current = complete[-2].value, complete[-1].value
    better = None if current == previous else kpi.is_better(current, than=previous)
    return Trend(previous=previous, current=current, change=current - previous, better=better)


def _status(kpi: Kpi, value: float | None) -> Status:
    if value is None:
        return "not enough data"
    if kpi.guardrail is not None and not kpi.is_better(value, than=kpi.guardrail):
        return "breached"
    if kpi.target is None:
        return "watched"
    return "met" if kpi.is_better(value, than=kpi.target) else "missed"


def _note(kpi: Kpi, whole: Figure) -> str:
    """Say what a value is missing, or nothing."""
    if whole.value is not None:
        return ""
    counted = kpi.over or kpi.source
    wanted = counted.type if counted.field is None else f"{counted.type} with a number in {counted.field}"
    if whole.n >= kpi.enough:
        return f"{counted.field or counted.type} adds up to 0: there is nothing to divide by"
    return f"{whole.n} of {kpi.enough} {wanted}"


def _floor(kpi: Kpi) -> float | None:
    return 0.0 if kpi.aggregate in ("count", "share_positive") or kpi.unit == "ratio" else None


def _ceiling(kpi: Kpi) -> float | None:
    return 1.0 if kpi.unit == "ratio" else None
