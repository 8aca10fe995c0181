"""One post's stream, folded: what was planned, what is out, and whether the two may differ."""

from __future__ import annotations

import msgspec

from steersman.content.events.publishing import (
    POST_FAILED,
    POST_PLANNED,
    POST_PUBLISHED,
    POST_UNCONFIRMED,
    PostEnded,
    PostPlanned,
    PostPublished,
)
from steersman.content.ports import Publication
from steersman.kernel.clock import Clock
from steersman.ledger import Event, Ledger, NewEvent, new_event


class PostState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a post stands.

    Attributes:
        version: of its stream; what the next append must expect.
        first_planned_at: ns since 1970 UTC; the date the post shows for ever.
        planned: the last plan.
        is_open: that plan has no outcome, or an unconfirmed one: the channel may show it.
        published: the last revision known to be out.
        last: the last event, which caused the next one.
    """

    version: int = 0
    first_planned_at: int | None = None
    planned: PostPlanned | None = None
    is_open: bool = False
    published: PostPublished | None = None
    last: Event | None = None


class Outbox:
    """The durable intent before each call to a channel, and what came of it."""

    def __init__(self, ledger: Ledger, clock: Clock, *, actor: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self._actor = actor

    def state(self, key: str) -> PostState:
        """Fold the stream of the post `key`."""
        state = PostState()
        for event in self._ledger.read(stream=f"post/{key}"):
            state = _step(state, event)
        return state

    def plan(self, state: PostState, *, key: str, channel: str, draft: str, sha256: str, title: str) -> PostPlanned:
        """Make the intent durable.

        Raises:
            Conflict: another process said something about this post since `state` was read.
        """
        plan = PostPlanned(
            key=key, channel=channel, draft=draft, content_sha256=sha256, title=title, at=self._clock.now_ns()
        )
        self._append(state, POST_PLANNED, key, plan)
        return plan

    def confirm(self, state: PostState, plan: PostPlanned, publication: Publication) -> None:
        """Record that the channel shows what was planned.

        Raises:
            Conflict: as `plan`.
        """
        published = PostPublished(
            key=plan.key,
            channel=plan.channel,
            draft=plan.draft,
            content_sha256=plan.content_sha256,
            title=plan.title,
            url=publication.url,
            revision=publication.revision,
            at=self._clock.now_ns(),
        )
        self._append(state, POST_PUBLISHED, plan.key, published)

    def end(self, state: PostState, plan: PostPlanned, kind: str, reason: str) -> None:
        """Record that it failed (certainly not out) or is unconfirmed (may be out).

        Raises:
            Conflict: as `plan`.
        """
        ended = PostEnded(key=plan.key, channel=plan.channel, draft=plan.draft, reason=reason, at=self._clock.now_ns())
        self._append(state, kind, plan.key, ended)

    def _append(self, state: PostState, kind: str, key: str, data: PostPlanned | PostPublished | PostEnded) -> None:
        event: NewEvent = new_event(
            kind, stream=f"post/{key}", data=data, actor=self._actor, now_ns=data.at, cause=state.last
        )
        self._ledger.append([event], expect=state.version)


def _step(state: PostState, event: Event) -> PostState:
    changes: dict[str, object] = {"version": event.version, "last": event}
    if event.type == POST_PLANNED:
        plan = msgspec.json.decode(event.data, type=PostPlanned)
        first = plan.at if state.first_planned_at is None else state.first_planned_at
        changes |= {"planned": plan, "is_open": True, "first_planned_at": first}
    elif event.type == POST_PUBLISHED:
        changes |= {"published": msgspec.json.decode(event.data, type=PostPublished), "is_open": False}
    elif event.type in (POST_FAILED, POST_UNCONFIRMED):
        changes |= {"is_open": event.type == POST_UNCONFIRMED}
    return msgspec.structs.replace(state, **changes)
