"""What stands in the calendar: every post that has a time or is out, followed as the ledger grows."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from steersman.content.events.publishing import (
    POST_DELETED,
    POST_PUBLISHED,
    POST_SCHEDULED,
    POST_UNSCHEDULED,
    PostDeleted,
    PostPublished,
    PostScheduled,
    PostUnscheduled,
)
from steersman.ledger import Ledger

_DATA: Final[dict[str, type[Any]]] = {
    POST_SCHEDULED: PostScheduled,
    POST_UNSCHEDULED: PostUnscheduled,
    POST_PUBLISHED: PostPublished,
    POST_DELETED: PostDeleted,
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A post in the calendar.

    Attributes:
        scheduled: the slot it has, or went out in; None: nobody gave it one.
        published_at: of its first revision, ns since 1970 UTC; None: it is not out.
    """

    key: str
    channel: str
    draft: str
    title: str = ""
    url: str = ""
    scheduled: PostScheduled | None = None
    published_at: int | None = None


class Standing:
    """Follows the ledger; posts that were taken away are not in it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read = 0
        self._entries: dict[str, Entry] = {}

    def entries(self, channel: str = "") -> list[Entry]:
        """Return what stands on a channel, or on all, by key."""
        self._follow()
        return [entry for _, entry in sorted(self._entries.items()) if channel in ("", entry.channel)]

    def get(self, key: str) -> Entry | None:
        """Return the entry of a post; None: it has no time and is not out."""
        self._follow()
        return self._entries.get(key)

    def _follow(self) -> None:
        for event in self._ledger.read(after=self._read, types=tuple(_DATA)):
            self._read = event.pos
            said = msgspec.json.decode(event.data, type=_DATA[event.type])
            before = self._entries.get(said.key) or Entry(key=said.key, channel=said.channel, draft=said.draft)
            changes: dict[str, object] = {"draft": said.draft}
            if isinstance(said, PostScheduled):
                changes["scheduled"] = said
            elif isinstance(said, PostUnscheduled):
                changes["scheduled"] = None
            elif isinstance(said, PostPublished):
                first = said.at if before.published_at is None else before.published_at
                changes |= {"published_at": first, "title": said.title, "url": said.url}
            else:
                changes |= {"published_at": None, "scheduled": None}
            entry = msgspec.structs.replace(before, **changes)
            if entry.scheduled is None and entry.published_at is None:
                self._entries.pop(said.key, None)
            else:
                self._entries[said.key] = entry
