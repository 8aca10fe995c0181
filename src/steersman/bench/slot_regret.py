"""How much is lost against the best slot there is: ours, and three rules people use, after the same past."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np

from steersman.bench.row import Row
from steersman.bench.slot_history import USUAL, Published, history, learned, week
from steersman.bench.slot_world import TYPES, WORLDS, World
from steersman.content.slots.model import Slot

POSTS: Final = (30, 100, 200, 400)
_WORLDS: Final = tuple(name for name in WORLDS if name != "flat")
_PEERS: Final = ("fixed hour", "raw slot mean", "raw hour mean", "any slot")
_OURS: Final = "ours"
Regrets = dict[tuple[str, int, str], list[float]]
"""By world, posts and rule: one share (0..1) of the best slot's worth that is lost, for each seed."""


def rows(seeds: Sequence[int]) -> list[Row]:
    """Return regret after each number of posts beside each rule's, paired by world and seed, and each world's."""
    found = _measure(seeds)
    told: list[Row] = []
    for posts in POSTS:
        ours = _by_seed(found, posts, _OURS)
        told.append(_row(f"regret after {posts} posts, mean of {len(_WORLDS)} worlds", ours, note=_note(found, posts)))
        for peer in _PEERS:
            saved = [theirs - mine for theirs, mine in zip(_by_seed(found, posts, peer), ours, strict=True)]
            told.append(_row(f"regret saved after {posts} posts", saved, versus=peer, target=0.0))
    for world in _WORLDS:
        ours = found[world, 200, _OURS]
        best = min(_PEERS, key=lambda peer: statistics.mean(found[world, 200, peer]))
        saved = [theirs - mine for theirs, mine in zip(found[world, 200, best], ours, strict=True)]
        told.append(
            _row(
                f"regret saved after 200 posts, world '{world}'",
                saved,
                versus=f"{best}, the best simple rule there",
                target=0.0,
                note=f"{WORLDS[world].why}; regret " + _each(found, world),
            )
        )
    return told


def _measure(seeds: Sequence[int]) -> Regrets:
    found: Regrets = {}
    slots = week()
    for name in _WORLDS:
        for seed in seeds:
            world = World(WORLDS[name], seed)
            past = history(world, POSTS[-1], seed)
            worth = {kind: np.array([world.worth(slot.local, kind) for slot in slots]) for kind in TYPES}
            for posts in POSTS:
                for rule, lost in _regrets(past[-posts:], slots, worth).items():
                    found.setdefault((name, posts, rule), []).append(lost)
    return found


def _regrets(past: Sequence[Published], slots: Sequence[Slot], worth: dict[str, np.ndarray]) -> dict[str, float]:
    """Return each rule's regret, the mean over types; a rule that leaves several slots open takes any of them."""
    model = learned(past)
    lost: dict[str, list[float]] = {}
    for kind, values in worth.items():
        ours = np.arange(len(slots)) == int(np.argmax(model.forecasts(slots, kind).mean))
        chosen = {
            _OURS: ours,
            "fixed hour": np.array([slot.local.hour + slot.local.minute / 60 == USUAL for slot in slots]),
            "raw slot mean": _mean_rule(past, slots, by_day=True),
            "raw hour mean": _mean_rule(past, slots, by_day=False),
            "any slot": np.ones(len(slots), dtype=bool),
        }
        for rule, mask in chosen.items():
            lost.setdefault(rule, []).append(1 - float(values[mask].mean()) / float(values.max()))
    return {rule: statistics.mean(each) for rule, each in lost.items()}


def _mean_rule(past: Sequence[Published], slots: Sequence[Slot], *, by_day: bool) -> np.ndarray:
    """Return the slots of the hour (and weekday) with the highest mean of the past, seen twice where any was."""
    seen: dict[tuple[int, int], list[int]] = {}
    for post in past:
        seen.setdefault((post.when.weekday() if by_day else 0, post.when.hour), []).append(post.earned)
    twice = {cell: earned for cell, earned in seen.items() if len(earned) > 1} or seen
    best = max(twice, key=lambda cell: statistics.mean(twice[cell]))
    return np.array([(slot.local.weekday() if by_day else 0, slot.local.hour) == best for slot in slots])


def _by_seed(found: Regrets, posts: int, rule: str) -> list[float]:
    """Return the mean over worlds for each seed."""
    return [statistics.mean(each) for each in zip(*(found[world, posts, rule] for world in _WORLDS), strict=True)]


def _note(found: Regrets, posts: int) -> str:
    return ", ".join(f"{peer} {100 * statistics.mean(_by_seed(found, posts, peer)):.1f}" for peer in _PEERS)


def _each(found: Regrets, world: str) -> str:
    rules = (_OURS, *_PEERS)
    return ", ".join(f"{rule} {100 * statistics.mean(found[world, 200, rule]):.1f}" for rule in rules)


def _row(metric: str, values: Sequence[float], *, versus: str = "", target: float | None = None, note: str = "") -> Row:
    """Return the mean in percent with its 95% interval over seeds; a target is met when the whole interval is above."""
    middle = 100 * statistics.mean(values)
    reach = 100 * 2.0 * statistics.stdev(values) / len(values) ** 0.5
    return Row(
        bench="slots", metric=metric, value=round(middle, 2), unit="points" if versus else "%", target=target,
        met=None if target is None else middle - reach > target, compared_with=versus, runs=len(values),
        low=round(middle - reach, 2), high=round(middle + reach, 2), note=note,
    )  # fmt: skip
