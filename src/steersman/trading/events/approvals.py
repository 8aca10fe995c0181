"""A decision that waits for a person, and the answer."""

from __future__ import annotations

import msgspec

HOLD_REQUESTED = "approval.requested"
APPROVAL_GRANTED = "approval.granted"
APPROVAL_DENIED = "approval.denied"
APPROVAL_EXPIRED = "approval.expired"


def trade_approval(signal_id: str) -> str:
    """Return the id of the hold on a signal; its stream is `approval/<signal_id>`."""
    return f"trade/{signal_id}"


class ApprovalRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict `hold`: waits in the inbox until a person answers or it expires."""

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
