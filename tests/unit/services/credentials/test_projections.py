"""The read model of logins: counts that can be rebuilt, and what sharing saved."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.ledger import Ledger, new_event
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Database, Projector, open_reader
from steersman.services import events as e
from steersman.services.credentials.projections import PROJECTIONS
from steersman.services.credentials.queries import by_provider, by_script, logins_saved


def say(ledger: Ledger, kind: str, data: msgspec.Struct, provider: str = "acme") -> None:
    ledger.append([new_event(kind, stream=f"provider/{provider}", data=data, actor="test", now_ns=1)])


def a_lease(who: str, run_id: str, *, at: int, provider: str = "acme") -> e.LeaseGranted:
    return e.LeaseGranted(
        lease_id=f"lease-{at}", provider=provider, token_id="t", who=who, run_id=run_id, expires_at=at + 60, at=at
    )


def read(ledger: Ledger, path: Path) -> Database:
    projector = Projector(ledger, path, PROJECTIONS)
    projector.catch_up()
    projector.close()
    return open_reader(path)


def test_everything_said_about_a_login_is_counted(tmp_path: Path) -> None:
    ledger = memory_ledger()
    for at, (who, run_id) in enumerate([("a", "r1"), ("a", "r1"), ("a", "r2"), ("b", "r3"), ("b", ""), ("b", "")]):
        say(ledger, e.LEASE_GRANTED, a_lease(who, run_id, at=at))
    refreshed = e.TokenRefreshed(
        provider="acme", token_id="t", why="first", expires_at=9, rotated=True, took_ms=2.5, at=7
    )
    say(ledger, e.TOKEN_REFRESHED, refreshed)
    failed = e.TokenFailed(provider="acme", problem="answered 500", status=500, retry_at=9, at=8)
    say(ledger, e.TOKEN_FAILED, failed)
    broken = e.ReauthRequired(provider="acme", error="invalid_grant", fix="log in", at=9)
    say(ledger, e.REAUTH_REQUIRED, broken)
    say(ledger, e.LOGGED_IN, e.LoggedIn(provider="acme", flow="pkce", scopes="", at=10))
    db = read(ledger, tmp_path / "p.db")
    [use] = by_provider(db)
    assert (use.leases, use.refreshes, use.failures, use.reauths, use.logins) == (6, 1, 1, 1, 1)
    assert (use.starts, use.logins_saved, use.took_ms) == (5, 4, 2.5)
    assert use.last_problem == "a person must log in: invalid_grant"
    assert [(s.who, s.leases, s.runs) for s in by_script(db, "acme")] == [("a", 3, 2), ("b", 3, 3)]
    assert logins_saved(db) == 4


@settings(max_examples=15)
@given(runs=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "r1", "r2"])), max_size=20))
def test_starts_are_runs_and_leases_without_one(runs: list[tuple[str, str]]) -> None:
    ledger = memory_ledger()
    for at, (who, run_id) in enumerate(runs):
        say(ledger, e.LEASE_GRANTED, a_lease(who, run_id, at=at))
    with tempfile.TemporaryDirectory() as folder:
        found = by_provider(read(ledger, Path(folder) / "p.db"))
    expected = len({r for r in runs if r[1]}) + sum(1 for r in runs if not r[1])
    assert sum(use.starts for use in found) == expected
