"""Brokers, providers and workspaces of logins that spell out only what a test is about."""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.oauth_server import CLIENT_SECRET, OAuthServer, oauth_server

from steersman.kernel.clock import Clock, FakeClock, SystemClock
from steersman.kernel.toml_file import TomlFile
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.commons import Commons, SharedSettings
from steersman.services.credentials.broker import Broker
from steersman.services.credentials.places import Backend, Places
from steersman.services.credentials.settings import ProviderSettings, read

WHO = "automation:prices"


def providers(text: str, root: Path) -> dict[str, ProviderSettings]:
    """Return what a steersman.toml with this text declares."""
    found: dict[str, ProviderSettings] = read(TomlFile(text, name="steersman.toml"), root)
    return found


def private(root: Path, name: str, text: str) -> str:
    """Write a secret into a file only its owner can read and return the reference to it."""
    path = root / name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return f"file:{name}"


def a_client(root: Path, server: OAuthServer, name: str = "acme", **fields: Any) -> dict[str, ProviderSettings]:
    """Declare a client-credentials login at `server`."""
    return _declared(root, server, name, "oauth2_client", fields)


def a_refresh(root: Path, server: OAuthServer, name: str = "acme", **fields: Any) -> dict[str, ProviderSettings]:
    """Declare a login by refresh token at `server`; the first one is pasted unless given."""
    return _declared(root, server, name, "oauth2_refresh", fields)


def _declared(
    root: Path, server: OAuthServer, name: str, kind: str, fields: Mapping[str, Any]
) -> dict[str, ProviderSettings]:
    return providers(toml(root, server, name, kind, **fields), root)


def toml(root: Path, server: OAuthServer, name: str, kind: str, **fields: Any) -> str:
    """Return the table of an OAuth login at `server`."""
    values = {
        "kind": kind,
        "token_url": f"{server.url}/token",
        "revoke_url": f"{server.url}/revoke",
        "client_id": "desk",
        "client_secret": private(root, "client.secret", CLIENT_SECRET),
        "timeout": "5s",
        **fields,
    }
    lines = [f"{key} = {_toml_value(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[provider.{name}]", *lines, ""])


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items()) + " }"
    return msgspec.json.encode(value).decode()


def a_broker(
    root: Path,
    declared: dict[str, ProviderSettings],
    *,
    ledger: Ledger | None = None,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    backend: Backend | None = None,
    wait: Callable[[float], object] = lambda _: None,
    commons: Commons | None = None,
    shared: SharedSettings | None = None,
) -> Broker:
    state = root / ".steersman" / "services"
    places = FilePlaces(state, environ=environ or {}, backend=backend)
    return Broker(
        root=root,
        state=state,
        providers=declared,
        ledger=ledger or memory_ledger(),
        clock=clock or SystemClock(),
        places=places,
        wait=wait,
        commons=commons,
        shared=shared,
    )


class FilePlaces(Places):
    """Places of a machine without a keyring, unless one is given: that of whoever runs the tests is left alone."""

    def backend(self) -> Backend | None:
        return self._given


def events(ledger: Ledger, *types: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (last two words of the type, data) of what was said about logins, in order."""
    found = ledger.read(types=types or ("services.*", "auth.*"))
    return [(e.type.partition(".")[2], msgspec.json.decode(e.data)) for e in found]


class MemoryKeyring:
    """A keyring as the operating system has one."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


def a_key() -> str:
    """Return a key as STEERSMAN_KEY holds it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def forms(secret: str) -> list[bytes]:
    """Return how a secret may stand somewhere: as it is, base64 at each alignment, hex, reversed."""
    raw = secret.encode()
    shifted = [base64.b64encode(b"x" * pad + raw)[4:-4] for pad in range(3)]
    return [raw, *shifted, raw.hex().encode(), raw[::-1]]


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """Run `work(0..count-1)` at the same time; return results, or what was raised."""
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait()
        try:
            results[number] = work(number)
        except Exception as exc:  # noqa: BLE001 - handed to the test, which says what it expected
            results[number] = exc

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with oauth_server() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(SystemClock().now_ns())
