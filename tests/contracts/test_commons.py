"""The port `Commons`, on every adapter."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.contracts.commons_harness import HARNESSES, Rig, taken

from steersman.kernel.errors import Conflict, Rejected, Unavailable
from steersman.services.commons import MOST_BYTES, Commons


@pytest.fixture(params=HARNESSES, scope="module")
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    harness = HARNESSES[request.param]
    if missing := harness.needs():
        pytest.skip(missing)
    with harness.running() as running:
        yield running


@pytest.fixture
def left(rig: Rig) -> Iterator[Commons]:
    """One machine."""
    with rig.machine() as commons:
        yield commons


@pytest.fixture
def right(rig: Rig) -> Iterator[Commons]:
    """Another machine."""
    with rig.machine() as commons:
        yield commons


def test_one_holds_a_lock_and_the_other_gets_it_when_it_is_let_go(left: Commons, right: Commons) -> None:
    held = taken(left, "login/alpaca")
    assert (held.is_held, right.lock("login/alpaca")) == (True, None)
    assert left.lock("login/alpaca") is None, "nor may the same machine take it twice"
    held.release()
    held.release()
    with taken(right, "login/alpaca") as again:
        assert (held.is_held, again.is_held) == (False, True)
        assert left.lock("login/alpaca", wait_s=0.02) is None


def test_who_waits_gets_the_lock_as_soon_as_it_is_free(left: Commons, right: Commons) -> None:
    held = taken(left, "wait")
    threading.Timer(0.05, held.release).start()
    got = taken(right, "wait", wait_s=10)
    assert got.is_held
    got.release()


def test_locks_of_different_names_do_not_wait_for_each_other(left: Commons, right: Commons) -> None:
    with taken(left, "a"), taken(right, "b"), taken(left, "A"):
        pass


def test_one_of_many_threads_holds_a_lock_at_a_time(left: Commons, right: Commons) -> None:
    inside, most, done = 0, 0, 0

    def work(commons: Commons) -> None:
        nonlocal inside, most, done
        for _ in range(4):
            with taken(commons, "many", wait_s=30):
                inside += 1
                most = max(most, inside)
                done += 1
                inside -= 1

    threads = [threading.Thread(target=work, args=(c,)) for c in (left, right) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 32)


def test_what_one_machine_writes_the_other_reads(left: Commons, right: Commons) -> None:
    assert right.read("note") is None
    with taken(left, "note") as lock:
        left.write("note", b"\x00\xff one", under=lock)
        assert right.read("note") == b"\x00\xff one"
        left.write("note", b"", under=lock)
    assert right.read("note") == b""
    right.delete("note")
    right.delete("note")
    assert left.read("note") is None


def test_a_lock_that_was_let_go_writes_nothing(left: Commons, right: Commons) -> None:
    lock = taken(left, "gone")
    lock.release()
    with pytest.raises(Conflict):
        left.write("gone", b"late", under=lock)
    assert right.read("gone") is None


def test_who_lost_the_lock_unknowingly_writes_nothing(rig: Rig, left: Commons, right: Commons) -> None:
    lock = taken(left, "lost")
    rig.lose(lock)
    with taken(right, "lost", wait_s=5) as next_holder:
        right.write("lost", b"new", under=next_holder)
        assert not lock.is_held
        with pytest.raises(Conflict):
            left.write("lost", b"old", under=lock)
        lock.release()
        assert next_holder.is_held, "letting go of a lost lock frees nothing of its next holder"
        assert left.lock("lost") is None
    assert right.read("lost") == b"new"


def test_a_record_goes_when_its_time_is_over(rig: Rig, left: Commons, right: Commons) -> None:
    with taken(left, "brief") as lock:
        left.write("brief", b"x", under=lock, ttl_s=0.3)
        left.write("stays", b"x", under=lock, ttl_s=3600)
        assert right.read("brief") == b"x"
        rig.pass_time(0.4)
        assert right.read("brief") is None
        assert right.read("stays") == b"x"
        left.write("stays", b"y", under=lock)
        left.delete("stays")


def test_namespaces_see_nothing_of_each_other(rig: Rig, left: Commons) -> None:
    with rig.machine("other") as other:
        with taken(left, "same") as mine, taken(other, "same") as theirs:
            left.write("same", b"mine", under=mine)
            assert other.read("same") is None
            other.write("same", b"theirs", under=theirs)
        other.delete("same")
        assert left.read("same") == b"mine"
        assert other.standing().records == 0
    left.delete("same")


@pytest.mark.parametrize("name", ["", "a b", "a\n", "ü", "🐟", "a\u202eb", "a\0b", "a:b", "{a}", "*", "x" * 201])
def test_what_is_no_name_is_refused_everywhere(left: Commons, name: str) -> None:
    with taken(left, "names") as lock:
        for refused in (
            lambda: left.read(name),
            lambda: left.lock(name),
            lambda: left.delete(name),
            lambda: left.write(name, b"", under=lock),
        ):
            with pytest.raises(Rejected, match="nothing shared can be called"):
                refused()


def test_the_longest_name_and_every_letter_of_it_are_kept_apart(left: Commons) -> None:
    long, other = "x" * 199 + "y", "x" * 199 + "Y"
    with taken(left, long) as lock, taken(left, other):
        left.write(long, b"1", under=lock)
        assert left.read(other) is None
        left.delete(long)


def test_a_record_of_many_megabytes_comes_back_whole(left: Commons, right: Commons) -> None:
    data = bytes(range(256)) * 40_000
    with taken(left, "large") as lock:
        left.write("large", data, under=lock)
    assert right.read("large") == data
    right.delete("large")


def test_what_is_too_large_is_refused_before_it_is_sent(left: Commons) -> None:
    with taken(left, "huge") as lock, pytest.raises(Rejected, match="too large"):
        left.write("huge", _Huge(), under=lock)


class _Huge(bytes):
    def __len__(self) -> int:
        return MOST_BYTES + 1


def test_all_machines_see_one_clock_that_goes_on(rig: Rig, left: Commons, right: Commons) -> None:
    first, second = left.now_ns(), right.now_ns()
    rig.pass_time(0.01)
    assert first <= second < left.now_ns()


def test_the_standing_counts_what_lies_there(left: Commons, right: Commons) -> None:
    before = left.standing()
    with taken(left, "counted") as lock:
        left.write("counted", b"12345", under=lock)
        found = right.standing()
    assert (found.records - before.records, found.size_bytes - before.size_bytes) == (1, 5)
    assert found.locks >= 1
    assert found.server
    left.delete("counted")


def test_locks_of_a_machine_that_closes_are_free(rig: Rig, right: Commons) -> None:
    with rig.machine() as closing:
        lock = taken(closing, "closed")
    assert not lock.is_held
    with taken(right, "closed", wait_s=5):
        pass
    with pytest.raises(Unavailable):
        closing.read("closed")


def test_a_server_that_is_away_is_unavailable_and_usable_again_when_it_is_back(
    rig: Rig, left: Commons, right: Commons
) -> None:
    durable = left.is_durable
    lock = taken(left, "outage")
    left.write("outage", b"kept", under=lock)
    rig.stop()
    try:
        for asked in (
            lambda: left.read("outage"),
            lambda: left.lock("other", wait_s=0.1),
            lambda: left.delete("outage"),
            left.now_ns,
            left.standing,
        ):
            with pytest.raises(Unavailable):
                asked()
        assert not lock.is_held
        with pytest.raises((Unavailable, Conflict)):
            left.write("outage", b"while away", under=lock)
    finally:
        rig.start()
    lock.release()
    with taken(right, "outage", wait_s=10) as again:
        assert right.read("outage") == b"kept" or not durable
        right.write("outage", b"after", under=again)
    assert left.read("outage") == b"after"
    left.delete("outage")
