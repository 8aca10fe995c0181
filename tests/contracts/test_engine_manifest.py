"""The same manifest on every engine: the same ends, the same events, nothing left running."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import wait_for
from tests.contracts.engine_harness import KINDS, a_workspace, harness
from tests.contracts.engine_scripts import ENDS, SCRIPTS

from steersman.automation import Engine
from steersman.automation.model.cycle import event_key
from steersman.automation.runner.group import start_ticks
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of
from steersman.bootstrap.operating import Operator
from steersman.ledger import Event

TOLD = {"type": "automation.run.finished", "automation": "broken"}


def of(events: list[Event], kind: str) -> list[dict[str, object]]:
    return [msgspec.json.decode(e.data) for e in events if e.type == f"automation.run.{kind}"]


def what_an_event_starts(desk: Desk, engine: Engine) -> object:
    """Start what the end of `broken` starts, as the triggers of a desk do, and return what its script was told."""
    manifest = manifest_of(desk.workspace)
    (event,) = [e for e in desk.ledger.read(types=("automation.run.*",)) if manifest["on_broken"].on[0].matches(e)]
    engine.begin("event", ["on_broken"], event.recorded_at, key=event_key(event.id))

    def ends() -> list[object]:
        found = of(list(desk.ledger.read(types=("automation.run.finished",))), "finished")
        return [e["result"] for e in found if e["automation"] == "on_broken"]

    wait_for(ends, timeout_s=120)
    return ends()[0]


@contextlib.contextmanager
def ending(name: str, night: Operator) -> Iterator[None]:
    """End the run of `name` once it is under way, from a thread that knows nothing of the engine."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            if any(not run.waits for run in night.underway.living(name)):
                night.cancel(night.targets(name), reason="enough of it", wait_s=0.0)
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_manifest_ends_the_same_on_every_engine(kind: str, tmp_path: Path) -> None:
    rig = harness(kind)
    if missing := rig.needs():
        pytest.skip(missing)
    with a_workspace(tmp_path, SCRIPTS) as desk:
        night = Operator(desk, by="person:night")
        night.pause(["held_back"], until=None, reason="")
        with rig.running(desk) as engine, ending("endless", night):
            outcomes = engine.run_cycle(ENDS)
            status = engine.status()
            events = list(desk.ledger.read(types=("automation.run.*",)))
            # One more cycle is ten seconds of Airflow; it starts `auto exec` as Prefect does, with the cycle's name.
            told = what_an_event_starts(desk, engine) if kind != "airflow" else TOLD
        verified = desk.ledger.verify()

    found = {n: (o.status, o.attempts, o.reason[: len(ENDS[n][2])]) for n, o in outcomes.items()}
    assert found == ENDS
    assert status.ok, status
    assert outcomes["login"].result == {"session": "in"}
    assert [Path(a).name for a in outcomes["login"].artifacts] == ["session.txt"]
    assert outcomes["report"].result == {"arguments": ["--days", "5"], "region": "us"}
    assert (tmp_path / outcomes["binary"].log).read_bytes() == bytes(range(256)) * 40
    assert outcomes["chatty"].result == {"lines": 40000}
    assert (tmp_path / outcomes["chatty"].log).stat().st_size < 66_000
    for name in ("main", "detached"):
        assert start_ticks(int((tmp_path / name).read_text())) is None, f"{name} was left running"

    assert outcomes["elsewhere"].result == {"folder": "automations"}
    assert told == TOLD

    starts, ends, skips = of(events, "started"), of(events, "finished"), of(events, "skipped")
    assert sorted(str(s["automation"]) for s in skips) == [
        "after_broken",
        "after_held_back",
        "held_back",
        "holiday",
        "unapproved",
    ]
    # A script that is gone ends without having been started.
    assert len(starts) == sum(attempts for _, attempts, _ in ENDS.values()) - 1
    assert len(ends) == len(starts) + 1
    assert len({e.correlation_id for e in events}) == 1, "one cycle, one correlation"
    assert all(e["cpu_s"] and e["peak_rss_bytes"] for e in ends if e["automation"] in ("report", "chatty"))
    assert verified.ok
