"""The channel: own statuses are read before anything is posted, for a status has no key of ours.

Mastodon remembers an Idempotency-Key for about an hour and not for longer, so it is the second line; the first is that
a status whose source is the post's text, made since the post was planned, is the post.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from steersman.content.adapters.doubts import already_out, nothing_out
from steersman.content.adapters.mastodon.api import Api, Status
from steersman.content.adapters.mastodon.instance import Instance, remember, remembered, told
from steersman.content.adapters.mastodon.settings import MastodonSettings
from steersman.content.adapters.mastodon.text import is_same, letters, letters_of_html, may_show
from steersman.content.adapters.media import content_of
from steersman.content.ports import Engagement, Limits, Post, Publication
from steersman.kernel.clock import to_ns
from steersman.kernel.errors import OutcomeUnknown, Rejected, Unavailable

_COUNTS: Final = {"favourites": "favourites_count", "reblogs": "reblogs_count", "replies": "replies_count"}
_BEFORE: Final = 3600 * 1_000_000_000
"""How far the server's clock may be behind ours without a status of ours being missed."""
_SINCE_CHANGE: Final = 60 * 1_000_000_000


class MastodonChannel:
    """Posts of one account on one server."""

    def __init__(self, *, settings: MastodonSettings, api: Api, memory: Path) -> None:
        """Set up; nothing is sent.

        Args:
            memory: file that keeps what the server allows.
        """
        self._settings = settings
        self._api = api
        self._memory = memory
        self._instance: Instance | None = None

    @property
    def limits(self) -> Limits:
        return (self._instance or remembered(self._memory)).limits()

    def remote_key(self, key: str, at: int) -> str:
        return hashlib.sha256(f"{key}\n{at}".encode()).hexdigest()[:32]

    def lookup(self, post: Post) -> Publication | None:
        found = self._find(post)
        return None if found is None else self._publication(post, found)

    def publish(self, post: Post) -> Publication:
        found = self._find(post)
        if found is not None:
            shown = self._publication(post, found)
            if shown.content_sha256 == post.content_sha256:
                return shown
        with nothing_out():
            self._ask_limits()
            self._check(post)
            fields = self._fields(post)
        if found is not None:
            return self._verified(post, self._api.change(str(found["id"]), fields))
        key = post.remote_key or self.remote_key(post.key, post.published_at)
        fields["visibility"] = self._settings.visibility
        # A key whose status was deleted stands for nothing for the rest of its hour; this revision has one of its own.
        made = self._api.create(fields, key) or self._api.create(fields, f"{key}-{post.updated_at}")
        if made is None:
            raise Unavailable("mastodon: the status was deleted as soon as it was made", fix="tried again by itself")
        with already_out():
            shown = self._publication(post, made)
            if shown.content_sha256 == post.content_sha256:
                return shown
            # An earlier request under this key went through after all, with the text of then.
            return self._verified(post, self._api.change(str(made["id"]), fields))

    def delete(self, post: Post) -> None:
        # A known post that is gone is gone: what else has its text may be another post.
        found = self._api.status(post.remote_id) if post.remote_id else self._find(post)
        if found is not None:
            with nothing_out():
                self._api.delete(str(found["id"]))

    def engagement(self, post: Post) -> Engagement | None:
        found = self._find(post)
        if found is None:
            return None
        return Engagement(counts={name: int(found.get(field) or 0) for name, field in _COUNTS.items()})

    def _find(self, post: Post) -> Status | None:
        """Return the status that is this post: by its id, or the first since its plan that had its text."""
        if post.remote_id:
            known = self._api.status(post.remote_id)
            if known is not None:
                return known
        if not post.text:
            # Only its key was kept. A status without words, a picture the author posted by hand, is not it.
            return None
        ours: Status | None = None
        for status in self._api.statuses():
            if _instant(status["created_at"]) < post.published_at - _BEFORE:
                break
            if self._is_of(post, status):
                ours = status
        return ours

    def _is_of(self, post: Post, status: Status) -> bool:
        if may_show(status["content"], post.text):
            source = self._api.source(str(status["id"]))
            if source is not None and is_same(source, post.text):
                return True
        if not status.get("edited_at"):
            return False
        # Somebody has edited it since: what it showed at first still says whose it is.
        return any(letters_of_html(old) == letters(post.text) for old in self._api.versions(str(status["id"])))

    def _ask_limits(self) -> None:
        if self._instance is None:
            self._instance = told(self._api.instance())
            remember(self._memory, self._instance)

    def _check(self, post: Post) -> None:
        limits = self.limits
        if len(post.media) > limits.max_media:
            raise Rejected(
                f"{len(post.media)} pictures, this server allows {limits.max_media}",
                fix="leave some out of the variant",
            )
        for media in post.media:
            if limits.max_alt is not None and len(media.alt) > limits.max_alt:
                raise Rejected(
                    f"{media.name}: its alternative text has {len(media.alt)} characters, this server allows "
                    f"{limits.max_alt}",
                    fix="shorten it",
                )
            if limits.max_media_bytes is not None and media.size_bytes > limits.max_media_bytes:
                raise Rejected(
                    f"{media.name}: {media.size_bytes:,} bytes, this server allows {limits.max_media_bytes:,}",
                    fix="make the picture smaller",
                )

    def _fields(self, post: Post) -> dict[str, object]:
        uploaded = [self._api.upload(media, content_of(media)) for media in post.media]
        return {"status": post.text, "language": self._settings.language or post.language, "media_ids": uploaded}

    def _verified(self, post: Post, status: Status) -> Publication:
        """Return what is shown after an edit.

        Raises:
            OutcomeUnknown: it is not (yet) what was sent.
        """
        with already_out():
            shown = self._publication(post, status)
        if shown.content_sha256 != post.content_sha256:
            raise OutcomeUnknown(
                "mastodon: the server shows another text than it was sent", fix=f"compare {shown.url} with the preview"
            )
        return shown

    def _publication(self, post: Post, status: Status) -> Publication:
        identifier = str(status["id"])
        source = self._api.source(identifier) if may_show(status["content"], post.text) else None
        alts = tuple(str(one.get("description") or "") for one in status.get("media_attachments", ()))
        is_exact = source is not None and is_same(source, post.text) and alts == tuple(m.alt for m in post.media)
        if post.media and is_exact:
            # Which file a picture was made of cannot be asked; whether it was put there since this revision can.
            is_exact = _instant(_changed(status)) >= post.updated_at - _SINCE_CHANGE
        return Publication(
            key=post.key,
            url=str(status.get("url") or status["uri"]),
            revision=_changed(status),
            content_sha256=post.content_sha256 if is_exact else "",
            remote_id=identifier,
        )


def _changed(status: Status) -> str:
    return str(status.get("edited_at") or status["created_at"])


def _instant(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))


def create(*, settings: MastodonSettings, root: Path, secret: Callable[[str], str]) -> MastodonChannel:
    """Return the channel; nothing is sent before the first post.

    Raises:
        Misconfigured: the token cannot be read.
    """
    host = urlsplit(settings.base_url).netloc.replace(":", "-")
    return MastodonChannel(
        settings=settings,
        api=Api(settings, secret(settings.token)),
        memory=root / ".steersman" / "mastodon" / f"{host}.json",
    )
