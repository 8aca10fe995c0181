"""kill -9 of a process that pulls, at every place where it writes: nothing half made is ever served."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
from tests.builders_pulls import Answer, Rig, a_site, bars

from steersman.kernel.clock import SystemClock

pytestmark = pytest.mark.crash

# Dies by SIGKILL at the N-th call of what makes a change last.
DYING = """
import os, signal, sys
from pathlib import Path
from tests.builders_pulls import Rig
from steersman.kernel.clock import SystemClock

root, fatal = Path(sys.argv[1]), int(sys.argv[2])
rig = Rig(root, (root / "steersman.toml").read_text(), clock=SystemClock())
seen = 0

def watched(call):
    def wrapper(*args, **kwargs):
        global seen
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return wrapper

for owner, names in ((Path, ("replace", "unlink", "chmod", "touch")), (os, ("utime", "fsync"))):
    for name in names:
        setattr(owner, name, watched(getattr(owner, name)))
rig.pull(max_age_s=0)
rig.puller.close()
print(seen)
"""


def _run(root: Path, fatal: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DYING, str(root), str(fatal)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _rows(path: str) -> int:
    return pl.read_ipc(path).height


def test_a_kill_at_any_write_leaves_the_old_data_or_the_new(tmp_path: Path) -> None:
    days = [b"day,symbol,close\n" + b"".join(b"2026-01-%02d,SPY,1\n" % d for d in range(1, n + 2)) for n in range(40)]
    with a_site(*[Answer(body=body) for body in days]) as site:
        toml = bars(site, 'ttl = "1h"')
        (tmp_path / "steersman.toml").write_text(toml, encoding="utf-8")
        with Rig(tmp_path, toml, clock=SystemClock()) as rig:
            rig.pull()
            writes = int(_run(tmp_path, 10_000).stdout)
            for fatal in range(1, writes + 1):
                done = _run(tmp_path, fatal)
                assert done.returncode in (-signal.SIGKILL, 0), done.stderr
                given = rig.pull()
                assert _rows(given.path) == given.receipt.rows
            rig.pull(max_age_s=0)
            left = [p.name for p in rig.puller._frames.folder.iterdir() if p.name.startswith(".tmp")]
    assert writes >= 5
    assert left == [], "what dead processes left half made is swept away"


def test_a_kill_in_the_middle_of_the_body_leaves_nothing(tmp_path: Path) -> None:
    gate = threading.Event()

    def half(handler: object) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 2000)  # type: ignore[attr-defined]  # a request handler
        gate.wait(20)

    with a_site(Answer(raw=half), Answer()) as site:
        toml = bars(site)
        (tmp_path / "steersman.toml").write_text(toml, encoding="utf-8")
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "-c", DYING, str(tmp_path), "0"], timeout=2, capture_output=True, check=False
            )
        with Rig(tmp_path, toml, clock=SystemClock()) as rig:
            given = rig.pull()
            gate.set()
            assert (given.state, _rows(given.path)) == ("pulled", 3)
