"""kill -9 of an engine before each durable write of a cycle with everything: nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.builders_automation import PYTHON, a_script, events

from steersman.automation.admission.tokens import Tokens
from steersman.automation.runner.inflight import Inflight
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

pytestmark = pytest.mark.crash

WRITES_AT_LEAST = 25
SCRIPT = """
    mkdir $STEERSMAN_WORKSPACE/busy.$1 || echo "two at once" >> $STEERSMAN_WORKSPACE/wrong
    echo "$STEERSMAN_RUN_ID $STEERSMAN_ATTEMPT" >> $STEERSMAN_WORKSPACE/ran
    rmdir $STEERSMAN_WORKSPACE/busy.$1
    case "$STEERSMAN_RUN_ID" in job-*) [ "$STEERSMAN_ATTEMPT" != 1 ] ;; esac
"""


def check(root: Path, where: str) -> None:
    """Fail unless the cycle in `root` happened as if nobody had been killed, orphaned attempts aside."""
    ledger = sqlite_ledger(root / "ledger.db")
    found = events(ledger)
    ends = {(d["run_id"], d["attempt"]): d for k, d in found if k == "finished"}
    assert max(Counter((k, d["run_id"], d["attempt"]) for k, d in found).values()) == 1, where
    for name in ("job", "after"):
        mine = [d for (run_id, _), d in sorted(ends.items()) if run_id.startswith(f"{name}-")]
        assert [d["attempt"] for d in mine] == list(range(1, len(mine) + 1)), where
        assert [d["will_retry"] for d in mine] == [True] * (len(mine) - 1) + [False], where
        assert mine[-1]["status"] == "succeeded", where
        assert {d["status"] for d in mine[:-1]} <= {"failed", "orphaned"}, where
    ran = (root / "ran").read_text().splitlines()
    assert max(Counter(ran).values()) == 1, f"{where}: an attempt ran twice"
    assert [line for line in ran if line.startswith("after")], where
    assert ran == sorted(ran, key=lambda line: line.startswith("after")), f"{where}: before what it needs"
    assert len(list(ledger.read(types=("approval.requested",)))) == 1, where
    assert ledger.verify().ok, where
    ledger.close()
    assert Tokens(root / ".steersman/runs").claims() == [], where
    assert Inflight(root / ".steersman/runs/.inflight").count() == 0, where


def test_an_engine_killed_before_any_of_its_writes_loses_nothing_and_runs_nothing_twice(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "tests.crash.engine_that_is_killed"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for point in range(200):
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
        assert point > WRITES_AT_LEAST
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()
