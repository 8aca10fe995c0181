"""What an operator with habits has published in a world, and the slots a week offers: the same for every rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from steersman.bench.slot_world import TYPES, World
from steersman.content.slots.calendar import candidates
from steersman.content.slots.constraints import Constraints
from steersman.content.slots.forecast import Forecast, fit
from steersman.content.slots.model import Observation, Slot
from steersman.kernel.clock import to_ns

TZ: Final = "UTC"
TODAY: Final = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
NOW: Final = to_ns(TODAY)
USUAL: Final = 9.0
RULES: Final = Constraints(tz=TZ, horizon_s=7 * 86_400.0)
DAY_NS: Final = 86_400_000_000_000


class Published(msgspec.Struct, frozen=True):
    """One post of the past: naive time on the wall, type, and what it earned in 24 hours."""

    when: dt.datetime
    type: str
    earned: int

    def seen(self, key: str) -> Observation:
        """Return it as the product knows it."""
        at = to_ns(self.when.replace(tzinfo=dt.UTC))
        return Observation(type=self.type, channel="c", published_at=at, engagement=self.earned, key=key)


def history(world: World, count: int, seed: int) -> list[Published]:
    """Return one post a day up to today: half of them about 09:00, releases rather in the afternoon.

    So hour and type are mixed up, and some hours are hardly known, as in a real log.
    """
    draw = np.random.default_rng([seed, 9])
    found: list[Published] = []
    for number in range(count):
        kind = TYPES[int(draw.choice(3, p=[0.5, 0.3, 0.2]))]
        hour = (
            USUAL + float(draw.choice([-0.5, 0.0, 0.5, 1.0]))
            if draw.random() < 0.5
            else float(draw.integers(16, 40)) / 2
        )
        if kind == "release" and draw.random() < 0.5:
            hour = float(draw.integers(28, 40)) / 2
        midnight = TODAY.replace(tzinfo=None) - dt.timedelta(days=count - number)
        when = midnight + dt.timedelta(hours=hour)
        earned = world.earns(when, kind, [post.when for post in found[-3:]], draw)
        found.append(Published(when, kind, earned))
    return found


def learned(past: Sequence[Published]) -> Forecast:
    """Return the product's forecast from a past."""
    return fit([post.seen(str(number)) for number, post in enumerate(past)], channel="c", tz=TZ, now=NOW)


def week() -> list[Slot]:
    """Return what the coming week offers: 08:00 to 20:00, every half hour."""
    return candidates(RULES, NOW)
