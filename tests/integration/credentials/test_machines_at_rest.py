"""What a real server keeps of a shared login on its disk, and a refresh that is killed between two machines."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from tests import postgres, redis_server
from tests.builders_credentials import WHO, a_broker, a_key, a_refresh, forms, server
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import SystemClock
from steersman.services.commons import Commons, SharedSettings
from steersman.services.commons.adapters.postgres.commons import PostgresCommons
from steersman.services.commons.adapters.redis.commons import RedisCommons
from steersman.services.credentials.broker import Broker

__all__ = ["server"]
KINDS = ["redis", "postgres"]


class Kept:
    """A server that syncs what it is told, and the folder where it does."""

    def __init__(self, kind: str, url: str, folder: Path) -> None:
        self.kind, self.url, self.folder = kind, url, folder

    @contextlib.contextmanager
    def reached(self, operation: str = "desk") -> Iterator[Commons]:
        clock = SystemClock()
        made: Commons
        if self.kind == "redis":
            made = RedisCommons(self.url, namespace=operation, lease_s=1.0, accepted="always", clock=clock)
        else:
            made = PostgresCommons(self.url, namespace=operation, schema="shared", lease_s=1.0, clock=clock)
        with contextlib.closing(made) as commons:
            yield commons

    def on_disk(self) -> bytes:
        """Return all that lies there, once the server has put down what it holds in memory."""
        if self.kind == "redis":
            with contextlib.closing(redis.Redis.from_url(self.url)) as asked:
                asked.save()
        else:
            with psycopg.connect(self.url, autocommit=True) as asked:
                asked.execute("CHECKPOINT")
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module", params=KINDS)
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    kind: str = request.param
    missing = redis_server.missing() if kind == "redis" else postgres.missing()
    if missing:
        pytest.skip(missing)
    if kind == "redis":
        with redis_server.a_redis() as running:
            yield Kept(kind, running.url, running.folder)
    else:
        with postgres.a_postgres(is_durable=True) as serving:
            yield Kept(kind, serving.url, serving._data)


def broker(root: Path, server: OAuthServer, key: str, commons: Commons) -> Broker:
    root.mkdir(exist_ok=True)
    shared = SharedSettings(kind=commons.kind, namespace="desk", machine=root.name)
    declared = a_refresh(root, server)
    return a_broker(root, declared, environ={"STEERSMAN_KEY": key}, commons=commons, shared=shared)


def test_no_secret_is_found_in_what_the_server_keeps(kept: Kept, server: OAuthServer, tmp_path: Path) -> None:
    key, login = a_key(), server.new_login()
    with kept.reached() as commons:
        attic, cellar = (broker(tmp_path / name, server, key, commons) for name in ("attic", "cellar"))
        attic.paste("acme", login)
        first = attic.lease("acme", who=WHO)
        attic.lease("acme", who=WHO, refused=first.lease_id)
        assert cellar.lease("acme", who=WHO).secret in server.authority.by_access
        lying = kept.on_disk()
    secrets = [login, key, *server.authority.by_access, *server.authority.by_refresh]
    assert len(secrets) >= 6
    assert b"login/acme" in lying, "the record is among what was searched"
    assert [form for secret in secrets for form in forms(secret) if form in lying] == []


# A process that leases once and is killed: patched here, so the product has no hook for it.
VICTIM = """
import os, signal, sys
from pathlib import Path
from tests.integration.credentials.test_machines_at_rest import Kept, broker
from tests.builders_credentials import providers
from steersman.services.credentials import refresh

kind, url, root, key, operation, step, said = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def die_after(real):
    def call(*args, **kwargs):
        real(*args, **kwargs)
        die()
    return call
R = refresh.Refresher
if step == "before the request":
    R._intend = die_after(R._intend)
elif step == "stored, not recorded":
    R._say_refreshed = die
class Server:
    url = said
with Kept(kind, url, Path()).reached(operation) as commons:
    broker(Path(root), Server(), key, commons).lease("acme", who="automation:victim")
"""


# The steps are the broker's: what each server does when its client is killed is in the contract of the commons.
@pytest.mark.parametrize("kept", ["redis"], indirect=True)
@pytest.mark.parametrize("step", ["before the request", "stored, not recorded"])
def test_a_machine_that_is_killed_while_it_fetches_costs_the_others_no_login(
    step: str, kept: Kept, server: OAuthServer, tmp_path: Path
) -> None:
    key, operation = a_key(), step.replace(" ", "-").replace(",", "")
    with kept.reached(operation) as commons:
        attic = broker(tmp_path / "attic", server, key, commons)
        attic.paste("acme", server.new_login())
        words = [kept.kind, kept.url, str(tmp_path / "attic"), key, operation, step, server.url]
        victim = subprocess.run([sys.executable, "-c", VICTIM, *words], capture_output=True, text=True, check=False)
        assert victim.returncode == -9, victim.stderr
        if step == "stored, not recorded":
            cellar = broker(tmp_path / "cellar", server, key, commons)
            assert cellar.lease("acme", who=WHO).secret
        assert attic.lease("acme", who=WHO).secret
    assert (len(server.token_calls), server.invalid_grants, server.authority.reuses) == (1, 0, 0)
