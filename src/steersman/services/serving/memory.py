"""Logins and data without disk, network or provider, for tests and dry runs; they keep the promises of the ports."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.ledger import Ledger, new_event
from steersman.services.events import DATA_PULLED, LEASE_GRANTED, DataPulled, LeaseGranted
from steersman.services.ports import Lease, ProviderStatus, Pulled, PullStatus, Receipt


class MemoryCredentials:
    """Leases fixed secrets; counts leases, and fetches "anew" what is reported as refused."""

    def __init__(self, secrets: Mapping[str, str], ledger: Ledger, clock: Clock, *, life_s: float = 60.0) -> None:
        self._secrets = secrets
        self._ledger = ledger
        self._clock = clock
        self._life_ns = int(life_s * 1e9)
        self._lock = threading.Lock()
        self.leases: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def lease(self, provider: str, *, who: str, run_id: str = "", refused: str = "") -> Lease:
        """As the port says.

        Raises:
            Misconfigured: no such provider.
        """
        if provider not in self._secrets:
            raise Misconfigured(f"there is no provider {provider!r}", fix=f"add [provider.{provider}]")
        with self._lock:
            self.leases[provider] += 1
            self.refused[provider] += bool(refused)
        now = self._clock.now_ns()
        lease = Lease(
            lease_id=str(uuid4()), provider=provider, secret=self._secrets[provider], expires_at=now + self._life_ns
        )
        granted = LeaseGranted(
            lease_id=lease.lease_id,
            provider=provider,
            token_id="memory",  # noqa: S106 - names a token, is none
            who=who,
            run_id=run_id,
            expires_at=lease.expires_at,
            at=now,
        )
        stream = f"provider/{provider}"
        self._ledger.append([new_event(LEASE_GRANTED, stream=stream, data=granted, actor=who, now_ns=now)])
        return lease

    def status(self) -> list[ProviderStatus]:
        """As the port says."""
        return [
            ProviderStatus(
                provider=name,
                kind="memory",
                state="ready",
                expires_at=None,
                refreshed_at=None,
                leases=self.leases[name],
                refreshes=0,
            )
            for name in self._secrets
        ]


class MemoryPulls:
    """Calls each declared source once and keeps what it gives as a file; everybody else is given the same."""

    def __init__(self, sources: Mapping[str, Callable[[], bytes]], folder: Path, ledger: Ledger, clock: Clock) -> None:
        self._sources = sources
        self._folder = folder
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._have: dict[str, Pulled] = {}
        self.calls: Counter[str] = Counter()
        self.served: Counter[str] = Counter()

    def pull(
        self,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        max_age_s: float | None = None,
        who: str,
        run_id: str = "",
    ) -> Pulled:
        """As the port says; nothing ever grows old unless `max_age_s` is 0.

        Raises:
            Misconfigured: no such source.
        """
        if what not in self._sources:
            raise Misconfigured(f"there is no pull {what!r}", fix=f"add [pull.{what}]")
        key = what + "".join(f" {k}={v}" for k, v in sorted((params or {}).items()))
        with self._lock:
            self.served[what] += 1
            if key not in self._have or max_age_s == 0:
                self._have[key] = self._called(what, key, who, run_id)
            return self._have[key]

    def _called(self, what: str, key: str, who: str, run_id: str) -> Pulled:
        self.calls[what] += 1
        body = self._sources[what]()
        now = self._clock.now_ns()
        content = hashlib.sha256(body).hexdigest()
        path = self._folder / content
        path.write_bytes(body)
        receipt = Receipt(
            key=key, source="memory", etag="", size_bytes=len(body), rows=None, content_hash=content,
            schema_version="", checks={}, pulled_at=now,
        )  # fmt: skip
        said = DataPulled(
            pull=what, key=key, source="memory", etag="", size_bytes=len(body), upstream_bytes=len(body), rows=None,
            content_hash=content, schema_version="", checks={}, upstream_calls=1, revalidated=False, why="cold",
            waited=0, took_ms=0.0, who=who, run_id=run_id, at=now,
        )  # fmt: skip
        self._ledger.append([new_event(DATA_PULLED, stream=f"pull/{what}", data=said, actor=who, now_ns=now)])
        return Pulled(key=key, pull=what, path=str(path), frame="bytes", state="pulled", age_s=0.0, receipt=receipt)

    def status(self) -> list[PullStatus]:
        """As the port says."""
        return [
            PullStatus(
                pull=name, keys=1, size_bytes=0, upstream_calls=self.calls[name], served=self.served[name],
                last_pulled_at=None,
            )
            for name in self._sources
        ]  # fmt: skip
