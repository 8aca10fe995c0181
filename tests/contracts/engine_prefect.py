"""The Prefect engine held to the contract: a real server and a real worker, one of each per test process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.prefect_server import a_prefect_server, missing

from steersman.automation import Engine
from steersman.automation.adapters.prefect import create
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import manifest_of


class PrefectHarness:
    """Runs are asked for on the server; its worker starts `steersman auto exec` for each."""

    kind = "prefect"

    def needs(self) -> str:
        return missing()

    @contextlib.contextmanager
    def running(self, desk: Desk) -> Iterator[Engine]:
        settings = a_prefect_server().settings()
        engine = create(root=desk.workspace.root, ledger=desk.ledger, clock=desk.clock, settings=settings)
        try:
            engine.start(manifest_of(desk.workspace), schedules=False)
            yield engine
        finally:
            engine.close()


HARNESS = PrefectHarness()
