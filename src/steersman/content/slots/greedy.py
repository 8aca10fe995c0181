"""Plans without a solver: each post takes the best slot left, then moves while that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from steersman.content.slots.board import Board
from steersman.content.slots.features import Floats
from steersman.content.slots.model import WaitingPost

Worth = Mapping[str, Floats]
"""What each slot is worth to a post, by key, arrays of shape (slots,)."""

_PASSES: Final = 20  # moves end by themselves, since each adds; this only bounds the time


def greedy(board: Board, posts: Sequence[WaitingPost], worth: Worth) -> WaitingPost | None:
    """Put every post on the board; returns the post for which none was free (the board is then incomplete).

    Those with the fewest free slots come first, then those to whom the slot matters most. Where that leaves somebody
    out, the posts are packed by their last date instead, each as early as can be, and then moved.
    """
    tried = board.copy()
    left = _fill(tried, _by_need(tried, posts, worth), worth)
    if left is not None:
        tried = board.copy()
        left = _fill(tried, _by_date(posts), None)
    if left is None:
        _improve(tried, posts, worth)
    for post in posts:
        if post.key in tried.put:
            board.place(post, tried.put[post.key])
    return left


def best_of(mask_worth: Floats) -> int:
    """Return the index of the highest value, the earliest of equals."""
    return int(np.argmax(mask_worth))


def _fill(board: Board, order: Sequence[WaitingPost], worth: Worth | None) -> WaitingPost | None:
    for post in order:
        free = board.free(post)
        if not free.any():
            return post
        board.place(post, int(np.argmax(free)) if worth is None else best_of(np.where(free, worth[post.key], -np.inf)))
    return None


def _by_need(board: Board, posts: Sequence[WaitingPost], worth: Worth) -> list[WaitingPost]:
    """Order posts; a campaign's parts stay in its order, at the place of its neediest part."""
    need = {post.key: (int(board.free(post).sum()), -_spread(worth[post.key])) for post in posts}
    first = {post.campaign: min(need[p.key] for p in posts if p.campaign == post.campaign) for post in posts}
    return sorted(posts, key=lambda p: (first[p.campaign] if p.campaign else need[p.key], p.campaign, p.order, p.key))


def _spread(values: Floats) -> float:
    return float(values.max(initial=0.0) - values.min(initial=np.inf)) if len(values) else 0.0


def _by_date(posts: Sequence[WaitingPost]) -> list[WaitingPost]:
    """Order posts by last date, a part of a campaign by the earliest of it and all later parts."""

    def last(post: WaitingPost) -> float:
        later = [p for p in posts if post.campaign and p.campaign == post.campaign and p.order >= post.order]
        return min((p.not_after for p in (post, *later) if p.not_after is not None), default=float("inf"))

    return sorted(posts, key=lambda p: (last(p), p.campaign, p.order, p.not_before or 0, p.key))


def _improve(board: Board, posts: Sequence[WaitingPost], worth: Worth) -> None:
    """Move one post at a time to the best slot free for it, until none moves."""
    for _ in range(_PASSES):
        moved = False
        for post in posts:
            here = board.lift(post)
            value = np.where(board.free(post), worth[post.key], -np.inf)
            there = best_of(value)
            moved |= there != here
            board.place(post, there)
        if not moved:
            return
