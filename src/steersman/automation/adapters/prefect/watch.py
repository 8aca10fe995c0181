"""The runs of one cycle, followed in the ledger: whoever carries them out records there how they go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from steersman.automation.events import RUN_FINISHED, RUN_SKIPPED, RUN_STARTED, RunFinished, RunSkipped, RunStarted
from steersman.automation.model.outcome import Progress, RunOutcome, RunRequest
from steersman.automation.ports import OnProgress
from steersman.automation.recorder import Recorder
from steersman.ledger import Event, Ledger


class Watch:
    """Knows how each of the asked runs ended, and tells a listener each step once."""

    def __init__(
        self, ledger: Ledger, recorder: Recorder, asked: Iterable[RunRequest], on_progress: OnProgress | None
    ) -> None:
        """Follow `asked` from here on; make it before they are asked for."""
        self._recorder = recorder
        self._tell = on_progress
        self._subscription = ledger.subscribe(after=ledger.head().pos)
        self.missing = {r.run_id: r for r in asked}
        self.outcomes: dict[str, RunOutcome] = {}

    def close(self) -> None:
        self._subscription.close()

    def wait(self, timeout_s: float) -> None:
        """Take in what the ledger got, waiting for it up to `timeout_s`."""
        self._take(self._subscription.next(timeout_s))

    def look(self) -> None:
        """Read the ends of what is missing from the ledger itself, also those from before we followed."""
        for run_id in list(self.missing):
            self._end(run_id)

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == RUN_STARTED:
                started = msgspec.json.decode(event.data, type=RunStarted)
                self._say(started.run_id, "started", started.attempt)
            elif event.type == RUN_FINISHED:
                self._finished(msgspec.json.decode(event.data, type=RunFinished))
            elif event.type == RUN_SKIPPED:
                self._end(msgspec.json.decode(event.data, type=RunSkipped).run_id)

    def _finished(self, end: RunFinished) -> None:
        if not end.will_retry:
            self._end(end.run_id)
            return
        self._say(end.run_id, "retrying", end.attempt, end.error or end.status)

    def _end(self, run_id: str) -> None:
        outcome = self._recorder.final(run_id) if run_id in self.missing else None
        if outcome is not None:
            self.settle(outcome)

    def settle(self, outcome: RunOutcome) -> None:
        """Take `outcome` as how a run ended."""
        if self.missing.pop(outcome.run_id, None) is None:
            return
        self.outcomes[outcome.run_id] = outcome
        if self._tell is not None:
            self._tell(
                Progress(
                    run_id=outcome.run_id,
                    automation=outcome.automation,
                    state="skipped" if outcome.status == "skipped" else "finished",
                    attempt=outcome.attempts,
                    note=outcome.reason,
                    outcome=outcome,
                )
            )

    def _say(self, run_id: str, state: str, attempt: int, note: str = "") -> None:
        request = self.missing.get(run_id)
        if request is not None and self._tell is not None:
            step = {
                "run_id": run_id,
                "automation": request.automation,
                "state": state,
                "attempt": attempt,
                "note": note,
            }
            self._tell(msgspec.convert(step, Progress))
