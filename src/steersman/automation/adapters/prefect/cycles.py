"""Cycles asked for and waited for: the server starts them, the ledger says how they go, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from steersman.automation.adapters.prefect.api import ENDED, PrefectApi
from steersman.automation.adapters.prefect.server import Corner
from steersman.automation.adapters.prefect.watch import Watch
from steersman.automation.model.outcome import RunOutcome, RunRequest
from steersman.automation.ports import OnProgress
from steersman.automation.recorder import Recorder
from steersman.automation.runner.folders import Folders
from steersman.kernel.clock import Clock
from steersman.kernel.errors import OutcomeUnknown, Unavailable
from steersman.ledger import Ledger

_LOOK_S: Final = 1.0
_LAST_WORDS_S: Final = 3.0
_CANCEL_S: Final = 15.0
_SILENT_S: Final = 60.0
_CLOSED: Final = "the engine closed before it could run"


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Why a wait is over although runs are missing; `cancel`: the flow run must be ended first."""

    reason: str
    cancel: bool


class Cycles:
    """Waits for flow runs; several threads at once."""

    def __init__(
        self,
        *,
        api: PrefectApi,
        corner: Corner,
        ledger: Ledger,
        recorder: Recorder,
        folders: Folders,
        clock: Clock,
        start_within_s: float,
        flow_runs: int,
    ) -> None:
        self._api = api
        self._corner = corner
        self._ledger = ledger
        self._recorder = recorder
        self._folders = folders
        self._clock = clock
        self._start_within_s = start_within_s
        self._flow_runs = flow_runs
        self._closing = threading.Event()
        self._idle = threading.Condition()
        self._waiting = 0

    def close(self, timeout_s: float) -> None:
        """End what somebody waits for; returns once nobody does any more, or after `timeout_s`."""
        self._closing.set()
        with self._idle:
            self._idle.wait_for(lambda: not self._waiting, timeout_s)

    def run(
        self, deployment: str, *, asked: Sequence[RunRequest], start: dict[str, Any], on_progress: OnProgress | None
    ) -> dict[str, RunOutcome]:
        """Ask for one flow run, wait for its runs, and return their outcomes by automation, in order.

        What the flow run leaves undone (it crashed, no worker took it, the engine closes) is recorded as skipped, so
        that it is not done later.

        Raises:
            Unavailable: the server cannot be asked.
            OutcomeUnknown: it stopped answering for a minute while we waited.
        """
        watch = Watch(self._ledger, self._recorder, asked, on_progress)
        with self._idle:
            self._waiting += 1
        try:
            flow_run = str(self._api.start(deployment, **start)["id"])
            ends = self._wait(watch, flow_run)
            if ends is not None:
                self._give_up(watch, flow_run, ends)
            return {r.automation: watch.outcomes[r.run_id] for r in asked}
        finally:
            watch.close()
            with self._idle:
                self._waiting -= 1
                self._idle.notify_all()

    def _wait(self, watch: Watch, flow_run: str) -> Ends | None:
        """Wait until all runs ended (None), or until it is clear that the rest will not."""
        watch.look()
        began = answered = looked = self._clock.elapsed_ns()
        while watch.missing:
            if self._closing.is_set():
                return Ends(reason=_CLOSED, cancel=True)
            watch.wait(min(_LOOK_S, 0.2))
            now = self._clock.elapsed_ns()
            if (now - looked) / 1e9 < _LOOK_S:
                continue
            looked = now
            try:
                ends = self._judge(flow_run, (now - began) / 1e9)
            except Unavailable as exc:
                if (now - answered) / 1e9 > _SILENT_S:
                    raise OutcomeUnknown(
                        f"{exc.message}, and has not for {_SILENT_S:.0f} s; {len(watch.missing)} runs have not ended",
                        fix="they may still run: `steersman auto list` tells, before anything is started again",
                    ) from exc
                continue
            answered = now
            if ends is not None:
                self._last_words(watch)
                return ends if watch.missing else None
        return None

    def _judge(self, flow_run: str, waited_s: float) -> Ends | None:
        """Say whether a flow run will still carry out what it was asked for."""
        self._corner.end_orphans(self._clock.now_ns())
        found = self._api.flow_run(flow_run)
        if found is None:
            return Ends(reason="its Prefect flow run was deleted", cancel=False)
        name, state = found["name"], found["state_name"]
        if found["state_type"] in ENDED:
            said = (found["state"].get("message") or "").strip()
            words = f"its Prefect flow run {name} ended {state}" + (f": {said[:200]}" if said else "")
            return Ends(reason=words, cancel=False)
        if found["state_type"] == "SCHEDULED" and waited_s > self._start_within_s:
            if self._corner.running() >= self._flow_runs:
                return None  # it waits its turn
            why = f"no worker took its Prefect flow run {name} within {self._start_within_s:g} s"
            return Ends(reason=f"{why}: see `steersman auto engine status`", cancel=True)
        return None

    def _last_words(self, watch: Watch) -> None:
        """Give the ledger a moment: the server may hear of an end sooner than our reader."""
        until = self._clock.elapsed_ns() + int(_LAST_WORDS_S * 1e9)
        watch.look()
        while watch.missing and self._clock.elapsed_ns() < until:
            watch.wait(0.2)
            watch.look()

    def _give_up(self, watch: Watch, flow_run: str, ends: Ends) -> None:
        """End the flow run if it must be, wait for runs to record their ends, and record the rest as skipped."""
        if ends.cancel:
            self._cancel(watch, flow_run)
        for request in list(watch.missing.values()):
            watch.settle(self._recorder.final(request.run_id) or self._recorder.skipped(request, ends.reason))

    def _cancel(self, watch: Watch, flow_run: str) -> None:
        # Without an answer: what runs is ended below all the same, and what does not run yet is recorded as skipped.
        with suppress(Unavailable):
            self._api.set_state(flow_run, "CANCELLING", name="Cancelling", message="Steersman: asked for", force=True)
        for request in watch.missing.values():
            if self._folders.of(request.automation, request.run_id).is_dir():
                self._folders.cancel_file(request.automation, request.run_id).touch()
        until = self._clock.elapsed_ns() + int(_CANCEL_S * 1e9)
        while self._started(watch) and self._clock.elapsed_ns() < until:
            watch.wait(0.2)
            watch.look()
        # Without an answer: the next start finds it among those that nobody carries out.
        with suppress(Unavailable):
            self._api.set_state(flow_run, "CANCELLED", name="Cancelled", message="Steersman: asked for", force=True)

    def _started(self, watch: Watch) -> bool:
        """Say whether one of the missing runs has a process."""
        return any(self._recorder.was_started(run_id, 1) is not None for run_id in watch.missing)
