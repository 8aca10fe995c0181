"""What verdicts on findings say about a rule: how often it is right, and whether it should keep quiet for a while."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

How = Literal["person", "edit", "published"]
Outcome = Literal["accepted", "rejected"]
State = Literal["speaks", "silenced", "proposed"]
WEIGHTS: Final[Mapping[How, float]] = {"person": 1.0, "edit": 0.5, "published": 0.5}
"""What a verdict counts. A person who says so has judged the rule; text that went away may have gone for any reason,
and text that went out as it was may only have been in a hurry."""
ENOUGH_RATIO: Final = 0.25
"""A rule that is right less often than this costs more attention than it saves."""
DOUBT_RATIO: Final = 0.1
_SHRINKAGE: Final = 4.0  # verdicts on other content types count as at most so many on this one
_TERMS: Final = 300
_TINY: Final = 1e-300


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts on one rule: how many, and what they weigh."""

    accepted: int = 0
    rejected: int = 0
    accepted_weight: float = 0.0
    rejected_weight: float = 0.0

    @property
    def decided(self) -> int:
        """How many verdicts there are."""
        return self.accepted + self.rejected

    def counting(self, outcome: Outcome, how: How) -> Tally:
        """Return the tally with one more verdict."""
        if outcome == "accepted":
            weight = self.accepted_weight + WEIGHTS[how]
            return msgspec.structs.replace(self, accepted=self.accepted + 1, accepted_weight=weight)
        weight = self.rejected_weight + WEIGHTS[how]
        return msgspec.structs.replace(self, rejected=self.rejected + 1, rejected_weight=weight)

    def plus(self, other: Tally) -> Tally:
        return Tally(
            accepted=self.accepted + other.accepted,
            rejected=self.rejected + other.rejected,
            accepted_weight=self.accepted_weight + other.accepted_weight,
            rejected_weight=self.rejected_weight + other.rejected_weight,
        )


class Posterior(msgspec.Struct, frozen=True, kw_only=True):
    """A Beta distribution of the share of a rule's findings that are right."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    def above(self, ratio: float) -> float:
        """Return the probability that the share is larger than `ratio`, 0..1."""
        return 1.0 - beta_below(ratio, self.alpha, self.beta)

    @property
    def is_noise(self) -> bool:
        """Whether the rule is hardly ever right: P(share > 0.25) < 0.1."""
        return self.above(ENOUGH_RATIO) < DOUBT_RATIO


def posterior(of_type: Tally, everywhere: Tally) -> Posterior:
    """Return what is known of a rule in one content type.

    The prior is what is known of the rule everywhere else, counted as at most four verdicts, so that a type with few
    verdicts of its own follows the others and one with many does not. With no verdict at all it is uniform.

    Args:
        of_type: verdicts in that type; `everywhere`: verdicts in all types, `of_type` among them.
    """
    others_right = everywhere.accepted_weight - of_type.accepted_weight
    others_wrong = everywhere.rejected_weight - of_type.rejected_weight
    others = others_right + others_wrong
    strength = min(1.0, _SHRINKAGE / others) if others > 0 else 0.0
    return Posterior(
        alpha=1.0 + strength * others_right + of_type.accepted_weight,
        beta=1.0 + strength * others_wrong + of_type.rejected_weight,
    )


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """All that verdicts and the operator said so far; what a pass asks.

    Attributes:
        tallies: by (rule, content type), since the last reset of the rule.
        silenced: rules the operator told to keep quiet, whatever their tier.
        dismissed: (draft, fingerprint) of findings that a person rejected.
        explore_ratio: share of what a silenced rule says that is shown all the same, so that it can come back.
        seed: another one shows others of them.
    """

    tallies: Mapping[tuple[str, str], Tally] = {}
    silenced: frozenset[str] = frozenset()
    dismissed: frozenset[tuple[str, str]] = frozenset()
    explore_ratio: float = 0.05
    seed: str = "steersman"

    def tally(self, rule: str, type_: str) -> Tally:
        return self.tallies.get((rule, type_), Tally())

    def everywhere(self, rule: str) -> Tally:
        return total(tally for (name, _), tally in self.tallies.items() if name == rule)

    def posterior(self, rule: str, type_: str) -> Posterior:
        return posterior(self.tally(rule, type_), self.everywhere(rule))

    def confidence(self, rule: str, type_: str, own: float) -> float:
        """Return how likely a finding is right: what its engines claim, worth four verdicts, and the verdicts."""
        tally = self.tally(rule, type_)
        known = posterior(tally, self.everywhere(rule))
        # The uniform prior of the posterior gives way to the engine's claim.
        right = known.alpha - 1.0 + _SHRINKAGE * own
        return right / (known.alpha + known.beta - 2.0 + _SHRINKAGE)

    def state(self, rule: str, type_: str, *, is_gate: bool) -> State:
        """Say whether a rule speaks; a gate is only ever proposed to be silenced."""
        if rule in self.silenced:
            return "silenced"
        if not self.posterior(rule, type_).is_noise:
            return "speaks"
        return "proposed" if is_gate else "silenced"

    def why(self, rule: str, type_: str, *, is_gate: bool) -> str:
        """Return in words why a rule speaks, is silent or is proposed to be."""
        if rule in self.silenced:
            return f"silenced by the operator; content learn --reset {rule} takes that back"
        useful = self.posterior(rule, type_).above(ENOUGH_RATIO)
        odds = f"right more often than 1 in 4 with probability {useful:.2f}"
        state = self.state(rule, type_, is_gate=is_gate)
        if state == "proposed":
            return f"{odds}, but it stops posts: content learn --silence {rule}, or leave it"
        if state == "silenced":
            return f"{odds}, less than {DOUBT_RATIO:g}; {self.explore_ratio:.0%} of it is still shown"
        return odds

    def why_silent(self, doc: str, fingerprint: str, rule: str, type_: str, *, is_gate: bool) -> str:
        """Return why a finding is not shown; empty if it is."""
        if (doc, fingerprint) in self.dismissed:
            return "rejected by a person: content accept takes that back"
        if rule in self.silenced:
            return "silenced by the operator: content learn --reset takes that back"
        if self.state(rule, type_, is_gate=is_gate) != "silenced" or self.explores(fingerprint):
            return ""
        tally = self.everywhere(rule)
        return f"learned: {tally.accepted} of {tally.decided} accepted"

    def explores(self, fingerprint: str) -> bool:
        """Say whether a finding is one of those that are shown although its rule is silenced: always the same ones."""
        drawn = hashlib.sha256(f"{self.seed}/{fingerprint}".encode()).digest()[:8]
        return int.from_bytes(drawn) < self.explore_ratio * 2**64


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    result = Tally()
    for tally in tallies:
        result = result.plus(tally)
    return result


def beta_below(x: float, a: float, b: float) -> float:
    """Return the probability that a Beta(a, b) variable is at most `x`: the regularized incomplete beta function.

    Source: continued fraction of NIST DLMF 8.17.22, evaluated by Lentz's method as modified by Thompson and Barnett
    (1986); the symmetry 8.17.4 keeps it on the side where it converges fast.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_below(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    return min(1.0, front / _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """Return 1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22 by Lentz's method."""
    value, ratio, inverse = 1.0, 1.0, 0.0
    for n in range(1, _TERMS):
        m = n // 2
        if n % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        inverse = 1.0 / (1.0 + d * inverse or _TINY)
        ratio = 1.0 + d / ratio or _TINY
        value *= ratio * inverse
        if abs(ratio * inverse - 1.0) < 1e-12:
            break
    return value
