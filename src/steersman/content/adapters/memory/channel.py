"""Posts in a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from steersman.content.ports import Engagement, Limits, Post, Publication
from steersman.content.settings import ChannelSettings


class MemoryChannel:
    """What was published, by key; `calls` are all calls of `publish`, for tests that count them."""

    def __init__(self, base_url: str = "memory:///", limits: Limits | None = None) -> None:
        self._base_url = base_url
        self.limits = limits or Limits(has_engagement=True)
        self.posts: dict[str, Post] = {}
        self.revisions: dict[str, int] = {}
        self.counts: dict[str, dict[str, int]] = {}
        self.calls: list[Post] = []

    def remote_key(self, key: str, at: int) -> str:
        return key

    def lookup(self, post: Post) -> Publication | None:
        shown = self.posts.get(post.key)
        if shown is None:
            return None
        is_same = shown.content_sha256 == post.content_sha256
        return self._publication(post.key, post.slug, post.content_sha256 if is_same else "")

    def publish(self, post: Post) -> Publication:
        self.calls.append(post)
        before = self.posts.get(post.key)
        if before is None or before.content_sha256 != post.content_sha256:
            self.posts[post.key] = post
            self.revisions[post.key] = self.revisions.get(post.key, 0) + 1
        return self._publication(post.key, post.slug, post.content_sha256)

    def delete(self, post: Post) -> None:
        self.posts.pop(post.key, None)

    def engagement(self, post: Post) -> Engagement | None:
        if post.key not in self.posts:
            return None
        return Engagement(counts=self.counts.get(post.key, {"likes": 0}))

    def _publication(self, key: str, slug: str, sha256: str) -> Publication:
        return Publication(
            key=key,
            url=f"{self._base_url}{slug}",
            revision=str(self.revisions[key]),
            content_sha256=sha256,
            remote_id=key,
        )


def create(
    *,
    settings: ChannelSettings | None = None,
    root: Path | None = None,
    secret: Callable[[str], str] | None = None,
) -> MemoryChannel:
    """Return an empty channel; no argument matters."""
    return MemoryChannel()
