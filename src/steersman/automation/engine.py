"""What engines share: cycles of runs, schedules, triggers, waiting, closing. An adapter adds how a run is launched."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from steersman import __version__
from steersman.automation.asking import Asking
from steersman.automation.conductor import Conductor, Limits
from steersman.automation.handled import Handled
from steersman.automation.model.cycle import requests
from steersman.automation.model.manifest import Manifest, plan_cycle
from steersman.automation.model.outcome import Cause, Progress, RunOutcome, RunRequest
from steersman.automation.ports import EngineStatus, Fact, OnProgress
from steersman.automation.runner.process import GRACE_S
from steersman.automation.scheduler import Scheduler
from steersman.automation.settings import EngineSettings
from steersman.automation.triggers import Triggers
from steersman.kernel.clock import Clock
from steersman.kernel.ids import uuid7
from steersman.ledger import Ledger

CLOSE_S = 30.0


class BaseEngine(Asking):
    """Plans cycles and follows schedules; knows nothing about durability."""

    name = "base"
    resumes = False

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
        self._settings = settings or EngineSettings()
        self._root = root
        self._state = root / ".steersman"
        self._ledger = ledger
        self._clock = clock
        self.conductor = Conductor(
            root=root,
            state=self._state,
            ledger=ledger,
            clock=clock,
            actor=actor,
            limits=Limits(resumes=self.resumes, processes=self._settings.max_processes, grace_s=grace_s),
        )
        self._scheduler: Scheduler | None = None
        self._triggers: Triggers | None = None
        self._listeners: dict[str, OnProgress] = {}
        self._running: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._closed = False
        self._started = False

    # -- the port ------------------------------------------------------------------------------------------------

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        self.conductor.manifest = manifest
        self._open()
        self._started = True
        # Before anything is resumed: a resumed run must find its orphaned attempt ended and recorded.
        self.conductor.reconcile()
        if schedules:
            self.conductor.nothing_watched_until(self._clock.now_ns())
        self.conductor.recorder.manifest_loaded(manifest)
        self._resume()
        if schedules:
            self._follow(manifest)

    def renew(self, manifest: Manifest) -> None:
        with self._changing:
            if self._closed:
                return
            self.conductor.recorder.manifest_loaded(manifest)
            followed = self._scheduler is not None
            self._stop_following()
            self.conductor.manifest = manifest
            if followed:
                self._follow(manifest, before=self._triggers)

    def begin(self, cause: Cause, roots: list[str], at: int, key: str = "schedule") -> None:
        names = plan_cycle(self.conductor.manifest, roots, dependants=True)
        for request in requests(self.conductor.manifest, names, roots, cycle=f"{key}/{at}", cause=cause, at=at):
            self._submit(request)

    def status(self) -> EngineStatus:
        runs = Fact(name="runs", level="ok", found=f"{self.conductor.attempts.running() or 'none'} in flight")
        digest = self.conductor.manifest.digest() if self._started else None
        return EngineStatus(engine=self.name, version=self._version(), deployed=digest, facts=(runs, *self._facts()))

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        # First, because whoever starts runs may be waiting for the ledger. What is started until it stops is resumed.
        self.conductor.stop()
        with self._changing:
            self._stop_following()
        for finished in list(self._running.values()):
            finished.wait(CLOSE_S)
        self._shut()
        self.conductor.release()

    # -- what an adapter adds ------------------------------------------------------------------------------------

    def _version(self) -> str:
        """Return the version of what does the work."""
        return __version__

    def _facts(self) -> Iterable[Fact]:
        """Return what an operator should know of this engine."""
        return ()

    @abstractmethod
    def _open(self) -> None:
        """Get ready to launch."""

    @abstractmethod
    def _resume(self) -> None:
        """Execute again what was cut short, if this engine can."""

    @abstractmethod
    def _launch(self, request: RunRequest) -> None:
        """See that `execute(request)` is called once in a thread of its own; return without waiting."""

    @abstractmethod
    def _shut(self) -> None:
        """Let go; nothing runs any more."""

    def execute(self, request: RunRequest) -> RunOutcome:
        """Carry out one run; adapters call it from the run's thread."""
        finished = self._running.setdefault(request.run_id, threading.Event())
        try:
            return self.conductor.execute(request, partial(self._tell, request.run_id))
        finally:
            finished.set()
            self._running.pop(request.run_id, None)

    # -- cycles --------------------------------------------------------------------------------------------------

    def _follow(self, manifest: Manifest, before: Triggers | None = None) -> None:
        """Start what is due by the clock and by events, from now on and as `catchup` says; `before` followed so far."""
        self._scheduler = Scheduler(
            manifest,
            self._clock,
            partial(self.begin, "schedule"),
            handled=Handled(self._state / "runs" / ".schedule.json"),
            on_missed=self.conductor.missed,
            on_behind=self.conductor.nothing_watched_until,
            held=self.conductor.held,
        )
        self._scheduler.start()
        self._triggers = self._triggers_of(manifest, self._state / "runs")
        self._triggers.start(before)

    def _stop_following(self) -> None:
        if self._scheduler is not None:
            self._scheduler.stop()
        if self._triggers is not None:
            self._triggers.stop()

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
        asked = requests(
            self.conductor.manifest,
            names,
            roots,
            cycle=str(uuid7(now)),
            cause="manual",
            at=now,
            params=params,
            anyway=anyway,
        )
        return self.run_asked(asked, on_progress)

    def run_asked(self, asked: Sequence[RunRequest], on_progress: OnProgress | None = None) -> dict[str, RunOutcome]:
        """Carry out requests that were made elsewhere, wait, and return how each ended, by automation, in order."""
        if on_progress is not None:
            self._listeners.update({r.run_id: on_progress for r in asked})
        try:
            for request in asked:
                self._submit(request)
            return {r.automation: self._wait(r) for r in asked}
        finally:
            for request in asked:
                self._listeners.pop(request.run_id, None)

    def _submit(self, request: RunRequest) -> None:
        if self.conductor.outcome(request.run_id) is not None:
            return  # asked for again after it ended: one start is one run
        self.conductor.expect(request.run_id)
        ours = threading.Event()
        under_way = self._running.setdefault(request.run_id, ours)
        try:
            self._launch(request)
        except BaseException:
            if under_way is ours:  # nobody will carry it out: let nobody wait for it
                self._running.pop(request.run_id, None)
                self.conductor.forget(request.run_id)
            raise

    def _wait(self, request: RunRequest) -> RunOutcome:
        finished = self._running.get(request.run_id)
        if finished is not None:
            finished.wait()
        return self.conductor.outcome(request.run_id) or RunOutcome(
            run_id=request.run_id,
            automation=request.automation,
            status="cancelled",
            reason="the engine closed before it could run",
        )

    def _tell(self, run_id: str, progress: Progress) -> None:
        listener = self._listeners.get(run_id)
        if listener is not None:
            listener(progress)
