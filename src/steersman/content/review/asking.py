"""A round of review as it stands in the one inbox, beside trades and runs."""

from __future__ import annotations

from steersman.content.events.review import ReviewRequested
from steersman.kernel.ids import stable_uuid
from steersman.ledger import NewEvent, new_event
from steersman.policy.approvals import (
    APPROVAL_DENIED,
    APPROVAL_EXPIRED,
    APPROVAL_GRANTED,
    HOLD_REQUESTED,
    NEVER,
    REVIEW,
    ApprovalAnswered,
    ApprovalExpired,
    ApprovalRequested,
    approval_stream,
)


def review_approval(draft: str, round_: int) -> str:
    """Return the id under which a round stands in the inbox, e.g. `review/content/one.md/2`."""
    return f"{REVIEW}/{draft}/{round_}"


def draft_of(approval_id: str) -> tuple[str, int] | None:
    """Return draft and round of an inbox id; None if it is about something else."""
    kind, _, rest = approval_id.partition("/")
    draft, _, round_ = rest.rpartition("/")
    return (draft, int(round_)) if kind == REVIEW and draft and round_.isascii() and round_.isdecimal() else None


def asked(request: ReviewRequested, *, title: str, actor: str, cause: NewEvent) -> NewEvent:
    """Return the event that puts a round into the inbox. The title is public as soon as the piece is; no text is."""
    approval_id = review_approval(request.draft, request.round)
    total = request.gates + request.warnings + request.infos
    open_ = f"the first pass left {total or 'nothing'} open" + (
        f" ({request.gates} {'gate' if request.gates == 1 else 'gates'})" if request.gates else ""
    )
    data = ApprovalRequested(
        approval_id=approval_id,
        kind=REVIEW,
        subject=request.draft,
        # A title can hold what turns an inbox around; the piece itself shows it in full.
        what="read " + "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in title),
        why=f"round {request.round} of {request.draft}; {open_}",
        expires_at=NEVER,
        at=request.at,
    )
    return new_event(
        HOLD_REQUESTED,
        stream=approval_stream(approval_id),
        data=data,
        actor=actor,
        now_ns=request.at,
        id=stable_uuid("content.review.asked", approval_id),
        cause=cause,
    )


def answered(draft: str, round_: int, outcome: str, *, by: str, at: int, cause: NewEvent) -> NewEvent:
    """Return the event that takes a round out of the inbox; a reason in words would be private, so it gives none."""
    approval_id = review_approval(draft, round_)
    kind = {"approved": APPROVAL_GRANTED, "returned": APPROVAL_DENIED}.get(outcome, APPROVAL_EXPIRED)
    data: ApprovalAnswered | ApprovalExpired = (
        ApprovalExpired(approval_id=approval_id, at=at)
        if kind == APPROVAL_EXPIRED
        else ApprovalAnswered(approval_id=approval_id, by=by, reason="", at=at)
    )
    return new_event(
        kind,
        stream=approval_stream(approval_id),
        data=data,
        actor=by,
        now_ns=at,
        id=stable_uuid("content.review.answered", approval_id),
        cause=cause,
    )
