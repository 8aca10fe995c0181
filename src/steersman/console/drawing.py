"""Small pictures as SVG text, from numbers alone: the same input gives the same bytes, so tests can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

WIDTH: Final = 120
HEIGHT: Final = 28
_PAD: Final = 2.5
_DAYS: Final = 88


def sparkline(values: Sequence[float], *, target: float | None = None, label: str) -> str:
    """Return a line through `values` with its last point marked, and a dashed line at `target` if it is in range.

    Args:
        values: oldest first; empty gives an empty text, a single one a point.
        label: what a screen reader says.
    """
    if not values:
        return ""
    low, high = min(values), max(values)
    shown_target = target if target is not None and low <= target <= high and low < high else None

    def y(value: float) -> float:
        return HEIGHT / 2 if high == low else HEIGHT - _PAD - (value - low) / (high - low) * (HEIGHT - 2 * _PAD)

    step = (WIDTH - 2 * _PAD) / max(len(values) - 1, 1)
    points = [(_PAD + i * step, y(value)) for i, value in enumerate(values)]
    if len(points) == 1:
        points = [(WIDTH - _PAD, points[0][1])]
    line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    area = f"{points[0][0]:.1f},{HEIGHT} {line} {points[-1][0]:.1f},{HEIGHT}"
    goal = ""
    if shown_target is not None:
        at = f"{y(shown_target):.1f}"
        goal = f'<line class="spark-goal" x1="0" y1="{at}" x2="{WIDTH}" y2="{at}"/>'
    body = f'<polygon class="spark-area" points="{area}"/><polyline class="spark-line" points="{line}"/>'
    end_x, end_y = points[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{_text(label)}">{goal}{body if len(points) > 1 else ""}'
        f'<line class="spark-end" x1="{end_x:.1f}" y1="{end_y:.1f}" x2="{end_x:.1f}" y2="{end_y:.1f}"/></svg>'
    )


def margin_bar(share: float | None, *, ok: bool) -> str:
    """Return a bar filled to `share` (used / allowed, cut at 1.5), with a tick at the limit; None draws it empty."""
    filled = 0.0 if share is None else min(max(share, 0.0), 1.5) / 1.5 * 120
    kind = "bar-ok" if ok else "bar-bad"
    return (
        '<svg class="bar" viewBox="0 0 120 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar-track" x="0" y="1" width="120" height="6" rx="3"/>'
        f'<rect class="{kind}" x="0" y="1" width="{filled:.1f}" height="6" rx="3"/>'
        '<line class="bar-limit" x1="80" y1="0" x2="80" y2="8"/></svg>'
    )


def freshness(age_s: float, ttl_s: float, stale_s: float, error_s: float, *, label: str) -> str:
    """Return how old data is against what is allowed: fresh, then served while asked anew, then only on errors.

    Args:
        age_s: since upstream said so; beyond all of it the mark stands at the end.
        stale_s, error_s: seconds after `ttl_s`; what is allowed on errors begins where the other ends.
    """
    whole = max(ttl_s + max(stale_s, error_s), ttl_s * 1.25, 1.0)

    def share(at_s: float) -> float:
        return min(max(at_s, 0.0), whole) / whole * 100

    parts = ((0.0, ttl_s, "fresh"), (ttl_s, ttl_s + stale_s, "stale"), (ttl_s + stale_s, ttl_s + error_s, "error"))
    bars = "".join(
        f'<rect class="age-{kind}" x="{share(start):.1f}%" y="3" width="{share(end) - share(start):.1f}%" height="6"/>'
        for start, end, kind in parts
        if end > start
    )
    at = f"{min(share(age_s), 99.0):.1f}%"
    return (
        f'<svg class="age" height="12" role="img" aria-label="{_text(label)}">'
        f'<rect class="age-over" x="0" y="3" width="100%" height="6"/>{bars}'
        f'<rect class="age-now" x="{at}" y="0" width="2" height="12"/></svg>'
    )


def day_bars(days: Sequence[tuple[str, int, int]], *, label: str) -> str:
    """Return one column per day: what was saved above what was asked for.

    Args:
        days: the day in words, calls that were made, calls that were saved; oldest first.
    """
    most = max((asked + saved for _, asked, saved in days), default=0) or 1
    wide = 100 / max(len(days), 1)
    columns = []
    for number, (day, asked, saved) in enumerate(days):
        low, high = (round(_tall(part, most), 1) for part in (asked, saved))
        x, w = f"{number * wide + wide * 0.1:.2f}%", f"{wide * 0.8:.2f}%"
        columns.append(
            f'<g><rect class="day-none" x="{x}" y="{_DAYS - 1}" width="{w}" height="1"/>'
            f'<rect class="day-asked" x="{x}" y="{_DAYS - low:.1f}" width="{w}" height="{low:.1f}"/>'
            f'<rect class="day-saved" x="{x}" y="{_DAYS - low - high:.1f}" width="{w}" height="{high:.1f}"/>'
            f"<title>{_text(day)}: {asked:,} asked, {saved:,} saved</title></g>"
        )
    return f'<svg class="days" height="{_DAYS}" role="img" aria-label="{_text(label)}">{"".join(columns)}</svg>'


def _tall(part: int, most: int) -> float:
    """Return the height of a part; what is not nothing is seen."""
    return max(part / most * (_DAYS - 4), 1.5) if part else 0.0


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
