"""Where an earlier life of the trader stopped, read from its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from steersman.ledger import Event
from steersman.trading import events as e


class _Mark(msgspec.Struct):
    session: bool = True


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of earlier lives.

    Attributes:
        until: the last instant (ns) whose session was completed; -1: none.
        resumed_after: how many sessions were completed.
        starts: how often the feed was started before.
        finished: how the feed ended, if it did.
    """

    until: int
    resumed_after: int
    starts: int
    finished: e.FeedFinished | None


def restore(recorded: Mapping[int, Sequence[Event]], feed: str) -> Restored:
    """Return where `feed` stands: a session is complete once its account was marked, its last event."""
    until, done, starts = -1, 0, 0
    finished = None
    for at, events in recorded.items():
        for event in events:
            if event.type == e.ACCOUNT_MARKED and msgspec.json.decode(event.data, type=_Mark).session:
                until, done = max(until, at), done + 1
            elif event.type == e.FEED_STARTED:
                starts += msgspec.json.decode(event.data, type=e.FeedStarted).feed == feed
            elif event.type == e.FEED_FINISHED:
                ended = msgspec.json.decode(event.data, type=e.FeedFinished)
                finished = ended if ended.feed == feed else finished
    return Restored(until=until, resumed_after=done, starts=starts, finished=finished)
