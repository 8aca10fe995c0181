"""When a run has taken too much of the disk, and how fast its output is taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.automation.runner.disk import Taken, too_much, used_bytes
from steersman.automation.runner.flow import FREE_BYTES, RATE_BYTES_PER_S, Flow

MB = 1 << 20


def taken(**fields: int) -> Taken:
    return Taken(**{"artifacts": 0, "free": 1000 * MB, "free_at_start": 1000 * MB, "written": 0, **fields})


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        (taken(), ""),
        (taken(artifacts=100 * MB), ""),
        (taken(artifacts=101 * MB), "its artifacts grew to 101 MB, allowed: 100"),
        (taken(free=300 * MB, written=900 * MB), ""),
        (taken(free=200 * MB, written=800 * MB), "it wrote 800 MB and the disk has 200 MB left, kept free: 256"),
        (taken(free=200 * MB, written=10 * MB), ""),
        (taken(free=100 * MB, written=10 * MB), "the disk has 100 MB left, kept free: 256"),
        # Began on a full disk: it may be the one that clears up.
        (taken(free=10 * MB, free_at_start=200 * MB, written=190 * MB), ""),
        (taken(free=255 * MB, free_at_start=256 * MB, written=1 * MB), ""),
    ],
)
def test_who_must_end(figures: Taken, reason: str) -> None:
    assert too_much(figures, artifact_limit=100 * MB, free_floor=256 * MB) == reason


def test_bounds_of_nothing_bound_nothing() -> None:
    assert too_much(taken(artifacts=1 << 50, free=0, written=1 << 50), artifact_limit=0, free_floor=0) == ""


def test_files_are_counted_as_the_disk_counts_them(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert 100_000 <= used_bytes(tmp_path) < 200_000
    assert used_bytes(tmp_path / "gone") == 0


def test_a_flood_is_let_through_first_and_then_held_to_its_rate() -> None:
    flow, now, total = Flow(0), 0, 0
    while total <= FREE_BYTES:
        assert not flow.pauses(65536, now)
        total += 65536
    begin, after = now, 0
    while now < begin + 2_000_000_000:
        after += 65536
        if flow.pauses(65536, now):
            assert flow.resumes_at is not None
            now = flow.resumes_at
            flow.resume(now)
    assert 0.9 * RATE_BYTES_PER_S < after / 2 < 1.1 * RATE_BYTES_PER_S


@given(chunks=st.lists(st.integers(1, 1 << 16), max_size=50))
def test_ordinary_output_is_never_held_up(chunks: list[int]) -> None:
    flow = Flow(0)
    assert not any(flow.pauses(size, number) for number, size in enumerate(chunks))
