"""The ports of the shared services. What stands behind them may be here (files and locks) or in the desk's process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

PullState = Literal["pulled", "revalidated", "fresh", "stale", "stale_on_error"]
Frame = Literal["arrow", "bytes"]


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to use a login for a while. The only struct that carries a secret: it never enters an event or a log.

    Attributes:
        secret: access token or key.
        header: HTTP header that carries it, with `scheme` in front of the secret (`Bearer`; empty: the bare secret).
        fields: further parts for logins of several values (AWS-style keys, user names), by the provider's own names.
        expires_at: ns since 1970 UTC after which to ask again; never later than what is leased from.
    """

    lease_id: str
    provider: str
    secret: str
    header: str = "Authorization"
    scheme: str = "Bearer"
    fields: dict[str, str] = {}
    expires_at: int

    def __repr__(self) -> str:
        return f"Lease(lease_id={self.lease_id!r}, provider={self.provider!r}, expires_at={self.expires_at})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("lease_id", self.lease_id), ("provider", self.provider), ("expires_at", self.expires_at)]

    @property
    def header_value(self) -> str:
        """What stands after the header's name."""
        return f"{self.scheme} {self.secret}".strip()


class ProviderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A login at a glance, without anything secret.

    Attributes:
        state: ready (a usable token is at hand), idle (will be fetched when asked for), login_required (a person must
            log in: `fix` says how), failing (the provider does not answer; `problem` says what it said).
        expires_at, refreshed_at: ns since 1970 UTC of the access token; None without one.
        leases, refreshes: how often handed out and fetched anew, as far as the ledger remembers.
    """

    provider: str
    kind: str
    state: Literal["ready", "idle", "login_required", "failing"]
    expires_at: int | None
    refreshed_at: int | None
    leases: int
    refreshes: int
    problem: str = ""
    fix: str = ""


class Credentials(Protocol):
    """One login per provider for everybody who asks. May be called from any thread and by many processes at once."""

    def lease(self, provider: str, *, who: str, run_id: str = "", refused: str = "") -> Lease:
        """Return a lease; `services.lease.granted` stands in the ledger before it is handed out.

        Args:
            who: actor that asks, e.g. `automation:prices`, `person:cli`.
            run_id: of the automation's run, if one asks.
            refused: `lease_id` of a lease that the provider's API just refused (401): what it was made from is fetched
                anew, once, however many report it.

        Raises:
            Misconfigured: no such provider, or what its settings refer to is not there.
            Rejected: a person must log in again (`auth.reauth_required` was recorded); never retried.
            Unavailable: the provider does not answer now, or the ledger takes no event.
        """
        ...

    def status(self) -> list[ProviderStatus]:
        """Return every declared provider; asks no provider anything."""
        ...


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked when data came in, so that nobody has to check it again.

    Attributes:
        checks: name of each check -> what it found, in words; all passed.
        content_hash: sha256 (hex) over the stored bytes; `schema_version` is a digest of the declared schema.
        rows: None for data without a schema; `size_bytes` as stored.
        pulled_at: ns since 1970 UTC when the upstream said so.
    """

    key: str
    source: str
    etag: str
    size_bytes: int
    rows: int | None
    content_hash: str
    schema_version: str
    checks: dict[str, str]
    pulled_at: int


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """Data at hand: an immutable file that stays while it is open, and how it came to be there.

    Attributes:
        key: names the data: pull and parameters.
        path: the file: Arrow IPC for `arrow`, the body as it came for `bytes`.
        state: pulled (one upstream call), revalidated (upstream said: unchanged), fresh (from the cache), stale (being
            refreshed behind this answer), stale_on_error (upstream fails, and policy still allows this).
        age_s: seconds since upstream said so.
    """

    key: str
    pull: str
    path: str
    frame: Frame
    state: PullState
    age_s: float
    receipt: Receipt


class PullStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A pull at a glance; counts as far as the ledger remembers."""

    pull: str
    keys: int
    size_bytes: int
    upstream_calls: int
    served: int
    last_pulled_at: int | None
    problem: str = ""


class Pulls(Protocol):
    """One copy of each piece of data for everybody who asks. May be called from any thread and many processes."""

    def pull(
        self,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        max_age_s: float | None = None,
        who: str,
        run_id: str = "",
    ) -> Pulled:
        """Return the data of a declared pull, or of an `https://` address.

        Args:
            params: values for the declared parameters; part of the key.
            max_age_s: how old it may be at most; None: as declared (`ttl`). 0 asks upstream in any case.

        Raises:
            Misconfigured: no such pull or parameter.
            Rejected: what came does not fit its schema, and nothing older may be served; it lies in quarantine.
            Unavailable: upstream does not answer, and nothing older may be served.
        """
        ...

    def status(self) -> list[PullStatus]:
        """Return every declared pull, and `ad hoc`; asks nobody anything."""
        ...
