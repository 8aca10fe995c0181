"""kill -9 of who tells, around each durable write and each delivery: nothing lost, one repeat at most."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.builders_automation import PYTHON
from tests.crash.teller_that_is_killed import JOBS

from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.services.notices.events import NOTICE_SENT, NoticeSent
from steersman.services.notices.memory import StateFile

pytestmark = pytest.mark.crash

POINTS_AT_LEAST = 30


def check(root: Path, where: str) -> int:
    """Fail unless everything was told as if nobody had been killed; return how many messages came twice."""
    lines = (root / "told").read_text().splitlines()
    counted = Counter(lines)
    told = {line.partition(" ")[2] for line in lines}
    for n in range(1, JOBS):
        assert f"job{n} failed: ended with exit code 1" in told, where
    assert any("job0" in line for line in told), where
    assert max(counted.values()) <= 2, where
    again = sum(count - 1 for count in counted.values())
    assert again <= 1, f"{where}: {counted}"
    kept = StateFile(root / "notices" / "phone.json").peek()
    assert kept is not None, where
    assert kept.state.waiting == [], where
    ledger = sqlite_ledger(root / "ledger.db")
    sent = [msgspec.json.decode(e.data, type=NoticeSent) for e in ledger.read(types=(NOTICE_SENT,))]
    assert {s.notice_id for s in sent} == {line.partition(" ")[0] for line in lines}, where
    assert len(sent) == len({s.notice_id for s in sent}), where
    ledger.close()
    return again


def test_who_tells_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "tests.crash.teller_that_is_killed"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdin is not None
    assert process.stdout is not None
    twice = 0
    try:
        for point in range(1, 300):
            root = tmp_path / str(point)
            process.stdin.write(f"{root} {point}\n")
            process.stdin.flush()
            said = process.stdout.readline().strip()
            assert said in ("killed", "passed"), f"point {point}: {said}"
            twice += check(root, f"killed at point {point}")
            if said == "passed":
                break
        assert said == "passed"
        assert point > POINTS_AT_LEAST
        assert twice > 0  # a crash between an answer and writing it down: this is the one that is told again
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()
