"""An engine that is killed just before the n-th write by which an event becomes a run, and the one that comes after it.

`python -m tests.crash.triggers_that_are_killed` takes lines `FOLDER POINT` on its standard input and answers each with
`killed` or `passed` (there was no such write), once an engine without a point has finished what the first one began.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbos import DBOS
from tests.builders_automation import an_automation, an_engine, wait_for

from steersman.automation import Manifest, triggers
from steersman.ledger import new_event
from steersman.ledger.adapters.sqlite import create as sqlite_ledger

KIND = "script.order.wanted"
EVENTS = 2
MANIFEST = Manifest(
    [an_automation(run="automations/job.sh", on=(KIND,), catchup="all", overlap="queue", retries=3, backoff="none")]
)


def in_the_thread_of_triggers(left: int, write: Callable[..., Any]) -> Callable[..., Any]:
    """Kill this process before its call number `left` from there; all such writes count together."""

    def counted(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread().name == "automation-triggers":
            if _left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            _left[0] -= 1
        return write(*args, **kwargs)

    _left[0] = left
    return counted


_left = [-1]


def life(root: Path, wanted: int) -> None:
    ledger = sqlite_ledger(root / "ledger.db")
    engine = an_engine("embedded", root, ledger)
    for where, name in ((Path, "replace"), (type(ledger), "append"), (type(engine), "_launch")):
        setattr(where, name, in_the_thread_of_triggers(wanted, getattr(where, name)))
    engine.start(MANIFEST)
    for number in range(sum(1 for _ in ledger.read(types=(KIND,))), EVENTS):
        ledger.append([new_event(KIND, stream="s", data={"number": number}, actor="a", now_ns=number + 1)])
        wait_for(lambda number=number: ended() > number, timeout_s=30)
    wait_for(lambda: ended() == EVENTS and not DBOS.list_workflows(status=["PENDING"]), timeout_s=30)
    engine.close()


def ended() -> int:
    return len(DBOS.list_workflows(status=["SUCCESS"]))


def forked(root: Path, wanted: int) -> int:
    """Return the exit code of an engine in a process of its own; negative is a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            life(root, wanted)
        except BaseException:  # noqa: BLE001 - the exit code says it
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    triggers._LOOK_S = 0.02  # type: ignore[misc]
    for line in sys.stdin:
        folder, _, wanted = line.rpartition(" ")
        code = forked(Path(folder), int(wanted))
        after = forked(Path(folder), -1) if code else 0
        print(f"broken: {code} {after}" if after or code not in (0, -9) else "killed" if code else "passed", flush=True)


if __name__ == "__main__":
    main()
