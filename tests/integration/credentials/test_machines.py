"""One login on several machines: each token is fetched once for all, whatever happens to machines or commons."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from tests.builders_automation import wait_for
from tests.builders_credentials import WHO, a_client, a_key, a_refresh, events, providers, server
from tests.builders_machines import Breaking, Machine, Operation, Suspending
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Corrupt, Misconfigured, Rejected, Unavailable
from steersman.services.commons import Lock
from steersman.services.credentials import http
from steersman.services.credentials.provider import NoAnswer
from steersman.services.reauth import wanting_a_person

__all__ = ["server"]


@pytest.fixture
def operation(tmp_path: Path, server: OAuthServer) -> Operation:
    return Operation(tmp_path, server, a_refresh)


def logged_in(machine: Machine, server: OAuthServer) -> Machine:
    machine.broker.paste("acme", server.new_login())
    return machine


def lease(machine: Machine, **more: Any) -> str:
    with contextlib.closing(machine.broker) as broker:
        return broker.lease("acme", who=WHO, **more).secret


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


# -- commons that are away, or forget -----------------------------------------------------------------------------


def test_without_the_commons_good_tokens_are_leased_and_nothing_is_refreshed(
    operation: Operation, server: OAuthServer
) -> None:
    attic = logged_in(operation.machine("attic"), server)
    secret = lease(attic)
    operation.commons.stop()
    operation.advance(3400)
    assert lease(attic) == secret, "due, but still good"
    assert events(attic.ledger, "services.commons.failed")[0][1]["did"] == "leased what was still good, fetched nothing"
    operation.advance(300)
    with pytest.raises(Unavailable, match="which machines share"):
        lease(attic)
    assert len(server.token_calls) == 1
    operation.commons.start()
    operation.advance(6)
    assert lease(attic) != secret
    assert len(events(attic.ledger, "services.commons.failed")) <= 2


def test_a_new_machine_that_cannot_reach_the_others_is_not_taken_for_logged_out(
    operation: Operation, server: OAuthServer
) -> None:
    logged_in(operation.machine("attic"), server)
    cellar = operation.machine("cellar")
    operation.commons.stop()
    with pytest.raises(Unavailable, match="which machines share"):
        lease(cellar)
    assert wanting_a_person(cellar.ledger) == ()


def test_a_login_that_uses_nothing_up_goes_on_alone_unless_that_is_refused(tmp_path: Path, server: OAuthServer) -> None:
    operation = Operation(tmp_path, server, a_client)
    attic, cellar = operation.machine("attic"), operation.machine("cellar")
    cellar.without = "refuse"
    assert lease(attic) == lease(cellar)
    operation.commons.stop()
    operation.advance(3700)
    assert lease(attic)
    with pytest.raises(Unavailable):
        lease(cellar)
    operation.commons.start()
    operation.advance(3700)
    assert lease(cellar) == lease(attic)
    assert len(server.token_calls) == 3


def broken_at(machine: Machine, operation: Operation, how: str, at: int) -> None:
    machine.commons = Breaking(operation.commons, how, at)


# The second write of a refresh is the token that came; the first one says that it is asked for.
@pytest.mark.parametrize("how", ["written, not answered", "away"])
def test_what_the_commons_did_not_take_is_kept_and_goes_there_before_anything_else(
    how: str, operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    broken_at(attic, operation, how, 2)
    with pytest.raises(Unavailable):
        lease(attic)
    operation.commons.start()
    attic.commons = operation.reached()
    if how == "away":
        with pytest.raises(Unavailable, match=r"attic asked for a token of acme 0 s ago, and what came is not known"):
            lease(cellar)
    operation.advance(6)
    assert lease(attic) == lease(cellar)
    assert (len(server.token_calls), server.invalid_grants, server.authority.reuses) == (1, 0, 0)
    assert not list(attic.state.rglob("*.unsent"))
    assert (
        b'"late"' in b"".join(e.data for e in attic.ledger.read(types=("services.token.refreshed",))) or how != "away"
    )


def test_a_lock_that_is_lost_before_the_request_costs_nothing(operation: Operation, server: OAuthServer) -> None:
    attic = logged_in(operation.machine("attic"), server)
    broken_at(attic, operation, "lock lost", 1)
    assert lease(attic)
    assert (len(server.token_calls), server.authority.reuses) == (1, 0)


def test_a_lock_that_is_lost_while_the_provider_answers_is_taken_again(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    broken_at(attic, operation, "lock lost", 2)
    assert lease(attic) == lease(cellar)
    assert (len(server.token_calls), server.authority.reuses) == (1, 0)
    assert not list(attic.state.rglob("*.unsent"))


def test_a_machine_that_stood_still_before_it_asked_does_not_use_up_what_another_has_used_since(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    fetched: list[str] = []

    def ten_minutes() -> None:
        operation.advance(600)
        fetched.append(lease(cellar))

    attic.commons = Suspending(operation.commons, ten_minutes)
    assert lease(attic) == fetched[0]
    assert (len(server.token_calls), server.invalid_grants, server.authority.reuses) == (1, 0, 0)


class Sleepy(FakeClock):
    """A machine that sleeps for a minute whenever it has looked at the time."""

    def elapsed_ns(self) -> int:
        self.advance(60)
        return super().elapsed_ns()


def test_what_could_not_be_sent_before_the_machine_stood_still_is_not_sent_after(server: OAuthServer) -> None:
    with pytest.raises(NoAnswer, match="was not asked: this machine stood still") as caught:
        http.post(f"{server.url}/token", {"refresh_token": "x"}, headers={}, timeout_s=5, clock=Sleepy())
    assert not caught.value.spent
    assert server.token_calls == []


def test_a_machine_that_comes_back_after_another_went_on_overwrites_nothing(
    operation: Operation, server: OAuthServer
) -> None:
    server.authority.rotates = False
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    broken_at(attic, operation, "away", 2)
    with pytest.raises(Unavailable):
        lease(attic)
    operation.commons.start()
    operation.advance(60)  # longer than a refresh is waited for
    secret = lease(cellar)
    attic.commons = operation.reached()
    assert lease(attic) == secret
    problems = [data["problem"] for _, data in events(attic.ledger, "services.token.failed")]
    assert problems == ["a token that came while the commons were away was dropped: cellar has gone on without it"]
    assert len(server.token_calls) == 2


def test_commons_that_may_forget_are_refused_with_the_reason(operation: Operation, server: OAuthServer) -> None:
    operation.commons.is_durable = False
    attic = operation.machine("attic")
    for attempt in (attic.broker.check_shared, lambda: logged_in(attic, server)):
        with pytest.raises(
            Misconfigured, match=r"cannot be shared through memory at .*: memory is gone when"
        ) as caught:
            attempt()
    assert "shared = false" in caught.value.fix


def test_commons_that_forgot_a_login_do_not_get_an_old_copy_that_may_be_used_up(
    operation: Operation, server: OAuthServer
) -> None:
    attic, cellar = logged_in(operation.machine("attic"), server), operation.machine("cellar")
    lease(attic), lease(cellar)
    operation.commons.records.clear()
    operation.advance(3700)
    for machine in (attic, cellar):
        with pytest.raises(Unavailable, match="gone from memory at") as caught:
            lease(machine)
    assert caught.value.fix == "restore what was there; or steersman auth login acme"
    logged_in(cellar, server)
    assert lease(cellar) == lease(attic)
    assert server.authority.reuses == 0


# -- moving in, keys, damage --------------------------------------------------------------------------------------


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
