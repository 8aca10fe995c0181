"""Durable runs on DBOS: a run that was asked for is carried out, whatever happens to this process meanwhile.

DBOS remembers which runs were asked for and resumes the unfinished ones; the ledger remembers how far each came. Our
own scheduler starts them: DBOS adds up to ten seconds of jitter to a schedule and a queue adds its polling interval.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import msgspec
from dbos import DBOS, DBOSConfig, SetWorkflowID

from steersman.automation.adapters.embedded import process
from steersman.automation.adapters.embedded.sizes import file_bytes, folder_bytes
from steersman.automation.adapters.embedded.store import usable
from steersman.automation.adapters.embedded.worker import named, this_process
from steersman.automation.engine import BaseEngine
from steersman.automation.model.outcome import RunRequest
from steersman.automation.ports import Fact
from steersman.automation.runner.lock import FileLock
from steersman.automation.runner.process import GRACE_S
from steersman.automation.settings import EngineSettings
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Unavailable
from steersman.kernel.sizes import spoken_bytes
from steersman.ledger import Ledger

APPLICATION = "steersman"
# Part of what DBOS resumes by: raise it only when `_run` takes another argument, for runs of the old kind stay behind.
VERSION = "automation-1"
DATABASE = "dbos.db"
KEEP_FINISHED = 500
_PRUNE_EVERY = 200

_serving: EmbeddedEngine | None = None


# Without a limit of recoveries: a run that waits for an approval may see any number of restarts.
@DBOS.workflow(name="steersman.automation.run", max_recovery_attempts=None)
def _run(request: str) -> str:
    """Carry out one run; called again by DBOS for a run that a crash cut short."""
    if _serving is None:  # pragma: no cover - DBOS is only launched while an engine serves
        raise RuntimeError("no engine serves this process")
    return msgspec.json.encode(_serving.carry_out(request)).decode()


class EmbeddedEngine(BaseEngine):
    """One per workspace and per process: DBOS is a singleton, and two would resume each other's runs."""

    name = "embedded"
    resumes = True

    def __init__(
        self,
        *,
        root: Path,
        ledger: Ledger,
        clock: Clock,
        settings: EngineSettings | None = None,
        actor: str = "desk",
        grace_s: float = GRACE_S,
    ) -> None:
        super().__init__(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor, grace_s=grace_s)
        self._count = itertools.count(1)
        self._claim = FileLock(self._state / "dbos.lock")
        self._database = self._state / DATABASE

    def carry_out(self, request: str) -> object:
        """Execute a request as DBOS stores it, and now and then forget old ones."""
        outcome = self.execute(msgspec.json.decode(request, type=RunRequest))
        if next(self._count) % _PRUNE_EVERY == 0:
            # The run has ended well; what is left over is forgotten another time.
            with suppress(Unavailable), usable(self._database):
                self._prune()
        return outcome

    def _version(self) -> str:
        return version("dbos")

    def _facts(self) -> Iterable[Fact]:
        holder = named(self._claim.holder())
        if holder is not None and holder.lives():
            yield Fact(name="schedules", level="ok", found=f"followed by pid {holder.pid}")
            if not self._database.is_file():
                gone = f".steersman/{DATABASE} is gone; what is due cannot be started"
                yield Fact(name="database", level="fail", found=gone, fix="start the desk again")
        else:
            yield Fact(name="schedules", level="warn", found="nobody follows them", fix="steersman up")
        store = sum(file_bytes(path) for path in self._state.glob(f"{DATABASE}*"))
        runs = folder_bytes(self._state / "runs")
        found = f"{spoken_bytes(store)} in .steersman/{DATABASE}, {spoken_bytes(runs)} of logs and artifacts"
        yield Fact(name="storage", level="ok", found=found)

    def _open(self) -> None:
        global _serving  # noqa: PLW0603 - DBOS calls a module-level function; it has to find its engine
        process.hold(self.name)
        if not self._claim.acquire(this_process().name):
            process.let_go()
            raise Conflict(
                "another process runs the embedded engine of this workspace",
                fix="use that one (`steersman up` is running), or stop it first",
            )
        _serving = self

    def _resume(self) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": f"sqlite:///{self._database}",
            "application_version": VERSION,
            # Nothing here waits for messages; closing does wait for the thread that looks for them this often.
            "notification_listener_polling_interval_sec": 0.1,
            "enable_otlp": False,
            # While it opens the database: we say ourselves what is wrong with it, and what to do.
            "log_level": "CRITICAL",
        }
        with usable(self._database):
            DBOS(config=config)
            DBOS.launch()
            self._prune()
        logging.getLogger("dbos").setLevel(logging.ERROR)

    def _launch(self, request: RunRequest) -> None:
        with usable(self._database), SetWorkflowID(request.run_id):
            DBOS.start_workflow(_run, msgspec.json.encode(request).decode())

    def _prune(self) -> None:
        old = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            sort_desc=True,
            offset=KEEP_FINISHED,
            limit=1000,
            load_input=False,
            load_output=False,
        )
        if old:
            DBOS.delete_workflows([w.workflow_id for w in old])

    def _shut(self) -> None:
        global _serving  # noqa: PLW0603 - see _open
        if _serving is self:
            DBOS.destroy()
            _serving = None
            process.let_go()
            self._claim.release()


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: EngineSettings | None = None, actor: str = "desk"
) -> EmbeddedEngine:
    """Return an engine for the workspace at `root` that appends to `ledger` as `actor`."""
    return EmbeddedEngine(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor)
