"""Kinds without a server: keys, commands that print, password managers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.builders_automation import wait_for
from tests.builders_credentials import WHO, a_broker, clock, events, private, providers

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.credentials.broker import Broker
from steersman.services.credentials.provider import NoAnswer
from steersman.services.credentials.providers.exec import parse

__all__ = ["clock"]
NOW = 1_700_000_000_000_000_000


def a_command(root: Path, body: str, **fields: str) -> Broker:
    script = root / "login.sh"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o700)
    more = "".join(f'{key} = "{value}"\n' for key, value in fields.items())
    return a_broker(root, providers(f'[provider.acme]\nkind = "exec"\ncommand = ["./login.sh"]\n{more}', root))


def test_a_key_in_a_file_is_leased_as_declared_and_a_changed_file_is_noticed(tmp_path: Path) -> None:
    ledger = memory_ledger()
    key = private(tmp_path, "key", "one" + chr(10))
    text = f'[provider.acme]\nkind = "api_key"\nkey = "{key}"\nheader = "X-Key"\nscheme = ""\n'
    text += f'[provider.acme.fields]\nid = "{private(tmp_path, "id", "me")}"\n'
    broker = a_broker(tmp_path, providers(text, tmp_path), ledger=ledger)
    lease = broker.lease("acme", who=WHO)
    assert (lease.header, lease.header_value, lease.fields) == ("X-Key", "one", {"id": "me"})
    private(tmp_path, "key", "two")
    assert broker.lease("acme", who=WHO).secret == "two"
    broker.lease("acme", who=WHO)
    assert [d["why"] for _, d in events(ledger, "services.token.refreshed")] == ["first", "first"]
    assert not (tmp_path / ".steersman" / "services" / "logins" / "acme.sealed").exists()


def test_a_refused_key_is_said_once_and_stays_for_others(tmp_path: Path) -> None:
    ledger = memory_ledger()
    text = f'[provider.acme]\nkind = "api_key"\nkey = "{private(tmp_path, "key", "one")}"\n'
    broker = a_broker(tmp_path, providers(text, tmp_path), ledger=ledger)
    lease = broker.lease("acme", who=WHO)
    for _ in range(3):
        with pytest.raises(Rejected, match="refuses its key"):
            broker.lease("acme", who=WHO, refused=lease.lease_id)
    assert len(events(ledger, "services.token.failed")) == 1
    assert broker.lease("acme", who=WHO).secret == "one"
    private(tmp_path, "key", "two")
    assert broker.lease("acme", who=WHO, refused=lease.lease_id).secret == "two"


def test_a_command_that_drips_is_ended_in_time(tmp_path: Path) -> None:
    broker = a_command(tmp_path, "for i in $(seq 400); do printf x; sleep 0.02; done", timeout="300ms")
    began = SystemClock().elapsed_ns()
    with pytest.raises(Unavailable, match=r"did not end within 0\.3 s"):
        broker.lease("acme", who=WHO)
    assert SystemClock().elapsed_ns() - began < 4e9


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    text = f'[provider.acme]\nkind = "api_key"\nkey = "{private(tmp_path, "key", "one")}"\n'
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(Misconfigured, match="0644"):
        a_broker(tmp_path, providers(text, tmp_path)).lease("acme", who=WHO)


def test_a_pasted_key_is_sealed_and_a_referenced_one_is_not_pasted(tmp_path: Path) -> None:
    broker = a_broker(tmp_path, providers('[provider.acme]\nkind = "api_key"\n', tmp_path))
    with pytest.raises(Rejected, match="has no key yet"):
        broker.lease("acme", who=WHO)
    broker.paste("acme", "typed")
    assert broker.lease("acme", who=WHO).secret == "typed"
    referenced = providers('[provider.acme]\nkind = "api_key"\nkey = "env:NO_SUCH_KEY"\n', tmp_path)
    with pytest.raises(Misconfigured, match="takes no secret from a person"):
        a_broker(tmp_path, referenced).paste("acme", "typed")


def test_a_command_is_run_once_for_many_leases_and_never_sees_the_key_that_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEERSMAN_KEY", "not-for-commands")
    broker = a_command(tmp_path, 'echo run >> runs; echo "t-${STEERSMAN_KEY:-none}"')
    assert {broker.lease("acme", who=WHO).secret for _ in range(5)} == {"t-none"}
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exit 3", "exit code 3"), ("echo two words", "neither JSON nor one token"), ("true", "neither JSON nor one"),
        ("head -c 70000 /dev/zero | tr '\\\\0' a", "more than 65,536"), ("echo '{\"x\":'", "broken JSON"),
        ("echo '{}'", "without access_token or token"), ("echo secret-on-stderr >&2; exit 1", "exit code 1"),
    ],
)  # fmt: skip
def test_a_command_that_prints_no_login_is_unavailable_and_not_quoted(body: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=said) as caught:
        a_command(tmp_path, body).lease("acme", who=WHO)
    assert "secret-on-stderr" not in str(caught.value)


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    broker = a_command(tmp_path, "sleep 600 & echo $! > child; wait", timeout="300ms")
    with pytest.raises(Unavailable, match=r"did not end within 0\.3 s"):
        broker.lease("acme", who=WHO)
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text())


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    declared = providers('[provider.acme]\nkind = "exec"\ncommand = ["./no-such"]\n', tmp_path)
    with pytest.raises(Misconfigured, match=r"\./no-such cannot be started"):
        a_broker(tmp_path, declared).lease("acme", who=WHO)


def test_aws_credentials_keep_all_their_parts() -> None:
    printed = json.dumps(
        {"Version": 1, "AccessKeyId": "AK", "SecretAccessKey": "SK", "SessionToken": "ST",
         "Expiration": "2023-11-14T23:13:20Z"}
    )  # fmt: skip
    found = parse(printed.encode(), name="aws", now_ns=NOW, assumed_s=300)
    assert found.fields == {"AccessKeyId": "AK", "SecretAccessKey": "SK", "SessionToken": "ST"}
    assert (found.secret, found.life_s) == ("SK", 3600)


@pytest.mark.parametrize(
    ("printed", "life_s"),
    [
        ("tok", 300),
        ('{"token": "tok"}', 300),
        ('{"access_token": "tok", "expires_in": 60}', 60),
        ('{"access_token": "tok", "expires_in": "60"}', 60),
        ('{"token": "tok", "expires_at": "2023-11-14T22:23:20+00:00"}', 600),
        ('{"token": "tok", "expires_at": "2023-11-14T22:23:20"}', 600),
    ],
)
def test_what_commands_print_is_understood(printed: str, life_s: float) -> None:
    found = parse(printed.encode(), name="x", now_ns=NOW, assumed_s=300)
    assert (found.secret, found.life_s) == ("tok", life_s)


@pytest.mark.parametrize(
    "printed",
    ['{"Version": 2, "AccessKeyId": "a", "SecretAccessKey": "b"}', '{"Version": 1, "AccessKeyId": "a"}',
     '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": 5}', '{"token": "t", "expires_at": "2001-01-01"}',
     '{"token": "t", "expires_at": "soon"}', '{"token": "t", "expires_at": 5}'],
)  # fmt: skip
def test_what_cannot_be_believed_is_refused(printed: str) -> None:
    with pytest.raises(NoAnswer):
        parse(printed.encode(), name="x", now_ns=NOW, assumed_s=300)


def test_a_password_manager_resolves_references_and_is_asked_again_after_life(tmp_path: Path, clock: FakeClock) -> None:
    script = tmp_path / "manager.sh"
    script.write_text('#!/bin/sh\necho "$1" >> asked\nprintf "value-of-%s" "$(basename "$1")"\n')
    script.chmod(0o700)
    text = '[provider.acme]\nkind = "resolver"\nreference = "op://vault/acme/token"\nlife = "10m"\n'
    text += 'command = ["./manager.sh", "{reference}"]\nfields = { user = "op://vault/acme/user" }\n'
    broker = a_broker(tmp_path, providers(text, tmp_path), clock=clock)
    for _ in range(3):
        lease = broker.lease("acme", who=WHO)
    assert (lease.secret, lease.fields) == ("value-of-token", {"user": "value-of-user"})
    assert (tmp_path / "asked").read_text().split() == ["op://vault/acme/token", "op://vault/acme/user"]
    clock.advance(601)
    broker.lease("acme", who=WHO)
    assert len((tmp_path / "asked").read_text().split()) == 4
