"""The read model of logins: who leased what, what that cost; rebuildable from the ledger at any time."""

from __future__ import annotations

import msgspec

from steersman.ledger.event import Event
from steersman.ledger.projections import Database, Projection
from steersman.services import events as e

_TABLES = (
    """CREATE TABLE IF NOT EXISTS credentials_provider(
        provider TEXT PRIMARY KEY, leases INTEGER NOT NULL DEFAULT 0, refreshes INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0, reauths INTEGER NOT NULL DEFAULT 0, logins INTEGER NOT NULL DEFAULT 0,
        first_lease_at INTEGER, last_lease_at INTEGER, last_refresh_at INTEGER, last_failure_at INTEGER,
        last_problem TEXT NOT NULL DEFAULT '', took_ms REAL NOT NULL DEFAULT 0) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS credentials_user(
        provider TEXT NOT NULL, who TEXT NOT NULL, leases INTEGER NOT NULL, runs INTEGER NOT NULL,
        last_run_id TEXT NOT NULL, first_lease_at INTEGER NOT NULL, last_lease_at INTEGER NOT NULL,
        PRIMARY KEY(provider, who)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS credentials_run(
        provider TEXT NOT NULL, who TEXT NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY(provider, who, run_id)
        ) WITHOUT ROWID""",
)


class Logins:
    """One row per login, one per login and whoever uses it."""

    name = "credentials"
    version = 1
    types: tuple[str, ...] = (
        e.LEASE_GRANTED,
        e.TOKEN_REFRESHED,
        e.TOKEN_FAILED,
        e.REAUTH_REQUIRED,
        e.LOGGED_IN,
    )

    def create(self, db: Database) -> None:
        for statement in _TABLES:
            db.execute(statement)

    def drop(self, db: Database) -> None:
        for table in ("credentials_provider", "credentials_user", "credentials_run"):
            db.execute(f"DROP TABLE IF EXISTS {table}")

    def handle(self, db: Database, event: Event) -> None:
        provider = event.stream.removeprefix("provider/")
        db.execute("INSERT OR IGNORE INTO credentials_provider(provider) VALUES(?)", (provider,))
        if event.type == e.LEASE_GRANTED:
            _granted(db, msgspec.json.decode(event.data, type=e.LeaseGranted))
        elif event.type == e.TOKEN_REFRESHED:
            _refreshed(db, msgspec.json.decode(event.data, type=e.TokenRefreshed))
        elif event.type == e.TOKEN_FAILED:
            _failed(db, msgspec.json.decode(event.data, type=e.TokenFailed))
        elif event.type == e.REAUTH_REQUIRED:
            _broken(db, msgspec.json.decode(event.data, type=e.ReauthRequired))
        else:
            db.execute("UPDATE credentials_provider SET logins = logins + 1 WHERE provider = ?", (provider,))


def _granted(db: Database, lease: e.LeaseGranted) -> None:
    db.execute(
        """UPDATE credentials_provider SET leases = leases + 1, first_lease_at = coalesce(first_lease_at, ?),
           last_lease_at = ? WHERE provider = ?""",
        (lease.at, lease.at, lease.provider),
    )
    # A run is one script's life; without a run id each lease stands for a start of its own.
    run_id = lease.run_id or lease.lease_id
    known = db.execute(
        "SELECT 1 FROM credentials_run WHERE provider = ? AND who = ? AND run_id = ?",
        (lease.provider, lease.who, run_id),
    )
    if lease.run_id and not known:
        db.execute("INSERT INTO credentials_run VALUES(?, ?, ?)", (lease.provider, lease.who, run_id))
    db.execute(
        """INSERT INTO credentials_user VALUES(?, ?, 1, 1, ?, ?, ?) ON CONFLICT(provider, who) DO UPDATE SET
           leases = leases + 1, runs = runs + ?, last_run_id = excluded.last_run_id,
           last_lease_at = excluded.last_lease_at""",
        (lease.provider, lease.who, lease.run_id, lease.at, lease.at, 0 if known else 1),
    )


def _refreshed(db: Database, token: e.TokenRefreshed) -> None:
    db.execute(
        """UPDATE credentials_provider SET refreshes = refreshes + 1, last_refresh_at = ?, took_ms = took_ms + ?
           WHERE provider = ?""",
        (token.at, token.took_ms, token.provider),
    )


def _failed(db: Database, failed: e.TokenFailed) -> None:
    db.execute(
        """UPDATE credentials_provider SET failures = failures + 1, last_failure_at = ?, last_problem = ?
           WHERE provider = ?""",
        (failed.at, failed.problem, failed.provider),
    )


def _broken(db: Database, broken: e.ReauthRequired) -> None:
    db.execute(
        """UPDATE credentials_provider SET reauths = reauths + 1, last_failure_at = ?, last_problem = ?
           WHERE provider = ?""",
        (broken.at, f"a person must log in: {broken.error}", broken.provider),
    )


PROJECTIONS: tuple[Projection, ...] = (Logins(),)
