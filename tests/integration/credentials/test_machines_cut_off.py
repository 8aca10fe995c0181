"""A login of several machines while the commons are away or forget, a lock is lost, or a machine stands still."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_credentials import a_client, events, server
from tests.builders_machines import Breaking, Machine, Operation, Suspending, lease, logged_in, operation
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.services.credentials import http
from steersman.services.credentials.provider import NoAnswer
from steersman.services.reauth import wanting_a_person

__all__ = ["operation", "server"]


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
