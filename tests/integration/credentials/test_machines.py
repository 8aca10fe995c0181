"""One login on several machines: each token is fetched once for all of them."""

from __future__ import annotations

import contextlib

import pytest
from tests.builders_automation import wait_for
from tests.builders_credentials import WHO, events, server
from tests.builders_machines import Operation, lease, logged_in, operation
from tests.oauth_server import OAuthServer

from steersman.kernel.errors import Rejected, Unavailable
from steersman.services.reauth import wanting_a_person

__all__ = ["operation", "server"]


def test_a_login_on_one_machine_serves_all_with_one_call(operation: Operation, server: OAuthServer) -> None:
    attic = logged_in(operation.machine("attic"), server)
    cellar, garage = operation.machine("cellar"), operation.machine("garage")
    assert lease(attic) == lease(cellar) == lease(garage)
    assert len(server.token_calls) == 1
    assert attic.said() == ["logged_in", "token.refreshed"]
    assert cellar.said() == ["logged_in", "token.received"]
    received = events(cellar.ledger, "services.token.received")[0][1]
    assert received["machine"] == "attic"


def test_whoever_finds_the_token_due_fetches_it_for_all_and_none_is_used_twice(
    operation: Operation, server: OAuthServer
) -> None:
    machines = [logged_in(operation.machine("a"), server), operation.machine("b"), operation.machine("c")]
    for turn in range(7):
        secrets = {lease(machines[(turn + n) % 3]) for n in range(3)}
        operation.advance(3590)
        assert len(secrets) == 1, turn
    assert len(server.token_calls) == 7
    assert (server.invalid_grants, server.authority.reuses) == (0, 0)


def test_a_good_token_is_leased_without_asking_the_commons(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    secret = lease(attic)
    assert lease(cellar) == secret
    operation.commons.stop()
    assert lease(cellar) == secret
    # Neither machine asked, so neither ledger was told that the commons are away.
    assert events(cellar.ledger, "services.commons.failed") == []


@pytest.mark.parametrize("behind_s", [-7200, -300, 300, 7200])
def test_clocks_of_machines_may_differ_by_hours(operation: Operation, server: OAuthServer, behind_s: int) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    cellar.clock.set(attic.clock.now_ns() - behind_s * 1_000_000_000)
    assert lease(attic) == lease(cellar)
    operation.advance(1500)
    assert lease(attic) == lease(cellar)
    assert len(server.token_calls) == 1
    operation.advance(2050)
    assert lease(cellar) == lease(attic)
    assert len(server.token_calls) == 2


def test_a_token_that_was_refused_is_looked_for_in_the_commons_before_another_is_fetched(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    first = attic.broker.lease("acme", who=WHO)
    same = cellar.broker.lease("acme", who=WHO)
    second = attic.broker.lease("acme", who=WHO, refused=first.lease_id)
    assert cellar.broker.lease("acme", who=WHO, refused=same.lease_id).secret == second.secret
    assert len(server.token_calls) == 2


def test_a_refusal_is_asked_for_once_and_every_ledger_is_told(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    lease(attic), lease(cellar)
    for family in {issued.family for issued in server.authority.by_access.values()}:
        server.authority.revoke_family(family)
    operation.advance(3700)
    for machine in (attic, cellar, cellar, attic):
        with pytest.raises(Rejected):
            lease(machine)
    assert server.invalid_grants == 1
    assert wanting_a_person(attic.ledger) == wanting_a_person(cellar.ledger) == ("acme",)
    logged_in(cellar, server)
    assert lease(cellar)
    # Nobody leases on the other machine: what runs there waits for the login. Its look ends that.
    assert attic.broker.look() == []
    assert wanting_a_person(attic.ledger) == ()


def test_a_pause_after_a_failure_is_kept_by_all(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    cellar.clock.set(attic.clock.now_ns() - 3_600_000_000_000)
    server.faults.append(lambda: (503, b"{}", {"Retry-After": "120"}))
    for machine in (attic, cellar):
        with pytest.raises(Unavailable):
            lease(machine)
    operation.advance(100)
    with pytest.raises(Unavailable, match="is asked again at"):
        lease(cellar)
    assert len(server.token_calls) == 1
    operation.advance(21)
    assert lease(cellar) == lease(attic)


def test_a_logout_is_one_everywhere(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    lease(attic), lease(cellar)
    attic.broker.logout("acme")
    cellar.broker.look()
    with pytest.raises(Rejected, match="is not logged in"):
        lease(cellar)
    assert "logged_out" in cellar.said()
    assert not list((cellar.state / "logins").glob("*.sealed"))


def test_a_look_behind_a_lease_finds_a_logout_within_a_quarter_of_a_minute(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    lease(attic), lease(cellar)
    attic.broker.logout("acme")
    operation.advance(16)
    broker = cellar.broker
    assert broker.lease("acme", who=WHO).secret, "the lease itself waits for nobody"
    broker.close()
    with pytest.raises(Rejected):
        broker.lease("acme", who=WHO)


def test_a_desk_learns_of_a_login_elsewhere_while_nobody_leases(
    operation: Operation, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steersman.services.credentials.broker._WATCH_S", 0.01)
    attic, cellar = operation.machine("attic"), operation.machine("cellar")
    with contextlib.closing(cellar.broker) as desk:
        desk.watch()
        logged_in(attic, server)
        wait_for(lambda: "logged_in" in cellar.said())
        attic.broker.logout("acme")
        wait_for(lambda: "logged_out" in cellar.said())
