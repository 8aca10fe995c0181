"""A run that a person must approve: asked once in the inbox, answered there, never started without."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from steersman.automation.model.manifest import Automation
from steersman.automation.model.outcome import RunRequest
from steersman.kernel.clock import Clock
from steersman.kernel.durations import spoken
from steersman.kernel.errors import Conflict, Unavailable
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Event, Ledger, NewEvent, new_event
from steersman.policy.approvals import (
    APPROVAL_EXPIRED,
    APPROVAL_GRANTED,
    HOLD_REQUESTED,
    RUN,
    ApprovalAnswered,
    ApprovalExpired,
    ApprovalRequested,
    approval_stream,
)


def run_approval(run_id: str) -> str:
    """Return the id under which a run stands in the inbox."""
    return f"{RUN}/{run_id}"


class Approvals:
    """Asks for approvals of runs and reads the answers."""

    def __init__(self, ledger: Ledger, clock: Clock, *, actor: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._actor = actor

    def answer(self, automation: Automation, request: RunRequest) -> str | None:
        """Ask, if nobody has for this run; return "" once granted, why not once denied or expired, None while open.

        A ledger that cannot be written to just now leaves it open.
        """
        stream = approval_stream(run_approval(request.run_id))
        said = list(self._ledger.read(stream=stream))
        with suppress(Unavailable):
            if not said:
                self._ask(automation, request, stream)
            elif len(said) == 1:
                return self._expired(automation, request, said[0], stream)
        return _words(said[1], automation, asked=said[0]) if len(said) > 1 else None

    def _ask(self, automation: Automation, request: RunRequest, stream: str) -> None:
        now = self._clock.now_ns()
        approval_id = run_approval(request.run_id)
        given = ", ".join(f"{name}={value}" for name, value in request.params.items())
        asked = ApprovalRequested(
            approval_id=approval_id,
            kind=RUN,
            subject=request.run_id,
            what=f"run {automation.name}" + (f" with {given}" if given else "") + f": {automation.run}",
            why=f"approve = true in [automation.{automation.name}]; started by {request.cause}",
            expires_at=now + int(automation.approve_within_s * 1e9),
            at=now,
        )
        event = new_event(
            HOLD_REQUESTED,
            stream=stream,
            data=asked,
            actor=self._actor,
            now_ns=now,
            id=stable_uuid("automation.approval", request.run_id),
        )
        self._ledger.append([event])

    def _expired(self, automation: Automation, request: RunRequest, asked: Event, stream: str) -> str | None:
        """End a request whose time is over, unless a person was faster."""
        if self._clock.now_ns() <= msgspec.json.decode(asked.data, type=ApprovalRequested).expires_at:
            return None
        event = self._end(request, asked, stream)
        # If there is none, it was answered a moment ago: read at the next look.
        return None if event is None else _words(event, automation, asked=asked)

    def withdraw(self, request: RunRequest) -> None:
        """End the request for a run that does not happen: nobody is asked about it any more.

        Raises:
            Unavailable: the ledger does not take it.
        """
        stream = approval_stream(run_approval(request.run_id))
        said = list(self._ledger.read(stream=stream))
        if len(said) == 1:
            self._end(request, said[0], stream)

    def _end(self, request: RunRequest, asked: Event, stream: str) -> NewEvent | None:
        now = self._clock.now_ns()
        data = ApprovalExpired(approval_id=run_approval(request.run_id), at=now)
        event = new_event(APPROVAL_EXPIRED, stream=stream, data=data, actor=self._actor, now_ns=now, cause=asked)
        try:
            self._ledger.append([event], expect=1)
        except Conflict:
            return None
        return event


def _words(end: Event | NewEvent, automation: Automation, *, asked: Event) -> str:
    within = spoken(automation.approve_within_s)
    if end.type == APPROVAL_EXPIRED:
        return f"nobody approved it within {within}"
    answered = msgspec.json.decode(end.data, type=ApprovalAnswered)
    if end.type == APPROVAL_GRANTED:
        # Nobody ends a request while the engine is down: the answer may come long after what it was about.
        late = answered.at > msgspec.json.decode(asked.data, type=ApprovalRequested).expires_at
        return f"{answered.by} approved it, but not within {within}" if late else ""
    return f"denied by {answered.by}" + (f": {answered.reason}" if answered.reason else "")
