"""Pasts, rules and posts waiting for a slot that spell out only what a test is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np

from steersman.content.slots.constraints import Constraints
from steersman.content.slots.forecast import Forecast, fit
from steersman.content.slots.model import Observation, Slot, WaitingPost
from steersman.kernel.clock import to_ns

TODAY = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
NOW = to_ns(TODAY)
DAY_NS = 86_400_000_000_000


def an_instant(text: str) -> int:
    """Return ns of an ISO time; UTC unless it says otherwise."""
    when = dt.datetime.fromisoformat(text)
    return to_ns(when.astimezone(dt.UTC) if when.tzinfo else when.replace(tzinfo=dt.UTC))


def rules(**fields: object) -> Constraints:
    return Constraints(**{"tz": "UTC", "horizon_s": 14 * 86_400.0, **fields})  # type: ignore[arg-type]


def a_post(key: str = "c/one", **fields: object) -> WaitingPost:
    return WaitingPost(**{"key": key, **fields})  # type: ignore[arg-type]


def a_slot(wall: str, tz: str = "UTC") -> Slot:
    return Slot(at=an_instant(wall), wall=wall, tz=tz)


def a_past(
    count: int,
    worth: Callable[[dt.datetime, str], float] = lambda when, kind: 40.0,
    *,
    seed: int = 0,
    luck: float = 0.4,
) -> list[Observation]:
    """Return one post a day up to today at hours all over 8 to 20; `worth` is what a post of average luck earns."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        midnight = TODAY - dt.timedelta(days=count - number)
        when = midnight + dt.timedelta(minutes=30 * int(draw.integers(16, 40)))
        kind = "essay" if draw.random() < 0.5 else "note"
        earned = int(worth(when, kind) * float(np.exp(draw.normal(0.0, luck))))
        found.append(
            Observation(type=kind, channel="c", published_at=to_ns(when), engagement=earned, key=f"c/{number}")
        )
    return found


def a_model(past: list[Observation] | None = None, *, tz: str = "UTC") -> Forecast:
    return fit(a_past(80) if past is None else past, channel="c", tz=tz, now=NOW)
