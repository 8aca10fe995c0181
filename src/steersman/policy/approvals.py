"""What waits for a person, whichever part of the desk asks: the request, the answer, and what nobody answered.

A request is the first event of its stream, its end the second, and there is no third: the first answer stands.
"""

from __future__ import annotations

import msgspec

from steersman.kernel.errors import Conflict, Rejected
from steersman.ledger import Event, Ledger, new_event

HOLD_REQUESTED = "approval.requested"
APPROVAL_GRANTED = "approval.granted"
APPROVAL_DENIED = "approval.denied"
APPROVAL_EXPIRED = "approval.expired"
RUN = "run"
"""Kind of a request about a run of an automation; `trade` is the kind of a verdict `hold`."""
REVIEW = "review"
"""Kind of a request to read a draft. It never expires, and its answer ends a round of review in the same append."""
NEVER = 2**63 - 1
"""`expires_at` of a request that waits until somebody answers."""


class ApprovalRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Waits in the inbox until a person answers or it expires.

    `kind` is trade, run or review, `subject` what it is about.
    """

    approval_id: str
    kind: str
    subject: str
    what: str
    why: str
    expires_at: int
    at: int


class ApprovalAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """A person (`by`) granted or denied it, by the event's type; the second event of its stream: the first answer wins.

    `at` is ns since 1970 UTC on the wall clock. What a grant leads to is judged again when it is acted on.
    """

    approval_id: str
    by: str
    reason: str
    at: int


class ApprovalExpired(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody answered in time (`at` is the desk's time): nothing was sent, nothing will be."""

    approval_id: str
    at: int


def approval_stream(approval_id: str) -> str:
    """Return the stream of a request."""
    # Requests about trades were named before there were others: theirs leave the kind out.
    return f"approval/{approval_id.removeprefix('trade/')}"


def answer(ledger: Ledger, approval_id: str, *, grant: bool, by: str, reason: str, now_ns: int) -> Event | None:
    """Record a person's answer; return the event. The first answer stands.

    Raises:
        Rejected: no such request, it expired, or it was answered before; says what is the case.
    """
    if not by.startswith("person:"):
        raise Rejected(f"only a person answers a hold, not {by}", fix="answer it yourself")
    stream = approval_stream(approval_id)
    said = list(ledger.read(stream=stream))
    if not said:
        raise Rejected(f"there is no hold {approval_id!r}", fix="`steersman inbox list` names those that wait")
    if len(said) > 1:
        raise Rejected(f"{approval_id} {_answered(said[1])}", fix="`steersman inbox list` names those that wait")
    event = new_event(
        APPROVAL_GRANTED if grant else APPROVAL_DENIED,
        stream=stream,
        data=ApprovalAnswered(approval_id=approval_id, by=by, reason=reason, at=now_ns),
        actor=by,
        now_ns=now_ns,
        cause=said[0],
    )
    try:
        ledger.append([event], expect=1)
    except Conflict:
        return answer(ledger, approval_id, grant=grant, by=by, reason=reason, now_ns=now_ns)
    return ledger.get(event.id)


def _answered(event: Event) -> str:
    if event.type == APPROVAL_EXPIRED:
        return "expired unanswered; nothing was sent"
    found = msgspec.json.decode(event.data, type=ApprovalAnswered)
    return f"was {'granted' if event.type == APPROVAL_GRANTED else 'denied'} by {found.by} before"
