"""Where posts go while there is not enough data: spread over hours and days, so that something is learned of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from steersman.content.slots.board import Board
from steersman.content.slots.constraints import local
from steersman.content.slots.features import Floats
from steersman.content.slots.model import WaitingPost

_HOURS = 2.0  # posts this far apart in the day tell of different hours
_DAYS = 1.0  # and this far apart in the calendar do not crowd each other
_OTHER_DAY = 0.3  # what the same hour on another weekday already tells
_A_DAY_LATER = 0.05  # a post that waits a week for an empty day tells nobody anything until then


def spread(board: Board, posts: Sequence[WaitingPost], before: Sequence[int]) -> WaitingPost | None:
    """Put each post where least is known and least stands; returns the post for which no slot was free.

    Args:
        before: instants (ns) of posts already observed.
    """
    tz = board.rules.tz
    known = [local(at, tz) for at in [*before, *(other.at for other in board.taken)]]
    walls = [slot.local for slot in board.slots]
    later = np.array([(wall - walls[0]).days * _A_DAY_LATER for wall in walls])
    for post in posts:
        free = board.free(post)
        if not free.any():
            return post
        put = [walls[index] for index in board.put.values()]
        crowd = _crowd(walls, [when.replace(tzinfo=None) for when in known] + put)
        board.place(post, int(np.argmin(np.where(free, crowd + later, np.inf))))
    return None


def _crowd(walls: Sequence[dt.datetime], known: Sequence[dt.datetime]) -> Floats:
    """Return how much is known of, and stands around, each slot; lower is emptier, shape (slots,)."""
    if not known:
        return np.zeros(len(walls))
    here, there = _clock(walls)[:, None, :], _clock(known)[None, :, :]
    apart = np.abs(here - there)
    hours = np.minimum(apart[..., 0], 24 - apart[..., 0])
    alike = np.exp(-0.5 * (hours / _HOURS) ** 2) * np.where(apart[..., 1] == 0, 1.0, _OTHER_DAY)
    near = np.exp(-apart[..., 2] / _DAYS)
    crowd: Floats = (alike + near).sum(axis=1).round(9)  # equal slots stay equal, so that the earliest is taken
    return crowd


def _clock(walls: Sequence[dt.datetime]) -> Floats:
    return np.array([(w.hour + w.minute / 60, w.weekday(), w.toordinal()) for w in walls], dtype=float)
