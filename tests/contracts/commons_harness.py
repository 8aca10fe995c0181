"""What the contract of the commons runs on: each adapter with a real server of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol

import psycopg
import redis
from tests import postgres, redis_server
from tests.postgres import Postgres
from tests.redis_server import RedisServer

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.services.commons import Commons, Lock
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.commons.adapters.postgres.commons import PostgresCommons
from steersman.services.commons.adapters.postgres.locks import PostgresLock
from steersman.services.commons.adapters.redis.commons import RedisCommons
from steersman.services.commons.adapters.redis.keeping import RedisLock


class Rig(Protocol):
    """A server that is running."""

    def machine(self, namespace: str = "desk") -> contextlib.AbstractContextManager[Commons]:
        """Yield one machine's client; closed after."""
        ...

    def lose(self, lock: Lock) -> None:
        """Have the server free a lock as it does for a holder that does not come back; its holder is not told."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let that much of the server's time pass."""
        ...

    def stop(self) -> None: ...

    def start(self) -> None: ...


class Harness(Protocol):
    """Starts a server for a module of tests."""

    def needs(self) -> str:
        """Say what is missing on this machine; empty if nothing is."""
        ...

    def running(self) -> contextlib.AbstractContextManager[Rig]: ...


class _MemoryRig:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self._server = MemoryServer(self._clock)

    @contextlib.contextmanager
    def machine(self, namespace: str = "desk") -> Iterator[Commons]:
        with contextlib.closing(MemoryCommons(self._server, namespace)) as commons:
            yield commons

    def lose(self, lock: Lock) -> None:
        self._server.lose(lock)

    def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()


class InMemory:
    """The adapter `memory`."""

    def needs(self) -> str:
        return ""

    @contextlib.contextmanager
    def running(self) -> Iterator[Rig]:
        yield _MemoryRig()


_LEASE_S = 1.0


class _RedisRig:
    def __init__(self, server: RedisServer) -> None:
        self._server = server

    @contextlib.contextmanager
    def machine(self, namespace: str = "desk") -> Iterator[Commons]:
        made = RedisCommons(
            self._server.url, namespace=namespace, lease_s=_LEASE_S, accepted="always", clock=SystemClock()
        )
        with contextlib.closing(made) as commons:
            yield commons

    def lose(self, lock: Lock) -> None:
        assert isinstance(lock, RedisLock)
        with contextlib.closing(redis.Redis.from_url(self._server.url)) as other:
            assert other.delete(lock.key) == 1

    def pass_time(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def stop(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()


class OnRedis:
    """The adapter `redis` on a server that syncs every write."""

    def needs(self) -> str:
        return redis_server.missing()

    @contextlib.contextmanager
    def running(self) -> Iterator[Rig]:
        with redis_server.a_redis() as server:
            yield _RedisRig(server)


class _PostgresRig:
    def __init__(self, server: Postgres) -> None:
        self._server = server

    @contextlib.contextmanager
    def machine(self, namespace: str = "desk") -> Iterator[Commons]:
        made = PostgresCommons(
            self._server.url, namespace=namespace, schema="shared", lease_s=_LEASE_S, clock=SystemClock()
        )
        with contextlib.closing(made) as commons:
            yield commons

    def lose(self, lock: Lock) -> None:
        assert isinstance(lock, PostgresLock)
        with psycopg.connect(self._server.url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (lock.session.info.backend_pid,))

    def pass_time(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()


class OnPostgres:
    """The adapter `postgres` on a server that syncs every write."""

    def needs(self) -> str:
        return postgres.missing()

    @contextlib.contextmanager
    def running(self) -> Iterator[Rig]:
        with postgres.a_postgres(is_durable=True) as server:
            yield _PostgresRig(server)


HARNESSES: dict[str, Harness] = {"memory": InMemory(), "redis": OnRedis(), "postgres": OnPostgres()}


def taken(commons: Commons, name: str, *, wait_s: float = 0.0) -> Lock:
    """Return a lock that must be free by then."""
    lock = commons.lock(name, wait_s=wait_s)
    assert lock is not None, f"somebody else holds {name}"
    return lock
