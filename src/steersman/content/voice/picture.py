"""A comparison as a small picture: each reason a line, the author's usual range a bar, the draft a dot."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from steersman.content.voice.compare import Reason

_WIDTH: Final = 360
_ROW: Final = 44
_LEFT: Final = 12


def svg(reasons: Sequence[Reason], title: str) -> str:
    """Return a picture of 360 px width; colours come from the classes `usual`, `mean` and `draft`."""
    height = max(_ROW, _ROW * len(reasons))
    rows = "".join(_row(reason, index) for index, reason in enumerate(reasons))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="voice" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(title, quote=True)}">{rows}</svg>'
    )


def _row(reason: Reason, index: int) -> str:
    top = max(reason.value, reason.high) * 1.1 or 1.0
    inner = _WIDTH - 2 * _LEFT

    def x(value: float) -> str:
        return f"{_LEFT + inner * value / top:.1f}"

    y = index * _ROW + 30
    width = f"{inner * (reason.high - reason.low) / top:.1f}"
    return (
        f'<text class="label" x="{_LEFT}" y="{y - 14}" font-size="12">{escape(reason.words)}</text>'
        f'<rect class="usual" x="{x(reason.low)}" y="{y - 4}" width="{width}" height="8" rx="4" fill="#8a93a6" '
        f'opacity="0.45"/>'
        f'<line class="mean" x1="{x(reason.usual)}" x2="{x(reason.usual)}" y1="{y - 7}" y2="{y + 7}" stroke="#8a93a6" '
        f'stroke-width="2"/>'
        f'<circle class="draft" cx="{x(reason.value)}" cy="{y}" r="5" fill="#f5b74f"/>'
    )


def bar(reason: Reason, width: int = 40) -> str:
    """Return the same line in characters: `·····[==|====]·····o···`."""
    top = max(reason.value, reason.high) * 1.1 or 1.0

    def at(value: float) -> int:
        return min(width - 1, max(0, int(width * value / top)))

    low, high = at(reason.low), at(reason.high)
    line = ["=" if low <= i <= high else "·" for i in range(width)]
    line[at(reason.usual)] = "|"
    line[at(reason.value)] = "o"
    return "".join(line)
