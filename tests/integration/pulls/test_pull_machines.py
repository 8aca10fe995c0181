"""Pulls of several machines: two workspaces, two ledgers, one commons."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import wait_for
from tests.builders_pulls import CSV, Answer, Rig, Site, a_site, bars

from steersman.kernel.clock import Clock, FakeClock
from steersman.kernel.errors import Unavailable
from steersman.services.commons import SharedSettings
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.events import (
    CACHE_QUARANTINED,
    COMMONS_FAILED,
    DATA_FETCHED,
    DATA_PULLED,
    DATA_SERVED,
    PULL_FAILED,
)

STALE = 'stale_if_error = "1h"'
NEWER = CSV + b"2026-01-07,SPY,98.5\n"


def kept(site: Site, more: str = "") -> str:
    """A pull that is kept as it comes: what checks a table is a process of its own, and has tests of its own."""
    return bars(site, f'format = "bytes"\n{more}', schema="")


class Late:
    """A machine's clock that is wrong by some seconds."""

    def __init__(self, clock: FakeClock, by_s: float) -> None:
        self._clock, self._by_ns = clock, int(by_s * 1e9)

    def now_ns(self) -> int:
        return self._clock.now_ns() + self._by_ns

    def elapsed_ns(self) -> int:
        return self._clock.elapsed_ns()


class Machines:
    """Two machines that share through one server, with time in the test's hand."""

    def __init__(self, folder: Path, toml: str, *, skew_s: float = 0.0, **settings: Any) -> None:
        self.clock = FakeClock()
        self.server = MemoryServer(self.clock)
        self._folder, self._toml, self._settings = folder, toml, settings
        self.left = self._machine("left", self.clock)
        self.right = self._machine("right", Late(self.clock, skew_s) if skew_s else self.clock)

    def close(self) -> None:
        self.left.puller.close()
        self.right.puller.close()

    def _machine(self, name: str, clock: Clock) -> Rig:
        root = self._folder / name
        root.mkdir()
        shared = SharedSettings(kind="memory", namespace="desk", machine=name, **self._settings)
        return Rig(root, self._toml, clock=clock, commons=MemoryCommons(self.server), shared=shared)


@contextlib.contextmanager
def two_machines(folder: Path, toml: str, *, skew_s: float = 0.0, **settings: Any) -> Iterator[Machines]:
    with contextlib.closing(Machines(folder, toml, skew_s=skew_s, **settings)) as machines:
        yield machines


def _bytes(given: Any) -> bytes:
    return Path(given.path).read_bytes()


def test_what_one_machine_pulled_the_other_takes_from_the_commons(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, bars(site)) as both:
        first = both.left.pull()
        both.clock.advance(10)
        second = both.right.pull()
        assert (first.state, second.state, site.calls) == ("pulled", "fresh", 1)
        assert (second.age_s, second.receipt) == (10, first.receipt)
        assert Path(second.path).is_relative_to(both.right.root)
        assert _bytes(first) == _bytes(second)
        (fetched,) = both.right.events(DATA_FETCHED)
        assert (fetched["machine"], fetched["commons"], fetched["age_s"]) == ("left", "memory", 10)
        assert both.right.events(DATA_PULLED) == []
        assert fetched["checks"] == first.receipt.checks != {}
        assert sum(e["count"] for e in both.right.events(DATA_SERVED)) == 1, "one call was saved, and is counted once"


def test_a_fresh_read_never_asks_the_commons(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site)) as both:
        both.left.pull()
        both.right.pull()
        both.server.stop()
        assert both.left.pull().state == both.right.pull().state == "fresh"
        assert both.left.events(COMMONS_FAILED) == []


@pytest.mark.parametrize("skew_s", [-400.0, 400.0])
def test_clocks_that_differ_change_no_age(tmp_path: Path, skew_s: float) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site), skew_s=skew_s) as both:
        both.left.pull()
        both.clock.advance(50)
        second = both.right.pull()
        assert (second.state, second.age_s) == ("fresh", 50)
        assert second.receipt.pulled_at == both.right.clock.now_ns() - 50_000_000_000
        both.clock.advance(15)
        assert (both.right.pull().state, site.calls) == ("pulled", 2)
        assert (both.left.pull().state, both.left.pull().age_s, site.calls) == ("fresh", 0, 2)


class Slow(MemoryCommons):
    """Commons whose clock takes four seconds to answer."""

    clock: FakeClock

    def now_ns(self) -> int:
        found = super().now_ns()
        self.clock.advance(4)
        return found


def test_commons_that_are_slow_make_data_older_never_younger(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site)) as both:
        both.left.pull()
        both.clock.advance(50)
        slow = Slow(both.server)
        slow.clock = both.clock
        (tmp_path / "slow").mkdir()
        with Rig(tmp_path / "slow", kept(site), clock=both.clock, commons=slow) as rig:
            assert (rig.pull().age_s, site.calls) == (54, 1)


def test_data_that_did_not_change_is_not_carried_again(tmp_path: Path) -> None:
    tagged = Answer(headers={"ETag": '"1"'})
    with a_site(tagged, Answer(status=304)) as site, two_machines(tmp_path, kept(site)) as both:
        both.left.pull()
        both.right.pull()
        both.clock.advance(70)
        assert both.left.pull().state == "revalidated"
        assert (both.right.pull().state, both.right.pull().age_s) == ("fresh", 0)
        assert (len(both.right.events(DATA_FETCHED)), site.calls) == (1, 2)


def test_who_lost_its_file_takes_it_from_the_commons(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site)) as both:
        Path(both.left.pull().path).unlink()
        again = both.left.pull()
        assert (again.state, site.calls, len(both.left.events(DATA_FETCHED))) == ("fresh", 1, 1)
        assert again.receipt.size_bytes == len(CSV)


def test_newer_data_takes_the_place_of_older_on_both(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(body=NEWER)) as site, two_machines(tmp_path, kept(site)) as both:
        both.left.pull()
        both.right.pull()
        both.clock.advance(70)
        assert both.right.pull().receipt.size_bytes == len(NEWER)
        assert both.left.pull().receipt.size_bytes == len(NEWER)
        assert site.calls == 2
        assert MemoryCommons(both.server).standing().records == 2, "the older data is gone from the commons"


def test_who_wants_it_new_in_any_case_asks_whatever_another_machine_has(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site)) as both:
        both.left.pull()
        both.clock.advance(1)
        assert both.right.pull(max_age_s=0).state == "pulled"
        assert site.calls == 2


def test_a_failure_on_one_machine_keeps_the_other_from_asking(tmp_path: Path) -> None:
    with a_site(Answer(status=503, headers={"Retry-After": "30"})) as site, two_machines(tmp_path, kept(site)) as both:
        with pytest.raises(Unavailable, match="answered 503"):
            both.left.pull()
        with pytest.raises(Unavailable, match="answered 503"):
            both.right.pull()
        assert (site.calls, both.right.events(PULL_FAILED)) == (1, [])
        site.says(Answer())
        both.clock.advance(31)
        assert both.right.pull().state == "pulled"
        assert both.left.pull().state == "fresh"


def test_retry_after_holds_for_every_pull_of_that_host_on_every_machine(tmp_path: Path) -> None:
    with a_site(Answer(status=429, headers={"Retry-After": "30"}), Answer()) as site:
        toml = kept(site) + f'[pull.other]\nurl = "{site.url}/other.csv"\nretries = 0\ntimeout = "5s"\n'
        with two_machines(tmp_path, toml) as both:
            with pytest.raises(Unavailable):
                both.left.pull()
            with pytest.raises(Unavailable, match="its turn comes in 30 s"):
                both.right.pull("other")
            assert site.calls == 1


def test_retry_after_that_came_while_the_commons_were_away_is_kept_and_told_when_they_are_back(tmp_path: Path) -> None:
    with a_site(Answer(status=429, headers={"Retry-After": "30"}), Answer()) as site:
        toml = kept(site) + f'[pull.other]\nurl = "{site.url}/other.csv"\nretries = 0\ntimeout = "5s"\n'
        with two_machines(tmp_path, toml) as both:
            both.server.stop()
            with pytest.raises(Unavailable):
                both.left.pull()
            both.server.start()
            both.clock.advance(6)
            for rig in (both.left, both.right):
                with pytest.raises(Unavailable, match="its turn comes in 24 s"):
                    rig.pull("other")
            assert site.calls == 1


@pytest.mark.parametrize("left_there", [b"", b"[]", b"\xff"])
def test_commons_that_forgot_a_rate_are_told_it_by_who_remembers(tmp_path: Path, left_there: bytes) -> None:
    with a_site() as site:
        toml = kept(site, 'params = { page = 0 }\nrate = "2/min"\ntimeout = "1s"')
        with two_machines(tmp_path, toml) as both:
            both.left.pull(params={"page": "1"})
            both.right.pull(params={"page": "2"})
            for name in list(both.server.records):
                both.server.records.pop(name)
                if left_there:
                    both.server.records[name] = (left_there, None)
            for rig in (both.right, both.left):
                with pytest.raises(Unavailable, match="its turn comes in 60 s"):
                    rig.pull(params={"page": "9"})
            assert site.calls == 2


def test_older_data_of_another_machine_stands_in_when_upstream_fails(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(status=500)) as site, two_machines(tmp_path, kept(site, STALE)) as both:
        both.left.pull()
        both.clock.advance(70)
        assert both.right.pull().state == "stale_on_error"
        assert both.left.pull().state == "stale_on_error"
        assert site.calls == 2, "the first one, and the one that failed for both"


def test_stale_data_is_refreshed_behind_by_one_machine_only(tmp_path: Path) -> None:
    toml = 'stale_while_revalidate = "10m"'
    with a_site(Answer(), Answer(body=NEWER)) as site, two_machines(tmp_path, kept(site, toml)) as both:
        both.left.pull()
        both.right.pull()
        both.clock.advance(70)
        assert both.left.pull().state == "stale"
        both.left.settle()
        assert both.right.pull().state == "stale"
        both.right.settle()
        assert (both.right.pull().state, both.right.pull().receipt.size_bytes, site.calls) == ("fresh", len(NEWER), 2)


def test_data_that_is_too_large_to_share_is_pulled_by_each_and_the_status_says_so(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site), largest="50B") as both:
        assert (both.left.pull().state, both.right.pull().state, site.calls) == ("pulled", "pulled", 2)
        assert "larger than 50B" in both.right.puller.status()[0].problem


def test_what_must_not_be_stored_is_not_shared(tmp_path: Path) -> None:
    private = Answer(headers={"Cache-Control": "no-store"})
    with a_site(private) as site, two_machines(tmp_path, bars(site, "http_cache = true")) as both:
        both.left.pull()
        assert both.right.pull().state == "pulled"
        assert all(b"SPY" not in data for data, _ in both.server.records.values())


@pytest.mark.parametrize(
    "harm", ["altered", "cut short", "gone", "no record", "another version", "of another pull", "no hash"]
)
def test_commons_that_lie_are_not_believed(tmp_path: Path, harm: str) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site)) as both:
        both.left.pull()
        (record,) = (n for n in both.server.records if n.count("/") == 1)
        (data,) = (n for n in both.server.records if n.count("/") == 2)
        stored, until = both.server.records[data]
        known, _ = both.server.records[record]
        if harm == "altered":
            both.server.records[data] = (stored.replace(b"SPY", b"SPX"), until)
        elif harm == "cut short":
            both.server.records[data] = (stored[:-10], until)
        elif harm == "gone":
            del both.server.records[data]
        elif harm == "no record":
            both.server.records[record] = (b"\xff{]", until)
        elif harm == "another version":
            both.server.records[record] = (known.replace(b'"version":1', b'"version":9'), until)
        elif harm == "no hash":
            digest = data.rpartition("/")[2].encode()
            both.server.records[record] = (known.replace(digest, b"../../../../etc"), until)
        else:
            both.server.records[record] = (known.replace(b'"data":"pull/', b'"data":"login/'), until)
        given = both.right.pull()
        assert (given.state, site.calls, given.receipt.size_bytes) == ("pulled", 2, len(CSV))
        assert len(both.right.events(CACHE_QUARANTINED)) == (harm in ("altered", "cut short"))
        assert both.left.pull().state == "fresh"


def test_a_failure_of_a_machine_without_data_takes_none_from_the_others(tmp_path: Path) -> None:
    with a_site(Answer(), Answer(status=500)) as site, two_machines(tmp_path, kept(site, STALE)) as both:
        both.left.pull()
        stored = {name: both.server.records[name] for name in both.server.records if name.count("/") == 2}
        (name,) = stored
        del both.server.records[name]  # out of reach for a moment
        both.clock.advance(70)
        with pytest.raises(Unavailable, match="answered 500"):
            both.right.pull()
        both.server.records.update(stored)
        for file in (tmp_path / "left" / "memory").rglob("*.bin"):
            file.unlink()
        assert both.left.pull().state == "stale_on_error"
        assert site.calls == 2


def test_without_commons_a_machine_goes_on_alone_says_so_once_and_shares_again_later(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site)) as both:
        both.server.stop()
        assert (both.left.pull().state, both.right.pull().state, site.calls) == ("pulled", "pulled", 2)
        (event,) = both.left.events(COMMONS_FAILED)
        assert (event["doing"], event["did"]) == ("pull bars", "went on alone")
        assert "do not answer" in both.left.puller.status()[0].problem
        both.server.start()
        both.clock.advance(70)
        assert (both.left.pull().state, both.right.pull().state, site.calls) == ("pulled", "fresh", 3)
        assert both.left.puller.status()[0].problem == ""


def test_without_commons_and_where_nothing_may_go_on_without_the_pull_is_refused(tmp_path: Path) -> None:
    with a_site() as site, two_machines(tmp_path, kept(site, STALE), without="refuse") as both:
        both.left.pull()
        both.server.stop()
        with pytest.raises(Unavailable, match="the commons at the memory of this process do not answer"):
            both.right.pull()
        both.clock.advance(70)
        assert both.left.pull().state == "stale_on_error"
        assert site.calls == 1
        both.server.start()
        both.clock.advance(6)
        assert both.left.pull().state == "pulled"


def test_a_lock_that_was_lost_in_flight_overwrites_nothing(tmp_path: Path) -> None:
    gate = threading.Event()
    slow = Answer(gate=gate)
    with a_site(slow, Answer(body=NEWER)) as site, two_machines(tmp_path, kept(site)) as both:
        late: list[Any] = []
        flying = threading.Thread(target=lambda: late.append(both.left.pull()))
        flying.start()
        wait_for(lambda: site.calls == 1 and bool(both.server.holders))
        both.server.holders.clear()  # as a lease that ran out while its holder was stopped
        assert both.right.pull().receipt.size_bytes == len(NEWER)
        gate.set()
        flying.join()
        assert late[0].receipt.size_bytes == len(CSV), "who asked is given what came"
        (event,) = both.left.events(COMMONS_FAILED)
        assert (event["did"], "lock was lost" in event["problem"]) == ("kept it to itself", True)
        both.clock.advance(1)
        Path(both.right.pull().path).unlink()
        assert both.right.pull().receipt.size_bytes == len(NEWER), "what the next holder told stands in the commons"


def test_one_rate_counts_the_calls_of_all_machines(tmp_path: Path) -> None:
    with a_site() as site:
        toml = kept(site, 'params = { page = 0 }\nrate = "3/min"\ntimeout = "1s"')
        with two_machines(tmp_path, toml) as both:
            for page, rig in enumerate((both.left, both.right, both.left)):
                rig.pull(params={"page": str(page)})
            with pytest.raises(Unavailable, match="its turn comes in 60 s"):
                both.right.pull(params={"page": "9"})
            both.clock.advance(61)
            both.right.pull(params={"page": "9"})
            assert site.calls == 4


def test_a_rate_of_one_pull_holds_up_no_other_pull_of_that_host(tmp_path: Path) -> None:
    with a_site() as site:
        other = f'[pull.other]\nurl = "{site.url}/other.csv"\nformat = "bytes"\ntimeout = "5s"\n'
        toml = kept(site, 'params = { page = 0 }\nrate = "1/min"\ntimeout = "1s"') + other
        with two_machines(tmp_path, toml) as both:
            both.left.pull(params={"page": "1"})
            with pytest.raises(Unavailable, match="its turn comes in 60 s"):
                both.left.pull(params={"page": "2"})
            assert both.left.pull("other").state == "pulled"
            assert both.right.pull("other").state == "fresh"


def test_alone_a_machine_keeps_to_its_share_and_tells_the_others_afterwards(tmp_path: Path) -> None:
    with a_site() as site:
        toml = kept(site, 'params = { page = 0 }\nrate = "4/min"\ntimeout = "1s"')
        with two_machines(tmp_path, toml) as both:
            both.server.stop()
            for page in range(2):
                both.left.pull(params={"page": str(page)})
            with pytest.raises(Unavailable, match="its turn comes"):
                both.left.pull(params={"page": "2"})
            both.server.start()
            both.clock.advance(6)
            both.left.pull(params={"page": "3"})
            both.right.pull(params={"page": "4"})
            with pytest.raises(Unavailable, match="its turn comes"):
                both.right.pull(params={"page": "5"})
            assert site.calls == 4
