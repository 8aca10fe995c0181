"""The engine that `[engine]` of steersman.toml names, the manifest it is given, and how a desk keeps it going."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from steersman.automation import Engine, Manifest, validate
from steersman.automation import settings as automation
from steersman.automation.events import ENGINE_READY, ENGINE_UNAVAILABLE, EngineSaid
from steersman.bootstrap.commons import tokens_across
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import Workspace, engine_settings
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.ledger import Ledger, new_event

STREAM: Final = "automation/engine"
AGAIN_S: Final = 10.0


def manifest_of(workspace: Workspace, *, scripts: bool = False) -> Manifest:
    """Return the declared automations, checked; with `scripts`, also that what they run is there.

    Raises:
        Misconfigured: names the line.
    """
    return validate(
        workspace.file,
        workspace.automations,
        workspace.root,
        tz=workspace.desk.tz,
        scripts=scripts,
        across=lambda: tokens_across(workspace),
    )


def missing_script(workspace: Workspace) -> Misconfigured | None:
    """Return the refusal of the first script or command that is declared and not there; its runs will fail."""
    try:
        manifest_of(workspace, scripts=True)
    except Misconfigured as exc:
        return exc
    return None


def open_engine(desk: Desk, *, kind: str | None = None, actor: str = "desk") -> Engine:
    """Return the engine of the workspace, or one of another `kind` as `[engine.KIND]` sets it up; not started.

    Raises:
        Misconfigured: no such engine is installed, or its settings are wrong.
    """
    workspace = desk.workspace
    settings: automation.EngineSettings = workspace.engine
    if kind is not None and kind != settings.kind:
        settings = engine_settings(workspace.file, workspace.root, kind=kind)
    engine: Engine = factory("engines", settings.kind)(
        root=workspace.root, ledger=desk.ledger, clock=desk.clock, settings=settings, actor=actor
    )
    return engine


class KeptEngine:
    """The engine of a desk: started when it can be had, and asked for again while it cannot.

    A database or an orchestrator that is down must not take the console with it: that is where one looks then.
    """

    def __init__(self, desk: Desk, *, say: Callable[[str], None], again_s: float = AGAIN_S) -> None:
        """Prepare; `say` tells the operator's terminal."""
        self._desk = desk
        self._say = say
        self._again_s = again_s
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the engine, or go on trying in the background; what is wrong is said once and recorded.

        Raises:
            Misconfigured, Conflict: trying again would not help.
        """
        missing = missing_script(self._desk.workspace)
        if missing is not None:
            self._say(f"its runs will fail: {missing}")
        try:
            self._open()
            if engine_trouble(self._desk.ledger):
                self._record(ENGINE_READY, "")
        except Unavailable as exc:
            self._say(f"automations wait: {exc}")
            with suppress(Unavailable):  # the core is away: said above, and tried again all the same
                self._record(ENGINE_UNAVAILABLE, exc.message)
            self._thread = threading.Thread(target=self._try_again, name="engine-again", daemon=True)
            self._thread.start()

    def renew(self, workspace: Workspace, manifest: Manifest) -> None:
        """Take what `workspace` declares into force, its automations as `manifest`; without an engine, for its start.

        Raises:
            Misconfigured, Unavailable: as the engine says; what was in force stays.
        """
        with self._lock:
            if self._engine is not None and manifest.digest() != manifest_of(self._desk.workspace).digest():
                self._engine.renew(manifest)
            self._desk.workspace = workspace

    def close(self) -> None:
        """Stop trying, and close the engine if there is one."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def _open(self) -> None:
        with self._lock:  # an edit that comes meanwhile finds an engine, and renews it
            manifest = manifest_of(self._desk.workspace)
            engine = open_engine(self._desk)
            try:
                engine.start(manifest)
            except BaseException:
                engine.close()
                raise
            self._engine = engine

    def _try_again(self) -> None:
        told = ""
        while not self._closing.wait(self._again_s):
            try:
                if self._engine is None:
                    self._open()
                self._record(ENGINE_READY, "")
            except Unavailable:
                continue
            except Exception as exc:  # noqa: BLE001 - a thread of its own: what it does not say nobody learns
                if str(exc) != told:
                    told = str(exc)
                    self._say(f"automations still wait: {exc}")
                continue
            self._say("automations go on: the engine is there")
            return

    def _record(self, kind: str, problem: str) -> None:
        now = self._desk.clock.now_ns()
        said = EngineSaid(engine=self._desk.workspace.engine.kind, problem=problem, at=now)
        self._desk.ledger.append([new_event(kind, stream=STREAM, data=said, actor="desk", now_ns=now)])


def engine_trouble(ledger: Ledger) -> str:
    """Return why no automation is started by itself, as the desk last recorded it; empty if nothing is wrong."""
    last = ""
    for event in ledger.read(stream=STREAM):
        said = msgspec.json.decode(event.data, type=EngineSaid)
        last = f"the engine {said.engine} cannot be had: {said.problem}" if event.type == ENGINE_UNAVAILABLE else ""
    return last
