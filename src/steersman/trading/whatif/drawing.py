"""The pictures of the page as SVG text: shapes only, stretched to any width; every word stands beside them as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from steersman.kernel.clock import utc

WIDTH: Final = 1000
HEIGHT: Final = 240
_POINTS: Final = 400
_TICKS: Final = 4
_YEARS: Final = 8
_END: Final = 0.97
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One series: its style class, its values in the order of the instants, and whether the area to zero is filled."""

    style: str
    values: Sequence[float]
    filled: bool = False


def chart(ats: Sequence[int], lines: Sequence[Line], *, label: str, unit: str, tz: ZoneInfo) -> str:
    """Return a figure of `lines` over `ats` (ns), with a scale and days. `unit`: "%" or a currency.

    Args:
        label: what a screen reader says instead.
    """
    kept = _kept(lines, len(ats))
    low = min(min(line.values) for line in lines)
    high = max(max(line.values) for line in lines)
    ticks = scale(low, high)
    bottom, top = min(low, ticks[0]), max(high, ticks[-1])
    span = (ats[-1] - ats[0]) or 1

    def x(number: int) -> float:
        return (ats[number] - ats[0]) / span * WIDTH

    def y(value: float) -> float:
        return (top - value) / ((top - bottom) or 1) * HEIGHT

    shapes = [f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>' for t in ticks]
    for line in lines:
        points = " ".join(f"{x(n):.1f},{y(line.values[n]):.1f}" for n in kept)
        if line.filled:
            shapes.append(
                f'<polygon class="{line.style} area" points="0,{y(0):.1f} {points} {x(kept[-1]):.1f},{y(0):.1f}"/>'
            )
        shapes.append(f'<polyline class="{line.style} line" points="{points}"/>')
    marks = "".join(f'<span style="top:{y(t) / HEIGHT:.2%}">{_tick(t, unit)}</span>' for t in ticks)
    days = "".join(
        f'<span class="{"end" if share > _END else ""}" style="left:{share:.2%}">{text}</span>'
        for share, text in _days(ats, tz)
    )
    said = f'role="img" aria-label="{escape(label)}"'
    return (
        f'<div class="chart" {said}><div class="scale" aria-hidden="true">{marks}</div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{"".join(shapes)}</svg>'
        f'<div class="days" aria-hidden="true">{days}</div></div>'
    )


def bar(newly: int, no_longer: int, most: int) -> str:
    """Return two bars, one above the other: how many newly fail, how many no longer do; `most` fills the width."""
    wide = [count / most * WIDTH if most else 0 for count in (newly, no_longer)]
    return (
        f'<svg class="bar" viewBox="0 0 {WIDTH} 18" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="{WIDTH}" height="18"/>'
        f'<rect class="newly" y="1" width="{wide[0]:.1f}" height="7"/>'
        f'<rect class="gone" y="10" width="{wide[1]:.1f}" height="7"/></svg>'
    )


def scale(low: float, high: float) -> list[float]:
    """Return about four round numbers from below `low` to above `high`."""
    span = (high - low) or abs(high) or 1.0
    rough = span / _TICKS
    power = 10.0
    while power > rough:
        power /= 10
    while power * 10 <= rough:
        power *= 10
    step = next(s * power for s in _STEPS if s * power >= rough * 0.999)
    first = int(low // step)
    last = -int(-high // step)
    return [n * step for n in range(first, last + 1)]


def _kept(lines: Sequence[Line], count: int) -> list[int]:
    """Return the points to draw: the extremes of each line in each of `_POINTS` stretches, so no spike is lost."""
    if count <= 2 * _POINTS:
        return list(range(count))
    kept = {0, count - 1}
    for stretch in range(_POINTS):
        part = range(stretch * count // _POINTS, (stretch + 1) * count // _POINTS)
        for line in lines:
            kept |= {min(part, key=line.values.__getitem__), max(part, key=line.values.__getitem__)}
    return sorted(kept)


def _tick(value: float, unit: str) -> str:
    if unit == "%":
        return f"{round(value * 100, 6):g}%"
    return f"{value / 1000:,g}k" if abs(value) >= 1000 and value % 100 == 0 else f"{value:,g}"


def _days(ats: Sequence[int], tz: ZoneInfo) -> list[tuple[float, str]]:
    """Return where years begin (first and last day where there are none), as shares of the width."""
    first, last = (utc(at).astimezone(tz) for at in (ats[0], ats[-1]))
    span = (last - first).total_seconds() or 1.0
    years = list(range(first.year + 1, last.year + 1))
    every = -(-len(years) // _YEARS) or 1
    found = [((datetime(year, 1, 1, tzinfo=tz) - first).total_seconds() / span, str(year)) for year in years[::every]]
    return found or [(0.0, f"{first:%Y-%m-%d}"), (1.0, f"{last:%Y-%m-%d}")]
