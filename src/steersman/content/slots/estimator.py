"""What a post is expected to earn in a slot: a Bayesian regression whose shrinkage is learned from the data.

log1p(engagement at one age) is a sum of type, a level that wanders (a random walk in steps of 30 days), hour of the
day, weekday, the hour on weekends, hour by type, and single hours; the noise has heavy tails. Weights are conjugate
(normal, inverse gamma): for given prior scales the posterior and the marginal likelihood have a closed form (Gelman
et al., Bayesian Data Analysis, 3rd ed., 14.8). The scale of each group is found by climbing that likelihood over a
small grid (empirical Bayes); heavy tails are a Student t fitted by reweighting (Lange, Little and Taylor, 1989).

Intervals are not believed but measured: each post is forecast from those before it, and the spread of the errors
made, divided by what the model said, is what the interval of the next post is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from steersman.content.slots.features import DAY_NS, GROUPS, SLOT_GROUPS, Columns, Floats
from steersman.content.slots.model import COMPARED_AGE_S, Observation

ENOUGH: Final = 30
"""Posts below which nothing is expected of any slot."""
HALF_LIVES_DAYS: Final = (730.0, 240.0, 80.0)
"""How fast what a slot is worth may change; each counts as much as it foretells."""
_MAX_POSTS: Final = 1_000
_WARM: Final = 10  # forecasts that only warm up
_MAX_AGE_NS: Final = 3 * 365 * DAY_NS
_GRID: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_DEGREES: Final = 5.0  # of freedom of the noise: heavy, with a variance
_ROUNDS: Final = 3  # of reweighting; the weights hardly move after the second
_SHAPE: Final = 1.0
_RATE: Final = 0.1  # a weak prior: noise of about 0.3 on the log scale, worth two posts
_FIXED: Final = {"intercept": 10.0}
_USUAL: Final = {"type": 1.0, "level": 0.5}
_USUAL_SLOT: Final = 0.15
"""What a scale usually is, in units of the noise (a half-normal prior): slots explained .002 to .049 of the variance
of six real pages, so that their effects have about a tenth of the noise's spread."""


class Sample(msgspec.Struct, frozen=True):
    """The posts a model is made of, oldest first, and what was left out.

    Attributes:
        earned: log1p of engagement, shape (n,).
        other_age: observations at another age than the model's; they are never compared.
        repeated: seen twice.
        unusable: in the future, or a count below zero or not finite.
        old: before the last 3 years or the last 1,000 posts.
    """

    at: tuple[int, ...]
    types: tuple[str, ...]
    earned: Floats
    other_age: int = 0
    repeated: int = 0
    unusable: int = 0
    old: int = 0

    @property
    def n(self) -> int:
        """How many posts."""
        return len(self.at)


def sample(observations: Sequence[Observation], *, channel: str, now: int, age_s: int = COMPARED_AGE_S) -> Sample:
    """Return the posts of `channel` that can be compared, each once: of several looks at one key the last given."""
    ours = [o for o in observations if o.channel == channel]
    aged = [o for o in ours if o.age_s == age_s]
    fit_to_use = [o for o in aged if o.published_at <= now and 0 <= o.engagement < float("inf")]
    single = {(o.key,) if o.key else (o.published_at, o.type, o.engagement): o for o in fit_to_use}
    ordered = sorted(single.values(), key=lambda o: (o.published_at, o.key, o.type, o.engagement))
    kept = [o for o in ordered if now - o.published_at <= _MAX_AGE_NS][-_MAX_POSTS:]
    return Sample(
        at=tuple(o.published_at for o in kept),
        types=tuple(o.type for o in kept),
        earned=np.log1p(np.array([o.engagement for o in kept], dtype=float)),
        other_age=len(ours) - len(aged),
        repeated=len(fit_to_use) - len(ordered),
        unusable=len(aged) - len(fit_to_use),
        old=len(ordered) - len(kept),
    )


class Posterior(msgspec.Struct, frozen=True):
    """What the data leave of the weights.

    Attributes:
        weights: mean, shape (columns,).
        covariance: of the weights in units of `noise`**2, shape (columns, columns).
        noise: scale of the noise on the log scale.
        errors: standardised errors of one-step-ahead forecasts, oldest first.
        half_life_days: of what slots are worth, the (geometric) mean of those that were tried.
    """

    weights: Floats
    covariance: Floats
    noise: float
    errors: Floats
    half_life_days: float


def learn(columns: Columns, posts: Sample, now: int, *, slots: bool = True) -> tuple[Posterior, float]:
    """Return the posterior of the weights, and the centre that was taken off `earned` before.

    Args:
        columns: made for these posts.
        posts: at least two.
        now: ns; not before the last post.
        slots: False lets only type and level explain anything: what the rest is measured against.
    """
    rows = columns.rows(posts.at, posts.types)
    centre = float(np.median(posts.earned))
    earned = posts.earned - centre
    days = np.array([now - at for at in posts.at], dtype=float) / DAY_NS
    fixed = _FIXED if slots else {**_FIXED, **dict.fromkeys(SLOT_GROUPS, 0.0)}
    robust, scales = _steady(rows, earned, days, columns, fixed)
    found = []
    for half_life in HALF_LIVES_DAYS:
        system = _System(rows, earned, robust, 0.5 ** (days / half_life), columns)
        scales = system.climb(scales, fixed)
        _, _, noise = system.solve(scales)
        found.append(_filtered(rows, earned, robust, days, _Prior(columns, scales, noise, half_life)))
    return _averaged(found), centre


def _averaged(found: Sequence[tuple[Posterior, float]]) -> Posterior:
    """Return the mixture of the posteriors of each half-life, weighted by how well it foretold what came."""
    likelihood = np.array([value for _, value in found])
    chance = np.exp(likelihood - likelihood.max())
    chance /= chance.sum()
    pairs = [(share, posterior) for share, (posterior, _) in zip(chance.tolist(), found, strict=True)]
    weights = sum((share * p.weights for share, p in pairs), np.zeros(len(found[0][0].weights)))
    covariance = np.zeros_like(found[0][0].covariance)
    for share, p in pairs:
        off = (p.weights - weights) / p.noise
        covariance += share * (p.covariance + np.outer(off, off))
    return Posterior(
        weights=weights,
        covariance=covariance,
        noise=sum(share * p.noise for share, p in pairs),
        errors=sum((share * p.errors for share, p in pairs), np.zeros(len(found[0][0].errors))),
        half_life_days=float(2 ** sum(share * np.log2(p.half_life_days) for share, p in pairs)),
    )


def _steady(
    rows: Floats, earned: Floats, days: Floats, columns: Columns, fixed: Mapping[str, float]
) -> tuple[Floats, dict[str, float]]:
    """Return how far each post is trusted (1 is fully, outliers less), and the scales found on the way."""
    # A first guess: modest effects of the slot, types and levels that may differ more.
    scales = {name: fixed.get(name, 0.4 if name in ("type", "level") else 0.1) for name in GROUPS}
    recency = 0.5 ** (days / HALF_LIVES_DAYS[0])
    robust = np.ones(len(earned))
    for _ in range(_ROUNDS):
        system = _System(rows, earned, robust, recency, columns)
        scales = system.climb(scales, fixed)
        weights, covariance, noise = system.solve(scales)
        spread = ((rows @ covariance) * rows).sum(axis=1)
        robust = (_DEGREES + 1) / (_DEGREES + (earned - rows @ weights) ** 2 / noise**2 + spread)
    return robust, scales


class _System:
    """The normal equations of one weighting; every scale is tried on them without another pass over the posts.

    `robust` says how wide each post's noise is, `recency` to which power its likelihood counts.
    """

    def __init__(self, rows: Floats, earned: Floats, robust: Floats, recency: Floats, columns: Columns) -> None:
        self._groups = columns.groups
        self._n = float(recency.sum())
        weight = robust * recency
        weighted = rows * weight[:, None]
        self._gram = weighted.T @ rows
        self._moment = weighted.T @ earned
        self._square = float(earned @ (weight * earned))

    def prior(self, scales: dict[str, float]) -> Floats:
        """Return the prior standard deviation of each column, in units of the noise."""
        return np.array([scales[name] for name in GROUPS])[self._groups]

    def climb(self, scales: dict[str, float], fixed: Mapping[str, float]) -> dict[str, float]:
        """Return better scales: group after group takes the mean of the grid, weighted by likelihood and prior, twice.

        The mean, not the best: with few posts the likelihood is flat, and its top is anywhere.
        """
        grid = np.array(_GRID)
        for _ in range(2):
            for name in GROUPS:
                if name not in fixed:
                    usual = _USUAL.get(name, _USUAL_SLOT)
                    log = [self._evidence({**scales, name: value}) - (value / usual) ** 2 / 2 for value in _GRID]
                    chance = np.exp(np.array(log) - max(log))
                    scales = {**scales, name: float(np.sqrt(chance @ grid**2 / chance.sum()))}
        return scales

    def _evidence(self, scales: dict[str, float]) -> float:
        """Return the log marginal likelihood up to what is the same for all scales; noise integrated out."""
        lower, projected = self._factor(self.prior(scales))
        misfit = max(self._square - float(projected @ projected), 1e-12)
        return float(-np.log(np.diag(lower)).sum() - (_SHAPE + self._n / 2) * np.log(_RATE + misfit / 2))

    def _factor(self, prior: Floats) -> tuple[Floats, Floats]:
        inner = prior[:, None] * self._gram * prior
        lower: Floats = np.linalg.cholesky(inner + np.eye(len(prior)))
        projected: Floats = np.linalg.solve(lower, prior * self._moment)
        return lower, projected

    def solve(self, scales: dict[str, float]) -> tuple[Floats, Floats, float]:
        """Return the weights' mean, their covariance in units of the squared noise, and the noise."""
        prior = self.prior(scales)
        lower, projected = self._factor(prior)
        inverse = np.linalg.inv(lower) * prior
        misfit = max(self._square - float(projected @ projected), 1e-12)
        noise = float(np.sqrt((_RATE + misfit / 2) / (_SHAPE + self._n / 2)))
        covariance = inverse.T @ inverse
        return inverse.T @ projected, covariance, noise


class _Prior(msgspec.Struct, frozen=True):
    """What is believed before the first post: scales of the groups, the noise, how fast slots change."""

    columns: Columns
    scales: dict[str, float]
    noise: float
    half_life: float


def _filtered(rows: Floats, earned: Floats, trust: Floats, days: Floats, prior: _Prior) -> tuple[Posterior, float]:
    """Go through the posts in time; return what is believed today, and the log likelihood of each from those before.

    What a slot is worth is forgotten at the half-life and falls back to the prior; type and level are not: the level
    wanders by itself. Source: the Kalman filter of a stationary dynamic linear model (West and Harrison, 1997, ch. 4).
    """
    variance = np.array([prior.scales[name] for name in GROUPS])[prior.columns.groups] ** 2
    fading = slot_columns(prior.columns)
    mean: Floats = np.zeros(len(variance))
    covariance: Floats = np.diag(variance)
    errors, likelihood, last = np.zeros(len(earned)), 0.0, float(days[0])
    for index, row in enumerate(rows):
        mean, covariance = _faded(mean, covariance, variance, fading, last - float(days[index]), prior.half_life)
        last = float(days[index])
        gain = covariance @ row
        ahead, miss = float(row @ gain), float(earned[index] - row @ mean)
        errors[index] = miss / (prior.noise * np.sqrt(ahead + 1.0))
        if index >= _WARM:
            likelihood += _log_student(errors[index]) - float(np.log(ahead + 1.0)) / 2 - float(np.log(prior.noise))
        mean = mean + gain * (miss / (ahead + 1.0 / trust[index]))
        covariance = covariance - np.outer(gain, gain) / (ahead + 1.0 / trust[index])
    mean, covariance = _faded(mean, covariance, variance, fading, last, prior.half_life)
    told = errors[max(_WARM, len(errors) // 5) :]
    return Posterior(mean, covariance, prior.noise, told, prior.half_life), likelihood


def _faded(
    mean: Floats, covariance: Floats, variance: Floats, fading: Floats, days: float, half_life: float
) -> tuple[Floats, Floats]:
    keeps = 0.5 ** (fading * days / half_life)
    faded = covariance * keeps[:, None] * keeps
    faded[np.diag_indices_from(faded)] += (1 - keeps**2) * variance
    return mean * keeps, faded


def _log_student(error: float) -> float:
    return -(_DEGREES + 1) / 2 * float(np.log1p(error**2 / _DEGREES))


def slot_columns(columns: Columns) -> Floats:
    """Return 1 for each column that depends on the slot, else 0."""
    wanted = [GROUPS.index(name) for name in SLOT_GROUPS]
    return np.isin(columns.groups, wanted).astype(float)
