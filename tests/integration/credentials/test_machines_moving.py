"""A login moves up to the commons, keys are carried or changed, what lies there is damaged or of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_credentials import WHO, a_key, a_refresh, events, providers, server
from tests.builders_machines import Breaking, Operation, lease, logged_in, operation
from tests.oauth_server import OAuthServer

from steersman.kernel.errors import Corrupt, Misconfigured, Rejected, Unavailable
from steersman.services.commons import Lock
from steersman.services.reauth import wanting_a_person

__all__ = ["operation", "server"]


def test_a_login_from_before_moves_up_at_its_first_use_and_that_is_said(
    operation: Operation, server: OAuthServer
) -> None:
    attic = logged_in(operation.machine("attic", alone=True), server)
    secret = lease(attic)
    attic.commons = operation.reached()
    assert lease(attic) == secret
    assert lease(operation.machine("cellar")) == secret
    ((_, told),) = events(attic.ledger, "services.login.shared")
    assert told["did"] == "the login of this machine was put into the commons"
    assert len(server.token_calls) == 1


def test_of_two_logins_from_before_the_first_stays_and_the_other_is_kept_aside(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = (logged_in(operation.machine(name, alone=True), server) for name in ("attic", "cellar"))
    lease(attic), lease(cellar)
    for machine in (attic, cellar):
        machine.commons = operation.reached()
    assert lease(attic) == lease(cellar)
    ((_, told),) = events(cellar.ledger, "services.login.shared")
    kept = cellar.state / told["quarantined"]
    assert kept.read_bytes().startswith(b"{")
    assert "attic" in told["did"]


def test_a_machine_without_the_key_says_which_key_and_how_to_bring_it(
    operation: Operation, server: OAuthServer
) -> None:
    attic = logged_in(operation.machine("attic"), server)
    cellar = operation.machine("cellar", key=a_key())
    for attempt in (lambda: lease(cellar), lambda: logged_in(cellar, server)):
        with pytest.raises(
            Misconfigured, match=r"sealed by attic with the key [0-9a-f]{16}, which this machine"
        ) as found:
            attempt()
        assert found.value.fix.startswith("on attic: steersman auth key export FILE")
    cellar.key = f"{attic.key},{cellar.key}"
    assert lease(cellar) == lease(attic)


def test_a_login_stays_sealed_with_the_key_that_all_have(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    cellar.key = f"{a_key()},{operation.key}"
    operation.advance(10)
    assert lease(cellar) == lease(attic), "the one with a newer key of its own wrote what the other can open"


def test_a_new_key_seals_what_is_shared_too(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    secret, new = lease(attic), a_key()
    attic.key = f"{new},{operation.key}"
    assert attic.broker.rotate().resealed == 1
    attic.key = cellar.key = new
    assert lease(attic) == secret
    cellar.key = new
    assert lease(cellar) == secret


def test_a_machine_with_an_old_copy_that_changes_keys_uses_no_refresh_token_twice(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    assert lease(attic) == lease(cellar)
    operation.advance(3700)
    secret, new = lease(attic), a_key()
    cellar.key = f"{new},{operation.key}"
    cellar.broker.rotate()
    attic.key = cellar.key = new
    assert lease(cellar) == secret
    operation.advance(3700)
    assert lease(cellar) == lease(attic)
    assert (server.invalid_grants, server.authority.reuses) == (0, 0)


def test_a_machine_without_the_key_that_forgives_a_login_keeps_its_copy_for_what_it_is(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    assert lease(attic) == lease(cellar)
    operation.advance(3700)
    lease(attic)
    cellar.key = a_key()
    cellar.broker.forgive("acme")
    cellar.key = operation.key
    operation.advance(3700)
    assert lease(cellar) == lease(attic)
    assert (server.invalid_grants, server.authority.reuses) == (0, 0)


def test_a_damaged_copy_is_replaced_from_the_commons(operation: Operation, server: OAuthServer) -> None:
    attic = logged_in(operation.machine("attic"), server)
    secret = lease(attic)
    (attic.state / "logins" / "acme.sealed").write_bytes(b"{}\nbroken")
    assert lease(attic) == secret
    assert "was moved to quarantine" in events(attic.ledger, "services.token.failed")[0][1]["problem"]


@pytest.mark.parametrize("damage", [b"", b"no json", b'{"id":"x"}', b"\xff\xfe"])
def test_a_damaged_record_is_said_and_a_person_can_mend_it(
    damage: bytes, operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    operation.commons.records["desk:login/acme"] = (damage, None)
    with pytest.raises(Corrupt, match=r"acme is damaged \(memory at"):
        lease(cellar)
    logged_in(cellar, server)
    assert lease(cellar) == lease(attic)


def test_a_damaged_record_takes_no_good_token_away(operation: Operation, server: OAuthServer) -> None:
    attic = logged_in(operation.machine("attic"), server)
    secret = lease(attic)
    operation.commons.records["desk:login/acme"] = (b"no json", None)
    operation.advance(3500)
    assert lease(attic) == secret
    operation.advance(200)
    with pytest.raises(Corrupt, match="acme is damaged"):
        lease(attic)
    assert list((attic.state / "logins").glob("*.sealed")), "the copy here may be all that is left"
    logged_in(attic, server)
    assert lease(attic) != secret


def test_a_machine_that_stops_sharing_does_not_use_its_copy_up(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    secret = lease(cellar)
    cellar.commons = None
    assert lease(cellar) == secret
    operation.advance(3700)
    with pytest.raises(Misconfigured, match="is a copy of one that machines share, and") as found:
        lease(cellar)
    assert found.value.fix.endswith("steersman auth login acme")
    assert lease(attic)
    logged_in(cellar, server)
    assert lease(cellar) != lease(attic)
    operation.advance(3700)
    assert lease(cellar) != lease(attic)
    assert server.authority.reuses == 0


def test_a_record_of_another_version_stops_that_login_only(operation: Operation, server: OAuthServer) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    raw, _ = operation.commons.records["desk:login/acme"]
    operation.commons.records["desk:login/acme"] = (raw.replace(b'"form":1', b'"form":2'), None)
    with pytest.raises(Misconfigured, match="written by another version of Steersman"):
        lease(cellar)
    assert attic.broker.status()[0].provider == "acme"


def test_a_key_that_was_pasted_on_one_machine_is_there_on_all(tmp_path: Path, server: OAuthServer) -> None:
    text = '[provider.acme]\nkind = "api_key"\n'
    operation = Operation(tmp_path, server, lambda root, _: providers(text, root))
    attic, cellar = operation.machine("attic"), operation.machine("cellar")
    attic.broker.paste("acme", "key-of-the-shop-1")
    assert lease(cellar) == "key-of-the-shop-1"
    attic.broker.paste("acme", "key-of-the-shop-2")
    refused = cellar.broker.lease("acme", who=WHO)
    assert cellar.broker.lease("acme", who=WHO, refused=refused.lease_id).secret == "key-of-the-shop-2"


def test_a_pasted_key_is_not_taken_for_missing_while_the_commons_are_away(tmp_path: Path, server: OAuthServer) -> None:
    text = '[provider.acme]\nkind = "api_key"\n'
    operation = Operation(tmp_path, server, lambda root, _: providers(text, root))
    attic, cellar = operation.machine("attic"), operation.machine("cellar")
    attic.broker.paste("acme", "key-of-the-shop-1")
    operation.commons.stop()
    assert lease(attic) == "key-of-the-shop-1"
    with pytest.raises(Unavailable):
        lease(cellar)
    assert wanting_a_person(cellar.ledger) == ()
    operation.commons.start()
    operation.advance(6)
    assert lease(cellar) == "key-of-the-shop-1"


def test_a_turn_that_is_lost_again_and_again_is_no_answer_for_now(operation: Operation, server: OAuthServer) -> None:
    attic = logged_in(operation.machine("attic"), server)

    class Always(Breaking):
        def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
            self.at = 1
            super().write(name, data, under=under, ttl_s=ttl_s)

    attic.commons = Always(operation.commons, "lock lost", 1)
    with pytest.raises(Unavailable, match="twice"):
        lease(attic)
    assert server.token_calls == [], "it was lost before anything was sent"


def test_a_login_that_is_not_shared_stays_on_its_machine(tmp_path: Path, server: OAuthServer) -> None:
    operation = Operation(tmp_path, server, lambda root, s: a_refresh(root, s, shared=False))
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    assert lease(attic)
    with pytest.raises(Rejected, match="is not logged in"):
        lease(cellar)
    assert operation.commons.records == {}


def test_no_secret_lies_unsealed_in_the_commons(operation: Operation, server: OAuthServer) -> None:
    attic = logged_in(operation.machine("attic"), server)
    lease(attic)
    raw = b"".join(data for data, _ in operation.commons.records.values())
    secrets = [*server.authority.by_access, *server.authority.by_refresh]
    assert len(raw) > 300
    assert [s for s in secrets if s.encode() in raw] == []
