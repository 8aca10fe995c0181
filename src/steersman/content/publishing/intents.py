"""What would be done with a draft on a channel, and what came of it: the words of the command line and the worker."""

from __future__ import annotations

from typing import Final

import msgspec

from steersman.content.model.draft import Draft

DOES: Final = ("publish", "update", "confirm", "delete")
"""Actions that change something: a first revision, a further one, a look whether a plan went through, a removal."""
TROUBLES: Final = ("failed", "unconfirmed")
STOPPED: Final = ("blocked", "refused", "taken")


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done with one draft on one channel, and why.

    Attributes:
        action: publish, update, confirm, delete; or nothing is done: unchanged, blocked, refused, waits, taken,
            failed (and not tried again yet), deleted (and not to go out again by itself).
        key: empty if the draft could not be read.
        due_at: ns since 1970 UTC from which on it should be out; None: nothing is late.
        is_ready: the author said that it may go out.
        draft_sha256: of the file this was decided on.
        needs_slot: it may go out, and has neither a date of its own nor a slot.
    """

    draft: str
    channel: str
    action: str
    reason: str
    title: str = ""
    key: str = ""
    words: int = 0
    due_at: int | None = None
    is_ready: bool = True
    draft_sha256: str = ""
    needs_slot: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an intent: published, updated, deleted, failed, unconfirmed, or the action of the intent.

    Attributes:
        retry_at: ns since 1970 UTC from which on it is tried again by itself; None: not, or at the next occasion.
    """

    draft: str
    channel: str
    outcome: str
    reason: str
    title: str = ""
    key: str = ""
    url: str = ""
    revision: str = ""
    due_at: int | None = None
    is_ready: bool = True
    retry_at: int | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether a channel did not do what was asked."""
        return self.outcome in TROUBLES


def intent(
    draft: Draft, channel: str, action: str, reason: str, *, due_at: int | None = None, needs_slot: bool = False
) -> Intent:
    """Return what would be done with a draft that was read."""
    return Intent(
        draft=draft.name,
        channel=channel,
        action=action,
        reason=reason,
        title=draft.title,
        key=f"{channel}/{draft.slug}",
        words=draft.words,
        due_at=due_at,
        is_ready=draft.status == "ready",
        draft_sha256=draft.sha256,
        needs_slot=needs_slot,
    )


def outcome(
    of: Intent, outcome: str, reason: str, *, url: str = "", revision: str = "", retry_at: int | None = None
) -> Outcome:
    """Return what came of an intent."""
    return Outcome(
        draft=of.draft,
        channel=of.channel,
        outcome=outcome,
        reason=reason,
        title=of.title,
        key=of.key,
        url=url,
        revision=revision,
        due_at=of.due_at,
        is_ready=of.is_ready,
        retry_at=retry_at,
    )
