"""The time in which the desk lives, and spans of it in words."""

from __future__ import annotations

from typing import Final

from steersman.bootstrap.desk import Desk
from steersman.trading import queries as trading

_REPLAYS: Final = ("replay",)
_MIN_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def is_replay(desk: Desk) -> bool:
    """Say whether the desk lives in the time of a replayed feed, which stands still between its bars."""
    feeds = desk.workspace.trading.feeds.values()
    return bool(feeds) and all(feed.kind in _REPLAYS for feed in feeds)


def desk_now(desk: Desk) -> int:
    """Return the desk's instant (ns): that of the latest mark in a replay, else the wall clock's."""
    marked, now = trading.market_now(desk.db), desk.clock.now_ns()
    if marked is None:
        return now
    return marked if is_replay(desk) else max(marked, now)


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
