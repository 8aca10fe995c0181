"""kill -9 of a backfill: asked for again it repeats the start that was cut short, and none that was done."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import PYTHON, wait_for

from steersman.cli.main import run
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

pytestmark = pytest.mark.crash

TOML = """
[desk]
name = "night"

[automation.daily]
run = "sh -c 'echo {scheduled_date} >> days; [ -e ok ] || [ {scheduled_date} = 2026-11-01 ] || sleep 300'"
schedule = "0 1 * * *"
"""
WORDS = ["backfill", "daily", "--from", "2026-11-01", "--to", "2026-11-04", "--yes"]


def test_a_killed_backfill_loses_no_start_and_repeats_none_that_was_done(tmp_path: Path) -> None:
    (tmp_path / "steersman.toml").write_text(TOML)
    days = tmp_path / "days"
    command = [PYTHON, "-m", "steersman.cli", "auto", *WORDS]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as killed:
        try:
            wait_for(lambda: days.is_file() and len(days.read_text().split()) == 2, timeout_s=60)
        finally:
            killed.kill()
    (tmp_path / "ok").touch()
    assert run("auto", [*WORDS, "--dir", str(tmp_path)]) == 0
    ran = Counter(days.read_text().split())
    assert ran == {"2026-11-01": 1, "2026-11-02": 2, "2026-11-03": 1, "2026-11-04": 1}
    ledger = sqlite_ledger(tmp_path / ".steersman/ledger.db")
    ends = [msgspec.json.decode(e.data)["status"] for e in ledger.read(types=("automation.run.finished",))]
    assert (ends, ledger.verify().ok) == (["succeeded", "orphaned", *["succeeded"] * 3], True)
    ledger.close()
    assert not list((tmp_path / ".steersman/runs/.underway").glob("*.json"))
    assert not list((tmp_path / ".steersman/runs/.inflight").glob("*.json"))
