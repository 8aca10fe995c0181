"""Machines of one operation: each a workspace with a ledger, clocks and (unless said) the keys all of them have."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.builders_credentials import WHO, a_broker, a_key, a_refresh, events
from tests.oauth_server import OAuthServer

from steersman.kernel.clock import FakeClock, SystemClock
from steersman.kernel.errors import OutcomeUnknown
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.services.commons import Commons, Lock, SharedSettings
from steersman.services.commons.adapters.memory import MemoryCommons, MemoryServer
from steersman.services.credentials.broker import Broker
from steersman.services.credentials.provider import ProviderSettings

Declare = Callable[[Path, OAuthServer], dict[str, ProviderSettings]]


class Machine:
    """A workspace that shares its logins; `broker` is that of a process that has just begun."""

    def __init__(self, root: Path, declared: dict[str, ProviderSettings], *, key: str, commons: Commons | None) -> None:
        self.root, self.declared, self.key, self.commons = root, declared, key, commons
        self.clock = FakeClock(SystemClock().now_ns())
        self.ledger: Ledger = memory_ledger()
        self.without: Any = "alone"

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def broker(self) -> Broker:
        shared = SharedSettings(kind="memory", namespace="desk", machine=self.name, without=self.without)
        return a_broker(
            self.root, self.declared, ledger=self.ledger, clock=self.clock, environ={"STEERSMAN_KEY": self.key},
            commons=self.commons, shared=shared,
        )  # fmt: skip

    @property
    def state(self) -> Path:
        return self.root / ".steersman" / "services"

    def said(self, *types: str) -> list[str]:
        """Return what the ledger was told about logins, leases left out."""
        return [kind for kind, _ in events(self.ledger, *types) if kind != "lease.granted"]


class Operation:
    """Machines that share a login at `server`, through a server in memory with a clock of its own."""

    def __init__(self, root: Path, server: OAuthServer, declare: Declare) -> None:
        self._root, self._server, self._declare = root, server, declare
        self.clock = FakeClock(SystemClock().now_ns())
        self.commons = MemoryServer(self.clock)
        self.key = a_key()
        self.machines: list[Machine] = []

    def machine(self, name: str, *, key: str = "", alone: bool = False) -> Machine:
        """Return a new machine; `alone`: it does not share yet."""
        root = self._root / name
        root.mkdir()
        commons = None if alone else self.reached()
        made = Machine(root, self._declare(root, self._server), key=key or self.key, commons=commons)
        self.machines.append(made)
        return made

    def reached(self) -> MemoryCommons:
        """Return a connection to what is shared."""
        return MemoryCommons(self.commons)

    def advance(self, seconds: float) -> None:
        """Let time pass, for all clocks."""
        for clock in (self.clock, *(machine.clock for machine in self.machines)):
            clock.advance(seconds)


class Suspending(MemoryCommons):
    """Has its machine stand still, and lose its locks, right after the first write: `meanwhile` is what others do."""

    def __init__(self, server: MemoryServer, meanwhile: Callable[[], object]) -> None:
        super().__init__(server)
        self._of, self._meanwhile, self.writes = server, meanwhile, 0

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        super().write(name, data, under=under, ttl_s=ttl_s)
        self.writes += 1
        if self.writes == 1:
            self._of.lose(under)
            self._meanwhile()


class Breaking(MemoryCommons):
    """Loses the answer, the lock, or itself at the write that `at` counts down to."""

    def __init__(self, server: MemoryServer, how: str, at: int) -> None:
        super().__init__(server)
        self._of, self.how, self.at = server, how, at

    def write(self, name: str, data: bytes, *, under: Lock, ttl_s: float | None = None) -> None:
        self.at -= 1
        if self.at != 0:
            super().write(name, data, under=under, ttl_s=ttl_s)
        elif self.how == "written, not answered":
            super().write(name, data, under=under, ttl_s=ttl_s)
            raise OutcomeUnknown("may or may not have been written")
        elif self.how == "away":
            self._of.stop()
            super().write(name, data, under=under, ttl_s=ttl_s)
        else:
            self._of.lose(under)
            super().write(name, data, under=under, ttl_s=ttl_s)


@pytest.fixture
def operation(tmp_path: Path, server: OAuthServer) -> Operation:
    return Operation(tmp_path, server, a_refresh)


def logged_in(machine: Machine, server: OAuthServer) -> Machine:
    """Return the machine with a login pasted there."""
    machine.broker.paste("acme", server.new_login())
    return machine


def lease(machine: Machine, **more: Any) -> str:
    """Return the secret that a process which has just begun leases."""
    with contextlib.closing(machine.broker) as broker:
        return broker.lease("acme", who=WHO, **more).secret
