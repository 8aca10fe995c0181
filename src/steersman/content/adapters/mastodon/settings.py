"""`[channel.NAME]` with `kind = "mastodon"`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from steersman.content.settings.channels import ChannelSettings
from steersman.kernel import references
from steersman.kernel.durations import bad_span, seconds
from steersman.services.credentials.addresses import bad_address

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,8})?")
_SPANS: Final = {"timeout": (1.0, 300.0), "media_wait": (1.0, 3600.0)}


class MastodonSettings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account on one server.

    Attributes:
        base_url: of the server; ends in a slash.
        token: where the access token is: `env:NAME` or `file:PATH`, never the token itself.
        visibility: who sees the posts; `unlisted` keeps them out of public timelines, `private` is for followers.
        language: of all posts, e.g. "en"; empty: what each post says.
        timeout: span for connecting, and again for the answer.
        media_wait: how long the server may take to prepare a picture before the post is tried again later.
    """

    kind: str = "mastodon"
    base_url: str
    token: str = "env:MASTODON_TOKEN"  # noqa: S105 - a reference, as everything that may stand here
    visibility: Literal["public", "unlisted", "private"] = "public"
    language: str = ""
    timeout: str = "30s"
    media_wait: str = "60s"

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)

    @property
    def media_wait_s(self) -> float:
        return seconds(self.media_wait)

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        yield from bad_address("base_url", self.base_url)
        if not self.base_url.endswith("/") or "?" in self.base_url or "/api/" in self.base_url:
            yield (
                "base_url",
                f"found {self.base_url!r}, allowed: the server's address with a slash at its end",
                'write e.g. base_url = "https://mastodon.example/"',
            )
        wrong = references.problem(self.token)
        if wrong:
            yield "token", wrong, references.FIX
        if self.language and not _LANGUAGE.fullmatch(self.language):
            yield "language", f"found {self.language!r}, allowed: a language code", 'write e.g. language = "en"'
        for field, (shortest, longest) in _SPANS.items():
            yield from bad_span(field, str(getattr(self, field)), shortest, longest)
