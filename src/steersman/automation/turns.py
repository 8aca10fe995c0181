"""Whose turn it is among the runs of one automation: its lock, taken as `overlap` says, or in line."""

from __future__ import annotations

from typing import Final

from steersman.automation.closing import Wait
from steersman.automation.control.underway import Register
from steersman.automation.model.cycle import began_at, event_of
from steersman.automation.model.manifest import Automation, Manifest, made_up_for
from steersman.automation.model.outcome import RunRequest
from steersman.automation.model.schedule import PUNCTUAL_NS
from steersman.automation.recorder import Recorder
from steersman.automation.runner.folders import Folders
from steersman.automation.runner.lock import FileLock
from steersman.kernel.clock import Clock

_POLL_S: Final = 0.1
_LETTING_GO_S: Final = 5.0
_LETTING_GO_POLL_S: Final = 0.005
_LONGEST_LINE: Final = 250
"""Missed starts of one automation that stand in line at most: each is a thread."""
_Place = tuple[int, int, str]
_TURN: Final = "for the end of the run before it"


class Turns:
    """The turns of all automations of one workspace, as this process takes them; used by many threads."""

    def __init__(self, folders: Folders, underway: Register, recorder: Recorder, clock: Clock) -> None:
        self._folders = folders
        self._underway = underway
        self._recorder = recorder
        self._clock = clock
        self._in_line: dict[str, set[_Place]] = {}
        self._unwatched_until = 0

    def nothing_watched_until(self, at: int) -> None:
        """Say that what was due up to `at` (ns) was missed: where every missed start counts, they go in line."""
        self._unwatched_until = max(self._unwatched_until, at)

    def take(
        self,
        manifest: Manifest,
        automation: Automation,
        request: RunRequest,
        lock: FileLock,
        wait: Wait,
        *,
        begun: bool,
    ) -> str:
        """Take the automation's lock as `overlap` says; return why the run may not start, empty once it is held.

        What has begun, and was cut short by the end of its engine, waits for whoever has it meanwhile.
        """
        line = self._in_line.setdefault(f"{request.automation}/{request.lane}", set())
        if begun or request.cause == "backfill":
            self._take_in_turn(line, request, lock, wait)
            return ""
        if self._is_made_up_for(manifest, request):
            if len(line) >= _LONGEST_LINE:
                return f"overlap: {len(line)} missed starts wait already"
            self._take_in_turn(line, request, lock, wait)
            return ""
        give_up = self._clock.elapsed_ns() + int(_LETTING_GO_S * 1e9)
        while not lock.acquire(request.run_id):
            running = lock.holder()
            ended = running in ("", request.run_id) or self._recorder.final(running) is not None
            if not ended or self._clock.elapsed_ns() > give_up:
                return self._admit(automation, request, lock, running, wait)
            # It is about to let go, or the one that has the lock now has not signed yet.
            wait.pause(_LETTING_GO_POLL_S)
        return ""

    def _is_made_up_for(self, manifest: Manifest, request: RunRequest) -> bool:
        """Say whether the start was missed and every missed start counts."""
        due = began_at(request)
        if due is None or not made_up_for(manifest, request.automation):
            return False
        # An engine that was not told (a worker, another orchestrator) goes by how late it is.
        return due <= self._unwatched_until or self._clock.now_ns() - due > PUNCTUAL_NS

    def _take_in_turn(self, line: set[_Place], request: RunRequest, lock: FileLock, wait: Wait) -> None:
        """Wait for the lock, however many starts that are made up for wait too; the earliest goes first."""
        place = self._place(request)
        line.add(place)
        try:
            # A pause before the first try: those that were asked for in the same moment come to stand in line.
            wait.pause(_POLL_S)
            while self._stands_back(request) or min(line.copy()) != place or not lock.acquire(request.run_id):
                wait.pause(_POLL_S)
        finally:
            line.discard(place)

    def _place(self, request: RunRequest) -> _Place:
        """Return what orders a line: when the start was due; of events of one instant, which was recorded first."""
        event_id = event_of(request.cycle)
        event = self._recorder.ledger.get(event_id) if event_id is not None else None
        return (began_at(request) or 0, event.pos if event is not None else 0, request.run_id)

    def _stands_back(self, request: RunRequest) -> bool:
        """Say whether what is made up for lets a start go first that is due now and waits for the same lock."""
        return request.cause == "backfill" and any(
            other.waits == _TURN and other.cause != "backfill" for other in self._underway.living(request.automation)
        )

    def _admit(self, automation: Automation, request: RunRequest, lock: FileLock, running: str, wait: Wait) -> str:
        """Take the lock that `running` holds as `overlap` says; return why not, empty once it is held.

        A backfill in the way is waited for instead: it has time, and what is due must not be lost to it.
        """
        other = self._underway.find(running)
        overlap = "queue" if other is not None and other.cause == "backfill" else automation.overlap
        if overlap == "skip":
            return f"overlap: {running or 'another run'} is not over yet"
        waiting = FileLock(self._folders.runs / automation.name / "queue")
        if not waiting.acquire(request.run_id):
            return f"overlap: {running} is not over yet and {waiting.holder()} already waits"
        self._underway.note(request, _TURN, self._clock.now_ns())
        try:
            if overlap == "cancel" and running:
                self._folders.ask_to_end(automation.name, running)
            while not lock.acquire(request.run_id):
                wait.pause(_POLL_S)
        finally:
            waiting.release()
        return ""
