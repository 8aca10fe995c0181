"""The channel: one signed delivery per revision, under an idempotency key that a repetition carries again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from steersman.content.adapters.http import Answer, Http
from steersman.content.adapters.media import content_of
from steersman.content.adapters.webhook.settings import KEY, WebhookSettings
from steersman.content.ports import Engagement, Limits, Media, Post, Publication
from steersman.kernel.clock import Clock, SystemClock, iso
from steersman.kernel.errors import Misconfigured, OutcomeUnknown, Rejected

_VERSION: Final = 1
_MAX_MEDIA: Final = 8
_MAX_MEDIA_BYTES: Final = 5_000_000


class WebhookChannel:
    """Posts at one receiver."""

    def __init__(self, *, settings: WebhookSettings, secret: str, clock: Clock | None = None) -> None:
        self._secret = secret.encode()
        self._clock = clock or SystemClock()
        self._hook, self._path = self._at(settings.url, settings, secret)
        self._asked = self._at(settings.lookup_url, settings, secret) if settings.lookup_url else None

    @property
    def limits(self) -> Limits:
        return Limits(max_media=_MAX_MEDIA, max_media_bytes=_MAX_MEDIA_BYTES)

    def remote_key(self, key: str, at: int) -> str:
        return key

    def lookup(self, post: Post) -> Publication | None:
        if self._asked is None:
            return None
        http, path = self._asked
        answer = http.ask(path.replace(KEY, quote(post.key, safe="")), headers=self._signed(b""))
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise Misconfigured(f"{answer.what}: answered {answer.status}", fix="check lookup_url and the receiver")
        told = _told(answer)
        shown = str(told.get("content_sha256", ""))
        found = _publication(post, told, shown)
        return found if shown == post.content_sha256 else msgspec.structs.replace(found, content_sha256="")

    def publish(self, post: Post) -> Publication:
        shown = self.lookup(post)
        if shown is not None and shown.content_sha256 == post.content_sha256:
            return shown
        event = "post.updated" if shown is not None or post.remote_id else "post.published"
        told = self._deliver(event, post, after=shown.revision if shown is not None else "")
        return _publication(post, told, post.content_sha256)

    def delete(self, post: Post) -> None:
        if self._asked is not None and self.lookup(post) is None:
            return
        self._deliver("post.deleted", post, after=post.content_sha256)

    def engagement(self, post: Post) -> Engagement | None:
        return None

    def _deliver(self, event: str, post: Post, *, after: str) -> dict[str, Any]:
        """Send one delivery and return what the receiver said about the post.

        Args:
            after: what is shown before, so that going back to an earlier text is another delivery.
        """
        body = msgspec.json.encode({"version": _VERSION, "event": event, "post": _described(post, event)})
        # What is repeated after a crash is the stored post: the same words give the same key.
        parts = (event, post.key, post.content_sha256, str(post.updated_at), after)
        once = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        headers = {"Content-Type": "application/json", "Idempotency-Key": once, **self._signed(body)}
        answer = self._hook.change("POST", self._path, content=body, headers=headers)
        if answer.status >= 300:
            raise Rejected(
                f"{answer.what}: answered {answer.status}{self._hook.said(answer)}",
                fix="change the draft, or what the receiver takes",
            )
        try:
            return _told(answer)
        except Misconfigured as exc:
            raise OutcomeUnknown(exc.message, fix=exc.fix) from exc

    def _signed(self, body: bytes) -> dict[str, str]:
        stamp = str(self._clock.now_ns() // 1_000_000_000)
        signature = hmac.new(self._secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Webhook-Timestamp": stamp, "Webhook-Signature": f"sha256={signature}"}

    def _at(self, url: str, settings: WebhookSettings, secret: str) -> tuple[Http, str]:
        address = urlsplit(url)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        base = f"{address.scheme}://{address.netloc}"
        return Http(base, name="webhook", authorization="", secret=secret, timeout_s=settings.timeout_s), path


def _told(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    if not isinstance(told, dict):
        raise Misconfigured(f"{answer.what}: answered no JSON object", fix="let it answer {} at least")
    return told


def _publication(post: Post, told: dict[str, Any], content_sha256: str) -> Publication:
    return Publication(
        key=post.key,
        url=str(told.get("url") or f"urn:steersman:{post.key}"),
        revision=str(told.get("revision") or content_sha256[:12]),
        content_sha256=content_sha256,
        remote_id=str(told.get("id") or post.key),
    )


def _described(post: Post, event: str) -> dict[str, Any]:
    named = {"key": post.key, "slug": post.slug, "id": post.remote_id}
    if event == "post.deleted":
        return named
    return {
        **named,
        "type": post.type,
        "title": post.title,
        "summary": post.summary,
        "tags": post.tags,
        "language": post.language,
        "body": post.body,
        "link": post.link,
        "content_sha256": post.content_sha256,
        "published_at": iso(post.published_at),
        "updated_at": iso(post.updated_at),
        "media": [_picture(one) for one in post.media],
    }


def _picture(media: Media) -> dict[str, Any]:
    return {
        "name": media.name,
        "alt": media.alt,
        "type": media.mime,
        "sha256": media.sha256,
        "size_bytes": media.size_bytes,
        "base64": base64.b64encode(content_of(media)).decode(),
    }


def create(*, settings: WebhookSettings, root: Path, secret: Callable[[str], str]) -> WebhookChannel:
    """Return the channel; nothing is sent before the first post.

    Raises:
        Misconfigured: the secret cannot be read.
    """
    return WebhookChannel(settings=settings, secret=secret(settings.secret))
