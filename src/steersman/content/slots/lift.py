"""What choosing slots has brought, from posts whose slot was given by chance of a known probability; or "not proven".

Every post had a known probability of the slot it got, so posts can be weighted to stand for another way of choosing:
always the slot expected best, any allowed slot, or the operator's usual hour. The estimate is the self-normalised one
(Hajek; Swaminathan and Joachims, 2015) of log1p(engagement) less what type and level alone explain, which makes it
doubly robust (Robins, Rotnitzky and Zhao, 1994; the correction cancels where the forecast does not know the slot).
Its interval comes from the linearised terms with Student's t. Where too few posts stand for one side it says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from steersman.content.slots.features import Floats
from steersman.content.slots.forecast import Forecast
from steersman.content.slots.model import How

LEAST: Final = 10
"""Posts that must stand, by weight, on each side before anything is said."""
_ABOUT_MIN: Final = 60
_CLIP: Final = 3.5  # robust standard deviations; one post in a thousand must not decide a year

Verdict = Literal["better", "worse", "not proven", "not enough data", "no overlap"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A post that was placed by a plan, and what it earned.

    Attributes:
        at: when it went out, ns.
        wall: `2026-11-30T09:00`, as planned.
        how, propensity, at_best, candidates: as in `Placed`.
        engagement: at the age that is compared.
        informed: the plan expected something of slots (`Placed.expected` is there); before that none was best.
    """

    key: str
    type: str
    at: int
    wall: str
    how: How
    propensity: float | None
    at_best: bool
    candidates: int
    engagement: float
    informed: bool = True


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """How much more the chosen slots earn than `versus`: 0.04 is 4% more, of (1 + engagement), typical posts.

    Attributes:
        ratio, low, high: estimate and 95% interval; None where nothing can be said.
        n: posts with a known chance and an outcome; `effective` is what they are worth on the thinner side.
        text: the verdict as a sentence.
    """

    versus: str
    verdict: Verdict
    ratio: float | None
    low: float | None
    high: float | None
    n: int
    effective: float
    text: str


def lift(outcomes: Sequence[Outcome], model: Forecast | None = None, *, usual: str = "") -> Lift:
    """Compare the slots expected best with any allowed slot, or with those within an hour of `usual` (`09:00`).

    Args:
        outcomes: posts placed by plans; those without a propensity, or from before there was enough data, are left out.
        model: a forecast of the channel, to take type and level off; None compares posts as they are.
        usual: the operator's own time; empty: any allowed slot, evenly.
    """
    versus = f"about {usual}" if usual else "any allowed slot"
    known = [o for o in outcomes if o.propensity and o.informed and o.how != "spread"]
    if len(known) < 2 * LEAST:
        return _silent(
            versus, "not enough data", len(known), 0.0, f"{len(known)} of {2 * LEAST} posts with a known chance"
        )
    chosen = np.array([o.at_best / (o.propensity or 1.0) for o in known])
    other = np.array([_stands_for(o, usual) for o in known])
    # Posts at the best slot stand for both sides a little; without others there would be nothing to compare with.
    apart = sum(weight > 0 and not o.at_best for o, weight in zip(known, other.tolist(), strict=True))
    there, here = min(_effective(other), float(apart)), _effective(chosen)
    effective = min(here, there)
    if effective < LEAST:
        missing = "at the best slot" if here < there else f"for {versus}"
        reason = f"only {effective:.1f} of {LEAST} posts stand {missing}; keep [slots] random_ratio between 0.1 and 0.5"
        return _silent(versus, "no overlap", len(known), effective, reason)
    middle, error, freedom = _difference(_earned(known, model), chosen, other)
    reach = _student(freedom) * error
    low, high = math.expm1(middle - reach), math.expm1(middle + reach)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "not proven"
    ratio = math.expm1(middle)
    said = f"{ratio:+.0%} against {versus} ({low:+.0%} to {high:+.0%}, {len(known)} posts)"
    text = f"not proven: {said}" if verdict == "not proven" else f"proven {verdict}: {said}"
    return Lift(
        versus=versus, verdict=verdict, ratio=ratio, low=low, high=high, n=len(known), effective=effective, text=text
    )


def _silent(versus: str, verdict: Verdict, n: int, effective: float, why: str) -> Lift:
    return Lift(
        versus=versus, verdict=verdict, ratio=None, low=None, high=None, n=n, effective=effective,
        text=f"{verdict}: {why}",
    )  # fmt: skip


def _stands_for(outcome: Outcome, usual: str) -> float:
    """Return the weight of a post for the other way of choosing.

    Slots about the usual time are the same share of all for every post, so how many they are cancels.
    """
    if usual and abs(_minute(outcome.wall[11:16]) - _minute(usual)) > _ABOUT_MIN:
        return 0.0
    return 1.0 / ((outcome.propensity or 1.0) * outcome.candidates)


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:5])


def _effective(weight: Floats) -> float:
    """Return how many equal weights these are worth (Kish, 1965)."""
    square = float((weight**2).sum())
    return float(weight.sum()) ** 2 / square if square else 0.0


def _earned(outcomes: Sequence[Outcome], model: Forecast | None) -> Floats:
    """Return log1p of engagement less type and level, the far ends pulled in."""
    earned = np.log1p(np.array([o.engagement for o in outcomes], dtype=float))
    if model is not None and model.enough:
        earned = earned - model.without_slot([o.at for o in outcomes], [o.type for o in outcomes])
    middle = float(np.median(earned))
    spread = 1.4826 * float(np.median(np.abs(earned - middle)))
    clipped: Floats = np.clip(earned, middle - _CLIP * spread, middle + _CLIP * spread)
    return clipped if spread else earned


def _difference(earned: Floats, chosen: Floats, other: Floats) -> tuple[float, float, float]:
    """Return the difference of the weighted means, its standard error, and the degrees of freedom (Satterthwaite)."""
    terms = [weight / weight.sum() * (earned - np.average(earned, weights=weight)) for weight in (chosen, other)]
    size = [_effective(weight) for weight in (chosen, other)]
    scale = [n / (n - 1) for n in size]
    # One post may stand on both sides (drawn and best): the terms are taken together.
    error = math.sqrt(float(((terms[0] * scale[0] ** 0.5 - terms[1] * scale[1] ** 0.5) ** 2).sum()))
    parts = [float((term**2).sum()) * factor for term, factor in zip(terms, scale, strict=True)]
    below = sum(part**2 / (n - 1) for part, n in zip(parts, size, strict=True))
    freedom = sum(parts) ** 2 / below if below else size[1] - 1
    middle = float(np.average(earned, weights=chosen) - np.average(earned, weights=other))
    return middle, error, freedom


def _student(freedom: float) -> float:
    """Return the 97.5% point of Student's t, within 0.3% from 5 degrees of freedom on.

    Source: Abramowitz and Stegun, 26.7.5.
    """
    z = 1.959964
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
