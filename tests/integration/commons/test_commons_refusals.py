"""Servers that answer, and say no: each in words of ours, with what to do, and without what was sent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from tests import redis_server
from tests.contracts.commons_harness import taken
from tests.redis_server import RedisServer

from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.services.commons.adapters.redis.asking import RIGHTS
from steersman.services.commons.adapters.redis.commons import RedisCommons


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    if missing := redis_server.missing():
        pytest.skip(missing)
    with redis_server.a_redis() as running:
        yield running


@pytest.fixture
def admin(server: RedisServer) -> Iterator[redis.Redis]:
    with contextlib.closing(redis.Redis.from_url(server.url)) as client:
        yield client


def _on(server: RedisServer, login: str = "") -> contextlib.closing[RedisCommons]:
    url = server.url.replace("://", f"://{login}")
    return contextlib.closing(RedisCommons(url, namespace="desk", lease_s=2, accepted="always", clock=SystemClock()))


def test_the_rights_that_we_ask_for_are_enough(server: RedisServer, admin: Any) -> None:
    admin.execute_command("ACL", "SETUSER", "ours", "on", ">pw", *RIGHTS.split())
    with _on(server, "ours:pw@") as commons:
        with taken(commons, "x") as lock:
            commons.write("x", b"1", under=lock)
            assert (commons.read("x"), commons.is_durable, lock.is_held) == (b"1", True, True)
        commons.delete("x")
        assert commons.now_ns() > 0
        assert commons.standing().concerns == ()


def test_a_login_with_too_few_rights_is_told_which_it_needs(server: RedisServer, admin: Any) -> None:
    admin.execute_command("ACL", "SETUSER", "poor", "on", ">pw", "~steersman:*", "+get")
    with _on(server, "poor:pw@") as commons, pytest.raises(Unavailable, match="does not allow") as caught:
        commons.lock("x")
    assert RIGHTS in caught.value.fix


def test_a_server_that_does_not_tell_how_it_is_set_keeps_no_logins(server: RedisServer, admin: Any) -> None:
    admin.execute_command("ACL", "SETUSER", "managed", "on", ">pw", "~steersman:*", "+@all", "-config")
    with _on(server, "managed:pw@") as commons:
        assert "does not tell its configuration" in commons.not_durable


def test_a_server_whose_memory_is_full_says_no_and_nothing_was_written(server: RedisServer, admin: Any) -> None:
    with _on(server) as commons, taken(commons, "full") as lock:
        admin.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(Unavailable, match="its memory is full") as caught:
                commons.write("full", bytes(2_000_000), under=lock)
            assert any("its memory is full" in said.problem for said in commons.standing().concerns)
        finally:
            admin.config_set("maxmemory", "0")
        assert not isinstance(caught.value, OutcomeUnknown)
        assert commons.read("full") is None


def test_a_replica_is_named_as_one(server: RedisServer, admin: Any) -> None:
    admin.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        with _on(server) as commons, pytest.raises(Unavailable, match="is a replica"):
            commons.lock("x")
    finally:
        admin.execute_command("REPLICAOF", "NO", "ONE")
