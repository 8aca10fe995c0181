"""What content needs from elsewhere: engines that read drafts, channels that show posts."""

from __future__ import annotations

from typing import Protocol

import msgspec

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found


class Checker(Protocol):
    """An engine that reads a draft and says what it objects to. Which finding stops a post is not its business."""

    name: str

    def check(self, draft: Draft) -> list[Found]:
        """Return findings with offsets in `draft.masked.source`; none may touch what the mask covers by accident."""
        ...


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out. The same `key` is the same post for ever; another `content_sha256` is its next revision.

    Attributes:
        key: `<channel>/<slug>`, stored in the ledger before the channel is called.
        slug: small letters, digits and single dashes: safe as a file name.
        body: Markdown.
        published_at: ns since 1970 UTC of the first plan; stays for every revision.
        updated_at: of this revision.
    """

    key: str
    slug: str
    title: str
    summary: str
    tags: tuple[str, ...]
    body: str
    content_sha256: str
    published_at: int
    updated_at: int


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A post as the channel shows it; `revision` is the channel's own name for this version."""

    key: str
    url: str
    revision: str
    content_sha256: str


class Channel(Protocol):
    """Where posts go. Every adapter must pass tests/contracts/test_channel.py."""

    def lookup(self, key: str) -> Publication | None:
        """Return what the channel shows under `key`, None if nothing, or nothing complete.

        Raises:
            Unavailable: it cannot be asked now.
        """
        ...

    def publish(self, post: Post) -> Publication:
        """Show `post` under its key; what it showed under that key before is replaced, never joined by a second post.

        Doing the same again changes nothing and returns the same publication. A crash half-way leaves a channel on
        which `publish(post)` can be called again.

        Raises:
            OutcomeUnknown: it may be out.
            Unavailable: it is not out, and may be tried again.
            Rejected: the channel will not take this post.
            Misconfigured: the channel cannot take any post.
        """
        ...
