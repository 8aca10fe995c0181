"""An engine that is killed just before its n-th durable write, and the one that comes after it.

`python -m tests.crash.engine_that_is_killed` takes lines `FOLDER POINT` on its standard input and answers each with
`killed` or `passed` (there was no such write: the whole cycle happened), once an engine without a point has finished
what the first one began. Everything is imported once; each engine is a fork.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from dbos import DBOS
from dbos._dbos import _get_or_create_dbos_registry
from tests.builders_automation import an_automation, an_engine, wait_for

from steersman.automation import Manifest, conductor, moment, outcomes, places
from steersman.automation.engine import BaseEngine
from steersman.ledger import Ledger
from steersman.ledger.adapters.sqlite import create as sqlite_ledger
from steersman.policy.approvals import answer

AT = 1_000_000_000
MANIFEST = Manifest(
    [
        an_automation(
            "job", run="automations/job.sh", approve=True, retries=3, backoff="none", resources={"api": 1, "cpu": 1}
        ),
        an_automation("after", run="automations/job.sh", needs=("job",), retries=3, backoff="none"),
    ],
    resources={"api": 1, "cpu": 2},
)


class Point:
    """Counts durable writes, and kills this process before the one wanted. A person's own writes do not count."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted
        self._lock = threading.Lock()
        self.person: threading.Thread | None = None

    def before(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                if threading.current_thread() is not self.person:
                    if self._left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    self._left -= 1
            return write(*args, **kwargs)

        return counted


def cycle(root: Path, wanted: int) -> None:
    """Carry out a cycle, or what is left of it, to its end; killed on the way if there is a write number `wanted`."""
    point = Point(wanted)
    ledger = sqlite_ledger(root / "ledger.db")
    engine = an_engine("embedded", root, ledger)
    for where, name in ((Path, "replace"), (Path, "unlink"), (type(ledger), "append"), (type(engine), "_launch")):
        setattr(where, name, point.before(getattr(where, name)))
    point.person = threading.Thread(target=approve, args=(ledger,), daemon=True)
    point.person.start()
    engine.start(MANIFEST, schedules=False)
    begun = root / "begun"
    if not begun.exists():
        # As the scheduler has it: what was not marked as taken care of is asked for again.
        engine.begin("schedule", ["job"], AT)
        begun.touch()
    wait_for(lambda: has_ended(engine), timeout_s=30)


def approve(ledger: Ledger) -> None:
    pause = threading.Event()
    while True:
        asked = list(ledger.read(types=("approval.requested",)))
        if asked and ledger.get(asked[0].id) and not list(ledger.read(types=("approval.granted",))):
            run_id = str(msgspec.json.decode(asked[0].data)["approval_id"])
            answer(ledger, run_id, grant=True, by="person:me", reason="", now_ns=asked[0].recorded_at)
        pause.wait(0.01)


def has_ended(engine: BaseEngine) -> bool:
    return not DBOS.list_workflows(status=["PENDING"]) and len(DBOS.list_workflows(status=["SUCCESS"])) == 2


def forked(root: Path, wanted: int) -> int:
    """Return the exit code of an engine in a process of its own; negative is a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            cycle(root, wanted)
        except BaseException:  # noqa: BLE001 - the exit code says it
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    moment._ANSWER_POLL_S = conductor._POLL_S = outcomes._LOST_LOOK_S = places._POLL_S = 0.01
    # DBOS puts what it resumes into a queue of its own, which it looks into once a second.
    _get_or_create_dbos_registry().get_internal_queue()._polling_interval_sec = 0.02
    for line in sys.stdin:
        folder, _, wanted = line.rpartition(" ")
        code = forked(Path(folder), int(wanted))
        after = forked(Path(folder), -1) if code else 0
        print(f"broken: {code} {after}" if after or code not in (0, -9) else "killed" if code else "passed", flush=True)


if __name__ == "__main__":
    main()
