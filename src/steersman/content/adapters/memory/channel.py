"""Posts in a dictionary."""

from __future__ import annotations

from pathlib import Path

from steersman.content.ports import Post, Publication
from steersman.content.settings import ChannelSettings


class MemoryChannel:
    """What was published, by key; `calls` are all calls of `publish`, for tests that count them."""

    def __init__(self, base_url: str = "memory:///") -> None:
        self._base_url = base_url
        self.posts: dict[str, Post] = {}
        self.revisions: dict[str, int] = {}
        self.calls: list[Post] = []

    def lookup(self, key: str) -> Publication | None:
        post = self.posts.get(key)
        return None if post is None else self._publication(post)

    def publish(self, post: Post) -> Publication:
        self.calls.append(post)
        before = self.posts.get(post.key)
        if before is None or before.content_sha256 != post.content_sha256:
            self.posts[post.key] = post
            self.revisions[post.key] = self.revisions.get(post.key, 0) + 1
        return self._publication(post)

    def _publication(self, post: Post) -> Publication:
        return Publication(
            key=post.key,
            url=f"{self._base_url}{post.slug}",
            revision=str(self.revisions[post.key]),
            content_sha256=post.content_sha256,
        )


def create(*, settings: ChannelSettings | None = None, root: Path | None = None) -> MemoryChannel:
    """Return an empty channel; neither argument matters."""
    return MemoryChannel()
