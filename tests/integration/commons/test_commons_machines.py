"""Commons on real servers, used by processes that die, stop and are cut off."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from tests import postgres, redis_server
from tests.builders_commons import machines, open_from, shared_toml
from tests.contracts.commons_harness import taken
from tests.dripping_server import dripping

from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable
from steersman.services.commons import Commons
from steersman.services.commons.adapters.postgres.commons import PostgresCommons
from steersman.services.commons.adapters.postgres.locks import PostgresLock
from steersman.services.commons.adapters.redis.asking import Asking
from steersman.services.commons.adapters.redis.commons import RedisCommons


@pytest.fixture(scope="module", params=["redis", "postgres"])
def toml(request: pytest.FixtureRequest) -> Iterator[str]:
    """A `[shared]` table whose server runs."""
    module = redis_server if request.param == "redis" else postgres
    if missing := module.missing():
        pytest.skip(missing)
    running: Callable[[], contextlib.AbstractContextManager[redis_server.RedisServer | postgres.Postgres]] = (
        redis_server.a_redis if request.param == "redis" else postgres.a_postgres
    )
    with running() as server:
        yield shared_toml(request.param, server.url)


@pytest.fixture
def here(toml: str) -> Iterator[Commons]:
    with contextlib.closing(open_from(toml, Path())) as commons:
        yield commons


def test_processes_that_count_together_lose_no_count(toml: str, here: Commons) -> None:
    with machines(toml, 2) as counting:
        for machine in counting:
            machine.tell("count", "sum", "20")
        assert [machine.answer() for machine in counting] == [True] * 2
    assert here.read("sum") == b"40"


def test_whoever_is_killed_lets_go_within_seconds(toml: str, here: Commons) -> None:
    with machines(toml, 1) as (dying,):
        assert dying.ask("lock", "killed", "5")
        assert here.lock("killed") is None
        dying.kill()
    with taken(here, "killed", wait_s=10):
        pass


def test_who_is_stopped_past_its_lease_and_wakes_overwrites_nothing(toml: str, here: Commons) -> None:
    with machines(toml, 1) as (sleeper,):
        assert sleeper.ask("lock", "asleep", "5")
        sleeper.stop()
        with taken(here, "asleep", wait_s=10) as lock:
            here.write("asleep", b"of the next holder", under=lock)
            sleeper.wake()
            assert sleeper.ask("write", "asleep", "of the one that slept") == "Conflict"
            assert sleeper.ask("held", "asleep") is False
            assert lock.is_held
        assert here.read("asleep") == b"of the next holder"


def test_who_lives_keeps_its_lock_for_longer_than_a_lease(toml: str, here: Commons) -> None:
    with machines(toml, 1) as (holder,):
        assert holder.ask("lock", "long", "5")
        assert here.lock("long", wait_s=1.6) is None
        assert holder.ask("write", "long", "still mine")


def test_connections_that_were_cut_while_nobody_used_them_are_made_anew(here: Commons) -> None:
    here.now_ns()
    _cut(here)
    assert here.read("nothing") is None
    _cut(here)
    with taken(here, "cut"):
        pass


def test_a_child_of_a_fork_uses_the_commons_and_takes_nothing_from_its_parent(here: Commons) -> None:
    with taken(here, "parent") as lock:
        child = os.fork()
        if child == 0:
            try:
                with taken(here, "child"):
                    os._exit(0 if here.lock("parent") is None else 3)
            finally:
                os._exit(4)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        here.write("parent", b"still here", under=lock)
        assert lock.is_held


def test_a_server_that_answers_nothing_is_not_waited_for(toml: str) -> None:
    bound = toml.replace('/0"', '/0?socket_timeout=0.3"')
    clock = SystemClock()
    with contextlib.closing(open_from(bound, Path())) as commons:
        with _paused(commons):
            began = clock.elapsed_ns()
            if isinstance(commons, PostgresCommons):
                # Only the process behind our session hangs there: another session is answered.
                assert commons._sessions.ask("SELECT 1", timeout_s=0.3) == [(1,)]
            else:
                with pytest.raises(Unavailable, match="did not answer"):
                    commons.read("x")
            assert (clock.elapsed_ns() - began) / 1e9 < 5
        assert commons.read("x") is None


def test_an_answer_that_drips_is_cut_whatever_came_by_then() -> None:
    clock = SystemClock()
    with dripping(b"$100000\r\n") as base:
        asking = Asking(base.replace("http", "redis"), place="there", namespace="desk")
        began = clock.elapsed_ns()
        with contextlib.closing(asking), pytest.raises(Unavailable, match="did not answer in time"):
            asking.ask(lambda server: server.get("x"), whole_s=0.3)
        assert (clock.elapsed_ns() - began) / 1e9 < 5


def test_a_login_that_is_refused_is_said_without_repeating_it(here: Commons) -> None:
    if not isinstance(here, RedisCommons):
        return  # this test's PostgreSQL trusts everybody on loopback
    wrong = here._url.replace("://", "://somebody:planted-secret@")
    other = RedisCommons(wrong, namespace="desk", lease_s=1, accepted="always", clock=SystemClock())
    with contextlib.closing(other), pytest.raises(Unavailable) as caught:
        other.read("x")
    assert "refuses our login" in caught.value.message
    assert "planted-secret" not in f"{caught.value}{caught.value.__cause__}"


REFUSED: dict[str, tuple[Callable[[str], str], str, str]] = {
    "nobody": (lambda url: url.replace("postgres@", "nobody:planted-secret@"), "refuses our login", "correct user"),
    "no database": (lambda url: url.replace("/steersman", "/nope"), "has no such database", "make it there"),
    "no rights": (lambda url: url.replace("postgres@", "poor@"), "make or use our table", "CREATE SCHEMA ours AUTH"),
}


# BackendKeyData: K, its length, the number of the session, a secret.
_SESSION = re.compile(rb"K\x00\x00\x00\x0c.{4}", re.DOTALL)
_ANOTHER = b"K\0\0\0\x0c\0\0\0\x07"
ON_POSTGRES = pytest.mark.parametrize("toml", ["postgres"], indirect=True)


def _in(url: str, schema: str) -> contextlib.closing[PostgresCommons]:
    return contextlib.closing(PostgresCommons(url, namespace="desk", schema=schema, lease_s=2, clock=SystemClock()))


@ON_POSTGRES
@pytest.mark.parametrize("case", REFUSED)
def test_a_database_that_says_no_is_told_in_words_without_the_secret(here: PostgresCommons, case: str) -> None:
    _command(here, "DROP OWNED BY poor; DROP ROLE poor", "CREATE ROLE poor LOGIN")
    change, words, fix = REFUSED[case]
    with _in(change(here._url), "ours") as commons, pytest.raises(Unavailable, match=words) as caught:
        commons.read("x")
    assert fix in caught.value.fix
    assert "planted-secret" not in str(caught.value)


@ON_POSTGRES
def test_a_schema_that_an_administrator_made_is_enough(here: PostgresCommons) -> None:
    _command(here, "DROP OWNED BY poor; DROP ROLE poor", "CREATE ROLE poor LOGIN")
    _command(here, "", "CREATE SCHEMA given AUTHORIZATION poor")
    with _in(here._url.replace("postgres@", "poor@"), "given") as commons:
        _works(commons)
        assert "fsync is off" in commons.not_durable


@ON_POSTGRES
def test_a_pooler_in_between_is_noticed_and_refused(here: PostgresCommons) -> None:
    parts = urlsplit(here._url)
    with _a_pooler(parts.port or 0) as port, _in(here._url.replace(str(parts.port), str(port)), "ours") as commons:
        with pytest.raises(Unavailable, match="is behind a pooler") as caught:
            commons.lock("x")
        assert "PgBouncer" in caught.value.fix


@ON_POSTGRES
def test_what_is_over_is_swept_out_of_the_table(here: PostgresCommons) -> None:
    with _in(here._url, "swept") as commons, taken(commons, "x") as lock:
        commons.write("brief", b"1", under=lock, ttl_s=0)
    with _in(here._url, "swept") as commons, taken(commons, "x") as lock:
        commons.write("stays", b"1", under=lock, ttl_s=60)
    with psycopg.connect(here._url) as connection:
        assert connection.execute("SELECT name FROM swept.commons").fetchall() == [("stays",)]


@ON_POSTGRES
@pytest.mark.parametrize("gone", ["TABLE dropped.commons", "SCHEMA dropped CASCADE"])
def test_a_table_that_somebody_dropped_is_made_anew_and_no_lock_is_lost_with_it(
    here: PostgresCommons, gone: LiteralString
) -> None:
    with _in(here._url, "dropped") as commons, taken(commons, "x") as lock:
        commons.write("x", b"1", under=lock)
        _command(here, "", f"DROP {gone}")
        assert commons.read("x") is None
        _command(here, "", f"DROP {gone}")
        commons.write("x", b"2", under=lock)
        assert commons.read("x") == b"2"


@contextlib.contextmanager
def _a_pooler(port: int) -> Iterator[int]:
    """Pass one connection on to `port`, and give the client another session's number, as PgBouncer does."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            client, _ = door.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                while ready := select.select([client, server], [], [], 10)[0]:
                    for source, other in ((client, server), (server, client)):
                        if source in ready:
                            data = source.recv(65_536)
                            if not data:
                                return
                            other.sendall(_SESSION.sub(_ANOTHER, data))

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        thread.join()


def _command(commons: PostgresCommons, before: LiteralString, statement: LiteralString) -> None:
    """Run a statement as the administrator, after one that may fail."""
    with psycopg.connect(commons._url, autocommit=True) as connection:
        if before:
            with contextlib.suppress(psycopg.Error):
                connection.execute(before)
        connection.execute(statement)


def _works(commons: Commons) -> None:
    with taken(commons, "x") as lock:
        commons.write("x", b"1", under=lock)
    assert commons.read("x") == b"1"


def _cut(commons: Commons) -> None:
    """Have the server end every connection of ours."""
    if isinstance(commons, RedisCommons):
        with contextlib.closing(redis.Redis.from_url(commons._url)) as other:
            other.client_kill_filter(_type="normal", skipme=True)
    else:
        assert isinstance(commons, PostgresCommons)
        with psycopg.connect(commons._url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
                (commons._application,),
            )


@contextlib.contextmanager
def _paused(commons: Commons) -> Iterator[None]:
    """Stop the process that answers us: it takes every byte, and says nothing."""
    if isinstance(commons, RedisCommons):
        with contextlib.closing(redis.Redis.from_url(commons._url)) as other:
            pid = int(other.info("server")["process_id"])
    else:
        lock = taken(commons, "pid")
        assert isinstance(lock, PostgresLock)
        pid = lock.session.info.backend_pid
        lock.release()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
