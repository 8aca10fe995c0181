"""The moment at which a run that is admitted starts: after its jitter, within its window, once a person agrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from steersman.automation.admission.approval import Approvals
from steersman.automation.closing import Wait
from steersman.automation.model.manifest import Automation, Manifest
from steersman.automation.model.outcome import Progress, RunRequest
from steersman.automation.model.schedule import jitter_ns
from steersman.automation.model.times import closed_reason, opens_again
from steersman.kernel.clock import Clock, iso

_ANSWER_POLL_S = 0.5
_LONGEST_NAP_S: Final = 60.0
Say = Callable[[str], None]


class Moment:
    """Waits for it; used by many threads, one for each run."""

    def __init__(
        self, clock: Clock, approvals: Approvals, manifest: Callable[[], Manifest], *, by_person: bool
    ) -> None:
        """Prepare.

        Args:
            manifest: returns what is in force: calendars may be edited while a run waits.
            by_person: a person asks for the runs and needs nobody's approval.
        """
        self._clock = clock
        self._approvals = approvals
        self._manifest = manifest
        self._by_person = by_person

    def missed(self, automation: Automation, request: RunRequest) -> str:
        """Return why a run that does not wait must not start now, empty if it may."""
        if automation.outside != "skip" or request.anyway:
            return ""
        return closed_reason(self._manifest(), automation, self._clock.now_ns())

    def wait_for(
        self, automation: Automation, request: RunRequest, on_progress: Callable[[Progress], None], wait: Wait
    ) -> str:
        """Wait as declared; return why the run must not start, empty if it may.

        Raises:
            Interrupted: the engine closes.
            CancelAsked: the run is to end.
        """

        def say(note: str) -> None:
            on_progress(Progress(run_id=request.run_id, automation=automation.name, state="waiting", note=note))

        self._await_jitter(automation, request, say, wait)
        closed = self._await_window(automation, request, say, wait)
        if closed or not automation.approve or self._by_person:
            return closed
        told = False
        while (said := self._approvals.answer(automation, request)) is None:
            if not told:
                say(f"for approval: steersman inbox approve run/{request.run_id}")
                told = True
            wait.pause(_ANSWER_POLL_S)
        # The answer may have come when the window was over.
        return said or self._await_window(automation, request, say, wait)

    def _await_jitter(self, automation: Automation, request: RunRequest, say: Say, wait: Wait) -> None:
        """Wait for the automation's own moment after a start that is due; here, so that every engine spreads alike."""
        if request.cause != "schedule" or request.scheduled_at is None or not automation.jitter_s:
            return
        begins = request.scheduled_at + jitter_ns(automation)
        left_s = (begins - self._clock.now_ns()) / 1e9
        if left_s > 0:
            say(f"starts at {iso(begins)} (jitter)")
            wait.pause(min(left_s, automation.jitter_s))

    def _await_window(self, automation: Automation, request: RunRequest, say: Say, wait: Wait) -> str:
        told = 0
        while not request.anyway and (why := closed_reason(self._manifest(), automation, self._clock.now_ns())):
            if automation.outside == "skip":
                return why
            now = self._clock.now_ns()
            opens = opens_again(self._manifest(), automation, now)
            if opens is None:
                return f"{why}, and it opens at no time within a year"
            if opens != told:
                say(f"{why}; starts at {iso(opens)}")
                told = opens
            # In naps: the wall clock may be set, or the machine may sleep, while we wait.
            wait.pause(min(max((opens - now) / 1e9, 0.01), _LONGEST_NAP_S))
        return ""
