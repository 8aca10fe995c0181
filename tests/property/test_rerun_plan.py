"""A rerun of any part of any cycle: what succeeded stands, the rest runs after what it needs, no other is touched."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders_automation import a_request, an_automation

from steersman.automation import Manifest
from steersman.automation.control import rerun
from steersman.automation.model.cycle import requests
from steersman.automation.model.manifest import plan_cycle
from steersman.automation.projections import PROJECTIONS
from steersman.automation.recorder import Recorder
from steersman.automation.records import end_without_process
from steersman.kernel.clock import FakeClock
from steersman.kernel.errors import Rejected
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.projections import Database, Projector, open_reader

AT = 1_764_500_400_000_000_000
NAMES = "abcdef"


@st.composite
def cycles(draw: st.DrawFn) -> tuple[Manifest, dict[str, str]]:
    """Draw a manifest and how each automation ended, as a conductor would have it: after a failure comes a skip."""
    automations, ended = [], dict[str, str]()
    for place, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))]):
        needs = tuple(n for n in NAMES[:place] if draw(st.booleans()))
        automations.append(an_automation(name, needs=needs))
        failed = any(ended[n] != "succeeded" for n in needs)
        ended[name] = "skipped" if failed else draw(st.sampled_from(["succeeded", "succeeded", "failed", "cancelled"]))
    return Manifest(automations), ended


def told(folder: Path, manifest: Manifest, ended: dict[str, str]) -> tuple[Database, dict[str, str]]:
    """Record a cycle that ended so; return the read model and the run ids by automation."""
    clock = FakeClock(AT)
    ledger = memory_ledger(clock=clock)
    recorder = Recorder(ledger, clock, actor="desk")
    asked = requests(manifest, list(ended), list(ended), cycle=f"schedule/{AT}", cause="schedule", at=AT)
    for request in (*asked, a_request("stranger", run_id="stranger-1", cycle="another")):
        status = ended.get(request.automation, "failed")
        if status == "skipped":
            recorder.skipped(request, "what it needs failed")
        else:
            end = end_without_process(request, status, number=1, error="", will_retry=False, log="", at=AT)  # type: ignore[arg-type]
            recorder.finished(end, cycle=request.cycle)
    projector = Projector(ledger, folder / "read.db", PROJECTIONS)
    projector.catch_up()
    projector.close()
    return open_reader(folder / "read.db"), {r.automation: r.run_id for r in asked}


@settings(max_examples=40, deadline=None)
@given(drawn=cycles(), pick=st.integers(0, 5), from_start=st.booleans())
def test_a_rerun_runs_what_did_not_succeed_after_what_it_needs_and_nothing_else(
    drawn: tuple[Manifest, dict[str, str]], pick: int, from_start: bool
) -> None:
    manifest, ended = drawn
    name = list(ended)[pick % len(ended)]
    with TemporaryDirectory() as folder:
        db, ids = told(Path(folder), manifest, ended)
        dependants = {name}
        for other in manifest.order:
            dependants |= {other} if dependants & set(manifest[other].needs) else set()
        part = set(plan_cycle(manifest, dependants))
        wanted = part if from_start else {n for n in part if ended[n] != "succeeded"}
        if not wanted:
            with pytest.raises(Rejected, match="all of it succeeded"):
                rerun.plan(db, manifest, ids[name], now=AT + 1, from_start=from_start)
            return
        planned = rerun.plan(db, manifest, ids[name], now=AT + 1, from_start=from_start)
    again = {r.automation: r for r in planned.requests}
    assert set(again) == wanted
    assert planned.done == {n: ids[n] for n in part - wanted}
    for place, request in enumerate(planned.requests):
        before = {r.run_id for r in itertools.islice(planned.requests, place)}
        for need, run_id in request.needs.items():
            assert run_id in before or (need in planned.done and run_id == ids[need])
        assert set(request.needs) == set(manifest[request.automation].needs)
        assert (request.scheduled_at, request.stands_for, request.cause) == (AT, AT, "rerun")
        assert request.repeats == ids[request.automation] != request.run_id
