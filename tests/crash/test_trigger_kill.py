"""kill -9 before each write by which an event becomes a run: one event is one run, whoever comes after."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.builders_automation import PYTHON, a_script, events
from tests.crash.triggers_that_are_killed import EVENTS, KIND

from steersman.ledger.adapters.sqlite import create as sqlite_ledger

pytestmark = pytest.mark.crash

SCRIPT = """
    cat "$STEERSMAN_EVENT" >> $STEERSMAN_WORKSPACE/found
    echo "$STEERSMAN_RUN_ID" >> $STEERSMAN_WORKSPACE/ran
"""


def check(root: Path, where: str) -> None:
    ledger = sqlite_ledger(root / "ledger.db")
    ran = set((root / "ran").read_text().split())
    told = [json.loads(line) for line in (root / "found").read_text().splitlines()]
    # An attempt may have begun in the moment of the kill: it is an orphan then, and its run tries again.
    ends = sorted((end["run_id"], end["status"]) for _, end in events(ledger) if end.get("will_retry") is False)
    assert ends == [(run_id, "succeeded") for run_id in sorted(ran)], where
    assert len(ran) == EVENTS, where
    assert {(e["type"], e["data"]["number"]) for e in told} == {(KIND, n) for n in range(EVENTS)}, where
    caused = {e.causation_id for e in ledger.read(types=("automation.run.started",))}
    assert caused == {e.id for e in ledger.read(types=(KIND,))}, where
    ledger.close()


def test_an_engine_killed_between_a_start_and_its_mark_starts_each_event_once(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "tests.crash.triggers_that_are_killed"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdin is not None
    assert process.stdout is not None
    said = ""
    try:
        for point in range(20):
            root = tmp_path / str(point)
            a_script(root, "job.sh", SCRIPT)
            process.stdin.write(f"{root} {point}\n")
            process.stdin.flush()
            said = process.stdout.readline().strip()
            assert said in ("killed", "passed"), f"point {point}: {said}"
            check(root, f"killed before write {point}")
            if said == "passed":
                break
        assert said == "passed"
        assert point >= 5, "two starts and three marks"
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()
