"""What verdicts make of a rule."""

from __future__ import annotations

import math

import pytest

from steersman.content.model.learning import Learned, Posterior, Tally, beta_below, posterior


def verdicts(accepted: int = 0, rejected: int = 0, how: str = "person") -> Tally:
    tally = Tally()
    for _ in range(accepted):
        tally = tally.counting("accepted", how)  # type: ignore[arg-type]
    for _ in range(rejected):
        tally = tally.counting("rejected", how)  # type: ignore[arg-type]
    return tally


def learned(accepted: int = 0, rejected: int = 0, *, how: str = "person", **fields: object) -> Learned:
    return Learned(tallies={("R", "post"): verdicts(accepted, rejected, how)}, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("x", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("b", [0.5, 1.0, 3.0, 40.0])
def test_the_distribution_is_right_where_it_has_a_closed_form(x: float, b: float) -> None:
    assert beta_below(x, 1.0, b) == pytest.approx(1 - (1 - x) ** b, abs=1e-10)
    assert beta_below(x, b, 1.0) == pytest.approx(x**b, abs=1e-10)
    assert beta_below(x, b, 2.5) == pytest.approx(1 - beta_below(1 - x, 2.5, b), abs=1e-10)


def test_the_distribution_is_a_binomial_tail_for_whole_numbers() -> None:
    a, b, x = 3, 5, 0.3
    tail = sum(math.comb(a + b - 1, k) * x**k * (1 - x) ** (a + b - 1 - k) for k in range(a, a + b))
    assert beta_below(x, a, b) == pytest.approx(tail, abs=1e-10)


@pytest.mark.parametrize(
    ("accepted", "rejected", "is_noise"), [(0, 7, False), (0, 8, True), (1, 12, False), (1, 14, True)]
)
def test_a_rule_is_noise_when_it_is_hardly_ever_right(accepted: int, rejected: int, is_noise: bool) -> None:
    assert learned(accepted, rejected).posterior("R", "post").is_noise is is_noise


@pytest.mark.parametrize("how", ["edit", "published"])
def test_what_is_concluded_weighs_half_of_what_a_person_says(how: str) -> None:
    said, concluded = verdicts(2, 4), verdicts(4, 8, how)
    assert (said.accepted_weight, said.rejected_weight) == (concluded.accepted_weight, concluded.rejected_weight)
    assert not learned(0, 14, how=how).posterior("R", "post").is_noise
    assert learned(0, 15, how=how).posterior("R", "post").is_noise


def test_a_type_with_few_verdicts_follows_the_others_and_one_with_many_does_not() -> None:
    elsewhere = verdicts(0, 200)
    few, many = verdicts(1, 0), verdicts(20, 0)
    assert posterior(few, elsewhere.plus(few)).mean < 0.4
    assert posterior(many, elsewhere.plus(many)).mean > 0.75
    assert posterior(Tally(), Tally()) == Posterior(alpha=1.0, beta=1.0)


def test_a_gate_is_proposed_to_be_silenced_and_goes_on_speaking() -> None:
    known = learned(0, 30)
    assert known.state("R", "post", is_gate=True) == "proposed"
    assert known.why_silent("d", "f" * 16, "R", "post", is_gate=True) == ""
    silenced = learned(0, 30, silenced=frozenset({"R"}))
    assert "silenced by the operator" in silenced.why_silent("d", "f" * 16, "R", "post", is_gate=True)


def test_a_silenced_rule_says_what_it_was_learned_from() -> None:
    why = learned(1, 20, explore_ratio=0.0).why_silent("d", "ab", "R", "post", is_gate=False)
    assert why == "learned: 1 of 21 accepted"


def test_the_same_twentieth_of_a_silenced_rule_is_always_shown() -> None:
    known, again = learned(0, 30), learned(0, 30)
    shown = [n for n in range(4000) if known.explores(f"{n:016x}")]
    assert shown == [n for n in range(4000) if again.explores(f"{n:016x}")]
    assert 150 < len(shown) < 250
    assert shown != [n for n in range(4000) if learned(seed="another").explores(f"{n:016x}")]
    assert known.why_silent("d", f"{shown[0]:016x}", "R", "post", is_gate=False) == ""


def test_a_finding_that_a_person_rejected_is_quiet_whatever_its_tier() -> None:
    known = Learned(dismissed=frozenset({("d", "f1")}))
    assert "rejected by a person" in known.why_silent("d", "f1", "R", "post", is_gate=True)
    assert known.why_silent("d", "f2", "R", "post", is_gate=True) == ""


def test_verdicts_move_the_confidence_that_an_engine_claims() -> None:
    assert Learned().confidence("R", "post", 0.8) == pytest.approx(0.8)
    assert learned(10, 0).confidence("R", "post", 0.8) > 0.9
    assert learned(0, 10).confidence("R", "post", 0.8) < 0.3
