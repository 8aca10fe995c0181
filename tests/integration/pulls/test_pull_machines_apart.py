"""Two machines of several processes each on a real server: one call upstream, whoever dies and whatever restarts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from tests import postgres, redis_server
from tests.builders_automation import wait_for
from tests.builders_commons import shared_toml
from tests.builders_pulls import Answer, Asker, Rig, a_site, askers, bars
from tests.redis_server import RedisServer

from steersman.services.events import DATA_FETCHED, DATA_PULLED, DATA_SERVED

BYTES = 'format = "bytes"'


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    if missing := redis_server.missing():
        pytest.skip(missing)
    with redis_server.a_redis() as server:
        yield server


@contextlib.contextmanager
def two_machines(folder: Path, toml: str, each: int) -> Iterator[tuple[list[Asker], list[Asker]]]:
    """Yield the processes of two workspaces that have nothing in common but what `[shared]` names."""
    for name in ("left", "right"):
        (folder / name).mkdir()
    with askers(folder / "left", toml, each) as left, askers(folder / "right", toml, each) as right:
        yield left, right


def _all_at_once(gate: threading.Event, folder: Path, left: list[Asker], right: list[Asker]) -> list[dict[str, Any]]:
    """Let all ask, and the provider answer when all but one of each machine have queued up."""
    for asker in (*left, *right):
        asker.go()
    queues = [folder / name / ".steersman/services/pulls/keys" for name in ("left", "right")]
    wait_for(lambda: sum(p.stat().st_size for q in queues for p in q.glob("*.queue")) == len(left) + len(right) - 2)
    gate.set()
    return [asker.result() for asker in (*left, *right)]


def _told(results: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [data for r in results for name, data in r["events"] if name == kind]


def _check_one_call(results: list[dict[str, Any]], each: int) -> None:
    assert sorted(r["state"] for r in results) == ["fresh"] * (2 * each - 1) + ["pulled"]
    assert len({(r["hash"], r["bytes"]) for r in results}) == 1
    assert len({r["path"] for r in results}) == 2, "each machine has one file of its own"
    (pulled,) = _told(results, DATA_PULLED)
    assert pulled["upstream_calls"] == 1
    assert len(_told(results, DATA_FETCHED)) == 1
    assert sum(e["count"] for e in _told(results, DATA_SERVED)) == 2 * each - 1


def test_four_processes_on_each_of_two_machines_make_one_call_over_redis(redis: RedisServer, tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(gate=gate)) as site:
        with two_machines(tmp_path, bars(site, BYTES, schema="") + shared_toml("redis", redis.url), 4) as (left, right):
            results = _all_at_once(gate, tmp_path, left, right)
        assert site.calls == 1
    _check_one_call(results, 4)


def test_two_machines_make_one_call_over_postgresql(tmp_path: Path) -> None:
    if missing := postgres.missing():
        pytest.skip(missing)
    gate = threading.Event()
    with postgres.a_postgres() as server, a_site(Answer(gate=gate)) as site:
        with two_machines(tmp_path, bars(site, BYTES, schema="") + shared_toml("postgres", server.url), 1) as (
            left,
            right,
        ):
            results = _all_at_once(gate, tmp_path, left, right)
        assert site.calls == 1
    _check_one_call(results, 1)


def test_when_the_machine_that_asks_is_killed_the_other_asks(redis: RedisServer, tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(gate=gate), Answer()) as site:
        with two_machines(tmp_path, bars(site, BYTES, schema="") + shared_toml("redis", redis.url), 1) as (
            (dying,),
            (other,),
        ):
            dying.go()
            wait_for(lambda: site.calls == 1)
            other.go()
            dying.process.kill()
            result = other.result()
        gate.set()
        assert (result["state"], site.calls) == ("pulled", 2)


def test_a_restart_of_redis_in_the_middle_of_a_flight_costs_no_second_call(redis: RedisServer, tmp_path: Path) -> None:
    gate = threading.Event()
    with a_site(Answer(gate=gate)) as site:
        toml = bars(site, BYTES, schema="") + shared_toml("redis", redis.url, lease="6s")
        with two_machines(tmp_path, toml, 1) as ((first,), (second,)):
            first.go()
            wait_for(lambda: site.calls == 1)
            tries = _tries(redis)
            second.go()
            wait_for(lambda: _tries(redis) > tries + 1)
            redis.kill()
            redis.start()
            gate.set()
            results = [first.result(), second.result()]
        assert site.calls == 1
    _check_one_call(results, 1)


def _tries(server: RedisServer) -> int:
    """Return how often somebody has tried to take a lock since the server began."""
    with contextlib.closing(Redis.from_url(server.url)) as other:
        return int(other.info("commandstats").get("cmdstat_set", {}).get("calls", 0))


def test_commons_that_nobody_ever_started_cost_a_moment_and_no_data(tmp_path: Path) -> None:
    with a_site() as site:
        toml = bars(site, BYTES, schema="") + shared_toml("redis", "redis://127.0.0.1:1/0")
        with askers(tmp_path, toml, 1) as (asker,):
            asker.go()
            assert asker.result()["state"] == "pulled"
        with Rig(tmp_path, toml) as rig:
            assert rig.puller.status()[0].keys == 1
