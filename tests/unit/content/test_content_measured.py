"""Review measured: shares with intervals, rounds and time; too little data is said, not guessed from."""

from __future__ import annotations

import msgspec
import pytest

from steersman.content.review.measured import measured, wilson

HOUR = 3_600_000_000_000
START = 1_700_000_000_000_000_000  # 2023-11-14


class ARound(msgspec.Struct, frozen=True):
    draft: str = "content/one.md"
    type: str = "post"
    asked_at: int = START
    ended_at: int | None = START + HOUR
    outcome: str = "approved"


class ARemark(msgspec.Struct, frozen=True):
    draft: str = "content/one.md"
    category: str = "grammar"
    caught: str = ""
    status: str = "fixed"
    type: str = "post"
    start: int = 0
    end: int = 5


def test_below_enough_there_is_a_count_and_no_figure() -> None:
    found = measured([ARound()], [ARemark(caught="f")] * 19)
    assert (found.caught.n, found.caught.hits, found.caught.ratio, found.caught.low) == (19, 19, None, None)
    assert (found.rounds.n, found.rounds.median) == (1, None)


def test_the_share_has_its_interval_and_leaves_out_what_is_no_finding() -> None:
    remarks = [ARemark(caught="f")] * 12 + [ARemark(category="fact")] * 8
    noise = [ARemark(status="dismissed")] * 50 + [ARemark(start=0, end=0)] * 50
    found = measured([], [*remarks, *noise])
    assert (found.caught.n, found.caught.hits, found.caught.ratio) == (20, 12, 0.6)
    assert found.caught.low == pytest.approx(0.3866, abs=1e-4)
    assert found.caught.high == pytest.approx(0.7812, abs=1e-4)
    assert {name: share.n for name, share in found.by_category.items()} == {"fact": 8, "grammar": 12}


def test_a_finding_confirmed_without_a_remark_counts_once() -> None:
    remarks = [ARemark(caught="f1")] * 2 + [ARemark()] * 2
    found = measured(
        [], remarks, [("content/one.md", "f1"), ("content/one.md", "f2"), ("content/two.md", "f1")], enough=4
    )
    assert (found.caught.hits, found.caught.n) == (2, 4)
    assert (found.with_confirmed.hits, found.with_confirmed.n) == (4, 6)


def test_wilson_stays_within_0_and_1() -> None:
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_rounds_count_until_approval_and_begin_anew_after_it() -> None:
    def decided(at: int, outcome: str, draft: str = "content/one.md") -> ARound:
        return ARound(draft=draft, ended_at=START + at * HOUR, outcome=outcome)

    rounds = [
        decided(3, "approved"),
        decided(1, "returned"),
        decided(2, "withdrawn"),
        decided(4, "approved"),
        decided(5, "returned", "content/two.md"),
        ARound(outcome="waits", ended_at=None),
    ]
    found = measured(rounds, [], enough=2)
    assert (found.rounds.n, found.rounds.median, found.rounds.mean) == (2, 1.5, 1.5)
    assert found.hours.n == 4
    assert [(m.month, m.pieces, m.mean_rounds) for m in found.months] == [("2023-11", 2, 1.5)]
