"""Threads of this process; what is cut short stays cut short, and is recorded as orphaned by the next engine."""

from __future__ import annotations

import threading
from pathlib import Path

from steersman.automation.conductor import Interrupted
from steersman.automation.engine import BaseEngine
from steersman.automation.model.outcome import RunRequest
from steersman.automation.settings import EngineSettings
from steersman.kernel.clock import Clock
from steersman.ledger import Ledger


class MemoryEngine(BaseEngine):
    """Runs automations while this process lives. Several may work on one workspace: overlap is kept across them."""

    name = "memory"
    resumes = False

    def _open(self) -> None:
        return

    def _resume(self) -> None:
        return

    def _launch(self, request: RunRequest) -> None:
        threading.Thread(target=self._run, args=(request,), name=request.run_id, daemon=True).start()

    def _run(self, request: RunRequest) -> None:
        try:
            self.execute(request)
        except Interrupted:
            return

    def _shut(self) -> None:
        return


def create(
    *, root: Path, ledger: Ledger, clock: Clock, settings: EngineSettings | None = None, actor: str = "desk"
) -> MemoryEngine:
    """Return an engine for the workspace at `root` that appends to `ledger` as `actor`."""
    return MemoryEngine(root=root, ledger=ledger, clock=clock, settings=settings, actor=actor)
