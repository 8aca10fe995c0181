"""The ports of automation. Every engine passes tests/contracts/test_engine.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import Progress, RunOutcome

OnProgress = Callable[[Progress], None]
"""Called from the thread of the run it is about; must be quick and must not raise."""


class Engine(Protocol):
    """What runs automations. `create(root=, ledger=, clock=)` of each adapter makes one."""

    name: str

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        """Take `manifest` into force: reconcile what a killed engine left, resume its runs, then follow the schedules.

        Args:
            schedules: False runs only what is asked for.

        Raises:
            Conflict: another process runs this engine on the same workspace.
        """
        ...

    def run_now(
        self, name: str, *, with_needs: bool = True, on_progress: OnProgress | None = None
    ) -> dict[str, RunOutcome]:
        """Run `name` (after what it needs, if `with_needs`), wait, and return the outcomes by automation, in order.

        Raises:
            Misconfigured: `name` is not declared.
        """
        ...

    def run_cycle(self, names: Iterable[str], *, on_progress: OnProgress | None = None) -> dict[str, RunOutcome]:
        """Run exactly `names` as one cycle, each after those of its needs that are among them, and wait.

        Raises:
            Misconfigured: a name is not declared.
        """
        ...

    def close(self) -> None:
        """Stop following schedules, end what runs (recorded as `cancelled`), and let go. A second call does nothing."""
        ...
