"""What the console, the command line and the audit ask about logins."""

from __future__ import annotations

import msgspec

from steersman.ledger.projections import Database


class ProviderUse(msgspec.Struct, frozen=True, kw_only=True):
    """One login since the ledger began. Instants in ns since 1970 UTC.

    Attributes:
        refreshes: tokens fetched from the provider; `took_ms` milliseconds in all.
        failures: times it gave none; `reauths` times only a person could go on.
        starts: runs (leases, where no run is known) that would each have logged in by themselves.
        logins_saved: `starts` less `refreshes`, 0 at least: what sharing saved.
    """

    provider: str
    leases: int
    refreshes: int
    failures: int
    reauths: int
    logins: int
    first_lease_at: int | None
    last_lease_at: int | None
    last_refresh_at: int | None
    last_failure_at: int | None
    last_problem: str
    took_ms: float
    starts: int
    logins_saved: int


class ScriptUse(msgspec.Struct, frozen=True, kw_only=True):
    """One login as one script uses it; `runs` counts starts, as `ProviderUse.starts` does."""

    provider: str
    who: str
    leases: int
    runs: int
    last_run_id: str
    first_lease_at: int
    last_lease_at: int


def by_provider(db: Database) -> list[ProviderUse]:
    """Return every login that was ever used, by name."""
    rows = db.execute(
        """SELECT p.provider, leases, refreshes, failures, reauths, logins, first_lease_at, last_lease_at,
           last_refresh_at, last_failure_at, last_problem, took_ms,
           (SELECT coalesce(sum(runs), 0) FROM credentials_user u WHERE u.provider = p.provider)
           FROM credentials_provider p ORDER BY p.provider"""
    )
    names = ProviderUse.__struct_fields__[:-1]
    return [ProviderUse(**dict(zip(names, row, strict=True)), logins_saved=max(row[12] - row[2], 0)) for row in rows]


def by_script(db: Database, provider: str | None = None) -> list[ScriptUse]:
    """Return who uses which login, the busiest first."""
    where, parameters = ("WHERE provider = ?", (provider,)) if provider else ("", ())
    rows = db.execute(
        f"""SELECT provider, who, leases, runs, last_run_id, first_lease_at, last_lease_at FROM credentials_user
            {where} ORDER BY provider, leases DESC, who""",
        parameters,
    )
    return [ScriptUse(**dict(zip(ScriptUse.__struct_fields__, row, strict=True))) for row in rows]


def logins_saved(db: Database) -> int:
    """Return how many logins sharing saved, over all providers."""
    return sum(use.logins_saved for use in by_provider(db))
