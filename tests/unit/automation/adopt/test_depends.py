"""Needs are proposed where files and times agree, and never in a circle."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.adopt.depends import Edge, Timed, find_edges
from steersman.automation.adopt.touched import Direction, Touch
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.schedule import starts
from steersman.kernel.clock import to_ns

NOW = to_ns(datetime(2026, 11, 2, tzinfo=UTC))


@cache
def coming(schedule: str, tz: str) -> tuple[int, ...]:
    return tuple(islice(starts(schedule, tz, NOW), 400))


def timed(name: str, schedule: str = "", *, reads: str = "", writes: str = "", tz: str = "UTC") -> Timed:
    at = coming(schedule, tz) if schedule else ()
    touches: list[Touch] = []
    directions: list[tuple[Direction, str]] = [("reads", reads), ("writes", writes)]
    for direction, files in directions:
        touches += [Touch(direction=direction, path=f"/d/{f}", where=f"{name}.py:1") for f in files.split()]
    return Timed(name=name, start=f"{schedule} {tz}" if schedule else "", at=at, touches=tuple(touches))


def proposed(edges: list[Edge]) -> list[tuple[str, str, bool]]:
    return [(e.consumer, e.producer, e.follows) for e in edges if not e.why_not]


def why_not(edges: list[Edge]) -> str:
    assert len(edges) == 1
    return edges[0].why_not


def test_a_later_reader_follows_and_gives_its_schedule_up() -> None:
    edges = find_edges([timed("report", "45 17 * * 1-5", reads="p"), timed("pull", "30 17 * * 1-5", writes="p")])
    assert proposed(edges) == [("report", "pull", True)]
    assert edges[0].evidence == "writes /d/p at pull.py:1, read at report.py:1"


def test_a_reader_of_the_same_instant_keeps_its_schedule() -> None:
    edges = find_edges([timed("a", "0 6 * * *", writes="p"), timed("b", "0 6 * * *", reads="p")])
    assert proposed(edges) == [("b", "a", False)]


def test_a_chain_follows_its_first_member() -> None:
    edges = find_edges(
        [
            timed("a", "0 6 * * *", writes="p"),
            timed("b", "10 6 * * *", reads="p", writes="q"),
            timed("c", "20 6 * * *", reads="p q"),
        ]
    )
    assert set(proposed(edges)) == {("b", "a", True), ("c", "b", True), ("c", "a", True)}


def test_producers_of_two_times_cannot_both_be_needed() -> None:
    edges = find_edges(
        [
            timed("a", "0 6 * * *", writes="p"),
            timed("b", "30 6 * * *", writes="q"),
            timed("c", "45 6 * * *", reads="p q"),
        ]
    )
    assert proposed(edges) == [("c", "b", True)]
    assert [e.producer for e in edges if "one schedule" in e.why_not] == ["a"]


def test_times_that_do_not_fit_are_said_and_not_proposed() -> None:
    daily, often = timed("a", "0 6 * * *", writes="p"), timed("a", "*/15 * * * *", writes="p")
    assert "more often" in why_not(find_edges([daily, timed("b", "*/10 7 * * *", reads="p")]))
    assert "less often" in why_not(find_edges([often, timed("b", "5 7 * * *", reads="p")]))
    assert "less often" in why_not(find_edges([daily, timed("b", "0 7 * * mon", reads="p")]))
    assert "12 hours" in why_not(find_edges([daily, timed("b", "0 5 * * *", reads="p")]))
    assert "no times" in why_not(find_edges([daily, timed("b", reads="p")]))


def test_the_days_of_a_changed_clock_do_not_hide_the_pattern() -> None:
    edges = find_edges(
        [timed("a", "30 1 * * *", writes="p", tz="Europe/Berlin"), timed("b", "30 4 * * *", reads="p", tz="UTC")]
    )
    assert proposed(edges) == [("b", "a", True)]


def test_scripts_without_times_need_each_other_as_their_files_say() -> None:
    edges = find_edges([timed("b", reads="p"), timed("a", writes="p")])
    assert proposed(edges) == [("b", "a", False)]


def test_shared_state_is_no_product() -> None:
    assert find_edges([timed("a", reads="s", writes="s"), timed("b", reads="s", writes="s")]) == []


def test_a_circle_is_said_and_not_closed() -> None:
    edges = find_edges([timed("a", reads="q", writes="p"), timed("b", reads="p", writes="q")])
    assert len(proposed(edges)) == 1
    assert [e.why_not for e in edges if e.why_not] == ["it would close a circle"]


FILES = st.lists(st.sampled_from("pqrs"), max_size=2, unique=True).map(" ".join)
SCHEDULES = st.sampled_from(["", "0 6 * * *", "10 6 * * *", "0 7 * * *", "*/30 * * * *", "0 6 * * 1"])


@given(st.lists(st.tuples(SCHEDULES, FILES, FILES), max_size=6))
def test_what_is_proposed_is_always_a_manifest(parts: list[tuple[str, str, str]]) -> None:
    all_timed = [timed(f"a{n}", s, reads=r, writes=w) for n, (s, r, w) in enumerate(parts)]
    edges = find_edges(all_timed)
    needs = {t.name: tuple(p for c, p, _ in proposed(edges) if c == t.name) for t in all_timed}
    # A circle or an unknown name would be refused here.
    manifest = Manifest(Automation(name=t.name, run="true", needs=needs[t.name]) for t in all_timed)
    followers = {c for c, _, follows in proposed(edges) if follows}
    roots = {t.name: t.start for t in all_timed}
    for name in manifest.order:
        if name in followers:
            # All that it needs start together, or it would never see them in one cycle.
            assert len({roots[need] for need in needs[name]}) == 1
            roots[name] = roots[needs[name][0]]
