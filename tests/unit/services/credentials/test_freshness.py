"""When tokens are fresh, due and over; how long a failing provider is left alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.services.credentials.freshness import (
    LONGEST_LIFE_S,
    age_s,
    due_after_s,
    judge,
    left_s,
    life_s,
    pause_s,
)
from steersman.services.credentials.provider import Token

lives = st.floats(min_value=0.5, max_value=LONGEST_LIFE_S)
ratios = st.floats(min_value=0, max_value=1)


def a_token(life: float = 3600.0, *, obtained_at: int = 0, elapsed_ns: int = 0, boot: str = "this") -> Token:
    return Token(
        token_id="8" * 32, secret="s", life_s=life, obtained_at=obtained_at, obtained_elapsed_ns=elapsed_ns, boot=boot
    )


@given(life=lives, jitter=ratios)
def test_a_token_is_due_within_its_life_never_late_and_never_all_the_time(life: float, jitter: float) -> None:
    due = due_after_s(life, jitter)
    assert 0.45 * life <= due <= 0.8 * life + 1e-9
    if life >= 120:
        assert life - due >= 60 - 1e-6


@given(life=lives, jitter=ratios, later=ratios)
def test_jitter_only_ever_makes_it_earlier(life: float, jitter: float, later: float) -> None:
    assert due_after_s(life, max(jitter, later)) <= due_after_s(life, min(jitter, later))


@pytest.mark.parametrize(("life", "due"), [(2, 1), (100, 50), (120, 60), (300, 240), (3600, 2880), (86_400, 69_120)])
def test_due_at_80_percent_or_a_minute_before_the_end_or_at_half(life: float, due: float) -> None:
    assert due_after_s(life, 0.0) == pytest.approx(due)


@given(life=lives, age=st.floats(min_value=0, max_value=2 * LONGEST_LIFE_S))
def test_what_is_left_is_enough_to_be_of_use_and_ends_with_the_token(life: float, age: float) -> None:
    token = a_token(life)
    left = left_s(token, age)
    assert left == 0 or min(2.0, 0.1 * life) < left <= life
    assert (left == 0) == (judge(token, age) == "over")
    if age >= life:
        assert left == 0


@given(life=lives, first=ratios, second=ratios)
def test_a_token_only_ever_gets_older(life: float, first: float, second: float) -> None:
    order = ("fresh", "due", "over")
    young, old = sorted((first, second))
    token = a_token(life)
    assert order.index(judge(token, young * life)) <= order.index(judge(token, old * life))


def test_within_a_boot_the_clock_that_never_jumps_counts() -> None:
    token = a_token(obtained_at=10**18, elapsed_ns=5_000_000_000)
    assert age_s(token, now_ns=0, elapsed_ns=8_000_000_000, boot="this") == 3.0
    assert age_s(token, now_ns=10**18 + 7_000_000_000, elapsed_ns=1, boot="another") == 7.0


@pytest.mark.parametrize(("now_ns", "elapsed_ns", "boot"), [(0, 0, "another"), (10**19, 0, "this"), (0, 9, "")])
def test_an_age_that_cannot_be_is_endless(now_ns: int, elapsed_ns: int, boot: str) -> None:
    token = a_token(obtained_at=10**18, elapsed_ns=5)
    assert age_s(token, now_ns=now_ns, elapsed_ns=elapsed_ns, boot=boot) == math.inf


@given(said=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_whatever_a_provider_says_a_life_is_positive_and_bounded(said: object) -> None:
    life, _ = life_s(said, assumed_s=300.0)
    assert 0 < life <= LONGEST_LIFE_S


@given(
    failures=st.integers(min_value=1, max_value=10_000), jitter=ratios, asked=st.one_of(st.none(), st.floats(0, 1e9))
)
def test_pauses_grow_are_bounded_and_obey_retry_after(failures: int, jitter: float, asked: float | None) -> None:
    pause = pause_s(failures, jitter, retry_after_s=asked)
    assert 0.5 <= pause <= 3600
    assert pause_s(failures + 1, jitter, retry_after_s=asked) >= pause
    if asked is not None:
        assert pause >= min(asked, 3600)
