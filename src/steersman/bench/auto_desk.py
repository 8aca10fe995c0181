"""Our engine in a process of its own, as the desk runs it; what `bench auto` measures. It speaks JSON lines.

`python -m steersman.bench.auto_desk ROOT JOBS` takes commands on its standard input and answers each with one line:
`burst` (all jobs at one scheduled instant) says how late each began, `runs N` (one after the other) what they cost.
The ledger is in a process of its own too, behind its socket: an engine does not write its events itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from steersman.automation import Automation, Engine, Manifest
from steersman.automation.settings import EngineSettings
from steersman.bootstrap.plugins import factory
from steersman.kernel.clock import SystemClock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger

MINUTE_NS: Final = 60_000_000_000
_BEFORE_NS: Final = 6_000_000_000
_WITHIN_S: Final = 60.0
STARTS: Final = "starts.txt"
SCRIPT: Final = f"sh -c 'date +%s%N >> {STARTS}'"
"""What every contender runs: says when it began."""
_ALONE: Final = "alone"
"""The job of `runs`, which no schedule starts in between."""


class AheadClock(SystemClock):
    """The machine's clock, set forward as often as wanted: so that a schedule by the minute need not be waited for."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_ns

    def jump(self) -> int:
        """Go to six seconds before a full minute, which the scheduler sees in time, and return that minute."""
        now = self.now_ns()
        due = ((now + _BEFORE_NS) // MINUTE_NS + 1) * MINUTE_NS
        self.ahead_ns += due - _BEFORE_NS - now
        return due


@contextmanager
def a_ledger(root: Path) -> Iterator[Ledger]:
    """Yield a ledger that another process writes."""
    path, socket = root / ".steersman" / "ledger.db", root / ".steersman" / "core.sock"
    command = [sys.executable, "-m", "steersman.bootstrap.served", str(path), str(socket)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise Unavailable("the ledger's process did not start", fix="run the bench again")
        ledger: Ledger = factory("ledgers", "socket")(socket, path)
        try:
            yield ledger
        finally:
            ledger.close()
    finally:
        process.communicate()


def starts_in(path: Path, wanted: int, since: int = 0) -> list[int]:
    """Wait until `wanted` jobs have said when they began (ns), take that out of the file and return it.

    Args:
        since: what began before this instant (ns) is no answer: a real minute may pass while one is made up.

    Raises:
        Unavailable: they did not within a minute.
    """
    clock, pause = SystemClock(), threading.Event()
    until = clock.elapsed_ns() + int(_WITHIN_S * 1e9)
    while True:
        lines = path.read_text(encoding="ascii").split() if path.exists() else []
        found = [at for at in map(int, lines) if at >= since]
        if len(found) >= wanted:
            path.unlink()
            return found
        if clock.elapsed_ns() > until:
            raise Unavailable(f"{len(found)} of {wanted} jobs began within a minute", fix="run the bench again")
        pause.wait(0.05)


class Desk:
    """The engine with `jobs` automations that are all due each minute."""

    def __init__(self, root: Path, ledger: Ledger, jobs: int) -> None:
        self._root = root
        self._clock = AheadClock()
        names = [f"job-{n}" for n in range(jobs)]
        self._names = names
        self._engine: Engine = factory("engines", "embedded")(
            root=root, ledger=ledger, clock=self._clock, settings=EngineSettings(), actor="bench"
        )
        due = [Automation(name=n, run=SCRIPT, schedule="* * * * *") for n in names]
        self._engine.start(Manifest([*due, Automation(name=_ALONE, run=SCRIPT)]))

    def close(self) -> None:
        self._engine.close()

    def burst(self) -> dict[str, Any]:
        """Let the next minute come; return how late each job began, in milliseconds, and the memory after."""
        due = self._clock.jump()
        begun = starts_in(self._root / STARTS, len(self._names), since=due - self._clock.ahead_ns)
        return {"late_ms": [(at + self._clock.ahead_ns - due) / 1e6 for at in begun], "rss_mb": _rss_mb()}

    def runs(self, count: int) -> dict[str, Any]:
        """Run one job `count` times; return processor and wall milliseconds per run, of us and of all together."""
        wall, before = self._clock.elapsed_ns(), _cpu_s()
        scripts = 0.0
        for _ in range(count):
            outcome = self._engine.run_now(_ALONE)[_ALONE]
            if not outcome.ok:
                raise Unavailable(f"a run failed: {outcome.reason}", fix="run the bench again")
            scripts += outcome.cpu_s
        whole = _cpu_s() - before
        return {
            "parent_ms": (whole - scripts) / count * 1e3,
            "whole_ms": whole / count * 1e3,
            "wall_ms": (self._clock.elapsed_ns() - wall) / count / 1e6,
            "rss_mb": _rss_mb(),
        }


def _family() -> list[psutil.Process]:
    """Return this process and those that help it to run scripts; the ledger's is the core's, and not ours."""
    here = psutil.Process()
    found = [here]
    for process in here.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a keeper that ends while we look
            if "steersman.bootstrap.served" not in process.cmdline():
                found.append(process)
    return found


def _cpu_s() -> float:
    """Return processor seconds of the engine and its helpers, with what they waited for."""
    own = os.times()
    others = []
    for process in _family()[1:]:
        with suppress(psutil.NoSuchProcess):
            others.append(process.cpu_times())
    waited = own.children_user + own.children_system
    return own.user + own.system + waited + sum(sum(t[:4]) for t in others)


def _rss_mb() -> float:
    """Return resident memory in MB; pages that a helper shares with us count once (PSS), as they are there once."""
    total = 0
    for process in _family():
        with suppress(psutil.NoSuchProcess):  # a keeper that ends while we look
            total += process.memory_full_info().pss
    return total / 1e6


def main() -> None:
    """Serve commands until the input ends."""
    root = Path(sys.argv[1])
    (root / ".steersman").mkdir(parents=True)
    with a_ledger(root) as ledger:
        desk = Desk(root, ledger, int(sys.argv[2]))
        try:
            print('"ready"', flush=True)
            for line in sys.stdin:
                word, _, number = line.partition(" ")
                answer = desk.burst() if word.strip() == "burst" else desk.runs(int(number))
                print(msgspec.json.encode(answer).decode(), flush=True)
        finally:
            desk.close()


if __name__ == "__main__":
    main()
