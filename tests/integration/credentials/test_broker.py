"""The broker against a real OAuth 2.0 server: fresh, shared, told apart from refused, and never too eager."""

from __future__ import annotations

import contextlib
import errno
import gzip
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.builders_credentials import (
    WHO,
    a_broker,
    a_client,
    a_refresh,
    clock,
    events,
    in_threads,
    private,
    server,
)
from tests.oauth_server import CLIENT_SECRET, Answer, OAuthServer

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.adapters.socket import create as socket_ledger
from steersman.ledger.adapters.socket import serve
from steersman.ledger.adapters.sqlite import SqliteLedger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.services.reauth import wanting_a_person

__all__ = ["clock", "server"]


def html() -> Answer:
    return 200, b"<html>Sign in</html>", {"Content-Type": "text/html"}


def broken(status: int = 503, **headers: str) -> Any:
    return lambda: (status, b"oops", {k.replace("_", "-"): v for k, v in headers.items()})


def test_a_lease_carries_a_token_the_api_takes_and_stands_in_the_ledger(server: OAuthServer, tmp_path: Path) -> None:
    ledger = memory_ledger()
    lease = a_broker(tmp_path, a_client(tmp_path, server), ledger=ledger).lease("acme", who=WHO, run_id="run-1")
    assert server.route("GET", "/api", {}, {lease.header: lease.header_value})[0] == 200
    told = [(kind, data.get("who", data.get("why"))) for kind, data in events(ledger)]
    assert told == [("token.refreshed", "first"), ("lease.granted", WHO)]
    granted = events(ledger)[1][1]
    assert (granted["lease_id"], granted["run_id"], granted["expires_at"]) == (
        lease.lease_id,
        "run-1",
        lease.expires_at,
    )
    assert lease.secret not in repr(lease) + repr(events(ledger))


def test_many_threads_and_brokers_on_a_cold_login_make_one_call(server: OAuthServer, tmp_path: Path) -> None:
    declared = a_client(tmp_path, server)
    brokers = [a_broker(tmp_path, declared) for _ in range(4)]
    leases = in_threads(16, lambda n: brokers[n % 4].lease("acme", who=WHO).secret)
    assert len(set(leases)) == 1
    assert len(server.token_calls) == 1


def test_a_lease_ends_with_its_cap_or_the_token_whichever_is_first(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    broker = a_broker(tmp_path, a_client(tmp_path, server, lease="60s"), clock=clock)
    assert broker.lease("acme", who=WHO).expires_at == clock.now_ns() + 60_000_000_000
    server.authority.life_s = 20
    other = a_broker(tmp_path, a_client(tmp_path, server, "other"), clock=clock)
    assert other.lease("other", who=WHO).expires_at == clock.now_ns() + 20_000_000_000


def test_a_token_is_renewed_when_due_and_not_before(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock, ledger=ledger)
    first = broker.lease("acme", who=WHO).secret
    clock.advance(0.7 * 3600)
    assert broker.lease("acme", who=WHO).secret == first
    clock.advance(0.11 * 3600)
    assert broker.lease("acme", who=WHO).secret != first
    assert [d["why"] for k, d in events(ledger, "services.token.refreshed")] == ["first", "due"]


def test_the_wall_clock_makes_no_token_older_or_younger(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock)
    first = broker.lease("acme", who=WHO)
    for jump_s in (86_400, -86_400 * 30):
        clock.set(clock.now_ns() + jump_s * 1_000_000_000)
        assert broker.lease("acme", who=WHO).secret == first.secret
    clock.advance(3600)
    assert broker.lease("acme", who=WHO).secret != first.secret


def test_a_rotated_refresh_token_is_stored_before_the_access_token_is_handed_out(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    declared = a_refresh(tmp_path, server)
    broker = a_broker(tmp_path, declared, clock=clock)
    broker.paste("acme", server.new_login())
    for _ in range(3):
        broker.lease("acme", who=WHO)
        # Another process, with nothing in memory, goes on from what is on disk.
        broker = a_broker(tmp_path, declared, clock=clock)
        clock.advance(3600)
    assert (server.invalid_grants, server.authority.reuses, len(server.token_calls)) == (0, 0, 3)


def test_a_provider_that_does_not_rotate_keeps_its_refresh_token(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    server.authority.rotates = False
    broker = a_broker(tmp_path, a_refresh(tmp_path, server), clock=clock)
    broker.paste("acme", server.new_login())
    for _ in range(2):
        broker.lease("acme", who=WHO)
        clock.advance(3600)
    assert len({call["refresh_token"] for call in server.token_calls}) == 1


def test_a_referenced_refresh_token_is_used_once_and_a_new_one_there_is_a_new_login(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    reference = private(tmp_path, "seed", server.new_login())
    broker = a_broker(tmp_path, a_refresh(tmp_path, server, refresh_token=reference), clock=clock)
    for _ in range(3):
        broker.lease("acme", who=WHO)
        clock.advance(3600)
    assert server.authority.reuses == 0
    fresh = server.new_login()
    private(tmp_path, "seed", fresh)
    broker.lease("acme", who=WHO)
    assert server.token_calls[-1]["refresh_token"] == fresh


def test_invalid_grant_is_recorded_once_and_never_retried(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    ledger, declared = memory_ledger(), a_refresh(tmp_path, server)
    broker = a_broker(tmp_path, declared, ledger=ledger, clock=clock)
    broker.paste("acme", "not-a-token-anybody-gave")
    for each in (broker, broker, a_broker(tmp_path, declared, ledger=ledger, clock=clock)):
        with pytest.raises(Rejected, match="invalid_grant") as caught:
            each.lease("acme", who=WHO)
        assert caught.value.fix == "steersman auth login acme"
        clock.advance(7200)
    assert len(server.token_calls) == 1
    assert [d["error"] for _, d in events(ledger, "auth.reauth_required")] == ["invalid_grant"]
    assert broker.status()[0].state == "login_required"
    broker.paste("acme", server.new_login())
    assert broker.lease("acme", who=WHO).secret
    assert broker.status()[0].state == "ready"


def test_a_wrong_client_secret_is_mended_by_another_one_without_a_login(server: OAuthServer, tmp_path: Path) -> None:
    declared = a_client(tmp_path, server)
    private(tmp_path, "client.secret", "wrong")
    broker = a_broker(tmp_path, declared)
    for _ in range(2):
        with pytest.raises(Rejected, match="invalid_client"):
            broker.lease("acme", who=WHO)
    assert len(server.token_calls) == 1
    private(tmp_path, "client.secret", CLIENT_SECRET)
    assert broker.lease("acme", who=WHO).secret


def test_a_login_that_was_mended_wants_no_person_any_more(server: OAuthServer, tmp_path: Path) -> None:
    ledger, declared = memory_ledger(), a_client(tmp_path, server)
    private(tmp_path, "client.secret", "wrong")
    broker = a_broker(tmp_path, declared, ledger=ledger)
    with pytest.raises(Rejected, match="invalid_client"):
        broker.lease("acme", who=WHO)
    assert wanting_a_person(ledger) == wanting_a_person(ledger, among={"acme"}) == ("acme",)
    assert wanting_a_person(ledger, among={"another"}) == ()
    private(tmp_path, "client.secret", CLIENT_SECRET)
    broker.forgive("acme")  # as `steersman auth login acme` does
    broker.lease("acme", who=WHO)
    assert wanting_a_person(ledger) == ()


def test_a_login_that_was_broken_before_a_useless_paste_still_wants_a_person(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger, clock=clock)
    broker.paste("acme", "no-login")
    for _ in range(2):
        clock.advance(1)
        with pytest.raises(Rejected):
            broker.lease("acme", who=WHO)
        with pytest.raises(Rejected, match="nothing has changed"):
            broker.paste_and_try("acme", "no-login-either")
    with pytest.raises(Rejected):
        broker.lease("acme", who=WHO)
    assert wanting_a_person(ledger) == ("acme",)


@pytest.mark.parametrize("fault", [html, broken(500), broken(502), broken(429), broken(401)])
def test_a_failing_provider_is_left_alone_by_all_processes_for_longer_and_longer(
    fault: Any, server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    ledger, declared = memory_ledger(), a_client(tmp_path, server)
    server.faults = [fault] * 100
    for _ in range(3600):
        with pytest.raises(Unavailable):
            a_broker(tmp_path, declared, ledger=ledger, clock=clock).lease("acme", who=WHO)
        clock.advance(1)
    assert 10 < len(server.token_calls) < 40
    assert len(events(ledger, "services.token.failed")) == len(server.token_calls)
    assert a_broker(tmp_path, declared, clock=clock).status()[0].state == "failing"
    server.faults = []
    clock.advance(300)
    assert a_broker(tmp_path, declared, clock=clock).lease("acme", who=WHO).secret


def test_retry_after_is_obeyed(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock)
    server.faults = [broken(429, Retry_After="120")]
    for passed in (0, 100, 19):
        clock.advance(passed)
        with pytest.raises(Unavailable):
            broker.lease("acme", who=WHO)
    assert len(server.token_calls) == 1
    clock.advance(2)
    assert broker.lease("acme", who=WHO).secret


def test_an_old_token_that_is_still_good_is_leased_while_the_provider_fails(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock)
    first = broker.lease("acme", who=WHO).secret
    server.faults = [broken(500)] * 50
    clock.advance(3300)
    assert broker.lease("acme", who=WHO).secret == first
    assert broker.status()[0].problem
    clock.advance(300)
    with pytest.raises(Unavailable):
        broker.lease("acme", who=WHO)


@pytest.mark.parametrize(
    ("said", "lives_s"),
    [
        (None, 300),
        (-5, 300),
        (0, 300),
        ("soon", 300),
        (True, 300),
        ([], 300),
        (1e308, 60 * 60 * 24),
        ("900", 900),
        (10**30, 60 * 60 * 24),
        (1.5e3, 1500),
    ],
)
def test_lies_about_expiry_are_bounded(
    said: Any, lives_s: float, server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    server.edit = lambda body: {k: v for k, v in {**body, "expires_in": said}.items() if v is not None}
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock)
    first = broker.lease("acme", who=WHO)
    expires = broker.status()[0].expires_at
    assert expires is not None
    assert (expires - clock.now_ns()) / 1e9 == lives_s
    clock.advance(lives_s + 1)
    assert broker.lease("acme", who=WHO).secret != first.secret


def test_a_token_refused_before_it_was_over_is_fetched_anew_once_however_many_say_so(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock, ledger=ledger)
    leases = [broker.lease("acme", who=WHO) for _ in range(8)]
    server.expire_all()
    renewed = in_threads(8, lambda n: broker.lease("acme", who=WHO, refused=leases[n].lease_id).secret)
    assert len(set(renewed)) == 1
    assert renewed[0] != leases[0].secret
    assert [d["why"] for _, d in events(ledger, "services.token.refreshed")] == ["first", "refused"]


def test_an_api_that_refuses_everything_does_not_make_us_hammer_the_provider(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock)
    lease = broker.lease("acme", who=WHO)
    for _ in range(300):
        clock.advance(0.1)
        with contextlib.suppress(Unavailable):
            lease = broker.lease("acme", who=WHO, refused=lease.lease_id)
    assert len(server.token_calls) < 8
    with pytest.raises(Unavailable, match="refuses tokens that were just fetched"):
        broker.lease("acme", who=WHO, refused=lease.lease_id)


def test_a_lease_of_somebody_else_cannot_be_refused(server: OAuthServer, tmp_path: Path) -> None:
    broker = a_broker(tmp_path, a_client(tmp_path, server))
    with pytest.raises(Misconfigured, match="never leased"):
        broker.lease("acme", who=WHO, refused="made-up")


def test_a_clock_that_differs_is_said_and_does_no_harm(server: OAuthServer, clock: FakeClock, tmp_path: Path) -> None:
    server.skew_s = -7200
    broker = a_broker(tmp_path, a_client(tmp_path, server), clock=clock)
    broker.lease("acme", who=WHO)
    [status] = broker.status()
    assert status.state == "ready"
    assert "behind this machine's" in status.problem


def test_a_redirect_is_not_followed(server: OAuthServer, tmp_path: Path) -> None:
    server.faults = [lambda: (307, b"", {"Location": f"{server.url}/token"})]
    with pytest.raises(Unavailable, match="redirect"):
        a_broker(tmp_path, a_client(tmp_path, server)).lease("acme", who=WHO)
    assert len(server.token_calls) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 70_000,
        b"[]",
        b"{}",
        b'{"access_token": 5}',
        b'{"access_token": "a\\nb"}',
        b'{"access_token": "a", "token_type": "mac"}',
        b'{"a":' * 12_000,
        b"\xff\xfe",
        b"",
    ],
)
def test_answers_that_are_none_are_refused(body: bytes, server: OAuthServer, tmp_path: Path) -> None:
    server.faults = [lambda: (200, body, {})]
    with pytest.raises(Unavailable) as caught:
        a_broker(tmp_path, a_client(tmp_path, server)).lease("acme", who=WHO)
    assert body.decode("latin-1")[:20] not in str(caught.value) or not body


def test_a_silent_provider_is_given_up_in_time(server: OAuthServer, tmp_path: Path) -> None:
    never = threading.Event()
    server.faults = [lambda: (never.wait(20) and None) or (200, b"{}", {})]
    with pytest.raises(Unavailable, match="ReadTimeout"):
        a_broker(tmp_path, a_client(tmp_path, server, timeout="300ms")).lease("acme", who=WHO)
    never.set()


def test_headers_that_drip_do_not_put_the_end_off(server: OAuthServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()
        thread = threading.Thread(target=drip, args=(listening, over))
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/token"
        began = SystemClock().elapsed_ns()
        with pytest.raises(Unavailable, match="gave no whole answer"):
            a_broker(tmp_path, a_client(tmp_path, server, timeout="500ms", token_url=address)).lease("acme", who=WHO)
        assert SystemClock().elapsed_ns() - began < 5e9
        over.set()
        thread.join(10)


def drip(listening: socket.socket, over: threading.Event) -> None:
    """Send a header that has no end, a byte at a time, for 10 s or until `over`."""
    connection, _ = listening.accept()
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(200):
            connection.sendall(b"x")
            if over.wait(0.05):
                return


def test_a_clock_set_back_while_the_machine_was_off_leaves_no_provider_alone_for_years(
    server: OAuthServer, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = clock.now_ns()
    clock.set(today + 10 * 365 * 86_400 * 10**9)
    declared = a_client(tmp_path, server)
    server.faults = [broken(503)]
    with pytest.raises(Unavailable):
        a_broker(tmp_path, declared, clock=clock).lease("acme", who=WHO)
    monkeypatch.setattr("steersman.services.credentials.instant._boot_id", lambda: "another boot")
    clock.set(today)
    assert a_broker(tmp_path, declared, clock=clock).lease("acme", who=WHO).secret


def test_a_refresh_token_with_spaces_is_one_and_an_unusable_one_is_said(server: OAuthServer, tmp_path: Path) -> None:
    broker = a_broker(tmp_path, a_refresh(tmp_path, server))
    broker.paste("acme", "begin")
    told = iter(["with some spaces", "\u00e9"])

    def answer() -> Answer:
        return 200, msgspec.json.encode({"access_token": "a", "refresh_token": next(told)}), {}

    server.faults = [answer, answer]
    lease = broker.lease("acme", who=WHO)
    assert "refresh token that" not in broker.status()[0].problem
    broker.lease("acme", who=WHO, refused=lease.lease_id)
    assert "it sent a refresh token that cannot be used" in broker.status()[0].problem
    assert [form["refresh_token"] for form in server.token_calls] == ["begin", "with some spaces"]


def test_nobody_there_is_unavailable(server: OAuthServer, tmp_path: Path) -> None:
    declared = a_client(tmp_path, server)
    server.stop()
    with pytest.raises(Unavailable, match="cannot be reached"):
        a_broker(tmp_path, declared).lease("acme", who=WHO)


def test_an_unknown_provider_is_named_with_what_is_declared(server: OAuthServer, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"declared: acme") as caught:
        a_broker(tmp_path, a_client(tmp_path, server)).lease("acm", who=WHO)
    assert caught.value.fix == "did you mean 'acme'?"


def test_logging_out_revokes_and_forgets(server: OAuthServer, tmp_path: Path) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger)
    broker.paste("acme", server.new_login())
    lease = broker.lease("acme", who=WHO)
    assert broker.logout("acme")
    assert server.route("GET", "/api", {}, {"Authorization": f"Bearer {lease.secret}"})[0] == 401
    with pytest.raises(Rejected, match="not logged in"):
        broker.lease("acme", who=WHO)
    assert events(ledger, "auth.logged_out")[0][1]["revoked"]


def test_logging_out_works_while_the_provider_is_down(server: OAuthServer, tmp_path: Path) -> None:
    broker = a_broker(tmp_path, a_refresh(tmp_path, server))
    broker.paste("acme", server.new_login())
    server.stop()
    assert not broker.logout("acme")
    assert broker.status()[0].state == "login_required"


def test_without_a_ledger_nothing_is_handed_out(server: OAuthServer, tmp_path: Path) -> None:
    ledger = socket_ledger(tmp_path / "no.sock", tmp_path / "ledger.db")
    waited: list[float] = []
    with pytest.raises(Unavailable, match="core does not answer"):
        a_broker(tmp_path, a_client(tmp_path, server), ledger=ledger, wait=waited.append).lease("acme", who=WHO)
    assert 4 < sum(waited) < 8
    ledger.close()


def test_a_lease_waits_for_a_core_that_restarts(server: OAuthServer, tmp_path: Path) -> None:
    written = sqlite_ledger(tmp_path / "ledger.db")
    assert isinstance(written, SqliteLedger)
    ledger = socket_ledger(tmp_path / "core.sock", tmp_path / "ledger.db")
    serving: list[Any] = []

    def wait(seconds: float) -> None:
        serving.append(serve(written, tmp_path / "core.sock"))

    lease = a_broker(tmp_path, a_client(tmp_path, server), ledger=ledger, wait=wait).lease("acme", who=WHO)
    assert len(serving) == 1
    assert events(written, "services.lease.granted")[0][1]["lease_id"] == lease.lease_id
    ledger.close()
    serving[0].close()
    written.close()


def test_a_packed_answer_is_not_unpacked(server: OAuthServer, tmp_path: Path) -> None:
    bomb = gzip.compress(b"a" * 5_000_000)
    server.faults = [lambda: (200, bomb, {"Content-Encoding": "gzip"})]
    with pytest.raises(Unavailable, match="packed, unasked"):
        a_broker(tmp_path, a_client(tmp_path, server)).lease("acme", who=WHO)


def test_a_person_may_say_that_a_refused_client_works_now(server: OAuthServer, tmp_path: Path) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_client(tmp_path, server), ledger=ledger)
    server.faults = [lambda: (400, b'{"error": "unauthorized_client"}', {})] * 2
    for _ in range(2):
        with pytest.raises(Rejected, match="unauthorized_client"):
            broker.lease("acme", who=WHO)
        broker.slot("acme").forgive()
    assert broker.lease("acme", who=WHO).secret
    assert len(events(ledger, "auth.reauth_required")) == 2


def test_the_environments_proxy_is_not_asked(
    server: OAuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert a_broker(tmp_path, a_client(tmp_path, server)).lease("acme", who=WHO).secret


@pytest.mark.parametrize("style", ["basic", "post"])
def test_a_client_says_who_it_is_as_declared(style: str, server: OAuthServer, tmp_path: Path) -> None:
    declared = a_client(tmp_path, server, auth=style, params={"resource": "bars"}, audience="api")
    assert a_broker(tmp_path, declared).lease("acme", who=WHO).secret
    [sent] = server.token_calls
    assert (sent["resource"], sent["audience"]) == ("bars", "api")
    assert ("client_secret" in sent) == (style == "post")


def test_a_reference_that_is_removed_leaves_the_login_it_began(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    for rotates in (True, False):
        server.authority.rotates = rotates
        reference = private(tmp_path, "seed", server.new_login())
        a_broker(tmp_path, a_refresh(tmp_path, server, refresh_token=reference), clock=clock).lease("acme", who=WHO)
        for _ in range(3):
            clock.advance(4000)
            assert a_broker(tmp_path, a_refresh(tmp_path, server), clock=clock).lease("acme", who=WHO).secret
    assert server.authority.reuses == 0


def test_a_full_disk_is_noticed_before_a_refresh_token_is_spent(
    server: OAuthServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = a_refresh(tmp_path, server)
    a_broker(tmp_path, declared).paste("acme", server.new_login())

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("steersman.services.credentials.files.os.fsync", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            a_broker(tmp_path, declared).lease("acme", who=WHO)
    assert server.token_calls == []
    assert a_broker(tmp_path, declared).lease("acme", who=WHO).secret


def test_what_a_killed_writer_left_is_cleared_away(server: OAuthServer, tmp_path: Path) -> None:
    folder = tmp_path / ".steersman" / "services" / "logins"
    broker = a_broker(tmp_path, a_client(tmp_path, server))
    broker.lease("acme", who=WHO)
    (folder / ".acme.sealed.1.new").write_bytes(b"half")
    server.expire_all()
    broker.lease("acme", who=WHO, refused=broker.lease("acme", who=WHO).lease_id)
    assert [p.name for p in folder.glob(".*")] == []


def test_a_certificate_nobody_vouches_for_is_not_believed(tmp_path: Path, server: OAuthServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=shake_hands, args=(listening, context))
        thread.start()
        declared = a_client(tmp_path, server, token_url=f"https://localhost:{listening.getsockname()[1]}/token")
        with pytest.raises(Unavailable, match=r"cannot be reached \(ConnectError\)"):
            a_broker(tmp_path, declared).lease("acme", who=WHO)
        thread.join(10)


def shake_hands(listening: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listening.accept()
    with connection, contextlib.suppress(ssl.SSLError, OSError), context.wrap_socket(connection, server_side=True):
        pass


def self_signed(folder: Path) -> Path:
    """Write a certificate for localhost that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


def test_a_login_revoked_while_its_token_lives_is_said_at_once_and_used_to_its_end(
    server: OAuthServer, clock: FakeClock, tmp_path: Path
) -> None:
    ledger = memory_ledger()
    broker = a_broker(tmp_path, a_refresh(tmp_path, server), ledger=ledger, clock=clock)
    broker.paste("acme", server.new_login())
    first = broker.lease("acme", who=WHO)
    for issued in (*server.authority.by_refresh.values(),):
        issued.revoked = True
    clock.advance(3000)
    assert broker.lease("acme", who=WHO).secret == first.secret
    assert broker.status()[0].state == "login_required"
    assert len(events(ledger, "auth.reauth_required")) == 1
    with pytest.raises(Rejected, match="invalid_grant"):
        broker.lease("acme", who=WHO, refused=first.lease_id)
    clock.advance(600)
    with pytest.raises(Rejected, match="invalid_grant"):
        broker.lease("acme", who=WHO)
    assert server.invalid_grants == 1
