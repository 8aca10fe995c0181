"""What the shared services say into the ledger; no secret, no body of an answer, no query value that may be one.

Streams: `provider/<name>` for logins, `pull/<name>` for data.
"""

from __future__ import annotations

from typing import Final

import msgspec

LEASE_GRANTED: Final = "services.lease.granted"
TOKEN_REFRESHED: Final = "services.token.refreshed"  # noqa: S105 - the name of an event
TOKEN_FAILED: Final = "services.token.failed"  # noqa: S105 - the name of an event
REAUTH_REQUIRED: Final = "auth.reauth_required"
LOGGED_IN: Final = "auth.logged_in"
LOGGED_OUT: Final = "auth.logged_out"
KEY_ROTATED: Final = "services.key.rotated"
DATA_PULLED: Final = "services.data.pulled"
DATA_SERVED: Final = "services.data.served"
DATA_REFUSED: Final = "services.data.refused"
PULL_FAILED: Final = "services.pull.failed"
CACHE_QUARANTINED: Final = "services.cache.quarantined"
DATA_FETCHED: Final = "services.data.fetched"
COMMONS_FAILED: Final = "services.commons.failed"
TOKEN_RECEIVED: Final = "services.token.received"  # noqa: S105 - the name of an event
LOGIN_SHARED: Final = "services.login.shared"
KEYS_EXPORTED: Final = "services.keys.exported"
KEYS_IMPORTED: Final = "services.keys.imported"


class LeaseGranted(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was given the use of a login. `token_id` names the token it was leased from, and reveals nothing."""

    lease_id: str
    provider: str
    token_id: str
    who: str
    run_id: str
    expires_at: int
    at: int


class TokenRefreshed(msgspec.Struct, frozen=True, kw_only=True):
    """A provider gave a new token; what it rotated is on disk. `why` is first, due, refused or expired; late: it was
    given while the commons were away, and is there now."""

    provider: str
    token_id: str
    why: str
    expires_at: int | None
    rotated: bool
    took_ms: float
    at: int


class TokenFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A provider gave no token; `problem` in words of ours. `retry_at` ns, None: not by itself."""

    provider: str
    problem: str
    status: int | None
    retry_at: int | None
    at: int


class ReauthRequired(msgspec.Struct, frozen=True, kw_only=True):
    """Only a person can log in again; recorded once per broken login. `error` is the provider's code, such as
    invalid_grant."""

    provider: str
    error: str
    fix: str
    at: int


class LoggedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A person logged in by `flow` (pkce, device, paste; shared: on another `machine`)."""

    provider: str
    flow: str
    scopes: str
    at: int
    machine: str = ""


class LoggedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was stored for a provider was deleted; `revoked` says whether the provider was told so and agreed.

    With a `machine`, somebody did so there, and the copy here went too.
    """

    provider: str
    revoked: bool
    at: int
    machine: str = ""


class TokenReceived(msgspec.Struct, frozen=True, kw_only=True):
    """A token that another machine fetched, `age_s` ago, came from the commons: the provider was not asked here."""

    provider: str
    token_id: str
    machine: str
    expires_at: int | None
    age_s: float
    at: int


class LoginShared(msgspec.Struct, frozen=True, kw_only=True):
    """A login that only this machine had met the commons; `did` says what became of it, `quarantined` where it lies."""

    provider: str
    did: str
    quarantined: str
    machine: str
    at: int


class KeyRotated(msgspec.Struct, frozen=True, kw_only=True):
    """Stored logins were sealed anew under another key; `resealed` of them."""

    from_key: str
    to_key: str
    resealed: int
    at: int


class KeysExported(msgspec.Struct, frozen=True, kw_only=True):
    """A person took keys that seal logins, to carry them to another machine; `keys` are ids, which reveal nothing."""

    keys: tuple[str, ...]
    at: int


class KeysImported(msgspec.Struct, frozen=True, kw_only=True):
    """A person brought keys from another machine: those in `keys` are new here, `current` seals from now on."""

    keys: tuple[str, ...]
    current: str
    at: int


class DataPulled(msgspec.Struct, frozen=True, kw_only=True):
    """Upstream was asked: the receipt of what came (status 200) or was found unchanged (`revalidated`).

    Attributes:
        upstream_calls: requests this took, retries included.
        upstream_bytes: received over the wire; `size_bytes` as stored.
        why: cold, expired, revalidate (behind a stale answer), forced or ad_hoc.
        waited: who else asked meanwhile and was given the same answer.
    """

    pull: str
    key: str
    source: str
    etag: str
    size_bytes: int
    upstream_bytes: int
    rows: int | None
    content_hash: str
    schema_version: str
    checks: dict[str, str]
    upstream_calls: int
    revalidated: bool
    why: str
    waited: int
    took_ms: float
    who: str
    run_id: str
    at: int


class DataServed(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody was given stored data, as `state` says (fresh, stale, stale_on_error): so savings are measured.

    The first time is told at once; the times after it together, `count` of them, with the age and instant of the last.
    """

    pull: str
    key: str
    state: str
    age_s: float
    size_bytes: int
    content_hash: str
    who: str
    run_id: str
    at: int
    count: int = 1


class DataRefused(msgspec.Struct, frozen=True, kw_only=True):
    """What came does not fit its schema and lies in quarantine; `problems` name column, rows, found and allowed."""

    pull: str
    key: str
    source: str
    problems: tuple[str, ...]
    quarantined: str
    schema_version: str
    at: int
    upstream_calls: int = 1
    upstream_bytes: int = 0


class PullFailed(msgspec.Struct, frozen=True, kw_only=True):
    """Upstream gave nothing of use after `upstream_calls` requests; `served_stale` says whether older data stood in."""

    pull: str
    key: str
    problem: str
    status: int | None
    upstream_calls: int
    served_stale: bool
    retry_at: int | None
    at: int


class CacheQuarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A stored file is not what was written (truncated, changed): moved away, and pulled again when asked for."""

    pull: str
    key: str
    problem: str
    quarantined: str
    at: int


class DataFetched(msgspec.Struct, frozen=True, kw_only=True):
    """Data that another machine had pulled came from the commons: upstream was not asked.

    Attributes:
        machine: which pulled it, `age_s` ago, and made the `checks`; its bytes were compared with that receipt's hash.
        commons: what it lay in (`redis`, `postgres`).
    """

    pull: str
    key: str
    source: str
    size_bytes: int
    rows: int | None
    content_hash: str
    schema_version: str
    checks: dict[str, str]
    machine: str
    commons: str
    age_s: float
    took_ms: float
    who: str
    run_id: str
    at: int


class CommonsFailed(msgspec.Struct, frozen=True, kw_only=True):
    """What machines share did not answer, or a lock there was lost; told once a minute at most by each process.

    Attributes:
        doing: what was wanted of it. `did`: what happened instead (went on alone, refused, kept it to itself).
    """

    commons: str
    place: str
    doing: str
    problem: str
    did: str
    at: int
