"""Why this slot, why not the others, and why none: in words an operator can check against the calendar."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from steersman.content.slots.board import Board, Bools
from steersman.content.slots.constraints import objection
from steersman.content.slots.features import Floats
from steersman.content.slots.forecast import Forecast
from steersman.content.slots.model import How, Placed, Slot, WaitingPost
from steersman.content.slots.randomise import propensity

_TOLD: Final = 3  # slots of which is said why not
_WAYS: Final = {
    "min_gap": "shorten [slots] min_gap",
    "daily_cap": "raise [slots] daily_cap",
    "embargo": "lengthen [slots] horizon past the embargo",
    "last date": "move its last date",
    "campaign": "move the other parts of its campaign",
}


def placed(board: Board, post: WaitingPost, model: Forecast, worth: Floats, *, drawn: bool, fair: bool) -> Placed:
    """Return where `post` stands on the board, with its chance and its reasons.

    Args:
        worth: of each slot to this post.
        drawn: its slot was left to chance.
        fair: the chances of this plan are known.
    """
    index = board.put[post.key]
    board.lift(post)
    free = board.free(post)
    board.place(post, index)
    slot, count = board.slots[index], int(free.sum())
    alone = free.copy()
    alone[index] = False
    best = float(worth[free].max())
    at_best = model.enough and float(worth[index]) >= best
    second = int(np.argmax(np.where(alone, worth, -np.inf))) if alone.any() else None
    how: How = "random" if drawn else "best" if model.enough else "spread"
    return Placed(
        key=post.key,
        slot=slot,
        how=how,
        propensity=propensity(board.rules.random_ratio, count, at_best=at_best or how == "spread") if fair else None,
        at_best=at_best,
        candidates=count,
        expected=model.forecast(slot, post.type),
        runner_up=board.slots[second] if second is not None and model.enough else None,
        reason=_reason(board, post, model, worth, free, drawn=drawn),
        why_not=_why_not(board, post, model, worth, second) if model.enough else (),
    )


def nothing_free(board: Board, post: WaitingPost) -> tuple[dict[str, int], str]:
    """Return how many slots each rule takes from `post`, and that in words."""
    objections = [objection(slot, post, board.others(post), board.rules) for slot in board.slots]
    counts = Counter(found.rule for found in objections if found is not None)
    if not board.slots:
        return {}, f"{post.key}: no slot at all: hours, weekdays and blackout leave nothing within the horizon"
    sample = {found.rule: found.text for found in reversed(objections) if found is not None}
    told = "; ".join(f"{count} are {sample[rule]}{_more(rule)}" for rule, count in counts.most_common())
    ends = board.slots[-1].spoken
    return dict(counts), f"{post.key} finds no slot among {len(board.slots)} until {ends}: {told}"


def way_out(counts: dict[str, int]) -> str:
    """Return what an operator can change, the most effective first."""
    ways = [_WAYS[rule] for rule in sorted(counts, key=lambda rule: -counts[rule])]
    general = ["widen [slots] hours"] if "embargo" in counts else ["lengthen [slots] horizon", "widen [slots] hours"]
    return ", or ".join([*ways[:3], *general])


def _more(rule: str) -> str:
    return " or another post" if rule == "min_gap" else ""


def _reason(board: Board, post: WaitingPost, model: Forecast, worth: Floats, free: Bools, *, drawn: bool) -> str:
    slot, count = board.slots[board.put[post.key]], int(free.sum())
    if not model.enough:
        what = f"drawn from {count} free slots" if drawn else f"spread over hours and days, {count} slots free"
        return f"{model.standing}: {what}"
    best = board.slots[int(np.argmax(np.where(free, worth, -np.inf)))]
    if not drawn:
        return f"expected highest of {count} free slots, {model.standing}"
    if best == slot:
        return f"drawn from {count} free slots to learn from, and the one expected highest"
    better = _share(model, best, slot, post.type)
    return f"drawn from {count} free slots to learn from; the best of them, {best.spoken}, is expected {better}"


def _why_not(board: Board, post: WaitingPost, model: Forecast, worth: Floats, second: int | None) -> tuple[str, ...]:
    """Return the higher slots with the rule each breaks (one for each rule), then the next best free one."""
    index = board.put[post.key]
    slot, others = board.slots[index], board.others(post)
    said: dict[str, str] = {}
    for higher in np.argsort(-worth, kind="stable").tolist():
        if worth[higher] <= worth[index] or len(said) == _TOLD:
            break
        against = objection(board.slots[higher], post, others, board.rules)
        if against is not None and against.text not in said:
            there = board.slots[higher]
            said[against.text] = f"{there.spoken}: expected {_share(model, there, slot, post.type)}, but {against.text}"
    told = list(said.values())
    if second is not None:
        there = board.slots[second]
        told.append(f"{there.spoken}: free, expected {_share(model, there, slot, post.type)}")
    return tuple(told)


def _share(model: Forecast, one: Slot, other: Slot, type: str) -> str:
    """Return `4% higher (not told apart: -3% to +11%)`: how `one` compares to `other`."""
    found = model.difference(one, other, type)
    if abs(found.ratio) < 0.005:
        return "the same"
    text = f"{abs(found.ratio):.0%} {'higher' if found.ratio > 0 else 'lower'}"
    return text if found.told_apart else f"{text} (not told apart: {found.low:+.0%} to {found.high:+.0%})"
