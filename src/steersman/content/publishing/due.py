"""When a post may go out: its slot, its date, its embargo; wall time becomes an instant as late as possible."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import msgspec

from steersman.content.events.publishing import PostScheduled
from steersman.content.model.draft import Draft
from steersman.content.model.walltime import instant_again, resolve
from steersman.kernel.clock import to_ns


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a post may go out.

    Attributes:
        at: ns since 1970 UTC; None: as soon as it is ready.
        embargo_at: before this instant nobody can let it out, not even by naming it; None: no embargo.
        why: `scheduled`, `date`, `embargo`, or empty.
    """

    at: int | None = None
    embargo_at: int | None = None
    why: str = ""


def due(draft: Draft, scheduled: PostScheduled | None, tz: ZoneInfo) -> Due:
    """Say when `draft` is due: the slot it was given, else its date; an embargo moves both.

    Args:
        scheduled: the latest slot; None if it has none.
        tz: in which the draft's own times are meant.
    """
    at, why = (slot_ns(scheduled), "scheduled") if scheduled is not None else (instant_ns(draft.date, tz), "date")
    embargo_at = instant_ns(draft.embargo, tz)
    if embargo_at is not None and (at is None or embargo_at > at):
        at, why = embargo_at, "embargo"
    return Due(at=at, embargo_at=embargo_at, why=why if at is not None else "")


def instant_ns(when: datetime | date | None, tz: ZoneInfo) -> int | None:
    """Return the instant of a day (its midnight), or of a time; naive ones are of the clock on the wall in `tz`."""
    if when is None:
        return None
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    return to_ns(when) if when.tzinfo is not None else resolve(when, tz).at


def slot_ns(slot: PostScheduled) -> int:
    """Return the instant of a slot by the rules its zone has now; or as it was resolved where that fails."""
    return instant_again(slot.wall, slot.tz, slot.due_at)
