"""DAG files for Apache Airflow: it keeps the schedules; `steersman auto exec` carries each run out.

Airflow is never imported here. What a run means (needs, windows, tokens, approval, retries, timeouts, events) is the
conductor's, in the process of the task, so this engine agrees with all others.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from steersman.automation.adapters.airflow import files
from steersman.automation.adapters.airflow.cron import lines_for_airflow
from steersman.automation.adapters.airflow.cycles import Cycle, Cycles
from steersman.automation.adapters.airflow.dags import plan
from steersman.automation.adapters.airflow.facts import airflow_fact, difference_facts, files_fact, import_fact
from steersman.automation.adapters.airflow.installation import Installation
from steersman.automation.adapters.airflow.render import Target
from steersman.automation.adapters.airflow.settings import AirflowSettings
from steersman.automation.asking import Asking, check_names
from steersman.automation.conductor import Conductor, Limits
from steersman.automation.events import MANIFEST_LOADED, ManifestLoaded
from steersman.automation.model.cycle import requests
from steersman.automation.model.manifest import Manifest, plan_cycle
from steersman.automation.model.outcome import Cause, RunOutcome
from steersman.automation.ports import EngineStatus, Fact, OnProgress
from steersman.automation.runner.process import GRACE_S
from steersman.automation.triggers import Triggers
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured
from steersman.kernel.ids import uuid7
from steersman.ledger import Ledger

_CLOSE_S: Final = 30.0


class AirflowEngine(Asking):
    """One workspace's DAGs in somebody's Airflow, and a little Airflow of our own for runs by hand."""

    name = "airflow"

    def __init__(
        self, *, root: Path, ledger: Ledger, clock: Clock, settings: AirflowSettings | None = None, actor: str = "desk"
    ) -> None:
        self._settings = settings or AirflowSettings()
        self._root = root
        self._state = root / ".steersman" / "airflow"
        self._ledger = ledger
        self._clock = clock
        limits = Limits(resumes=False, processes=1, grace_s=GRACE_S)
        # Carries nothing out: it reconciles, records, and knows the manifest.
        self.conductor = Conductor(
            root=root, state=root / ".steersman", ledger=ledger, clock=clock, actor=actor, limits=limits
        )
        self._triggers: Triggers | None = None
        self._changing = threading.Lock()
        self._started = False
        self._closed = False

    # -- the port ------------------------------------------------------------------------------------------------

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        self.conductor.manifest = manifest
        folder = self._settings.folder(self._root)
        if schedules:
            if folder is None:
                raise Misconfigured(
                    "Airflow keeps the schedules, and [engine] names no folder of DAGs",
                    fix='write dags = "/path/to/dags", the folder that your Airflow reads',
                )
            self.export(manifest, folder)
        self._started = True
        self.conductor.reconcile()
        self.conductor.recorder.manifest_loaded(manifest)
        if schedules:
            self._triggers = self._triggers_of(manifest, self._root / ".steersman" / "runs")
            self._triggers.start()

    def renew(self, manifest: Manifest) -> None:
        with self._changing:
            if self._closed:
                return
            folder = self._settings.folder(self._root)
            if self._triggers is not None and folder is not None:
                self.export(manifest, folder)
            self.conductor.recorder.manifest_loaded(manifest)
            if self._triggers is not None:
                self._triggers.stop()
            self.conductor.manifest = manifest
            if self._triggers is not None:
                self._triggers = self._triggers_of(manifest, self._root / ".steersman" / "runs")
                self._triggers.start()

    def export(self, manifest: Manifest, folder: Path) -> list[Path]:
        """Write one DAG file per group connected by needs, and a note of what Airflow does otherwise.

        Raises:
            Misconfigured: something in the manifest cannot be said there, or a file is in the way; names it.
        """
        self._check(manifest)
        return files.write(plan(manifest, self._target.prefix), self._target, manifest.digest(), folder)

    def begin(self, cause: Cause, roots: list[str], at: int, key: str = "schedule") -> None:
        """Start the cycle of `roots`: in the Airflow that reads our DAGs where one is named and an event began it.

        Any other cycle is carried out by `airflow dags test` behind the call.
        """
        check_names(self.conductor.manifest, roots)
        if cause == "event" and self._settings.dags:
            for name in roots:
                self._trigger(name, at, key)
        else:
            names = plan_cycle(self.conductor.manifest, roots, dependants=True)
            cycle = self._cycle(names, roots, cause=cause, cycle=f"{key}/{at}", at=at)
            self._cycles.begin(cycle, lambda reason: self._skip(cycle, reason))

    def status(self) -> EngineStatus:
        version, airflow = airflow_fact(self._maybe_installed)
        folder = self._settings.folder(self._root)
        marks = files.marks(folder, self._target) if folder else {}
        digests = {mark.digest for mark in marks.values()}
        facts = [airflow, files_fact(folder, marks, self._digest_in_force())]
        if folder and marks and self._maybe_installed and airflow.level == "ok":
            facts.append(import_fact(self._maybe_installed, folder))
        facts += self._differences()
        deployed = next(iter(digests)) if len(digests) == 1 else None
        return EngineStatus(engine=self.name, version=version, deployed=deployed, facts=tuple(facts))

    def close(self) -> None:
        """Stop following events and end what somebody waits for. Schedules stay in Airflow: it is there for them."""
        if self._closed:
            return
        self._closed = True
        if "_cycles" in self.__dict__:
            self._cycles.refuse()
        self.conductor.stop()
        with self._changing:
            if self._triggers is not None:
                self._triggers.stop()
        if "_cycles" in self.__dict__:
            self._cycles.close(_CLOSE_S)
        self.conductor.release()

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
        cycle = self._cycle(
            names, roots, cause="manual", cycle=str(uuid7(now)), at=now, params=params or {}, anyway=anyway
        )
        return self._cycles.run(cycle, on_progress) if names else {}

    def _cycle(
        self,
        names: list[str],
        roots: list[str],
        *,
        cause: Cause,
        cycle: str,
        at: int,
        params: dict[str, str] | None = None,
        anyway: bool = False,
    ) -> Cycle:
        if not self._started:
            raise Misconfigured("the Airflow engine has not been started", fix="call start(manifest) first")
        asked = requests(
            self.conductor.manifest, names, roots, cycle=cycle, cause=cause, at=at, params=params, anyway=anyway
        )
        return Cycle(
            name=cycle,
            at=at,
            cause=cause,
            roots=tuple(roots),
            requests=tuple(asked),
            params=params or {},
            anyway=anyway,
        )

    def _skip(self, cycle: Cycle, reason: str) -> None:
        for request in cycle.requests:
            self.conductor.recorder.skipped(request, reason)

    def _trigger(self, name: str, at: int, key: str) -> None:
        cycle = f"{key}/{at}"
        # The same start asked for twice has the same name in Airflow, which takes a name once.
        run_id = f"steersman__{name}__{hashlib.sha256(cycle.encode()).hexdigest()[:16]}"
        home = Path(self._settings.home).expanduser() if self._settings.home else None
        conf = {"at": str(at), "cycle": cycle, "cause": "event"}
        self._installed.trigger(f"{self._target.prefix}.{name}.event", run_id, conf, home)

    # -- what is known -------------------------------------------------------------------------------------------

    def _check(self, manifest: Manifest) -> None:
        for automation in (a for a in manifest if a.enabled and a.schedule):
            try:
                lines_for_airflow(automation.schedule or "")
            except ValueError as exc:
                raise Misconfigured(
                    f"{automation.name}: schedule {automation.schedule!r}: {exc}",
                    fix="write the schedule otherwise, or split it over two automations",
                ) from exc
            if automation.catchup == "all" and not self._settings.start_date:
                raise Misconfigured(
                    f"{automation.name}: catchup = all would have Airflow start it for every time since its first day,"
                    " and [engine] names none",
                    fix='write start_date = "2026-12-01" (today) in [engine]',
                )
        try:
            "\0".join((self._target.workspace, *self._target.command)).encode()
        except UnicodeEncodeError as exc:
            raise Misconfigured(
                f"the path {self._target.workspace!r} is not UTF-8, and Airflow keeps text as UTF-8",
                fix="rename the folder",
            ) from exc

    def _differences(self) -> Iterable[Fact]:
        try:
            return list(difference_facts(plan(self.conductor.manifest, self._target.prefix)))
        except ValueError as exc:
            return [Fact(name="schedules", level="fail", found=str(exc), fix="write the schedule otherwise")]

    def _digest_in_force(self) -> str | None:
        """Return the digest of our manifest; of a desk that runs elsewhere, what it last recorded."""
        if self._started:
            return self.conductor.manifest.digest()
        last = None
        for event in self._ledger.read(types=(MANIFEST_LOADED,)):
            last = event
        return msgspec.json.decode(last.data, type=ManifestLoaded).digest if last else None

    @cached_property
    def _target(self) -> Target:
        return Target(
            command=self._settings.words(),
            workspace=self._settings.workspace or str(self._root),
            prefix=self._settings.begins(self._root),
            start_date=self._settings.first_day(),
            max_active_tasks=self._settings.max_processes,
        )

    @cached_property
    def _maybe_installed(self) -> Installation | None:
        python = self._settings.interpreter(self._root)
        return Installation(python, self._state) if python else None

    @property
    def _installed(self) -> Installation:
        if self._maybe_installed is None:
            raise Misconfigured(
                "[engine] names no python, so nothing can be run by hand here",
                fix='write python = "/path/to/venv/bin/python", where Airflow is installed',
            )
        return self._maybe_installed

    @cached_property
    def _cycles(self) -> Cycles:
        return Cycles(
            installation=self._installed,
            conductor=self.conductor,
            target=msgspec.structs.replace(self._target, workspace=str(self._root), command=AirflowSettings().words()),
            root=self._root,
            folder=self._state / "cycles",
            clock=self._clock,
        )


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: AirflowSettings | None = None, actor: str = "desk"
) -> AirflowEngine:
    """Return an engine for the workspace at `root` that appends to `ledger` as `actor`."""
    return AirflowEngine(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor)
