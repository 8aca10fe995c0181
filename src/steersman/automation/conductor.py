"""One run from request to outcome: wait for its needs, be admitted, be carried out; each step is in the ledger.

An engine may call `execute` again for a run that a crash cut short: attempts that ended are read back, an attempt that
was running is an orphan, and the rest happens now. So an engine has to remember nothing but that a run was asked for.
"""

from __future__ import annotations

import logging
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
from steersman.automation.model.outcome import Progress, RunOutcome, RunRequest
from steersman.automation.model.params import resolved
from steersman.automation.moment import Moment
from steersman.automation.outcomes import Outcomes
from steersman.automation.recorder import Recorder, skip_outcome
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.lock import FileLock, NamedLocks
from steersman.automation.turns import Turns
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Unavailable
from steersman.ledger import Ledger

__all__ = ["Conductor", "Interrupted", "Limits"]

_log = logging.getLogger(__name__)
_POLL_S = 0.1
_LET_GO = "cancelled while it waited: a later start took its place"
_BY_HAND = ("manual", "rerun")


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
        self._approvals = Approvals(ledger, clock, actor=actor)
        self._moment = Moment(clock, self._approvals, lambda: self.manifest, by_person=actor.startswith("person:"))
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
        self._outcomes = Outcomes(self.closing, clock, self.recorder.final)
        self._one_each = NamedLocks(self.folders.runs / ".runs.lock")
        self._turns = Turns(self.folders, self.underway, self.recorder, clock)

    # -- what engines call ---------------------------------------------------------------------------------------

    def reconcile(self) -> list[str]:
        """End what killed engines left running, record each as orphaned, and return the run ids."""
        self.settle()
        return self.attempts.reconcile()

    def expect(self, run_id: str) -> None:
        """Say that `run_id` will be executed here, so that whoever needs it waits for it."""
        self._outcomes.expect(run_id)

    def forget(self, run_id: str) -> None:
        """Say that `run_id` will not be executed here after all."""
        self._outcomes.settle(run_id, None)

    def outcome(self, run_id: str) -> RunOutcome | None:
        """Return how a run ended, None while it has not."""
        return self._outcomes.of(run_id)

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
            self._outcomes.settle(request.run_id, None)
            raise
        self._outcomes.settle(request.run_id, outcome)
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
        self._outcomes.wake()

    def release(self) -> None:
        """Give back what `stop` needed; call once no `execute` runs any more."""
        self.closing.release()

    # -- one run -------------------------------------------------------------------------------------------------

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
                while True:
                    with suppress(_Edited):
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
        failed = "" if begun else self._refusal(automation, request, wait)
        if failed:
            return self.skip(request, failed)
        lock = FileLock(self.folders.runs / automation.name / (f"lock-{request.lane}" if request.lane else "lock"))
        refused = self._turns.take(self.manifest, automation, request, lock, wait, begun=begun)
        if refused:
            return self.skip(request, refused)
        try:
            # With the lock held: what waits for a person or its window counts as running; starts do not pile up.
            failed = "" if begun else self._moment.wait_for(automation, request, on_progress, wait)
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
                may_start=partial(self._look_again, automation, request),
            )
        finally:
            try:
                with suppress(OSError):  # somebody clears away too; the next run looks again
                    self.folders.prune(automation.name, self._kept(automation), spare=request.run_id)
            finally:
                lock.release()

    def _refusal(self, automation: Automation, request: RunRequest, wait: Wait) -> str:
        """Wait for what the run needs; return why it must not start then, empty if it may, or may wait for its turn."""
        return (
            self._outcomes.await_needs(request, wait)
            or self._moment.missed(automation, request)
            or login_required(self._ledger, automation.credentials)
        )

    def _look_again(self, automation: Automation, request: RunRequest) -> None:
        """Return if the first process may start, after however long it waited.

        Raises:
            _Edited: it is declared otherwise by now, or not at all.
            _Paused: somebody holds it back.
        """
        now = self.manifest.get(automation.name)
        # What a person was asked to approve is what they were shown.
        is_as_approved = automation.approve and now is not None and now.enabled
        if now != automation and not is_as_approved:
            raise _Edited
        self._look_for_a_pause(request)

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

    def _kept(self, automation: Automation) -> int:
        """Return how many folders of runs stay: as declared, and those of all runs that are under way."""
        return max(automation.keep_runs, 1 + self.underway.count(automation.name))


class _Edited(Exception):
    """What a run was about to start is declared otherwise now."""


class _Paused(Exception):
    """A run must not start: an automation is held back."""

    def __init__(self, held: Held) -> None:
        super().__init__(str(held))
        self.held = held
