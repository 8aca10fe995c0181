"""Automations, engines and workspaces that spell out only what a test is about."""

from __future__ import annotations

import contextlib
import importlib
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from steersman.automation import Automation, Manifest
from steersman.automation.engine import BaseEngine
from steersman.automation.model.outcome import RunRequest
from steersman.kernel.clock import Clock, SystemClock
from steersman.ledger import Ledger
from steersman.ledger.adapters.memory import create as memory_ledger
from steersman.ledger.patterns import pattern

ENGINES = ("memory", "embedded")


def an_automation(name: str = "job", run: str = "true", **fields: Any) -> Automation:
    """Return an automation; `on` may name types of events as the manifest does."""
    return Automation(name=name, run=run, **{**fields, "on": tuple(map(pattern, fields.get("on", ())))})


def a_script(root: Path, name: str, body: str) -> str:
    """Write automations/NAME and return its `run` line."""
    path = root / "automations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(body), encoding="utf-8")
    return f"automations/{name}"


def a_request(automation: str = "job", **fields: Any) -> RunRequest:
    return RunRequest(
        **{"run_id": f"{automation}-1", "automation": automation, "cycle": "c", "cause": "manual", **fields}
    )


def an_engine(kind: str, root: Path, ledger: Ledger, *, clock: Clock | None = None, **options: Any) -> BaseEngine:
    module = importlib.import_module(f"steersman.automation.adapters.{kind}")
    types = {"memory": "MemoryEngine", "embedded": "EmbeddedEngine"}
    engine = getattr(module, types[kind])(root=root, ledger=ledger, clock=clock or SystemClock(), **options)
    assert isinstance(engine, BaseEngine)
    return engine


@contextlib.contextmanager
def running(
    kind: str,
    root: Path,
    *automations: Automation,
    ledger: Ledger | None = None,
    schedules: bool = False,
    grace_s: float = 0.3,
    **options: Any,
) -> Iterator[BaseEngine]:
    """Yield a started engine and close it after."""
    engine = an_engine(kind, root, ledger or memory_ledger(), grace_s=grace_s, **options)
    try:
        engine.start(Manifest(automations), schedules=schedules)
        yield engine
    finally:
        engine.close()


def events(ledger: Ledger, run_id: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return (last word of the type, data) of the runs' events, in order."""
    found = [(e.type.rpartition(".")[2], msgspec.json.decode(e.data)) for e in ledger.read(types=("automation.run.*",))]
    return [(kind, data) for kind, data in found if run_id is None or data["run_id"] == run_id]


def wait_for(condition: Any, *, timeout_s: float = 15.0) -> None:
    """Return once `condition()` is true; fail loudly if it does not become so."""
    pause, clock = threading.Event(), SystemClock()
    until = clock.elapsed_ns() + int(timeout_s * 1e9)
    while not condition():
        assert clock.elapsed_ns() < until, "it never happened"
        pause.wait(0.01)


PYTHON = sys.executable
