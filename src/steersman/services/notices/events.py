"""What telling says into the ledger. Stream: `notify/<target>`. Never an address, never what was told in full."""

from __future__ import annotations

from typing import Final

import msgspec

NOTICE_SENT: Final = "services.notice.sent"
NOTICE_FAILED: Final = "services.notice.failed"
HEARTBEAT_FAILED: Final = "services.heartbeat.failed"
HEARTBEAT_RECOVERED: Final = "services.heartbeat.recovered"
OWN: Final = ("services.notice.", "services.heartbeat.")
"""What no rule ever reads: telling about telling would not end."""


def stream(target: str) -> str:
    """Return the stream of a target."""
    return f"notify/{target}"


class NoticeSent(msgspec.Struct, frozen=True, kw_only=True):
    """A target took a message.

    Attributes:
        keys: what it was about, as `rule/subject`; the first ten.
        covers: how many happenings it stands for.
        answer: what the other side said, in our words.
        through: every event up to this position that concerns the target was told, or waits.
    """

    target: str
    notice_id: str
    kind: str
    severity: str
    keys: tuple[str, ...]
    covers: int
    attempt: int
    answer: str
    late_s: float
    through: int
    at: int


class NoticeFailed(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt failed. `unknown`: it may have arrived. `retry_at` ns, None: given up."""

    target: str
    notice_id: str
    severity: str
    keys: tuple[str, ...]
    attempt: int
    problem: str
    unknown: bool
    retry_at: int | None
    through: int
    at: int


class HeartbeatSaid(msgspec.Struct, frozen=True, kw_only=True):
    """The heartbeat's address cannot be reached any more (`problem` says why), or again, by the event's type."""

    target: str
    problem: str
    at: int
