"""One run from request to outcome: wait for its needs, be admitted, be carried out; each step is in the ledger.

An engine may call `execute` again for a run that a crash cut short: attempts that ended are read back, an attempt that
was running is an orphan, and the rest happens now. So an engine has to remember nothing but that a run was asked for.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path

from steersman.automation.admission.approval import Approvals
from steersman.automation.admission.logins import login_required
from steersman.automation.attempts import Attempts, Limits
from steersman.automation.closing import Closing, Interrupted, Wait
from steersman.automation.control.cancelling import CancelAsked, asked
from steersman.automation.control.holding import HeldBack
from steersman.automation.control.pauses import Held, Pauses
from steersman.automation.control.underway import Register
from steersman.automation.missed import Missed
from steersman.automation.model.manifest import Automation, Manifest, plan_cycle
from steersman.automation.model.outcome import Progress, RunOutcome, RunRequest, Status
from steersman.automation.model.params import resolved
from steersman.automation.model.schedule import jitter_ns
from steersman.automation.model.times import closed_reason, opens_again
from steersman.automation.recorder import Recorder, skip_outcome
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.lock import FileLock, NamedLocks
from steersman.automation.turns import Turns
from steersman.kernel.clock import Clock, iso
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger

__all__ = ["Conductor", "Interrupted", "Limits"]

_log = logging.getLogger(__name__)
_REMEMBERED = 1000
_POLL_S = 0.1
_LOOK_S = 0.25
_ANSWER_POLL_S = 0.5
_LONGEST_NAP_S = 60.0
_LOST_NEED_S = 10.0
_LET_GO = "cancelled while it waited: a later start took its place"
_BY_HAND = ("manual", "rerun")
_VERBS: dict[Status, str] = {
    "failed": "failed",
    "timed_out": "timed out",
    "cancelled": "was cancelled",
    "orphaned": "was orphaned",
    "skipped": "was skipped",
}


class Conductor:
    """Carries out runs, several at once, one thread each."""

    def __init__(self, *, root: Path, state: Path, ledger: Ledger, clock: Clock, actor: str, limits: Limits) -> None:
        """Prepare; nothing runs yet.

        Args:
            root, state: the workspace and its `.steersman`.
            actor: who asks for the runs; a person needs nobody's approval.
        """
        self.manifest = Manifest()
        self.closing = Closing()
        self.recorder = Recorder(ledger, clock, actor=actor, wait=self.closing.wait)
        self.folders = Folders(root, state)
        self._ledger = ledger
        self._clock = clock
        self._by_person = actor.startswith("person:")
        self._approvals = Approvals(ledger, clock, actor=actor)
        self.pauses = Pauses(ledger)
        self.underway = Register(self.folders.runs / ".underway")
        self._held_back = HeldBack(
            self.folders.runs, record=self.recorder.held_back, wait=partial(self.closing.pause, _POLL_S)
        )
        self.attempts = Attempts(
            root=root,
            state=state,
            folders=self.folders,
            recorder=self.recorder,
            clock=clock,
            closing=self.closing,
            limits=limits,
        )
        self._changed = threading.Condition()
        self._outcomes: OrderedDict[str, RunOutcome] = OrderedDict()
        self._known: set[str] = set()
        self._one_each = NamedLocks(self.folders.runs / ".runs.lock")
        self._turns = Turns(self.folders, self.underway, self.recorder, clock)

    # -- what engines call ---------------------------------------------------------------------------------------

    def reconcile(self) -> list[str]:
        """End what killed engines left running, record each as orphaned, and return the run ids."""
        self.settle()
        return self.attempts.reconcile()

    def expect(self, run_id: str) -> None:
        """Say that `run_id` will be executed here, so that whoever needs it waits for it."""
        with self._changed:
            self._known.add(run_id)

    def forget(self, run_id: str) -> None:
        """Say that `run_id` will not be executed here after all."""
        self._settle(run_id, None)

    def outcome(self, run_id: str) -> RunOutcome | None:
        """Return how a run ended, None while it has not."""
        with self._changed:
            found = self._outcomes.get(run_id)
        return found or self.recorder.final(run_id)

    def execute(self, request: RunRequest, on_progress: Callable[[Progress], None]) -> RunOutcome:
        """Carry `request` out and return how it ended; whatever goes wrong with us on the way is how it ended too.

        Raises:
            Interrupted: `stop()` was called while it waited.
        """
        self.expect(request.run_id)

        def progress(step: Progress) -> None:
            self._note(request, step)
            on_progress(step)

        try:
            outcome = self._once(request, progress)
        except BaseException:
            self._settle(request.run_id, None)
            raise
        self._settle(request.run_id, outcome)
        on_progress(
            Progress(
                run_id=request.run_id,
                automation=request.automation,
                state="skipped" if outcome.status == "skipped" else "finished",
                attempt=outcome.attempts,
                note=outcome.reason,
                outcome=outcome,
            )
        )
        return outcome

    def skip(self, request: RunRequest, reason: str) -> RunOutcome:
        """Record that a run does not happen; who was asked to approve it need not answer any more."""
        outcome = self.recorder.skipped(request, reason, patient=True)
        with suppress(Unavailable):  # said above; what is asked expires by itself for those who look at the time
            self._approvals.withdraw(request)
        return outcome

    def waiting(self, request: RunRequest) -> AbstractContextManager[None]:
        """Have a run in hand that an engine keeps from `execute` until what it needs has ended."""
        return self.underway.entered(request, self._clock.now_ns())

    def is_cancelled(self, request: RunRequest) -> bool:
        """Say whether somebody asked the run to end."""
        return asked(self.folders.cancel_file(request.automation, request.run_id)) is not None

    def held(self) -> dict[str, Held]:
        """Return which automations a pause holds back now, those that need a paused one among them."""
        return self.pauses.now().held(self.manifest, self._clock.now_ns())

    def missed(self, missed: Missed) -> None:
        """Record starts that did not happen in their time and are not made up for, and why: nobody watched, a pause."""
        found = (
            self.pauses.between(n, missed.first, missed.last) for n in plan_cycle(self.manifest, [missed.automation])
        )
        paused = next((pause for pause in found if pause is not None), None)
        self.recorder.missed(missed, f"held back, {paused}" if paused is not None else "")

    def nothing_watched_until(self, at: int) -> None:
        """Say that whatever was due up to `at` (ns) was missed, and is there only to be made up for."""
        self._turns.nothing_watched_until(at)

    def stop(self) -> None:
        """End what runs and wake what waits; `execute` calls return or raise soon after."""
        self.closing.set()
        with self._changed:
            self._changed.notify_all()

    def release(self) -> None:
        """Give back what `stop` needed; call once no `execute` runs any more."""
        self.closing.release()

    # -- one run -------------------------------------------------------------------------------------------------

    def _settle(self, run_id: str, outcome: RunOutcome | None) -> None:
        """Wake whoever needs the run: it has ended, or will not end here."""
        with self._changed:
            self._known.discard(run_id)
            if outcome is not None:
                self._outcomes[run_id] = outcome
                while len(self._outcomes) > _REMEMBERED:
                    self._outcomes.popitem(last=False)
            self._changed.notify_all()

    def _once(self, request: RunRequest, on_progress: Callable[[Progress], None]) -> RunOutcome:
        """Carry the run out unless it has ended; in one process at a time, whoever else was asked for it."""
        try:
            with self._one_each.held(request.run_id, partial(self.closing.pause, _POLL_S)):
                return self.recorder.final(request.run_id) or self._in_hand(request, on_progress)
        except Exception as exc:
            if not (self.closing.is_set and isinstance(exc, Unavailable)):
                _log.exception("the run %s broke", request.run_id)
                with suppress(Unavailable):
                    return self.attempts.broken(request, exc)
            # What is known of the attempt stands in its marker, for the next engine to record.
            raise Interrupted from exc

    def _note(self, request: RunRequest, step: Progress) -> None:
        """Write down what a run waits for, for whoever looks from another process."""
        if step.state in ("waiting", "retrying", "started"):
            began = step.state != "waiting" or step.attempt > 1
            self.underway.note(
                request,
                "" if step.state == "started" else step.note.removeprefix("waits "),
                self._clock.now_ns(),
                began=began,
            )

    def _in_hand(self, request: RunRequest, on_progress: Callable[[Progress], None]) -> RunOutcome:
        """Carry the run out; what ends it before its process starts is recorded as what it is."""
        with self.underway.entered(request, self._clock.now_ns()):
            try:
                return self._execute(request, on_progress)
            except _Paused as exc:
                return self._hold(request, exc.held)
            except CancelAsked as wish:
                if not wish.by:
                    return self.skip(request, _LET_GO)
                outcome = self.attempts.cancelled(request, wish)
                with suppress(Unavailable):  # as in `skip`
                    self._approvals.withdraw(request)
                return outcome

    def _execute(self, request: RunRequest, on_progress: Callable[[Progress], None]) -> RunOutcome:
        begun = self.recorder.has_begun(request.run_id)
        refuse = self.attempts.not_tried_again if begun else self.skip
        automation = self.manifest.get(request.automation)
        if automation is None:
            return refuse(request, "it is no longer declared")
        if not automation.enabled and request.cause not in _BY_HAND:
            return refuse(request, "it is disabled")
        try:
            params = resolved(automation.params, request.params)
        except ValueError as exc:
            return refuse(request, str(exc))
        wait = Wait(self.closing, self.folders.cancel_file(automation.name, request.run_id))
        wait.look()
        self._look_for_a_pause(request)
        self._held_back.settle(automation.name)
        # What has begun was admitted then; whether it may be tried again is looked at before each attempt.
        failed = "" if begun else self._await_needs(request, wait) or self._closed(automation, request)
        if failed:
            return self.skip(request, failed)
        lock = FileLock(self.folders.runs / automation.name / (f"lock-{request.lane}" if request.lane else "lock"))
        refused = self._turns.take(self.manifest, automation, request, lock, wait, begun=begun)
        if refused:
            return self.skip(request, refused)
        try:
            # With the lock held: what waits for a person or its window counts as running; starts do not pile up.
            failed = "" if begun else self._await_turn(automation, request, on_progress, wait)
            if failed:
                return self.skip(request, failed)
            # Of an engine that was killed a moment ago: its script must have ended before the next one starts.
            if request.run_id in self.attempts.reconcile(automation.name):
                ended = self.recorder.final(request.run_id)
                if ended is not None:
                    return ended
            # The last look is after tokens and a place are held: it may have waited long for them.
            return self.attempts.carry_out(
                self.manifest,
                automation,
                request,
                params,
                on_progress,
                wait=wait,
                may_start=partial(self._look_for_a_pause, request),
            )
        finally:
            try:
                with suppress(OSError):  # somebody clears away too; the next run looks again
                    self.folders.prune(automation.name, self._kept(automation), spare=request.run_id)
            finally:
                lock.release()

    # -- pauses --------------------------------------------------------------------------------------------------

    def _look_for_a_pause(self, request: RunRequest) -> None:
        """Return if no pause holds the run back. One that has begun goes on to its end, further attempts included.

        Raises:
            _Paused: it must not start.
        """
        held = self.held()
        if not held or request.anyway or self.recorder.was_started(request.run_id, 1) is not None:
            return
        if request.automation in held and not held[request.automation].needs:
            raise _Paused(held[request.automation])
        for need, run_id in request.needs.items():
            if need in held and ((ended := self.outcome(run_id)) is None or ended.status == "skipped"):
                raise _Paused(Held(pause=held[need].pause, needs=held[need].needs or need))

    def _hold(self, request: RunRequest, held: Held) -> RunOutcome:
        """Record a start that a pause holds back: by itself if a person asked for it, else with others of its kind."""
        said: list[RunOutcome] = []

        def first() -> None:
            said.append(self.skip(request, str(held)))

        if request.cause in _BY_HAND:
            first()
        else:
            self._held_back.hold(
                request.automation,
                pause=held.pause.id,
                reason=str(held),
                now=self._clock.now_ns(),
                first=first,
            )
        return said[0] if said else skip_outcome(request, str(held))

    def settle(self) -> None:
        """Record what was counted under pauses that are over.

        Raises:
            Unavailable: the ledger does not take it; it stays counted.
        """
        counted = self._held_back.waiting()
        held = self.held() if counted else {}
        for name in counted:
            if name not in held:
                self._held_back.settle(name)

    def _closed(self, automation: Automation, request: RunRequest) -> str:
        """Return why the run must not start at this moment, empty if it may, or may wait for a better one."""
        if automation.outside == "skip" and not request.anyway:
            why = closed_reason(self.manifest, automation, self._clock.now_ns())
            if why:
                return why
        return login_required(self._ledger, automation.credentials)

    def _await_turn(
        self, automation: Automation, request: RunRequest, on_progress: Callable[[Progress], None], wait: Wait
    ) -> str:
        """Wait for the window and for a person, as declared; return why the run must not start, empty if it may."""

        def waiting(note: str) -> None:
            on_progress(Progress(run_id=request.run_id, automation=automation.name, state="waiting", note=note))

        self._await_jitter(automation, request, waiting, wait)
        closed = self._await_window(automation, request, waiting, wait)
        if closed or not automation.approve or self._by_person:
            return closed
        told = False
        while (said := self._approvals.answer(automation, request)) is None:
            if not told:
                waiting(f"for approval: steersman inbox approve run/{request.run_id}")
                told = True
            wait.pause(_ANSWER_POLL_S)
        # The answer may have come when the window was over.
        return said or self._await_window(automation, request, waiting, wait)

    def _await_jitter(
        self, automation: Automation, request: RunRequest, waiting: Callable[[str], None], wait: Wait
    ) -> None:
        """Wait for the automation's own moment after a start that is due; here, so that every engine spreads alike."""
        if request.cause != "schedule" or request.scheduled_at is None or not automation.jitter_s:
            return
        begins = request.scheduled_at + jitter_ns(automation)
        left_s = (begins - self._clock.now_ns()) / 1e9
        if left_s > 0:
            waiting(f"starts at {iso(begins)} (jitter)")
            wait.pause(min(left_s, automation.jitter_s))

    def _await_window(
        self, automation: Automation, request: RunRequest, waiting: Callable[[str], None], wait: Wait
    ) -> str:
        told = 0
        while not request.anyway and (why := closed_reason(self.manifest, automation, self._clock.now_ns())):
            if automation.outside == "skip":
                return why
            now = self._clock.now_ns()
            opens = opens_again(self.manifest, automation, now)
            if opens is None:
                return f"{why}, and it opens at no time within a year"
            if opens != told:
                waiting(f"{why}; starts at {iso(opens)}")
                told = opens
            # In naps: the wall clock may be set, or the machine may sleep, while we wait.
            wait.pause(min(max((opens - now) / 1e9, 0.01), _LONGEST_NAP_S))
        return ""

    def _await_needs(self, request: RunRequest, wait: Wait) -> str:
        """Wait for what the run needs; return why it cannot run, empty if it can."""
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
                if self.closing.is_set:
                    raise Interrupted
                wait.look()
                found = self._outcomes.get(run_id)
                if found is None and run_id not in self._known:
                    # After a crash: it may have ended before, or its own recovery may come a moment later.
                    found = self.recorder.final(run_id)
                    if found is None and self._clock.elapsed_ns() > give_up:
                        return None
                if found is not None:
                    return found
                self._changed.wait(_LOOK_S if run_id in self._known else _POLL_S)

    def _kept(self, automation: Automation) -> int:
        """Return how many folders of runs stay: as declared, and those of all runs that are under way."""
        return max(automation.keep_runs, 1 + self.underway.count(automation.name))


class _Paused(Exception):
    """A run must not start: an automation is held back."""

    def __init__(self, held: Held) -> None:
        super().__init__(str(held))
        self.held = held
