"""What content needs from elsewhere: engines that read drafts, channels that show posts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from steersman.content.model.draft import Draft
from steersman.content.model.finding import Found


class Checker(Protocol):
    """An engine that reads a draft and says what it objects to. Which finding stops a post is not its business."""

    name: str

    def check(self, draft: Draft) -> list[Found]:
        """Return findings with offsets in `draft.masked.source`; none may touch what the mask covers by accident."""
        ...


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes out with a post.

    Attributes:
        name: as the body refers to it, e.g. `images/curve.png`.
        path: absolute, of the copy that was made when the post was planned: it does not change under the channel.
        alt: what it says to those who cannot see it; never empty.
    """

    name: str
    path: str
    alt: str
    mime: str
    sha256: str
    size_bytes: int


class TextLink(msgspec.Struct, frozen=True, kw_only=True):
    """An address in `Post.text`: code points `start` up to but without `end`."""

    start: int
    end: int
    url: str


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out on one channel: the variant made for it. The same `key` is the same post for ever.

    It is stored whole before the channel is called, so that a look-up after a crash compares what was meant, not what
    the draft says by then.

    Attributes:
        key: `<channel>/<slug>`, stored in the ledger before the channel is called.
        remote_key: what `Channel.remote_key` gave for it when it was first planned; stays for every revision.
        slug: small letters, digits and single dashes: safe as a file name.
        type: the draft's content type.
        body: Markdown; empty on channels that show `text`.
        text: plain text within the channel's limits; empty on channels that show `body`.
        links: the addresses in `text`.
        link: the canonical address of the whole piece elsewhere; empty if there is none.
        language: BCP 47, e.g. "en".
        content_sha256: of everything above that is shown; another one is the next revision.
        published_at: ns since 1970 UTC of the first plan; stays for every revision.
        updated_at: of this revision.
        remote_id: the channel's own name for it, once it is known (an update); empty before.
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
    remote_key: str = ""
    type: str = "post"
    text: str = ""
    links: tuple[TextLink, ...] = ()
    link: str = ""
    language: str = "en"
    media: tuple[Media, ...] = ()
    remote_id: str = ""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """A post as the channel shows it.

    Attributes:
        revision: the channel's own name for this version.
        content_sha256: `Post.content_sha256` if it shows exactly that post, empty if it shows something else there.
        remote_id: the channel's own name for the post, whatever its revision; what `delete` and `engagement` need.
    """

    key: str
    url: str
    revision: str
    content_sha256: str
    remote_id: str = ""


class Engagement(msgspec.Struct, frozen=True, kw_only=True):
    """What readers did with a post so far, by the channel's own names (likes, reposts, replies, comments, views...)."""

    counts: Mapping[str, int]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel can show; what a variant is made for.

    Attributes:
        shows: `body` (the whole piece, as Markdown or what the channel makes of it) or `text` (short plain text).
        max_graphemes: of `text`, as a reader counts characters; None: no limit.
        url_graphemes: what every address counts, whatever its length (Mastodon: 23); None: as long as it is.
        max_bytes: of `text` in UTF-8; None: no limit.
        max_media: pictures a post may carry.
        max_media_bytes: of one picture; None: no limit.
        max_alt: code points of an alternative text; None: no limit.
        can_update, can_delete: whether the channel can; what it cannot, `Rejected` says.
        has_engagement: whether `engagement` ever answers.
        settle_s: how long after a call a look-up that finds nothing proves nothing, because a request that was cut off
            may still be at work there; 0 where the same request twice can make no second post.
    """

    shows: Literal["body", "text"] = "body"
    max_graphemes: int | None = None
    url_graphemes: int | None = None
    max_bytes: int | None = None
    max_media: int = 100
    max_media_bytes: int | None = None
    max_alt: int | None = None
    can_update: bool = True
    can_delete: bool = True
    has_engagement: bool = False
    settle_s: float = 0.0


class Channel(Protocol):
    """Where posts go. Every adapter must pass tests/contracts/test_channel.py."""

    @property
    def limits(self) -> Limits:
        """What this channel can show; asks nobody."""
        ...

    def remote_key(self, key: str, at: int) -> str:
        """Return the platform's own key for a post first planned `at` (ns UTC): the same for the same arguments.

        It is stored before the channel is called. Empty where the platform has no key of the caller's choice.
        """
        ...

    def lookup(self, post: Post) -> Publication | None:
        """Return what the channel shows under the key of `post`; None if nothing, or nothing complete.

        A post of somebody else that happens to sit at the same address is not ours: `Rejected` on `publish`, None here.

        Raises:
            Unavailable: it cannot be asked now.
            Misconfigured: it will not answer us before the operator changes something (a login that was refused).
        """
        ...

    def publish(self, post: Post) -> Publication:
        """Show `post` under its key; what it showed under that key before is replaced, never joined by a second post.

        Doing the same again changes nothing and returns the same publication. A crash half-way leaves a channel on
        which `publish(post)` can be called again. Nobody but the outbox decides to try again: no retry of its own
        once a request that may have created something was sent.

        Raises:
            OutcomeUnknown: it may be out.
            Unavailable: it is not out, and may be tried again (`retry_after_s` where the channel said when).
            Rejected: the channel will not take this post.
            Misconfigured: the channel cannot take any post.
        """
        ...

    def delete(self, post: Post) -> None:
        """Take away what the channel shows under the key of `post`; nothing there is success.

        Raises:
            Unavailable: it may still be there.
            Rejected: the channel cannot take it away.
        """
        ...

    def engagement(self, post: Post) -> Engagement | None:
        """Return the counts so far; None if the channel has none, or the post is gone.

        Raises:
            Unavailable: it cannot be asked now.
        """
        ...


class Clearance(Protocol):
    """Whether a draft may go out as far as people are concerned: the review flow behind a function."""

    def why_not(self, draft: Draft) -> str:
        """Return why `draft` (in this version) may not go out; empty: it may."""
        ...


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer outside of this program said about one version of a draft.

    Attributes:
        scores: by the reviewer's own names, each 0..100; empty if it gives none.
        problem: what it could not do, e.g. parts it did not read; empty: everything was read.
        notes: what else a person should hear, one line each (costs, remarks that were dropped).
    """

    found: tuple[Found, ...] = ()
    scores: Mapping[str, float] = {}
    problem: str = ""
    notes: tuple[str, ...] = ()


class Reviewer(Protocol):
    """Somebody else's opinion on a draft, asked only when a person says so. One per `[reviewer.NAME]`.

    Every adapter must pass tests/contracts/test_reviewer.py.
    """

    name: str
    kind: str

    @property
    def asks_first(self) -> bool:
        """Whether text would leave this machine, and settings do not say that it may."""
        ...

    def announcement(self, draft: Draft) -> str:
        """Return what would be sent where and what it may cost, in one line; asks nobody."""
        ...

    def review(self, draft: Draft) -> Review:
        """Ask for an opinion on `draft`.

        Raises:
            Unavailable: it gave none now.
            Rejected: it takes no such draft (too short, too long, another language).
            Misconfigured: it will give none before the operator changes something.
        """
        ...
