"""What every engine makes of a wish to run something: names checked and ordered, event starts tried for a while."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from steersman.automation.chains import MOST, chain, cut_reason
from steersman.automation.conductor import Conductor
from steersman.automation.model.cycle import event_key, requests
from steersman.automation.model.manifest import Automation, Manifest, plan_cycle
from steersman.automation.model.outcome import Cause, RunOutcome, run_id
from steersman.automation.model.params import resolved
from steersman.automation.ports import OnProgress
from steersman.automation.positions import Positions
from steersman.automation.triggers import Triggers
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.ledger import Event, Ledger

_PAUSES_S: Final = (0.0, 1.0, 5.0, 15.0, 60.0)


class Asking(ABC):
    """The part of the engine port that is the same for all; an engine adds how a cycle is carried out."""

    conductor: Conductor
    _ledger: Ledger
    _clock: Clock

    def run_now(
        self,
        name: str,
        *,
        with_needs: bool = True,
        params: dict[str, str] | None = None,
        anyway: bool = False,
        on_progress: OnProgress | None = None,
    ) -> dict[str, RunOutcome]:
        manifest = self.conductor.manifest
        check_names(manifest, [name])
        check_params(manifest[name], params or {})
        names = plan_cycle(manifest, [name], needs=with_needs)
        return self._carry_out(names, [name], on_progress, params=params, anyway=anyway)

    def run_cycle(self, names: Iterable[str], *, on_progress: OnProgress | None = None) -> dict[str, RunOutcome]:
        wanted = list(names)
        check_names(self.conductor.manifest, wanted)
        return self._carry_out(plan_cycle(self.conductor.manifest, wanted, needs=False), wanted, on_progress)

    @abstractmethod
    def begin(self, cause: Cause, roots: list[str], at: int, key: str = "schedule") -> None:
        """As the port says."""

    @abstractmethod
    def _carry_out(
        self,
        names: list[str],
        roots: list[str],
        on_progress: OnProgress | None,
        *,
        params: dict[str, str] | None = None,
        anyway: bool = False,
    ) -> dict[str, RunOutcome]:
        """Run `names`, in order, as one cycle that `roots` started; wait, and return how each ended."""

    def _begin_for(self, names: list[str], event: Event, count: int = 1) -> bool:
        """Start what an event starts; an orchestrator that is away, or a full disk, is tried for more than a minute.

        What then was not started is recorded as skipped: nothing is lost without a trace. So is what would be the sixth
        of runs that start each other. False: the engine closes, and nothing was started.
        """
        key, reason = event_key(event.id, count), ""
        before = chain(self._ledger, event)
        if len(before) >= MOST:
            reason = cut_reason(before)
        for pause_s in _PAUSES_S if not reason else ():
            if self.conductor.closing.wait(pause_s):
                return False
            try:
                self.begin("event", names, event.recorded_at, key=key)
            except (Unavailable, OSError) as exc:
                reason = exc.message if isinstance(exc, Unavailable) else str(exc)
            else:
                return True
        manifest, at = self.conductor.manifest, event.recorded_at
        members = plan_cycle(manifest, names, dependants=True)
        for request in requests(manifest, members, names, cycle=f"{key}/{at}", cause="event", at=at):
            self.conductor.recorder.skipped(request, reason)
        return True

    def _triggers_of(self, manifest: Manifest, folder: Path) -> Triggers:
        """Return what starts the automations of `manifest` by events, from where it was; its place is in `folder`."""
        return Triggers(
            manifest,
            self._ledger,
            self._clock,
            self._begin_for,
            positions=Positions(folder / ".triggers.json"),
            on_missed=self.conductor.missed,
            ran=self._ran,
        )

    def _ran(self, name: str, event: Event, count: int) -> bool:
        """Say whether a run for `event` was started, or ended; by whomever."""
        run = run_id(name, event.recorded_at, f"{event_key(event.id, count)}/{event.recorded_at}")
        recorder = self.conductor.recorder
        return recorder.was_started(run, 1) is not None or recorder.final(run) is not None


def check_names(manifest: Manifest, names: Iterable[str]) -> None:
    """Refuse a name that is not declared.

    Raises:
        Misconfigured: names the closest declared one.
    """
    for name in names:
        if name not in manifest:
            near = difflib.get_close_matches(name, manifest.order, n=1)
            declared = ", ".join(manifest.order) or "none"
            raise Misconfigured(
                f"there is no automation {name!r}; declared: {declared}",
                fix=f"did you mean {near[0]}?" if near else f"add [automation.{name}] to steersman.toml",
            )


def check_params(automation: Automation, params: Mapping[str, str]) -> None:
    """Refuse a value for a parameter that is not declared, or that is not of its type.

    Raises:
        Misconfigured: names the parameter, what was found and what is allowed.
    """
    try:
        resolved(automation.params, params)
    except ValueError as exc:
        raise Misconfigured(
            f"{automation.name}: {exc}", fix=f"correct --param, or `params` of [automation.{automation.name}]"
        ) from exc
