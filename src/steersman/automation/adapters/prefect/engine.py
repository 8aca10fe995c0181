"""Runs on a Prefect 3 server: it keeps the schedules and starts flow runs; `steersman auto exec` carries each run out.

Prefect is never imported here. What a run means (needs, windows, tokens, approval, retries, timeouts, events) is the
conductor's, in the process of the run, so this engine agrees with all others.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.automation.adapters.prefect.api import PrefectApi
from steersman.automation.adapters.prefect.cycles import Cycles
from steersman.automation.adapters.prefect.facts import facts
from steersman.automation.adapters.prefect.keeper import Keeper
from steersman.automation.adapters.prefect.look import look_at
from steersman.automation.adapters.prefect.plan import Place, cycle_parameters
from steersman.automation.adapters.prefect.server import Corner
from steersman.automation.adapters.prefect.settings import PrefectSettings
from steersman.automation.adapters.prefect.worker import Worker, worker_command, worker_environment
from steersman.automation.asking import Asking
from steersman.automation.conductor import Conductor, Limits
from steersman.automation.model.cycle import requests
from steersman.automation.model.manifest import Manifest, plan_cycle
from steersman.automation.model.outcome import Cause, RunOutcome
from steersman.automation.ports import Deployed, EngineStatus, OnProgress
from steersman.automation.runner.lock import FileLock
from steersman.automation.runner.process import GRACE_S
from steersman.automation.triggers import Triggers
from steersman.kernel import references
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Misconfigured, Unavailable
from steersman.kernel.ids import uuid7
from steersman.ledger import Ledger

_CLOSE_S: Final = 30.0
_PRUNE_EVERY: Final = 120


class PrefectEngine(Asking):
    """One workspace's corner of a Prefect server."""

    name = "prefect"

    def __init__(
        self, *, root: Path, ledger: Ledger, clock: Clock, settings: PrefectSettings | None = None, actor: str = "desk"
    ) -> None:
        self._settings = settings or PrefectSettings()
        self._root = root
        self._state = root / ".steersman"
        self._ledger = ledger
        self._clock = clock
        limits = Limits(resumes=False, processes=1, grace_s=GRACE_S)
        # Carries nothing out: it reconciles, records, and knows where runs keep their files.
        self.conductor = Conductor(root=root, state=self._state, ledger=ledger, clock=clock, actor=actor, limits=limits)
        self._place = Place(
            root=root,
            pool=self._settings.pool,
            python=self._settings.interpreter(root),
            processes=self._settings.max_processes,
        )
        self._claim = FileLock(self._state / "prefect.lock")
        self._triggers: Triggers | None = None
        self._keeper: Keeper | None = None
        self._worker: Worker | None = None
        self._by_request = ""
        self._since_ns: int | None = None
        self._started = False
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._chores = 0

    # -- the port ------------------------------------------------------------------------------------------------

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        if schedules and not self._claim.acquire(str(self._state)):
            raise Conflict(
                "another process runs the Prefect engine of this workspace",
                fix="use that one (`steersman up` is running), or stop it first",
            )
        self.conductor.manifest = manifest
        if not self._api.is_healthy():
            raise Unavailable(f"the Prefect server at {self._api.url} is not healthy", fix="look into its log")
        self._by_request = self._corner.prepare()
        self.conductor.recorder.manifest_loaded(manifest)
        self._started = True
        self._reconcile()
        if schedules:
            self._since_ns = self._clock.now_ns()
            self.deploy(manifest)
            self._triggers = self._triggers_of(manifest, self._state / "runs")
            self._triggers.start()
            self._keeper = Keeper(self._chore)
            self._keeper.start()
        if self._settings.start_worker and (schedules or not self._has_worker()):
            self._worker = self._make_worker()
            self._worker.start()

    def renew(self, manifest: Manifest) -> None:
        with self._changing:
            if self._closing.is_set():
                return
            if self._triggers is not None:
                self.deploy(manifest)
            self.conductor.recorder.manifest_loaded(manifest)
            if self._triggers is not None:
                self._triggers.stop()
            self.conductor.manifest = manifest
            if self._triggers is not None:
                self._triggers = self._triggers_of(manifest, self._state / "runs")
                self._triggers.start()

    def deploy(self, manifest: Manifest, *, dry_run: bool = False) -> Deployed:
        return self._corner.deploy(manifest, self._clock.now_ns(), dry_run=dry_run)

    def begin(self, cause: Cause, roots: list[str], at: int, key: str = "schedule") -> None:
        names = plan_cycle(self.conductor.manifest, roots, dependants=True)
        cycle = f"{key}/{at}"
        self._api.start(self._ready(), **self._flow_run(names, roots, cause=cause, cycle=cycle, at=at))

    def status(self) -> EngineStatus:
        declared = self.conductor.manifest.digest() if self._started else None
        look = look_at(self._api, self._place, self._clock.now_ns(), since_ns=self._since_ns, declared=declared)
        if self._worker is not None:
            look = msgspec.structs.replace(look, restarts=self._worker.restarts)
        version = look.server or (look.versions or {}).get("prefect", "unknown")
        return EngineStatus(engine=self.name, version=version, deployed=look.deployed, facts=facts(look))

    @property
    def worker_pid(self) -> int | None:
        """The process of our own worker; None while there is none."""
        return self._worker.pid if self._worker is not None else None

    def close(self) -> None:
        """Stop following events and end what somebody waits for, and what our own worker carries out.

        Schedules stay on the server, and so do flow runs of a worker that is not ours: that is what it is there for.
        """
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
        # First: an event that Prefect could not be asked for is waiting to be tried again.
        self.conductor.stop()
        with self._changing:
            if self._triggers is not None:
                self._triggers.stop()
        if self._keeper is not None:
            self._keeper.stop()
        self._cycles.close(_CLOSE_S)
        if self._worker is not None:
            self._worker.stop()
            with suppress(Unavailable):  # the server went first: the next start reconciles
                self._reconcile()
        self.conductor.release()
        self._claim.release()
        self._api.close()

    # -- cycles --------------------------------------------------------------------------------------------------

    def _carry_out(
        self,
        names: list[str],
        roots: list[str],
        on_progress: OnProgress | None,
        *,
        params: dict[str, str] | None = None,
        anyway: bool = False,
    ) -> dict[str, RunOutcome]:
        now = self._clock.now_ns()
        manifest, cycle = self.conductor.manifest, str(uuid7(now))
        asked = requests(manifest, names, roots, cycle=cycle, cause="manual", at=now, params=params, anyway=anyway)
        start = self._flow_run(names, roots, cause="manual", cycle=cycle, at=now, params=params, anyway=anyway)
        return self._cycles.run(self._ready(), asked=asked, start=start, on_progress=on_progress)

    def _flow_run(
        self, names: Sequence[str], roots: Sequence[str], *, cause: Cause, cycle: str, at: int, **more: Any
    ) -> dict[str, Any]:
        """Return what a flow run is asked for with. The key makes a cycle asked for twice one flow run."""
        parameters = cycle_parameters(
            self._place, self.conductor.manifest, names, roots, cause=cause, cycle=cycle, at=at, **more
        )
        others = f" and {len(roots) - 1} more" if len(roots) > 1 else ""
        return {
            "key": f"{cycle}/{'+'.join(roots)}",
            "parameters": parameters,
            "name": f"{roots[0]}{others}, {cause}" if roots else cause,
            "tags": [self._place.tag],
        }

    def _ready(self) -> str:
        if not self._started:
            raise Misconfigured("the Prefect engine has not been started", fix="call start(manifest) first")
        return self._by_request

    # -- upkeep --------------------------------------------------------------------------------------------------

    def _chore(self) -> None:
        self._reconcile()
        if self._chores % _PRUNE_EVERY == 0:
            self._corner.prune_canary(self._clock.now_ns())
        self._chores += 1

    def _reconcile(self) -> None:
        """End what killed processes left: runs first, so that their ends are recorded, then Prefect's flow runs."""
        self.conductor.reconcile()
        self._corner.end_orphans(self._clock.now_ns())

    def _has_worker(self) -> bool:
        return any(w["status"] == "ONLINE" for w in self._api.workers(self._settings.pool))

    def _make_worker(self) -> Worker:
        python = self._place.python
        if python is None:
            raise Misconfigured(
                "[engine] has start_worker = true and names no python",
                fix='write python = "/path/to/venv/bin/python", where Prefect is installed, or start_worker = false',
            )
        env = worker_environment(
            os.environ,
            url=self._api.url,
            key=self._key,
            home=self._state / "prefect",
            poll_s=self._settings.span_s("poll"),
        )
        command = worker_command(python, self._settings.pool, self._place.queue)
        return Worker(command, env, self._state / "logs" / "prefect-worker.log", self._clock)

    # -- parts, made when first needed: `status` asks no ledger, `deploy` needs no worker ------------------------

    @cached_property
    def _key(self) -> str:
        return references.resolve(self._settings.api_key, self._root) if self._settings.api_key else ""

    @cached_property
    def _api(self) -> PrefectApi:
        settings = self._settings
        return PrefectApi(
            settings.url, key=self._key, timeout_s=settings.span_s("timeout"), through_proxy=not settings.is_here
        )

    @cached_property
    def _corner(self) -> Corner:
        return Corner(self._api, self._place, flow_runs=self._settings.flow_runs)

    @cached_property
    def _cycles(self) -> Cycles:
        return Cycles(
            api=self._api,
            corner=self._corner,
            ledger=self._ledger,
            recorder=self.conductor.recorder,
            folders=self.conductor.folders,
            clock=self._clock,
            start_within_s=self._settings.span_s("start_within"),
            flow_runs=self._settings.flow_runs,
        )


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: PrefectSettings | None = None, actor: str = "desk"
) -> PrefectEngine:
    """Return an engine for the workspace at `root` that appends to `ledger` as `actor`."""
    return PrefectEngine(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor)
