"""The ports of automation. Every engine passes tests/contracts/test_engine_manifest.py.

An engine decides when runs happen and remembers that they have to; what a run *is* (needs, windows, tokens, approval,
process group, retries, events) is the conductor's, whichever process it is called in. So all engines agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import msgspec

from steersman.automation.model.manifest import Manifest
from steersman.automation.model.outcome import Cause, Progress, RunOutcome

OnProgress = Callable[[Progress], None]
"""Called from the thread of the run it is about; must be quick and must not raise."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an engine says about itself. `fix` is empty when it is well."""

    name: str
    level: Literal["ok", "warn", "fail"]
    found: str
    fix: str = ""


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An engine at a glance.

    Attributes:
        engine: its name; `version` of what does the work.
        deployed: digest of the manifest it follows; None when it follows none (yet).
        facts: connection, workers, schedules, storage, canary: what an operator has to know at three in the morning.
    """

    engine: str
    version: str
    deployed: str | None
    facts: tuple[Fact, ...]

    @property
    def ok(self) -> bool:
        return all(fact.level != "fail" for fact in self.facts)


class Engine(Protocol):
    """What runs automations. `create(root=, ledger=, clock=, settings=, actor=)` of each adapter makes one."""

    name: str

    def start(self, manifest: Manifest, *, schedules: bool = True) -> None:
        """Take `manifest` into force: reconcile what a killed engine left, resume its runs, then follow the schedules.

        Args:
            schedules: False runs only what is asked for.

        Raises:
            Conflict: another process runs this engine on the same workspace.
            Unavailable: what it needs (a database, a server) does not answer; says which and how to mend it.
        """
        ...

    def renew(self, manifest: Manifest) -> None:
        """Take another manifest into force: what runs ends as it began, what comes starts as declared now.

        A schedule or a trigger that changed starts nothing by itself; what is no longer declared is not started. An
        engine whose schedules are kept elsewhere brings them there, if `start` did.

        Raises:
            Misconfigured: something in it cannot be said there; what was in force stays.
            Unavailable: it could not be brought there, or not be recorded; what was in force stays.
        """
        ...

    def begin(self, cause: Cause, roots: list[str], at: int, key: str = "schedule") -> None:
        """Start the cycle of `roots`, with what they need and who only follows them, and return without waiting.

        The same `key` and `at` again start nothing: one start is one run.

        Args:
            at: ns since 1970 UTC of the start that is due.
        """
        ...

    def run_now(
        self,
        name: str,
        *,
        with_needs: bool = True,
        params: dict[str, str] | None = None,
        anyway: bool = False,
        on_progress: OnProgress | None = None,
    ) -> dict[str, RunOutcome]:
        """Run `name` (after what it needs, if `with_needs`), wait, and return the outcomes by automation, in order.

        Args:
            params: values for parameters of `name` itself.
            anyway: outside its window and on blackout days too; a person said so.

        Raises:
            Misconfigured: `name` is not declared, or it has no such parameter.
        """
        ...

    def run_cycle(self, names: Iterable[str], *, on_progress: OnProgress | None = None) -> dict[str, RunOutcome]:
        """Run exactly `names` as one cycle, each after those of its needs that are among them, and wait.

        Raises:
            Misconfigured: a name is not declared.
        """
        ...

    def status(self) -> EngineStatus:
        """Say how it is; also before `start`. Never raises for what it finds."""
        ...

    def close(self) -> None:
        """Stop following schedules, end what runs (recorded as `cancelled`), and let go. A second call does nothing."""
        ...


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment changed, or would change: names, each with what differs in words."""

    engine: str
    digest: str
    created: dict[str, str]
    updated: dict[str, str]
    removed: dict[str, str]
    unchanged: tuple[str, ...]
    notes: tuple[str, ...] = ()


@runtime_checkable
class Deploys(Protocol):
    """An engine that keeps schedules on a server of its own: the manifest is brought there."""

    def deploy(self, manifest: Manifest, *, dry_run: bool = False) -> Deployed:
        """Make the server's deployments those of `manifest`; touch nothing that is not ours.

        Raises:
            Unavailable: the server does not answer, or refused; says what it said.
        """
        ...


@runtime_checkable
class Exports(Protocol):
    """An engine whose definitions are files: somebody else brings them to where they are read."""

    def export(self, manifest: Manifest, folder: Path) -> list[Path]:
        """Write the definitions into `folder` and return the files; those of ours that are no longer declared go.

        Raises:
            Misconfigured: something in the manifest cannot be said there; names it.
        """
        ...
