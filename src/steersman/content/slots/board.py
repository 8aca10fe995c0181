"""Which slots are free for which post while a plan is made: the rules as arrays over the slots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steersman.content.slots.constraints import Constraints, local
from steersman.content.slots.model import Slot, Taken, WaitingPost

Bools = NDArray[np.bool_]


class Board:
    """The slots in time order, what is taken, and who was put where. Says the same as `constraints.objection`."""

    def __init__(self, slots: Sequence[Slot], taken: Sequence[Taken], rules: Constraints) -> None:
        self.slots = tuple(slots)
        self.rules = rules
        self.taken = tuple(taken)
        self.at = np.array([slot.at for slot in slots], dtype=np.int64)
        self.day = np.array([slot.local.toordinal() for slot in slots], dtype=np.int64)
        self.put: dict[str, int] = {}
        self._posts: dict[str, WaitingPost] = {}
        self._near = np.zeros(len(slots), dtype=np.int64)
        self._on_day = np.zeros(len(slots), dtype=np.int64)
        for other in taken:
            self._mark(other.at, local(other.at, rules.tz).toordinal(), 1)

    def copy(self) -> Board:
        """Return a board in the same state, to try something on."""
        other = Board.__new__(Board)
        other.__dict__.update(self.__dict__)
        other.put, other._posts = dict(self.put), dict(self._posts)
        other._near, other._on_day = self._near.copy(), self._on_day.copy()
        return other

    def become(self, other: Board) -> None:
        """Take the state of `other`, a copy of this one that something was tried on."""
        self.__dict__.update(other.copy().__dict__)

    def place(self, post: WaitingPost, index: int) -> None:
        """Put `post` into the slot `index`, which must be free for it."""
        self.put[post.key] = index
        self._posts[post.key] = post
        self._mark(int(self.at[index]), int(self.day[index]), 1)

    def lift(self, post: WaitingPost) -> int:
        """Take `post` off; returns where it was."""
        index = self.put.pop(post.key)
        del self._posts[post.key]
        self._mark(int(self.at[index]), int(self.day[index]), -1)
        return index

    def free(self, post: WaitingPost) -> Bools:
        """Return which slots `post` may take beside everything that is taken or put, shape (slots,)."""
        mask: Bools = (self._near == 0) & (self._on_day < self.rules.daily_cap)
        if post.not_before is not None:
            mask &= self.at >= post.not_before
        if post.not_after is not None:
            mask &= self.at <= post.not_after
        for at, order in self._campaign(post):
            if order < post.order:
                mask &= self.at > at
            elif order > post.order:
                mask &= self.at < at
        return mask

    def room(self, day: int) -> int:
        """Return how many posts the day (its ordinal) still takes."""
        used = self._on_day[self.day == day]
        return self.rules.daily_cap - int(used[0]) if len(used) else self.rules.daily_cap

    def others(self, post: WaitingPost) -> list[Taken]:
        """Return everything that stands beside `post`, as taken instants."""
        put = [
            Taken(key=key, at=int(self.at[index]), campaign=self._posts[key].campaign, order=self._posts[key].order)
            for key, index in self.put.items()
            if key != post.key
        ]
        return [*self.taken, *put]

    def _campaign(self, post: WaitingPost) -> list[tuple[int, int]]:
        if not post.campaign:
            return []
        return [(other.at, other.order) for other in self.others(post) if other.campaign == post.campaign]

    def _mark(self, at: int, day: int, count: int) -> None:
        gap = max(self.rules.min_gap_ns, 1)
        first, last = np.searchsorted(self.at, [at - gap + 1, at + gap])
        self._near[first:last] += count
        self._on_day[self.day == day] += count
