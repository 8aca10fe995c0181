"""What `bench auto` measures beside us: Debian's cron in the foreground, and a loop around a subprocess."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil

from steersman.bench.auto_desk import MINUTE_NS, SCRIPT, STARTS, starts_in
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable

# A mount namespace of its own, with empty folders where cron looks: the machine's own crontabs neither run nor change.
_NAMESPACE: Final = """
set -e
mount -t tmpfs tmpfs /etc/cron.d
mount -t tmpfs tmpfs /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
mount -t tmpfs tmpfs /run
mount --bind "$1" /etc/crontab
exec cron -f
"""


class CronCost(msgspec.Struct, frozen=True, kw_only=True):
    """A burst of cron's: how late each job began (ms), and processor ms per job of everything cron started."""

    late_ms: list[float]
    whole_ms: float
    rss_mb: float


class Cron:
    """Debian's cron with `jobs` lines, all due each minute."""

    def __init__(self, process: subprocess.Popen[bytes], starts: Path, jobs: int) -> None:
        self._daemon = psutil.Process(process.pid)
        self._starts = starts
        self._jobs = jobs

    def burst(self) -> CronCost:
        """Wait for the next full minute and for its jobs.

        Raises:
            Unavailable: cron did not start them.
        """
        clock, pause = SystemClock(), threading.Event()
        # It fires at every minute, also at those in which the other one is measured.
        self._starts.unlink(missing_ok=True)
        due = (clock.now_ns() // MINUTE_NS + 1) * MINUTE_NS
        before = sum(self._daemon.cpu_times()[:4])
        pause.wait((due - clock.now_ns()) / 1e9)
        begun = starts_in(self._starts, self._jobs)
        # Cron reaps its jobs at its next look at the clock; until then their time is not its own.
        pause.wait(1.0)
        rss = self._daemon.memory_info().rss
        while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in self._daemon.children()):
            pause.wait(0.1)
        return CronCost(
            late_ms=[(at - due) / 1e6 for at in begun],
            whole_ms=(sum(self._daemon.cpu_times()[:4]) - before) / self._jobs * 1e3,
            rss_mb=rss / 1e6,
        )


@contextmanager
def cron(root: Path, jobs: int) -> Iterator[Cron]:
    """Yield a running cron whose jobs write into `root`.

    Raises:
        Unavailable: no cron here, or not enough rights to keep it apart from the machine's own.
    """
    if os.geteuid() != 0 or not shutil.which("cron") or not shutil.which("unshare"):
        raise Unavailable("cron needs root, `cron` and `unshare`", fix="apt-get install cron, and run as root")
    crontab = root / "crontab"
    command = SCRIPT.replace("%", "\\%")
    lines = "".join(f"* * * * * root cd {root} && {command}\n" for _ in range(jobs))
    crontab.write_text(f'SHELL=/bin/sh\nPATH=/usr/bin:/bin\nMAILTO=""\n{lines}', encoding="ascii")
    crontab.chmod(0o644)
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", _NAMESPACE, "sh", str(crontab)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            yield Cron(process, root / STARTS, jobs)
        else:
            said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
            raise Unavailable(f"cron did not start here: {said}", fix="run as root, outside a container without mounts")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def bare(root: Path, count: int) -> dict[str, float]:
    """Run the script `count` times by subprocess and nothing else; processor and wall ms per run."""
    code = (
        "import os, subprocess, sys, time\n"
        "began, n = time.monotonic(), int(sys.argv[1])\n"
        "for _ in range(n): subprocess.run(sys.argv[2:], check=True)\n"
        "t = os.times()\n"
        "print([(t.user + t.system) / n * 1e3, sum(t[:4]) / n * 1e3, (time.monotonic() - began) / n * 1e3])"
    )
    inner = SCRIPT.split("'")[1]
    command = [sys.executable, "-c", code, str(count), "sh", "-c", inner]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True)
    parent, whole, wall = msgspec.json.decode(done.stdout, type=tuple[float, float, float])
    (root / STARTS).unlink()
    return {"parent_ms": parent, "whole_ms": whole, "wall_ms": wall}


def p99(values: list[float]) -> float:
    """Return the value that 99 of 100 do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]
