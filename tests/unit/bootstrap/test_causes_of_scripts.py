"""What a script does to the desk by a command of ours is known to come from its run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders_automation import an_automation, running

from steersman.automation.chains import chain, run_event_id
from steersman.automation.events import RUN_STARTED
from steersman.bootstrap.access import SharedLedger
from steersman.kernel.ids import uuid7
from steersman.ledger import new_event


def test_an_event_that_a_script_writes_leads_back_to_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = SharedLedger(tmp_path / ".steersman" / "ledger.db", tmp_path / ".steersman" / "core.sock")
    with running("memory", tmp_path, an_automation(), ledger=ledger) as engine:
        outcome = engine.run_now("job")["job"]
    monkeypatch.setenv("STEERSMAN_RUN_ID", outcome.run_id)
    monkeypatch.setenv("STEERSMAN_WORKSPACE", str(tmp_path))
    mine = new_event("policy.halt.set", stream="h", data={}, actor="person:cli", now_ns=1)
    ledger.append([mine])
    caused = new_event("policy.halt.set", stream="h", data={}, actor="person:cli", now_ns=1, cause=mine)
    ledger.append([caused])
    monkeypatch.setenv("STEERSMAN_WORKSPACE", str(tmp_path / "another"))
    elsewhere = new_event("policy.halt.set", stream="h", data={}, actor="person:cli", now_ns=1)
    ledger.append([elsewhere])
    found = [ledger.get(e.id) for e in (mine, caused, elsewhere)]
    ledger.close()
    assert [e.causation_id if e else uuid7(1) for e in found] == [
        run_event_id(outcome.run_id, 1, RUN_STARTED),
        mine.id,
        None,
    ]


def test_a_chain_ends_where_nothing_is_known_of_the_cause(tmp_path: Path) -> None:
    ledger = SharedLedger(tmp_path / ".steersman" / "ledger.db", tmp_path / ".steersman" / "core.sock")
    first = new_event("policy.halt.set", stream="h", data={}, actor="a", now_ns=1)  # never recorded
    second = new_event("policy.halt.set", stream="h", data={}, actor="a", now_ns=1, cause=first)
    ledger.append([second])
    event = ledger.get(second.id)
    assert event is not None
    assert chain(ledger, event) == []
    ledger.close()
