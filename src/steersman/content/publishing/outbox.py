"""One post's stream, folded: what was planned, what is out, and whether the two may differ."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from steersman.content.events.publishing import (
    POST_DELETED,
    POST_FAILED,
    POST_OVERDUE,
    POST_OVERDUE_ENDED,
    POST_PLANNED,
    POST_PUBLISHED,
    POST_SCHEDULED,
    POST_SENT,
    POST_UNCONFIRMED,
    POST_UNSCHEDULED,
    POST_WITHDRAWN,
    PostDeleted,
    PostEnded,
    PostOverdue,
    PostOverdueEnded,
    PostPlanned,
    PostPublished,
    PostScheduled,
    PostSent,
    PostUnscheduled,
    PostWithdrawn,
)
from steersman.content.ports import Publication
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict
from steersman.ledger import Event, Ledger, NewEvent, new_event

_TRIES: Final = 5
_BYSTANDERS: Final = (POST_SCHEDULED, POST_UNSCHEDULED, POST_OVERDUE, POST_OVERDUE_ENDED)
"""What others may say about a post while it is on its way, without changing what becomes of it."""


class PostState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a post stands.

    Attributes:
        version: of its stream; what the next append must expect.
        first_planned_at: ns since 1970 UTC; the date the post shows for ever.
        remote_key: the platform's own key as it was stored with the first plan that had one.
        planned: the last plan.
        is_open: that plan has no outcome, or an unconfirmed one.
        sent_at: when the channel was last called for that plan; None: it certainly was not.
        published: the last revision known to be out; None again once it was deleted.
        failed: how the last plan failed, or is in doubt; None once something went out.
        scheduled: the slot it has.
        withdrawn: it is to be taken away, and may still be there.
        deleted: it was taken away, and nothing went out since.
        trying_since: first plan since something last went out; None: nothing is on its way.
        overdue_at: the due instant for which the alarm was last given.
        step: version of the last event that is not a bystander's.
        last: the last event, which caused the next one.
    """

    version: int = 0
    first_planned_at: int | None = None
    remote_key: str = ""
    planned: PostPlanned | None = None
    is_open: bool = False
    sent_at: int | None = None
    published: PostPublished | None = None
    failed: PostEnded | None = None
    scheduled: PostScheduled | None = None
    withdrawn: PostWithdrawn | None = None
    deleted: PostDeleted | None = None
    trying_since: int | None = None
    overdue_at: int | None = None
    step: int = 0
    last: Event | None = None

    @property
    def may_be_out(self) -> bool:
        """Whether the channel may show what was planned: it was called, or (first version) nobody wrote that down."""
        return self.is_open and self.planned is not None and (self.sent_at is not None or not self.planned.draft_sha256)

    @property
    def was_ever_called(self) -> bool:
        """Whether the channel may show anything at all under this key."""
        return self.published is not None or self.may_be_out


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

    def plan(self, state: PostState, plan: PostPlanned) -> None:
        """Make the intent durable.

        Raises:
            Conflict: another process said something about this post since `state` was read.
        """
        self._append(state, POST_PLANNED, plan)

    def send(self, state: PostState, plan: PostPlanned) -> None:
        """Record that the channel is about to be called.

        Raises:
            Conflict: as `plan`.
        """
        sent = PostSent(key=plan.key, channel=plan.channel, draft=plan.draft, at=self._clock.now_ns())
        self._append(state, POST_SENT, sent)

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
            draft_sha256=plan.draft_sha256,
            remote_id=publication.remote_id,
        )
        self._append(state, POST_PUBLISHED, published)

    def end(self, state: PostState, ended: PostEnded) -> None:
        """Record that it failed (certainly not out), or with the cause `unknown` that it may be out.

        Raises:
            Conflict: as `plan`.
        """
        self._append(state, POST_UNCONFIRMED if ended.cause == "unknown" else POST_FAILED, ended)

    def withdraw(self, state: PostState, withdrawn: PostWithdrawn) -> None:
        """Record that the post is to be taken away.

        Raises:
            Conflict: as `plan`.
        """
        self._append(state, POST_WITHDRAWN, withdrawn)

    def delete(self, state: PostState, deleted: PostDeleted) -> None:
        """Record that the channel shows the post no more.

        Raises:
            Conflict: as `plan`.
        """
        self._append(state, POST_DELETED, deleted)

    def alarm(self, state: PostState, overdue: PostOverdue) -> None:
        """Record that a post is overdue.

        Raises:
            Conflict: as `plan`.
        """
        self._append(state, POST_OVERDUE, overdue)

    def end_alarm(self, state: PostState, ended: PostOverdueEnded) -> None:
        """Record that a post is not overdue any more without having gone out.

        Raises:
            Conflict: as `plan`.
        """
        self._append(state, POST_OVERDUE_ENDED, ended)

    def _append(self, state: PostState, kind: str, data: Any) -> None:
        """Append, whatever bystanders said meanwhile: a slot or an alarm changes nothing about a post on its way."""
        for attempt in range(_TRIES):
            event: NewEvent = new_event(
                kind, stream=f"post/{data.key}", data=data, actor=self._actor, now_ns=data.at, cause=state.last
            )
            try:
                self._ledger.append([event], expect=state.version)
            except Conflict:
                now = self.state(data.key)
                if now.step != state.step or attempt == _TRIES - 1:
                    raise
                state = now
            else:
                return


def _step(state: PostState, event: Event) -> PostState:
    changes: dict[str, object] = {"version": event.version, "last": event}
    if event.type not in _BYSTANDERS:
        changes["step"] = event.version
    if event.type in _FOLDS:
        type_, fold = _FOLDS[event.type]
        changes |= fold(state, msgspec.json.decode(event.data, type=type_))
    return msgspec.structs.replace(state, **changes)


def _planned(state: PostState, plan: PostPlanned) -> dict[str, object]:
    return {
        "planned": plan,
        "is_open": True,
        "sent_at": None,
        "withdrawn": None,
        "trying_since": state.trying_since or plan.at,
        "first_planned_at": plan.at if state.first_planned_at is None else state.first_planned_at,
        "remote_key": state.remote_key or plan.remote_key,
    }


def _published(state: PostState, published: PostPublished) -> dict[str, object]:
    return {
        "published": published,
        "is_open": False,
        "failed": None,
        "deleted": None,
        "trying_since": None,
        "overdue_at": None,
    }


def _deleted(state: PostState, deleted: PostDeleted) -> dict[str, object]:
    return {
        "published": None,
        "is_open": False,
        "failed": None,
        "withdrawn": None,
        "deleted": deleted,
        "trying_since": None,
    }


def _failed(state: PostState, ended: PostEnded) -> dict[str, object]:
    given_up = {"trying_since": None} if ended.cause == "dropped" else {}
    return {"is_open": False, "failed": ended, **given_up}


_FOLDS: Final[dict[str, tuple[Any, Any]]] = {
    POST_PLANNED: (PostPlanned, _planned),
    POST_SENT: (PostSent, lambda _, sent: {"sent_at": sent.at}),
    POST_PUBLISHED: (PostPublished, _published),
    POST_FAILED: (PostEnded, _failed),
    POST_UNCONFIRMED: (PostEnded, lambda _, ended: {"is_open": True, "failed": ended}),
    POST_WITHDRAWN: (PostWithdrawn, lambda _, withdrawn: {"withdrawn": withdrawn}),
    POST_DELETED: (PostDeleted, _deleted),
    POST_SCHEDULED: (PostScheduled, lambda _, scheduled: {"scheduled": scheduled}),
    POST_UNSCHEDULED: (PostUnscheduled, lambda *_: {"scheduled": None}),
    POST_OVERDUE_ENDED: (PostOverdueEnded, lambda *_: {"overdue_at": None}),
    POST_OVERDUE: (PostOverdue, lambda _, overdue: {"overdue_at": overdue.due_at}),
}
