"""The columns of the estimator: what of a post's time, type and date may explain what it earned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from steersman.kernel.clock import utc

Floats = NDArray[np.floating[Any]]

DAY_NS: Final = 86_400_000_000_000
LEVEL_NS: Final = 30 * DAY_NS
_HARMONICS: Final = 5
_WEEKEND_HARMONICS: Final = 3
_TYPE_HARMONICS: Final = 2
_MAX_TYPES: Final = 8
GROUPS: Final = ("intercept", "type", "level", "hour", "weekday", "weekend hour", "cell", "type hour")
"""Columns of one group share one prior scale; it is learned from the data, group by group."""
SLOT_GROUPS: Final = ("hour", "weekday", "weekend hour", "cell", "type hour")
"""What depends on when a post goes out; the rest is the same for every slot."""


class Columns(msgspec.Struct, frozen=True):
    """How posts become rows; the same for fit and forecast.

    Attributes:
        tz: zone of the wall whose hours and weekdays are meant.
        types: content types with a column of their own; rarer ones share none and are average.
        first_at: ns where the first level begins.
        levels: number of 30-day steps of the level since then.
    """

    tz: str
    types: tuple[str, ...]
    first_at: int
    levels: int

    @classmethod
    def of(cls, tz: str, types: Sequence[str], first_at: int, last_at: int) -> Columns:
        """Return the columns for posts of `types` (one entry a post) between two instants."""
        count = {name: types.count(name) for name in dict.fromkeys(types)}
        common = sorted(count, key=lambda name: (-count[name], name))[:_MAX_TYPES]
        return cls(tz, tuple(common), first_at, int((last_at - first_at) // LEVEL_NS) + 1)

    @property
    def groups(self) -> NDArray[np.intp]:
        """Index into `GROUPS` of each column."""
        sizes = (
            1, len(self.types), self.levels, 2 * _HARMONICS, 8, 2 * _WEEKEND_HARMONICS, 48,
            2 * _TYPE_HARMONICS * len(self.types),
        )  # fmt: skip
        return np.repeat(np.arange(len(GROUPS)), sizes)

    def rows(self, at: Sequence[int], types: Sequence[str], *, level_at: int | None = None) -> Floats:
        """Return one row for each post, shape (posts, columns); with the level of `level_at` if that is given.

        Harmonic k is divided by k: sharp daily curves are less likely than smooth ones before anything is seen.
        """
        wall = self._wall(at)
        weekend = (wall[:, 1] >= 5).astype(float)
        daily = _waves(wall[:, 0], _HARMONICS)
        own = np.array([[name == known for known in self.types] for name in types], dtype=float).reshape(len(at), -1)
        cell = (np.floor(wall[:, 0]) + 24 * weekend).astype(int)
        by_type = own[:, :, None] * _waves(wall[:, 0], _TYPE_HARMONICS)[:, None, :]
        return np.hstack(
            [
                np.ones((len(at), 1)),
                own,
                self._levels(at if level_at is None else [level_at] * len(at)),
                daily,
                np.eye(7)[wall[:, 1].astype(int)],
                weekend[:, None],
                weekend[:, None] * _waves(wall[:, 0], _WEEKEND_HARMONICS),
                np.eye(48)[cell],
                by_type.reshape(len(at), -1),
            ]
        )

    def _wall(self, at: Sequence[int]) -> Floats:
        zone = ZoneInfo(self.tz)
        local = [utc(instant).astimezone(zone) for instant in at]
        return np.array([(_hour(when), when.weekday()) for when in local], dtype=float).reshape(len(at), 2)

    def _levels(self, at: Sequence[int]) -> Floats:
        """Return ramps whose weights are the steps of a random walk, one step in 30 days, linear in between."""
        since = (np.array([instant - self.first_at for instant in at], dtype=float) / LEVEL_NS).reshape(-1, 1)
        return np.clip(since - np.arange(self.levels), 0.0, 1.0)


def _hour(when: dt.datetime) -> float:
    return when.hour + when.minute / 60


def _waves(hour: Floats, harmonics: int) -> Floats:
    """Return cos and sin of the first harmonics of the day, each divided by its number."""
    k = np.arange(1, harmonics + 1)
    angle = 2 * np.pi * hour[:, None] / 24 * k
    return np.hstack([np.cos(angle) / k, np.sin(angle) / k])
