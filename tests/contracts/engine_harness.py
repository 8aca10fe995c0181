"""A workspace that every engine can be tried on, and one harness per engine: how it is brought up and taken down here.

A harness of a further engine is a class with `kind`, `needs()` and `running()` in `tests/contracts/engine_<kind>.py`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from tests.builders_automation import a_script

from steersman.automation import Engine
from steersman.bootstrap.desk import Desk, open_desk
from steersman.bootstrap.engines import manifest_of, open_engine
from steersman.bootstrap.served import served

KINDS = ("memory", "embedded", "dbos", "prefect", "airflow")


class Harness(Protocol):
    """How one engine is run in tests."""

    kind: str

    def needs(self) -> str:
        """Return what is missing here to run it; empty if nothing is. Installs what may be installed."""
        ...

    def running(self, desk: Desk) -> contextlib.AbstractContextManager[Engine]:
        """Yield the engine of `desk`, started with its manifest and without schedules, and close it after."""
        ...


class InProcess:
    """Engines that work in the process that opens them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def needs(self) -> str:
        return ""

    @contextlib.contextmanager
    def running(self, desk: Desk) -> Iterator[Engine]:
        engine = open_engine(desk, kind=self.kind)
        try:
            engine.start(manifest_of(desk.workspace), schedules=False)
            yield engine
        finally:
            engine.close()


def harness(kind: str) -> Harness:
    """Return the harness of an engine."""
    if kind in ("memory", "embedded"):
        return InProcess(kind)
    found: Harness = importlib.import_module(f"tests.contracts.engine_{kind}").HARNESS
    return found


class Scripts(msgspec.Struct, frozen=True):
    """What a workspace is made of: steersman.toml and its scripts by file name."""

    toml: str
    files: dict[str, str]


@contextlib.contextmanager
def a_workspace(root: Path, scripts: Scripts, *, more: str = "") -> Iterator[Desk]:
    """Yield a desk on a workspace at `root` whose ledger is served as a core would, so that any process may append."""
    (root / ".steersman").mkdir(mode=0o700, parents=True)
    (root / "steersman.toml").write_text(scripts.toml + more, encoding="utf-8")
    for name, body in scripts.files.items():
        a_script(root, name, body)
    with served(root / ".steersman" / "ledger.db", root / ".steersman" / "core.sock"):
        desk = open_desk(root, through_core=True)
        try:
            yield desk
        finally:
            desk.close()
