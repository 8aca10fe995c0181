"""Small pictures as SVG text, from numbers alone: the same input gives the same bytes, so tests can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

WIDTH: Final = 120
HEIGHT: Final = 28
_PAD: Final = 2.5


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


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
