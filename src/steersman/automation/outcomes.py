"""How runs ended, kept for those who need them: a run waits here until all that it needs has ended."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from steersman.automation.closing import Closing, Interrupted, Wait
from steersman.automation.model.outcome import RunOutcome, RunRequest, Status
from steersman.kernel.clock import Clock

_REMEMBERED: Final = 1000
_LOOK_S: Final = 0.25
_LOST_LOOK_S = 0.1
_LOST_NEED_S: Final = 10.0
_VERBS: Final[dict[Status, str]] = {
    "failed": "failed",
    "timed_out": "timed out",
    "cancelled": "was cancelled",
    "orphaned": "was orphaned",
    "skipped": "was skipped",
}


class Outcomes:
    """The runs of one process: those that are expected to end here, and how the latest of them ended."""

    def __init__(self, closing: Closing, clock: Clock, final: Callable[[str], RunOutcome | None]) -> None:
        """Prepare; `final` returns how a run ended as far as the ledger knows."""
        self._closing = closing
        self._clock = clock
        self._final = final
        self._changed = threading.Condition()
        self._ended: OrderedDict[str, RunOutcome] = OrderedDict()
        self._expected: set[str] = set()

    def expect(self, run_id: str) -> None:
        """Say that `run_id` will end here, so that whoever needs it waits for it."""
        with self._changed:
            self._expected.add(run_id)

    def settle(self, run_id: str, outcome: RunOutcome | None) -> None:
        """Wake whoever needs the run: it has ended, or (None) will not end here."""
        with self._changed:
            self._expected.discard(run_id)
            if outcome is not None:
                self._ended[run_id] = outcome
                while len(self._ended) > _REMEMBERED:
                    self._ended.popitem(last=False)
            self._changed.notify_all()

    def of(self, run_id: str) -> RunOutcome | None:
        """Return how a run ended, None while it has not."""
        with self._changed:
            found = self._ended.get(run_id)
        return found or self._final(run_id)

    def wake(self) -> None:
        """Have all who wait look at whether the engine closes."""
        with self._changed:
            self._changed.notify_all()

    def await_needs(self, request: RunRequest, wait: Wait) -> str:
        """Wait for what the run needs; return why it cannot run, empty if it can.

        Raises:
            Interrupted: the engine closes.
            CancelAsked: the run is to end.
        """
        for name, run_id in request.needs.items():
            outcome = self._await(run_id, wait)
            if outcome is None:
                return f"needs {name}, which was never started in this cycle"
            if not outcome.ok:
                verb = _VERBS[outcome.status]
                return f"needs {name}, which {verb}" + (f": {outcome.reason}" if outcome.reason else "")
        return ""

    def _await(self, run_id: str, wait: Wait) -> RunOutcome | None:
        give_up = self._clock.elapsed_ns() + int(_LOST_NEED_S * 1e9)
        with self._changed:
            while True:
                if self._closing.is_set:
                    raise Interrupted
                wait.look()
                found = self._ended.get(run_id)
                if found is None and run_id not in self._expected:
                    # After a crash: it may have ended before, or its own recovery may come a moment later.
                    found = self._final(run_id)
                    if found is None and self._clock.elapsed_ns() > give_up:
                        return None
                if found is not None:
                    return found
                self._changed.wait(_LOOK_S if run_id in self._expected else _LOST_LOOK_S)
