"""What a replay says about a contestant, each figure with its interval."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from steersman.content.replay.classes import KINDS, MISTAKES, OBJECTIVE
from steersman.content.replay.intervals import rate, wilson
from steersman.content.replay.run import Hit, Played

BUDGETS: Final = (5.0, 10.0)
_EVERY: Final = frozenset(KINDS)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A share or a rate: `value` (None where nothing was counted), what it was counted from, its 95% interval."""

    value: float | None
    count: int
    of: int
    low: float | None
    high: float | None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant on one part of a history.

    Attributes:
        part: all, earlier or later half.
        recall: by class of edit, and of `mistakes` (spelling, real-word, agreement), `objective` (all but wording) and
            `all`: share of edits that a flag met.
        flags_per_1000: flags per 1,000 published words: false alarms, as nobody changed that text.
        recall_at: share of objective edits met when only the surest flags are kept, as many as give 5 and 10 per 1,000
            published words; flags of one confidence share what room is left. None without published text.
        exact: of objective edits that were met, the share where the first suggestion is what the author wrote.
        rounds: share of commits of which every edit was met; `typo_rounds`: of those with nothing but mistakes.
    """

    name: str
    part: str
    recall: dict[str, Figure]
    flags_per_1000: Figure
    recall_at: dict[str, float | None]
    exact: Figure
    rounds: Figure
    typo_rounds: Figure


_PARTS: Final[dict[str, Callable[[float], bool]]] = {
    "all": lambda _: True,
    "earlier": lambda at: at < 0.5,
    "later": lambda at: at >= 0.5,
}


def score(played: Played, part: str = "all") -> Score:
    """Measure what `played` did in one part of the history."""
    inside = _PARTS[part]
    hits = [hit for hit in played.hits if inside(hit.at)]
    length = sum(count for at, count in played.words if inside(at))
    alarms = [alarm.confidence for alarm in played.alarms if inside(alarm.at)]
    groups: dict[str, Collection[str]] = {kind: {kind} for kind in KINDS}
    groups |= {"mistakes": MISTAKES, "objective": OBJECTIVE, "all": _EVERY}
    objective = [hit for hit in hits if hit.kind in OBJECTIVE]
    met = [hit for hit in objective if hit.confidence is not None]
    return Score(
        name=played.name,
        part=part,
        recall={name: _recall(hits, kinds) for name, kinds in groups.items()},
        flags_per_1000=_rate(len(alarms), length),
        recall_at={f"{budget:g}": _at_budget(objective, alarms, length, budget) for budget in BUDGETS},
        exact=share(sum(hit.is_exact for hit in met), len(met)),
        rounds=_rounds(hits, _EVERY),
        typo_rounds=_rounds(hits, MISTAKES),
    )


def pooled(many: Sequence[Played]) -> Played:
    """Return several replays of one contestant as one: each keeps its own halves."""
    return Played(
        name=many[0].name,
        hits=tuple(
            msgspec.structs.replace(hit, commit=f"{number}/{hit.commit}")
            for number, one in enumerate(many)
            for hit in one.hits
        ),
        alarms=tuple(alarm for one in many for alarm in one.alarms),
        words=tuple(count for one in many for count in one.words),
    )


def share(count: int, of: int) -> Figure:
    low, high = wilson(count, of)
    if not of:
        return Figure(value=None, count=0, of=0, low=None, high=None)
    return Figure(value=count / of, count=count, of=of, low=low, high=high)


def _rate(count: int, length: int) -> Figure:
    if not length:
        return Figure(value=None, count=0, of=0, low=None, high=None)
    low, high = rate(count)
    scale = 1000 / length
    return Figure(value=count * scale, count=count, of=length, low=low * scale, high=high * scale)


def _recall(hits: Sequence[Hit], kinds: Collection[str]) -> Figure:
    chosen = [hit for hit in hits if hit.kind in kinds]
    return share(sum(hit.confidence is not None for hit in chosen), len(chosen))


def _rounds(hits: Sequence[Hit], kinds: Collection[str]) -> Figure:
    """Return the share of commits, of those with edits of `kinds` only, of which every edit was met."""
    by_commit: dict[str, list[Hit]] = {}
    for hit in hits:
        by_commit.setdefault(hit.commit, []).append(hit)
    chosen = [of for of in by_commit.values() if all(hit.kind in kinds for hit in of)]
    return share(sum(all(hit.confidence is not None for hit in of) for of in chosen), len(chosen))


def _at_budget(hits: Sequence[Hit], alarms: Sequence[float], length: int, budget: float) -> float | None:
    if not length or not hits:
        return None
    room, met = budget * length / 1000, 0.0
    for level in sorted({hit.confidence for hit in hits if hit.confidence is not None} | set(alarms), reverse=True):
        here = sum(hit.confidence == level for hit in hits)
        cost = sum(confidence == level for confidence in alarms)
        if cost > room:
            return (met + here * room / cost) / len(hits)
        met, room = met + here, room - cost
    return met / len(hits)
