"""Planted secrets: after a whole life of logins, none stands anywhere but in the sealed store."""

from __future__ import annotations

import contextlib
import logging
import traceback
from pathlib import Path

import pytest
from tests.builders_credentials import WHO, a_broker, a_client, clock, forms, private, providers, server, toml
from tests.oauth_server import CLIENT_SECRET, Fault, OAuthServer

from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import SteersmanError
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

__all__ = ["clock", "server"]
KEY = "planted-api-key-0815"
HIDDEN = "planted-by-command-42"


def declared_text(root: Path, server: OAuthServer) -> str:
    script = root / "print_token.sh"
    script.write_text(f"#!/bin/sh\necho {HIDDEN}\n")
    script.chmod(0o700)
    return (
        toml(root, server, "client", "oauth2_client")
        + toml(root, server, "refresh", "oauth2_refresh")
        + f'[provider.key]\nkind = "api_key"\nkey = "{private(root, "api.key", KEY)}"\n'
        + '[provider.command]\nkind = "exec"\ncommand = ["./print_token.sh"]\n'
    )


def test_no_secret_is_found_outside_the_sealed_store(
    server: OAuthServer,
    clock: FakeClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    # The provider's side of the wire runs in this process too, and logs what it issues: that is not ours.
    caplog.set_level(logging.CRITICAL, logger="authlib")
    ledger = sqlite_ledger(tmp_path / "ledger.db")
    declared = providers(declared_text(tmp_path, server), tmp_path)
    broker = a_broker(tmp_path, declared, ledger=ledger, clock=clock)
    pasted, said = server.new_login(), []
    broker.paste("refresh", pasted)
    faults: list[Fault] = [lambda: (500, pasted.encode(), {}), lambda: (200, b"<html>" + pasted.encode(), {})]
    for _ in range(6):
        for name in declared:
            with contextlib.suppress(SteersmanError):
                lease = broker.lease(name, who=WHO)
                said.append(repr(lease))
                broker.lease(name, who=WHO, refused=lease.lease_id)
        server.faults = list(faults)
        clock.advance(4000)
    broker.rotate()
    (tmp_path / ".steersman" / "services" / "logins" / "client.sealed").write_bytes(b"{}\nbroken")
    broker.paste("refresh", "planted-not-good")
    for name in ("client", "refresh"):
        try:
            broker.lease(name, who=WHO)
        except SteersmanError as exc:
            said.append("".join(traceback.format_exception(exc, chain=True)))
            said.append("".join(traceback.TracebackException.from_exception(exc, capture_locals=False).format()))
    said += [repr(broker.status()), repr(broker.slot("refresh")), repr(declared)]
    broker.logout("refresh")
    ledger.close()

    secrets = [pasted, CLIENT_SECRET, KEY, HIDDEN, "planted-not-good"]
    secrets += [*server.authority.by_access, *server.authority.by_refresh]
    assert len(secrets) > 12
    sealed_or_given = {"client.secret", "api.key", "print_token.sh"}
    files = [p for p in tmp_path.rglob("*") if p.is_file() and p.name not in sealed_or_given]
    heap = {str(p.relative_to(tmp_path)): p.read_bytes() for p in files}
    captured = capfd.readouterr()
    heap["output"] = "\n".join([*said, caplog.text, captured.out, captured.err]).encode()
    assert any(name.endswith(".sealed") for name in heap)
    # The key file is searched for tokens too: it holds keys, and no login.
    found = [
        (name, form) for name, data in heap.items() for secret in secrets for form in forms(secret) if form in data
    ]
    assert found == []


def test_what_is_written_is_for_its_owner_only(server: OAuthServer, tmp_path: Path) -> None:
    a_broker(tmp_path, a_client(tmp_path, server)).lease("acme", who=WHO)
    state = tmp_path / ".steersman" / "services"
    modes = {p.name: p.stat().st_mode & 0o777 for p in state.rglob("*")}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert modes["keys"] == 0o600
    assert modes["logins"] == 0o700
