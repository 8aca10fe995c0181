"""The channel: one record under one key, written only over what was read just before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.content.adapters.bluesky import record as records
from steersman.content.adapters.bluesky.pictures import picture
from steersman.content.adapters.bluesky.record import COLLECTION, MAX_IMAGES, Record
from steersman.content.adapters.bluesky.session import NAME, Account, Session, error_of
from steersman.content.adapters.bluesky.settings import BlueskySettings
from steersman.content.adapters.bluesky.tid import record_key
from steersman.content.adapters.doubts import nothing_out
from steersman.content.adapters.http import Answer, Http
from steersman.content.adapters.media import content_of
from steersman.content.ports import Engagement, Limits, Media, Post, Publication
from steersman.kernel.errors import Misconfigured, Rejected, Unavailable

_MAX_GRAPHEMES: Final = 300
_MAX_BYTES: Final = 3000
_MAX_ALT: Final = 2000
"""What Bluesky's own app takes; the lexicon sets no limit."""
_QUOTED: Final = re.compile(rb' \(got \\".*?\\"\)')
"""Where the reference server repeats what it did not like: words of a draft have no place in a recorded error."""
_COUNTS: Final = {
    "likeCount": "likes",
    "repostCount": "reposts",
    "replyCount": "replies",
    "quoteCount": "quotes",
    "bookmarkCount": "bookmarks",
}


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What lies under a key."""

    cid: str
    value: Record


class BlueskyChannel:
    """Posts of one account; every record is written with `putRecord` under a key that follows from the post."""

    def __init__(self, *, settings: BlueskySettings, password: str) -> None:
        self._settings = settings
        self._session = Session(
            settings.service, identifier=settings.identifier, password=password, timeout_s=settings.timeout_s
        )
        self._appview = Http(
            settings.appview.rstrip("/"), name=NAME, authorization="", secret=password, timeout_s=settings.timeout_s
        )

    @property
    def limits(self) -> Limits:
        return Limits(
            shows="text",
            max_graphemes=_MAX_GRAPHEMES,
            max_bytes=_MAX_BYTES,
            max_media=MAX_IMAGES,
            max_media_bytes=self._settings.max_image_bytes,
            max_alt=_MAX_ALT,
            can_update=self._settings.edits == "write",
            has_engagement=bool(self._settings.appview),
        )

    def remote_key(self, key: str, at: int) -> str:
        return record_key(key, at)

    def lookup(self, post: Post) -> Publication | None:
        account = self._session.account
        if not _is_of(post, account):
            return None
        shown = self._read(post, account)
        if shown is None or not records.is_ours(shown.value, post):
            return None
        return self._publication(post, account, shown)

    def publish(self, post: Post) -> Publication:
        account = self._session.account
        if not _is_of(post, account):
            raise Rejected(
                f"bluesky: {post.key} is out as {post.remote_id}, and the login is {account.did}",
                fix="log in as the account that published it, or delete it there and give the draft another slug",
            )
        before = self._read(post, account)
        if before is not None:
            self._check_ours(before, post)
            if self._is_shown(before, post):
                return self._publication(post, account, before)
            if self._settings.edits == "refuse":
                raise Rejected(
                    f"bluesky: {post.key} is out with other words, and edits are refused",
                    fix='delete it there and publish it again, or write edits = "write"',
                )
        written = self._write(post, account, self._record(post), before)
        if written is not None:
            return self._publication(post, account, written)
        # Somebody wrote between our two requests: perhaps ourselves, a moment before we were killed.
        now = self._read(post, account)
        if now is not None and self._is_shown(now, post):
            return self._publication(post, account, now)
        raise Rejected(
            f"bluesky: {post.key} was changed there by somebody else at the same moment",
            fix="see what it shows now, then publish again to replace it",
        )

    def delete(self, post: Post) -> None:
        account = self._session.account
        if not _is_of(post, account):
            raise Rejected(
                f"bluesky: {post.key} is out as {post.remote_id}, and the login is {account.did}",
                fix="log in as the account that published it, or delete it there",
            )
        shown = self._read(post, account)
        if shown is None:
            return
        self._check_ours(shown, post)
        where = {"repo": account.did, "collection": COLLECTION, "rkey": _key(post), "swapRecord": shown.cid}
        answer = self._session.change("com.atproto.repo.deleteRecord", json=where)
        if error_of(answer) == "InvalidSwap":
            raise Unavailable(f"bluesky: {post.key} changed while it was to be deleted", fix="tried again by itself")
        if answer.status != 200:
            raise self._appview.rejected(answer, fix="delete it in the app")

    def engagement(self, post: Post) -> Engagement | None:
        if not self._settings.appview:
            return None
        uri = post.remote_id or _uri(post, self._session.account)
        answer = self._appview.ask("/xrpc/app.bsky.feed.getPosts", {"uris": uri})
        if answer.status != 200:
            raise self._appview.unavailable(answer)
        for one in _list(answer.json(), "posts"):
            if one.get("uri") == uri:
                return Engagement(counts={name: one[field] for field, name in _COUNTS.items() if _is_count(one, field)})
        return None

    # -- the account's records -----------------------------------------------------------------------------------

    def _read(self, post: Post, account: Account) -> _Shown | None:
        where = {"repo": account.did, "collection": COLLECTION, "rkey": _key(post)}
        answer = self._session.ask("com.atproto.repo.getRecord", where)
        if answer.status != 200:
            if _is_nothing(answer):
                return None
            raise self._appview.unavailable(answer)
        told = answer.json()
        if not isinstance(told, dict) or not isinstance(told.get("value"), dict) or not told.get("cid"):
            raise Unavailable(f"{answer.what}: answered without a record", fix="check `service` in steersman.toml")
        return _Shown(cid=str(told["cid"]), value=told["value"])

    def _record(self, post: Post) -> Record:
        """Return the record of `post`, its pictures uploaded. An upload shows nothing: only a record does."""
        if len(post.media) > MAX_IMAGES:
            raise Rejected(
                f"bluesky: {len(post.media)} pictures, allowed: {MAX_IMAGES}", fix="take some out of this variant"
            )
        # Everything that can be wrong with the text is found before a picture travels.
        made = records.record(post, self._settings.languages, records.card(post))
        if not post.media:
            return made
        data = [content_of(one) for one in post.media]
        blobs = [self._upload(one, content) for one, content in zip(post.media, data, strict=True)]
        return {**made, "embed": records.images(post.media, blobs, data)}

    def _upload(self, media: Media, data: bytes) -> Record:
        if len(data) > self._settings.max_image_bytes:
            raise Rejected(
                f"bluesky: {media.name} has {len(data):,} bytes, allowed: {self._settings.max_image_bytes:,}",
                fix="make the picture smaller",
            )
        seen = picture(data)
        # The same bytes have the same address: uploading them again makes no second one, and nothing is shown yet.
        with nothing_out():
            answer = self._session.change(
                "com.atproto.repo.uploadBlob", content=data, mime=seen.mime if seen else media.mime
            )
        if answer.status != 200:
            raise self._appview.rejected(answer, fix=f"change {media.name}")
        blob = answer.json().get("blob") if isinstance(answer.json(), dict) else None
        if not isinstance(blob, dict) or blob.get("ref") != {"$link": records.blob_cid(media.sha256)}:
            raise Unavailable(
                f"{answer.what}: the server kept other bytes of {media.name} than were sent",
                fix="tried again by itself; if it stays, the server changes pictures, and this channel cannot use it",
            )
        return blob

    def _write(self, post: Post, account: Account, made: Record, before: _Shown | None) -> _Shown | None:
        """Write over `before` and nothing else; None if something else was there."""
        said: dict[str, Any] = {
            "repo": account.did,
            "collection": COLLECTION,
            "rkey": _key(post),
            "record": made,
            "swapRecord": None if before is None else before.cid,
        }
        answer = self._session.change("com.atproto.repo.putRecord", json=said)
        if error_of(answer) == "InvalidSwap":
            return None
        if answer.status != 200:
            raise self._refused(answer)
        cid = answer.json().get("cid") if isinstance(answer.json(), dict) else None
        if not isinstance(cid, str) or not cid:
            raise self._appview.unknown(answer.what, "answered without the record's address")
        return _Shown(cid=cid, value=made)

    def _refused(self, answer: Answer) -> Rejected | Unavailable:
        """Return the error for a record that was not taken; without the protocol's words a proxy may have spoken."""
        if not error_of(answer):
            return self._appview.unavailable(answer)
        return self._appview.rejected(msgspec.structs.replace(answer, body=_QUOTED.sub(b"", answer.body)))

    def _check_ours(self, shown: _Shown, post: Post) -> None:
        if not records.is_ours(shown.value, post):
            raise Rejected(
                f"bluesky: another post lies under the key of {post.key}", fix="give the draft another slug or date"
            )

    def _is_shown(self, shown: _Shown, post: Post) -> bool:
        return records.shows(shown.value, post, self._settings.languages)

    def _publication(self, post: Post, account: Account, shown: _Shown) -> Publication:
        return Publication(
            key=post.key,
            url=self._settings.post_url.format(handle=account.handle, did=account.did, rkey=_key(post)),
            revision=shown.cid,
            content_sha256=post.content_sha256 if self._is_shown(shown, post) else "",
            remote_id=_uri(post, account),
        )


def _key(post: Post) -> str:
    return post.remote_key or record_key(post.key, post.published_at)


def _is_nothing(answer: Answer) -> bool:
    """Say whether a look found no record; servers from before the error had a name say so in words only."""
    error = error_of(answer)
    return error == "RecordNotFound" or (error == "InvalidRequest" and b"Could not locate record" in answer.body)


def _uri(post: Post, account: Account) -> str:
    return f"at://{account.did}/{COLLECTION}/{_key(post)}"


def _is_of(post: Post, account: Account) -> bool:
    """Say whether `post` is `account`'s: one that is out elsewhere must not come out here as well."""
    return post.remote_id in ("", _uri(post, account))


def _list(told: object, name: str) -> list[dict[str, Any]]:
    found = told.get(name) if isinstance(told, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_count(one: dict[str, Any], field: str) -> bool:
    return isinstance(one.get(field), int) and one[field] >= 0


def create(*, settings: BlueskySettings, root: Path, secret: Callable[[str], str]) -> BlueskyChannel:
    """Return the channel; nobody is asked before the first post.

    Raises:
        Misconfigured: the password cannot be read, or is none.
    """
    password = secret(settings.password)
    if not password.isprintable():
        raise Misconfigured("the password has line ends or other characters that none has", fix="write it alone there")
    return BlueskyChannel(settings=settings, password=password)
