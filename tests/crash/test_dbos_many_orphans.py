"""Fifty scripts outlive their engine: the next one ends and records all of them before it does anything else."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import PYTHON, an_automation, an_engine, events, wait_for

from steersman.automation import Manifest
from steersman.automation.runner.group import start_ticks
from steersman.automation.runner.inflight import Marker
from steersman.kernel.clock import SystemClock
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

pytestmark = pytest.mark.crash

ORPHANS = 50
ENGINE_PROCESS = """
import sys
from pathlib import Path
from steersman.automation import Manifest
from steersman.automation.settings import EngineSettings
from steersman.ledger.adapters.sqlite import create
from tests.builders_automation import an_automation, an_engine

root, count = Path(sys.argv[1]), int(sys.argv[2])
engine = an_engine("embedded", root, create(root / "ledger.db"), settings=EngineSettings(max_processes=count))
names = [f"job{number}" for number in range(count)]
engine.start(Manifest([an_automation(name, run="sleep 600") for name in names]), schedules=False)
engine.run_cycle(names)
"""


def running_pids(root: Path) -> list[int]:
    """Return the pids that the engine's markers name."""
    found = []
    for path in (root / ".steersman" / "runs" / ".inflight").glob("*.json"):
        marker = msgspec.json.decode(path.read_bytes(), type=Marker)
        if marker.pid:
            found.append(marker.pid)
    return found


def test_fifty_orphans_are_ended_and_recorded_within_ten_seconds(tmp_path: Path) -> None:
    process = subprocess.Popen([PYTHON, "-c", ENGINE_PROCESS, str(tmp_path), str(ORPHANS)])
    ledger = None
    pids: list[int] = []
    try:
        wait_for(lambda: len(running_pids(tmp_path)) == ORPHANS, timeout_s=60)
        pids = running_pids(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert all(start_ticks(pid) is not None for pid in pids)
        ledger = sqlite_ledger(tmp_path / "ledger.db")
        engine = an_engine("embedded", tmp_path, ledger)
        clock = SystemClock()
        began = clock.elapsed_ns()
        engine.start(Manifest([an_automation(f"job{n}", run="sleep 600") for n in range(ORPHANS)]), schedules=False)
        took_s = (clock.elapsed_ns() - began) / 1e9
        ends = [d["status"] for k, d in events(ledger) if k == "finished"]
        engine.close()
        assert ends == ["orphaned"] * ORPHANS
        assert [pid for pid in pids if start_ticks(pid) is not None] == []
        assert len([k for k, _ in events(ledger) if k == "finished"]) == ORPHANS, "resuming records nothing twice"
        assert took_s < 10
    finally:
        process.kill()
        process.wait()
        for pid in pids:
            if start_ticks(pid) is not None:
                os.kill(pid, signal.SIGKILL)
        if ledger is not None:
            ledger.close()
