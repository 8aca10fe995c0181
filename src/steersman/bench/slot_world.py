"""Audiences that never heard of our estimator: readers with habits, a feed that forgets, posts that go far or nowhere.

A world is a crowd of readers. Each opens the feed at random around habits of their own (before work, at lunch, at
night, in their own zone, later on weekends), sees a post with a probability that falls with its age and with how much
else is posted, likes it or not by type, and passes it on; how far that carries is heavy-tailed. The level wanders,
habits may move to other hours, holidays are Sundays, and a post eats into the next one's readers. Nothing here is a
sum of harmonics: what a slot is worth is one integral for each reader, worked out before the noise.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

TYPES: Final = ("essay", "note", "release")
_WEEK: Final = 336  # half hours
_READERS: Final = 600


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """What a world's readers are like.

    Attributes:
        peaks: hours of the reader's own day around which the feed is opened, with how often a day.
        width_h: how loosely readers keep to them.
        weekend_shift_h: how much later on Saturday and Sunday; `weekend_ratio` is how much is opened then.
        zones: hours the readers' wall is off the desk's, with the share of readers.
        forgets_h: after that long a post is seen 1/e as likely.
        crowding: 0 is an empty feed; at 1 the busiest hours forget twice as fast.
        types: how much the first peak's readers care for each type against the last peak's; 1 is alike.
        moves_h: hours that habits move in a year.
        idle: how often, per half hour, the feed is opened for no reason.
        luck: standard deviation of log engagement from what the post is, not when.
        why: one line for the reader of the bench.
    """

    peaks: tuple[tuple[float, float], ...]
    width_h: float = 1.0
    weekend_shift_h: float = 1.5
    weekend_ratio: float = 0.7
    zones: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    forgets_h: float = 2.5
    crowding: float = 0.0
    types: tuple[float, float, float] = (1.0, 1.0, 1.0)
    moves_h: float = 0.0
    luck: float = 0.9
    idle: float = 0.06
    why: str = ""


WORLDS: Final = {
    "commuters": Habits(
        peaks=((7.5, 1.0), (12.5, 0.8), (17.5, 0.9)), width_h=0.6, forgets_h=1.0, why="sharp peaks, one zone"
    ),
    "two continents": Habits(
        peaks=((8.0, 0.7), (20.5, 1.0)), width_h=1.5, zones=((0.0, 0.6), (-6.0, 0.4)), why="two zones, broad"
    ),
    "crowded": Habits(
        peaks=((9.0, 1.0), (19.0, 1.4)), width_h=1.2, crowding=1.5, why="the busiest hours bury a post soonest"
    ),
    "by type": Habits(
        peaks=((8.0, 1.0), (21.0, 1.0)), width_h=1.2, types=(4.0, 1.0, 0.25), why="each type has its own hours"
    ),
    "moving": Habits(peaks=((9.0, 1.0), (18.0, 0.5)), width_h=1.2, moves_h=6.0, why="habits move 6 h in a year"),
    "flat": Habits(peaks=(), why="every hour is alike: nothing to find"),
}


class World:
    """One audience over time. Everything random about it comes from `seed`."""

    def __init__(self, habits: Habits, seed: int) -> None:
        self._habits = habits
        self._draw = np.random.default_rng([seed, 1])
        self._fondness = self._readers()
        self._level = np.cumsum(np.random.default_rng([seed, 2]).normal(0.0, 0.03, 3000))
        self._holidays = frozenset(np.random.default_rng([seed, 3]).choice(365, size=10, replace=False).tolist())
        self._seen: dict[int, Floats] = {}

    def _readers(self) -> Floats:
        """Draw the crowd; returns how likely each reader is to react to each type, shape (readers, types)."""
        draw, habits = self._draw, self._habits
        zones = [off for off, _ in habits.zones]
        self._zone = draw.choice(zones, size=_READERS, p=[share for _, share in habits.zones])
        # Who keeps which habit: everybody has one they keep most.
        self._peak_hours = np.array([hour for hour, _ in habits.peaks]).reshape(1, -1) + draw.normal(
            0.0, habits.width_h, (_READERS, len(habits.peaks))
        )
        self._peak_rates = np.array([rate for _, rate in habits.peaks]).reshape(1, -1) * draw.gamma(
            0.6, 1 / 0.6, (_READERS, len(habits.peaks))
        )
        fond = draw.gamma(0.5, 2.0, (_READERS, 1)) * np.ones((1, len(TYPES)))
        if len(habits.peaks) > 1:
            early = self._peak_rates[:, :1] > self._peak_rates[:, -1:]
            fond = fond * np.where(early, np.sqrt(habits.types), 1 / np.sqrt(habits.types))
        return fond

    def _opens(self, moved_h: float) -> Floats:
        """Return how often each reader opens the feed in each half hour of the desk's week, shape (readers, 336)."""
        habits = self._habits
        half_hours = np.arange(_WEEK)
        own = (half_hours[None, :] / 2 + self._zone[:, None]) % 168
        weekend = own >= 120
        hour = (own - habits.weekend_shift_h * weekend) % 24
        rate = np.full((_READERS, _WEEK), self._habits.idle)
        for peak in range(self._peak_hours.shape[1]):
            off = np.abs((hour - self._peak_hours[:, peak : peak + 1] - moved_h + 12) % 24 - 12)
            rate += self._peak_rates[:, peak : peak + 1] * 0.35 * np.exp(-0.5 * (off / 0.6) ** 2)
        return rate * np.where(weekend, habits.weekend_ratio if habits.peaks else 1.0, 1.0)

    def _reached(self, day: int) -> Floats:
        """Return the share of all reactions that a post gets in each half hour of the week, shape (types, 336)."""
        month = day // 30 if self._habits.moves_h else 0
        if month not in self._seen:
            opens = self._opens(self._habits.moves_h * month * 30 / 365)
            busy = opens.sum(axis=0) / opens.sum(axis=0).max()
            forgets = 2 * self._habits.forgets_h / (1 + self._habits.crowding * busy**2)  # half hours
            kept, seen = np.ones(_WEEK), np.zeros((_READERS, _WEEK))
            for later in range(48):
                at = (np.arange(_WEEK) + later) % _WEEK
                seen += opens[:, at] * kept
                kept = kept * np.exp(-1 / forgets[at])
            likely = 1 - np.exp(-seen)
            self._seen[month] = self._fondness.T @ likely / _READERS
        return self._seen[month]

    def worth(self, when: dt.datetime, type: str) -> float:
        """Return what a post of average luck, level and day, with none before it, is expected to earn.

        `when` is naive, on the desk's wall; holidays and the level are left out, so that slots of a week compare.
        """
        return self._worth(when, type, when.weekday())

    def _worth(self, when: dt.datetime, type: str, weekday: int) -> float:
        half_hour = (when.hour * 60 + when.minute) // 30
        reached = self._reached(_day(when))[TYPES.index(type), weekday * 48 + half_hour]
        return 60.0 * (1.0, 1.6, 0.6)[TYPES.index(type)] * float(reached)

    def earns(self, when: dt.datetime, type: str, before: Sequence[dt.datetime], draw: np.random.Generator) -> int:
        """Publish: return what the post has earned after 24 hours. `before` are our own earlier posts."""
        luck = self._habits.luck
        quality = float(np.exp(draw.normal(-(luck**2) / 2, luck)))
        near = [(when - other).total_seconds() / 3600 for other in before[-3:]]
        eaten = float(np.prod([1 - 0.5 * np.exp(-gap / 3) for gap in near if gap >= 0] or [1.0]))
        day = _day(when)
        weekday = 6 if day % 365 in self._holidays else when.weekday()
        level = float(np.exp(self._level[day]))
        seeds = draw.poisson(max(self._worth(when, type, weekday) * level * quality * eaten, 0.0))
        # One post in about thirty is passed on and on: a Pareto tail, with a mean that stays finite.
        carried = 1 + draw.pareto(1.8) * 2 if draw.random() < 0.03 else 1.0
        return int(seeds * carried)


def _day(when: dt.datetime) -> int:
    return (when.date() - dt.date(2024, 1, 1)).days
