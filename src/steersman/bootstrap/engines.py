"""The engine that `[engine]` of steersman.toml names, and the manifest it is given."""

from __future__ import annotations

from steersman.automation import Engine, Manifest, validate
from steersman.automation import settings as automation
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.plugins import factory
from steersman.bootstrap.workspace import Workspace, engine_settings


def manifest_of(workspace: Workspace) -> Manifest:
    """Return the declared automations, checked."""
    return validate(workspace.file, workspace.automations, workspace.root, tz=workspace.desk.tz)


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
