"""What publishing says. Stream `post/<key>`; alarms of the worker: stream `worker/publishing`."""

from __future__ import annotations

import msgspec

POST_SCHEDULED = "content.post.scheduled"
POST_UNSCHEDULED = "content.post.unscheduled"
POST_PLANNED = "content.post.planned"
POST_SENT = "content.post.sent"
POST_PUBLISHED = "content.post.published"
POST_UNCONFIRMED = "content.post.unconfirmed"
POST_FAILED = "content.post.failed"
POST_WITHDRAWN = "content.post.withdrawn"
POST_DELETED = "content.post.deleted"
POST_OVERDUE = "content.post.overdue"
POST_OVERDUE_ENDED = "content.post.overdue_ended"
WORKER_SILENT = "content.worker.silent"
WORKER_BACK = "content.worker.back"


class PostScheduled(msgspec.Struct, frozen=True, kw_only=True):
    """When a post is to go out; a later one replaces it.

    Attributes:
        wall: the time of day it was planned for, `2026-11-30T09:00`, in `tz`: resolved to an instant late, so that a
            change of the zone's rules moves the instant and not the clock on the wall.
        due_at: that instant as it was resolved now, ns since 1970 UTC.
        how: `person`, `best` (expected highest), `random` (drawn to learn from) or `spread` (not enough data).
        propensity: probability with which this slot was given, 0..1; None where it is not known.
        at_best: it is the slot expected highest, however it was found.
        expected, low, high: engagement at 24 h, as the channel counts it, with a 90% interval; None: not enough data.
        n: posts that this was learned from.
        candidates: slots it was chosen from.
    """

    key: str
    channel: str
    draft: str
    type: str
    wall: str
    tz: str
    due_at: int
    how: str
    at: int
    propensity: float | None = None
    at_best: bool = False
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    candidates: int = 0
    reason: str = ""


class PostUnscheduled(msgspec.Struct, frozen=True, kw_only=True):
    """The post has no time any more."""

    key: str
    channel: str
    draft: str
    reason: str
    at: int


class PostPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """The durable intent: what will be published where, under which key, before the channel is called.

    Attributes:
        content_sha256: of the post as this channel shows it (`Post.content_sha256`).
        draft_sha256: of the file on disk it was made from; empty in events of the first version, whose
            `content_sha256` was that of the file.
        remote_key: the platform's own key, derived before the call; empty where the platform has none.
    """

    key: str
    channel: str
    draft: str
    content_sha256: str
    title: str
    at: int
    draft_sha256: str = ""
    remote_key: str = ""


class PostSent(msgspec.Struct, frozen=True, kw_only=True):
    """The channel was called and may show the post; written before its answer is believed."""

    key: str
    channel: str
    draft: str
    at: int


class PostPublished(msgspec.Struct, frozen=True, kw_only=True):
    """The channel shows the post. `remote_id` is the channel's own name for it, whatever its revision."""

    key: str
    channel: str
    draft: str
    content_sha256: str
    title: str
    url: str
    revision: str
    at: int
    draft_sha256: str = ""
    remote_id: str = ""


class PostEnded(msgspec.Struct, frozen=True, kw_only=True):
    """`unconfirmed` (may be out: look it up before anything else) or `failed` (certainly not out).

    Attributes:
        cause: `unavailable` (tried again by itself), `rejected` or `misconfigured` (not before the draft or the
            settings change, or a person asks), `unknown` (looked up first), `dropped` (we gave it up); empty in events
            of the first version.
        attempt: how many in a row ended like this, this one included.
        retry_at: ns since 1970 UTC before which nobody tries again by itself.
        draft_sha256, settings_sha256: of what it was tried with.
    """

    key: str
    channel: str
    draft: str
    reason: str
    at: int
    cause: str = ""
    attempt: int = 0
    retry_at: int | None = None
    draft_sha256: str = ""
    settings_sha256: str = ""


class PostWithdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody decided that the channel is to show the post no more: the durable intent of a deletion."""

    key: str
    channel: str
    draft: str
    reason: str
    at: int


class PostDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """The channel shows nothing under this key any more, because we took it away or found it gone."""

    key: str
    channel: str
    draft: str
    reason: str
    at: int


class PostOverdue(msgspec.Struct, frozen=True, kw_only=True):
    """A post should be out since `due_at` and is not, within a minute of it. Said once per due instant."""

    key: str
    channel: str
    draft: str
    due_at: int
    reason: str
    at: int


class PostOverdueEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A post that was overdue is not to go out now any more: moved, called back, or its draft is gone."""

    key: str
    channel: str
    draft: str
    reason: str
    at: int


class WorkerSeen(msgspec.Struct, frozen=True, kw_only=True):
    """`silent`: nobody has published for longer than allowed while posts wait; `back`: somebody does again."""

    last_seen_at: int | None
    waiting: int
    reason: str
    at: int
