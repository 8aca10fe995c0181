"""Posts to slots: what chance decides first, then the best for the rest, with reasons; or who cannot be placed.

The slots of a share of the posts are drawn, evenly from what is free for them; the others get the plan whose expected
engagement is highest. With more than 40 of those it is found by integer programming where scipy is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from steersman.content.slots import explain
from steersman.content.slots.board import Board
from steersman.content.slots.constraints import Constraints
from steersman.content.slots.forecast import Forecast
from steersman.content.slots.greedy import Worth, greedy
from steersman.content.slots.model import Placed, Slot, Taken, WaitingPost
from steersman.content.slots.optimum import optimum
from steersman.content.slots.randomise import drawn, is_drawn
from steersman.content.slots.spread import spread
from steersman.kernel.errors import Rejected

MANY: Final = 40
"""More competing posts than that are worth a solver."""
_ATTEMPTS: Final = 5

Method = Literal["greedy", "optimum", "spread"]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every post with its slot, in time order.

    Attributes:
        method: how the posts that were not drawn were placed.
        total: expected engagement of all posts; None where there is not enough data.
        notes: what the operator should know of the plan as a whole, e.g. that a solver was not installed.
    """

    placed: tuple[Placed, ...]
    method: Method
    total: float | None
    notes: tuple[str, ...] = ()


class NoPlan(Rejected):
    """No slot keeps every rule. `post` is the key of the one that was left over, `counts` slots by the rule broken."""

    def __init__(self, post: str, counts: dict[str, int], message: str, *, fix: str) -> None:
        super().__init__(message, fix=fix)
        self.post = post
        self.counts = counts


def plan(
    posts: Sequence[WaitingPost],
    slots: Sequence[Slot],
    model: Forecast,
    rules: Constraints,
    *,
    seed: int,
    taken: Sequence[Taken] = (),
) -> Plan:
    """Return a slot for every post of one channel; the same for the same arguments.

    Args:
        posts: keys are unique.
        slots: what `calendar.candidates` offers.
        model: of the same channel and zone.
        seed: of the draws; see `randomise`.
        taken: posts of the channel that are out or scheduled: they keep their place, and count for gap, day and
            campaign. Give those of the first day's past too.

    Raises:
        NoPlan: some post cannot be placed; says which, and what stands against each slot.
        ValueError: a key stands twice.
    """
    if len({post.key for post in posts}) < len(posts):
        raise ValueError("posts to be placed have unique keys")
    board = Board(sorted(slots, key=lambda slot: slot.at), taken, rules)
    if posts and not board.slots:
        raise _no_plan(board, posts)
    chance = [post for post in posts if is_drawn(seed, post.key, rules.random_ratio)]
    rest = [post for post in posts if post not in chance]
    worth = _worth(posts, board, model)
    notes: list[str] = []
    for attempt in range(_ATTEMPTS):
        tried = board.copy()
        if _draw(tried, chance, seed, attempt) and (method := _place(tried, rest, worth, model, notes)):
            if attempt and chance:
                notes.append("the first draw left no room for every post and was repeated; no post here counts in lift")
            return _explained(tried, posts, chance, model, worth, method, notes, fair=not attempt or not chance)
    # What chance cannot fit, a search over all posts may.
    method = _place(board, posts, worth, model, notes, thorough=True)
    if method is None:
        raise _no_plan(board, posts)
    if chance:
        notes.append("too tight to leave anything to chance: no slot was drawn, and no post here counts in lift")
    return _explained(board, posts, [], model, worth, method, notes, fair=not chance)


def _worth(posts: Sequence[WaitingPost], board: Board, model: Forecast) -> Worth:
    """Return what each slot is worth to each post; nothing is known without data, and then all are alike."""
    if not model.enough or not board.slots:
        return {post.key: np.zeros(len(board.slots)) for post in posts}
    by_type = {name: model.forecasts(board.slots, name).mean for name in {post.type for post in posts}}
    return {post.key: by_type[post.type] for post in posts}


def _draw(board: Board, posts: Sequence[WaitingPost], seed: int, attempt: int) -> bool:
    """Put the posts that are left to chance; false: one found nothing free."""
    for post in sorted(posts, key=lambda p: (p.campaign, p.order, p.key)):
        free = np.flatnonzero(board.free(post)).tolist()
        if not free:
            return False
        board.place(post, free[drawn(seed, post.key, [board.slots[index] for index in free], attempt)])
    return True


def _place(
    board: Board,
    posts: Sequence[WaitingPost],
    worth: Worth,
    model: Forecast,
    notes: list[str],
    *,
    thorough: bool = False,
) -> Method | None:
    """Put the posts that chance leaves; None: no plan was found, and the board is as it was or incomplete."""
    if not model.enough:
        return _spread(board, posts, worth, model)
    first = board.copy()
    left = greedy(first, posts, worth)
    if left is not None or len(posts) > MANY:
        best = board.copy()
        outcome = optimum(best, posts, worth) if len(posts) > MANY or thorough else "gave up"
        if outcome == "found" and (left is not None or _total(best, posts, worth) > _total(first, posts, worth)):
            board.become(best)
            return "optimum"
        if outcome == "no solver" and left is None:
            notes.append(f"{len(posts)} posts compete and scipy is not installed: placed one by one (steersman[slots])")
    board.become(first)
    return "greedy" if left is None else None


def _spread(board: Board, posts: Sequence[WaitingPost], worth: Worth, model: Forecast) -> Method | None:
    order = sorted(posts, key=lambda p: (p.not_after or float("inf"), p.campaign, p.order, p.key))
    tried = board.copy()
    if spread(tried, order, model.posts.at) is not None:
        tried = board.copy()
        if greedy(tried, posts, worth) is not None:
            board.become(tried)
            return None
    board.become(tried)
    return "spread"


def _total(board: Board, posts: Sequence[WaitingPost], worth: Worth) -> float:
    return float(sum(worth[post.key][board.put[post.key]] for post in posts))


def _explained(
    board: Board,
    posts: Sequence[WaitingPost],
    chance: Sequence[WaitingPost],
    model: Forecast,
    worth: Worth,
    method: Method,
    notes: Sequence[str],
    *,
    fair: bool,
) -> Plan:
    drawn_keys = {post.key for post in chance}
    placed = [
        explain.placed(board, post, model, worth[post.key], drawn=post.key in drawn_keys, fair=fair) for post in posts
    ]
    return Plan(
        placed=tuple(sorted(placed, key=lambda p: (p.slot.at, p.key))),
        method=method,
        total=_total(board, posts, worth) if model.enough else None,
        notes=tuple(dict.fromkeys([*notes] if model.enough else [model.standing, *notes])),
    )


def _no_plan(board: Board, posts: Sequence[WaitingPost]) -> NoPlan:
    left = next(post for post in posts if post.key not in board.put)
    counts, message = explain.nothing_free(board, left)
    return NoPlan(left.key, counts, message, fix=explain.way_out(counts))
