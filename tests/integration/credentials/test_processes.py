"""Eight real processes and one login; and the same without a broker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from tests.builders_credentials import FilePlaces, a_broker, a_client, a_refresh, events, server
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import SystemClock
from steersman.ledger import Ledger
from steersman.ledger.adapters.socket import create as socket_ledger
from steersman.ledger.adapters.socket import serve
from steersman.ledger.adapters.sqlite import SqliteLedger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.services.credentials import proof
from steersman.services.credentials.oauth2 import OAuth2Settings
from steersman.services.credentials.provider import Surroundings

__all__ = ["server"]
PROCESSES = 8


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a core whose socket all processes append through."""
    opened = sqlite_ledger(tmp_path / "ledger.db")
    assert isinstance(opened, SqliteLedger)
    serving = serve(opened, tmp_path / "core.sock")
    yield opened
    serving.close()
    opened.close()


def state_with_a_key_file(tmp_path: Path) -> Path:
    """Make the key a file, whatever keyring the machine of the tests has: the processes find it decided."""
    state = tmp_path / ".steersman" / "services"
    places = FilePlaces(state, environ={})
    from steersman.services.credentials.keychain import Keychain

    Keychain(state, places, SystemClock()).ring()
    return state


def test_eight_processes_on_a_cold_login_make_one_call(server: OAuthServer, ledger: Ledger, tmp_path: Path) -> None:
    done = proof.share(
        root=tmp_path,
        state=state_with_a_key_file(tmp_path),
        providers=a_client(tmp_path, server),
        provider="acme",
        ledger=partial(socket_ledger, tmp_path / "core.sock", tmp_path / "ledger.db"),
        processes=PROCESSES,
        most=5,
    )
    assert (done.leases, done.rejected, done.unavailable, done.said) == (5 * PROCESSES, 0, 0, "")
    assert len(done.tokens) == 1
    assert len(server.token_calls) == 1
    assert len(events(ledger, "services.lease.granted")) == 5 * PROCESSES


@pytest.mark.serial
def test_two_second_tokens_are_shared_by_eight_processes_without_a_refusal(
    server: OAuthServer, ledger: Ledger, tmp_path: Path
) -> None:
    server.authority.life_s = 2
    declared = a_refresh(tmp_path, server)
    state = state_with_a_key_file(tmp_path)
    a_broker(tmp_path, declared, ledger=ledger).paste("acme", server.new_login())
    done = proof.share(
        root=tmp_path,
        state=state,
        providers=declared,
        provider="acme",
        ledger=partial(socket_ledger, tmp_path / "core.sock", tmp_path / "ledger.db"),
        processes=PROCESSES,
        seconds=6.0,
        pause_s=0.02,
    )
    assert (done.rejected, done.unavailable, done.said) == (0, 0, "")
    assert (server.invalid_grants, server.authority.reuses) == (0, 0)
    assert 3 <= len(server.token_calls) <= 9
    assert done.leases > 100
    assert done.stale <= done.leases // 100, "a lease may end while it travels on a busy machine, but rarely"


def test_without_a_broker_the_same_eight_lose_the_login(server: OAuthServer, tmp_path: Path) -> None:
    settings = msgspec.convert(a_client(tmp_path, server)["acme"], OAuth2Settings, from_attributes=True)
    around = Surroundings(name="acme", root=tmp_path, clock=SystemClock())
    first = server.new_login()
    naive = proof.share_naively(around, msgspec.structs.replace(settings, kind="oauth2_client"), first)
    assert (naive.refreshed, naive.refused) == (1, PROCESSES - 1)
    assert server.authority.reuses == 1
    # The one that was first lost its token too: the server revoked the whole family.
    assert all(issued.revoked for issued in server.authority.by_access.values())
