"""Spans of time in words."""

from __future__ import annotations

from typing import Final

_MIN_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def span(seconds: float) -> str:
    """Return a span in the two units that matter: `2 d 3 h`, `4 h 10 min`, `12 min`, `40 s`."""
    whole = max(int(seconds), 0)
    days, rest = divmod(whole, _DAY_S)
    hours, rest = divmod(rest, _HOUR_S)
    minutes, left = divmod(rest, _MIN_S)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{left} s"


def ago(then_ns: int, now_ns: int) -> str:
    """Return how long ago an instant was."""
    return f"{span((now_ns - then_ns) / 1e9)} ago"
