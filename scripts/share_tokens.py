"""Processes share a rotating refresh token whose access tokens live two seconds; prints what came of it as JSON.

`python scripts/share_tokens.py [SECONDS]` runs eight processes of one machine against Authlib's authorization server on
loopback, which revokes the whole login when a refresh token is used twice. `--machines 2 --commons redis` (or postgres)
runs four processes on each of two machines (workspaces, ledgers and cores of their own), with one more process on each
that is killed (SIGKILL) at random moments. `naively` is the same without what is proved: eight scripts and one file, or
machines that each have a copy of the login.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.builders_credentials import FilePlaces, a_broker, a_client, a_refresh, events
from tests.oauth_server import OAuthServer, oauth_server
from tests.postgres import a_postgres
from tests.redis_server import a_redis

from steersman.bootstrap.served import served
from steersman.kernel.clock import SystemClock
from steersman.ledger import Ledger
from steersman.ledger.adapters.socket import create as socket_ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.commons.adapters.postgres import create as postgres_commons
from steersman.services.commons.adapters.postgres.settings import PostgresSettings
from steersman.services.commons.adapters.redis import create as redis_commons
from steersman.services.commons.adapters.redis.settings import RedisSettings
from steersman.services.credentials import proof
from steersman.services.credentials.keychain import Keychain
from steersman.services.credentials.oauth2 import OAuth2Settings
from steersman.services.credentials.provider import Surroundings

PROCESSES = 8
EACH = 4
Reach = Callable[[str], tuple[Callable[[], Commons], SharedSettings]]


def shared(root: Path, seconds: float) -> dict[str, object]:
    """Share one login through the broker of one machine for `seconds`."""
    path, socket = root / "ledger.db", root / "core.sock"
    with oauth_server() as server, served(path, socket) as ledger:
        server.authority.life_s = 2
        declared = a_refresh(root, server)
        a_broker(root, declared, ledger=ledger).paste("acme", server.new_login())
        done = proof.share(
            root=root,
            state=root / ".steersman" / "services",
            providers=declared,
            provider="acme",
            ledger=partial(socket_ledger, socket, path),
            processes=PROCESSES,
            seconds=seconds,
        )
        return {
            "processes": PROCESSES,
            "seconds": seconds,
            "token_life_s": 2,
            "leases": done.leases,
            "token_calls": len(server.token_calls),
            "invalid_grant": server.invalid_grants,
            "reuses_seen_by_the_server": server.authority.reuses,
            "leases_refused": done.rejected,
            "ledger_verified": ledger.verify().ok,
        }


def naively(root: Path) -> dict[str, object]:
    """Do what scripts do that share a file."""
    with oauth_server() as server:
        settings = msgspec.convert(a_client(root, server)["acme"], OAuth2Settings, from_attributes=True)
        around = Surroundings(name="acme", root=root, clock=SystemClock())
        plain = msgspec.structs.replace(settings, kind="oauth2_client")
        found = proof.share_naively(around, plain, server.new_login(), scripts=PROCESSES)
        revoked = all(issued.revoked for issued in server.authority.by_access.values())
        return {"refreshed": found.refreshed, "invalid_grant": found.refused, "login_revoked": revoked}


@contextlib.contextmanager
def reached(kind: str) -> Iterator[Reach]:
    """Start a server that keeps what it is told; yield how a machine of a given name reaches it."""
    if kind == "redis":
        with a_redis() as redis:

            def reach(name: str) -> tuple[Callable[[], Commons], SharedSettings]:
                settings = RedisSettings(namespace="proof", url=redis.url, machine=name)
                return partial(redis_commons, settings, root=Path(), clock=SystemClock()), settings

            yield reach
        return
    with a_postgres(is_durable=True) as postgres:

        def reach(name: str) -> tuple[Callable[[], Commons], SharedSettings]:
            settings = PostgresSettings(namespace="proof", url=postgres.url, machine=name)
            return partial(postgres_commons, settings, root=Path(), clock=SystemClock()), settings

        yield reach


def with_one_key(roots: list[Path]) -> None:
    """Give all machines the key of the first, as a person does with `auth key export` and `import`."""
    text = b""
    for root in roots:
        state = root / ".steersman" / "services"
        Keychain(state, FilePlaces(state, environ={}), SystemClock()).ring()
        text = text or (state / "keys").read_bytes()
        (state / "keys").write_bytes(text)


class Machine:
    """A workspace with a core of its own, four processes that lease, and one that is killed and begun anew."""

    def __init__(self, root: Path, server: OAuthServer, seconds: float, reach: Reach | None) -> None:
        self.root, self.done, self.kills = root, proof.Shared(), 0
        commons, settings = reach(root.name) if reach is not None else (None, None)
        self.task = proof.Task(
            root=root,
            state=root / ".steersman" / "services",
            providers=a_refresh(root, server),
            provider="acme",
            seconds=seconds,
            pause_s=0.01,
            commons=commons,
            shared=settings,
        )

    def work(self) -> None:
        path, socket, task = self.root / "ledger.db", self.root / "core.sock", self.task
        with served(path, socket) as ledger:
            opens = partial(socket_ledger, socket, path)
            disturbing = threading.Thread(target=self._disturb, args=(opens,))
            disturbing.start()
            self.done = proof.share(
                root=task.root,
                state=task.state,
                providers=task.providers,
                provider=task.provider,
                ledger=opens,
                processes=EACH,
                seconds=task.seconds,
                pause_s=task.pause_s,
                commons=task.commons,
                shared=task.shared,
            )
            disturbing.join()
            failed = events(ledger, "services.token.failed")
            self.lost_answers = sum("was never stored" in data["problem"] for _, data in failed)

    def _disturb(self, opens: Callable[[], Ledger]) -> None:
        self.kills = proof.disturb(self.task, opens)


def over_machines(root: Path, seconds: float, count: int, reach: Reach | None) -> dict[str, object]:
    """Share one login over `count` machines; without `reach`, each has a copy of the same login."""
    roots = [root / f"machine-{number + 1}" for number in range(count)]
    for each in roots:
        each.mkdir()
    with_one_key(roots)
    with oauth_server() as server:
        server.authority.life_s = 2
        machines = [Machine(each, server, seconds, reach) for each in roots]
        first, login = machines[0], server.new_login()
        for machine in machines if reach is None else [first]:
            commons, settings = machine.task.commons, machine.task.shared
            opened = commons() if commons is not None else None
            a_broker(machine.root, machine.task.providers, commons=opened, shared=settings).paste("acme", login)
            if opened is not None:
                opened.close()
        working = [threading.Thread(target=machine.work) for machine in machines]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()
        return {
            "machines": count,
            "processes_each": EACH,
            "seconds": seconds,
            "token_life_s": 2,
            "leases": [machine.done.leases for machine in machines],
            "killed": sum(machine.kills for machine in machines),
            "token_calls": len(server.token_calls),
            "invalid_grant": server.invalid_grants,
            "reuses_seen_by_the_server": server.authority.reuses,
            "answers_lost_by_a_kill": sum(machine.lost_answers for machine in machines),
            "leases_refused": sum(machine.done.rejected for machine in machines),
            "leases_put_off": sum(machine.done.unavailable for machine in machines),
            "said": next((machine.done.said for machine in machines if machine.done.said), ""),
        }


def main() -> None:
    """Print both as one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--commons", choices=("redis", "postgres"), default="redis")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        if given.machines == 1:
            print(json.dumps({**shared(Path(first), given.seconds), "naively": naively(Path(second))}))
            return
        with reached(given.commons) as reach:
            found = over_machines(Path(first), given.seconds, given.machines, reach)
        alone = over_machines(Path(second), min(given.seconds, 6.0), given.machines, None)
        kept = ("token_calls", "invalid_grant", "reuses_seen_by_the_server", "leases_refused", "said")
        print(json.dumps({"commons": given.commons, **found, "naively": {name: alone[name] for name in kept}}))


if __name__ == "__main__":
    main()
